//! What other channels than mail are told: JSON for programs, messages for chats, CEF for a SIEM, an entry of a feed.
//!
//! The same content rules as for mails, from the same cleaned letter. Not here: signing and sending (`ports`, `services`).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::clean::{masked_value, one_line, site_label, word};
use super::facts::{CaseFacts, CustodianFact, Site};
use super::letter::{Action, Block, Letter};
use super::{AlertReason, phrases, plain};
use crate::domain::escape::html as escape_xml;
use crate::domain::matcher::EntryKind;
use crate::domain::severity::Severity;
use crate::domain::source::Network;
use crate::domain::watchlist::{ChannelKind, Language};

/// Most entries that a program is told by name.
const ENTRIES: usize = 200;

/// Which alert it is.
#[derive(Debug, Clone)]
pub struct Notice<'a> {
    /// Its id: the same at every try, so that a receiver can tell what it has seen.
    pub id: &'a str,
    /// Why it is sent.
    pub reason: AlertReason,
    /// In which language chats and feeds are told.
    pub language: Language,
    /// When it was written.
    pub at: Timestamp,
}

/// Writes what a channel is sent about a case.
pub fn compose_payload(kind: ChannelKind, facts: &CaseFacts, notice: &Notice<'_>) -> String {
    // What only an encrypted mail may say never goes to a channel.
    let unnamed = |custodian: &CustodianFact| CustodianFact { name: None, ..custodian.clone() };
    let custodians = facts.custodians.iter().map(unnamed).collect();
    let facts = &CaseFacts { custodians, sealed_to: None, ..facts.clone() };
    let sentences = (phrases::of(notice.language), phrases::telling(notice.language));
    let letter = || Letter::about(facts, notice.reason, sentences);
    match kind {
        ChannelKind::Webhook => document(facts, notice, &letter()).to_string(),
        ChannelKind::Slack => chat(&letter(), &SLACK).to_string(),
        ChannelKind::Mattermost => chat(&letter(), &MATTERMOST).to_string(),
        ChannelKind::Teams => card(&letter()).to_string(),
        ChannelKind::Syslog => syslog(facts, notice),
        ChannelKind::Atom => entry(&letter(), facts, notice),
    }
}

/// Writes what shows that the way to a channel works.
pub fn compose_test_payload(kind: ChannelKind, organization: &str, notice: &Notice<'_>) -> String {
    let letter = Letter::test(phrases::of(notice.language));
    let at = notice.at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ");
    match kind {
        ChannelKind::Webhook => {
            let (organization, at) = (word(organization), notice.at.to_string());
            json!({"version": 1, "id": notice.id, "type": "test", "at": at, "organization": organization}).to_string()
        }
        ChannelKind::Slack => chat(&letter, &SLACK).to_string(),
        ChannelKind::Mattermost => chat(&letter, &MATTERMOST).to_string(),
        ChannelKind::Teams => card(&letter).to_string(),
        ChannelKind::Syslog => format!(
            "<86>1 {at} - dyepack - {} - CEF:0|dyepack|dyepack|{}|test|Test|0|msg=Nothing has happened",
            word(notice.id),
            env!("CARGO_PKG_VERSION")
        ),
        ChannelKind::Atom => String::new(),
    }
}

