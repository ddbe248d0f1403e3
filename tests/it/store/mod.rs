//! What the store promises, as functions over a store: run here on SQLite, in `postgres` on PostgreSQL.

use std::collections::BTreeSet;
use std::path::Path;
use std::task::Poll;
use std::time::Duration;

use dyepack::domain::alert::AlertReason;
use dyepack::domain::case::State;
use dyepack::domain::fingerprints::{Checksum, Delivered, Enrolment, Label};
use dyepack::domain::forum::{Engine, Link, LinkKind, PageKind};
use dyepack::domain::identifier::{Epoch, FingerprintKind, KeyId};
use dyepack::domain::listing::{self, Listing, Written};
use dyepack::domain::matcher::{EntryKind, Hit, Ownership, Rates, Rows};
use dyepack::domain::renderings::Renderings;
use dyepack::domain::secret::Secret;
use dyepack::domain::source::{Source, SourceId};
use dyepack::domain::span::ByteSpan;
use dyepack::domain::watchlist::{
    Alerts, Anchors, Canary, Chance, Contact, ContactRole, Custodian, Deal, Delivery, Engagement, Language,
    Organization, OrganizationId, Watchlist,
};
use dyepack::ports::seal::Seal;
use dyepack::ports::store::model::{
    AlertClaim, AlertFilter, AlertState, CaseFilter, Claim, ClaimRequest, HitFilter, HitSeen, Outcome, PostSeen,
    ReadPage, RecordPolicy, Recorded, ThreadSeen, Visit,
};
use dyepack::ports::store::{AuditVerdict, Store, StoreError};
use jiff::Timestamp;
use proptest::prelude::*;
use url::Url;

pub(crate) const KEY: [u8; 32] = [7; 32];
const SETTLE: RecordPolicy = RecordPolicy { settle: Duration::from_mins(1) };
const LEASE: Duration = Duration::from_mins(2);

/// A store under test, and how to open it once more.
pub(crate) struct Subject {
    pub(crate) store: Store,
    pub(crate) url: String,
}

impl Subject {
    pub(crate) async fn open(url: &str) -> Self {
        let store = Store::open(url, Seal::from_key(&KEY)).await.unwrap();
        Self { store, url: url.to_owned() }
    }

    /// A second process's view.
    async fn another(&self) -> Store {
        Store::open(&self.url, Seal::from_key(&KEY)).await.unwrap()
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_780_000_000 + seconds).unwrap()
}

pub(crate) fn bank() -> OrganizationId {
    OrganizationId("example-bank".to_owned())
}

fn watchlist(organization: &str, canaries: &[(&str, &[&str])]) -> Watchlist {
    let canary = |(id, holders): &(&str, &[&str])| Canary {
        id: (*id).to_owned(),
        dataset: "customers".to_owned(),
        holders: holders.iter().map(|holder| (*holder).to_owned()).collect(),
        planted_at: None,
        retired_at: None,
        p: None,
        fields: [("email".to_owned(), format!("{id}@mail.example"))].into(),
    };
    Watchlist {
        organization: Organization {
            id: OrganizationId(organization.to_owned()),
            name: format!("The {organization}"),
            aliases: Vec::new(),
            language: Language::Zh,
            market_share: Some(0.07),
            auditor: None,
            contacts: vec![contact(&format!("soc@{organization}.example"))],
            custodians: vec![Custodian {
                code: "H01".to_owned(),
                name: "Hosting One".to_owned(),
                prior: None,
                engagement: Engagement::default(),
            }],
            datasets: Vec::new(),
            anchors: Anchors::default(),
            alerts: Alerts::default(),
        },
        canaries: canaries.iter().map(canary).collect(),
        deliveries: Vec::new(),
    }
}

fn contact(address: &str) -> Contact {
    Contact { address: address.to_owned(), role: ContactRole::Security, openpgp: None, key: None, after: None }
}

