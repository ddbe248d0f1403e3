//! Other channels than mail, against real receivers: webhooks, chats, syslog over TLS, a feed.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use dyepack::domain::secret::Secret;
use dyepack::domain::severity::Severity;
use dyepack::domain::watchlist::{Alerts, Channel, ChannelKind};
use dyepack::ports::clock::Clock;
use dyepack::ports::fetch::{FetchOptions, HookError, Hooks, Post};
use dyepack::ports::mail::Mailer;
use dyepack::ports::store::model::{AlertState, CaseFilter};
use dyepack::ports::syslog::{self, SyslogError};
use dyepack::services::alerting::{Step, test_channel};
use serde_json::Value;
use tempfile::TempDir;
use url::Url;

use super::outbox::{FORUM, World, watchlist};
use crate::world::program::python;

const SECRET: &str = "a-key-of-more-than-twenty-characters";

/// A receiver that ends with the test.
pub(super) struct Receiver {
    child: Child,
    folder: TempDir,
    pub(super) port: u16,
}

impl Receiver {
    pub(super) fn start(script: &str, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers").join(script);
        let mut child = Command::new(python())
            .arg(path)
            .args(["--folder".as_ref(), folder.path().join("kept").as_os_str()])
            .args(["--certificate".as_ref(), folder.path().join("certificate.pem").as_os_str()])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().strip_prefix("port ").and_then(|port| port.parse().ok());
        Self { child, folder, port: port.unwrap_or_else(|| panic!("{script} did not start: {line:?}")) }
    }

    fn certificate(&self) -> String {
        fs::read_to_string(self.folder.path().join("certificate.pem")).unwrap()
    }

    fn kept(&self, extension: &str) -> Vec<String> {
        let mut names: Vec<PathBuf> = fs::read_dir(self.folder.path().join("kept"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|found| found == extension))
            .collect();
        names.sort();
        names.iter().map(|name| fs::read_to_string(name).unwrap()).collect()
    }

