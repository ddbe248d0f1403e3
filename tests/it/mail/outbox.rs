//! From a hit on record to a mail that has arrived: the outbox, the sender, and servers that misbehave.

use std::time::Duration;

use dyepack::domain::forum::{Engine, PageKind};
use dyepack::domain::listing::{Listing, Price};
use dyepack::domain::matcher::{EntryKind, Hit};
use dyepack::domain::renderings::Renderings;
use dyepack::domain::secret::Secret;
use dyepack::domain::source::Source;
use dyepack::domain::span::ByteSpan;
use dyepack::domain::watchlist::{
    Alerts, Anchors, Canary, Contact, ContactRole, Custodian, Engagement, Language, Organization, OrganizationId,
    Watchlist,
};
use dyepack::ports::clock::Clock;
use dyepack::ports::fetch::Hooks;
use dyepack::ports::mail::{MailOptions, Mailer, Outcome, SendError, Stage};
use dyepack::ports::seal::Seal;
use dyepack::ports::store::Store;
use dyepack::ports::store::model::{
    AlertFilter, AlertRow, AlertState, ClaimRequest, HitSeen, Outcome as VisitOutcome, PostSeen, ReadPage,
    RecordPolicy, ThreadSeen, Visit,
};
use dyepack::ports::vault::Vault;
use dyepack::services::alerting::{self, AlertingOptions, Ports, Step, Until};
use tempfile::TempDir;
use tokio::sync::watch;

use super::sink::{self, Sink};

const ONION: &str = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd.onion";
const POST_TEXT: &str = "fresh dump straight from the hosting company, card 6222021234567890 phone 13812345678";

/// A store with an organization enrolled, a clock and a way out.
pub(super) struct World {
    pub(super) ports: Ports,
    pub(super) watchlist: Watchlist,
    _folder: TempDir,
}

/// What a page shows.
pub(super) struct Leak<'a> {
    pub(super) start: &'a str,
    pub(super) entries: &'a [(&'a str, &'a str, &'a str)],
    pub(super) offer: Option<f64>,
}

pub(super) const CARD: (&str, &str, &str) = ("CAN-1", "pan", "622202******7890");
pub(super) const PHONE: (&str, &str, &str) = ("CAN-2", "phone", "138****5678");

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.mails().iter().for_each(|mail| super::scan::assert_harmless(mail));
        }
    }
}

impl World {
    async fn new(mailer: Mailer, clock: Clock) -> Self {
        let world = Self::enrolled(mailer, clock, watchlist()).await;
        world.confirm("soc@example-bank.example").await;
        world
    }

