//! Who is told when: quiet hours, digests, limits, escalation, acknowledging, addresses that confirm themselves.

use std::time::Duration;

use dyepack::domain::alert::links::Purpose;
use dyepack::domain::alert::pages::Page;
use dyepack::domain::case::State;
use dyepack::domain::severity::Severity;
use dyepack::domain::source::{Hours, Window, Zone};
use dyepack::domain::watchlist::{Alerts, Language, Watchlist};
use dyepack::ports::clock::Clock;
use dyepack::ports::mail::{Mailer, Outcome, SendError, Stage};
use dyepack::ports::store::Answered;
use dyepack::ports::store::model::{AlertState, CaseFilter};
use dyepack::services::alerting::{Step, ask_next};
use dyepack::services::answering::{Deed, confirm_by_code, follow};
use dyepack::services::triage;
use jiff::Timestamp;
use jiff::civil::time;

use super::outbox::{CARD, FORUM, Leak, PHONE, World, decoded, header, watchlist};

const SOC: &str = "soc@example-bank.example";
const DPO: &str = "dpo@example-bank.example";
const BASE: &str = "https://dyepack.bank.example/console/";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Shanghai: quiet from 22:00 to 07:00; up to medium gathered at 08:30.
fn shanghai() -> Alerts {
    Alerts {
        quiet: Hours {
            zone: Zone::try_from("Asia/Shanghai".to_owned()).unwrap(),
            windows: vec![Window::try_from("22:00-07:00".to_owned()).unwrap()],
        },
        digest: Some(Severity::Medium),
        digest_at: time(8, 30, 0, 0),
        ..Alerts::default()
    }
}

/// A world whose bank is told as said, with links, at a time; the contact of the privacy officer has `after`.
async fn told(alerts: Alerts, after: Option<Duration>, now: &str, outcomes: Vec<Outcome>) -> World {
    let mut watchlist: Watchlist = watchlist();
    watchlist.organization.alerts = alerts;
    watchlist.organization.contacts.iter_mut().filter(|one| one.address == DPO).for_each(|one| one.after = after);
    let mut world = World::enrolled(Mailer::memory(outcomes), Clock::fixed(at(now)), watchlist).await;
    world.ports.links = Some(BASE.parse().unwrap());
    world
}

/// A case of its own on another site; without an offer a single record is medium at most.
async fn small_leak(world: &World, start: &str, entry: (&str, &str, &str)) {
    world.leak(&Leak { start, entries: &[entry], offer: None }).await;
}

fn recipients(world: &World) -> Vec<String> {
    world.ports.mailer.remembered().into_iter().map(|(to, _)| to).collect()
}

/// The address that a mail shows for a purpose.
fn link(mail: &str, purpose: Purpose) -> String {
    let text = decoded(mail);
    let prefix = format!("{BASE}{}/", purpose.as_str());
    text.lines()
        .find_map(|line| line.trim().strip_prefix(&prefix).map(str::to_owned))
        .unwrap_or_else(|| panic!("{text}"))
}

async fn states(world: &World) -> Vec<State> {
    let cases = world.ports.store.cases(&CaseFilter::default()).await.unwrap();
    cases.iter().map(|case| case.state).collect()
}

fn refused_for_good() -> SendError {
    let (place, text) = ("127.0.0.1:25".to_owned(), "no such user".to_owned());
    SendError::Answer { place, stage: Stage::Recipient, code: 550, text }
}

#[tokio::test]
async fn the_next_contact_is_told_when_nobody_acknowledges_in_time() {
    let world = told(Alerts::default(), Some(Duration::from_hours(4)), "2026-11-20T14:00:00Z", Vec::new()).await;
    world.confirm(SOC).await;
    world.confirm(DPO).await;
    world.leak(&FORUM).await;
    assert_eq!((world.step().await, world.step().await), (Step::Sent, Step::Idle));
    assert_eq!(world.ports.store.pending_alerts(world.ports.clock.now()).await.unwrap(), 0, "a run may end meanwhile");
    world.pass(4 * 3600 - 1);
    assert_eq!(world.step().await, Step::Idle);
    world.pass(1);
    assert_eq!((world.step().await, world.step().await), (Step::Sent, Step::Idle));
    assert_eq!(recipients(&world), [SOC, DPO]);
    let second = decoded(&world.mails()[1]);
    assert!(second.contains("Nobody has acknowledged this case since 2026-11-20 14:00 UTC"), "{second}");
    assert!(!decoded(&world.mails()[0]).contains("Nobody has"));
    // Now both are in the loop: news goes to both at once.
    world.leak(&Leak { start: "https://market.example/", ..FORUM }).await;
    assert_eq!((world.step().await, world.step().await, world.step().await), (Step::Sent, Step::Sent, Step::Idle));
}

