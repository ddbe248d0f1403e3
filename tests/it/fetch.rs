//! The fetcher against servers that are slow, endless, circular, broken or hostile.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dyepack::domain::page::FetchedPage;
use dyepack::domain::source::{Network, Source};
use dyepack::ports::clock::Clock;
use dyepack::ports::fetch::{
    Expect, FetchError, FetchOptions, Fetched, Fetcher, Phase, Proxy, Request, TimeLimits, validators,
};
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;

use crate::site::{Answer, Asked, Site, html, response};

fn options() -> FetchOptions {
    FetchOptions { page_limit_bytes: 1 << 20, attachment_limit_bytes: 2 << 20, ..FetchOptions::default() }
}

fn fetcher(options: FetchOptions) -> Fetcher {
    Fetcher::new(options, Clock::system())
}

async fn fetch(site: &Site, path: &str) -> Result<Fetched, FetchError> {
    let url = Url::parse(&site.base).unwrap().join(path).unwrap();
    fetcher(options()).fetch(&Source::from_url(&site.base).unwrap(), &Request::page(url)).await
}

fn page(fetched: Result<Fetched, FetchError>) -> FetchedPage {
    match fetched.unwrap() {
        Fetched::Page(page) => *page,
        Fetched::Unchanged => panic!("unchanged"),
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn redirect(to: &str) -> Answer {
    Answer::Whole(response("302 Found", &format!("Location: {to}\r\n"), b""))
}

#[tokio::test]
async fn a_page_comes_back_with_its_headers_and_honest_agent() {
    let site = Site::start(|_| html("<p>hello</p>")).await;
    let page = page(fetch(&site, "/index.php?a=1").await);
    assert_eq!((page.status, page.body.as_slice()), (200, b"<p>hello</p>".as_slice()));
    assert_eq!(page.media_type().as_deref(), Some("text/html"));
    let asked = &site.asked()[0];
    assert_eq!(asked.target, "/index.php?a=1");
    assert!(asked.header("user-agent").unwrap().starts_with("dyepack/"));
    assert!(asked.header("referer").is_none());
}

#[tokio::test]
async fn a_compressed_page_is_read_and_a_bomb_is_not() {
    let (small, bomb) = (gzip(&[b'a'; 1000]), gzip(&vec![b'a'; 4 << 20]));
    let site = Site::start(move |asked| {
        let body = if asked.target == "/bomb" { &bomb } else { &small };
        Answer::Whole(response("200 OK", "Content-Encoding: gzip\r\n", body))
    })
    .await;
    assert_eq!(page(fetch(&site, "/small").await).body, vec![b'a'; 1000]);
    assert_eq!(fetch(&site, "/bomb").await.unwrap_err(), FetchError::TooLarge { limit_bytes: 1 << 20 });
}

#[tokio::test]
async fn an_endless_body_and_a_declared_giant_stop_at_the_limit() {
    let site = Site::start(|asked| match asked.target.as_str() {
        "/declared" => Answer::Hang(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n".to_vec()),
        _ => Answer::Endless(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; 16_384]),
    })
    .await;
    for path in ["/declared", "/endless"] {
        assert_eq!(fetch(&site, path).await.unwrap_err().class(), "too-large", "{path}");
    }
}

#[tokio::test]
async fn a_head_without_end_and_a_line_of_a_hundred_megabytes_are_bounded() {
    let site = Site::start(|asked| match asked.target.as_str() {
        "/head" => Answer::Endless(
            b"HTTP/1.1 200 OK\r\n".to_vec(),
            b"X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(50),
        ),
        "/names" => Answer::Endless(b"HTTP/1.1 200 OK\r\nX-".to_vec(), vec![b'a'; 16_384]),
        "/chunk" => {
            Answer::Endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(), vec![b'f'; 16_384])
        }
        _ => Answer::Whole(response("200 OK", "", &vec![b'x'; 100 << 20])),
    })
    .await;
    for path in ["/head", "/names", "/chunk"] {
        let class = fetch(&site, path).await.unwrap_err().class();
        assert!(["protocol", "reset", "truncated", "encoding"].contains(&class.as_str()), "{path}: {class}");
    }
    assert_eq!(fetch(&site, "/line").await.unwrap_err(), FetchError::TooLarge { limit_bytes: 1 << 20 });
}

#[tokio::test]
async fn a_head_that_drips_in_runs_into_its_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let source = Source::from_url(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let drip = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        while stream.write_all(b"H").await.is_ok() {
            tick.tick().await;
        }
        std::future::pending::<()>().await;
    };
    let limits = TimeLimits { answer: Duration::from_millis(400), ..options().limits };
    let fetcher = fetcher(FetchOptions { limits, ..options() });
    let request = Request::page(source.start_url.clone());
    tokio::select! {
        outcome = fetcher.fetch(&source, &request) => {
            let class = outcome.unwrap_err().class();
            assert!(["timeout", "protocol"].contains(&class.as_str()), "{class}");
        }
        () = drip => {}
    }
}

