//! Mails and pages that ask: whether an address is right, whether a case was seen.
//!
//! Opening a link asks; only pressing the button on its page acts, so that programs that open every link of a mail
//! change nothing. A page says no more of a case than its id.

use jiff::Timestamp;

use super::clean::{one_line, word};
use super::facts::show_time;
use super::letter::{Action, Block, Letter, SUBJECT_CHARS, Section};
use super::phrases::{self, Phrases, Telling, fill};
use super::{Addressing, AlertMail, Tlp, finish, html};
use crate::domain::source::Zone;
use crate::domain::watchlist::Language;

/// The question that an address is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// Name of the organization that named it.
    pub organization_name: String,
    /// The organization's time zone.
    pub zone: Zone,
    /// Where it is answered, if there are web pages.
    pub address: Option<String>,
    /// What may be told to the operator instead.
    pub code: String,
    /// Until when.
    pub expires_at: Timestamp,
}

/// What the page of a link says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// Asks whether these cases were seen.
    AskSeen {
        /// Their ids.
        cases: Vec<String>,
    },
    /// They are acknowledged now.
    Seen {
        /// Their ids.
        cases: Vec<String>,
    },
    /// They were before.
    WasSeen {
        /// Their ids.
        cases: Vec<String>,
        /// Since when.
        at: Timestamp,
        /// The organization's time zone.
        zone: Zone,
    },
    /// Asks whether alerts are to go to the address.
    AskConfirm {
        /// Name of the organization.
        organization_name: String,
    },
    /// They do from now on.
    Confirmed {
        /// Name of the organization.
        organization_name: String,
    },
    /// The link has run out.
    Expired,
    /// There is no such link.
    Unknown,
}

/// Writes the mail that asks an address to confirm itself.
pub fn compose_question(question: &Question, addressing: &Addressing, now: Timestamp) -> AlertMail {
    let phrases = phrases::of(addressing.language);
    let telling = phrases::telling(addressing.language);
    let texts = &telling.confirm;
    let organization = one_line(&question.organization_name, 80);
    let said = |template: &str| fill(template, &[("org", &organization)]);
    let until = fill(texts.until, &[("time", &show_time(&question.zone, question.expires_at))]);
    let code = fill(texts.code, &[("code", &word(&question.code).to_ascii_uppercase())]);
    let action = question.address.clone().map(|address| Action {
        label: texts.button.to_owned(),
        address: Some(address),
        why: String::new(),
    });
    let subject = format!("[dyepack][{}] {}", Tlp::Clear.as_str(), said(texts.subject));
    let letter = Letter {
        subject: one_line(&subject, SUBJECT_CHARS),
        lead: said(texts.lead),
        notes: vec![texts.what.to_owned()],
        action,
        sections: vec![Section {
            heading: texts.title.to_owned(),
            blocks: vec![Block::Paragraph(code), Block::Paragraph(until), Block::Aside(texts.ignore.to_owned())],
        }],
        ..bare(texts.title, phrases)
    };
    let headers = vec![
        ("Auto-Submitted".to_owned(), "auto-generated".to_owned()),
        ("X-Auto-Response-Suppress".to_owned(), "All".to_owned()),
    ];
    finish(&letter, addressing, headers, now)
}

/// Writes a page: one self-contained document, with a button where it asks.
pub fn render(page: &Page, language: Language) -> String {
    let (phrases, telling) = (phrases::of(language), phrases::telling(language));
    html::render(&laid_out(page, phrases, telling))
}

fn laid_out(page: &Page, phrases: &'static Phrases, telling: &'static Telling) -> Letter {
    let texts = &telling.pages;
    // A heading does not break at this hyphen.
    let shown = |case: &String| word(case).replace('-', "\u{2011}");
    let named = |cases: &[String]| cases.iter().map(shown).collect::<Vec<_>>().join(phrases.comma);
    let of = |template: &str, name: &str| fill(template, &[("org", &one_line(name, 80))]);
    let press = |label: &str, why: &str| Some(Action { label: label.to_owned(), address: None, why: why.to_owned() });
    let (lead, action) = match page {
        Page::AskSeen { cases } => {
            (fill(texts.ask_case, &[("case", &named(cases))]), press(texts.press, texts.ask_case_why))
        }
        Page::Seen { cases } => (fill(texts.done_case, &[("case", &named(cases))]), None),
        Page::WasSeen { cases, at, zone } => {
            (fill(texts.was_done, &[("case", &named(cases)), ("time", &show_time(zone, *at))]), None)
        }
        Page::AskConfirm { organization_name } => {
            (of(texts.ask_address, organization_name), press(texts.press_address, telling.confirm.what))
        }
        Page::Confirmed { organization_name } => (of(texts.done_address, organization_name), None),
        Page::Expired => (texts.expired.to_owned(), None),
        Page::Unknown => (texts.unknown.to_owned(), None),
    };
    let notes = if action.is_none() { vec![texts.close.to_owned()] } else { Vec::new() };
    Letter { lead, notes, action, badges: Vec::new(), ..bare("dyepack", phrases) }
}

fn bare(title: &str, phrases: &'static Phrases) -> Letter {
    Letter {
        language_tag: phrases.tag,
        colon: phrases.colon,
        subject: String::new(),
        badges: vec![Tlp::Clear.as_str().to_owned()],
        title: title.to_owned(),
        lead: String::new(),
        notes: Vec::new(),
        action: None,
        facts: Vec::new(),
        sections: Vec::new(),
        footer: String::new(),
    }
}