#[tokio::test]
async fn an_acknowledged_case_is_not_escalated_and_opening_the_link_acknowledges_nothing() {
    let world = told(Alerts::default(), Some(Duration::from_hours(4)), "2026-11-20T14:00:00Z", Vec::new()).await;
    world.confirm(SOC).await;
    world.confirm(DPO).await;
    world.leak(&FORUM).await;
    assert_eq!((world.step().await, world.step().await), (Step::Sent, Step::Idle));
    let token = link(&world.mails()[0], Purpose::Acknowledge);
    let (store, now) = (&world.ports.store, world.ports.clock.now());
    let case = store.cases(&CaseFilter::default()).await.unwrap()[0].id.clone();
    // A mail scanner opens the link, again and again.
    for _ in 0..3 {
        let page = follow(store, (Purpose::Acknowledge, &token), Deed::Open, now).await.unwrap();
        assert_eq!(page, (Page::AskSeen { cases: vec![case.clone()] }, Language::En));
    }
    assert_eq!(states(&world).await, [State::New]);
    let page = follow(store, (Purpose::Acknowledge, &token), Deed::Press, now).await.unwrap().0;
    assert_eq!(page, Page::Seen { cases: vec![case.clone()] });
    for deed in [Deed::Press, Deed::Open, Deed::Press] {
        let page = follow(store, (Purpose::Acknowledge, &token), deed, now).await.unwrap().0;
        assert!(matches!(page, Page::WasSeen { .. }), "{page:?}");
    }
    let detail = store.case(&case).await.unwrap().unwrap();
    let moves: Vec<(&str, &str)> = detail.moves.iter().map(|step| (step.to.as_str(), step.who.as_str())).collect();
    assert_eq!(moves, [("new", "dyepack"), ("acknowledged", SOC)]);
    world.pass(5 * 3600);
    assert_eq!((world.step().await, world.step().await), (Step::Held, Step::Idle));
    assert_eq!(recipients(&world), [SOC]);
    let dropped = world.alerts().await.into_iter().find(|alert| alert.escalates).unwrap();
    assert_eq!((dropped.state, dropped.last_error.as_deref()), (AlertState::Dropped, Some("acknowledged in time")));
    // The link runs out; another's token is none of this purpose.
    let late = world.ports.clock.now() + jiff::SignedDuration::from_hours(24 * 40);
    assert_eq!(follow(store, (Purpose::Acknowledge, &token), Deed::Press, late).await.unwrap().0, Page::Expired);
    assert_eq!(follow(store, (Purpose::Confirm, &token), Deed::Press, now).await.unwrap().0, Page::Unknown);
}

#[tokio::test]
async fn whoever_comes_next_is_told_at_once_when_the_first_cannot_be_reached() {
    let outcomes = vec![Outcome::Fail(refused_for_good())];
    let world = told(Alerts::default(), Some(Duration::from_hours(4)), "2026-11-20T14:00:00Z", outcomes).await;
    world.confirm(SOC).await;
    world.confirm(DPO).await;
    world.leak(&FORUM).await;
    assert_eq!(world.step().await, Step::Dead);
    assert_eq!((world.step().await, world.step().await), (Step::Sent, Step::Idle));
    assert_eq!(recipients(&world), [DPO]);
    let dead = world.alerts().await.into_iter().find(|alert| alert.state == AlertState::Dead).unwrap();
    assert_eq!(dead.failure.as_deref(), Some("answer-5xx"));
}

#[tokio::test]
async fn a_contact_for_later_is_told_at_once_while_it_is_the_only_one() {
    let world = told(Alerts::default(), Some(Duration::from_hours(4)), "2026-11-20T14:00:00Z", Vec::new()).await;
    world.confirm(DPO).await;
    world.leak(&FORUM).await;
    assert_eq!((world.step().await, world.step().await), (Step::Sent, Step::Idle));
    assert_eq!(recipients(&world), [DPO]);
}