    /// Enrols a watchlist; confirms nobody.
    pub(super) async fn enrolled(mailer: Mailer, clock: Clock, watchlist: Watchlist) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("dyepack.db").display());
        let store = Store::open(&url, Seal::from_key(&[7; 32])).await.unwrap();
        store.replace_watchlist(&watchlist, clock.now()).await.unwrap();
        Self {
            ports: Ports { store, vault: Vault::default(), mailer, clock, links: None, hooks: Hooks::default() },
            watchlist,
            _folder: folder,
        }
    }

    /// With mail kept in memory and a clock that stands still.
    pub(super) async fn in_memory(outcomes: Vec<Outcome>) -> Self {
        let clock = Clock::fixed("2026-11-20T14:00:00Z".parse().unwrap());
        Self::new(Mailer::memory(outcomes), clock).await
    }

    pub(super) async fn with_server(url: &str, patience: Option<Duration>) -> Self {
        let options = MailOptions {
            url: url.parse().unwrap(),
            from: "dyepack <dyepack@localhost>".to_owned(),
            user: None,
            password: None,
            dkim: None,
            patience,
        };
        Self::new(Mailer::new(options).await.unwrap(), Clock::system()).await
    }

    pub(super) async fn confirm(&self, address: &str) {
        let (store, now) = (&self.ports.store, self.ports.clock.now());
        store.confirm_contact(&self.watchlist.organization.id, address, "operator", now).await.unwrap();
    }

    /// Records a page on a new source as the crawl would, with no time to settle.
    pub(super) async fn leak(&self, leak: &Leak<'_>) {
        let (store, now) = (&self.ports.store, self.ports.clock.now());
        let source = Source::from_url(leak.start).unwrap();
        assert!(store.add_source(&source, now).await.unwrap());
        let request = ClaimRequest {
            worker: "crawler".to_owned(),
            limit: 1,
            source: Some(source.id.clone()),
            without: Vec::new(),
            lease: Duration::from_mins(1),
            chance: 0.0,
        };
        let claim = store.claim(&request, now).await.unwrap().remove(0);
        let url = claim.link.url.join("showthread.php?tid=7&pid=70&secret=6222021234567890").unwrap();
        let post = PostSeen {
            key: "70".to_owned(),
            thread: "7".to_owned(),
            url: url.clone(),
            author: Some("mallory".to_owned()),
            posted_at: Some("2026-11-19T22:41:00Z".parse().unwrap()),
            text: Secret::new(POST_TEXT.to_owned()),
            listing: Listing {
                sale: if leak.offer.is_some() { 0.9 } else { 0.0 },
                price: leak.offer.map(|amount| Price { amount, currency: "USD".to_owned() }),
                ..Listing::default()
            },
        };
        let thread = ThreadSeen {
            key: "7".to_owned(),
            title: Some("SELLING 6222021234567890 sunny.day@post.example".to_owned()),
            url: url.clone(),
            board: None,
            author: None,
            created_at: None,
            replies: None,
        };
        let hits = leak.entries.iter().map(|(entry, field, masked)| HitSeen {
            hit: hit(entry, field, masked),
            url: url.clone(),
            thread: Some("7".to_owned()),
            post: Some("70".to_owned()),
            attachment: None,
        });
        let page = ReadPage { threads: vec![thread], posts: vec![post], hits: hits.collect(), ..page() };
        let outcome = VisitOutcome::Read(Box::new(page));
        let visit = Visit {
            claim,
            at: now,
            took: Duration::ZERO,
            clock_ahead: None,
            outcome,
            due_again: None,
            due_again_if_new: None,
        };
        store.record(&visit, &RecordPolicy { settle: Duration::ZERO }).await.unwrap();
    }

    pub(super) async fn step(&self) -> Step {
        let options = AlertingOptions { worker: "mailer".to_owned(), until: Until::Stopped };
        alerting::deliver_next(&self.ports, &options).await.unwrap()
    }

    pub(super) async fn deliver(&self, patience: Duration) -> alerting::Summary {
        let until = Until::Delivered { patience };
        let options = AlertingOptions { worker: "mailer".to_owned(), until };
        let (_hold, stop) = watch::channel(false);
        alerting::run(self.ports.clone(), options, stop).await.unwrap()
    }

    pub(super) async fn alerts(&self) -> Vec<AlertRow> {
        let mut alerts = self.ports.store.alerts(&AlertFilter::default()).await.unwrap();
        alerts.sort_by_key(|alert| alert.created_at);
        alerts
    }

    pub(super) fn pass(&self, seconds: i64) {
        let later = self.ports.clock.now() + jiff::SignedDuration::from_secs(seconds);
        self.ports.clock.advance_to(later);
    }

    pub(super) fn mails(&self) -> Vec<String> {
        self.ports.mailer.remembered().into_iter().map(|(_, bytes)| String::from_utf8(bytes).unwrap()).collect()
    }
}

pub(super) fn watchlist() -> Watchlist {
    let canary = |id: &str, fields: &[(&str, &str)]| Canary {
        id: id.to_owned(),
        dataset: "customers".to_owned(),
        holders: vec!["H01".to_owned()],
        planted_at: None,
        retired_at: None,
        p: None,
        fields: fields.iter().copied().collect(),
    };
    Watchlist {
        organization: Organization {
            id: OrganizationId("example-bank".to_owned()),
            name: "Example Bank".to_owned(),
            aliases: vec!["示例银行".to_owned()],
            language: Language::En,
            market_share: None,
            auditor: None,
            contacts: ["soc@example-bank.example", "dpo@example-bank.example"]
                .map(|address| Contact {
                    address: address.to_owned(),
                    role: ContactRole::Security,
                    openpgp: None,
                    key: None,
                    after: None,
                })
                .into(),
            custodians: vec![Custodian {
                code: "H01".to_owned(),
                name: "Hosting One Limited".to_owned(),
                prior: None,
                engagement: Engagement::default(),
            }],
            datasets: Vec::new(),
            anchors: Anchors::default(),
            alerts: Alerts::default(),
        },
        canaries: vec![
            canary("CAN-1", &[("pan", "6222 0212 3456 7890"), ("name", "Sunny Daydream")]),
            canary("CAN-2", &[("phone", "+86 138 1234 5678"), ("email", "sunny.day@post.example")]),
        ],
        deliveries: Vec::new(),
    }
}

