//! When a case becomes an alert; what the mail says and hides.
//!
//! A mail must be true, understood in ten seconds and harmless if read by others: it shows counts, masked values, entry
//! ids and custodian codes, never an identifier in full, a post's words, an onion address or a custodian's legal name.
//! Not here: MIME and SMTP (`ports::mail`), the outbox (`ports::store`), reading the facts (`services::alerting`).

mod clean;
mod copy;
mod digest;
pub mod facts;
pub mod guard;
mod html;
mod letter;
pub mod links;
pub mod pages;
pub mod payload;
mod phrases;
mod plain;
pub mod retry;
pub mod timing;
mod weight;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use facts::{
    CaseFacts, CopyFact, CustodianFact, EntryFact, MaskedValue, Offer, Place, SellerFact, Sighting, Site, SoldBefore,
};

use crate::domain::watchlist::Language;
use clean::one_line;
use letter::Letter;

/// Why an alert was queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertReason {
    /// The case is new.
    Opened,
    /// More entries of the same leak turned up.
    NewEntries,
    /// It turned up on a site where it was not seen before.
    NewSource,
    /// It is offered for sale for the first time.
    FirstOffer,
}

impl AlertReason {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::Opened, Self::NewEntries, Self::NewSource, Self::FirstOffer];

    /// Returns the word used in the store and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::NewEntries => "new_entries",
            Self::NewSource => "new_source",
            Self::FirstOffer => "first_offer",
        }
    }

    /// Reads the word of [`AlertReason::as_str`].
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

/// How far a mail may be passed on: Traffic Light Protocol 2.0 (FIRST).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Tlp {
    /// The named recipients only.
    #[serde(rename = "TLP:RED")]
    Red,
    /// The recipients' organization only.
    #[default]
    #[serde(rename = "TLP:AMBER+STRICT")]
    AmberStrict,
    /// The recipients' organization and its clients.
    #[serde(rename = "TLP:AMBER")]
    Amber,
    /// The community.
    #[serde(rename = "TLP:GREEN")]
    Green,
    /// Anybody.
    #[serde(rename = "TLP:CLEAR")]
    Clear,
}

impl Tlp {
    /// Returns the label as FIRST spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Red => "TLP:RED",
            Self::AmberStrict => "TLP:AMBER+STRICT",
            Self::Amber => "TLP:AMBER",
            Self::Green => "TLP:GREEN",
            Self::Clear => "TLP:CLEAR",
        }
    }
}

/// To whom a mail goes, why, and where it stands among the mails of its case.
#[derive(Debug, Clone)]
pub struct Addressing {
    /// The contact's mail address.
    pub to: String,
    /// Language of the mail.
    pub language: Language,
    /// Why it is sent.
    pub reason: AlertReason,
    /// Stable for the alert: the same at every try.
    pub message_id: String,
    /// Message-ID of the first mail of this case to this contact, for a follow-up.
    pub thread_root: Option<String>,
}

/// A mail, ready to be put into MIME.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertMail {
    /// The contact's mail address.
    pub to: String,
    /// One line, bounded, without control characters.
    pub subject: String,
    /// The plain text alternative.
    pub text: String,
    /// The HTML alternative: one self-contained document, nothing external.
    pub html: String,
    /// With angle brackets.
    pub message_id: String,
    /// Message-ID of the first mail of the thread, with angle brackets.
    pub thread_root: Option<String>,
    /// When it was composed: its `Date`.
    pub date: Timestamp,
    /// Language tag of both alternatives: `en`, `zh-CN`, `ru`.
    pub language_tag: String,
    /// Further header fields, name and value, both safe.
    pub headers: Vec<(String, String)>,
    /// For a mail that is encrypted: to whom, and what is read outside.
    pub sealed: Option<Sealed>,
}

impl AlertMail {
    /// Returns what of the mail can be read on the way: all of it, or what is outside of the seal.
    #[must_use]
    pub fn outside(&self) -> Self {
        match &self.sealed {
            Some(sealed) => {
                Self { subject: sealed.subject.clone(), text: String::new(), html: String::new(), ..self.clone() }
            }
            None => self.clone(),
        }
    }
}