#[tokio::test]
async fn a_proxy_s_code_names_the_fault_and_a_stranger_is_no_proxy() {
    let valid = "http://pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion/";
    for (code, expected) in [(0xf0, "site-unknown"), (0xf4, "key-wanted"), (0xf5, "key-wrong"), (0x05, "port-closed")] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::socks(listener.local_addr().unwrap().to_string());
        let names = async {
            let mut names = Vec::new();
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().await.unwrap();
                names.push(socks_greeting(&mut stream).await.0);
                stream.write_all(&[5, code, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
            }
            names
        };
        let source = Source::from_url(valid).unwrap();
        let fetcher = fetcher(FetchOptions { tor: Some(proxy), ..options() });
        let request = Request::page(source.start_url.clone());
        let (names, answer) = tokio::join!(names, fetcher.fetch(&source, &request));
        assert_eq!(answer.unwrap_err().class(), expected, "{code:#x}");
        assert_eq!(names[0], names[1], "the same circuit is asked why");
    }
    let stranger = Site::start(|_| html("no proxy")).await;
    let address = stranger.base.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let limits = TimeLimits { connection: Duration::from_millis(500), ..options().limits };
    let fetcher = fetcher(FetchOptions { tor: Some(Proxy::socks(address)), limits, ..options() });
    let error = fetcher.try_lane(Network::Tor).await.unwrap_err();
    assert_eq!(error.route(), Some(Network::Tor), "{error}");
}

#[tokio::test]
async fn attachments_may_be_larger_than_pages() {
    let site = Site::start(|_| Answer::Whole(response("200 OK", "", &vec![b'x'; 3 << 19]))).await;
    let source = Source::from_url(&site.base).unwrap();
    let ask = |expect| Request { expect, ..Request::page(source.start_url.clone()) };
    let fetcher = fetcher(options());
    assert!(fetcher.fetch(&source, &ask(Expect::Attachment)).await.is_ok());
    assert_eq!(fetcher.fetch(&source, &ask(Expect::Page)).await.unwrap_err().class(), "too-large");
}