/// Enrols a bank with canaries c1 … c9 and confirms its contact.
async fn enrol(store: &Store) -> Watchlist {
    let names: Vec<String> = (1..=9).map(|number| format!("c{number}")).collect();
    let canaries: Vec<(&str, &[&str])> = names.iter().map(|name| (name.as_str(), ["H01"].as_slice())).collect();
    let watchlist = watchlist("example-bank", &canaries);
    store.replace_watchlist(&watchlist, at(0)).await.unwrap();
    store.confirm_contact(&bank(), "soc@example-bank.example", "operator", at(0)).await.unwrap();
    watchlist
}

async fn forum(store: &Store, host: &str) -> SourceId {
    let mut source = Source::from_url(&format!("https://{host}/")).unwrap();
    source.pace = Duration::ZERO;
    source.concurrency = 100;
    assert!(store.add_source(&source, at(0)).await.unwrap());
    source.id
}

fn request(worker: &str, limit: u32) -> ClaimRequest {
    ClaimRequest { worker: worker.to_owned(), limit, source: None, without: Vec::new(), lease: LEASE, chance: 0.0 }
}

fn url(path: &str) -> Url {
    Url::parse(&format!("https://forum.example/{path}")).unwrap()
}

fn link(key: &str, kind: LinkKind) -> Link {
    Link { key: key.to_owned(), url: url(key), kind, post: None, mark: None, name: None }
}

fn page() -> ReadPage {
    ReadPage {
        status: 200,
        etag: None,
        last_modified: None,
        body_digest: "d1".to_owned(),
        matched: 1,
        body_bytes: 10,
        engine: Some(Engine::Mybb),
        page: Some(PageKind::Thread),
        links: Vec::new(),
        next: None,
        threads: Vec::new(),
        posts: Vec::new(),
        rates: Vec::new(),
        hits: Vec::new(),
        oddities: Vec::new(),
        capture: None,
    }
}

fn post(thread: &str, key: &str, sale: f64) -> PostSeen {
    PostSeen {
        key: key.to_owned(),
        thread: thread.to_owned(),
        url: url(&format!("{thread}/{key}")),
        author: Some("mallory".to_owned()),
        posted_at: Some(at(-1000)),
        text: Secret::new(format!("text of {key}")),
        listing: Listing { sale, ..Listing::default() },
    }
}

fn hit(entry: &str, field: &str) -> Hit {
    Hit {
        organization: bank(),
        entry: entry.to_owned(),
        kind: EntryKind::Canary,
        field: field.to_owned(),
        member: String::new(),
        span: ByteSpan::new(10, 20),
        masked: "c***@mail.example".to_owned(),
        steps: vec!["html".to_owned()],
        strength: 40,
        renderings: Renderings::default(),
        row: 0,
    }
}

fn seen(entry: &str, thread: &str, post: &str) -> HitSeen {
    HitSeen {
        hit: hit(entry, "email"),
        url: url(&format!("{thread}/{post}")),
        thread: Some(thread.to_owned()),
        post: Some(post.to_owned()),
        attachment: None,
    }
}

fn thread_page(thread: &str, post_key: &str, entries: &[&str]) -> ReadPage {
    ReadPage {
        posts: vec![post(thread, post_key, 0.0)],
        hits: entries.iter().map(|entry| seen(entry, thread, post_key)).collect(),
        threads: vec![ThreadSeen {
            key: thread.to_owned(),
            title: Some(format!("thread {thread}")),
            url: url(thread),
            board: None,
            author: None,
            created_at: None,
            replies: Some(3),
        }],
        ..page()
    }
}

fn visit(claim: Claim, at: Timestamp, page: ReadPage) -> Visit {
    Visit {
        claim,
        at,
        took: Duration::from_millis(700),
        clock_ahead: None,
        outcome: Outcome::Read(Box::new(page)),
        due_again: None,
        due_again_if_new: None,
    }
}

