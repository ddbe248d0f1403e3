//! What is said on the demo forum: offers with planted records among invented filler, requests, small talk.
//!
//! The planted rows come from the example watchlists, so that the demo finds exactly what those enrol.

use super::archive::zip_of;
use crate::domain::escape::html as escape;
use crate::domain::watchlist::{Canary, Watchlist};

/// A board of the forum.
#[derive(Debug)]
pub(in crate::faces::cli) struct Board {
    /// MyBB's `fid`.
    pub(in crate::faces::cli) id: u32,
    /// Its name.
    pub(in crate::faces::cli) name: &'static str,
}

/// A thread.
#[derive(Debug)]
pub(in crate::faces::cli) struct DemoThread {
    /// MyBB's `tid`.
    pub(in crate::faces::cli) id: u32,
    /// The board it is on.
    pub(in crate::faces::cli) board: u32,
    /// Its title.
    pub(in crate::faces::cli) title: String,
    /// Its posts, oldest first.
    pub(in crate::faces::cli) messages: Vec<Message>,
}

/// A post.
#[derive(Debug)]
pub(in crate::faces::cli) struct Message {
    /// MyBB's `pid`.
    pub(in crate::faces::cli) id: u32,
    /// Who wrote it.
    pub(in crate::faces::cli) author: &'static str,
    /// How long ago.
    pub(in crate::faces::cli) minutes_ago: i64,
    /// Its body.
    pub(in crate::faces::cli) html: String,
    /// What stands under each of the author's posts.
    pub(in crate::faces::cli) signature: &'static str,
    /// A file attached.
    pub(in crate::faces::cli) attachment: Option<File>,
}

/// An attached file.
#[derive(Debug)]
pub(in crate::faces::cli) struct File {
    /// MyBB's `aid`.
    pub(in crate::faces::cli) id: u32,
    /// Its name.
    pub(in crate::faces::cli) name: &'static str,
    /// Its media type.
    pub(in crate::faces::cli) media_type: &'static str,
    /// Its content.
    pub(in crate::faces::cli) bytes: Vec<u8>,
}

/// Returns the boards.
pub(in crate::faces::cli) fn boards() -> Vec<Board> {
    vec![Board { id: 2, name: "Databases" }, Board { id: 3, name: "Harbour talk" }]
}

/// Returns all threads, with records of the bank and of the insurer planted in them.
pub(in crate::faces::cli) fn threads(bank: &Watchlist, insurer: &Watchlist) -> Vec<DemoThread> {
    let mut writer = Writer::default();
    let bank_rows = rows(bank, 14);
    let insurer_rows = rows(insurer, 6);
    let (sample, rest) = bank_rows.split_at(bank_rows.len().min(4));
    let (chinese, spellings) = rest.split_at(rest.len().min(6));
    vec![
        writer.english_offer(sample),
        writer.chinese_offer(chinese),
        writer.russian_offer(&insurer_rows),
        writer.request(),
        writer.repost(sample, spellings),
        writer.small_talk(),
    ]
}

/// Rows of invented people whom nobody planted.
const FILLER: [&str; 5] = [
    "Alder Quince;0000 1122 3344 5566;+1 555 010 0031;alder.q@nowhere.example",
    "Maud Fennel;0000 9911 2233 4455;+1 555 010 0032;maud.f@nowhere.example",
    "Ilse Tarn;0000 7711 9922 3344;+1 555 010 0033;ilse.t@nowhere.example",
    "Bram Wicket;0000 5511 6622 8833;+1 555 010 0034;bram.w@nowhere.example",
    "Odo Lark;0000 3311 4422 5500;+1 555 010 0035;odo.l@nowhere.example",
];

fn rows(watchlist: &Watchlist, count: usize) -> Vec<&Canary> {
    watchlist.canaries.iter().filter(|canary| canary.retired_at.is_none()).take(count).collect()
}

fn field<'a>(canary: &'a Canary, names: &[&str]) -> &'a str {
    names.iter().find_map(|name| canary.fields.get(name)).unwrap_or("-")
}

/// A row as a seller pastes it.
fn line(canary: &Canary) -> String {
    [
        field(canary, &["name"]),
        field(canary, &["pan", "account", "iban"]),
        field(canary, &["phone"]),
        field(canary, &["email", "resident_id", "national_id", "passport"]),
    ]
    .join(";")
}

fn sample_block(canaries: &[&Canary]) -> String {
    let planted = canaries.iter().map(|canary| line(canary));
    let mut lines = Vec::new();
    for (at, row) in planted.enumerate() {
        lines.push(FILLER.get(at % FILLER.len()).copied().unwrap_or_default().to_owned());
        lines.push(row);
    }
    let body = lines.iter().map(|line| escape(line)).collect::<Vec<_>>().join("<br />\n");
    format!(
        "<div class=\"codeblock\"><div class=\"title\">Code:</div><div class=\"body\" dir=\"ltr\"><code>{body}</code></div></div>"
    )
}

/// Digits as full-width characters, as some sellers write them to slip past filters.
fn full_width(text: &str) -> String {
    let widen = |character: char| match character {
        '0'..='9' => char::from_u32(u32::from(character) - u32::from('0') + 0xff10).unwrap_or(character),
        other => other,
    };
    text.chars().map(widen).collect()
}