fn document(facts: &CaseFacts, notice: &Notice<'_>, letter: &Letter) -> Value {
    let entries: Vec<Value> = facts
        .entries
        .iter()
        .take(ENTRIES)
        .map(|entry| {
            let values = entry.values.iter().take(8);
            let values: Vec<Value> =
                values.map(|value| json!({"field": word(&value.field), "masked": masked_value(value)})).collect();
            let kind = match entry.kind {
                EntryKind::Canary => "canary",
                EntryKind::Fingerprint => "fingerprint",
                EntryKind::Anchor => "anchor",
            };
            json!({"id": one_line(&entry.id, 64), "kind": kind, "values": values, "holders": codes(&entry.holders)})
        })
        .collect();
    let copies: Vec<Value> = facts
        .custodians
        .iter()
        .take(50)
        .map(|custodian| json!({"code": one_line(&custodian.code, 32), "entries": custodian.entries}))
        .collect();
    let price = facts.offer.as_ref().and_then(|offer| offer.price.as_ref()).filter(|price| price.amount.is_finite());
    json!({
        "version": 1,
        "id": notice.id,
        "type": format!("case.{}", notice.reason.as_str()),
        "at": notice.at.to_string(),
        "organization": word(&facts.organization.0),
        "case": word(&facts.case),
        "tlp": facts.tlp.as_str(),
        "summary": letter.lead,
        "severity": severity(facts).as_str(),
        "rule": facts.severity.as_ref().map(|weighed| word(&weighed.rule)),
        "offered": facts.offer.is_some(),
        "price": price.map(|price| json!({"amount": price.amount, "currency": word(&price.currency)})),
        "verdict": facts.verdict.as_ref().map(|verdict| verdict.verdict.as_str()),
        "records": facts.records(),
        "entries": entries,
        "entries_total": facts.entries.len(),
        "copies": copies,
        "copy": facts.copy.as_ref().map(|copy| json!({"verdict": copy.verdict, "codes": codes(&copy.codes), "error": copy.epsilon})),
        "sites": facts.sites().into_iter().take(50).map(site).collect::<Vec<_>>(),
        "first_seen_at": first_seen(facts).map(|at| at.to_string()),
        "acknowledge": facts.acknowledge,
    })
}

fn codes(codes: &[String]) -> Vec<String> {
    codes.iter().take(50).map(|code| one_line(code, 32)).collect()
}

fn site(site: &Site) -> Value {
    let network = match site.network {
        Network::Open => "open",
        Network::Tor => "tor",
        Network::I2p => "i2p",
    };
    json!({"label": site_label(site), "network": network})
}

fn first_seen(facts: &CaseFacts) -> Option<Timestamp> {
    facts.sightings.iter().map(|sighting| sighting.first_seen_at).min()
}

fn severity(facts: &CaseFacts) -> Severity {
    facts.severity.as_ref().map_or(Severity::Low, |weighed| weighed.severity)
}

/// How a chat writes.
struct Dialect {
    bold: &'static str,
    /// Takes from a text what the chat would make something of: markup, mentions, links.
    quiet: fn(&str) -> String,
    link: fn(&str, &str) -> String,
}

const SLACK: Dialect = Dialect {
    bold: "*",
    quiet: |text| {
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace(['*', '_', '~', '`'], " ")
    },
    link: |address, label| format!("<{address}|{label}>"),
};

const MATTERMOST: Dialect = Dialect {
    bold: "**",
    quiet: |text| text.replace('@', "(at)").replace(['*', '_', '~', '`', '<', '>', '[', ']', '|', '#', '!'], " "),
    link: |address, label| format!("[{label}]({address})"),
};

fn chat(letter: &Letter, dialect: &Dialect) -> Value {
    let (bold, quiet) = (dialect.bold, dialect.quiet);
    let mut lines = vec![quiet(&letter.badges.join(" · ")), format!("{bold}{}{bold}", quiet(&letter.lead))];
    lines.extend(letter.notes.iter().map(|note| quiet(note)));
    for (label, value) in &letter.facts {
        lines.push(format!("{}{}{}", quiet(label), letter.colon, quiet(value)));
    }
    lines.extend(copies(letter).iter().map(|line| quiet(line)));
    if let Some(Action { label, address: Some(address), .. }) = &letter.action {
        lines.push((dialect.link)(address, &quiet(label)));
    }
    json!({"text": lines.join("\n")})
}

/// What is said of whose copy it may be: the first section of a letter about a case.
fn copies(letter: &Letter) -> Vec<String> {
    let blocks = letter.sections.first().map_or(&[][..], |section| &section.blocks);
    let lines = blocks.iter().flat_map(|block| match block {
        Block::Paragraph(text) | Block::Aside(text) => vec![text.clone()],
        Block::List(items) => items.clone(),
        Block::Steps(_) | Block::Cards(_) => Vec::new(),
    });
    lines.collect()
}

