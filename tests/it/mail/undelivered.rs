//! An alert that is refused for good: the operator is told by another mail or, where no mail goes out, by a webhook; `health`
//! shows it, and it can be sent again.

use std::path::Path;

use super::channels::Receiver;
use super::sink::Sink;
use crate::world::forum::{Content, Forum};
use crate::world::program::Installation;
use crate::world::{canary, write_watchlist};

#[test]
fn an_alert_that_is_refused_for_good_is_told_to_the_operator_and_sent_again_when_asked() {
    let sink = Sink::start(&["--refuse", "1", "--refuse-only", "soc@test-bank.example"]);
    let installation = Installation::new();
    let folder = tempfile::tempdir().unwrap();
    let watchlist = write_watchlist(folder.path(), 3);
    let (email, pan, phone) = canary(1);
    let post = format!("selling base, sample: Planted Person;{pan};{phone};{email}");
    let forum = Forum::serve(Content { threads: vec![vec![post]] });
    let crawl = || {
        let url = forum.url();
        let args = ["crawl", "--once", "--watchlist", Path::to_str(&watchlist).unwrap(), "--source", &url];
        let mut command = installation.command(&args);
        command.env("DYEPACK_MAIL_URL", sink.url("smtp")).env("DYEPACK_OPERATOR_MAIL", "ops@dyepack.example");
        command.output().unwrap()
    };
    let output = crawl();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(3) && said.contains("given up"), "{:?} {said}", output.status);
    // The machine that runs this may give the operator other alarms, too.
    let received = sink.received();
    assert!(received.iter().all(|mail| mail.to == ["ops@dyepack.example"]), "{received:?}");
    let is_told = received.iter().any(|mail| mail.header("Subject").contains("is not told of its leaks"));
    assert!(is_told, "{received:?}");

    let health = installation.run(&["health", "--format", "json"]);
    let shown = String::from_utf8(health.stdout).unwrap();
    assert!(
        health.status.code() == Some(1) && shown.contains("alert-undelivered") && shown.contains("answer-5xx"),
        "{shown}"
    );
    let listed = installation.run(&["alert", "list", "--format", "json"]);
    assert!(String::from_utf8(listed.stdout).unwrap().contains("\"failure\":\"answer-5xx\""));

    assert!(installation.run(&["alert", "retry", "--all"]).status.success());
    let output = crawl();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let to: Vec<String> = sink.received().into_iter().flat_map(|mail| mail.to).collect();
    assert_eq!(to.iter().filter(|to| *to == "soc@test-bank.example").count(), 1, "{to:?}");
    let shown = String::from_utf8(installation.run(&["health", "--format", "json"]).stdout).unwrap();
    assert!(!shown.contains("alert-undelivered"), "{shown}");
}

#[test]
fn an_operator_whose_mail_server_takes_nothing_is_told_by_a_webhook_once() {
    let (sink, receiver) = (Sink::start(&["--refuse", "99"]), Receiver::start("hook_sink.py", &[]));
    let installation = Installation::new();
    let folder = tempfile::tempdir().unwrap();
    let watchlist = write_watchlist(folder.path(), 3);
    let (email, pan, phone) = canary(1);
    let forum =
        Forum::serve(Content { threads: vec![vec![format!("selling base: Planted Person;{pan};{phone};{email}")]] });
    let hook = folder.path().join("operator.hook");
    std::fs::write(&hook, format!("http://127.0.0.1:{}/services/T0/B0/secret-of-the-hook\n", receiver.port)).unwrap();
    let config = folder.path().join("dyepack.toml");
    let text = format!(
        "[mail]\nurl = \"{}\"\n[operator]\nmail = \"ops@dyepack.example\"\nhook_file = \"{}\"\n[alert]\nprivate_hosts = [\"127.0.0.1\"]\n",
        sink.url("smtp"),
        hook.display()
    );
    std::fs::write(&config, text).unwrap();
    let crawl = || {
        let url = forum.url();
        let config = config.to_str().unwrap();
        let args =
            ["crawl", "--once", "--watchlist", watchlist.to_str().unwrap(), "--source", &url, "--config", config];
        let output = installation.run(&args);
        String::from_utf8(output.stderr).unwrap()
    };
    let said = crawl();
    let about_mail = |posts: &[serde_json::Value]| {
        let is_told = |post: &&serde_json::Value| post.to_string().contains("is not told of its leaks");
        posts.iter().filter(is_told).count()
    };
    assert_eq!(about_mail(&receiver.posts()), 1, "{said} {:?}", receiver.posts());
    assert!(!said.contains("secret-of-the-hook"), "{said}");
    let again = crawl();
    assert_eq!(about_mail(&receiver.posts()), 1, "told once: {again}");
    assert!(sink.received().is_empty());
}
