//! The pages that links of mails lead to, served by the program: opening asks, pressing acts.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::outbox::decoded;
use super::sink::{self, Sink};
use crate::world::forum::{Content, Forum};
use crate::world::program::Installation;
use crate::world::{canary, write_watchlist};

/// A console that ends with the test.
struct Console {
    child: Child,
    port: u16,
}

impl Console {
    fn start(installation: &Installation, port: u16) -> Self {
        let listen = format!("127.0.0.1:{port}");
        let child = installation
            .command(&["serve", "--listen", &listen])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (console, since) = (Self { child, port }, Instant::now());
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(since.elapsed() < Duration::from_secs(20), "the console does not listen");
            std::thread::park_timeout(Duration::from_millis(20));
        }
        console
    }

    /// Asks once; returns the status and the whole answer.
    fn ask(&self, method: &str, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let host = format!("127.0.0.1:{}", self.port);
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer)
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The path of the one link of a mail.
fn path_of(mail: &str, base: &str) -> String {
    let text = decoded(mail);
    let line =
        text.lines().find_map(|line| line.trim().strip_prefix(base)).unwrap_or_else(|| panic!("no link in {text}"));
    line.to_owned()
}

#[test]
fn an_officer_confirms_an_address_and_acknowledges_a_case_in_a_browser() {
    let (sink, port) = (Sink::start(&[]), sink::free_port());
    let base = format!("http://127.0.0.1:{port}");
    let installation = Installation::new();
    let folder = tempfile::tempdir().unwrap();
    let watchlist = write_watchlist(folder.path(), 3);
    let watchlist = Path::to_str(&watchlist).unwrap();
    let run = |args: &[&str]| {
        let mut command = installation.command(args);
        let output =
            command.env("DYEPACK_CONSOLE_URL", &base).env("DYEPACK_MAIL_URL", sink.url("smtp")).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    run(&["watchlist", "import", "--confirm", watchlist]);
    let console = Console::start(&installation, port);
    let confirm = path_of(&sink.received()[0].text(), &base);
    for _ in 0..2 {
        let (status, page) = console.ask("GET", &confirm);
        assert!(status == 200 && page.contains("<form method=\"post\"") && page.contains("Test Bank"), "{page}");
        assert!(page.to_lowercase().contains("content-security-policy: default-src 'none'"), "{page}");
    }
    assert!(installation.run(&["contact", "list"]).status.code() == Some(1), "opening the page confirms nothing");
    let (status, page) = console.ask("POST", &confirm);
    assert!(status == 200 && page.contains("Confirmed"), "{page}");
    assert_eq!(installation.rows(&["contact", "list"])[0]["confirmed_by"], "link");
    assert_eq!(console.ask("POST", &confirm).0, 404, "once only");

    let (email, pan, phone) = canary(1);
    let body = format!("selling base, sample: Planted Person;{pan};{phone};{email}");
    let forum = Forum::serve(Content { threads: vec![vec![body]] });
    run(&["crawl", "--once", "--source", &forum.url()]);
    let mail = sink.received().pop().unwrap();
    let seen = path_of(&mail.text(), &base);
    assert!(console.ask("GET", &seen).1.contains("Have you seen"));
    assert_eq!(installation.rows(&["case", "list"])[0]["state"], "new");
    let (status, page) = console.ask("POST", &seen);
    assert!(status == 200 && page.contains("is acknowledged"), "{page}");
    assert!(console.ask("POST", &seen).1.contains("already"));
    assert_eq!(installation.rows(&["case", "list"])[0]["state"], "acknowledged");
    let tampered = seen.replace('.', "0.");
    assert_eq!(console.ask("POST", &tampered).0, 404);
}