#[derive(Debug, Default)]
struct Writer {
    threads: u32,
    messages: u32,
    files: u32,
}

impl Writer {
    fn thread(&mut self, board: u32, title: &str, messages: Vec<Message>) -> DemoThread {
        self.threads += 1;
        DemoThread { id: 10 + self.threads, board, title: title.to_owned(), messages }
    }

    fn say(&mut self, author: &'static str, minutes_ago: i64, html: impl Into<String>) -> Message {
        self.messages += 1;
        let signature = if author == "harbourfox" { "Escrow always welcome." } else { "" };
        Message { id: 1000 + self.messages, author, minutes_ago, html: html.into(), signature, attachment: None }
    }

    fn english_offer(&mut self, sample: &[&Canary]) -> DemoThread {
        let offer = format!(
            "Selling a fresh customer base of a European bank, 2026, 1.2M rows, never sold before.<br />\n\
             Fields: name, card, phone, mail. Price: $1,800 for the whole base, escrow ok. Telegram @harbourfox_demo<br />\n\
             Sample:<br />\n{}",
            sample_block(sample)
        );
        let mut messages = vec![self.say("harbourfox", 190, offer)];
        let talk = [
            "Sent you a PM.",
            "Price is firm?",
            "Firm. Escrow or nothing.",
            "Looks old to me.",
            "Any discount for half?",
            "No.",
            "bump",
            "Is the field order always the same?",
            "Yes, always.",
            "Still for sale?",
            "Still here, one copy only.",
        ];
        for (at, words) in talk.into_iter().enumerate() {
            let author = if at % 2 == 0 { "quaylurker" } else { "harbourfox" };
            messages.push(self.say(author, 180 - 12 * i64::try_from(at).unwrap_or(0), words));
        }
        self.thread(2, "[SELLING] Bank customers 2026, fresh, sample inside", messages)
    }

    fn chinese_offer(&mut self, planted: &[&Canary]) -> DemoThread {
        let csv = planted.iter().fold("name;account;phone;id\n".to_owned(), |csv, canary| csv + &line(canary) + "\n");
        let (inside, packed) = planted.split_at(planted.len() / 2);
        let prose = inside
            .iter()
            .map(|canary| {
                escape(&format!(
                    "姓名：{}，卡号{}，手机{}",
                    field(canary, &["name"]),
                    field(canary, &["pan", "account", "iban"]),
                    field(canary, &["phone"])
                ))
            })
            .collect::<Vec<_>>()
            .join("<br />\n");
        let mut offer = self.say(
            "码头客",
            95,
            format!(
                "出售银行客户资料，一手，10万条，价格 3000 USDT，可走担保。样品：<br />\n{prose}<br />\n更多见附件。"
            ),
        );
        self.files += 1;
        if !packed.is_empty() {
            offer.attachment = Some(File {
                id: self.files,
                name: "sample.zip",
                media_type: "application/zip",
                bytes: zip_of("data/part1.csv", csv.as_bytes()),
            });
        }
        let reply = self.say("quaylurker", 40, "已私信，请回复。");
        self.thread(2, "出售 银行客户资料 10万条 一手", vec![offer, reply])
    }

    fn russian_offer(&mut self, planted: &[&Canary]) -> DemoThread {
        let offer = format!(
            "Продам базу клиентов страховой компании, 40 тыс. строк, свежая, в одни руки. Цена 25 000 ₽, гарант.<br />\nПример:<br />\n{}",
            sample_block(planted)
        );
        let messages =
            vec![self.say("северный_причал", 70, offer), self.say("quaylurker", 20, "Проверил, строки живые.")];
        self.thread(2, "Продам базу страховой, 40к строк", messages)
    }

    fn request(&mut self) -> DemoThread {
        let messages = vec![
            self.say("lampwright", 300, "Looking to buy leads from any insurer, budget 500 USD. PM me."),
            self.say("harbourfox", 250, "Nothing at the moment."),
        ];
        self.thread(2, "WTB insurance leads", messages)
    }

    /// The same records again: quoted, split by tags, in full-width digits; they must join the case, not open another.
    fn repost(&mut self, sample: &[&Canary], spellings: &[&Canary]) -> DemoThread {
        let quoted = sample.first().map(|canary| escape(&line(canary))).unwrap_or_default();
        let mut messages = vec![
            self.say("lampwright", 150, format!("Is this one real? Somebody posted:<blockquote class=\"mycode_quote\"><cite>harbourfox Wrote:</cite>{quoted}</blockquote>Asking before I waste my money.")),
            self.say("quaylurker", 120, "No idea, I would not touch it."),
        ];
        if let Some(canary) = spellings.first() {
            let wide = full_width(field(canary, &["pan", "account", "iban"]));
            messages.push(self.say(
                "lampwright",
                55,
                format!("He sent me another row: {} / <b>{}</b>", escape(field(canary, &["name"])), escape(&wide)),
            ));
        }
        self.thread(3, "Is that bank base real?", messages)
    }

    fn small_talk(&mut self) -> DemoThread {
        let messages = vec![
            self.say("lampwright", 900, "What are you reading this winter?"),
            self.say("quaylurker", 840, "Tide tables. Order no. 4929 1834 5521 came yesterday, at last."),
        ];
        self.thread(3, "Winter reading", messages)
    }
}
