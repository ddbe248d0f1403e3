//! Mails that others can check: sealed ones opened by `GnuPG`, signed ones verified by dkimpy.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use dyepack::domain::secret::Secret;
use dyepack::ports::mail::{DkimOptions, KeyFault, MailError, MailOptions, Mailer, Recipient};
use jiff::Timestamp;

use crate::world::forum::{Content, Forum};
use crate::world::program::{Installation, python};
use crate::world::{canary, write_watchlist};

/// Runs `GnuPG` with a home of its own.
fn gpg(home: &Path, args: &[&str]) -> Output {
    let fixed = ["--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""];
    let output = Command::new("gpg").arg("--homedir").arg(home).args(fixed).args(args).stdin(Stdio::null()).output();
    let output = output.expect("gpg is missing: run tests/run, which installs it");
    assert!(output.status.success(), "gpg {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// A `GnuPG` home with one key; short-lived folders keep its sockets' paths short.
fn home_with_key(algorithm: &str, expires: &str) -> (tempfile::TempDir, String) {
    let home = tempfile::Builder::new().prefix("gpg").tempdir_in("/tmp").unwrap();
    let user = "SOC <soc@test-bank.example>";
    if algorithm == "default" {
        gpg(home.path(), &["--quick-generate-key", user, "default", "default", expires]);
    } else {
        gpg(home.path(), &["--quick-generate-key", user, algorithm, "sign", expires]);
        let listed = gpg(home.path(), &["--with-colons", "--list-keys"]);
        let listed = String::from_utf8(listed.stdout).unwrap();
        let fingerprint = listed.lines().find_map(|line| line.strip_prefix("fpr:")).unwrap().replace(':', "");
        let own = if algorithm == "ed25519" { "cv25519" } else { algorithm };
        gpg(home.path(), &["--quick-add-key", &fingerprint, own, "encr", expires]);
    }
    let armored = gpg(home.path(), &["--armor", "--export", "soc@test-bank.example"]).stdout;
    (home, String::from_utf8(armored).unwrap())
}

fn now() -> Timestamp {
    Timestamp::from_millisecond(
        i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis()).unwrap(),
    )
    .unwrap()
}

fn opened(home: &Path, armored: &str) -> String {
    let file = home.join("message.asc");
    fs::write(&file, armored).unwrap();
    String::from_utf8(gpg(home, &["--decrypt", file.to_str().unwrap()]).stdout).unwrap()
}

#[test]
fn gnupg_opens_what_is_sealed_to_its_keys_and_no_other_keys_can() {
    for algorithm in ["default", "rsa2048", "ed25519"] {
        let (home, key) = home_with_key(algorithm, "never");
        let recipient = Recipient::read(&key, now()).unwrap();
        assert_eq!(recipient.expires_at(), None);
        let plain = "示例 — details\r\n".repeat(500);
        let armored = recipient.encrypt(plain.as_bytes()).unwrap();
        assert!(!armored.contains("details"));
        assert_eq!(opened(home.path(), &armored), plain, "{algorithm}");
    }
}

#[test]
fn keys_that_must_not_be_used_are_refused_with_a_reason() {
    let (home, key) = home_with_key("ed25519", "2d");
    let recipient = Recipient::read(&key, now()).unwrap();
    let ends = recipient.expires_at().unwrap();
    let late = Recipient::read(&key, ends).unwrap_err();
    assert!(matches!(late, KeyFault::Expired { .. }), "{late}");
    for (text, expected) in [
        ("no key", "is not an armored OpenPGP public key"),
        (key.get(..key.len() / 2).unwrap(), "is not an armored OpenPGP public key"),
        ("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n", "is not an armored"),
    ] {
        let fault = Recipient::read(text, now()).unwrap_err().to_string();
        assert!(fault.contains(expected), "{fault}");
    }
    // Revoked by its owner: GnuPG wrote the certificate when the key was made; its colon keeps it from being used by accident.
    let revocations = home.path().join("openpgp-revocs.d");
    let file = fs::read_dir(revocations).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(&file).unwrap().replace("\n:-----BEGIN", "\n-----BEGIN");
    fs::write(&file, text).unwrap();
    gpg(home.path(), &["--import", file.to_str().unwrap()]);
    let revoked = gpg(home.path(), &["--armor", "--export", "soc@test-bank.example"]).stdout;
    let fault = Recipient::read(&String::from_utf8(revoked).unwrap(), now()).unwrap_err();
    assert_eq!(fault, KeyFault::Revoked);
    let signing = tempfile::Builder::new().prefix("gpg").tempdir_in("/tmp").unwrap();
    gpg(signing.path(), &["--quick-generate-key", "S <s@test-bank.example>", "ed25519", "sign", "never"]);
    let only_signs = gpg(signing.path(), &["--armor", "--export"]).stdout;
    let fault = Recipient::read(&String::from_utf8(only_signs).unwrap(), now()).unwrap_err();
    assert_eq!(fault, KeyFault::CannotEncrypt);
}

#[test]
fn an_alert_to_a_contact_with_a_key_tells_nothing_on_the_way_and_all_to_its_owner() {
    let (home, key) = home_with_key("default", "never");
    let folder = tempfile::tempdir().unwrap();
    let watchlist = write_watchlist(folder.path(), 3);
    fs::create_dir_all(watchlist.join("keys")).unwrap();
    fs::write(watchlist.join("keys/soc.asc"), key).unwrap();
    let toml = watchlist.join("organization.toml");
    let text = fs::read_to_string(&toml).unwrap();
    fs::write(&toml, text.replace("role = \"security\"", "role = \"security\"\nopenpgp = \"keys/soc.asc\"")).unwrap();
    let (email, pan, phone) = canary(1);
    let post = format!("selling fresh base, 500 USD<br />Planted Person 1;{pan};{phone};{email}");
    let forum = Forum::serve(Content { threads: vec![vec![post]] });
    let mails = folder.path().join("mails");
    let installation = Installation::new();
    let output = installation.run(&[
        "crawl",
        "--once",
        "--watchlist",
        watchlist.to_str().unwrap(),
        "--source",
        &forum.url(),
        "--mail",
        &format!("dir://{}", mails.display()),
    ]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let files: Vec<_> = fs::read_dir(&mails).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    let mail = fs::read_to_string(&files[0]).unwrap();
    assert!(
        mail.contains("Content-Type: multipart/encrypted;") && mail.contains("application/pgp-encrypted"),
        "{mail}"
    );
    let case = installation.rows(&["case", "list"])[0]["id"].as_str().unwrap().to_owned();
    let subject = mail.lines().find(|line| line.starts_with("Subject: ")).unwrap();
    assert!(subject.contains("encrypted alert") && mail.contains(&case), "{subject}");
    for hidden in ["c001", "H01", "Hosting One", "127.0.0.1", "500 USD", pan.as_str()] {
        let head = mail.split("-----BEGIN PGP MESSAGE-----").next().unwrap();
        assert!(!head.contains(hidden), "{hidden} can be read on the way");
    }
    let (_, sealed) = mail.split_once("-----BEGIN PGP MESSAGE-----").unwrap();
    let inner = opened(home.path(), &format!("-----BEGIN PGP MESSAGE-----{sealed}"));
    assert!(inner.starts_with("Subject: ") && inner.contains("protected-headers=\"v1\""), "{inner}");
    let whole = Command::new(python())
        .args(["-c", "import email, email.policy, sys\nm = email.message_from_file(open(sys.argv[1], newline=''), policy=email.policy.default)\nprint(m['subject'])\nprint(m.get_body(('plain',)).get_content())"])
        .arg({
            let file = home.path().join("inner.eml");
            fs::write(&file, &inner).unwrap();
            file
        })
        .output()
        .unwrap();
    let said = String::from_utf8(whole.stdout).unwrap();
    for told in ["offered for sale", "c001", "H01 (Hosting One)", "500 USD", case.as_str()] {
        assert!(said.contains(told), "{told} is not in {said}{}", String::from_utf8_lossy(&whole.stderr));
    }
    assert!(!said.contains(&pan) && !said.contains(&email), "whole values are not even there");
    let verified = installation.rows(&["evidence", "verify"]);
    assert!(verified.iter().all(|row| row["ok"] == true), "{verified:?}");
}

const VERIFY: &str = "import dkim, sys
record = sys.argv[2].encode()
ok = dkim.verify(open(sys.argv[1], 'rb').read(), dnsfunc=lambda name, timeout=5: record if name.startswith(b'dyepack._domainkey.test-bank.example') else None)
print('good' if ok else 'bad')";

fn verified(message: &[u8], record: &str) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), message).unwrap();
    let output = Command::new(python()).args(["-c", VERIFY]).arg(file.path()).arg(record).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned() + &String::from_utf8_lossy(&output.stderr)
}

