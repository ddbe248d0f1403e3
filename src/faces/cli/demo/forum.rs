//! A small forum on loopback, in the shape of MyBB: boards, threads in pages of ten posts, attachments.
//!
//! Not here: what is said in it (`threads`). It answers GET only and knows nothing of the crawler.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::threads::{Board, DemoThread, Message};
use crate::domain::escape::html as escape;
use crate::ports::clock::Clock;

const POSTS_PER_PAGE: usize = 10;

/// The forum's content and the clock its dates are told by.
#[derive(Debug)]
pub(in crate::faces::cli) struct Forum {
    /// Boards in the order of the index.
    pub(in crate::faces::cli) boards: Vec<Board>,
    /// Threads of all boards, newest first.
    pub(in crate::faces::cli) threads: Vec<DemoThread>,
    /// Time, for relative dates and the clock in the footer.
    pub(in crate::faces::cli) clock: Clock,
}

/// A forum that listens.
#[derive(Debug)]
pub(in crate::faces::cli) struct RunningForum {
    /// Where.
    pub(in crate::faces::cli) address: SocketAddr,
    /// Its server, which ends when this is dropped.
    pub(in crate::faces::cli) server: JoinSet<()>,
}

impl Forum {
    /// Listens on a free loopback port and serves until what is returned is dropped.
    ///
    /// # Errors
    /// When no loopback port can be had.
    pub(in crate::faces::cli) async fn start(self) -> std::io::Result<RunningForum> {
        self.start_at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Listens at an address and serves until what is returned is dropped.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub(in crate::faces::cli) async fn start_at(self, address: SocketAddr) -> std::io::Result<RunningForum> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let router = Router::new()
            .route("/", get(index))
            .route("/index.php", get(index))
            .route("/forumdisplay.php", get(board))
            .route("/showthread.php", get(thread))
            .route("/attachment.php", get(attachment))
            .fallback(async || (StatusCode::NOT_FOUND, Html("<html><body>Not found</body></html>")))
            .with_state(Arc::new(self));
        let mut server = JoinSet::new();
        server.spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(RunningForum { address, server })
    }
}

#[derive(Debug, Default, Deserialize)]
struct Asked {
    fid: Option<u32>,
    tid: Option<u32>,
    aid: Option<u32>,
    page: Option<usize>,
}

async fn index(State(forum): State<Arc<Forum>>) -> Html<String> {
    let mut rows = String::new();
    for board in &forum.boards {
        let threads = forum.threads.iter().filter(|thread| thread.board == board.id).count();
        let _ = write!(
            rows,
            "<tr><td class=\"trow1\"><strong><a href=\"forumdisplay.php?fid={}\">{}</a></strong></td><td>{threads}</td></tr>",
            board.id,
            escape(board.name)
        );
    }
    Html(page(&forum, "Index", &format!("<table class=\"tborder\"><tbody>{rows}</tbody></table>")))
}

async fn board(State(forum): State<Arc<Forum>>, Query(asked): Query<Asked>) -> Html<String> {
    let Some(board) = forum.boards.iter().find(|board| Some(board.id) == asked.fid) else {
        return Html(page(&forum, "Error", "The specified forum does not exist."));
    };
    let mut rows = String::new();
    for thread in forum.threads.iter().filter(|thread| thread.board == board.id) {
        let last = thread.messages.last();
        let _ = write!(
            rows,
            "<tr class=\"inline_row\"><td><span class=\"thread_status folder\" title=\"No new posts.\"></span></td>\
             <td><span class=\"subject_new\" id=\"tid_{id}\"><a href=\"showthread.php?tid={id}\">{title}</a></span>\
             <div class=\"author smalltext\"><a href=\"member.php?action=profile\">{author}</a></div>\
             <span class=\"thread_start_datetime smalltext\">{created}</span></td>\
             <td><a href=\"misc.php?action=whoposted&amp;tid={id}\">{replies}</a></td><td>{views}</td>\
             <td><span class=\"lastpost smalltext\">{last}<br /><a href=\"showthread.php?tid={id}&amp;action=lastpost\">Last Post</a></span></td></tr>",
            id = thread.id,
            title = escape(&thread.title),
            author = escape(thread.messages.first().map_or("", |message| message.author)),
            created = thread.messages.first().map(|message| date(&forum, message)).unwrap_or_default(),
            replies = thread.messages.len().saturating_sub(1),
            views = thread.messages.len() * 37,
            last = last.map(|message| date(&forum, message)).unwrap_or_default(),
        );
    }
    let body = format!("<table class=\"tborder\"><tbody>{rows}</tbody></table>");
    Html(page(&forum, board.name, &body))
}

