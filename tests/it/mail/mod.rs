//! Mail to a real SMTP server (aiosmtpd), well-behaved and not.

mod channels;
mod outbox;
mod pages;
pub(crate) mod scan;
mod sealed;
pub(crate) mod sink;
mod telling;
mod undelivered;

use std::process::Command;
use std::time::Duration;

use dyepack::domain::alert::{Addressing, AlertMail, AlertReason, compose_test};
use dyepack::domain::secret::Secret;
use dyepack::domain::watchlist::Language;
use dyepack::ports::mail::{MailError, MailOptions, Mailer, SendError, Stage};

use sink::Sink;

const TO: &str = "soc@example-bank.example";

async fn mailer(url: &str, login: Option<(&str, &str)>) -> Mailer {
    let options = MailOptions {
        url: url.parse().unwrap(),
        from: "dyepack <dyepack@localhost>".to_owned(),
        user: login.map(|(user, _)| user.to_owned()),
        password: login.map(|(_, password)| Secret::new(password.to_owned())),
        dkim: None,
        patience: None,
    };
    Mailer::new(options).await.unwrap()
}

fn mail() -> AlertMail {
    let addressing = Addressing {
        to: TO.to_owned(),
        language: Language::Zh,
        reason: AlertReason::Opened,
        message_id: "<a-77@dyepack.localhost>".to_owned(),
        thread_root: None,
    };
    compose_test(&addressing, "2026-11-20T14:05:00Z".parse().unwrap())
}

async fn attempt(mailer: &Mailer) -> Result<(), SendError> {
    let message = mailer.render(&mail()).unwrap();
    let accepted = mailer.send(TO, &message).await?;
    accepted.close().await;
    Ok(())
}

#[tokio::test]
async fn a_plain_server_on_loopback_gets_the_mail_as_it_was_frozen() {
    let sink = Sink::start(&[]);
    let mailer = mailer(&sink.url("smtp"), None).await;
    attempt(&mailer).await.unwrap();
    let received = sink.received();
    assert_eq!(received.len(), 1);
    assert_eq!((received[0].from.as_str(), received[0].to.as_slice()), ("dyepack@localhost", &[TO.to_owned()][..]));
    let frozen = String::from_utf8(mailer.render(&mail()).unwrap()).unwrap();
    assert_eq!(received[0].text().trim_end(), frozen.trim_end());
}

#[tokio::test]
async fn starttls_with_a_login_reaches_the_server_encrypted() {
    let sink = Sink::start(&["--tls", "starttls", "--login", "soc:s3cret"]);
    let mailer = mailer(&sink.trusted_url("smtp+starttls"), Some(("soc", "s3cret"))).await;
    attempt(&mailer).await.unwrap();
    let received = sink.received();
    assert!(received[0].tls && received[0].login, "{received:?}");
}

#[tokio::test]
async fn tls_from_the_first_byte_reaches_the_server_encrypted() {
    let sink = Sink::start(&["--tls", "implicit"]);
    attempt(&mailer(&sink.trusted_url("smtps"), None).await).await.unwrap();
    assert!(sink.received()[0].tls);
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    for (mode, scheme) in [("starttls", "smtp+starttls"), ("implicit", "smtps")] {
        let sink = Sink::start(&["--tls", mode]);
        let error = attempt(&mailer(&sink.url(scheme), None).await).await.unwrap_err();
        assert!(matches!(error, SendError::Tls { .. }) && !error.is_permanent(), "{error:?}");
        assert!(error.to_string().contains("certificate"), "{error}");
        assert!(sink.received().is_empty());
    }
}

#[tokio::test]
async fn a_server_without_starttls_gets_nothing() {
    let sink = Sink::start(&[]);
    let error = attempt(&mailer(&sink.url("smtp+starttls"), None).await).await.unwrap_err();
    assert!(matches!(error, SendError::NoStartTls { .. }), "{error:?}");
    let error = attempt(&mailer(&sink.url("smtps"), None).await).await.unwrap_err();
    assert!(matches!(error, SendError::Tls { .. }), "{error:?}");
    assert!(sink.received().is_empty());
}