#[tokio::test]
async fn quiet_hours_hold_what_is_not_critical_and_news_that_makes_it_critical_wakes() {
    // 23:00 in Shanghai.
    let world = told(Alerts { digest: None, ..shanghai() }, None, "2026-11-20T15:00:00Z", Vec::new()).await;
    world.confirm(SOC).await;
    small_leak(&world, "https://forum.example/", CARD).await;
    assert_eq!((world.step().await, world.step().await), (Step::Held, Step::Idle));
    let held = world.alerts().await[0].clone();
    assert_eq!((held.state, held.held_until), (AlertState::Queued, Some(at("2026-11-20T23:00:00Z"))));
    // A later run that ends when all is delivered neither sends it nor waits for it.
    assert_eq!(world.deliver(Duration::from_secs(5)).await.sent, 0);
    world.pass(3600);
    let offer = Leak { start: "https://market.example/", entries: &[CARD, PHONE], offer: Some(500.0) };
    world.leak(&offer).await;
    let severity = world.ports.store.cases(&CaseFilter::default()).await.unwrap()[0].severity.clone().unwrap().severity;
    let expected = if severity >= Severity::Critical { Step::Sent } else { Step::Held };
    assert_eq!(world.step().await, expected, "{severity:?}");
    world.ports.clock.advance_to(at("2026-11-20T23:00:00Z"));
    let after = if expected == Step::Sent { Step::Idle } else { Step::Sent };
    assert_eq!((world.step().await, world.step().await), (after, Step::Idle));
    assert_eq!(world.mails().len(), 1);
}

#[tokio::test]
async fn what_is_not_grave_comes_as_one_mail_a_day() {
    // Noon in Shanghai.
    let world = told(shanghai(), None, "2026-11-20T04:00:00Z", Vec::new()).await;
    world.confirm(SOC).await;
    small_leak(&world, "https://forum.example/", CARD).await;
    small_leak(&world, "https://market.example/", PHONE).await;
    assert_eq!((world.step().await, world.step().await, world.step().await), (Step::Held, Step::Held, Step::Idle));
    world.ports.clock.advance_to(at("2026-11-21T00:29:59Z"));
    assert_eq!(world.step().await, Step::Idle);
    world.ports.clock.advance_to(at("2026-11-21T00:30:00Z"));
    assert_eq!((world.step().await, world.step().await), (Step::Sent, Step::Idle));
    let (mails, alerts) = (world.mails(), world.alerts().await);
    assert_eq!(mails.len(), 1);
    assert!(header(&mails[0], "Subject").contains("2 cases"), "{}", mails[0]);
    let text = decoded(&mails[0]);
    assert!(alerts.iter().all(|alert| text.contains(&alert.case) && alert.state == AlertState::Sent), "{text}");
    assert!(alerts.iter().all(|alert| alert.message_id == header(&mails[0], "Message-ID")));
    // One link acknowledges both.
    let token = link(&mails[0], Purpose::Acknowledge);
    let now = world.ports.clock.now();
    follow(&world.ports.store, (Purpose::Acknowledge, &token), Deed::Press, now).await.unwrap();
    assert_eq!(states(&world).await, [State::Acknowledged, State::Acknowledged]);
    // News of one of them joins the thread of the mail that told of it.
    let grave = Leak { start: "https://third.example/", entries: &[CARD], offer: Some(100.0) };
    world.leak(&grave).await;
    while world.step().await != Step::Idle {}
    world.pass(24 * 3600);
    while world.step().await != Step::Idle {}
    let last = world.mails().pop().unwrap();
    assert_eq!(header(&last, "References"), header(&mails[0], "Message-ID"), "{last}");
}

#[tokio::test]
async fn a_digest_of_one_is_an_ordinary_mail() {
    let world = told(shanghai(), None, "2026-11-20T04:00:00Z", Vec::new()).await;
    world.confirm(SOC).await;
    small_leak(&world, "https://forum.example/", CARD).await;
    assert_eq!(world.step().await, Step::Held);
    world.ports.clock.advance_to(at("2026-11-21T00:30:00Z"));
    assert_eq!(world.step().await, Step::Sent);
    assert!(decoded(&world.mails()[0]).contains("CAN-1"));
    assert!(decoded(&world.mails()[0]).contains("+08:00"));
}