#[tokio::test]
async fn a_server_that_says_nothing_runs_into_the_limit_of_its_phase() {
    let site = Site::start(|asked| match asked.target.as_str() {
        "/head" => Answer::Hang(b"HTTP/1.1 200 OK\r\nX-Slow".to_vec()),
        _ => Answer::Hang(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc".to_vec()),
    })
    .await;
    let source = Source::from_url(&site.base).unwrap();
    let limit = Duration::from_millis(300);
    let limits = options().limits;
    for (path, phase, limits) in [
        ("head", Phase::Answer, TimeLimits { answer: limit, ..limits }),
        ("body", Phase::Progress, TimeLimits { progress: limit, ..limits }),
    ] {
        let fetcher = fetcher(FetchOptions { limits, ..options() });
        let request = Request::page(source.start_url.join(path).unwrap());
        let error = fetcher.fetch(&source, &request).await.unwrap_err();
        assert_eq!(error, FetchError::Timeout { phase, limit });
    }
}

#[tokio::test]
async fn a_drip_of_bytes_runs_into_the_limit_of_the_page() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let source = Source::from_url(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let drip = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap();
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n").await;
        while stream.write_all(b"x").await.is_ok() {
            tick.tick().await;
        }
    };
    let limits = TimeLimits { page: Duration::from_millis(400), ..options().limits };
    let fetcher = fetcher(FetchOptions { limits, ..options() });
    let request = Request::page(source.start_url.clone());
    tokio::select! {
        outcome = fetcher.fetch(&source, &request) => {
            assert_eq!(outcome.unwrap_err(), FetchError::Timeout { phase: Phase::Page, limit: limits.page });
        }
        () = drip => panic!("the fetcher hung up before its limit"),
    }
}

