//! What the store promises to people: users and their sessions, decisions that overwrite nothing unseen, and what is left at cases.

use dyepack::domain::user::Role;
use dyepack::domain::user::totp::Totp;
use dyepack::ports::store::console::Scope;
use dyepack::ports::store::desk::{Consent, Expected, Judged};
use dyepack::ports::store::{InvitationKind, Stage};

use super::*;

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn foreign() -> Scope {
    Scope::Only(OrganizationId("other-bank".to_owned()))
}

/// A case of the first bank.
async fn case(store: &Store) -> (SourceId, String) {
    store.replace_watchlist(&watchlist("example-bank", &[("c1", &["H01"])]), at(0)).await.unwrap();
    store.replace_watchlist(&watchlist("other-bank", &[("d1", &["H01"])]), at(0)).await.unwrap();
    let source = forum(store, "forum.example").await;
    crawl(store, &source, ("t1", 10), thread_page("t1", "p1", &["c1"])).await;
    let id = store.cases(&CaseFilter::default()).await.unwrap().remove(0).id;
    (source, id)
}

pub(super) async fn users_log_in_with_what_was_given_to_them_and_nothing_else(Subject { store, .. }: Subject) {
    store.replace_watchlist(&watchlist("example-bank", &[("c1", &["H01"])]), at(0)).await.unwrap();
    assert!(store.add_user(("U-1", "ann"), Role::Member, Some(&bank()), at(1)).await.unwrap());
    assert!(!store.add_user(("U-2", "ann"), Role::Admin, None, at(1)).await.unwrap(), "a name is one user's");
    let nowhere = OrganizationId("nowhere".to_owned());
    let error = store.add_user(("U-3", "bob"), Role::Member, Some(&nowhere), at(1)).await.unwrap_err();
    assert!(matches!(error, StoreError::NoSuchOrganization { .. }));
    let ann = store.user("ann").await.unwrap().unwrap();
    assert_eq!((ann.scope(), ann.has_password, ann.has_totp), (Scope::Only(bank()), false, false));

    let invitation = secret("token");
    store.add_invitation(&invitation, ("U-1", InvitationKind::Password), (at(1), at(100))).await.unwrap();
    assert!(store.invited(&secret("other"), at(2)).await.unwrap().is_none());
    assert!(store.invited(&invitation, at(101)).await.unwrap().is_none(), "it ends");
    assert_eq!(store.invited(&invitation, at(2)).await.unwrap().unwrap().0.name, "ann");
    store.set_password("U-1", &secret("$argon2id$x")).await.unwrap();
    assert!(store.invited(&invitation, at(2)).await.unwrap().is_none(), "it counts once");

    let totp = Totp::new([7; 20]);
    store.set_totp("U-1", Some(&totp), &["aaaa".to_owned(), "bbbb".to_owned()]).await.unwrap();
    let credentials = store.credentials("U-1").await.unwrap().unwrap();
    assert_eq!(credentials.totp.unwrap().code_at(at(0)), totp.code_at(at(0)));
    assert!(store.take_totp_step("U-1", 5).await.unwrap());
    assert!(!store.take_totp_step("U-1", 5).await.unwrap() && !store.take_totp_step("U-1", 4).await.unwrap());
    assert_eq!(store.take_recovery_code("U-1", "aaaa", at(3)).await.unwrap(), Some(1));
    assert_eq!(store.take_recovery_code("U-1", "aaaa", at(3)).await.unwrap(), None);
}