#[tokio::test]
async fn more_mails_than_an_hour_may_bring_are_gathered() {
    let world = told(Alerts { most_per_hour: 1, ..Alerts::default() }, None, "2026-11-20T14:00:00Z", Vec::new()).await;
    world.confirm(SOC).await;
    small_leak(&world, "https://one.example/", CARD).await;
    assert_eq!(world.step().await, Step::Sent);
    world.pass(60);
    small_leak(&world, "https://two.example/", PHONE).await;
    small_leak(&world, "https://three.example/", CARD).await;
    assert_eq!((world.step().await, world.step().await, world.step().await), (Step::Held, Step::Held, Step::Idle));
    world.pass(3600);
    assert_eq!((world.step().await, world.step().await), (Step::Sent, Step::Idle));
    assert_eq!(world.mails().len(), 2);
    assert!(header(&world.mails()[1], "Subject").contains("2 cases"), "{}", world.mails()[1]);
}

#[tokio::test]
async fn an_alert_of_several_cases_that_fails_is_repeated_and_given_up_as_one() {
    let lost = SendError::Lost { place: "h:25".to_owned(), stage: Stage::Message, reason: "gone".to_owned() };
    let outcomes = vec![Outcome::TakeAndFail(lost), Outcome::Fail(refused_for_good())];
    let world = told(shanghai(), None, "2026-11-20T04:00:00Z", outcomes).await;
    world.confirm(SOC).await;
    small_leak(&world, "https://forum.example/", CARD).await;
    small_leak(&world, "https://market.example/", PHONE).await;
    assert_eq!((world.step().await, world.step().await), (Step::Held, Step::Held));
    world.ports.clock.advance_to(at("2026-11-21T00:30:00Z"));
    assert_eq!((world.step().await, world.step().await), (Step::Postponed, Step::Idle));
    assert!(world.alerts().await.iter().any(|alert| alert.failure.as_deref() == Some("dropped")));
    world.pass(60);
    assert_eq!((world.step().await, world.step().await), (Step::Dead, Step::Idle));
    assert!(world.alerts().await.iter().all(|alert| alert.state == AlertState::Dead));
}

#[tokio::test]
async fn an_address_confirms_itself_by_its_link_once() {
    let world = told(Alerts::default(), None, "2026-11-20T14:00:00Z", Vec::new()).await;
    let (store, id) = (&world.ports.store, &world.watchlist.organization.id);
    world.leak(&FORUM).await;
    assert_eq!(world.step().await, Step::Idle, "nobody has confirmed");
    store.ask_contact(id, SOC, world.ports.clock.now()).await.unwrap();
    assert!(ask_next(&world.ports).await.unwrap());
    assert!(!ask_next(&world.ports).await.unwrap());
    let token = link(&world.mails()[0], Purpose::Confirm);
    let now = world.ports.clock.now();
    let name = "Example Bank".to_owned();
    let (page, _) = follow(store, (Purpose::Confirm, &token), Deed::Open, now).await.unwrap();
    assert_eq!(page, Page::AskConfirm { organization_name: name.clone() });
    assert!(store.confirmed_contacts(id).await.unwrap().is_empty(), "opening confirms nothing");
    let (page, _) = follow(store, (Purpose::Confirm, &token), Deed::Press, now).await.unwrap();
    assert_eq!(page, Page::Confirmed { organization_name: name });
    let (page, _) = follow(store, (Purpose::Confirm, &token), Deed::Press, now).await.unwrap();
    assert_eq!(page, Page::Unknown, "once only");
    assert_eq!(store.contacts().await.unwrap()[1].confirmed_by.as_deref(), Some("link"));
    assert_eq!((world.step().await, recipients(&world).len()), (Step::Sent, 2), "what waited goes out");
}

#[tokio::test]
async fn a_code_confirms_within_few_tries_and_in_time() {
    let world = told(Alerts::default(), None, "2026-11-20T14:00:00Z", Vec::new()).await;
    let (store, id) = (&world.ports.store, &world.watchlist.organization.id);
    let code_of = |mail: &str| {
        let is_code = |word: &&str| word.len() == 9 && word.chars().nth(4) == Some('-');
        decoded(mail).split_whitespace().find(is_code).unwrap().to_owned()
    };
    let now = world.ports.clock.now();
    store.ask_contact(id, SOC, now).await.unwrap();
    store.ask_contact(id, DPO, now).await.unwrap();
    while ask_next(&world.ports).await.unwrap() {}
    let mails = world.ports.mailer.remembered();
    let code = |to: &str| {
        let (_, bytes) = mails.iter().find(|(recipient, _)| recipient == to).unwrap();
        code_of(&String::from_utf8(bytes.clone()).unwrap())
    };
    // Another's code, and wrong ones, until there are too many.
    for left in (0..5).rev() {
        let answered = confirm_by_code(store, (id, SOC), &code(DPO), now).await.unwrap();
        assert_eq!(answered, Answered::Wrong { left });
    }
    assert_eq!(confirm_by_code(store, (id, SOC), &code(SOC), now).await.unwrap(), Answered::Expired);
    // In time it is right, later not, and a newer question makes the older void.
    let late = now + jiff::SignedDuration::from_hours(73);
    assert_eq!(confirm_by_code(store, (id, DPO), &code(DPO), late).await.unwrap(), Answered::Expired);
    store.ask_contact(id, DPO, now).await.unwrap();
    assert!(matches!(confirm_by_code(store, (id, DPO), &code(DPO), now).await.unwrap(), Answered::Wrong { left: 4 }));
    while ask_next(&world.ports).await.unwrap() {}
    let newest = code_of(&world.mails().pop().unwrap()).to_lowercase();
    assert!(matches!(confirm_by_code(store, (id, DPO), &newest, now).await.unwrap(), Answered::Confirmed(_)));
    assert_eq!(confirm_by_code(store, (id, DPO), &newest, now).await.unwrap(), Answered::Unknown);
}

