//! The console in a browser: first start, triage by keyboard, revealing, collisions, tenants, accessibility.

mod browser;
mod flows;
mod managing;
mod sign_on;
mod tenants;

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use dyepack::domain::user::totp::Totp;
use jiff::Timestamp;

use crate::world::program::Installation;
pub(crate) use browser::Browser;

/// A console that runs until it is dropped.
pub(crate) struct Running {
    child: Child,
    /// Its address, without a slash at the end.
    pub(crate) base: String,
    /// The link that it printed: an administrator's.
    pub(crate) link: String,
    pub(crate) installation: Installation,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// Starts a command that serves a console, and waits until it has printed a link.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::configured(args, "")
    }

    /// The same, with a configuration.
    pub(crate) fn configured(args: &[&str], configuration: &str) -> Self {
        Self::with_files(args, configuration, &[])
    }

    /// The same, with files beside the configuration.
    pub(crate) fn with_files(args: &[&str], configuration: &str, files: &[(&str, &str)]) -> Self {
        let installation = Installation::new();
        std::fs::create_dir_all(installation.data()).unwrap();
        for (name, text) in files {
            std::fs::write(installation.data().join(name), text).unwrap();
        }
        std::fs::write(installation.data().join("dyepack.toml"), configuration).unwrap();
        let mut command = installation.command(&[args, &["--listen", "127.0.0.1:0"]].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (said, heard) = std::sync::mpsc::channel();
        for stream in [
            Box::new(child.stdout.take().unwrap()) as Box<dyn std::io::Read + Send>,
            Box::new(child.stderr.take().unwrap()),
        ] {
            let said = said.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    // Nobody listens any more once the link is known.
                    let _ = said.send(line);
                }
            });
        }
        drop(said);
        let mut before = Vec::new();
        let link = heard.iter().find_map(|line| {
            let link = line.split_whitespace().find(|word| word.contains("/welcome/")).map(str::to_owned);
            before.push(line);
            link
        });
        let link = link.unwrap_or_else(|| panic!("no link was printed:\n{}", before.join("\n")));
        let base = link.split_once("/welcome/").unwrap().0.to_owned();
        std::thread::spawn(move || heard.iter().for_each(drop));
        Self { child, base, link, installation }
    }

    /// The demo: two organizations with cases, and a link that logs an administrator in.
    pub(crate) fn demo() -> Self {
        Self::start(&["demo"])
    }

    pub(crate) fn page(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

/// Takes an invitation up in a browser: password, authenticator app, recovery codes. Returns the app.
pub(crate) async fn take_up(browser: &Browser, link: &str, password: &str) -> Totp {
    browser.go(link).await;
    browser.fill("input[name=password]", password).await;
    browser.fill("input[name=again]", password).await;
    browser.click("button.main").await;
    browser.wait(".qr").await;
    let secret = browser.text("code.secret").await;
    let totp = Totp::from_base32(secret.trim()).expect("the page shows the secret");
    browser.fill("input[name=code]", &totp.code_at(Timestamp::now())).await;
    browser.click("button.main").await;
    browser.wait(".codes").await;
    totp
}

/// Invites somebody as an administrator, in a browser; returns the link.
pub(crate) async fn invite(browser: &Browser, running: &Running, who: (&str, &str, &str)) -> String {
    let (name, role, organization) = who;
    browser.go(&running.page("/users")).await;
    browser.fill("form[action='/users/invite'].row input[name=name]", name).await;
    browser.script(&format!("document.querySelector('select[name=role]').value = '{role}'")).await;
    browser.script(&format!("document.querySelector('select[name=organization]').value = '{organization}'")).await;
    browser.click("form.row button.main").await;
    browser.wait("[data-link]").await;
    browser.text("[data-link]").await
}
