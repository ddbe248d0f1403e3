//! A forum as an engine sends it: pages of about 90 KB of which most is markup around twenty posts of usual length.
//!
//! The shape is MyBB's, the words are ours. Captured threads of real engines hold two to five bytes of post in a hundred bytes of page;
//! these hold about twelve.

use std::fmt::{Display, Write as _};

use super::forum::number;

/// Threads on one page of a board, posts on one page of a thread, pages of a thread.
const THREADS_A_PAGE: usize = 20;
const POSTS_A_PAGE: usize = 20;
const PAGES_A_THREAD: usize = 10;

/// What people write, a sentence each.
const SENTENCES: [&str; 24] = [
    "the archive was packed again last night, try the second mirror if the first is slow.",
    "Has anybody here ordered from him before? I would like to hear how long it took.",
    "vouch, got mine within an hour and every row checked out.",
    "Selling a fresh customer base of a regional lender, 120k lines, name, phone, address; escrow accepted.",
    "that screenshot is two years old, the columns are the same as in the dump of 2024.",
    "Please read the rules of this board before you bump a thread twice a day.",
    "price is 900 for the whole lot, I do not split it and I do not give samples to new accounts.",
    "I moved the tutorial to the other board, the links at the bottom of the first post are still good.",
    "does the sheet hold mail addresses or only phones?",
    "It rained the whole week, so I finally wrote the parser for those log files.",
    "order 4929 1834 was refunded, case 20260114 is closed.",
    "thanks, works on the latest version as well.",
    "求一份最近的样本，格式不限，价格好商量。",
    "出一手车主资料，十二万条，姓名电话地址都有，可走担保。",
    "这个帖子已经沉了，还有人在吗？",
    "昨天收到了，数据很新，推荐。",
    "版主请把这个帖子移到交易区，谢谢。",
    "没有人回答，价格不变。",
    "Продам базу клиентов, 80 тысяч строк, через гаранта.",
    "Кто-нибудь работал с ним раньше? Отзывы есть?",
    "Зеркало снова лежит, попробуйте завтра.",
    "Спасибо, всё пришло, проверил двадцать строк наугад.",
    "В правилах написано, что поднимать тему можно раз в сутки.",
    "Обновил первый пост, добавил список полей и дату выгрузки.",
];

/// Returns what is at an address of a forum of so many pages of threads.
pub(crate) fn page(pages: usize, target: &str) -> Option<String> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let asked = number(query, "page").unwrap_or(1).max(1);
    let threads = pages.div_ceil(PAGES_A_THREAD);
    match path {
        "/" | "/index.php" => Some(frame("Index", INDEX)),
        "/forumdisplay.php" if number(query, "fid") == Some(2) => Some(board(threads, asked)),
        "/showthread.php" => {
            number(query, "tid").filter(|tid| (1..=threads).contains(tid)).map(|tid| thread(tid, asked))
        }
        _ => None,
    }
}

/// A number that looks drawn, the same for the same place.
const fn drawn(tid: usize, at: usize, salt: usize) -> usize {
    let mixed = (tid * 1_000_003 + at * 8191 + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 33) ^ (mixed >> 47)
}

/// One post's words: a few sentences in paragraphs, now and then behind a quotation.
fn words(tid: usize, at: usize) -> String {
    let mut words = String::new();
    let sentence = |salt: usize| SENTENCES[drawn(tid, at, salt) % SENTENCES.len()];
    if at > 0 && drawn(tid, at, 91).is_multiple_of(4) {
        let before = tid * 1000 + at - 1;
        let _ = writeln!(
            words,
            "<blockquote class=\"mycode_quote\"><cite><span> (01-14-2026, 09:27 AM)</span>member{} Wrote: \
             <a href=\"showthread.php?pid={before}#pid{before}\" class=\"quick_jump\"></a></cite>{}</blockquote><br />",
            drawn(tid, at - 1, 7) % 60,
            SENTENCES[drawn(tid, at - 1, 1) % SENTENCES.len()]
        );
    }
    for number in 0..3 + drawn(tid, at, 3) % 8 {
        let end = if drawn(tid, at, number + 40).is_multiple_of(3) { "<br />\n<br />\n" } else { " " };
        let _ = write!(words, "{}{end}", sentence(number + 1));
    }
    words
}