async fn signing(key: String) -> Result<Mailer, MailError> {
    let dkim =
        DkimOptions { domain: "test-bank.example".to_owned(), selector: "dyepack".to_owned(), key: Secret::new(key) };
    Mailer::new(MailOptions {
        url: "smtp://127.0.0.1:25".parse().unwrap(),
        from: "dyepack <dyepack@test-bank.example>".to_owned(),
        user: None,
        password: None,
        dkim: Some(dkim),
        patience: None,
    })
    .await
}

#[tokio::test]
async fn another_program_verifies_the_signatures_and_sees_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let pem = folder.path().join("rsa.pem");
    let made = Command::new("openssl").args(["genrsa", "-traditional", "-out"]).arg(&pem).arg("2048").output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let public = Command::new("openssl").args(["rsa", "-pubout", "-outform", "DER", "-in"]).arg(&pem).output().unwrap();
    let coded = |bytes: &[u8]| {
        let mut child = Command::new("base64").arg("-w0").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), bytes).unwrap();
        drop(child.stdin.take());
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    };
    // RFC 8032 §7.1, test 1.
    let secret = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let point = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    let bytes = |hex: &str| -> Vec<u8> {
        (0..32).map(|at| u8::from_str_radix(hex.get(at * 2..at * 2 + 2).unwrap(), 16).unwrap()).collect()
    };
    let keys = [
        (fs::read_to_string(&pem).unwrap(), format!("v=DKIM1; k=rsa; p={}", coded(&public.stdout))),
        (coded(&bytes(secret)), format!("v=DKIM1; k=ed25519; p={}", coded(&bytes(point)))),
    ];
    for (key, record) in keys {
        let mailer = signing(key).await.unwrap();
        let message = mailer.render(&super::mail()).unwrap();
        assert_eq!(verified(&message, &record), "good", "{record}");
        let changed = String::from_utf8(message).unwrap().replacen("Subject: ", "Subject: Re: ", 1);
        assert!(!verified(changed.as_bytes(), &record).starts_with("good"));
    }
    let error = signing("nonsense".to_owned()).await.unwrap_err().to_string();
    assert!(error.contains("dkim_key_file") && !error.contains("nonsense"), "{error}");
}