#[tokio::test]
async fn a_question_that_cannot_be_sent_is_tried_again_and_shown() {
    let refused = SendError::Refused { place: "127.0.0.1:25".to_owned() };
    let world = told(Alerts::default(), None, "2026-11-20T14:00:00Z", vec![Outcome::Fail(refused)]).await;
    let (store, id) = (&world.ports.store, &world.watchlist.organization.id);
    store.ask_contact(id, SOC, world.ports.clock.now()).await.unwrap();
    assert!(ask_next(&world.ports).await.unwrap());
    let question = store.contacts().await.unwrap()[1].question.clone().unwrap();
    assert!(question.last_error.unwrap().contains("connection refused") && question.sent_at.is_none());
    world.pass(60);
    assert!(ask_next(&world.ports).await.unwrap());
    assert_eq!(recipients(&world), [SOC]);
}

#[tokio::test]
async fn an_analyst_splits_a_case_and_what_is_found_later_keeps_it_split() {
    let world = told(Alerts::default(), None, "2026-11-20T14:00:00Z", Vec::new()).await;
    world.confirm(SOC).await;
    world.leak(&FORUM).await;
    assert_eq!(world.step().await, Step::Sent);
    let (store, now) = (&world.ports.store, world.ports.clock.now());
    let old = store.cases(&CaseFilter::default()).await.unwrap()[0].id.clone();
    let entries = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let who = ("ana", "quoted from an older dump");
    for wrong in [&["CAN-9"][..], &["CAN-1", "CAN-2"], &[]] {
        assert!(triage::split_case(store, (&old, &entries(wrong)), who, now).await.is_err(), "{wrong:?}");
    }
    let split = triage::split_case(store, (&old, &entries(&["CAN-2"])), who, now).await.unwrap();
    assert_eq!(split.leaked.iter().map(|entry| entry.entry.as_str()).collect::<Vec<_>>(), ["CAN-2"]);
    assert_eq!((split.row.hits, split.sightings.len(), split.row.offer), (1, 1, true));
    assert_eq!(world.step().await, Step::Idle, "it was told");
    let kept = store.case(&old).await.unwrap().unwrap();
    assert_eq!((kept.row.entries, kept.row.hits, kept.sightings.len(), kept.row.offer), (1, 1, 1, true));
    // Both entries in one thread again, on another site: that would tie the cases.
    world.leak(&Leak { start: "https://mirror.example/", ..FORUM }).await;
    let cases = store.cases(&CaseFilter::default()).await.unwrap();
    assert_eq!(cases.iter().map(|case| (case.entries, case.hits)).collect::<Vec<_>>(), [(1, 2), (1, 2)]);
    let merged = triage::merge_cases(store, (&split.row.id, &old), ("ana", "one leak after all"), now).await.unwrap();
    assert_eq!((merged.row.id.as_str(), merged.row.entries, merged.row.hits), (old.as_str(), 2, 4));
    assert!(triage::merge_cases(store, (&split.row.id, &old), ("ana", "again"), now).await.is_err());
    world.leak(&Leak { start: "https://fourth.example/", ..FORUM }).await;
    assert_eq!(store.cases(&CaseFilter::default()).await.unwrap().len(), 1);
    let verdict = store.verify_audit().await.unwrap();
    assert!(matches!(verdict, dyepack::ports::store::AuditVerdict::Whole { .. }), "{verdict:?}");
}
