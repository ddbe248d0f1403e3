//! What the store promises about how sources are treated: rests, budgets, sessions, robots.txt, what is read again.

use dyepack::domain::session::{Jar, Session, State};
use dyepack::domain::source::{Rest, Settings, Spent};
use dyepack::ports::store::News;
use dyepack::ports::store::model::{SessionRow, SourceRow};

use super::*;

async fn row(store: &Store, source: &SourceId, seconds: i64) -> SourceRow {
    store.sources(at(seconds)).await.unwrap().into_iter().find(|row| row.source.id == *source).unwrap()
}

async fn keys(store: &Store, seconds: i64) -> Vec<String> {
    let claims = store.claim(&request("w", 100), at(seconds)).await.unwrap();
    store.release(&claims).await.unwrap();
    let mut keys: Vec<String> = claims.into_iter().map(|claim| claim.link.key).collect();
    keys.sort();
    keys
}

/// Records `page` as what `key` brought, which must be due.
async fn read(store: &Store, (key, seconds): (&str, i64), page: ReadPage, due_again: Option<Timestamp>) {
    let claims = store.claim(&request("w", 100), at(seconds)).await.unwrap();
    let (wanted, others): (Vec<Claim>, Vec<Claim>) = claims.into_iter().partition(|claim| claim.link.key == key);
    store.release(&others).await.unwrap();
    let claim = wanted.into_iter().next().unwrap();
    let read = Visit { due_again, due_again_if_new: due_again, ..visit(claim, at(seconds), page) };
    store.record(&read, &SETTLE).await.unwrap();
}

async fn settle(store: &Store, (key, seconds): (&str, i64), outcome: Outcome) {
    let claims = store.claim(&request("w", 100), at(seconds)).await.unwrap();
    let (wanted, others): (Vec<Claim>, Vec<Claim>) = claims.into_iter().partition(|claim| claim.link.key == key);
    store.release(&others).await.unwrap();
    let claim = wanted.into_iter().next().unwrap();
    let settled = Visit { outcome, ..visit(claim, at(seconds), page()) };
    store.record(&settled, &SETTLE).await.unwrap();
}

pub(super) async fn a_source_keeps_its_settings_hours_and_budget(subject: Subject) {
    let store = &subject.store;
    let text = "pace_ms = 0\nconcurrency = 64\nskip = [\"*print*\"]\n[budget]\nrequests = 3\nmegabytes = 1\n";
    let source = Source::from_url("https://forum.example/").unwrap().with(Settings::parse(text).unwrap());
    store.add_source(&source, at(0)).await.unwrap();
    assert_eq!(store.source(&source.id).await.unwrap(), Some(source.clone()));
    let links = (0..9).map(|number| link(&format!("t{number}"), LinkKind::Thread)).collect();
    read(store, ("start", 1), ReadPage { links, ..page() }, Some(at(999_999))).await;
    assert_eq!(store.claim(&request("w", 100), at(2)).await.unwrap().len(), 2, "one request is spent, two are left");
    assert!(store.claim(&request("w", 100), at(3)).await.unwrap().is_empty());
    let (rest, until) = row(store, &source.id, 3).await.rest.unwrap();
    assert_eq!((rest, until.to_string().ends_with("T00:00:00Z")), (Rest::Requests, true));
    assert_eq!(store.next_due(None, &[]).await.unwrap(), Some(until));
    let next_day = until.as_second() - at(0).as_second();
    assert_eq!(store.claim(&request("w", 100), at(next_day)).await.unwrap().len(), 3, "a new day, a new budget");

    let spent = Spent { requests: 0, bytes: 1_000_000, busy: Duration::from_secs(5) };
    store.spend(&source, spent, at(next_day)).await.unwrap();
    let today = store.spent(&source, at(next_day)).await.unwrap();
    assert_eq!((today.requests, today.bytes, today.busy), (3, 1_000_000, Duration::from_secs(5)));
    let generous =
        source.clone().with(Settings::parse("pace_ms = 0\nconcurrency = 64\n[budget]\nmegabytes = 1").unwrap());
    store.add_source(&generous, at(next_day)).await.unwrap();
    assert!(store.claim(&request("w", 100), at(next_day)).await.unwrap().is_empty());
    assert_eq!(row(store, &source.id, next_day).await.rest.unwrap().0, Rest::Bytes);

    let opening = "[hours]\nzone = \"UTC\"\nwindows = [\"03:00-04:00\"]";
    store.add_source(&source.clone().with(Settings::parse(opening).unwrap()), at(next_day)).await.unwrap();
    assert!(
        store.claim(&request("w", 100), at(next_day)).await.unwrap().is_empty(),
        "midnight is not an hour of its own"
    );
    assert_eq!(row(store, &source.id, next_day).await.rest, Some((Rest::Hours, at(next_day + 3 * 3_600))));
    store.add_source(&source.with(Settings::default()), at(next_day)).await.unwrap();
    assert!(
        !store.claim(&request("w", 100), at(next_day + 600)).await.unwrap().is_empty(),
        "new settings count at once"
    );
}

