//! Never blind: what the operator is told, and the drill, as their users meet them.

use std::path::PathBuf;
use std::time::Duration;

use dyepack::domain::source::Network;
use dyepack::ports::clock::Clock;
use dyepack::ports::fetch::Hooks;
use dyepack::ports::mail::Mailer;
use dyepack::services::watchkeeping::{Operator, Options, Ports, look};
use jiff::{SignedDuration, Timestamp};

use crate::mail::sink::{Sink, free_port};
use crate::store::Subject;
use crate::world::forum::{Content, Forum};
use crate::world::program::Installation;

/// What the tests' own folders may take: the room left on the machine's disk is no concern of theirs.
const BUDGET_MIB: u32 = 64;

/// Makes an installation with that budget.
fn budgeted() -> Installation {
    let installation = Installation::new();
    std::fs::create_dir_all(installation.data()).unwrap();
    std::fs::write(installation.data().join("dyepack.toml"), retention()).unwrap();
    installation
}

fn retention() -> String {
    format!("[retention]\nbudget_mib = {BUDGET_MIB}\n")
}

fn now() -> Timestamp {
    "2026-11-27T12:00:00Z".parse().unwrap()
}

fn options(operator: Option<&str>, folder: &std::path::Path) -> Options {
    Options {
        worker: "w".to_owned(),
        operator: Operator { mail: operator.map(str::to_owned), hook: None },
        folder: PathBuf::from(folder),
        budget_bytes: Some(u64::from(BUDGET_MIB) << 20),
        drills: None,
    }
}

#[tokio::test]
async fn the_operator_is_told_once_when_a_network_goes_down_and_once_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("dyepack.db").display());
    let store = Subject::open(&url).await.store;
    let clock = Clock::fixed(now());
    let mailer = Mailer::memory(Vec::new());
    let ports =
        Ports { store: store.clone(), mailer: Some(mailer.clone()), hooks: Hooks::default(), clock: clock.clone() };
    let options = options(Some("ops@host.example"), folder.path());
    store.note_lane(Network::Tor, Some("nothing answers at 127.0.0.1:9050"), now()).await.unwrap();
    let mut told = Vec::new();
    for (minute, is_down) in [(0, true), (1, true), (3, true), (4, true), (60, true), (61, false), (62, false)] {
        clock.advance_to(now() + SignedDuration::from_mins(minute));
        if !is_down {
            store.note_lane(Network::Tor, None, clock.now()).await.unwrap();
        }
        look(&ports, &options).await.unwrap();
        told.push(mailer.remembered().len());
    }
    assert_eq!(told, [0, 0, 1, 1, 1, 2, 2], "a restart is not told, and nothing is told twice");
    let texts: Vec<String> =
        mailer.remembered().into_iter().map(|(_, bytes)| String::from_utf8(bytes).unwrap()).collect();
    assert!(texts[0].contains("To: ops@host.example") && texts[0].contains("Subject: dyepack: Tor cannot be entered"));
    assert!(
        texts[1].contains("Subject: dyepack: well again: Tor") && texts[1].contains("In-Reply-To: <o-"),
        "{}",
        texts[1]
    );
}