/// Makes `key` due on a source, claims it and records `page` as what it brought.
async fn crawl(store: &Store, source: &SourceId, (key, seconds): (&str, i64), page: ReadPage) -> Recorded {
    let claim = claim_key(store, source, (key, seconds)).await;
    store.record(&visit(claim, at(seconds), page), &SETTLE).await.unwrap()
}

/// Claims a key of a source, which a visit of the start page announces (again).
async fn claim_key(store: &Store, source: &SourceId, (key, seconds): (&str, i64)) -> Claim {
    let only = ClaimRequest { source: Some(source.clone()), without: Vec::new(), ..request("w", 100) };
    let due = store.claim(&only, at(seconds)).await.unwrap();
    let (wanted, others): (Vec<Claim>, Vec<Claim>) = due.into_iter().partition(|claim| claim.link.key == key);
    if let Some(claim) = wanted.into_iter().next() {
        store.release(&others).await.unwrap();
        return claim;
    }
    let start = others.into_iter().find(|claim| claim.link.kind == LinkKind::Index).unwrap();
    let mark = Some(seconds.to_string());
    let announced = ReadPage { links: vec![Link { mark, ..link(key, LinkKind::Thread) }], ..page() };
    let again = Visit { due_again: Some(at(0)), due_again_if_new: Some(at(0)), ..visit(start, at(seconds), announced) };
    store.record(&again, &SETTLE).await.unwrap();
    let due = store.claim(&only, at(seconds)).await.unwrap();
    let (wanted, others): (Vec<Claim>, Vec<Claim>) = due.into_iter().partition(|claim| claim.link.key == key);
    store.release(&others).await.unwrap();
    wanted.into_iter().next().unwrap()
}

async fn cases(store: &Store) -> Vec<String> {
    store.cases(&CaseFilter::default()).await.unwrap().into_iter().map(|case| case.id).collect()
}

async fn alert_states(store: &Store) -> Vec<(AlertState, AlertReason)> {
    let alerts = store.alerts(&AlertFilter::default()).await.unwrap();
    let mut states: Vec<_> = alerts.into_iter().map(|alert| (alert.created_at, alert.state, alert.reason)).collect();
    states.sort_by_key(|(created_at, _, reason)| (*created_at, reason.as_str()));
    states.into_iter().map(|(_, state, reason)| (state, reason)).collect()
}

async fn claim_alerts(store: &Store, seconds: i64) -> Vec<AlertClaim> {
    store.claim_alerts("mailer", 100, LEASE, at(seconds)).await.unwrap()
}

async fn send_all(store: &Store, seconds: i64) -> usize {
    let claims = claim_alerts(store, seconds).await;
    for claim in &claims {
        store.freeze_alert(claim, &[], b"mail", at(seconds)).await.unwrap();
        store.alert_sent(claim, at(seconds)).await.unwrap();
    }
    claims.len()
}

