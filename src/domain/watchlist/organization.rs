//! Reads `organization.toml`: names, contacts, custodians, datasets, anchors.

use std::collections::HashMap;
use std::hash::Hash;

use jiff::civil::Date;
use serde::Deserialize;
use toml::Spanned;

use super::alerts::{RawAlerts, RawChannel};
use super::problem::{Problem, Problems, shown};
use super::{
    Anchors, Contact, ContactRole, Custodian, Dataset, Engagement, Language, OWNER, Organization, OrganizationId,
    encoding, field, parse_date,
};
use crate::domain::identifier::AccountPattern;

const TEXT_LIMIT_CHARACTERS: usize = 200;
const LIST_LIMIT: usize = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOrganization {
    id: Spanned<String>,
    name: Spanned<String>,
    #[serde(default)]
    aliases: Vec<Spanned<String>>,
    #[serde(default)]
    language: Language,
    market_share: Option<Spanned<f64>>,
    auditor: Option<Spanned<String>>,
    #[serde(default)]
    contact: Vec<RawContact>,
    #[serde(default)]
    custodian: Vec<RawCustodian>,
    #[serde(default)]
    dataset: Vec<RawDataset>,
    #[serde(default)]
    anchors: RawAnchors,
    #[serde(default)]
    alerts: RawAlerts,
    #[serde(default)]
    channel: Vec<RawChannel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawContact {
    address: Spanned<String>,
    role: Option<ContactRole>,
    openpgp: Option<Spanned<String>>,
    after: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCustodian {
    code: Spanned<String>,
    name: Spanned<String>,
    prior: Option<Spanned<f64>>,
    purpose: Option<Spanned<String>>,
    qualified_at: Option<Spanned<String>>,
    qualified_until: Option<Spanned<String>>,
    contract_from: Option<Spanned<String>>,
    contract_until: Option<Spanned<String>>,
    #[serde(default)]
    sub_processors: Vec<Spanned<String>>,
    retention: Option<Spanned<String>>,
    reviewed_at: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDataset {
    id: Spanned<String>,
    rows: Option<u64>,
    #[serde(default)]
    issuer_unique: Vec<Spanned<String>>,
    #[serde(default)]
    universal: Vec<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawAnchors {
    #[serde(default)]
    bin: Vec<Spanned<String>>,
    #[serde(default)]
    iban_bank: Vec<Spanned<String>>,
    #[serde(default)]
    mail_domain: Vec<Spanned<String>>,
    #[serde(default)]
    names: Vec<Spanned<String>>,
    #[serde(default)]
    account: Vec<Spanned<String>>,
}

/// Reads the file; `folder` is the name of the folder that holds it, and must be the organization's id.
pub(super) fn read(file: &str, bytes: &[u8], folder: &str, problems: &mut Problems) -> Option<Organization> {
    let before = problems.errors();
    let text = encoding::decode(file, bytes, problems)?;
    if text.trim().is_empty() {
        let mend = "write at least id, name and one [[contact]] with an address";
        problems.push(Problem::new(file, "is empty", mend));
        return None;
    }
    let raw: RawOrganization = match toml::from_str(text) {
        Ok(raw) => raw,
        Err(error) => {
            problems.push(syntax_problem(file, text, &error));
            return None;
        }
    };
    let mut checker = Checker { file, text, problems };
    let organization = checker.organization(raw, folder);
    (problems.errors() == before).then_some(organization)
}

fn syntax_problem(file: &str, text: &str, error: &toml::de::Error) -> Problem {
    let reason = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
    let mend = if reason.starts_with("unknown field") {
        "remove the key or mend its spelling"
    } else if reason.starts_with("missing field") {
        "add the key"
    } else if reason.starts_with("unknown variant") {
        "write one of those"
    } else {
        "mend the line; watchlists/README.md shows a whole file"
    };
    let problem = Problem::new(file, reason, mend);
    match error.span() {
        Some(span) => {
            let (line, column) = encoding::position(text, span.start);
            problem.at(line, column)
        }
        None => problem,
    }
}

pub(super) struct Checker<'a> {
    file: &'a str,
    text: &'a str,
    problems: &'a mut Problems,
}

impl Checker<'_> {
    fn organization(&mut self, raw: RawOrganization, folder: &str) -> Organization {
        let id = self.id(&raw.id, folder);
        self.words("name", std::slice::from_ref(&raw.name));
        let aliases = self.words("aliases", &raw.aliases);
        if raw.contact.is_empty() {
            let mend = "add [[contact]] with address = \"…\" and role = \"security\"";
            self.problems.push(Problem::new(self.file, "names no contact to mail", mend).named("contact"));
        }
        self.count("contact", raw.contact.len());
        self.count("custodian", raw.custodian.len());
        self.count("dataset", raw.dataset.len());
        self.count("channel", raw.channel.len());
        Organization {
            id,
            name: raw.name.into_inner().trim().to_owned(),
            aliases,
            language: raw.language,
            market_share: self.share("market_share", raw.market_share.as_ref()),
            contacts: self.contacts(raw.contact),
            auditor: self.auditor(raw.auditor),
            custodians: self.custodians(raw.custodian),
            datasets: self.datasets(raw.dataset),
            anchors: self.anchors(&raw.anchors),
            alerts: self.alerts(raw.alerts, raw.channel),
        }
    }

    fn id(&mut self, id: &Spanned<String>, folder: &str) -> OrganizationId {
        match OrganizationId::parse(id.get_ref()) {
            None => {
                let reason = format!("{} is not an id", shown(id.get_ref()));
                self.report(id, "id", reason, "use 3 to 32 lower-case letters, digits and -");
            }
            Some(_) if id.get_ref() != folder => {
                let reason = format!("is {} in a folder called {}", shown(id.get_ref()), shown(folder));
                self.report(id, "id", reason, "give both the same name");
            }
            Some(_) => {}
        }
        OrganizationId(id.get_ref().clone())
    }

    fn contacts(&mut self, raw: Vec<RawContact>) -> Vec<Contact> {
        let key = |contact: &RawContact| contact.address.get_ref().trim().to_lowercase();
        self.once("contact", raw.iter().map(|contact| (key(contact), &contact.address)));
        let mut contacts = Vec::with_capacity(raw.len());
        for contact in raw {
            if !is_mail_address(contact.address.get_ref().trim()) {
                let reason = format!("{} is not a mail address", shown(contact.address.get_ref()));
                self.report(&contact.address, "contact.address", reason, "write one address, as soc@bank.example");
            }
            if let Some(path) = &contact.openpgp
                && !is_inner_path(path.get_ref())
            {
                let mend = "name a file inside this folder, as keys/soc.asc";
                self.report(path, "contact.openpgp", "leads out of the watchlist's folder", mend);
            }
            contacts.push(Contact {
                address: contact.address.into_inner().trim().to_owned(),
                role: contact.role.unwrap_or(ContactRole::Security),
                after: self.wait(contact.after.as_ref()),
                openpgp: contact.openpgp.map(Spanned::into_inner),
                key: None,
            });
        }
        contacts
    }

    fn auditor(&mut self, address: Option<Spanned<String>>) -> Option<String> {
        let address = address?;
        if !is_mail_address(address.get_ref().trim()) {
            let reason = format!("{} is not a mail address", shown(address.get_ref()));
            self.report(&address, "auditor", reason, "write one address, as audit@bank.example");
        }
        Some(address.into_inner().trim().to_owned())
    }

    fn custodians(&mut self, raw: Vec<RawCustodian>) -> Vec<Custodian> {
        self.once("custodian", raw.iter().map(|custodian| (custodian.code.get_ref().clone(), &custodian.code)));
        let mut custodians = Vec::with_capacity(raw.len());
        for custodian in raw {
            let code = custodian.code.get_ref();
            if code == OWNER {
                let mend = "remove it; OWNER always means the organization itself";
                self.report(&custodian.code, "custodian.code", "is the reserved code OWNER", mend);
            } else if !is_code(code) {
                let reason = format!("{} is not a code", shown(code));
                let mend = "use 1 to 32 letters, digits and . _ -, as H01";
                self.report(&custodian.code, "custodian.code", reason, mend);
            }
            self.words("custodian.name", std::slice::from_ref(&custodian.name));
            custodians.push(Custodian {
                prior: self.share("custodian.prior", custodian.prior.as_ref()),
                engagement: self.engagement(&custodian),
                code: custodian.code.into_inner(),
                name: custodian.name.into_inner().trim().to_owned(),
            });
        }
        custodians
    }

    fn engagement(&mut self, raw: &RawCustodian) -> Engagement {
        let engagement = Engagement {
            purpose: self.line("custodian.purpose", raw.purpose.as_ref()),
            qualified_at: self.day("custodian.qualified_at", raw.qualified_at.as_ref()),
            qualified_until: self.day("custodian.qualified_until", raw.qualified_until.as_ref()),
            contract_from: self.day("custodian.contract_from", raw.contract_from.as_ref()),
            contract_until: self.day("custodian.contract_until", raw.contract_until.as_ref()),
            sub_processors: self.words("custodian.sub_processors", &raw.sub_processors),
            retention: self.line("custodian.retention", raw.retention.as_ref()),
            reviewed_at: self.day("custodian.reviewed_at", raw.reviewed_at.as_ref()),
        };
        let spans = [
            ("custodian.qualified_until", engagement.qualified_at, engagement.qualified_until, &raw.qualified_until),
            ("custodian.contract_until", engagement.contract_from, engagement.contract_until, &raw.contract_until),
        ];
        for (key, from, until, at) in spans {
            if let (Some(from), Some(until), Some(at)) = (from, until, at)
                && until < from
            {
                self.report(at, key, "ends before it begins", "mend one of the two days");
            }
        }
        engagement
    }

    fn line(&mut self, key: &str, text: Option<&Spanned<String>>) -> Option<String> {
        text.and_then(|text| self.words(key, std::slice::from_ref(text)).pop())
    }

    fn day(&mut self, key: &str, text: Option<&Spanned<String>>) -> Option<Date> {
        let text = text?;
        match parse_date(text.get_ref()) {
            Ok(date) => Some(date),
            Err(reason) => {
                let reason = format!("{} {reason}", shown(text.get_ref()));
                self.report(text, key, reason, "write a day of the calendar as \"2026-03-31\"");
                None
            }
        }
    }

    fn datasets(&mut self, raw: Vec<RawDataset>) -> Vec<Dataset> {
        self.once("dataset", raw.iter().map(|dataset| (dataset.id.get_ref().clone(), &dataset.id)));
        let mut datasets = Vec::with_capacity(raw.len());
        for dataset in raw {
            if !is_code(dataset.id.get_ref()) {
                let reason = format!("{} is not an id", shown(dataset.id.get_ref()));
                self.report(&dataset.id, "dataset.id", reason, "use 1 to 32 letters, digits and . _ -");
            }
            let fields = || dataset.issuer_unique.iter().chain(&dataset.universal);
            self.once("field", fields().map(|name| (name.get_ref().clone(), name)));
            for name in fields().filter(|name| !field::is_name(name.get_ref())) {
                let reason = format!("{} is not a field name", shown(name.get_ref()));
                self.report(name, "dataset", reason, "use a column of canaries.csv: lower-case letters, digits and _");
            }
            let plain = |names: Vec<Spanned<String>>| names.into_iter().map(Spanned::into_inner).collect();
            datasets.push(Dataset {
                id: dataset.id.into_inner(),
                rows: dataset.rows,
                issuer_unique: plain(dataset.issuer_unique),
                universal: plain(dataset.universal),
            });
        }
        datasets
    }

    fn anchors(&mut self, raw: &RawAnchors) -> Anchors {
        Anchors {
            bin: self.literals("anchors.bin", &raw.bin, is_bin, "write 4 to 11 digits, as \"999912\""),
            iban_bank: self.literals(
                "anchors.iban_bank",
                &raw.iban_bank,
                is_iban_bank,
                "write country and bank code, as \"DE:99999999\"",
            ),
            mail_domain: self.literals(
                "anchors.mail_domain",
                &raw.mail_domain,
                is_domain,
                "write a host name, as \"mail.bank.example\"",
            ),
            names: self.words("anchors.names", &raw.names),
            account: self.accounts(&raw.account),
        }
    }

    fn accounts(&mut self, raw: &[Spanned<String>]) -> Vec<AccountPattern> {
        const KEY: &str = "anchors.account";
        self.count(KEY, raw.len());
        self.once(KEY, raw.iter().map(|pattern| (pattern.get_ref().clone(), pattern)));
        let mut patterns = Vec::with_capacity(raw.len());
        for pattern in raw {
            match AccountPattern::parse(pattern.get_ref()) {
                Ok(parsed) => patterns.push(parsed),
                Err(reason) => {
                    let mend = "write the form of a whole number, as '62\\d{17}' or '[A-Z]{2}\\d{8,12}'";
                    self.report(pattern, KEY, reason, mend);
                }
            }
        }
        patterns
    }

    fn literals(&mut self, key: &str, raw: &[Spanned<String>], is_sound: fn(&str) -> bool, mend: &str) -> Vec<String> {
        self.count(key, raw.len());
        self.once(key, raw.iter().map(|literal| (literal.get_ref().to_lowercase(), literal)));
        for literal in raw.iter().filter(|literal| !is_sound(literal.get_ref())) {
            self.report(literal, key, format!("{} has another form than expected", shown(literal.get_ref())), mend);
        }
        raw.iter().map(|literal| literal.get_ref().clone()).collect()
    }

    fn words(&mut self, key: &str, raw: &[Spanned<String>]) -> Vec<String> {
        self.count(key, raw.len());
        self.once(key, raw.iter().map(|word| (word.get_ref().trim().to_lowercase(), word)));
        for word in raw {
            let text = word.get_ref().trim();
            let length = text.chars().count();
            if !(2..=TEXT_LIMIT_CHARACTERS).contains(&length) {
                let reason = format!("has {length} characters");
                self.report(word, key, reason, &format!("write 2 to {TEXT_LIMIT_CHARACTERS}"));
            } else if text.chars().any(char::is_control) {
                self.report(word, key, "holds a control character or line break", "write it on one line");
            }
        }
        raw.iter().map(|word| word.get_ref().trim().to_owned()).collect()
    }

    fn share(&mut self, key: &str, value: Option<&Spanned<f64>>) -> Option<f64> {
        let value = value?;
        if !(0.0..=1.0).contains(value.get_ref()) {
            let reason = format!("{} is not a share", value.get_ref());
            self.report(value, key, reason, "write a number from 0 to 1, as 0.05");
        }
        Some(*value.get_ref())
    }

    fn count(&mut self, key: &str, length: usize) {
        if length > LIST_LIMIT {
            let reason = format!("has {length} members");
            self.problems.push(Problem::new(self.file, reason, format!("keep to {LIST_LIMIT}")).named(key));
        }
    }

    pub(super) fn once<'k, K: Eq + Hash>(&mut self, key: &str, keys: impl Iterator<Item = (K, &'k Spanned<String>)>) {
        let mut first: HashMap<K, usize> = HashMap::new();
        for (word, spanned) in keys {
            match first.get(&word) {
                Some(offset) => {
                    let (line, _) = encoding::position(self.text, *offset);
                    let reason = format!("{} is there twice, first on line {line}", shown(spanned.get_ref()));
                    self.report(spanned, key, reason, "remove one of them");
                }
                None => {
                    first.insert(word, spanned.span().start);
                }
            }
        }
    }

    pub(super) fn report<T>(&mut self, at: &Spanned<T>, key: &str, reason: impl Into<String>, mend: &str) {
        let (line, column) = encoding::position(self.text, at.span().start);
        self.problems.push(Problem::new(self.file, reason, mend).at(line, column).named(key));
    }
}