pub(super) async fn a_session_ends_when_it_is_told_to_idle_or_its_user_changes(Subject { store, .. }: Subject) {
    store.add_user(("U-1", "ann"), Role::Analyst, None, at(0)).await.unwrap();
    let begin = async |token: &str| {
        let times = (at(0), at(100_000));
        store.begin_console_session(&secret(token), ("U-1", Stage::Full), ("192.0.2.1", "x"), times).await.unwrap();
    };
    begin("one").await;
    begin("two").await;
    let (session, user) = store.console_session(&secret("one"), at(10)).await.unwrap().unwrap();
    assert_eq!((user.name.as_str(), session.stage, session.address.as_str()), ("ann", Stage::Full, "192.0.2.1"));
    assert_eq!(store.console_sessions("U-1", at(10)).await.unwrap().len(), 2);
    assert!(!store.end_console_session("U-2", &session.id).await.unwrap(), "a session is its user's");
    assert!(store.end_console_session("U-1", &session.id).await.unwrap());
    assert!(store.console_session(&secret("one"), at(10)).await.unwrap().is_none());
    // Seen now and then, it lives on; left alone, it ends.
    assert!(store.console_session(&secret("two"), at(10_000)).await.unwrap().is_some());
    assert!(store.console_session(&secret("two"), at(20_000)).await.unwrap().is_some());
    assert!(store.console_session(&secret("two"), at(40_000)).await.unwrap().is_none());
    begin("three").await;
    store.change_user("U-1", (Role::Admin, None), Some(at(20))).await.unwrap();
    assert!(store.console_session(&secret("three"), at(21)).await.unwrap().is_none());
}

pub(super) async fn guesses_wait_ever_longer_and_a_right_one_clears_them(Subject { store, .. }: Subject) {
    let subjects = [("pair".to_owned(), 2), ("address".to_owned(), 100)];
    let mut waits = Vec::new();
    for second in [0, 1, 2, 40, 41, 90, 110] {
        waits.push(store.note_login_attempt(&subjects, at(second)).await.unwrap());
    }
    // Two are free; the third waits for 30 seconds after the second, the next for a minute.
    assert_eq!(waits, [None, None, Some(at(31)), None, Some(at(100)), Some(at(100)), None]);
    store.forget_login_attempts(&["pair".to_owned()]).await.unwrap();
    assert_eq!(store.note_login_attempt(&subjects, at(111)).await.unwrap(), None);
}

pub(super) async fn nobody_overwrites_what_they_have_not_seen(Subject { store, .. }: Subject) {
    let (_, id) = case(&store).await;
    let all = Scope::Everything;
    let version = store.case_version((&all, &id)).await.unwrap();
    let judge = async |to, expected, who: &str, seconds| {
        store.judge_case((&all, &id), (to, expected), (who, "why"), at(seconds)).await.unwrap()
    };
    let Judged::Done(number) = judge(State::Confirmed, Expected::Version(version), "ann", 20).await else { panic!() };
    assert_eq!(judge(State::FalsePositive, Expected::Version(version), "bob", 21).await, Judged::Stale);
    assert_eq!(judge(State::FalsePositive, Expected::Seen(State::New), "bob", 21).await, Judged::Stale);
    let foreign = foreign();
    let error = store.judge_case((&foreign, &id), (State::Closed, Expected::Version(number)), ("eve", "x"), at(22));
    assert!(matches!(error.await, Err(StoreError::NoSuchCase { .. })));
    assert!(store.case_sheet(&foreign, &id).await.unwrap().is_none());

    // Only the maker takes a move back, only while it is the last thing done, and the clocks it started stop.
    let undo = async |who: &str, number, seconds| {
        store.undo_move((&all, &id), number, (who, "taken back"), at(seconds)).await.unwrap()
    };
    assert_eq!(undo("bob", number, 30).await, None);
    assert_eq!(undo("ann", number, 30 * 60).await, None);
    assert_eq!(undo("ann", number, 30).await, Some(State::New));
    let sheet = store.case_sheet(&all, &id).await.unwrap().unwrap();
    assert_eq!((sheet.line.state, sheet.line.first_confirmed_at), (State::New, None));
    assert_eq!(undo("ann", number, 31).await, None, "it is not the last thing any more");
    assert!(matches!(store.verify_audit().await.unwrap(), AuditVerdict::Whole { .. }));

    let assigned = store.assign_case((&all, &id), (Some("ann"), sheet.version), "ann", at(40)).await.unwrap();
    assert!(matches!(assigned, Judged::Done(_)));
    let late = store.assign_case((&all, &id), (None, sheet.version), "bob", at(41)).await.unwrap();
    assert_eq!(late, Judged::Stale);
    assert_eq!(store.case_sheet(&all, &id).await.unwrap().unwrap().assignee.as_deref(), Some("ann"));
    assert_eq!(store.cases_of(&all, "ann", 10).await.unwrap(), std::slice::from_ref(&id));
    assert!(store.cases_of(&foreign, "ann", 10).await.unwrap().is_empty());
    let ids = [id.clone(), "C-00000000".to_owned()];
    assert_eq!(store.assignees(&all, &ids).await.unwrap()[&id], "ann");
    assert!(store.assignees(&foreign, &ids).await.unwrap().is_empty());
}