pub(super) async fn a_source_at_rest_gives_nothing_and_a_longer_rest_stays(subject: Subject) {
    let store = &subject.store;
    let source = forum(store, "forum.example").await;
    store.hold(&source, (Rest::RetryAfter, at(100))).await.unwrap();
    store.hold(&source, (Rest::Login, at(50))).await.unwrap();
    assert_eq!(row(store, &source, 1).await.rest, Some((Rest::RetryAfter, at(100))));
    let other = subject.another().await;
    assert!(keys(&other, 99).await.is_empty(), "also for another process");
    assert_eq!(store.next_due(None, &[]).await.unwrap(), Some(at(100)));
    assert_eq!(keys(store, 100).await, ["start"]);
    assert_eq!(row(store, &source, 100).await.rest, None);

    store.hold(&source, (Rest::Captcha, Timestamp::MAX)).await.unwrap();
    assert_eq!((keys(store, 9_999).await.len(), store.next_due(None, &[]).await.unwrap()), (0, None));
    assert!(store.resume(&source).await.unwrap());
    assert_eq!(keys(store, 9_999).await, ["start"]);

    assert!(store.pause(&source, at(9_999)).await.unwrap());
    assert!(keys(store, 99_999).await.is_empty());
    assert_eq!(
        (row(store, &source, 99_999).await.paused_at, store.next_due(None, &[]).await.unwrap()),
        (Some(at(9_999)), None)
    );
    store.resume(&source).await.unwrap();
    assert_eq!(keys(store, 99_999).await, ["start"]);
    assert!(!store.pause(&SourceId("other.example".to_owned()), at(1)).await.unwrap());
}

pub(super) async fn a_session_is_kept_sealed_and_an_import_outweighs_a_worker(subject: Subject) {
    let store = &subject.store;
    let source = forum(store, "forum.example").await;
    let start = Url::parse("https://forum.example/").unwrap();
    let jar = |value: &str| {
        let mut jar = Jar::default();
        assert!(jar.take(&format!("sid={value}; path=/; HttpOnly"), &start, at(0)));
        jar
    };
    assert!(store.session(&source).await.unwrap().is_none());
    let mut mine = SessionRow {
        session: Session { logged_in_at: Some(at(5)), logins: 2, ..Session::new(State::Member) },
        jar: jar("worker"),
        imported_at: Timestamp::UNIX_EPOCH,
    };
    store.keep_session(&source, &mine, News::None, at(5)).await.unwrap();
    let kept = subject.another().await.session(&source).await.unwrap().unwrap();
    assert_eq!((kept.session, kept.jar), (mine.session.clone(), mine.jar.clone()));

    mine.session.state = State::Person(Rest::Captcha);
    store.keep_session(&source, &mine, News::None, at(6)).await.unwrap();
    assert_eq!(row(store, &source, 7).await.rest, Some((Rest::Captcha, Timestamp::MAX)));
    store.import_session(&source, &jar("person"), at(8)).await.unwrap();
    assert_eq!(row(store, &source, 9).await.rest, None, "fresh cookies free the source");
    store.keep_session(&source, &mine, News::None, at(9)).await.unwrap();
    let kept = store.session(&source).await.unwrap().unwrap();
    assert_eq!(
        (kept.session.state, kept.jar),
        (State::Unproven, jar("person")),
        "a worker that is late changes nothing"
    );
    assert_eq!(row(store, &source, 9).await.rest, None);

    assert!(store.forget_session(&source, at(10)).await.unwrap());
    let kept = store.session(&source).await.unwrap().unwrap();
    assert!(kept.jar.is_empty() && kept.session.state == State::Lost && kept.imported_at == at(10));
}