/// What a mail's subject and both alternatives are sealed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The contact's OpenPGP key, armored.
    pub key: String,
    /// The subject outside: says whose case it is, and nothing of what was found.
    pub subject: String,
}

/// Writes the mail about a case.
pub fn compose(facts: &CaseFacts, addressing: &Addressing, now: Timestamp) -> AlertMail {
    let phrases = phrases::of(addressing.language);
    let telling = phrases::telling(addressing.language);
    let letter = Letter::about(facts, addressing.reason, (phrases, telling));
    let mut headers = headers(facts);
    headers.push(("X-Dyepack-Case".to_owned(), clean::word(&facts.case)));
    headers.push(("X-Dyepack-Reason".to_owned(), addressing.reason.as_str().to_owned()));
    let sealed = facts.sealed_to.clone().map(|key| Sealed { key, subject: letter::discreet_subject(facts, phrases) });
    AlertMail { sealed, ..finish(&letter, addressing, headers, now) }
}

/// Writes one mail about several cases; `None` if there is none.
pub fn compose_digest(cases: &[CaseFacts], addressing: &Addressing, now: Timestamp) -> Option<AlertMail> {
    let telling = phrases::telling(addressing.language);
    let letter = digest::letter(cases, (phrases::of(addressing.language), telling))?;
    let first = cases.first()?;
    let mut headers = headers(first);
    let named: Vec<String> = cases.iter().map(|facts| clean::word(&facts.case)).collect();
    headers.push(("X-Dyepack-Cases".to_owned(), named.join(" ")));
    let sealed = first.sealed_to.clone();
    let sealed = sealed.map(|key| Sealed { key, subject: digest::discreet_subject(first, telling) });
    Some(AlertMail { sealed, ..finish(&letter, addressing, headers, now) })
}

fn headers(facts: &CaseFacts) -> Vec<(String, String)> {
    let organization = clean::word(&facts.organization.0);
    vec![
        ("Auto-Submitted".to_owned(), "auto-generated".to_owned()),
        ("X-Auto-Response-Suppress".to_owned(), "All".to_owned()),
        // RFC 2919 §3: a list without a domain of its own ends in `.localhost`.
        ("List-Id".to_owned(), format!("dyepack alerts <{organization}.alerts.dyepack.localhost>")),
        ("X-Dyepack-Organization".to_owned(), organization),
        ("X-Dyepack-TLP".to_owned(), facts.tlp.as_str().to_owned()),
    ]
}

/// Writes a harmless mail that shows that the way to a contact works.
pub fn compose_test(addressing: &Addressing, now: Timestamp) -> AlertMail {
    let letter = Letter::test(phrases::of(addressing.language));
    let headers = vec![
        ("Auto-Submitted".to_owned(), "auto-generated".to_owned()),
        ("X-Auto-Response-Suppress".to_owned(), "All".to_owned()),
        ("List-Id".to_owned(), "dyepack tests <tests.dyepack.localhost>".to_owned()),
    ];
    finish(&letter, addressing, headers, now)
}