#[test]
fn health_and_source_list_say_what_waits_and_what_would_mend_it() {
    let installation = budgeted();
    let onion = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion";
    assert!(installation.run(&["source", "add", &format!("http://{onion}/")]).status.success());
    let down = format!("127.0.0.1:{}", free_port());
    let mut crawl = installation.command(&["crawl", "--source", onion]);
    let mut child = crawl.env("DYEPACK_TOR_SOCKS", &down).stderr(std::process::Stdio::null()).spawn().unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    let told = loop {
        let row = installation.rows(&["source", "list"]).remove(0);
        if row["fares"] == "waiting" || std::time::Instant::now() > deadline {
            break row;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    child.kill().unwrap();
    child.wait().unwrap();
    let waits = told["waits"].as_str().unwrap();
    assert!(waits.contains("our way to Tor is down") && waits.contains(&down), "{told}");
    assert_eq!(told["last_failure"], serde_json::Value::Null, "the site is not blamed");
    let detail = installation.rows(&["source", "health", onion]).remove(0);
    assert_eq!((detail["fares"].as_str(), detail["hours"].as_array().unwrap().len()), (Some("waiting"), 0), "{detail}");
    assert!(installation.rows(&["health"]).is_empty(), "a network that is down for a moment is no alarm");
}

#[test]
fn a_crawl_leaves_a_history_that_source_health_tells() {
    let forum = Forum::serve(Content { threads: vec![vec!["hello".to_owned(); 12]; 3] });
    let installation = Installation::new();
    assert!(installation.run(&["crawl", "--once", "--source", &forum.url()]).status.success());
    let name = forum.address.to_string();
    let detail = installation.rows(&["source", "health", &name]).remove(0);
    assert_eq!((detail["fares"].as_str(), detail["uptime"].as_f64()), (Some("well"), Some(1.0)), "{detail}");
    let hours = detail["hours"].as_array().unwrap();
    let posts: u64 = hours.iter().map(|hour| hour["posts"].as_u64().unwrap()).sum();
    assert_eq!(posts, 36, "{hours:?}");
    assert!(detail["last_success"].as_str().unwrap().starts_with("last read"), "{detail}");
    assert_eq!(installation.run(&["source", "health", "nobody.example"]).status.code(), Some(2));
}

#[test]
fn a_drill_goes_the_whole_way_and_leaves_no_trace() {
    let (installation, sink) = (Installation::new(), Sink::start(&[]));
    let output = installation
        .command(&["drill", "--format", "json"])
        .env("DYEPACK_MAIL_URL", sink.url("smtp"))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let run: serde_json::Value = serde_json::from_str(said.trim()).unwrap();
    let steps: Vec<&str> = run["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(
        steps,
        ["site", "way", "fetch", "recipe", "matcher", "store", "crawl and case", "mail", "mail server"],
        "{said}"
    );
    assert!(run["steps"].as_array().unwrap().iter().all(|step| step["ok"] == true && step["took_ms"].is_u64()));
    assert!(sink.received().is_empty(), "somebody was mailed");
    for list in [["case", "list"], ["hit", "list"], ["alert", "list"], ["watchlist", "list"], ["source", "list"]] {
        assert!(installation.rows(&list).is_empty(), "{list:?} shows the drill");
    }
}

#[test]
fn a_drill_that_fails_names_its_step_and_is_an_alarm() {
    let installation = budgeted();
    let down = format!("smtp://127.0.0.1:{}", free_port());
    let drill = |installation: &Installation| {
        let mut command = installation.command(&["drill", "--format", "json"]);
        command.env("DYEPACK_MAIL_URL", &down).output().unwrap()
    };
    let output = drill(&installation);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let run: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let failed = run["steps"].as_array().unwrap().iter().find(|step| step["ok"] == false).unwrap();
    assert_eq!(failed["step"], "mail server", "{run}");
    let health = installation.run(&["health", "--format", "json"]);
    assert_eq!(health.status.code(), Some(1));
    let alarm: serde_json::Value = serde_json::from_slice(&health.stdout).unwrap();
    assert_eq!(
        (alarm["kind"].as_str(), alarm["subject"].as_str()),
        (Some("drill-failed"), Some("the drill over this machine"))
    );
    assert!(alarm["mend"].as_str().unwrap().contains("dyepack drill"), "{alarm}");
}

#[test]
fn a_running_crawl_repeats_the_drill_and_mails_the_operator_when_it_fails() {
    let (installation, sink) = (Installation::new(), Sink::start(&[]));
    let forum = Forum::serve(Content { threads: vec![vec!["hello".to_owned()]] });
    let config = tempfile::NamedTempFile::new().unwrap();
    // The drill's own site cannot be served: the address is taken. Nothing else is wrong.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let onion = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion";
    let text = format!(
        "[mail]\nurl = \"{}\"\n[operator]\nmail = \"ops@host.example\"\n[drill]\nevery = \"3s\"\nsites = [\"http://{onion}/\"]\n\
         listen = \"{}\"\n{}",
        sink.url("smtp"),
        taken.local_addr().unwrap(),
        retention()
    );
    std::fs::write(config.path(), text).unwrap();
    let path = config.path().to_str().unwrap();
    let mut crawl = installation.start(&["crawl", "--source", &forum.url(), "--config", path]);
    let deadline = std::time::Instant::now() + Duration::from_secs(150);
    while sink.received().is_empty() && std::time::Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(200));
    }
    crawl.kill().unwrap();
    crawl.wait().unwrap();
    let mails = sink.received();
    assert_eq!(mails.len(), 1, "once");
    assert_eq!(mails[0].to, ["ops@host.example"]);
    let text = mails[0].text();
    assert!(text.contains("the drill over Tor (pg6mmjiy=E2=80=A6)") || text.contains("the drill over Tor"), "{text}");
    assert!(!text.contains(onion), "a live onion address is mailed");
}
