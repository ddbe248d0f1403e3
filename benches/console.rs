//! The console with 100,000 cases and 2 million hits: how long inbox, case page and API take while 200 people look.
//!
//! `cargo bench --bench console [-- URL CASES HITS]` fills a new database (a SQLite file of its own; an empty one of PostgreSQL
//! where its URL is given), or takes the one that an earlier run has filled, serves the console in this process and lets 200
//! viewers open pages, each every five seconds or so. What is told is the time until the answer is complete, seen by the viewer over loopback.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench lays out its own world"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dyepack::domain::case;
use dyepack::domain::evidence::ledger::hash_parts;
use dyepack::domain::listing::Listing;
use dyepack::domain::secret::Secret;
use dyepack::domain::source::Source;
use dyepack::domain::user::Role;
use dyepack::domain::watchlist::{Canary, OrganizationId, Watchlist};
use dyepack::faces::web::{self, Console, Memory, Options};
use dyepack::ports::clock::Clock;
use dyepack::ports::evidence::Evidence;
use dyepack::ports::fetch::FetchOptions;
use dyepack::ports::seal::Seal;
use dyepack::ports::store::console::Scope;
use dyepack::ports::store::{Stage, Store};
use dyepack::ports::vault::Vault;
use dyepack::services::intake;
use dyepack::services::sourcing::Reach;
use jiff::{SignedDuration, Timestamp};
use sqlx::any::AnyPoolOptions;
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const VIEWERS: u64 = 200;
const ORGANIZATIONS: u64 = 20;
const CANARIES: u64 = 500;
const SOURCES: u64 = 200;
const KEY: [u8; 32] = [7; 32];
/// How long the viewers look.
const LOOKING: Duration = Duration::from_secs(40);
/// Rows in one statement.
const BATCH: usize = 50;

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite:{}", folder.path().join("bench.db").display());
    let url = args.next().filter(|url| url != "sqlite").unwrap_or(file);
    let mut number = |usual| args.next().and_then(|arg| arg.parse().ok()).unwrap_or(usual);
    let (cases, hits) = (number(100_000_u64), number(2_000_000_u64));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(run(&url, folder.path(), (cases, hits)));
}