fn finish(letter: &Letter, addressing: &Addressing, headers: Vec<(String, String)>, now: Timestamp) -> AlertMail {
    AlertMail {
        to: one_line(&addressing.to, 254),
        subject: letter.subject.clone(),
        text: plain::render(letter),
        html: html::render(letter),
        message_id: clean::message_id(&addressing.message_id),
        thread_root: addressing.thread_root.as_deref().map(clean::message_id),
        date: now,
        language_tag: letter.language_tag.to_owned(),
        headers,
        sealed: None,
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::attribution;
    use url::Url;

    use super::*;
    use crate::domain::listing::Price;
    use crate::domain::matcher::{EntryKind, Ownership, Verdict};
    use crate::domain::severity;
    use crate::domain::source::{Network, Zone};
    use crate::domain::watchlist::{ChannelKind, OrganizationId};
    use guard::{Forbidden, Objection};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn entry(id: &str, values: &[(&str, &str)], holders: &[&str]) -> EntryFact {
        EntryFact {
            id: id.to_owned(),
            kind: EntryKind::Canary,
            values: values
                .iter()
                .map(|(field, masked)| MaskedValue { field: (*field).to_owned(), masked: (*masked).to_owned() })
                .collect(),
            holders: holders.iter().map(|&holder| holder.to_owned()).collect(),
            first_seen_at: at("2026-11-20T14:03:10Z"),
        }
    }

    fn sighting(label: &str, network: Network, link: &str) -> Sighting {
        Sighting {
            site: Site { label: label.to_owned(), network },
            link: Url::parse(link).ok(),
            place: Place::Post,
            posted_at: Some(at("2026-11-19T22:41:00Z")),
            first_seen_at: at("2026-11-20T14:03:10Z"),
        }
    }

    fn facts() -> CaseFacts {
        CaseFacts {
            case: "C-7F3K9Q2M".to_owned(),
            organization: OrganizationId("example-bank".to_owned()),
            organization_name: "Example Bank".to_owned(),
            tlp: Tlp::default(),
            entries: vec![
                entry("CAN-0001", &[("pan", "622202******1234"), ("phone", "138****5678")], &["H01", "H02"]),
                entry("CAN-0002", &[("email", "su***@post.example"), ("name", "张*三")], &["H01"]),
                entry("CAN-0003", &[("pan", "999912******8803")], &["H01"]),
            ],
            custodians: vec![
                CustodianFact { code: "H02".to_owned(), name: None, entries: 1 },
                CustodianFact { code: "H01".to_owned(), name: None, entries: 3 },
            ],
            sightings: vec![sighting(
                "forum.example",
                Network::Open,
                "https://forum.example/showthread.php?tid=101&pid=1001#pid1001",
            )],
            verdict: None,
            copy: None,
            offer: Some(Offer { price: Some(Price { amount: 500.0, currency: "USD".to_owned() }), sites: Vec::new() }),
            severity: None,
            seller: None,
            news_since: None,
            sealed_to: None,
            acknowledge: None,
            page: None,
            unanswered_since: None,
            zone: Zone::default(),
        }
    }

    fn weighed() -> CaseFacts {
        let assessed = severity::Facts { offer: true, fresh: true, volume: 120_000, entries: 3, ..Default::default() };
        let before = SoldBefore {
            site: Site { label: "market.example".to_owned(), network: Network::Open },
            listings: 3,
            goods: vec![("database".to_owned(), 2), ("cards".to_owned(), 1)],
            first_at: at("2026-01-02T10:00:00Z"),
            last_at: at("2026-03-04T10:00:00Z"),
        };
        CaseFacts {
            severity: Some(severity::Table::default().assess(assessed)),
            seller: Some(SellerFact {
                marks: vec![("telegram".to_owned(), "@gr…n7".to_owned())],
                before: vec![before],
                own_cases: vec!["C-2222AAAA".to_owned()],
            }),
            ..facts()
        }
    }

    #[test]
    fn a_mail_says_how_grave_it_is_by_which_rule_and_what_the_seller_offered_before() {
        for (language, said) in [
            (
                Language::En,
                [
                    "Severity: critical: offered for sale, said to be new, 120000 rows claimed, 3 records of the watchlist seen (rule fresh-offer)",
                    "on market[.]example: 3 offers (database 2, cards 1), 2026-01-02 to 2026-03-04; also in your cases C-2222AAAA; known by telegram @gr…n7",
                ],
            ),
            (Language::Zh, ["严重程度：紧急：正在出售", "market[.]example：3 次出售"]),
            (Language::Ru, ["Важность: критическая: выставлено на продажу", "на market[.]example: предложений: 3"]),
        ] {
            let mail = compose(&weighed(), &addressing(language), at(NOW));
            let text = mail.text.replace("\n  ", " ").replace('\n', " ");
            for said in said {
                assert!(text.contains(said), "{said}: {}", mail.text);
            }
        }
    }

    fn addressing(language: Language) -> Addressing {
        Addressing {
            to: "soc@example-bank.example".to_owned(),
            language,
            reason: AlertReason::Opened,
            message_id: "a-1f2e3d@dyepack.localhost".to_owned(),
            thread_root: None,
        }
    }

    const NOW: &str = "2026-11-20T14:05:00Z";

    #[test]
    fn a_mail_says_what_happened_in_three_languages() {
        for (name, language) in [("en", Language::En), ("zh", Language::Zh), ("ru", Language::Ru)] {
            let mail = compose(&facts(), &addressing(language), at(NOW));
            insta::assert_snapshot!(format!("first_{name}"), format!("Subject: {}\n\n{}", mail.subject, mail.text));
        }
    }

    #[test]
    fn a_mail_tells_whose_data_it_is_and_how_sure_that_is() {
        let verdict = |verdict| Verdict {
            organization: OrganizationId("example-bank".to_owned()),
            verdict,
            log10_lr_ours: 8.2,
            rows_tested: 10,
            rows_hit: 9,
            canary_rows: 0,
            share: Some(0.41),
            by_kind: Vec::new(),
        };
        for (language, ownership, said) in [
            (Language::En, Ownership::Ours, "Whose data: consistent with your data: 9 of 10 rows tested match"),
            (Language::En, Ownership::Mixed, "(about 41 % of the rows)"),
            (Language::Zh, Ownership::NotOurs, "所检验的记录与贵机构数据不符：已检验 10 行"),
            (Language::Ru, Ownership::Unknown, "по увиденным строкам пока не определить"),
        ] {
            let facts = CaseFacts { verdict: Some(verdict(ownership)), ..facts() };
            let text =
                compose(&facts, &addressing(language), at(NOW)).text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(text.contains(said), "{text}");
            assert!(text.contains("10^8"), "{text}");
        }
    }

    #[test]
    fn the_html_alternative_is_one_self_contained_document() {
        let mail = compose(&facts(), &addressing(Language::En), at(NOW));
        insta::assert_snapshot!("first_html", mail.html);
        for word in ["<img", "<script", "<link", "href", "src=", "url(", "@import", "http://", "https://"] {
            assert!(!mail.html.contains(word), "{word} in the mail");
        }
    }

    #[test]
    fn both_alternatives_hold_the_same_facts() {
        let mail = compose(&facts(), &addressing(Language::En), at(NOW));
        for fact in ["CAN-0002", "622202••••••1234", "H01", "forum[.]example", "500 USD", "2026-11-20 14:03 UTC"]
        {
            assert!(mail.text.contains(fact) && mail.html.contains(fact), "{fact}");
        }
        assert!(mail.text.contains("dyepack case show C-7F3K9Q2M"));
        let page = Url::parse("https://dyepack.bank.example/cases/C-7F3K9Q2M").ok();
        let mail = compose(&CaseFacts { page, ..facts() }, &addressing(Language::En), at(NOW));
        for text in [mail.text.replace("\n   ", ""), mail.html] {
            assert!(text.contains("dyepack.bank.example/cases/C-7F3K9Q2M") && !text.contains("case show"), "{text}");
        }
    }

    #[test]
    fn the_subject_says_whether_the_records_are_offered() {
        let mut facts = facts();
        let subject = |facts: &CaseFacts| compose(facts, &addressing(Language::En), at(NOW)).subject;
        assert_eq!(
            subject(&facts),
            "[dyepack][TLP:AMBER+STRICT] Example Bank: 3 planted records offered for sale on forum.example (C-7F3K9Q2M)"
        );
        facts.offer = None;
        facts.entries.truncate(1);
        assert_eq!(
            subject(&facts),
            "[dyepack][TLP:AMBER+STRICT] Example Bank: 1 planted record found on forum.example (C-7F3K9Q2M)"
        );
    }

    #[test]
    fn a_follow_up_says_what_is_new_and_points_at_the_first_mail() {
        let mut facts = facts();
        facts.news_since = Some(at("2026-11-21T08:00:00Z"));
        facts.entries.push(EntryFact { first_seen_at: at("2026-11-21T08:00:00Z"), ..entry("CAN-0009", &[], &["H01"]) });
        facts.sightings.push(Sighting {
            first_seen_at: at("2026-11-21T08:00:00Z"),
            posted_at: None,
            place: Place::Attachment,
            ..sighting("abcdefghij.onion", Network::Tor, "http://abcdefghij.onion/t?id=4")
        });
        let addressing = Addressing {
            reason: AlertReason::NewSource,
            thread_root: Some("first@dyepack.localhost".to_owned()),
            ..addressing(Language::En)
        };
        let mail = compose(&facts, &addressing, at("2026-11-21T08:02:00Z"));
        assert_eq!(mail.thread_root.as_deref(), Some("<first@dyepack.localhost>"));
        insta::assert_snapshot!("follow_up_en", format!("Subject: {}\n\n{}", mail.subject, mail.text));
    }

    #[test]
    fn whose_copy_it_was_is_one_line_with_its_error_and_codes_only() {
        let named = CopyFact {
            verdict: attribution::Verdict::CopyNamed,
            codes: vec!["H07".to_owned()],
            epsilon: 1e-6,
            window: Some(("2026-03-03".parse().unwrap(), "2026-03-09".parse().unwrap())),
            more_rows: None,
            upstream_not_excluded: false,
        };
        let open = CopyFact {
            verdict: attribution::Verdict::CannotTell,
            codes: Vec::new(),
            window: None,
            more_rows: Some(40),
            ..named.clone()
        };
        let foreign = CopyFact { verdict: attribution::Verdict::NotOurs, ..open.clone() };
        let own = CopyFact { verdict: attribution::Verdict::Upstream, ..open.clone() };
        for (copy, language, line) in [
            (
                &named,
                Language::En,
                "Whose copy: consistent with the copy delivered to H07, error ≤ 1e-6, leaked between 2026-03-03 and 2026-03-09",
            ),
            (&named, Language::Zh, "与交付给 H07 的副本一致，误差 ≤ 1e-6，泄露于 2026-03-03 至 2026-03-09 之间"),
            (
                &named,
                Language::Ru,
                "согласуется с копией, переданной H07, ошибка ≤ 1e-6, утечка между 2026-03-03 и 2026-03-09",
            ),
            (&open, Language::En, "Whose copy: cannot be told yet from the rows seen, about 40 more rows would do"),
            (&open, Language::Zh, "凭目前看到的数据行还无法判断，大约还需要 40 行"),
            (&open, Language::Ru, "по увиденным строкам пока сказать нельзя, хватило бы ещё примерно 40 строк"),
            (&own, Language::En, "Whose copy: consistent with your organization's own copy, or one upstream of all"),
            (&own, Language::Zh, "与本机构自有副本或所有交付的上游副本一致"),
            (&own, Language::Ru, "согласуется с собственной копией организации"),
            (&foreign, Language::En, "Whose copy: the rows are not yours"),
            (&foreign, Language::Zh, "这些数据行不是贵机构的"),
            (&foreign, Language::Ru, "строки не ваши"),
        ] {
            let mail = compose(&CaseFacts { copy: Some(copy.clone()), ..facts() }, &addressing(language), at(NOW));
            let text = mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(text.contains(line), "{line}: {}", mail.text);
            assert!(mail.html.contains("1e-6") == (copy.verdict == attribution::Verdict::CopyNamed), "{}", mail.html);
        }
        let upstream =
            CopyFact { upstream_not_excluded: true, codes: vec!["H01".to_owned(), "H02".to_owned()], ..named };
        let text = compose(&CaseFacts { copy: Some(upstream), ..facts() }, &addressing(Language::En), at(NOW)).text;
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            text.contains("the copies delivered to H01, H02, error")
                && text.contains("upstream of all copies is not excluded")
        );
    }

    #[test]
    fn several_copies_are_named_without_choosing_one() {
        let mut facts = facts();
        facts.custodians.iter_mut().for_each(|custodian| custodian.entries = 2);
        let mail = compose(&facts, &addressing(Language::En), at(NOW));
        assert!(mail.text.contains("consistent with more than one copy"), "{}", mail.text);
        assert!(mail.text.contains("copy delivered to H01: 2 of 3"));
        assert!(!mail.text.contains("stole"));
    }

    #[test]
    fn a_copy_that_holds_a_part_is_not_said_to_hold_all() {
        let mut facts = facts();
        facts.custodians = vec![CustodianFact { code: "H01".to_owned(), name: None, entries: 2 }];
        let text = compose(&facts, &addressing(Language::En), at(NOW)).text;
        assert!(text.contains("2 of the 3 records are consistent with the copy delivered to H01"), "{text}");
        // An anchor is in no copy and does not count.
        facts.entries[2].kind = EntryKind::Anchor;
        let text = compose(&facts, &addressing(Language::En), at(NOW)).text;
        assert!(text.contains("The 2 records are consistent with the copy delivered to H01"), "{text}");
    }

    #[test]
    fn a_long_list_is_cut_and_counted() {
        let mut facts = facts();
        facts.entries =
            (0..5_000).map(|n| entry(&format!("CAN-{n:04}"), &[("pan", "622202******1234")], &[])).collect();
        facts.sightings = vec![facts.sightings[0].clone(); 40];
        let mail = compose(&facts, &addressing(Language::En), at(NOW));
        assert!(mail.text.contains("and 4980 more") && mail.text.contains("and 35 more"), "{}", mail.text);
        assert!(mail.html.len() < 30_000, "{}", mail.html.len());
    }

    #[test]
    fn hostile_fields_neither_break_headers_nor_markup() {
        let mut facts = facts();
        let hostile = "A\r\nBcc: all@example.org\r\n\r\n<script>alert(1)</script>\u{202e}{case}";
        facts.case = hostile.to_owned();
        facts.organization_name = hostile.to_owned();
        facts.organization = OrganizationId(hostile.to_owned());
        facts.entries[0].id = hostile.to_owned();
        facts.entries[0].holders = vec![hostile.to_owned()];
        facts.custodians[0].code = hostile.to_owned();
        facts.sightings[0].site.label = hostile.to_owned();
        facts.offer =
            Some(Offer { price: Some(Price { amount: f64::NAN, currency: hostile.to_owned() }), sites: Vec::new() });
        let mail = compose(
            &facts,
            &Addressing { message_id: hostile.to_owned(), to: hostile.to_owned(), ..addressing(Language::En) },
            at(NOW),
        );
        let lines = [&mail.subject, &mail.to, &mail.message_id];
        for line in lines.into_iter().chain(mail.headers.iter().map(|(_, value)| value)) {
            assert!(!line.chars().any(char::is_control), "{line:?}");
        }
        assert!(mail.subject.chars().count() <= 180);
        assert!(!mail.html.contains("<script") && !mail.text.contains('\u{202e}'));
    }

    /// Full values in several spellings, legal names, hidden addresses and post text, put wherever text can enter.
    #[test]
    fn nothing_forbidden_gets_into_a_mail_or_the_guard_objects() {
        let onion = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd.onion";
        let planted = [
            "6222021234561234",
            "6222 0212 3456 1234",
            "6222-0212-3456-1234",
            "+86 138 1234 5678",
            "sunny.day@post.example",
            "Hosting One Limited",
            "fresh full dump, pm me for sample",
            onion,
        ];
        for value in planted {
            let mut facts = facts();
            facts.entries[0].values.push(MaskedValue { field: "pan".to_owned(), masked: value.to_owned() });
            facts.sightings.push(sighting(value, Network::Tor, &format!("http://{onion}/{value}")));
            facts.sightings.push(sighting(
                "forum.example",
                Network::Open,
                &format!("https://forum.example/t/{}/?q={value}#{value}", value.replace(' ', "-")),
            ));
            for language in [Language::En, Language::Zh, Language::Ru] {
                let mail = compose(&facts, &addressing(language), at(NOW));
                assert_eq!(Forbidden::new([value], &[]).find_in(&mail), None, "{value}");
            }
        }
    }

    #[test]
    fn the_guard_finds_a_value_that_a_mask_let_through_and_the_bare_mail_passes() {
        let mut facts = facts();
        facts.entries[0]
            .values
            .push(MaskedValue { field: "email".to_owned(), masked: "sunny.day@post.example*".to_owned() });
        let forbidden = Forbidden::new(["Sunny.Day@post.example", "Hosting One"], &["Example Bank", "H01"]);
        let mail = compose(&facts, &addressing(Language::En), at(NOW));
        assert_eq!(forbidden.find_in(&mail), Some(Objection::Value));
        let bare = compose(&facts.bare(), &addressing(Language::En), at(NOW));
        assert_eq!(forbidden.find_in(&bare), None);
        assert!(bare.text.contains("CAN-0001") && !bare.text.contains("622202"));
    }

    #[test]
    fn a_sealed_mail_tells_all_inside_and_nothing_outside() {
        let onion = "abcdefghij.onion";
        let mut facts = CaseFacts { sealed_to: Some("KEY".to_owned()), ..facts() };
        facts.custodians[1].name = Some("Hosting One Limited".to_owned());
        facts.sightings.push(sighting(onion, Network::Tor, &format!("http://{onion}/t?id=4")));
        let forbidden = Forbidden::new(["6222021234561234", "Hosting One Limited"], &[]);
        for language in [Language::En, Language::Zh, Language::Ru] {
            let mail = compose(&facts, &addressing(language), at(NOW));
            let sealed = mail.sealed.clone().unwrap();
            assert!(mail.text.contains("Hosting One Limited") && mail.html.contains("Hosting One Limited"));
            assert!(mail.text.contains("hxxp://abcdefghij[.]onion/t"), "{}", mail.text);
            assert!(sealed.subject.contains("C-7F3K9Q2M") && !sealed.subject.contains("forum"), "{}", sealed.subject);
            assert_eq!(forbidden.find_in(&mail.outside()), None);
        }
    }

    #[test]
    fn a_mail_shows_times_by_the_organizations_clocks_and_one_link_of_its_own() {
        let link = "https://dyepack.bank.example/acknowledge/A-1.2.x";
        let zone = Zone::try_from("Asia/Shanghai".to_owned()).unwrap();
        let facts = CaseFacts {
            acknowledge: Some(link.to_owned()),
            unanswered_since: Some(at("2026-11-20T20:00:00Z")),
            zone,
            ..facts()
        };
        for (language, said) in [
            (Language::En, "Nobody has acknowledged this case since 2026-11-21 04:00 +08:00 (2026-11-20 20:00 UTC)"),
            (Language::Zh, "自 2026-11-21 04:00 +08:00"),
            (Language::Ru, "никто не подтвердил получение"),
        ] {
            let mail = compose(&facts, &addressing(language), at(NOW));
            let text = mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(text.contains(said) && text.contains("22:03 +08:00 (14:03 UTC)"), "{}", mail.text);
            assert!(mail.text.lines().any(|line| line == link), "{}", mail.text);
            assert_eq!(mail.html.matches("href=").count(), 1);
            assert!(mail.html.contains(&format!("href=\"{link}\"")), "{}", mail.html);
        }
    }

    #[test]
    fn a_digest_names_every_case_the_gravest_first_and_hides_what_a_mail_hides() {
        let grave = CaseFacts { case: "C-2222AAAA".to_owned(), ..weighed() };
        for language in [Language::En, Language::Zh, Language::Ru] {
            let mail = compose_digest(&[facts(), grave.clone()], &addressing(language), at(NOW)).unwrap();
            let (first, second) = (mail.text.find("C-2222AAAA").unwrap(), mail.text.find("C-7F3K9Q2M").unwrap());
            assert!(first < second && mail.subject.contains('2'), "{}", mail.text);
            assert!(!mail.text.contains("622202") && mail.text.contains("H01, H02"), "{}", mail.text);
            assert_eq!(Forbidden::new(["6222021234561234", "Hosting One Limited"], &[]).find_in(&mail), None);
            insta::assert_snapshot!(
                format!("digest_{}", mail.language_tag),
                format!("Subject: {}\n\n{}", mail.subject, mail.text)
            );
        }
        assert!(compose_digest(&[], &addressing(Language::En), at(NOW)).is_none());
    }

    #[test]
    fn a_question_gives_link_and_code_and_says_that_nothing_has_happened() {
        let question = pages::Question {
            organization_name: "Example Bank".to_owned(),
            zone: Zone::default(),
            address: Some("https://dyepack.bank.example/confirm/Q-1.2.x".to_owned()),
            code: "7f3k-9q2m".to_owned(),
            expires_at: at("2026-11-23T14:05:00Z"),
        };
        for language in [Language::En, Language::Zh, Language::Ru] {
            let mail = pages::compose_question(&question, &addressing(language), at(NOW));
            for said in ["7F3K-9Q2M", "https://dyepack.bank.example/confirm/Q-1.2.x", "2026-11-23 14:05 UTC"] {
                assert!(mail.text.contains(said) && mail.html.contains(said), "{said}: {}", mail.text);
            }
            assert!(mail.subject.contains("TLP:CLEAR") && mail.subject.contains("Example Bank"), "{}", mail.subject);
        }
    }

    #[test]
    fn a_page_acts_by_a_button_only_and_says_no_more_of_a_case_than_its_id() {
        let zone = Zone::default();
        let cases = || vec!["C-7F3K9Q2M".to_owned()];
        let name = || "Example <Bank>".to_owned();
        for language in [Language::En, Language::Zh, Language::Ru] {
            for (page, has_button) in [
                (pages::Page::AskSeen { cases: cases() }, true),
                (pages::Page::Seen { cases: cases() }, false),
                (pages::Page::WasSeen { cases: cases(), at: at(NOW), zone: zone.clone() }, false),
                (pages::Page::AskConfirm { organization_name: name() }, true),
                (pages::Page::Confirmed { organization_name: name() }, false),
                (pages::Page::Expired, false),
                (pages::Page::Unknown, false),
            ] {
                let html = pages::render(&page, language);
                assert_eq!(html.contains("<form method=\"post\""), has_button, "{page:?}");
                assert!(!html.contains("href") && !html.contains("<Bank>"), "{html}");
            }
        }
    }

    fn payload(kind: ChannelKind, facts: &CaseFacts) -> String {
        let (reason, language) = (AlertReason::Opened, Language::En);
        payload::compose_payload(kind, facts, &payload::Notice { id: "A-1", reason, language, at: at(NOW) })
    }

    const KINDS: [ChannelKind; 6] = [
        ChannelKind::Webhook,
        ChannelKind::Slack,
        ChannelKind::Mattermost,
        ChannelKind::Teams,
        ChannelKind::Syslog,
        ChannelKind::Atom,
    ];

    #[test]
    fn channels_say_what_mails_say_and_hide_what_mails_hide() {
        let onion = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd.onion";
        let mut facts = weighed();
        facts.sightings.push(sighting(onion, Network::Tor, &format!("http://{onion}/t")));
        facts.entries[0].values.push(MaskedValue { field: "pan".to_owned(), masked: "6222021234561234".to_owned() });
        facts.custodians[0].name = Some("Hosting One Limited".to_owned());
        for kind in KINDS {
            let payload = payload(kind, &facts);
            assert_eq!(Forbidden::new(["6222021234561234", "Hosting One Limited"], &[]).find_in_text(&payload), None);
            assert!(payload.contains("C-7F3K9Q2M") && payload.contains("H01"), "{payload}");
        }
        let syslog = payload(ChannelKind::Syslog, &facts);
        assert!(syslog.starts_with("<82>1 2026-11-20T14:05:00.000Z - dyepack - A-1 - CEF:0|dyepack|"), "{syslog}");
    }

    #[test]
    fn what_a_page_writes_is_no_markup_mention_or_field_of_a_channel() {
        let hostile = "<!channel> @all *x* [a](b) |\\ c=d\r\ne\"<entry>";
        let mut facts = facts();
        facts.organization_name = hostile.to_owned();
        facts.custodians[0].code = hostile.to_owned();
        facts.sightings[0].site.label = hostile.to_owned();
        facts.entries[0].id = hostile.to_owned();
        for kind in KINDS {
            let payload = payload(kind, &facts);
            match kind {
                ChannelKind::Webhook | ChannelKind::Slack | ChannelKind::Mattermost | ChannelKind::Teams => {
                    let parsed: serde_json::Value = serde_json::from_str(&payload).unwrap();
                    let text = parsed["text"].as_str().unwrap_or_default();
                    assert!(!text.contains("<!channel>"), "{text}");
                }
                ChannelKind::Syslog => {
                    assert!(!payload.contains(['\r', '\n']) && payload.contains("c\\=d"), "{payload}");
                    let header = payload.split("CEF:0").nth(1).unwrap().replace("\\|", "");
                    assert_eq!(header.split("|rt=").next().unwrap().matches('|').count(), 6, "{payload}");
                }
                ChannelKind::Atom => assert_eq!(payload.matches("<entry>").count(), 1, "{payload}"),
            }
        }
        let mattermost = payload(ChannelKind::Mattermost, &facts);
        assert!(!mattermost.contains("@all") && !mattermost.contains("](b)"), "{mattermost}");
    }

    #[test]
    fn a_test_mail_says_that_nothing_has_happened() {
        for language in [Language::En, Language::Zh, Language::Ru] {
            let mail = compose_test(&addressing(language), at(NOW));
            assert!(mail.subject.starts_with("[dyepack][TLP:CLEAR] "));
        }
    }
}
