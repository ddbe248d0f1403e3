//! What the store promises about health: networks that are down, history by the hour, alarms, drills.

use dyepack::domain::health::{Alarm, AlarmKind, DrillRun};
use dyepack::domain::source::Network;
use dyepack::ports::store::{OperatorWay, Recipients};
use jiff::SignedDuration;

use super::*;

pub(super) async fn a_network_that_is_down_gives_nothing_to_claim(Subject { store, .. }: Subject) {
    for host in ["http://abcdefgh.onion/", "http://forum.i2p:8080/", "https://forum.example/"] {
        store.add_source(&Source::from_url(host).unwrap(), at(0)).await.unwrap();
    }
    let claimed = async |without: &[Network]| {
        let claims = store.claim(&ClaimRequest { without: without.to_vec(), ..request("w", 9) }, at(1)).await.unwrap();
        store.release(&claims).await.unwrap();
        // The pace counts from a claim, not from a visit.
        let next = store.next_due(None, without).await.unwrap();
        (claims.into_iter().map(|claim| claim.source.0).collect::<BTreeSet<_>>(), next)
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(claimed(&Network::ALL).await, (names(&[]), None));
    assert_eq!(claimed(&[Network::Tor, Network::Open]).await.0, names(&["forum.i2p:8080"]));
    assert_eq!(claimed(&[Network::I2p, Network::Open]).await.0, names(&["abcdefgh.onion"]));
    assert_eq!(claimed(&[Network::I2p]).await.0, names(&["forum.example"]), "the others' pace holds");

    store.note_lane(Network::Tor, Some("nothing answers"), at(5)).await.unwrap();
    store.note_lane(Network::Tor, Some("no circuits"), at(9)).await.unwrap();
    let down = store.lanes_down().await.unwrap();
    assert_eq!((down[0].network, down[0].since, down[0].reason.as_str()), (Network::Tor, at(5), "no circuits"));
    store.note_lane(Network::Tor, None, at(12)).await.unwrap();
    assert!(store.lanes_down().await.unwrap().is_empty());
}

pub(super) async fn what_a_source_brings_is_counted_by_the_hour(Subject { store, .. }: Subject) {
    let source = forum(&store, "forum.example").await;
    let mut old = thread_page("t1", "p1", &[]);
    old.posts.push(PostSeen { posted_at: Some(at(-90 * 86_400)), ..post("t1", "p2", 0.0) });
    crawl(&store, &source, ("t1", 10), old).await;
    let claim = claim_key(&store, &source, ("t2", 20)).await;
    let outcome = Outcome::Failed { class: "stalled".to_owned(), detail: "no progress within 30 s".to_owned() };
    store.record(&Visit { outcome, ..visit(claim, at(20), page()) }, &SETTLE).await.unwrap();
    let claim = claim_key(&store, &source, ("t3", 30)).await;
    let ahead = Some(SignedDuration::from_secs(-7));
    let asks = ReadPage { page: Some(PageKind::LoginRequired), ..page() };
    store.record(&Visit { clock_ahead: ahead, ..visit(claim, at(30), asks) }, &SETTLE).await.unwrap();
    crawl(&store, &source, ("t4", 40), page()).await;

    let hours = store.source_hours(&source, at(0)).await.unwrap();
    let count = |outcome: &str| {
        let of = hours.iter().filter(|hour| hour.outcome == outcome);
        of.fold((0, 0, 0, 0), |sum, hour| {
            (sum.0 + hour.visits, sum.1 + hour.posts, sum.2 + hour.fresh, sum.3 + hour.took_ms)
        })
    };
    assert_eq!((count("stalled").0, count("login-wanted").0), (1, 1), "{hours:?}");
    assert_eq!((count("read").1, count("read").2), (2, 1), "a post of long ago is not fresh");
    assert!(count("unread").0 >= 1, "a thread without posts was not understood");
    assert_eq!(count("stalled").3, 700);
    let is_up = |outcome: &str| hours.iter().find(|hour| hour.outcome == outcome).unwrap().is_up();
    assert!(is_up("read") && is_up("login-wanted") && !is_up("stalled"));

    let past = store.source_pasts(at(3600)).await.unwrap().remove(0);
    assert_eq!((past.recent.failed, past.recent.login_wanted, past.recent.fresh), (1, 1, 1), "{past:?}");
    assert_eq!((past.before.pages(), past.clock_ahead), (0, Some((SignedDuration::from_secs(-7), at(30)))));
    assert_eq!(past.last_failure.as_ref().unwrap().0, at(20));
    let later = store.source_pasts(at(10 * 86_400)).await.unwrap().remove(0);
    assert_eq!((later.recent.pages(), later.before.fresh), (0, 1));
    let lasted = later.before_lasted.as_hours();
    assert!((9 * 24 - 2..=9 * 24).contains(&lasted), "{lasted} hours");
    assert_eq!(store.forget_history(at(500 * 86_400)).await.unwrap(), hours.len() as u64);
}

fn alarm(subject: &str, detail: &str) -> Alarm {
    let (subject, detail) = (subject.to_owned(), detail.to_owned());
    Alarm { kind: AlarmKind::NetworkDown, subject, detail, mend: "start it".to_owned() }
}

pub(super) async fn an_alarm_is_mailed_once_when_it_comes_and_once_when_it_goes(subject: Subject) {
    let store = &subject.store;
    let other = subject.another().await;
    let operator = &Recipients { mail: Some("ops@host.example"), hook: false };
    let turned = store.settle_alarms(&[alarm("Tor", "since 2 min")], operator, at(0)).await.unwrap();
    assert_eq!((turned.onsets, turned.cleared), (1, 0));
    for (store, detail) in [(store, "since 3 min"), (&other, "since 4 min")] {
        let turned = store.settle_alarms(&[alarm("Tor", detail)], operator, at(60)).await.unwrap();
        assert_eq!((turned.onsets, turned.cleared), (0, 0), "told once");
    }
    assert_eq!(store.standing_alarms().await.unwrap()[0].since, at(0));
    let turned = store.settle_alarms(&[alarm("I2P", "since 2 min")], operator, at(90)).await.unwrap();
    assert_eq!((turned.onsets, turned.cleared), (1, 1));

    let mut mails = Vec::new();
    while let Some(mail) = store.claim_operator_mail(OperatorWay::Mail, "w", LEASE, at(100)).await.unwrap() {
        assert_eq!(mail.recipient, "ops@host.example");
        store.operator_mail_sent(&mail, at(101)).await.unwrap();
        mails.push(mail);
    }
    let roots: Vec<_> = mails.iter().map(|mail| mail.thread_root.clone()).collect();
    let onset = mails.iter().find(|mail| mail.subject.contains("Tor cannot be entered")).unwrap();
    let cleared = mails.iter().find(|mail| mail.subject.contains("well again: Tor")).unwrap();
    assert_eq!(mails.len(), 3, "{roots:?}");
    assert_eq!(cleared.thread_root.as_ref(), Some(&onset.message_id));
    assert!(onset.body.contains("start it"), "{}", onset.body);

    // Nobody to tell: it stands all the same.
    store.settle_alarms(&[], &Recipients::default(), at(110)).await.unwrap();
    assert!(store.standing_alarms().await.unwrap().is_empty());
    assert!(store.claim_operator_mail(OperatorWay::Mail, "w", LEASE, at(120)).await.unwrap().is_none());

    store.settle_alarms(&[alarm("Tor", "again")], operator, at(200)).await.unwrap();
    let mail = store.claim_operator_mail(OperatorWay::Mail, "w", LEASE, at(200)).await.unwrap().unwrap();
    assert_ne!(mail.message_id, onset.message_id, "it is another time");
    assert!(store.claim_operator_mail(OperatorWay::Mail, "v", LEASE, at(201)).await.unwrap().is_none(), "it is leased");
    store.operator_mail_failed(&mail, "refused", Some(at(300))).await.unwrap();
    assert!(store.claim_operator_mail(OperatorWay::Mail, "v", LEASE, at(299)).await.unwrap().is_none());
    let again = store.claim_operator_mail(OperatorWay::Mail, "v", LEASE, at(300)).await.unwrap().unwrap();
    assert_eq!((again.id.as_str(), again.attempts), (mail.id.as_str(), 1));
    store.operator_mail_failed(&again, "refused", None).await.unwrap();
    assert!(store.claim_operator_mail(OperatorWay::Mail, "v", LEASE, at(9_999)).await.unwrap().is_none(), "given up");
}

pub(super) async fn each_way_to_the_operator_has_messages_of_its_own(Subject { store, .. }: Subject) {
    let both = Recipients { mail: Some("ops@host.example"), hook: true };
    store.settle_alarms(&[alarm("Tor", "since 2 min")], &both, at(0)).await.unwrap();
    for (way, recipient) in [(OperatorWay::Hook, "hook"), (OperatorWay::Mail, "ops@host.example")] {
        let message = store.claim_operator_mail(way, "w", LEASE, at(1)).await.unwrap().unwrap();
        assert_eq!(message.recipient, recipient);
        assert!(store.claim_operator_mail(way, "w", LEASE, at(1)).await.unwrap().is_none(), "one each");
        store.operator_mail_sent(&message, at(2)).await.unwrap();
    }
}

pub(super) async fn the_last_drill_of_each_place_is_told(Subject { store, .. }: Subject) {
    let run = |place: &str, seconds: i64, failed: Option<&str>| DrillRun {
        place: place.to_owned(),
        at: at(seconds),
        failure: failed.map(|step| (step.to_owned(), "why".to_owned())),
        took_ms: 900,
        last_whole_at: None,
    };
    for drill in [run("here", 1, None), run("here", 5, Some("recipe")), run("Tor", 3, Some("way")), run("Tor", 4, None)]
    {
        store.note_drill(&drill).await.unwrap();
    }
    let told = store.last_drills().await.unwrap();
    let told: BTreeSet<_> =
        told.iter().map(|run| (run.place.as_str(), run.failure.is_some(), run.last_whole_at)).collect();
    assert_eq!(told, BTreeSet::from([("here", true, Some(at(1))), ("Tor", false, Some(at(4)))]));
}