pub(super) async fn what_is_left_at_a_case_stays_there_and_within_its_scope(Subject { store, .. }: Subject) {
    let (_, id) = case(&store).await;
    let (all, foreign) = (Scope::Everything, foreign());
    store.add_note((&all, &id), ("ann", "first\nsecond <b>"), at(20)).await.unwrap();
    assert!(store.add_note((&foreign, &id), ("eve", "x"), at(20)).await.is_err());
    store.pledge((&all, &id), "reveal", ("ann", "compare"), at(21)).await.unwrap();
    assert!(!store.second((&all, &id), ("reveal", "ann"), "ann", at(22)).await.unwrap(), "nobody seconds themselves");
    assert!(store.second((&all, &id), ("reveal", "ann"), "bob", at(22)).await.unwrap());
    store.note_act((&all, &id), "revealed", ("ann", "compare"), at(23)).await.unwrap();
    store.note_viewing((&all, &id), ("bob", "page"), at(24)).await.unwrap();
    assert!(store.note_viewing((&foreign, &id), ("eve", "page"), at(24)).await.is_err());
    assert!(store.note_act((&foreign, &id), "revealed", ("eve", "x"), at(24)).await.is_err());
    let sheet = store.case_sheet(&all, &id).await.unwrap().unwrap();
    assert_eq!(sheet.notes.iter().map(|note| note.text.as_str()).collect::<Vec<_>>(), ["first\nsecond <b>"]);
    assert_eq!(sheet.pledges[0].seconded, Some(Consent { who: "bob".to_owned(), at: at(22) }));
    let acts: Vec<&str> = sheet.moves.iter().map(|step| step.to.as_str()).collect();
    assert_eq!(acts, ["new", "pledged", "seconded", "revealed"]);
    assert_eq!(store.viewings((&all, &id), 10).await.unwrap(), [(at(24), "bob".to_owned(), "page".to_owned())]);
    assert_eq!(store.source_names(&foreign).await.unwrap(), []);
    assert_eq!(store.source_names(&all).await.unwrap().len(), 1);

    store.add_user(("U-1", "ann"), Role::Analyst, None, at(0)).await.unwrap();
    store.save_filter("U-1", ("mine", "state=new")).await.unwrap();
    store.save_filter("U-1", ("mine", "state=closed")).await.unwrap();
    assert_eq!(store.saved_filters("U-1").await.unwrap(), [("mine".to_owned(), "state=closed".to_owned())]);
    store.save_filter("U-1", ("mine", "")).await.unwrap();
    assert!(
        store.saved_filters("U-1").await.unwrap().is_empty() && store.saved_filters("U-2").await.unwrap().is_empty()
    );
}

pub(super) async fn a_silenced_entry_is_not_recorded_on_its_source_until_it_is_asked_for_again(
    Subject { store, .. }: Subject,
) {
    let (source, id) = case(&store).await;
    let elsewhere = forum(&store, "market.example").await;
    let all = Scope::Everything;
    let silenced = store.silence_entries((&all, &id), &source.0, ("ann", "a test page"), at(20)).await.unwrap();
    assert_eq!(silenced, 1);
    let again = crawl(&store, &source, ("t2", 30), thread_page("t2", "p2", &["c1"])).await;
    assert_eq!((again.hits, again.alerts), (0, 0));
    let other = crawl(&store, &elsewhere, ("t3", 31), thread_page("t3", "p3", &["c1"])).await;
    assert_eq!(other.hits, 1, "another source is another matter");
    assert_eq!(store.case_sheet(&all, &id).await.unwrap().unwrap().silences.len(), 1);
    assert_eq!(store.unsilence_entries((&all, &id), ("ann", "again"), at(40)).await.unwrap(), 1);
    let heard = crawl(&store, &source, ("t4", 50), thread_page("t4", "p4", &["c1"])).await;
    assert_eq!(heard.hits, 1);
}