#[tokio::test]
async fn a_truncated_body_is_never_a_page() {
    let site = Site::start(|asked| {
        let zipped = response("200 OK", "Content-Encoding: gzip\r\n", &gzip(&[b'a'; 4000]));
        match asked.target.as_str() {
            "/short" => Answer::Cut(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc".to_vec()),
            "/chunked" => {
                Answer::Cut(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n5\r\nab".to_vec())
            }
            "/gzip" => Answer::Cut(zipped[..zipped.len() - 9].to_vec()),
            "/unfinished-gzip" => {
                let cut = gzip(&[b'a'; 4000]);
                Answer::Whole(response("200 OK", "Content-Encoding: gzip\r\n", &cut[..cut.len() - 9]))
            }
            _ => Answer::Cut(Vec::new()),
        }
    })
    .await;
    for (path, class) in [
        ("/short", "truncated"),
        ("/chunked", "truncated"),
        ("/gzip", "truncated"),
        ("/unfinished-gzip", "truncated"),
        ("/dropped", "reset"),
    ] {
        assert_eq!(fetch(&site, path).await.unwrap_err().class(), class, "{path}");
    }
}

#[tokio::test]
async fn what_cannot_be_decompressed_is_said_so() {
    let site = Site::start(|asked| match asked.target.as_str() {
        "/unknown" => Answer::Whole(response("200 OK", "Content-Encoding: rot13\r\n", b"uryyb")),
        _ => Answer::Whole(response("200 OK", "Content-Encoding: gzip\r\n", b"this is no gzip at all, not one bit")),
    })
    .await;
    for path in ["/unknown", "/liar"] {
        assert_eq!(fetch(&site, path).await.unwrap_err().class(), "encoding", "{path}");
    }
}

#[tokio::test]
async fn redirects_on_the_site_are_followed_and_told_by_their_last_address() {
    let site = Site::start(|asked| match asked.target.as_str() {
        "/a" => redirect("/b?x=1#part"),
        "/b?x=1" => redirect("c"),
        _ => html("here"),
    })
    .await;
    let page = page(fetch(&site, "/a").await);
    assert_eq!((page.requested.path(), page.url.path()), ("/a", "/c"));
}

#[tokio::test]
async fn circles_and_endless_redirects_are_told_apart() {
    let count = AtomicUsize::new(0);
    let site = Site::start(move |asked| match asked.target.as_str() {
        "/circle" => redirect("/circle2"),
        "/circle2" => redirect("/circle"),
        "/nowhere" => Answer::Whole(response("302 Found", "", b"")),
        _ => redirect(&format!("/on/{}", count.fetch_add(1, Ordering::SeqCst))),
    })
    .await;
    assert_eq!(fetch(&site, "/circle").await.unwrap_err(), FetchError::RedirectLoop);
    assert_eq!(fetch(&site, "/on").await.unwrap_err(), FetchError::TooManyRedirects { limit: 8 });
    assert_eq!(fetch(&site, "/nowhere").await.unwrap_err(), FetchError::BadRedirect { status: 302 });
}

#[tokio::test]
async fn a_site_that_sets_a_cookie_and_redirects_to_itself_is_no_circle() {
    let site = Site::start(|asked| match asked.header("cookie") {
        Some("seen=1") => html("welcome"),
        _ => Answer::Whole(response("302 Found", "Location: /\r\nSet-Cookie: seen=1; path=/\r\n", b"")),
    })
    .await;
    assert_eq!(page(fetch(&site, "/").await).body, b"welcome");
}

#[tokio::test]
async fn redirects_off_the_site_are_refused_before_any_connection() {
    let other = Site::start(|_| html("secret")).await;
    let target = other.base.clone();
    let site = Site::start(move |asked| match asked.target.as_str() {
        "/port" => redirect(&target),
        "/host" => redirect("http://localhost:1/"),
        "/onion" => redirect("http://abcdefghabcdefgh.onion/"),
        _ => redirect("file:///etc/passwd"),
    })
    .await;
    for path in ["/port", "/host", "/onion", "/file"] {
        assert_eq!(fetch(&site, path).await.unwrap_err().class(), "off-site", "{path}");
    }
    let error = fetch(&site, "/onion").await.unwrap_err().to_string();
    assert!(!error.contains("abcdefghabcdefgh"), "{error}");
    assert!(other.asked().is_empty());
}

#[tokio::test]
async fn an_answer_of_503_tells_how_long_to_wait() {
    let site = Site::start(|_| Answer::Whole(response("503 Busy", "Retry-After: 7\r\n", b"busy"))).await;
    let expected = FetchError::Http { status: 503, retry_after: Some(Duration::from_secs(7)) };
    assert_eq!(fetch(&site, "/").await.unwrap_err(), expected);
}

#[tokio::test]
async fn cookies_are_kept_for_a_source_and_not_shared_with_another() {
    let answer = |_: &Asked| Answer::Whole(response("200 OK", "Set-Cookie: sid=abc; path=/\r\n", b"x"));
    let (first, second) = (Site::start(answer).await, Site::start(answer).await);
    let fetcher = fetcher(options());
    for site in [&first, &first, &second] {
        let source = Source::from_url(&site.base).unwrap();
        fetcher.fetch(&source, &Request::page(source.start_url.clone())).await.unwrap();
    }
    let cookies =
        |site: &Site| site.asked().iter().map(|asked| asked.header("cookie").map(str::to_owned)).collect::<Vec<_>>();
    assert_eq!(cookies(&first), [None, Some("sid=abc".to_owned())]);
    assert_eq!(cookies(&second), [None]);
}

#[tokio::test]
async fn a_page_that_did_not_change_is_not_sent_again() {
    let site = Site::start(|asked| match asked.header("if-none-match") {
        Some("\"v1\"") => Answer::Whole(b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec()),
        _ => Answer::Whole(response("200 OK", "ETag: \"v1\"\r\n", b"text")),
    })
    .await;
    let source = Source::from_url(&site.base).unwrap();
    let fetcher = fetcher(options());
    let first = page(fetcher.fetch(&source, &Request::page(source.start_url.clone())).await);
    let (etag, last_modified) = validators(&first);
    let again = Request { etag, last_modified, ..Request::page(source.start_url.clone()) };
    assert!(matches!(fetcher.fetch(&source, &again).await, Ok(Fetched::Unchanged)));
}

#[tokio::test]
async fn a_304_that_nobody_asked_for_is_no_page() {
    let site = Site::start(|_| Answer::Whole(b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec())).await;
    assert_eq!(fetch(&site, "/").await.unwrap_err().class(), "http-304");
}

#[tokio::test]
async fn a_closed_port_and_an_answer_that_is_not_http_have_their_own_classes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = Source::from_url(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    let refused = fetcher(options()).fetch(&closed, &Request::page(closed.start_url.clone())).await.unwrap_err();
    assert_eq!(refused.class(), "refused");
    let site = Site::start(|_| Answer::Cut(b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec())).await;
    assert_eq!(fetch(&site, "/").await.unwrap_err().class(), "protocol");
}

#[tokio::test]
async fn hidden_services_without_a_proxy_are_refused_with_how_to_mend_it() {
    for (url, network, key) in
        [("http://abcdefgh.onion/", Network::Tor, "tor_socks"), ("http://forum.i2p/", Network::I2p, "i2p_http")]
    {
        let source = Source::from_url(url).unwrap();
        let error = fetcher(options()).fetch(&source, &Request::page(source.start_url.clone())).await.unwrap_err();
        assert_eq!(error, FetchError::NoRoute { network });
        assert!(error.to_string().contains(key));
    }
}

#[tokio::test]
async fn an_onion_name_goes_to_the_proxy_unresolved_with_the_circuit_of_its_source() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let socks = async {
        let mut seen = Vec::new();
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            seen.push(socks_request(&mut stream).await);
        }
        seen
    };
    let fetcher = fetcher(FetchOptions { tor: Some(Proxy::socks(address)), ..options() });
    let ask = async {
        for url in ["http://firstfirst.onion/", "http://secondsecond.onion/"] {
            let source = Source::from_url(url).unwrap();
            let answer = page(fetcher.fetch(&source, &Request::page(source.start_url.clone())).await);
            assert_eq!(answer.body, b"onion");
        }
    };
    let (seen, ()) = tokio::join!(socks, ask);
    assert_eq!((seen[0].1.as_str(), seen[1].1.as_str()), ("firstfirst.onion", "secondsecond.onion"));
    assert_ne!(seen[0].0, seen[1].0);
}