#[tokio::test]
async fn a_wrong_password_is_told_apart_and_may_be_mended() {
    let sink = Sink::start(&["--tls", "starttls", "--login", "soc:s3cret"]);
    let error = attempt(&mailer(&sink.trusted_url("smtp+starttls"), Some(("soc", "wrong"))).await).await.unwrap_err();
    assert!(matches!(error, SendError::Answer { stage: Stage::LogIn, code: 535, .. }), "{error:?}");
    assert!(!error.is_permanent());
    let error = attempt(&mailer(&sink.trusted_url("smtp+starttls"), None).await).await.unwrap_err();
    assert!(matches!(error, SendError::Answer { code: 530, .. }) && !error.is_permanent(), "{error:?}");
}

#[tokio::test]
async fn a_password_never_travels_in_the_clear() {
    let options = MailOptions {
        url: "smtp://mail.example?tls=none".parse().unwrap(),
        from: "a@localhost".to_owned(),
        user: Some("soc".to_owned()),
        password: Some(Secret::new("s3cret".to_owned())),
        dkim: None,
        patience: None,
    };
    assert!(matches!(Mailer::new(options).await, Err(MailError::PasswordInTheClear { .. })));
}

#[tokio::test]
async fn greylisting_and_refusal_are_told_apart() {
    let sink = Sink::start(&["--reject", "1", "--refuse", "1"]);
    let mailer = mailer(&sink.url("smtp"), None).await;
    let error = attempt(&mailer).await.unwrap_err();
    assert!(matches!(error, SendError::Answer { stage: Stage::Recipient, code: 451, .. }), "{error:?}");
    assert!(!error.is_permanent() && error.to_string().contains("greylisted"), "{error}");
    let error = attempt(&mailer).await.unwrap_err();
    assert!(error.is_permanent() && error.to_string().contains("no such user"), "{error}");
    attempt(&mailer).await.unwrap();
    assert_eq!(sink.received().len(), 1);
}

#[tokio::test]
async fn a_server_that_is_down_is_refused_and_one_that_hangs_times_out() {
    let port = sink::free_port();
    let error = attempt(&mailer(&format!("smtp://127.0.0.1:{port}"), None).await).await.unwrap_err();
    assert!(matches!(error, SendError::Refused { .. }), "{error:?}");

    let sink = Sink::start(&["--stall", "1"]);
    let options = MailOptions {
        url: sink.url("smtp").parse().unwrap(),
        from: "a@localhost".to_owned(),
        user: None,
        password: None,
        dkim: None,
        patience: Some(Duration::from_millis(300)),
    };
    let mailer = Mailer::new(options).await.unwrap();
    let error = attempt(&mailer).await.unwrap_err();
    assert!(matches!(error, SendError::TimedOut { stage: Stage::Message, .. }), "{error:?}");
    attempt(&mailer).await.unwrap();
    assert_eq!(sink.received().len(), 1);
}

#[tokio::test]
async fn a_dropped_answer_repeats_the_same_mail_under_the_same_message_id() {
    let sink = Sink::start(&["--drop", "1", "--cut", "1"]);
    let mailer = mailer(&sink.url("smtp"), None).await;
    for _ in 0..2 {
        let error = attempt(&mailer).await.unwrap_err();
        assert!(matches!(error, SendError::Lost { stage: Stage::Message, .. }), "{error:?}");
    }
    attempt(&mailer).await.unwrap();
    let received = sink.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].text(), received[1].text());
    assert_eq!(received[0].header("Message-ID"), "<a-77@dyepack.localhost>");
}

#[test]
fn alert_test_says_what_happened_and_exits_accordingly() {
    let folder = tempfile::tempdir().unwrap();
    let alert_test = |url: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_dyepack"))
            .args(["alert", "test", "--to", TO, "--format", "json", "--mail", url, "--data"])
            .arg(folder.path())
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let sink = Sink::start(&["--refuse", "1"]);
    let (code, stdout, _) = alert_test(&sink.url("smtp"));
    assert_eq!(code, Some(3));
    assert!(stdout.contains("\"ok\":false") && stdout.contains("no such user"), "{stdout}");
    let (code, stdout, _) = alert_test(&sink.url("smtp"));
    assert_eq!(code, Some(0));
    assert!(stdout.contains("\"ok\":true"), "{stdout}");
    assert!(sink.received()[0].header("Subject").contains("nothing has happened"));
    let (code, stdout, _) = alert_test(&format!("smtp://127.0.0.1:{}", sink::free_port()));
    assert!(code == Some(3) && stdout.contains("connection refused"), "{stdout}");
    let (code, _, stderr) = alert_test("smtp://mail.example");
    assert!(code == Some(2) && stderr.contains("?tls=none"), "{stderr}");
}