fn hit(entry: &str, field: &str, masked: &str) -> Hit {
    Hit {
        organization: OrganizationId("example-bank".to_owned()),
        entry: entry.to_owned(),
        kind: EntryKind::Canary,
        field: field.to_owned(),
        member: String::new(),
        span: ByteSpan::new(10, 26),
        masked: masked.to_owned(),
        steps: Vec::new(),
        strength: 40,
        renderings: Renderings::default(),
        row: 0,
    }
}

fn page() -> ReadPage {
    ReadPage {
        status: 200,
        etag: None,
        last_modified: None,
        body_digest: "d".to_owned(),
        matched: 1,
        body_bytes: 1,
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

/// A mail with its transfer encodings taken off, as far as ASCII content goes.
pub(super) fn decoded(mail: &str) -> String {
    mail.replace("=\r\n", "").replace("=3D", "=").replace("=5B", "[").replace("=5D", "]")
}

pub(super) fn header(mail: &str, name: &str) -> String {
    let head = mail.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
    let prefix = format!("{name}: ");
    head.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or_default().to_owned()
}

fn refused() -> SendError {
    SendError::Refused { place: "127.0.0.1:25".to_owned() }
}

fn lost() -> SendError {
    SendError::Lost { place: "127.0.0.1:25".to_owned(), stage: Stage::Message, reason: "gone".to_owned() }
}

pub(super) const FORUM: Leak<'static> =
    Leak { start: "https://forum.example/", entries: &[CARD, PHONE], offer: Some(500.0) };

#[tokio::test]
async fn a_leak_is_one_mail_with_masked_values_and_careful_words() {
    let world = World::in_memory(Vec::new()).await;
    world.leak(&FORUM).await;
    assert_eq!(world.step().await, Step::Sent);
    assert_eq!(world.step().await, Step::Idle);
    let mails = world.mails();
    assert_eq!(mails.len(), 1);
    let alerts = world.alerts().await;
    assert_eq!((alerts[0].state, alerts[0].attempts), (AlertState::Sent, 0));
    let case = &alerts[0].case;
    assert_eq!(
        header(&mails[0], "Subject"),
        format!(
            "[dyepack][TLP:AMBER+STRICT] Example Bank: 2 planted records offered for sale on forum.example ({case})"
        )
    );
    assert_eq!(header(&mails[0], "Message-ID"), alerts[0].message_id);
    assert_eq!(header(&mails[0], "X-Dyepack-Case"), *case);
    assert_eq!(header(&mails[0], "References"), "");
    let text = decoded(&mails[0]);
    for said in [
        "consistent with the copy delivered to H01",
        "price asked 500 USD",
        "CAN-1",
        "hxxps://forum[.]example/showthread.php?tid=7&pid=70",
        "2026-11-19 22:41 UTC",
    ] {
        assert!(text.contains(said), "{said} is not in\n{text}");
    }
}

#[tokio::test]
async fn only_confirmed_contacts_are_mailed() {
    let world = World::in_memory(Vec::new()).await;
    world.confirm("dpo@example-bank.example").await;
    world.leak(&FORUM).await;
    assert_eq!((world.step().await, world.step().await, world.step().await), (Step::Sent, Step::Sent, Step::Idle));
    let mut to: Vec<String> = world.ports.mailer.remembered().into_iter().map(|(to, _)| to).collect();
    to.sort();
    assert_eq!(to, ["dpo@example-bank.example", "soc@example-bank.example"]);
}

#[tokio::test]
async fn a_follow_up_joins_the_thread_of_the_first_mail() {
    let world = World::in_memory(Vec::new()).await;
    world.leak(&Leak { entries: &[CARD], offer: None, ..FORUM }).await;
    assert_eq!(world.step().await, Step::Sent);
    world.pass(3600);
    world.leak(&Leak { start: "https://market.example/", entries: &[CARD, PHONE], offer: None }).await;
    assert_eq!(world.step().await, Step::Sent);
    let (mails, alerts) = (world.mails(), world.alerts().await);
    assert_eq!(alerts[0].case, alerts[1].case);
    for name in ["References", "In-Reply-To"] {
        assert_eq!(header(&mails[1], name), alerts[0].message_id, "{name}");
    }
    assert!(header(&mails[1], "Subject").contains("update"), "{}", mails[1]);
    let text = decoded(&mails[1]);
    assert!(text.contains("New since the last mail: 1 record.") && text.contains("CAN-2 [new]"), "{text}");
    assert!(text.contains("seen on market[.]example") && !text.contains("CAN-1 [new]"), "{text}");
}

#[tokio::test]
async fn a_lost_answer_repeats_the_same_bytes_and_counts_as_one_alert() {
    let world = World::in_memory(vec![Outcome::TakeAndFail(lost()), Outcome::Fail(refused())]).await;
    world.leak(&FORUM).await;
    for expected in [Step::Postponed, Step::Postponed, Step::Sent, Step::Idle] {
        assert_eq!(world.step().await, expected);
        world.pass(2);
    }
    let mails = world.mails();
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[0], mails[1]);
    let alerts = world.alerts().await;
    assert_eq!((alerts.len(), alerts[0].attempts, alerts[0].state), (1, 2, AlertState::Sent));
}

#[tokio::test]
async fn a_mail_stays_as_it_was_frozen_although_the_case_grows() {
    let world = World::in_memory(vec![Outcome::TakeAndFail(lost())]).await;
    world.leak(&Leak { entries: &[CARD], ..FORUM }).await;
    assert_eq!(world.step().await, Step::Postponed);
    world.leak(&Leak { start: "https://market.example/", ..FORUM }).await;
    world.pass(2);
    assert_eq!((world.step().await, world.step().await, world.step().await), (Step::Sent, Step::Sent, Step::Idle));
    let mails = world.mails();
    let first = header(&mails[0], "Message-ID");
    let (repeated, follow_ups): (Vec<&String>, Vec<&String>) =
        mails.iter().partition(|mail| header(mail, "Message-ID") == first);
    assert_eq!(repeated, [&mails[0], &mails[0]]);
    assert_eq!(follow_ups.len(), 1);
    assert_eq!(header(follow_ups[0], "References"), first);
}

#[tokio::test]
async fn a_lasting_refusal_ends_the_alert_and_is_shown() {
    let refusal = SendError::Answer {
        place: "127.0.0.1:25".to_owned(),
        stage: Stage::Recipient,
        code: 550,
        text: "no such user".to_owned(),
    };
    let world = World::in_memory(vec![Outcome::Fail(refusal)]).await;
    world.leak(&FORUM).await;
    assert_eq!(world.step().await, Step::Dead);
    world.pass(1_000_000);
    assert_eq!(world.step().await, Step::Idle);
    let alerts = world.alerts().await;
    assert_eq!(alerts[0].state, AlertState::Dead);
    assert!(alerts[0].last_error.as_ref().unwrap().contains("no such user"));
}

#[tokio::test]
async fn an_alert_whose_sender_was_killed_is_sent_by_the_next_one() {
    let world = World::in_memory(Vec::new()).await;
    world.leak(&FORUM).await;
    let now = world.ports.clock.now();
    let abandoned = world.ports.store.claim_alerts("killed", 5, Duration::from_secs(30), now).await.unwrap();
    assert_eq!(abandoned.len(), 1);
    assert_eq!(world.step().await, Step::Idle);
    world.pass(31);
    assert_eq!(world.step().await, Step::Sent);
}

#[tokio::test]
async fn no_mail_holds_what_must_not_be_mailed() {
    let world = World::in_memory(Vec::new()).await;
    world.leak(&FORUM).await;
    world.leak(&Leak { start: &format!("http://{ONION}/"), ..FORUM }).await;
    while world.step().await == Step::Sent {
        world.pass(60);
    }
    let mails = world.mails();
    assert!(!mails.is_empty());
    for mail in &mails {
        let text = decoded(mail);
        let squeezed: String = text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
        for forbidden in [
            "6222021234567890",
            "13812345678",
            "sunnydaypostexample",
            "sunnydaydream",
            "hostingonelimited",
            "freshdump",
            "selling",
            "mallory",
            ".onion",
            ".i2p",
            "http://",
            "https://",
            "stole",
            "vww6ybal4b",
        ] {
            assert!(!text.contains(forbidden) && !squeezed.contains(forbidden), "{forbidden} is in\n{text}");
        }
    }
}

#[tokio::test]
async fn a_mask_that_hides_too_little_costs_the_mail_its_values() {
    let world = World::in_memory(Vec::new()).await;
    let unmasked = ("CAN-2", "email", "sunny.day@post.example*");
    world.leak(&Leak { entries: &[CARD, unmasked], ..FORUM }).await;
    assert_eq!(world.step().await, Step::Sent);
    let text = decoded(&world.mails()[0]);
    assert!(text.contains("CAN-2") && !text.contains("sunny") && !text.contains("622202"), "{text}");
}

#[tokio::test]
async fn a_server_that_comes_up_late_gets_each_mail_once() {
    let port = sink::free_port();
    let world = World::with_server(&format!("smtp://127.0.0.1:{port}"), None).await;
    world.leak(&FORUM).await;
    let (summary, sink) = tokio::join!(world.deliver(Duration::from_secs(30)), async {
        // The server starts only once a try has failed.
        while world.alerts().await[0].attempts < 2 {
            tokio::task::yield_now().await;
        }
        let last_error = world.alerts().await[0].last_error.clone().unwrap();
        assert!(last_error.contains("connection refused"), "{last_error}");
        Sink::start_at(port, &[])
    });
    assert_eq!((summary.sent, summary.pending), (1, 0));
    assert!(summary.postponed >= 2);
    assert_eq!(sink.received().len(), 1);
    assert_eq!(world.deliver(Duration::from_secs(5)).await.sent, 0);
    assert_eq!(sink.received().len(), 1);
}

#[tokio::test]
async fn greylisting_and_stalls_delay_a_mail_and_drops_repeat_it() {
    for (options, copies) in [
        (["--reject", "2"], 1),
        (["--stall", "1"], 1),
        (["--cut", "2"], 1),
        // The server took it and hung up: nobody can know, so it comes twice, under one Message-ID.
        (["--drop", "1"], 2),
    ] {
        let sink = Sink::start(&options);
        let world = World::with_server(&sink.url("smtp"), Some(Duration::from_millis(500))).await;
        world.leak(&FORUM).await;
        let summary = world.deliver(Duration::from_secs(30)).await;
        assert_eq!((summary.sent, summary.pending), (1, 0), "{options:?}");
        let received = sink.received();
        assert_eq!(received.len(), copies, "{options:?}");
        assert!(received.iter().all(|mail| mail.text() == received[0].text()));
        assert_eq!(received[0].header("Message-ID"), world.alerts().await[0].message_id);
    }
}

#[tokio::test]
async fn patience_runs_out_and_the_alert_stays_queued() {
    let port = sink::free_port();
    let world = World::with_server(&format!("smtp://127.0.0.1:{port}"), None).await;
    world.leak(&FORUM).await;
    let summary = world.deliver(Duration::from_millis(400)).await;
    assert_eq!((summary.sent, summary.pending), (0, 1));
    assert_eq!(world.alerts().await[0].state, AlertState::Queued);
}

#[tokio::test]
async fn alerting_ends_when_it_is_told_to() {
    let world = World::with_server(&format!("smtp://127.0.0.1:{}", sink::free_port()), None).await;
    world.leak(&FORUM).await;
    let (tell, stop) = watch::channel(false);
    let options = AlertingOptions { worker: "mailer".to_owned(), until: Until::Stopped };
    let (summary, ()) = tokio::join!(alerting::run(world.ports.clone(), options, stop), async {
        while world.alerts().await[0].attempts == 0 {
            tokio::task::yield_now().await;
        }
        tell.send(true).unwrap();
    });
    let summary = summary.unwrap();
    assert!(summary.postponed >= 1 && summary.pending == 1, "{summary:?}");
}

#[tokio::test]
async fn a_clock_that_jumps_neither_loses_a_mail_nor_repeats_it() {
    let at = |text: &str| text.parse().unwrap();
    let mut world = World::in_memory(vec![Outcome::Fail(refused())]).await;
    world.leak(&FORUM).await;
    assert_eq!(world.step().await, Step::Postponed);
    // Back by a day: what is due later waits, nothing is sent twice or given up.
    world.ports.clock = Clock::fixed(at("2026-11-19T14:00:00Z"));
    assert_eq!(world.step().await, Step::Idle);
    world.leak(&Leak { start: "https://market.example/", ..FORUM }).await;
    while world.step().await != Step::Idle {}
    // Forward by years, over every lease and retry, and set right again.
    for now in ["2031-01-01T00:00:00Z", "2026-11-20T14:10:00Z", "2026-11-20T14:20:00Z"] {
        world.ports.clock = Clock::fixed(at(now));
        while world.step().await != Step::Idle {}
    }
    let mails = world.mails();
    let ids: std::collections::BTreeSet<String> = mails.iter().map(|mail| header(mail, "Message-ID")).collect();
    assert_eq!(ids.len(), mails.len(), "one was repeated");
    let alerts = world.alerts().await;
    assert!(alerts.iter().all(|alert| alert.state == AlertState::Sent), "{alerts:?}");
    assert_eq!(alerts.len(), mails.len());
}