    pub(super) fn posts(&self) -> Vec<Value> {
        self.kept("json").iter().map(|text| serde_json::from_str(text).unwrap()).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn channel(kind: ChannelKind, url: Option<String>, secret: &str, ca: Option<String>) -> Channel {
    Channel {
        name: kind.as_str().to_owned(),
        kind,
        url,
        secret_file: None,
        secret: Some(Secret::new(secret.to_owned())),
        ca_file: None,
        ca,
        from: Severity::Low,
    }
}

fn hooks() -> Hooks {
    Hooks::new(&FetchOptions::default(), vec!["localhost".to_owned()])
}

/// A world that is told by these channels and by no mail, for nobody is confirmed.
async fn told(channels: Vec<Channel>) -> World {
    let mut watchlist = watchlist();
    watchlist.organization.alerts = Alerts { channels, ..Alerts::default() };
    let mut world = World::enrolled(Mailer::memory(Vec::new()), Clock::system(), watchlist).await;
    world.ports.hooks = hooks();
    world.ports.links = Some("https://dyepack.bank.example/".parse().unwrap());
    world
}

/// Nothing of what a mail must not hold.
fn assert_harmless(text: &str) {
    let squeezed: String = text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    for forbidden in
        ["6222021234567890", "13812345678", "sunnydaypostexample", "hostingonelimited", "freshdump", "mallory"]
    {
        assert!(!squeezed.contains(forbidden), "{forbidden} is in {text}");
    }
    assert!(!text.contains(".onion"));
}

#[tokio::test]
async fn a_webhook_is_signed_and_repeated_under_its_id_until_it_is_taken() {
    let receiver = Receiver::start("hook_sink.py", &["--tls", "--secret", SECRET, "--fail", "1", "--drop", "1"]);
    let url = format!("https://localhost:{}/dyepack", receiver.port);
    let world = told(vec![channel(ChannelKind::Webhook, Some(url), SECRET, Some(receiver.certificate()))]).await;
    world.leak(&FORUM).await;
    assert_eq!(world.step().await, Step::Postponed);
    let failed = world.alerts().await.into_iter().find(|alert| alert.contact.is_some()).unwrap();
    assert_eq!(failed.failure.as_deref(), Some("answer-5xx"), "{failed:?}");
    let summary = world.deliver(std::time::Duration::from_secs(20)).await;
    assert_eq!(summary.sent, 1);
    let posts = receiver.posts();
    assert_eq!(posts.len(), 2, "the answer to the first was lost");
    assert_eq!(posts[0]["body"], posts[1]["body"]);
    assert_eq!((posts[0]["repeated"].as_bool(), posts[1]["repeated"].as_bool()), (Some(false), Some(true)));
    let body: Value = serde_json::from_str(posts[0]["body"].as_str().unwrap()).unwrap();
    assert_eq!((body["type"].as_str(), body["records"].as_u64()), (Some("case.opened"), Some(2)));
    assert_eq!(body["organization"], "example-bank");
    assert!(body["acknowledge"].as_str().unwrap().starts_with("https://dyepack.bank.example/acknowledge/A-"), "{body}");
    assert_harmless(posts[0]["body"].as_str().unwrap());
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_shown() {
    let receiver = Receiver::start("hook_sink.py", &["--secret", SECRET]);
    let url = format!("http://localhost:{}/", receiver.port);
    let world = told(vec![channel(ChannelKind::Webhook, Some(url), "another-key-of-twenty-characters", None)]).await;
    world.leak(&FORUM).await;
    assert_eq!(world.step().await, Step::Postponed);
    let failed = world.alerts().await.into_iter().find(|alert| alert.contact.is_some()).unwrap();
    assert_eq!(failed.failure.as_deref(), Some("login"));
    assert!(failed.last_error.unwrap().contains("bad signature") && receiver.posts().is_empty());
}

#[tokio::test]
async fn chats_get_messages_in_their_own_form_and_their_address_is_told_nobody() {
    let receiver = Receiver::start("hook_sink.py", &[]);
    let url = |kind: &str| format!("http://localhost:{}/services/{kind}-secret", receiver.port);
    let kinds = [ChannelKind::Slack, ChannelKind::Mattermost, ChannelKind::Teams];
    let world = told(kinds.map(|kind| channel(kind, None, &url(kind.as_str()), None)).into()).await;
    world.leak(&FORUM).await;
    assert_eq!((world.step().await, world.step().await, world.step().await), (Step::Sent, Step::Sent, Step::Sent));
    let posts = receiver.posts();
    let of = |kind: &str| {
        let post = posts.iter().find(|post| post["path"].as_str().unwrap().contains(kind)).unwrap();
        assert_harmless(post["body"].as_str().unwrap());
        serde_json::from_str::<Value>(post["body"].as_str().unwrap()).unwrap()
    };
    let (slack, mattermost, teams) = (of("slack"), of("mattermost"), of("teams"));
    assert!(slack["text"].as_str().unwrap().contains("*2 planted records of Example Bank are offered"), "{slack}");
    assert!(mattermost["text"].as_str().unwrap().contains("**2 planted records"), "{mattermost}");
    let card = &teams["attachments"][0]["content"];
    assert_eq!((teams["type"].as_str(), card["type"].as_str()), (Some("message"), Some("AdaptiveCard")));
    for alert in world.alerts().await {
        assert!(!format!("{alert:?}").contains("-secret"), "{alert:?}");
    }
}

#[tokio::test]
async fn syslog_gets_one_framed_message_over_tls() {
    let receiver = Receiver::start("syslog_sink.py", &["--reset", "1"]);
    let url = format!("syslog+tls://localhost:{}", receiver.port);
    let world = told(vec![channel(ChannelKind::Syslog, Some(url), SECRET, Some(receiver.certificate()))]).await;
    world.leak(&FORUM).await;
    let summary = world.deliver(std::time::Duration::from_secs(20)).await;
    assert_eq!(summary.sent, 1);
    assert!(receiver.kept("bad").is_empty());
    let messages = receiver.kept("log");
    assert_eq!(messages.len(), 1, "{messages:?}");
    let message = &messages[0];
    let head: Vec<&str> = message.splitn(8, ' ').collect();
    assert!(head[0].starts_with('<') && head[0].ends_with(">1"), "{message}");
    assert!(head[1].parse::<jiff::Timestamp>().is_ok(), "{message}");
    assert_eq!((head[2], head[3], head[4], head[6]), ("-", "dyepack", "-", "-"));
    assert!(head[7].starts_with("CEF:0|dyepack|dyepack|"), "{message}");
    for said in ["cs1=example-bank", "cn1=2", "cs3=H01", "cs5=yes", "externalId=C-"] {
        assert!(message.contains(said), "{said}: {message}");
    }
    assert_harmless(message);
}

#[tokio::test]
async fn a_syslog_server_that_cannot_be_trusted_gets_nothing() {
    let receiver = Receiver::start("syslog_sink.py", &[]);
    let url = format!("syslog+tls://localhost:{}", receiver.port);
    let server = syslog::Server { url: &url, ca: None, may_be_private: true };
    assert!(matches!(syslog::send(&server, b"x").await, Err(SyslogError::Tls { .. })));
    let server = syslog::Server { may_be_private: false, ..server };
    assert!(matches!(syslog::send(&server, b"x").await, Err(SyslogError::Private { .. })));
    let plain = Receiver::start("syslog_sink.py", &["--plain"]);
    let url = format!("syslog+tls://localhost:{}", plain.port);
    let server = syslog::Server { url: &url, ca: None, may_be_private: true };
    assert!(syslog::send(&server, b"x").await.is_err());
    let url = "syslog+tls://logs.onion:6514";
    let server = syslog::Server { url, ca: None, may_be_private: true };
    assert!(matches!(syslog::send(&server, b"x").await, Err(SyslogError::Name { .. })));
}

#[tokio::test]
async fn private_addresses_hidden_names_and_redirects_are_refused() {
    let receiver = Receiver::start("hook_sink.py", &["--redirect", "1"]);
    let post = async |hooks: &Hooks, url: &str| {
        let url = Url::parse(url).unwrap();
        hooks.post(&Post { url: &url, headers: &[], body: b"{}", ca: None }).await
    };
    let strict = Hooks::new(&FetchOptions::default(), Vec::new());
    for url in ["http://127.0.0.1:1/", "https://10.1.2.3/", "https://[::1]/", "https://169.254.169.254/latest/"] {
        assert!(matches!(post(&strict, url).await, Err(HookError::Private { .. })), "{url}");
    }
    let by_name = post(&strict, &format!("http://localhost:{}/", receiver.port)).await;
    assert!(matches!(by_name, Err(HookError::Private { .. })), "{by_name:?}");
    let hidden = post(&hooks(), "http://abcdefghijklmnop.onion/").await;
    assert!(matches!(hidden, Err(HookError::Hidden { .. })), "{hidden:?}");
    let redirected = post(&hooks(), &format!("http://localhost:{}/", receiver.port)).await;
    assert!(matches!(redirected, Err(HookError::Answer { status: 302, .. })), "{redirected:?}");
    assert!(receiver.posts().is_empty());
    assert!(post(&hooks(), &format!("http://localhost:{}/", receiver.port)).await.is_ok());
}

#[tokio::test]
async fn a_receiver_that_is_gone_ends_the_alert() {
    let receiver = Receiver::start("hook_sink.py", &["--gone"]);
    let url = format!("http://localhost:{}/", receiver.port);
    let world = told(vec![channel(ChannelKind::Webhook, Some(url), SECRET, None)]).await;
    world.leak(&FORUM).await;
    assert_eq!(world.step().await, Step::Dead);
}

#[tokio::test]
async fn a_feed_holds_what_was_told_and_a_graver_channel_does_not() {
    let quiet = Channel {
        from: Severity::Critical,
        name: "grave".to_owned(),
        ..channel(ChannelKind::Atom, None, SECRET, None)
    };
    let world = told(vec![channel(ChannelKind::Atom, None, SECRET, None), quiet]).await;
    world.leak(&FORUM).await;
    let mut steps = [world.step().await, world.step().await];
    steps.sort_by_key(|step| format!("{step:?}"));
    let (store, id) = (&world.ports.store, &world.watchlist.organization.id);
    let feed = dyepack::services::answering::feed(store, id, SECRET, world.ports.clock.now()).await.unwrap().unwrap();
    assert_eq!(feed.matches("<entry>").count(), 1, "{feed}");
    assert!(feed.contains("2 planted records"), "{feed}");
    assert_harmless(&feed);
    let wrong =
        dyepack::services::answering::feed(store, id, "a-wrong-token-of-some-length", world.ports.clock.now()).await;
    assert!(wrong.unwrap().is_none());
    let grave =
        world.alerts().await.into_iter().find(|alert| alert.contact.as_deref() == Some("channel:grave")).unwrap();
    let is_critical =
        store.cases(&CaseFilter::default()).await.unwrap()[0].severity.as_ref().unwrap().severity == Severity::Critical;
    assert_eq!(grave.state == AlertState::Sent, is_critical, "{grave:?}");
}

#[tokio::test]
async fn a_channel_is_tried_without_a_case() {
    let receiver = Receiver::start("hook_sink.py", &["--secret", SECRET]);
    let url = format!("http://localhost:{}/", receiver.port);
    let webhook = channel(ChannelKind::Webhook, Some(url), SECRET, None);
    let world = told(vec![webhook.clone()]).await;
    let organization = &world.watchlist.organization;
    assert!(test_channel(&world.ports, organization, &webhook).await.is_ok());
    let body: Value = serde_json::from_str(receiver.posts()[0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["type"], "test");
}