/// Plays a SOCKS5 proxy and a site for one request; returns the user name and the host asked for.
async fn socks_request(stream: &mut tokio::net::TcpStream) -> (String, String) {
    let asked = socks_greeting(stream).await;
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    stream.write_all(&response("200 OK", "", b"onion")).await.unwrap();
    asked
}

/// Plays a SOCKS5 proxy up to its answer; returns the user name and the host asked for.
async fn socks_greeting(stream: &mut tokio::net::TcpStream) -> (String, String) {
    let mut two = [0_u8; 2];
    stream.read_exact(&mut two).await.unwrap();
    let mut methods = vec![0_u8; usize::from(two[1])];
    stream.read_exact(&mut methods).await.unwrap();
    assert!(methods.contains(&2), "the proxy was offered no credentials");
    stream.write_all(&[5, 2]).await.unwrap();
    stream.read_exact(&mut two).await.unwrap();
    let mut user = vec![0_u8; usize::from(two[1])];
    stream.read_exact(&mut user).await.unwrap();
    let mut one = [0_u8; 1];
    stream.read_exact(&mut one).await.unwrap();
    let mut password = vec![0_u8; usize::from(one[0])];
    stream.read_exact(&mut password).await.unwrap();
    stream.write_all(&[1, 0]).await.unwrap();
    let mut five = [0_u8; 5];
    stream.read_exact(&mut five).await.unwrap();
    assert_eq!(five[3], 3, "the name was resolved before the proxy");
    let mut host = vec![0_u8; usize::from(five[4]) + 2];
    stream.read_exact(&mut host).await.unwrap();
    host.truncate(host.len() - 2);
    (String::from_utf8(user).unwrap(), String::from_utf8(host).unwrap())
}

#[tokio::test]
async fn a_proxy_that_is_down_is_not_blamed_on_the_site() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let fetcher = fetcher(FetchOptions { tor: Some(Proxy::socks(address)), ..options() });
    let source = Source::from_url("http://abcdefgh.onion/").unwrap();
    let error = fetcher.fetch(&source, &Request::page(source.start_url.clone())).await.unwrap_err();
    assert_eq!(error.route(), Some(Network::Tor), "{error}");
}