pub(super) async fn a_new_reader_makes_refused_pages_due(subject: Subject) {
    let store = &subject.store;
    let source = forum(store, "forum.example").await;
    let file = |key: &str| Link { post: Some("p".to_owned()), ..link(key, LinkKind::Attachment) };
    let links = vec![link("board/15", LinkKind::Board), file("attachment/1"), file("attachment/2")];
    let far = Some(at(999_999));
    read(store, ("start", 1), ReadPage { links, ..page() }, far).await;
    read(store, ("board/15", 2), ReadPage { page: Some(PageKind::LoginRequired), ..page() }, far).await;
    read(store, ("attachment/1", 3), ReadPage { page: None, ..page() }, None).await;
    read(store, ("attachment/2", 4), ReadPage { page: Some(PageKind::LoginRequired), ..page() }, far).await;
    assert!(keys(store, 5).await.is_empty());
    let row =
        SessionRow { session: Session::new(State::Member), jar: Jar::default(), imported_at: Timestamp::UNIX_EPOCH };
    store.keep_session(&source, &row, News::NewReader, at(6)).await.unwrap();
    assert_eq!(keys(store, 6).await, ["attachment/2", "board/15", "start"], "a file that was read stays read");
}

pub(super) async fn a_grown_thread_is_due_at_its_last_known_page(subject: Subject) {
    let store = &subject.store;
    forum(store, "forum.example").await;
    let marked = |mark: &str| Link { mark: Some(mark.to_owned()), ..link("thread/101", LinkKind::Thread) };
    let far = Some(at(999_999));
    read(store, ("start", 1), ReadPage { links: vec![marked("20|x")], ..page() }, Some(at(10))).await;
    for (key, next) in [("thread/101", "thread/101/2"), ("thread/101/2", "thread/101/10")] {
        read(store, (key, 2), ReadPage { links: vec![link(next, LinkKind::Thread)], ..page() }, far).await;
    }
    read(store, ("thread/101/10", 3), page(), far).await;
    assert!(keys(store, 4).await.is_empty());
    read(store, ("start", 10), ReadPage { links: vec![marked("21|y")], ..page() }, Some(at(20))).await;
    assert_eq!(keys(store, 11).await, ["thread/101/10"], "by number, not by letter");

    // A change that is announced while the page is read makes it due once more.
    let claims = store.claim(&request("w", 9), at(20)).await.unwrap();
    let (last, start): (Vec<Claim>, Vec<Claim>) =
        claims.into_iter().partition(|claim| claim.link.kind == LinkKind::Thread);
    let announced = ReadPage { links: vec![marked("22|z")], ..page() };
    let again = Visit { due_again: far, due_again_if_new: far, ..visit(start[0].clone(), at(21), announced) };
    store.record(&again, &SETTLE).await.unwrap();
    let early = Visit { due_again: far, due_again_if_new: far, ..visit(last[0].clone(), at(22), page()) };
    store.record(&early, &SETTLE).await.unwrap();
    assert_eq!(keys(store, 23).await, ["thread/101/10"]);
}

pub(super) async fn a_list_goes_on_to_its_next_page_while_its_last_row_is_news(subject: Subject) {
    let store = &subject.store;
    forum(store, "forum.example").await;
    let thread = |key: &str, mark: &str| Link { mark: Some(mark.to_owned()), ..link(key, LinkKind::Thread) };
    let next = || Some("board/2/2".to_owned());
    let second = || link("board/2/2", LinkKind::Board);
    let far = Some(at(999_999));
    read(store, ("start", 1), ReadPage { links: vec![link("board/2", LinkKind::Board)], ..page() }, far).await;
    let list = |first: &str, last: &str| ReadPage {
        links: vec![thread("thread/1", first), thread("thread/2", last), second()],
        next: next(),
        ..page()
    };
    read(store, ("board/2", 2), list("1|a", "1|a"), Some(at(10))).await;
    for key in ["board/2/2", "thread/1", "thread/2"] {
        read(store, (key, 3), page(), far).await;
    }
    read(store, ("board/2", 10), list("2|b", "1|a"), Some(at(20))).await;
    assert_eq!(keys(store, 11).await, ["thread/1"], "the last row is as it was: what follows is known");
    read(store, ("board/2", 20), list("2|b", "2|b"), Some(at(30))).await;
    assert_eq!(keys(store, 21).await, ["board/2/2", "thread/1", "thread/2"], "all rows may be news: look further");
}

