//! Puts a mail into MIME: one `multipart/alternative`, ASCII only, the same bytes for the same mail; or, for a contact with
//! an OpenPGP key, that sealed in `multipart/encrypted` (RFC 3156) with its subject inside (RFC 9788).

use std::time::SystemTime;

use lettre::Message;
use lettre::message::header::{ContentDisposition, ContentType, HeaderName, HeaderValue, Headers, Subject};
use lettre::message::{Mailbox, MultiPart, MultiPartKind, SinglePart};

use super::dkim::Signer;
use super::error::MailError;
use super::openpgp::Recipient;
use crate::domain::alert::{AlertMail, Sealed};

/// Reads `Name <local@host>` or `local@host`.
pub(super) fn mailbox(text: &str) -> Option<Mailbox> {
    if text.chars().any(char::is_control) {
        return None;
    }
    text.trim().parse().ok()
}

/// Renders a mail.
///
/// The boundary comes from the Message-ID and the date from the mail, so that rendering twice gives the same bytes; no
/// body line can look like it, because the bodies are encoded and hold no Message-ID.
pub(super) fn render(mail: &AlertMail, from: &Mailbox, signer: Option<&Signer>) -> Result<Vec<u8>, MailError> {
    let to = mailbox(&mail.to).ok_or(MailError::Recipient)?;
    let subject = mail.sealed.as_ref().map_or(&mail.subject, |sealed| &sealed.subject);
    let mut builder = Message::builder()
        .from(from.clone())
        .to(to)
        .date(SystemTime::from(mail.date))
        .message_id(Some(mail.message_id.clone()))
        .subject(subject.clone());
    if let Some(root) = &mail.thread_root {
        builder = builder.in_reply_to(root.clone()).references(root.clone());
    }
    let headers = [("Content-Language".to_owned(), mail.language_tag.clone())];
    for (name, value) in mail.headers.iter().chain(&headers) {
        builder = builder.raw_header(header(name, value)?);
    }
    let alternatives = MultiPart::builder()
        .kind(MultiPartKind::Alternative)
        .boundary(boundary(&mail.message_id))
        .singlepart(part(ContentType::TEXT_PLAIN, &mail.text))
        .singlepart(part(ContentType::TEXT_HTML, &mail.html));
    let body = match &mail.sealed {
        Some(sealed) => seal(&alternatives, sealed, mail)?,
        None => alternatives,
    };
    let mut message = builder.multipart(body).map_err(|error| MailError::Mime { reason: error.to_string() })?;
    if let Some(signer) = signer {
        signer.sign(&mut message);
    }
    Ok(message.formatted())
}

/// Encrypts both alternatives and the true subject to the contact's key.
fn seal(alternatives: &MultiPart, sealed: &Sealed, mail: &AlertMail) -> Result<MultiPart, MailError> {
    let recipient = Recipient::read(&sealed.key, mail.date).map_err(MailError::Key)?;
    let mut protected = Headers::new();
    protected.set(Subject::from(mail.subject.clone()));
    let mut plain = protected.to_string().into_bytes();
    let inner = String::from_utf8_lossy(&alternatives.formatted()).replacen(
        "multipart/alternative;",
        "multipart/alternative; protected-headers=\"v1\";",
        1,
    );
    plain.extend_from_slice(inner.as_bytes());
    let armored = recipient.encrypt(&plain).map_err(|reason| MailError::Mime { reason })?;
    let kind = |text: &str| ContentType::parse(text).map_err(|error| MailError::Mime { reason: error.to_string() });
    let protocol = "application/pgp-encrypted";
    Ok(MultiPart::builder()
        .kind(MultiPartKind::Encrypted { protocol: protocol.to_owned() })
        .boundary(format!("{}-sealed", boundary(&mail.message_id)))
        .singlepart(SinglePart::builder().header(kind(protocol)?).body("Version: 1\r\n".to_owned()))
        .singlepart(
            SinglePart::builder()
                .header(kind("application/octet-stream; name=\"encrypted.asc\"")?)
                .header(ContentDisposition::inline_with_name("encrypted.asc"))
                .body(armored.replace("\r\n", "\n").replace('\n', "\r\n")),
        ))
}

fn part(content_type: ContentType, body: &str) -> SinglePart {
    SinglePart::builder().header(content_type).body(body.to_owned())
}

fn header(name: &str, value: &str) -> Result<HeaderValue, MailError> {
    let broken = || MailError::Mime { reason: format!("the header {name:?} cannot be written") };
    if value.chars().any(char::is_control) {
        return Err(broken());
    }
    let name = HeaderName::new_from_ascii(name.to_owned()).map_err(|_| broken())?;
    Ok(HeaderValue::new(name, value.to_owned()))
}

fn boundary(message_id: &str) -> String {
    let word: String = message_id.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
    format!("dyepack=_{word}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail() -> AlertMail {
        AlertMail {
            to: "soc@example-bank.example".to_owned(),
            subject: "示例银行：3 条预埋记录".to_owned(),
            text: "第一行\nsecond line\n.\nFrom here\n".to_owned(),
            html: format!("<!doctype html><p>{}</p>", "ж".repeat(2_000)),
            message_id: "<a-1@dyepack.localhost>".to_owned(),
            thread_root: Some("<a-0@dyepack.localhost>".to_owned()),
            date: "2026-11-20T14:05:00Z".parse().unwrap(),
            language_tag: "zh-CN".to_owned(),
            headers: vec![("Auto-Submitted".to_owned(), "auto-generated".to_owned())],
            sealed: None,
        }
    }

    fn sender() -> Mailbox {
        mailbox("dyepack <dyepack@localhost>").unwrap()
    }

    #[test]
    fn a_mail_is_ascii_with_short_lines_and_renders_the_same_twice() {
        let bytes = render(&mail(), &sender(), None).unwrap();
        assert_eq!(bytes, render(&mail(), &sender(), None).unwrap());
        assert!(bytes.is_ascii());
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.split("\r\n").all(|line| line.len() <= 78 && !line.contains(['\r', '\n'])), "{text}");
        for field in [
            "From: dyepack <dyepack@localhost>",
            "To: soc@example-bank.example",
            "Date: Fri, 20 Nov 2026 14:05:00 +0000",
            "Message-ID: <a-1@dyepack.localhost>",
            "In-Reply-To: <a-0@dyepack.localhost>",
            "References: <a-0@dyepack.localhost>",
            "Auto-Submitted: auto-generated",
            "MIME-Version: 1.0",
            "Content-Language: zh-CN",
        ] {
            assert!(text.contains(&format!("{field}\r\n")), "{field} is not in\n{text}");
        }
    }

    #[test]
    fn a_line_break_in_a_field_is_refused_or_encoded() {
        let hostile = "x\r\nBcc: all@example.org";
        assert!(matches!(
            render(&AlertMail { to: hostile.to_owned(), ..mail() }, &sender(), None),
            Err(MailError::Recipient)
        ));
        let headers = vec![("X-Dyepack-Case".to_owned(), hostile.to_owned())];
        assert!(matches!(render(&AlertMail { headers, ..mail() }, &sender(), None), Err(MailError::Mime { .. })));
        assert!(mailbox(&format!("dyepack <a@b>{hostile}")).is_none());
        let subject =
            String::from_utf8(render(&AlertMail { subject: hostile.to_owned(), ..mail() }, &sender(), None).unwrap());
        assert!(!subject.unwrap().contains("\r\nBcc"));
    }
}