fn card(letter: &Letter) -> Value {
    let text = |text: &str, weight: &str| json!({"type": "TextBlock", "text": (MATTERMOST.quiet)(text), "wrap": true, "weight": weight});
    let mut body = vec![text(&letter.badges.join(" · "), "Default"), text(&letter.lead, "Bolder")];
    body.extend(letter.notes.iter().map(|note| text(note, "Default")));
    let facts: Vec<Value> =
        letter.facts.iter().map(|(label, value)| json!({"title": label, "value": (MATTERMOST.quiet)(value)})).collect();
    body.push(json!({"type": "FactSet", "facts": facts}));
    body.extend(copies(letter).iter().map(|line| text(line, "Default")));
    let actions: Vec<Value> = match &letter.action {
        Some(Action { label, address: Some(address), .. }) => {
            vec![json!({"type": "Action.OpenUrl", "title": label, "url": address})]
        }
        Some(Action { address: None, .. }) | None => Vec::new(),
    };
    json!({"type": "message", "attachments": [{
        "contentType": "application/vnd.microsoft.card.adaptive",
        "content": {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": body,
            "actions": actions,
        },
    }]})
}

/// A whole message of RFC 5424, CEF in it; always English, for programs.
fn syslog(facts: &CaseFacts, notice: &Notice<'_>) -> String {
    // Facility 10, security messages; severities of RFC 5424 §6.2.1 and of CEF.
    let (priority, grave) = match severity(facts) {
        Severity::Low => (10 * 8 + 5, 3),
        Severity::Medium => (10 * 8 + 4, 5),
        Severity::High => (10 * 8 + 3, 8),
        Severity::Critical => (10 * 8 + 2, 10),
    };
    let english = (phrases::of(Language::En), phrases::telling(Language::En));
    let lead = Letter::about(facts, notice.reason, english).lead;
    let copies: Vec<String> = facts.custodians.iter().take(20).map(|one| one_line(&one.code, 32)).collect();
    let sites: Vec<String> = facts.sites().into_iter().take(10).map(site_label).collect();
    let mut said = vec![
        ("rt", first_seen(facts).unwrap_or(notice.at).as_millisecond().to_string()),
        ("externalId", word(&facts.case)),
        ("cn1Label", "records".to_owned()),
        ("cn1", facts.records().to_string()),
        ("cs1Label", "organization".to_owned()),
        ("cs1", word(&facts.organization.0)),
        ("cs2Label", "tlp".to_owned()),
        ("cs2", facts.tlp.as_str().to_owned()),
        ("cs3Label", "copies".to_owned()),
        ("cs3", copies.join(",")),
        ("cs4Label", "sites".to_owned()),
        ("cs4", sites.join(",")),
        ("cs5Label", "offered".to_owned()),
        ("cs5", if facts.offer.is_some() { "yes" } else { "no" }.to_owned()),
        ("msg", lead.clone()),
    ];
    if let Some(verdict) = &facts.verdict {
        said.push(("cs6Label", "verdict".to_owned()));
        said.push(("cs6", verdict.verdict.as_str().to_owned()));
    }
    let extension: Vec<String> = said
        .into_iter()
        .map(|(name, value)| {
            let value = value.replace('\\', "\\\\").replace('=', "\\=").replace(['\r', '\n'], " ");
            format!("{name}={value}")
        })
        .collect();
    let name = one_line(&lead, 200).replace('\\', "\\\\").replace('|', "\\|");
    let version = env!("CARGO_PKG_VERSION");
    let at = notice.at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ");
    format!(
        "<{priority}>1 {at} - dyepack - {id} - CEF:0|dyepack|dyepack|{version}|case.{reason}|{name}|{grave}|{extension}",
        id = word(notice.id),
        reason = notice.reason.as_str(),
        extension = extension.join(" "),
    )
}

/// An entry of RFC 4287; the feed around it is [`feed`]'s.
fn entry(letter: &Letter, facts: &CaseFacts, notice: &Notice<'_>) -> String {
    format!(
        "<entry><id>urn:dyepack:{id}</id><title>{title}</title><updated>{at}</updated>\
         <category term=\"{severity}\"/><content type=\"text\">{content}</content></entry>",
        id = word(notice.id),
        title = escape_xml(&letter.subject),
        at = notice.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        severity = severity(facts).as_str(),
        content = escape_xml(&plain::render(letter)),
    )
}

/// Puts entries, the newest first, into a feed.
pub fn feed(organization: &str, name: &str, entries: &[String], updated_at: Timestamp) -> String {
    let (organization, name) = (word(organization), word(name));
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\
         <id>urn:dyepack:feed:{organization}:{name}</id><title>dyepack: {organization}</title>\
         <author><name>dyepack</name></author><updated>{at}</updated>\n{entries}\n</feed>\n",
        at = updated_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        entries = entries.join("\n"),
    )
}