/// Polls a future so often, then drops it as a crash would.
async fn cut_short<F: Future>(future: F, mut polls: usize) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| {
        if polls == 0 {
            return Poll::Ready(None);
        }
        polls -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

/// Declares the contract once: a SQLite test for each promise, and a list for PostgreSQL.
macro_rules! contract {
    ($($promise:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $promise() {
                let folder = tempfile::tempdir().unwrap();
                let url = format!("sqlite:{}", folder.path().join("new folder/dyepack.db").display());
                promises::$promise(Subject::open(&url).await).await;
            }
        )+

        /// Runs every promise, each on a fresh database that `fresh` names.
        pub(crate) async fn keep_all(fresh: impl Fn(&str) -> String) {
            $(
                let url = fresh(stringify!($promise));
                eprintln!("{}", stringify!($promise));
                promises::$promise(Subject::open(&url).await).await;
            )+
        }
    };
}

contract! {
    a_watchlist_comes_back_as_it_was_imported,
    fingerprint_files_come_and_go_with_their_watchlist,
    a_mint_is_committed_to_once_in_the_audit_log,
    what_was_delivered_and_found_is_attributable,
    importing_twice_changes_nothing_and_an_edit_is_told,
    one_organizations_list_never_touches_anothers,
    two_workers_never_claim_the_same_url,
    a_lease_that_ran_out_is_claimed_again_and_its_visit_refused,
    a_visit_recorded_twice_changes_nothing,
    sources_take_turns_and_keep_their_pace_and_slots,
    a_changed_mark_and_a_moved_attachment_are_noticed,
    failures_count_and_a_success_forgets_them,
    next_due_tells_when_to_look_again,
    posts_and_hits_come_back_and_a_re_crawl_adds_nothing,
    hits_of_an_attachment_belong_to_its_post,
    a_quote_joins_the_case_and_a_tie_merges_two,
    the_verdict_of_a_case_grows_with_what_is_seen,
    alerts_settle_freeze_and_are_sent_once,
    a_mail_rendered_before_news_is_not_frozen,
    a_follow_up_waits_for_the_mail_before_it,
    follow_ups_are_made_for_news_only,
    a_case_is_weighed_when_it_changes_and_keeps_the_rule_that_fired,
    a_seller_is_known_again_by_contact_and_handle_but_no_tenant_learns_of_anothers_case,
    what_was_recorded_before_sellers_were_marked_is_caught_up_in_batches,
    an_alert_waits_for_a_confirmed_contact,
    a_case_moves_only_where_it_may_and_the_log_shows_tampering,
    a_settled_case_speaks_up_only_for_new_entries_or_sources,
    a_worker_that_starts_again_gets_its_leases_back,
    a_visit_cut_short_anywhere_leaves_nothing_or_all,
    workers_that_find_one_leak_at_once_open_one_case,
    many_links_and_rows_come_through_in_few_statements,
    a_source_keeps_its_settings_hours_and_budget,
    a_source_at_rest_gives_nothing_and_a_longer_rest_stays,
    a_session_is_kept_sealed_and_an_import_outweighs_a_worker,
    a_new_reader_makes_refused_pages_due,
    a_grown_thread_is_due_at_its_last_known_page,
    a_list_goes_on_to_its_next_page_while_its_last_row_is_news,
    what_is_gone_is_marked_and_what_is_skipped_is_no_failure,
    pages_matched_against_older_lists_are_recalled_oldest_first,
    robots_txt_is_kept_and_its_delay_paces_claims,
    a_network_that_is_down_gives_nothing_to_claim,
    what_a_source_brings_is_counted_by_the_hour,
    an_alarm_is_mailed_once_when_it_comes_and_once_when_it_goes,
    each_way_to_the_operator_has_messages_of_its_own,
    the_last_drill_of_each_place_is_told,
    pages_of_cases_go_through_all_once_in_order_within_the_scope,
    cases_are_found_by_source_custodian_and_words,
    titles_are_searched_in_every_script_and_follow_their_cases,
    what_many_cases_share_finds_all_of_them_in_order,
    what_a_case_holds_comes_in_pages_and_to_nobody_else,
    alerts_and_the_audit_log_come_in_pages_within_the_scope,
    figures_count_what_is_there,
    sources_and_organizations_are_outlined,
    a_days_head_is_recorded_once_with_its_mails_and_its_stamp_follows,
    canaries_are_committed_to_when_new_or_changed_and_each_is_proved,
    everything_sealed_is_sealed_anew_and_reads_as_before,
    what_a_clock_that_was_ahead_planned_is_pulled_back,
    users_log_in_with_what_was_given_to_them_and_nothing_else,
    a_session_ends_when_it_is_told_to_idle_or_its_user_changes,
    guesses_wait_ever_longer_and_a_right_one_clears_them,
    nobody_overwrites_what_they_have_not_seen,
    what_is_left_at_a_case_stays_there_and_within_its_scope,
    a_silenced_entry_is_not_recorded_on_its_source_until_it_is_asked_for_again,
}

pub(crate) mod console;
mod custody;
mod desk;
mod health;
mod manners;
mod promises;

#[tokio::test]
async fn a_missing_folder_is_made_and_a_strange_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er/数据 #1?.db");
    let url = format!("sqlite:{}", path.display());
    Store::open(&url, Seal::from_key(&KEY)).await.unwrap().close().await;
    assert!(Path::new(&path).exists());

    let strange = folder.path().join("strange.db");
    std::fs::write(
        &strange,
        "not a database, and longer than the hundred bytes that a header of SQLite has. ".repeat(9),
    )
    .unwrap();
    let error = Store::open(&format!("sqlite:{}", strange.display()), Seal::from_key(&KEY)).await.unwrap_err();
    assert!(error.to_string().contains("not a database"), "{error}");

    let error = Store::open(&url, Seal::from_key(&[8; 32])).await.unwrap_err();
    assert!(matches!(error, StoreError::OtherKey { .. }), "{error}");
    for bad in ["mysql://u:hunter2@h/d", "", "sqlite:", "sqlite::memory:", "postgres://u:hunter2@127.0.0.1:1/d"] {
        let error = Store::open(bad, Seal::from_key(&KEY)).await.unwrap_err();
        assert!(!format!("{error:?} {error}").contains("hunter2"), "{error:?}");
    }
}