async fn run(url: &str, folder: &Path, (cases, hits): (u64, u64)) {
    let (seal, clock) = (Seal::from_key(&KEY), Clock::system());
    let mut store = Store::open(url, seal.clone()).await.unwrap();
    let ids: Vec<String> = (0..cases).map(|number| case::id(&organization(number), &number.to_string(), 0)).collect();
    if store.case_counts(&Scope::Everything).await.unwrap().is_empty() {
        let began = Instant::now();
        fill(&store, url, &seal, (&ids, hits)).await;
        let filled = began.elapsed().as_secs_f64();
        // Titles that were written past the store are written down by it as those of a database of before.
        store = Store::open(url, seal.clone()).await.unwrap();
        let titles = began.elapsed().as_secs_f64() - filled;
        println!(
            "{cases} cases, {hits} hits, {SOURCES} sources: filled in {filled:.0} s, titles noted in {titles:.0} s"
        );
        if !url.starts_with("sqlite:") {
            settle(url).await;
        }
    }
    let now = clock.now();
    store.add_user(("bench", "bench"), Role::Admin, None, now).await.unwrap();
    let mut cookies = Vec::new();
    for viewer in 0..VIEWERS {
        let secret = Secret::new(format!("viewer-{viewer}-{now}"));
        let ends = now + SignedDuration::from_hours(10);
        store.begin_console_session(&secret, ("bench", Stage::Full), ("", ""), (now, ends)).await.unwrap();
        cookies.push(format!("dyepack={}", secret.reveal()));
    }
    let console = Console {
        store,
        evidence: Evidence::new(folder, seal),
        vault: Vault::default(),
        clock,
        options: Options::default(),
        fetching: FetchOptions::default(),
        reach: Reach::Public,
        provider: None,
        folder: folder.to_owned(),
        memory: Memory::default(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let mut server = JoinSet::new();
    server.spawn(web::serve(listener, Arc::new(console), std::future::pending()));
    println!(
        "{:<34} {:>7} {:>8} {:>8} {:>8} {:>9}",
        "one viewer, one page after another", "pages", "p50 ms", "p95 ms", "p99 ms", "max KB"
    );
    for (kind, paths) in kinds(&ids) {
        let mut seen = Seen::default();
        let client = client();
        for path in paths.iter().take(40) {
            seen.note(open(&client, &base, path, &cookies[0]).await);
        }
        seen.tell(kind);
    }
    println!("{VIEWERS} viewers, a page every 5 s each");
    for (kind, seen) in watch(&base, &ids, &cookies).await {
        seen.tell(kind);
    }
}

/// Pages by kind: what each viewer picks from.
fn kinds(ids: &[String]) -> Vec<(&'static str, Vec<String>)> {
    let inbox = [
        "/cases",
        "/cases?order=gravest",
        "/cases?state=new",
        "/cases?state=new&state=acknowledged",
        "/cases?severity=critical",
        "/cases?offer=yes",
    ];
    let narrow = [
        "/cases?organization=bank-07",
        "/cases?source=s17.example",
        "/cases?custodian=H03",
        "/cases?from=2026-06-01&until=2026-06-10",
        "/cases?q=No.+777",
    ];
    let some = ids.iter().step_by(ids.len() / 400);
    let owned = |paths: &[&str]| paths.iter().cycle().take(40).map(|path| (*path).to_owned()).collect();
    vec![
        ("inbox", owned(&inbox)),
        ("inbox, narrowed", owned(&narrow)),
        ("case page", some.map(|id| format!("/cases/{id}")).collect()),
        ("overview", owned(&["/overview"])),
    ]
}

/// What was seen of one kind of page.
#[derive(Debug, Default)]
struct Seen {
    times: Vec<Duration>,
    largest: usize,
}

impl Seen {
    fn note(&mut self, (took, bytes): (Duration, usize)) {
        self.times.push(took);
        self.largest = self.largest.max(bytes);
    }

    fn tell(mut self, kind: &str) {
        self.times.sort_unstable();
        let at = |percent: usize| {
            let place = (self.times.len() * percent).div_ceil(100).saturating_sub(1);
            self.times.get(place).map_or(0.0, |time| time.as_secs_f64() * 1_000.0)
        };
        let (count, kilobytes) = (self.times.len(), self.largest.div_ceil(1_000));
        println!("{kind:<34} {count:>7} {:>8.1} {:>8.1} {:>8.1} {kilobytes:>9}", at(50), at(95), at(99));
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

async fn open(client: &reqwest::Client, base: &str, path: &str, cookie: &str) -> (Duration, usize) {
    let began = Instant::now();
    let answer = client.get(format!("{base}{path}")).header("cookie", cookie).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200, "{path}");
    let bytes = answer.bytes().await.unwrap().len();
    (began.elapsed(), bytes)
}

async fn watch(base: &str, ids: &[String], cookies: &[String]) -> BTreeMap<&'static str, Seen> {
    let kinds = Arc::new(kinds(ids));
    let until = Instant::now() + LOOKING;
    let mut viewers = JoinSet::new();
    for (number, cookie) in cookies.iter().enumerate() {
        let (base, cookie, kinds) = (base.to_owned(), cookie.clone(), Arc::clone(&kinds));
        viewers.spawn(async move {
            let (client, mut dice, mut seen) = (client(), Dice(number as u64 + 1), Vec::new());
            tokio::time::sleep(Duration::from_millis(dice.below(5_000))).await;
            while Instant::now() < until {
                // Of ten pages five are case pages, four inboxes and one an overview now and then.
                let kind = [2, 0, 2, 0, 2, 1, 2, 0, 2, 3][usize::try_from(dice.below(10)).unwrap()];
                let (name, paths) = &kinds[kind];
                let path = &paths[usize::try_from(dice.below(paths.len() as u64)).unwrap()];
                seen.push((*name, open(&client, &base, path, &cookie).await));
                tokio::time::sleep(Duration::from_millis(3_000 + dice.below(4_000))).await;
            }
            seen
        });
    }
    let mut all: BTreeMap<&'static str, Seen> = BTreeMap::new();
    while let Some(seen) = viewers.join_next().await {
        for (kind, one) in seen.unwrap() {
            all.entry(kind).or_default().note(one);
        }
    }
    all
}

/// Numbers that look like chance and are the same at every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end.max(1)
    }
}