pub(super) fn is_code(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.starts_with(|character: char| character.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

fn is_bin(text: &str) -> bool {
    (4..=11).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_iban_bank(text: &str) -> bool {
    text.split_once(':').is_some_and(|(country, bank)| {
        country.len() == 2
            && country.bytes().all(|byte| byte.is_ascii_uppercase())
            && (2..=12).contains(&bank.len())
            && bank.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    })
}

fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.chars().count())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|character| character.is_alphanumeric() || character == '-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(is_label)
}

/// The dot-atom form of RFC 5321 with letters of any script (RFC 6531); quoted local parts are refused.
fn is_mail_address(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| {
        let is_atom = |atom: &str| {
            !atom.is_empty()
                && atom
                    .chars()
                    .all(|character| character.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(character))
        };
        local.len() <= 64 && local.split('.').all(is_atom) && (is_domain(domain) || domain == "localhost")
    })
}

pub(super) fn is_inner_path(path: &str) -> bool {
    let is_step = |step: &str| !step.is_empty() && step != "." && step != "..";
    path.len() <= 255
        && !path.contains(['\\', ':'])
        && !path.chars().any(char::is_control)
        && path.split('/').all(is_step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::severity::Severity;

    const SOUND: &str = "id = \"example-bank\"\nname = \"Example Bank\"\n[[contact]]\naddress = \"soc@bank.example\"\n";

    fn problems_of(text: &str) -> Problems {
        let mut problems = Problems::default();
        read("organization.toml", text.as_bytes(), "example-bank", &mut problems);
        problems
    }

    #[test]
    fn id_name_and_one_contact_are_enough() {
        let mut problems = Problems::default();
        let organization = read("organization.toml", SOUND.as_bytes(), "example-bank", &mut problems).unwrap();
        assert_eq!(organization.contacts.first().unwrap().role, ContactRole::Security);
        assert_eq!(organization.language, Language::En);
        assert!(problems.is_empty(), "{problems}");
    }

    #[test]
    fn what_is_wrong_is_told_at_its_place() {
        for (extra, line, says) in [
            ("[[contact]]\naddress = \"soc at bank\"\n", 6, "is not a mail address"),
            ("[[contact]]\naddress = \"SOC@bank.example\"\n", 6, "twice, first on line 4"),
            ("role = \"boss\"\n", 5, "unknown variant"),
            ("rôle = 1\n", 5, ""),
            ("colour = \"red\"\n", 5, "unknown field `colour`"),
            ("openpgp = \"../../etc/passwd\"\n", 5, "leads out"),
            ("openpgp = \"/etc/passwd\"\n", 5, "leads out"),
            ("[[custodian]]\ncode = \"OWNER\"\nname = \"Us\"\n", 6, "reserved"),
            ("[[custodian]]\ncode = \"H|1\"\nname = \"One\"\n", 6, "is not a code"),
            ("[[custodian]]\ncode = \"H01\"\nname = \"One\"\nprior = 1.5\n", 8, "is not a share"),
            ("[[custodian]]\ncode = \"H01\"\nname = \"One\"\nprior = nan\n", 8, "is not a share"),
            ("[[custodian]]\ncode = \"H01\"\n", 5, "missing field `name`"),
            (
                "[[custodian]]\ncode = \"H01\"\nname = \"One\"\ncontract_from = \"2026-02-30\"\n",
                8,
                "not in the calendar",
            ),
            (
                "[[custodian]]\ncode = \"H01\"\nname = \"One\"\ncontract_from = \"2026-02-01\"\ncontract_until = \"2026-01-01\"\n",
                9,
                "ends before it begins",
            ),
            (
                "[[custodian]]\ncode = \"H01\"\nname = \"One\"\n[[custodian]]\ncode = \"H01\"\nname = \"Two\"\n",
                9,
                "twice, first on line 6",
            ),
            ("[[dataset]]\nid = \"a\"\n[[dataset]]\nid = \"a\"\n", 8, "twice, first on line 6"),
            ("[[dataset]]\nid = \"a\"\nuniversal = [\"Phone\"]\n", 7, "is not a field name"),
            ("[[dataset]]\nid = \"a\"\nrows = -1\n", 7, "expected u64"),
            ("[anchors]\nbin = [\"99991x\"]\n", 6, "another form"),
            ("[anchors]\niban_bank = [\"DE99999999\"]\n", 6, "another form"),
            ("[anchors]\nmail_domain = [\"bank\"]\n", 6, "another form"),
            ("[anchors]\nnames = [\"B\"]\n", 6, "has 1 characters"),
            ("[anchors]\naccount = ['62\\d{3}']\n", 6, "may be shorter"),
            ("[anchors]\naccount = [\n'62\\d{17}',\n'(6+)+']\n", 8, "no capital letter or digit"),
            ("[anchors]\naccount = ['62\\d{17}', '62\\d{17}']\n", 6, "twice"),
            ("[[custodian\n", 5, ""),
            ("x = \"\n", 5, ""),
        ] {
            let problems = problems_of(&format!("{SOUND}{extra}"));
            let problem = problems.listed().first().unwrap_or_else(|| panic!("{extra:?} passes"));
            assert_eq!(problem.line, Some(line), "{extra:?}: {problem}");
            assert!(problem.reason.contains(says), "{extra:?}: {problem}");
        }
    }

    #[test]
    fn what_is_wrong_with_how_an_organization_is_told_is_told_at_its_place() {
        for (extra, line, says) in [
            ("[alerts]\nzone = \"Mars/Olympus\"\n", 6, "not a time zone"),
            ("[alerts]\nquiet = [\"22:00\"]\n", 6, "not a window"),
            ("[alerts]\nwake = \"dire\"\n", 6, "unknown variant"),
            ("[alerts]\ndigest_at = \"8\"\n", 6, "not a time of the day"),
            ("[alerts]\nmost_per_hour = 0\n", 6, "not between"),
            ("[alerts]\nquite = []\n", 6, "unknown field"),
            ("[[contact]]\naddress = \"a@b.example\"\nafter = \"soon\"\n", 7, "no time"),
            ("[[channel]]\nname = \"x\"\nkind = \"fax\"\n", 7, "unknown variant"),
            ("[[channel]]\nname = \"x\"\nkind = \"webhook\"\nsecret_file = \"s\"\n", 7, "needs a url"),
            ("[[channel]]\nname = \"x\"\nkind = \"slack\"\n", 7, "needs a secret_file"),
            ("[[channel]]\nname = \"x\"\nkind = \"slack\"\nurl = \"https://hooks.example/T/1\"\n", 8, "is a secret"),
            ("[[channel]]\nname = \"x\"\nkind = \"syslog\"\nurl = \"syslog://h:514\"\n", 8, "syslog+tls"),
            ("[[channel]]\nname = \"x\"\nkind = \"webhook\"\nurl = \"http://siem.example/\"\n", 8, "https://"),
            ("[[channel]]\nname = \"x\"\nkind = \"atom\"\nsecret_file = \"../s\"\n", 8, "leads out"),
        ] {
            let problems = problems_of(&format!("{SOUND}{extra}"));
            let problem = problems.listed().first().unwrap_or_else(|| panic!("{extra:?} passes"));
            assert_eq!(problem.line, Some(line), "{extra:?}: {problem}");
            assert!(problem.reason.contains(says), "{extra:?}: {problem}");
        }
    }

    #[test]
    fn an_organization_says_how_it_is_told() {
        let mut problems = Problems::default();
        let text = format!(
            "{SOUND}after = \"90m\"\n[alerts]\nzone = \"Asia/Shanghai\"\nquiet = [\"22:00-07:00\"]\ndigest = \"medium\"\n\
             digest_at = \"08:30\"\nmost_per_hour = 5\n[[channel]]\nname = \"siem\"\nkind = \"syslog\"\n\
             url = \"syslog+tls://logs.bank.example:6514\"\nfrom = \"high\"\n"
        );
        let organization = read("organization.toml", text.as_bytes(), "example-bank", &mut problems).unwrap();
        assert!(problems.is_empty(), "{problems}");
        assert_eq!(organization.contacts.first().unwrap().after, Some(std::time::Duration::from_mins(90)));
        let alerts = &organization.alerts;
        assert_eq!((alerts.wake, alerts.digest, alerts.most_per_hour), (Severity::Critical, Some(Severity::Medium), 5));
        assert_eq!((alerts.channels.len(), alerts.channels.first().unwrap().from), (1, Severity::High));
        let kept: Organization = serde_json::from_str(&serde_json::to_string(&organization).unwrap()).unwrap();
        assert_eq!(kept, organization);
    }

    #[test]
    fn required_keys_are_missed() {
        for (text, says) in [
            ("", "is empty"),
            ("name = \"Example Bank\"\n", "missing field `id`"),
            ("id = \"example-bank\"\n", "missing field `name`"),
            ("id = \"example-bank\"\nname = \"Example Bank\"\n", "no contact"),
            ("id = \"Example Bank\"\nname = \"Example Bank\"\n", "is not an id"),
            ("id = \"other-bank\"\nname = \"Example Bank\"\n", "in a folder called \"example-bank\""),
        ] {
            assert!(problems_of(text).listed().first().unwrap().reason.contains(says), "{text:?}");
        }
    }

    #[test]
    fn an_identifier_in_the_place_of_a_word_is_not_repeated_in_full() {
        let problems = problems_of(&format!("{SOUND}[anchors]\nmail_domain = [\"jo.wren@post.example\"]\n"));
        assert!(!problems.to_string().contains("jo.wren"), "{problems}");
    }
}