/// Writes values into a page's places, which look like `{name}`.
fn filled(page: &str, values: &[(&str, &dyn Display)]) -> String {
    let fill =
        |page: String, (name, value): &(&str, &dyn Display)| page.replace(&format!("{{{name}}}"), &value.to_string());
    values.iter().fold(page.trim_end().to_owned(), fill)
}

fn post(tid: usize, at: usize) -> String {
    let uid = drawn(tid, at, 7) % 60;
    filled(
        include_str!("pages/post.html"),
        &[
            ("pid", &(tid * 1000 + at)),
            ("tid", &tid),
            ("uid", &uid),
            ("posts", &(drawn(uid, 0, 1) % 900)),
            ("threads", &(drawn(uid, 0, 2) % 40)),
            ("standing", &(drawn(uid, 0, 3) % 70)),
            ("number", &(at + 1)),
            ("day", &format!("{:02}", 1 + at / 24 % 28)),
            ("hour", &format!("{:02}", 1 + at / 60 % 11)),
            ("minute", &format!("{:02}", at % 60)),
            ("words", &words(tid, at)),
        ],
    )
}

fn thread(tid: usize, asked: usize) -> String {
    let asked = asked.min(PAGES_A_THREAD);
    let pages = pagination(&format!("showthread.php?tid={tid}"), asked, PAGES_A_THREAD);
    let posts: String = ((asked - 1) * POSTS_A_PAGE..asked * POSTS_A_PAGE).map(|at| post(tid, at)).collect();
    let body = filled(include_str!("pages/thread.html"), &[("tid", &tid), ("pages", &pages), ("posts", &posts)]);
    frame(&format!("Thread {tid}"), &body)
}

fn board(threads: usize, asked: usize) -> String {
    let row = |tid: usize| {
        let (uid, replies) = (drawn(tid, 0, 7) % 60, PAGES_A_THREAD * POSTS_A_PAGE - 1);
        filled(include_str!("pages/row.html"), &[("tid", &tid), ("uid", &uid), ("replies", &replies)])
    };
    let rows: String = (1..=threads).skip((asked - 1) * THREADS_A_PAGE).take(THREADS_A_PAGE).map(row).collect();
    let pages = pagination("forumdisplay.php?fid=2", asked, threads.div_ceil(THREADS_A_PAGE));
    frame("Databases", &format!("{pages}<table class=\"tborder\"><tbody>{rows}</tbody></table>{pages}"))
}

/// The links to the pages of a list, as many as an engine shows.
fn pagination(address: &str, asked: usize, last: usize) -> String {
    let mut links = format!(
        "<!-- start: multipage -->\n<div class=\"pagination\">\n<span class=\"pages\">Pages ({last}):</span>\n"
    );
    let mut link = |page: usize, class: &str, words: &str| {
        let _ = write!(
            links,
            "<!-- start: multipage_page -->\n<a href=\"{address}&amp;page={page}\" class=\"pagination_{class}\">{words}</a>\n<!-- end: multipage_page -->"
        );
    };
    if asked > 1 {
        link(asked - 1, "previous", "&laquo; Previous");
    }
    for page in (asked.saturating_sub(3).max(1)..=(asked + 3).min(last)).filter(|page| *page != asked) {
        link(page, "page", &page.to_string());
    }
    if asked < last {
        link(asked + 1, "next", "Next &raquo;");
    }
    links.push_str("</div>\n<!-- end: multipage -->");
    links
}

const INDEX: &str = "<table class=\"tborder\"><tr><td><strong><a href=\"forumdisplay.php?fid=2\">Databases</a></strong></td></tr></table>";

/// What stands around every page: links, scripts, the form to log in, the foot.
fn frame(title: &str, body: &str) -> String {
    let (mut script, mut boards) = (String::new(), String::new());
    for number in 0..30 {
        let _ = writeln!(script, "\tlang.message_{number} = \"What the page says when message {number} is shown.\";");
    }
    for number in 0..30 {
        let _ = writeln!(boards, "<option value=\"{number}\" >-- Board number {number} of the forum</option>");
    }
    let frame = include_str!("pages/frame.html");
    filled(frame, &[("title", &title), ("script", &script), ("boards", &boards), ("body", &body)])
}