#[tokio::test]
async fn a_database_of_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("other.db").display());
    sqlx::any::install_default_drivers();
    let other = sqlx::AnyPool::connect(&format!("{url}?mode=rwc")).await.unwrap();
    sqlx::raw_sql("CREATE TABLE recipes (id BIGINT)").execute(&other).await.unwrap();
    other.close().await;
    assert!(matches!(Store::open(&url, Seal::from_key(&KEY)).await, Err(StoreError::Foreign { .. })));
}

/// Which hits ended up together, whatever the cases are called.
async fn partition(store: &Store) -> BTreeSet<BTreeSet<String>> {
    let mut parts = std::collections::BTreeMap::<String, BTreeSet<String>>::new();
    for hit in store.hits(&HitFilter::default()).await.unwrap() {
        parts.entry(hit.case).or_default().insert(hit.id);
    }
    parts.into_values().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn cases_do_not_hang_on_the_order_of_visits(
        posts in proptest::collection::vec((0_usize..2, 0_usize..5, 1_usize..8), 1..12),
        order in any::<proptest::sample::Index>(),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let mut found = Vec::new();
            let rotation = order.index(posts.len());
            let mut turned = posts.clone();
            turned.rotate_left(rotation);
            turned.reverse();
            for order in [posts, turned] {
                let folder = tempfile::tempdir().unwrap();
                let subject = Subject::open(&format!("sqlite:{}", folder.path().join("d.db").display())).await;
                enrol(&subject.store).await;
                let sources = [forum(&subject.store, "a.example").await, forum(&subject.store, "b.example").await];
                for (step, (source, thread, entry)) in order.into_iter().enumerate() {
                    let (thread, entry) = (format!("t{thread}"), format!("c{entry}"));
                    let post = format!("p{entry}");
                    let seconds = i64::try_from(step).unwrap() + 1;
                    let page = thread_page(&thread, &post, &[&entry]);
                    crawl(&subject.store, &sources[source], (&format!("{thread}/{post}"), seconds), page).await;
                }
                let waiting = subject.store.alerts(&AlertFilter::default()).await.unwrap();
                let waiting = waiting.iter().filter(|alert| alert.state == AlertState::Queued).count();
                let cases = cases(&subject.store).await.len();
                assert_eq!(waiting, cases, "each case waits with one alert");
                found.push(partition(&subject.store).await);
            }
            assert_eq!(found[0], found[1]);
        });
    }
}
