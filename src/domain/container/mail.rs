//! Mail to members: its header, its bodies decoded, its attachments; mailboxes to mails.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Cursor, Read};

use mail_parser::{Addr, Address, HeaderValue, Message, MessageParser, MimeHeaders as _, PartType};

use super::body::{Body, read_whole};
use super::{Origin, Place, Unpacker, push_inline};

/// Parts read of one mail.
const PARTS: usize = 10_000;

impl Unpacker<'_> {
    pub(super) fn mail(&mut self, place: &Place, mut body: Box<dyn Body>) {
        let bytes = read_whole(&mut *body, self.order.limits.held_bytes);
        match MessageParser::default().parse(&bytes) {
            Some(message) => self.message(place, &message),
            None => self.give_body(place, &mut *body),
        }
    }

    fn message(&mut self, place: &Place, message: &Message<'_>) {
        if self.may_open_another(place) {
            self.give_text(&place.member(b":header"), &header(message));
        }
        if message.parts.len() > PARTS {
            self.odd("container-too-large", place, "a mail has more parts than the limits allow; its rest is left out");
        }
        for (index, part) in message.parts.iter().enumerate().take(PARTS) {
            if matches!(part.body, PartType::Multipart(_)) {
                continue;
            }
            if !self.may_open_another(place) {
                return;
            }
            let named = |fallback: &str| {
                let name = part.attachment_name().map_or_else(|| format!("{index}-{fallback}"), str::to_owned);
                place.member(name.as_bytes())
            };
            match &part.body {
                PartType::Text(text) if part.attachment_name().is_none() => {
                    self.give_text(&named("body.txt"), text);
                }
                PartType::Text(text) => self.open_stream(&named("body.txt"), &mut Cursor::new(text.as_bytes())),
                PartType::Html(text) => {
                    self.give(&named("body.html"), Origin::File, &mut Cursor::new(text.as_bytes()));
                }
                PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
                    self.open_stream(&named("attachment"), &mut Cursor::new(bytes));
                }
                PartType::Message(inner) => {
                    self.open_stream(&named("message.eml"), &mut Cursor::new(inner.raw_message()));
                }
                PartType::Multipart(_) => {}
            }
        }
    }

    /// Opens every mail of a mailbox.
    pub(super) fn mbox(&mut self, place: &Place, reader: &mut dyn Read) {
        let limit = self.order.limits.held_bytes;
        let mut reader = BufReader::with_capacity(1 << 16, reader);
        let (mut mail, mut line) = (Vec::new(), Vec::new());
        let mut number = 0_u32;
        loop {
            line.clear();
            let is_read = reader.by_ref().take(1 << 20).read_until(b'\n', &mut line);
            let is_end = !is_read.is_ok_and(|bytes| bytes > 0);
            if (is_end || line.starts_with(b"From ")) && !mail.is_empty() {
                number += 1;
                if !self.may_open_another(place) {
                    return;
                }
                self.open_stream(&place.member(format!("{number}.eml").as_bytes()), &mut Cursor::new(&mail));
                mail.clear();
            }
            if is_end {
                return;
            }
            if !line.starts_with(b"From ") && mail.len() as u64 <= limit {
                let quoted = line.strip_prefix(b">").filter(|rest| rest.trim_ascii_start().starts_with(b"From "));
                mail.extend_from_slice(quoted.unwrap_or(&line));
                if mail.len() as u64 > limit {
                    self.odd("member-too-large", place, "a mail grows beyond the limits; its beginning is searched");
                }
            }
        }
    }
}

/// Writes a mail's header out, as it stands and, where that differs, as it reads.
fn header(message: &Message<'_>) -> String {
    let mut lines = String::new();
    for (name, raw) in message.headers_raw() {
        let _ = write!(lines, "{name}: ");
        push_inline(&mut lines, raw.trim());
        lines.push('\n');
    }
    for header in message.headers() {
        let read = match &header.value {
            HeaderValue::Address(address) => addresses(address),
            HeaderValue::Text(text) => text.to_string(),
            HeaderValue::TextList(texts) => texts.join(" "),
            HeaderValue::DateTime(_) | HeaderValue::ContentType(_) | HeaderValue::Received(_) | HeaderValue::Empty => {
                continue;
            }
        };
        if !read.is_ascii() {
            push_inline(&mut lines, &read);
            lines.push('\n');
        }
    }
    lines
}

fn addresses(address: &Address<'_>) -> String {
    let shown = |addr: &Addr<'_>| {
        format!("{} {}", addr.name.as_deref().unwrap_or_default(), addr.address.as_deref().unwrap_or_default())
    };
    address.iter().map(shown).collect::<Vec<_>>().join(", ")
}
