//! Real Tor and I2P routers in private networks on this machine: what is crawled, what is refused, who is blamed.
//!
//! The networks are started by tools beside the project and need Debian's `tor` and `i2pd`; where one is missing its test
//! says so on stderr and passes.
#![expect(clippy::print_stderr, reason = "a test that is skipped says so to whoever runs the tests")]

mod i2p;
mod leaks;
mod net;
mod tor;

use std::time::Duration;

use dyepack::domain::page::FetchedPage;
use dyepack::domain::source::Source;
use dyepack::ports::clock::Clock;
use dyepack::ports::fetch::{FetchError, FetchOptions, Fetched, Fetcher, Request, TimeLimits};

use crate::site::{Answer, Site, html, response};
use crate::world::forum::{Content, Forum};

/// Limits that fit a network on one machine.
fn limits() -> TimeLimits {
    TimeLimits {
        connection: Duration::from_secs(10),
        answer: Duration::from_secs(15),
        progress: Duration::from_secs(10),
        page: Duration::from_secs(40),
    }
}

fn fetcher(options: FetchOptions) -> Fetcher {
    Fetcher::new(FetchOptions { limits: limits(), ..options }, Clock::system())
}

/// A site that is in no hurry: our own.
fn source(url: &str) -> Source {
    let mut source = Source::from_url(url).unwrap();
    source.pace = Duration::ZERO;
    source.concurrency = 4;
    source
}

async fn fetch(fetcher: &Fetcher, source: &Source, path: &str) -> Result<FetchedPage, FetchError> {
    let url = source.start_url.join(path).unwrap();
    match fetcher.fetch(source, &Request::page(url)).await? {
        Fetched::Page(page) => Ok(*page),
        Fetched::Unchanged => panic!("unchanged"),
    }
}

/// A forum of `threads` threads with three posts each.
fn forum(threads: usize) -> Forum {
    let thread = |number: usize| (0..3).map(|post| format!("post {post} of thread {number}")).collect();
    Forum::serve(Content { threads: (0..threads).map(thread).collect() })
}

/// A site whose pages lead elsewhere.
async fn seducer(elsewhere: &str) -> Site {
    let elsewhere = elsewhere.to_owned();
    Site::start(move |asked| {
        let to = |target: &str| Answer::Whole(response("302 Found", &format!("Location: {target}\r\n"), b""));
        match asked.target.as_str() {
            "/to-the-open-web" => to("http://open-web.example/"),
            "/to-this-machine" => to(&elsewhere),
            "/to-another-onion" => to("http://pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion/"),
            _ => html(&format!(
                "<html><head><link rel=\"stylesheet\" href=\"http://styles.example/x.css\">\
                 <script src=\"http://scripts.example/x.js\"></script></head><body><img src=\"http://images.example/x.png\">\
                 <a href=\"http://open-web.example/showthread.php?tid=1\">there</a> <a href=\"{elsewhere}\">here</a>\
                 <a href=\"/to-the-open-web\">a</a> <a href=\"/to-this-machine\">b</a> <a href=\"/to-another-onion\">c</a>\
                 </body></html>"
            )),
        }
    })
    .await
}