fn organization(number: u64) -> String {
    format!("bank-{:02}", number % ORGANIZATIONS)
}

fn source(number: u64) -> String {
    format!("s{}.example", number % SOURCES)
}

/// Does what PostgreSQL does by itself within minutes.
async fn settle(url: &str) {
    let pool = AnyPoolOptions::new().max_connections(1).connect(url).await.unwrap();
    sqlx::query("VACUUM (ANALYZE)").execute(&pool).await.unwrap();
    pool.close().await;
}

/// Fills the database.
async fn fill(store: &Store, url: &str, seal: &Seal, (ids, hits): (&[String], u64)) {
    let now = Timestamp::now();
    let template = intake::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("watchlists/example-bank")).unwrap();
    for number in 0..ORGANIZATIONS {
        store.replace_watchlist(&watchlist(&template, number), now).await.unwrap();
    }
    for number in 0..SOURCES {
        let source = Source::from_url(&format!("https://{}/", source(number))).unwrap();
        store.add_source(&source, now).await.unwrap();
    }
    let pool = if let Some(path) = url.strip_prefix("sqlite:") {
        AnyPoolOptions::new().max_connections(1).connect(&format!("sqlite://{path}")).await.unwrap()
    } else {
        AnyPoolOptions::new().max_connections(1).connect(url).await.unwrap()
    };
    write(&pool, ids, seal, hits / (ids.len() as u64).max(1)).await;
    sqlx::query("UPDATE meta SET content = 'missing' WHERE name = 'titles'").execute(&pool).await.unwrap();
    pool.close().await;
}

fn watchlist(template: &Watchlist, number: u64) -> Watchlist {
    let mut watchlist = template.clone();
    watchlist.organization.id = OrganizationId(organization(number));
    watchlist.organization.name = format!("Bank No. {number}");
    watchlist.deliveries.clear();
    let canary = |entry: u64| Canary {
        id: format!("k{entry}"),
        dataset: "customers".to_owned(),
        holders: [format!("H{:02}", 1 + entry % 9)].into(),
        planted_at: None,
        retired_at: None,
        p: None,
        fields: [("email".to_owned(), format!("k{entry}@mail.example"))].into(),
    };
    watchlist.canaries = (0..CANARIES).map(canary).collect();
    watchlist
}

/// Site, thread, time (ms), sealed text, sealed listing.
type SealedPost = (String, String, i64, Vec<u8>, Vec<u8>);

/// Rows on their way into the database, by table, and posts with what is sealed of them.
#[derive(Default)]
struct Batch {
    rows: BTreeMap<&'static str, Vec<String>>,
    posts: Vec<SealedPost>,
}

impl Batch {
    fn row(&mut self, table: &'static str, row: String) {
        self.rows.entry(table).or_default().push(row);
    }

    /// Notes a case of the last year, seen in two threads.
    fn case(&mut self, (number, id): (u64, &str), seal: &Seal) {
        let (owner, at) = (organization(number), moment(number));
        let states = ["new", "new", "new", "acknowledged", "confirmed", "false_positive", "closed"];
        let state = states[usize::try_from(number % 7).unwrap()];
        let (offer, level, posted, mailed) = (number % 3 % 2, number % 4 + 1, at - 3_600_000, at + 60_000);
        self.row("case", format!("('{id}','{owner}','{state}',{offer},{number},1,{posted},{at},{mailed},{level})"));
        let listing = serde_json::to_string(&Listing { sale: 0.9, ..Listing::default() }).unwrap();
        for part in 0..2 {
            let (site, thread) = spot(number, part);
            let url = format!("https://{site}/{thread}#p1");
            self.row("thread", format!("('{site}','{thread}','{url}','Fresh base No. {number}',{at})"));
            self.row("sighting", format!("('{owner}','{site}','{thread}','{id}','{url}','{thread}','p1',{at})"));
            let text = seal.seal(b"fresh base, escrow", &hash_parts(&["post", &site, &thread, "p1"])).unwrap();
            let offer = seal.seal(listing.as_bytes(), &hash_parts(&["listing", &site, &thread, "p1"])).unwrap();
            self.posts.push((site, thread, at, text, offer));
        }
    }