pub(super) async fn what_is_gone_is_marked_and_what_is_skipped_is_no_failure(subject: Subject) {
    let store = &subject.store;
    let source = forum(store, "forum.example").await;
    let marked = |mark: &str| Link { mark: Some(mark.to_owned()), ..link("thread/1", LinkKind::Thread) };
    let links = |mark: &str| ReadPage { links: vec![marked(mark), link("t2", LinkKind::Other)], ..page() };
    read(store, ("start", 1), links("1|a"), Some(at(10))).await;
    settle(store, ("thread/1", 2), Outcome::Gone).await;
    settle(store, ("t2", 2), Outcome::Skipped { class: "robots".to_owned() }).await;
    let after = row(store, &source, 3).await;
    assert_eq!((after.gone, after.last_failure, after.last_success_at), (1, None, Some(at(2))));
    read(store, ("start", 10), links("1|a"), Some(at(20))).await;
    assert!(keys(store, 11).await.is_empty(), "listed as before: gone as before");
    read(store, ("start", 20), links("2|b"), Some(at(30))).await;
    read(store, ("thread/1", 21), page(), None).await;
    assert_eq!(row(store, &source, 22).await.gone, 0, "it is there again");
}

pub(super) async fn pages_matched_against_older_lists_are_recalled_oldest_first(subject: Subject) {
    let store = &subject.store;
    let source = forum(store, "forum.example").await;
    let links: Vec<Link> = (0..4).map(|number| link(&format!("t{number}"), LinkKind::Thread)).collect();
    read(store, ("start", 1), ReadPage { links, matched: 0, ..page() }, None).await;
    for number in [2, 1, 0] {
        read(store, (&format!("t{number}"), 10 - number), ReadPage { matched: 0, ..page() }, None).await;
    }
    settle(store, ("t3", 11), Outcome::Failed { class: "reset".to_owned(), detail: String::new() }).await;
    assert_eq!(store.recall(None, 2, at(20)).await.unwrap(), None, "no list has grown");

    let watchlist = enrol(store).await;
    let revision = store.watchlist_revision().await.unwrap();
    assert_eq!(store.recall(None, 2, at(20)).await.unwrap(), Some(2));
    assert_eq!(keys(store, 20).await, ["start", "t2"], "those read longest ago");
    assert_eq!(store.recall(Some(&source), 9, at(20)).await.unwrap(), Some(2));
    store.hold(&source, (Rest::RetryAfter, at(30))).await.unwrap();
    assert_eq!(store.recall(None, 9, at(21)).await.unwrap(), None, "a source at rest is left alone");
    for key in ["start", "t0", "t1", "t2"] {
        read(store, (key, 31), ReadPage { matched: revision, ..page() }, None).await;
    }
    assert_eq!(store.recall(None, 9, at(32)).await.unwrap(), None, "all are read; what fails comes back by itself");
    let fewer = Watchlist { canaries: watchlist.canaries[1..].to_vec(), ..watchlist };
    store.replace_watchlist(&fewer, at(33)).await.unwrap();
    assert_eq!(store.recall(None, 9, at(34)).await.unwrap(), None, "what is no longer looked for needs no reading");
}

pub(super) async fn robots_txt_is_kept_and_its_delay_paces_claims(subject: Subject) {
    let store = &subject.store;
    let source = forum(store, "forum.example").await;
    assert_eq!(store.robots(&source).await.unwrap(), None);
    store.keep_robots(&source, ("user-agent: *\n\0", Duration::from_secs(10)), at(1)).await.unwrap();
    assert_eq!(store.robots(&source).await.unwrap(), Some(("user-agent: *\n".to_owned(), at(1))));
    let links = vec![link("t1", LinkKind::Thread), link("t2", LinkKind::Thread)];
    read(store, ("start", 2), ReadPage { links, ..page() }, None).await;
    assert!(keys(store, 11).await.is_empty());
    assert_eq!(keys(store, 12).await.len(), 1, "one at a time, ten seconds apart");
    let chance = ClaimRequest { chance: 1.0, ..request("w", 9) };
    assert_eq!(store.claim(&chance, at(22)).await.unwrap().len(), 1);
    assert!(keys(store, 36).await.is_empty(), "chance makes it up to half as long again");
    assert_eq!(keys(store, 37).await.len(), 1);
    store.keep_robots(&source, ("", Duration::ZERO), at(40)).await.unwrap();
    assert_eq!(row(store, &source, 40).await.crawl_delay, Duration::ZERO);
}