async fn thread(State(forum): State<Arc<Forum>>, Query(asked): Query<Asked>) -> Html<String> {
    let Some(thread) = forum.threads.iter().find(|thread| Some(thread.id) == asked.tid) else {
        return Html(page(&forum, "Error", "The specified thread does not exist."));
    };
    let pages = thread.messages.len().div_ceil(POSTS_PER_PAGE).max(1);
    let shown = asked.page.filter(|page| (1..=pages).contains(page)).unwrap_or(1);
    let board = forum.boards.iter().find(|board| board.id == thread.board);
    let mut body = format!(
        "<div class=\"navigation\"><a href=\"index.php\">Harbour Lights</a> / <a href=\"forumdisplay.php?fid={}\">{}</a> / \
         <span class=\"active\">{}</span></div><div id=\"posts\">",
        thread.board,
        escape(board.map_or("", |board| board.name)),
        escape(&thread.title)
    );
    for (number, message) in thread.messages.iter().enumerate().skip((shown - 1) * POSTS_PER_PAGE).take(POSTS_PER_PAGE)
    {
        body.push_str(&post(&forum, thread, message, number + 1));
    }
    body.push_str("</div>");
    if pages > 1 {
        let _ = write!(body, "<div class=\"pagination\"><span class=\"pages\">Pages ({pages}):</span> ");
        for number in 1..=pages {
            let _ = write!(
                body,
                "<a href=\"showthread.php?tid={}&amp;page={number}\" class=\"pagination_page\">{number}</a> ",
                thread.id
            );
        }
        if shown < pages {
            let _ = write!(
                body,
                "<a href=\"showthread.php?tid={}&amp;page={}\" class=\"pagination_next\">Next »</a>",
                thread.id,
                shown + 1
            );
        }
        body.push_str("</div>");
    }
    Html(page(&forum, &thread.title, &body))
}

fn post(forum: &Forum, thread: &DemoThread, message: &Message, number: usize) -> String {
    let attachments = message.attachment.as_ref().map_or_else(String::new, |file| {
        format!(
            "<br /><fieldset><legend><strong>Attached Files</strong></legend><a href=\"attachment.php?aid={}\">{}</a> (Size: {} bytes)</fieldset>",
            file.id,
            escape(file.name),
            file.bytes.len()
        )
    });
    format!(
        "<div class=\"post\" id=\"post_{id}\"><div class=\"post_author\"><div class=\"author_information\"><strong>\
         <span class=\"largetext\"><a href=\"member.php?action=profile\">{author}</a></span></strong></div></div>\
         <div class=\"post_content\"><div class=\"post_head\"><div class=\"float_right\"><strong>\
         <a href=\"showthread.php?tid={tid}&amp;pid={id}#pid{id}\">#{number}</a></strong></div>\
         <span class=\"post_date\">{date}</span></div>\
         <div class=\"post_body scaleimages\" id=\"pid_{id}\">{html}</div>{attachments}\
         <div class=\"signature scaleimages\">{signature}</div></div></div>\n",
        id = message.id,
        tid = thread.id,
        author = escape(message.author),
        date = date(forum, message),
        html = message.html,
        signature = escape(message.signature),
    )
}

async fn attachment(State(forum): State<Arc<Forum>>, Query(asked): Query<Asked>) -> Response {
    let files =
        forum.threads.iter().flat_map(|thread| &thread.messages).filter_map(|message| message.attachment.as_ref());
    match files.into_iter().find(|file| Some(file.id) == asked.aid) {
        Some(file) => (
            [
                (header::CONTENT_TYPE, file.media_type.to_owned()),
                (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", file.name)),
            ],
            file.bytes.clone(),
        )
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A page in the frame that all pages share.
fn page(forum: &Forum, title: &str, body: &str) -> String {
    let now = forum.clock.now().strftime("%m-%d-%Y, %I:%M %p").to_string();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Harbour Lights - {title}</title>\
         <script>var my_post_key = \"d41d8cd98f00b204e9800998ecf8427e\"; var rootpath = \"/\"; MyBB = {{}};</script></head><body>\
         <div id=\"container\"><div id=\"header\"><a href=\"index.php\">Harbour Lights</a>\
         <a href=\"member.php?action=login\">Login</a> <a href=\"search.php\">Search</a> <a href=\"calendar.php\">Calendar</a></div>\
         <div id=\"content\">{body}</div>\
         <div id=\"footer\">Powered By <a href=\"https://mybb.com\">MyBB</a>. <span id=\"current_time\"><strong>Current time:</strong> {now}</span>\
         <span>All times are UTC</span></div></div></body></html>\n",
        title = escape(title),
    )
}

/// A date as MyBB writes it: relative with the exact time in a title within the last hour, plain before.
fn date(forum: &Forum, message: &Message) -> String {
    let now = forum.clock.now();
    let at: Timestamp = now - SignedDuration::from_mins(message.minutes_ago);
    let exact = at.strftime("%m-%d-%Y, %I:%M %p");
    match message.minutes_ago {
        0..=59 => format!("<span title=\"{exact}\">{} minutes ago</span>", message.minutes_ago),
        _ => exact.to_string(),
    }
}
