//! A forum that tests crawl: MyBB-shaped pages made from a seed, served by plain threads on loopback.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

/// Posts on one page of a thread.
const POSTS_PER_PAGE: usize = 10;
/// Threads on one page of a board.
const THREADS_PER_PAGE: usize = 20;

/// What is on the forum: each thread is a list of post bodies (HTML).
#[derive(Debug, Clone, Default)]
pub(crate) struct Content {
    pub(crate) threads: Vec<Vec<String>>,
}

/// A forum that listens until it is dropped.
#[derive(Debug)]
pub(crate) struct Forum {
    pub(crate) address: SocketAddr,
    pub(crate) requests: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    server: Option<JoinHandle<()>>,
}

impl Forum {
    /// Serves the content on a free loopback port.
    pub(crate) fn serve(content: Content) -> Self {
        Self::serve_pages(move |target| page(&content, target))
    }

    /// Serves what a function makes of each address, nothing where it makes nothing.
    pub(crate) fn serve_pages(page_at: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let requests = Arc::new(AtomicU64::new(0));
        let page_at = Arc::new(page_at);
        let server = std::thread::spawn({
            let (stop, requests) = (Arc::clone(&stop), Arc::clone(&requests));
            move || {
                for stream in listener.incoming() {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    let (Ok(stream), page_at, requests) = (stream, Arc::clone(&page_at), Arc::clone(&requests)) else {
                        continue;
                    };
                    std::thread::spawn(move || drop(converse(&stream, &*page_at, &requests)));
                }
            }
        });
        Self { address, requests, stop, server: Some(server) }
    }

    /// Returns the start page's address.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/index.php", self.address)
    }
}

impl Drop for Forum {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(server) = self.server.take() {
            drop(server.join());
        }
    }
}

fn converse(
    stream: &TcpStream,
    page_at: &impl Fn(&str) -> Option<String>,
    requests: &AtomicU64,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut request = String::new();
        if reader.read_line(&mut request)? == 0 {
            return Ok(());
        }
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header)? == 0 || header == "\r\n" {
                break;
            }
        }
        requests.fetch_add(1, Ordering::SeqCst);
        let target = request.split(' ').nth(1).unwrap_or("/");
        let (status, body) = match page_at(target) {
            Some(body) => ("200 OK", body),
            None => ("404 Not Found", "nothing here".to_owned()),
        };
        let mut answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        answer.extend_from_slice(body.as_bytes());
        (&mut &*stream).write_all(&answer)?;
    }
}

pub(crate) fn number(query: &str, name: &str) -> Option<usize> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
}

/// Returns what is at an address of the forum.
pub(crate) fn page(content: &Content, target: &str) -> Option<String> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let asked = number(query, "page").unwrap_or(1).max(1);
    match path {
        "/" | "/index.php" => Some(frame(
            "Index",
            "<table><tr><td><strong><a href=\"forumdisplay.php?fid=2\">Databases</a></strong></td></tr></table>",
        )),
        "/forumdisplay.php" if number(query, "fid") == Some(2) => Some(board(content, asked)),
        "/showthread.php" => {
            let tid = number(query, "tid")?;
            Some(thread(tid, content.threads.get(tid.checked_sub(1)?)?, asked))
        }
        _ => None,
    }
}

fn board(content: &Content, asked: usize) -> String {
    let mut rows = String::new();
    let ids = 1..=content.threads.len();
    for tid in ids.skip((asked - 1) * THREADS_PER_PAGE).take(THREADS_PER_PAGE) {
        let posts = content.threads[tid - 1].len();
        let _ = write!(
            rows,
            "<tr class=\"inline_row\"><td><span class=\"thread_status folder\"></span></td><td>\
             <span class=\"subject_new\" id=\"tid_{tid}\"><a href=\"showthread.php?tid={tid}\">Thread {tid}</a></span>\
             <div class=\"author smalltext\"><a href=\"member.php?action=profile&amp;uid=7\">seller{tid}</a></div>\
             <span class=\"thread_start_datetime smalltext\">11-01-2026, 10:00 AM</span></td>\
             <td><a href=\"misc.php?action=whoposted&amp;tid={tid}\">{}</a></td><td>99</td>\
             <td><span class=\"lastpost smalltext\">11-01-2026, 11:00 AM<br /><a href=\"showthread.php?tid={tid}&amp;action=lastpost\">Last Post</a></span></td></tr>",
            posts - 1
        );
    }
    let next = if asked * THREADS_PER_PAGE < content.threads.len() {
        format!(
            "<div class=\"pagination\"><a href=\"forumdisplay.php?fid=2&amp;page={}\" class=\"pagination_next\">Next »</a></div>",
            asked + 1
        )
    } else {
        String::new()
    };
    frame("Databases", &format!("{next}<table class=\"tborder\"><tbody>{rows}</tbody></table>{next}"))
}

fn thread(tid: usize, bodies: &[String], asked: usize) -> String {
    let mut posts = String::new();
    for (at, body) in bodies.iter().enumerate().skip((asked - 1) * POSTS_PER_PAGE).take(POSTS_PER_PAGE) {
        let pid = tid * 1000 + at;
        let _ = writeln!(
            posts,
            "<div class=\"post\" id=\"post_{pid}\"><div class=\"post_author\"><div class=\"author_information\"><strong><span class=\"largetext\">\
             <a href=\"member.php?action=profile&amp;uid=7\">seller{tid}</a></span></strong></div></div><div class=\"post_content\">\
             <div class=\"post_head\"><div class=\"float_right\"><strong><a href=\"showthread.php?tid={tid}&amp;pid={pid}#pid{pid}\">#{}</a></strong></div>\
             <span class=\"post_date\">11-01-2026, 10:{:02} AM</span></div><div class=\"post_body\" id=\"pid_{pid}\">{body}</div></div></div>",
            at + 1,
            at % 60
        );
    }
    let next = if asked * POSTS_PER_PAGE < bodies.len() {
        format!(
            "<div class=\"pagination\"><a href=\"showthread.php?tid={tid}&amp;page={}\" class=\"pagination_next\">Next »</a></div>",
            asked + 1
        )
    } else {
        String::new()
    };
    frame(
        &format!("Thread {tid}"),
        &format!(
            "<div class=\"navigation\"><a href=\"forumdisplay.php?fid=2\">Databases</a> / <span class=\"active\">Thread {tid}</span></div>{next}<div id=\"posts\">{posts}</div>{next}"
        ),
    )
}

fn frame(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title>Test forum - {title}</title><script>var my_post_key = \"0\"; MyBB = {{}};</script></head>\
         <body><div id=\"container\">{body}</div><div id=\"footer\">Powered By <a href=\"https://mybb.com\">MyBB</a> Current time: 11-21-2026, 08:00 PM</div></body></html>"
    )
}