    /// Notes a case's hits: of two canaries, and of fingerprints of its own.
    fn hits(&mut self, (number, id): (u64, &str), hits: u64) {
        let (owner, at) = (organization(number), moment(number));
        for hit in 0..hits {
            let (site, thread) = spot(number, hit % 2);
            let (kind, entry) = match hit {
                0 | 1 => ("canary", format!("k{}", (number * 2 + hit) % CANARIES)),
                _ => ("fingerprint", format!("pan-1-{number}-{hit}")),
            };
            self.row(
                "hit",
                format!(
                    "('H-{number:010}-{hit:08}','{owner}','{id}','{kind}','{entry}','pan','{site}',\
                     'https://{site}/{thread}#p1','{thread}','p1','',10,26,'999912******{hit:04}','[\"html\"]',40,{at})"
                ),
            );
            // An entry belongs to one case: later cases that name a canary hold fingerprints only.
            if hit >= 2 || number * 2 + hit < CANARIES * ORGANIZATIONS {
                self.row("entry", format!("('{owner}','{kind}','{entry}','{id}',{at})"));
            }
        }
    }

    async fn write(self, connection: &mut AnyConnection) {
        for (table, rows) in self.rows {
            for rows in rows.chunks(BATCH * 4) {
                let text = format!("{} VALUES {} ON CONFLICT DO NOTHING", head(table), rows.join(","));
                sqlx::query(AssertSqlSafe(text)).persistent(false).execute(&mut *connection).await.unwrap();
            }
        }
        for (site, thread, at, text, offer) in self.posts {
            let statement = "INSERT INTO post (source, thread, id, url, author, posted_at, sealed_text, text_digest, sale, \
                             sealed_listing, seen_at) VALUES ($1, $2, 'p1', $3, $4, $5, $6, '', 0.9, $7, $5)";
            let url = format!("https://{site}/{thread}#p1");
            let query = sqlx::query(statement).bind(site).bind(thread).bind(url).bind(format!("seller{}", at % 997));
            query.bind(at).bind(text).bind(offer).execute(&mut *connection).await.unwrap();
        }
    }
}

/// When a case was found, in milliseconds: one every five minutes.
fn moment(number: u64) -> i64 {
    1_795_000_000_000 - i64::try_from(number).unwrap() * 315_000
}

/// The source and the thread of a part of a case.
fn spot(number: u64, part: u64) -> (String, String) {
    (source(number / 3 + part * 7), format!("t{number}-{part}"))
}

async fn write(pool: &AnyPool, ids: &[String], seal: &Seal, hits: u64) {
    let mut transaction = pool.begin().await.unwrap();
    let mut number = 0;
    for some in ids.chunks(BATCH) {
        let mut batch = Batch::default();
        for id in some {
            batch.case((number, id), seal);
            batch.hits((number, id), hits);
            number += 1;
        }
        batch.write(&mut transaction).await;
    }
    transaction.commit().await.unwrap();
}

fn head(table: &str) -> &'static str {
    match table {
        "case" => {
            "INSERT INTO leak_case (id, organization, state, offer, opened, revision, first_posted_at, first_matched_at, first_mailed_at, grave)"
        }
        "thread" => "INSERT INTO thread (source, id, url, title, seen_at)",
        "sighting" => "INSERT INTO case_sighting (organization, source, place, leak_case, url, thread, post, seen_at)",
        "hit" => {
            "INSERT INTO hit (id, organization, leak_case, kind, entry, field, source, url, thread, post, member, span_start, span_end, masked, steps, strength, seen_at)"
        }
        "entry" => "INSERT INTO case_entry (organization, kind, entry, leak_case, added_at)",
        other => panic!("no table {other}"),
    }
}
