//! Finds entries in documents: every watched spelling over folded views, fields tied by row; hits out.
//!
//! [`Matcher::compile`] puts all watchlists into one immutable form; [`Matcher::scan`] makes views of a
//! document, finds numbers (`groups`), mail addresses (`email`) and literals (`literal`), ties them by row (`row`) and
//! tells each hit in raw bytes with the steps to read it there. Nothing that was read can make it fail.
//! Not here: archives (`container`), which post a hit belongs to (`services::crawl`), which case (`case`).

mod compile;
mod email;
mod grams;
mod groups;
mod literal;
mod masked;
mod meet;
mod records;
mod row;
mod scan;
mod search;
mod shape;
mod table;
mod testing;
mod verdict;
mod within;

use serde::{Deserialize, Serialize};

pub use self::verdict::{KindRate, Ownership, Premises, Rates, Rows, Verdict};

use self::compile::Compiled;
use crate::domain::fingerprints::Fingerprints;
use crate::domain::identifier::FingerprintKind;
use crate::domain::oddity::Oddity;
use crate::domain::renderings::Renderings;
use crate::domain::span::ByteSpan;
use crate::domain::watchlist::{OrganizationId, Watchlist};

/// All watchlists, ready to be looked for; immutable, so shared by all workers and swapped as a whole.
#[derive(Debug, Default)]
pub struct Matcher {
    compiled: Compiled,
}

impl Matcher {
    /// Compiles watchlists; about 1 µs a value.
    pub fn compile(watchlists: &[Watchlist]) -> Self {
        Self { compiled: Compiled::of(watchlists) }
    }

    /// Looks for real customers too, of all organizations that enrolled fingerprints.
    #[must_use]
    pub fn with_fingerprints(mut self, fingerprints: &Fingerprints) -> Self {
        self.compiled.test(fingerprints);
        self
    }

    /// Finds entries in one document, which is searched as it stands: `ports::sandbox` unpacks containers.
    ///
    /// Hits come by place. Takes time proportional to the size: give large files to a blocking thread.
    pub fn scan(&self, document: &Document<'_>) -> Scan {
        let mut found = scan::Found::default();
        let rows = scan::scan_member(&self.compiled, document, &mut found);
        let tested = found.tally.tested(&self.compiled.testing);
        let oddities = found.oddities();
        Scan { hits: found.hits, tested, rows, oddities }
    }
}

/// What the hits and rates of a scan prove.
impl Matcher {
    /// Counts what was found, by organization.
    pub fn rates(&self, scan: &Scan) -> Vec<Rates> {
        Rates::of(scan, &self.compiled.premises)
    }

    /// Tells whose data it is that rates were counted in; `None` if the organization is not watched for.
    pub fn judge(&self, rates: &Rates) -> Option<Verdict> {
        self.premises(&rates.organization).map(|premises| premises.judge(rates))
    }

    /// Tells whether a hit may open a case; see [`Premises::may_open_case`].
    pub fn may_open_case(&self, hit: &Hit, rates: &[Rates]) -> bool {
        let own = rates.iter().find(|rates| rates.organization == hit.organization);
        match (self.premises(&hit.organization), own) {
            (Some(premises), Some(rates)) => premises.may_open_case(hit, rates),
            (_, _) => hit.kind == EntryKind::Canary,
        }
    }

    fn premises(&self, organization: &OrganizationId) -> Option<&Premises> {
        self.compiled.premises.iter().find(|premises| premises.organization() == organization)
    }
}

impl Matcher {
    /// Counts spellings of entries in a text that is folded already: the search alone, in pieces as a scan makes them, as
    /// benches measure it.
    pub fn count(&self, folded: &str) -> usize {
        scan::count(&self.compiled, folded)
    }

    /// Tells how many bytes the compiled form keeps.
    pub fn bytes(&self) -> usize {
        self.compiled.bytes()
    }
}

/// Something to be searched.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// The bytes as fetched or read.
    pub bytes: &'a [u8],
    /// File name or URL path, a hint.
    pub name: &'a str,
    /// Declared media type without parameters, a hint.
    pub media_type: Option<&'a str>,
    /// Declared charset, a hint.
    pub charset: Option<&'a str>,
}

/// What was found in a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    /// Entries found, each field of one at most about a thousand times; of fingerprints at most [`FINGERPRINT_HITS`] a document, the rest is only counted in `tested`.
    pub hits: Vec<Hit>,
    /// How many values were looked up among fingerprints: one a kind, and one of all kinds, for each organization that
    /// has any.
    pub tested: Vec<Tested>,
    /// Rows that could hold an identifier, canary or not; counted where it matters.
    pub rows: u64,
    /// What could not be read as expected.
    pub oddities: Vec<Oddity>,
}

impl Scan {
    /// Adds what was found in another part of the same document.
    pub fn absorb(&mut self, other: Self) {
        let is_fingerprint = |hit: &Hit| hit.kind == EntryKind::Fingerprint;
        let known = if other.hits.iter().any(is_fingerprint) {
            self.hits.iter().filter(|hit| is_fingerprint(hit)).count()
        } else {
            0
        };
        let mut room = FINGERPRINT_HITS.saturating_sub(known);
        self.hits.extend(other.hits.into_iter().filter(|hit| {
            let is_kept = !is_fingerprint(hit) || room > 0;
            room -= usize::from(is_kept && is_fingerprint(hit));
            is_kept
        }));
        for tested in other.tested {
            let same = |known: &&mut Tested| known.organization == tested.organization && known.kind == tested.kind;
            match self.tested.iter_mut().find(same) {
                None => self.tested.push(tested),
                Some(known) => {
                    known.values += tested.values;
                    known.hits += tested.hits;
                    known.rows += tested.rows;
                    known.rows_hit += tested.rows_hit;
                }
            }
        }
        self.rows += other.rows;
        self.oddities.extend(other.oddities);
    }
}

/// So many fingerprints prove what the rate of hits has not proved already.
pub const FINGERPRINT_HITS: usize = 4096;

/// How many values of a document had the right shape and check digits to be somebody's, and how many were this
/// organization's: the rate is what counts, never the number of hits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tested {
    /// Whose fingerprints were asked.
    pub organization: OrganizationId,
    /// Kind of the values; `None` counts the values and rows of all kinds together.
    pub kind: Option<FingerprintKind>,
    /// Values looked up.
    pub values: u64,
    /// Values found.
    pub hits: u64,
    /// Rows with at least one value looked up.
    pub rows: u64,
    /// Rows with at least one value found.
    pub rows_hit: u64,
}

/// What kind of entry was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryKind {
    /// A planted record.
    Canary,
    /// A keyed hash of a real customer's identifier.
    Fingerprint,
    /// A literal of the organization.
    Anchor,
}

/// One entry found at one span of one document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hit {
    /// Whose entry it is.
    pub organization: OrganizationId,
    /// The entry's id.
    pub entry: String,
    /// What kind of entry.
    pub kind: EntryKind,
    /// Which field of it: `pan`, `name`, `phone` ….
    pub field: String,
    /// Path inside the document: `data/part1.csv`, `sheet1`; empty for the document itself.
    pub member: String,
    /// Raw bytes of the member.
    pub span: ByteSpan,
    /// The value as it may be shown: first 6 and last 4 characters at most.
    pub masked: String,
    /// What to do with the raw bytes, in order, to read the value: `charset:gb18030`, `html`, `fold`, `digits` ….
    pub steps: Vec<String>,
    /// How surprising the row is, in bits: the information of the entry's fields found together in it.
    pub strength: u32,
    /// Which row of the member, by the raw byte where it begins: hits of one row belong together.
    pub row: u64,
    /// How the row of a customer is rendered: which delivered copy it was written for may be read off it.
    #[serde(default)]
    pub renderings: Renderings,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::text::replay;
    use crate::domain::watchlist::{Alerts, Anchors, Canary, Language, Organization};

    fn canary(id: &str, fields: &[(&str, &str)]) -> Canary {
        Canary {
            id: id.to_owned(),
            dataset: "customers".to_owned(),
            holders: Vec::new(),
            planted_at: None,
            retired_at: None,
            p: None,
            fields: fields.iter().copied().collect(),
        }
    }

    fn watchlist(id: &str, canaries: Vec<Canary>) -> Watchlist {
        let organization = Organization {
            id: OrganizationId(id.to_owned()),
            name: id.to_owned(),
            aliases: Vec::new(),
            language: Language::En,
            market_share: None,
            auditor: None,
            contacts: Vec::new(),
            custodians: Vec::new(),
            datasets: Vec::new(),
            alerts: Alerts::default(),
            anchors: Anchors {
                names: vec!["示例银行".to_owned()],
                bin: vec!["999912".to_owned()],
                ..Anchors::default()
            },
        };
        Watchlist { organization, canaries, deliveries: Vec::new() }
    }

    fn sample() -> Matcher {
        let bank = vec![
            canary(
                "zh",
                &[
                    ("name", "欧阳采薇"),
                    ("pan", "9990483834645856"),
                    ("phone", "12014504193"),
                    ("resident_id", "99586819640530876X"),
                    ("email", "vanta980@mail.example"),
                    ("iban", "QZ6499999999161754124340"),
                ],
            ),
            canary(
                "en",
                &[
                    ("name", "Gideon Brackenholt"),
                    ("phone", "+1 (774) 555-0119"),
                    ("national_id", "000-40-1022"),
                    ("account", "EX6986859770124757"),
                    ("address", "58 Beacon Terrace, Gullhaven"),
                ],
            ),
            canary("ru", &[("name", "Елисей Тихозеров"), ("phone", "+7 000 126-40-97"), ("passport", "0024 366921")]),
            canary("short", &[("name", "Perrin Oakmantle"), ("account", "483291")]),
            canary("weak", &[("name", "Odalys Wrenfield"), ("address", "12 Harbour Lane, Westmere")]),
        ];
        let insurer = vec![canary("other", &[("pan", "9990483834645856")])];
        Matcher::compile(&[watchlist("bank", bank), watchlist("insurer", insurer)])
    }

    fn scan(bytes: &[u8], name: &str) -> Vec<Hit> {
        sample().scan(&Document { bytes, name, media_type: None, charset: None }).hits
    }

    fn found(text: &str, name: &str) -> Vec<String> {
        let hits = scan(text.as_bytes(), name);
        for hit in hits.iter().filter(|hit| hit.member.is_empty()) {
            assert!(replay(text.as_bytes(), hit.span, &hit.steps).is_some_and(|value| !value.is_empty()), "{hit:?}");
        }
        hits.iter()
            .filter(|hit| hit.organization.0 == "bank")
            .map(|hit| format!("{}.{}", hit.entry, hit.field))
            .collect()
    }

    #[test]
    fn a_long_list_is_compiled_in_parts_and_every_canary_keeps_its_name() {
        // The later canaries have fields of their own, which no part before them knows.
        let planted = |number: usize| {
            let pan = format!("99904838{number:08}");
            let (account, email) = (format!("EX{number:014}"), format!("wren{number}@mail.example"));
            match number {
                ..6_000 => canary(&format!("c{number}"), &[("pan", &pan)]),
                6_000.. => canary(&format!("c{number}"), &[("account", &account), ("email", &email)]),
            }
        };
        let lists = [
            watchlist("bank", (0..20_000).map(planted).collect()),
            watchlist("insurer", vec![canary("other", &[("passport", "0024 366921"), ("name", "Елисей Тихозеров")])]),
        ];
        let text = "9990483800000000\n9990483800005999\nEX00000000006000\nwren19999@mail.example\n0024366921 Елисей Тихозеров\n";
        let document = Document { bytes: text.as_bytes(), name: "x.txt", media_type: None, charset: None };
        let hits = Matcher::compile(&lists).scan(&document).hits;
        let named = |hit: &Hit| format!("{} {} {}", hit.organization.0, hit.entry, hit.field);
        assert_eq!(
            hits.iter().map(named).collect::<Vec<_>>(),
            [
                "bank c0 pan",
                "bank c5999 pan",
                "bank c6000 account",
                "bank c19999 email",
                "insurer other passport",
                "insurer other name"
            ]
        );
    }

    #[test]
    fn eighteen_common_spellings_are_all_found() {
        for (text, expected) in [
            ("这是欧阳采薇的卡9990483834645856", vec!["zh.name", "zh.pan"]),
            ("欧阳采薇 9990483834645856", vec!["zh.name", "zh.pan"]),
            ("欧阳采薇,9990483834645856", vec!["zh.name", "zh.pan"]),
            ("欧阳采薇，9990483834645856", vec!["zh.name", "zh.pan"]),
            ("欧阳采薇、9990483834645856", vec!["zh.name", "zh.pan"]),
            ("欧阳采薇\u{3000}9990483834645856", vec!["zh.name", "zh.pan"]),
            ("欧阳采薇\u{a0}9990483834645856", vec!["zh.name", "zh.pan"]),
            ("欧阳采薇|9990483834645856", vec!["zh.name", "zh.pan"]),
            ("身份证99586819640530876X有效", vec!["zh.resident_id"]),
            ("9990 4838 3464 5856", vec!["zh.pan"]),
            ("9990-4838-3464-5856", vec!["zh.pan"]),
            ("９９９０４８３８３４６４５８５６", vec!["zh.pan"]),
            ("<p>9990<b>4838</b>3464<i>5856</i></p>", vec!["zh.pan"]),
            ("<p>9990&nbsp;4838&nbsp;3464&nbsp;5856</p>", vec!["zh.pan"]),
            ("9990483834645856", vec!["zh.pan"]),
            ("QZ64 9999 9999 1617 5412 4340", vec!["zh.iban"]),
            ("9990\u{200b}4838\u{200b}3464\u{feff}5856", vec!["zh.pan"]),
            ("电话12014504193微信同号", vec!["zh.phone"]),
        ] {
            let name = if text.starts_with('<') { "x.html" } else { "x.txt" };
            assert_eq!(found(text, name), expected, "{text}");
        }
    }

    #[test]
    fn phones_and_numbers_are_found_whatever_the_prefix() {
        for (text, expected) in [
            ("tel +86 120 1450 4193", "zh.phone"),
            ("8612014504193", "zh.phone"),
            ("0086-12014504193", "zh.phone"),
            ("7745550119", "en.phone"),
            ("+1 774.555.0119", "en.phone"),
            ("1 (774) 555-0119", "en.phone"),
            ("8 (000) 126-40-97", "ru.phone"),
            ("70001264097", "ru.phone"),
            ("000.126.40.97", "ru.phone"),
            ("ssn 000401022", "en.national_id"),
            ("00 24 366921", "ru.passport"),
            ("acct EX 6986 8597 7012 4757", "en.account"),
            ("6986859770124757", "en.account"),
            ("VANTA980@MAIL.EXAMPLE", "zh.email"),
            ("vanta980@mail.example:hunter2", "zh.email"),
        ] {
            assert_eq!(found(text, "x.txt"), vec![expected], "{text}");
        }
    }

    #[test]
    fn a_list_of_numbers_is_no_short_value() {
        assert_eq!(found("int table[] = {0, 0, 0, 4, 0, 1022, 7};", "x.txt"), Vec::<String>::new());
        assert_eq!(found("Gideon Brackenholt 0, 0, 0, 4, 0, 1022", "x.txt"), vec!["en.name", "en.national_id"]);
        assert_eq!(found("9, 9, 9, 0, 4838, 3464, 5856", "x.txt"), vec!["zh.pan"]);
    }

    #[test]
    fn what_stands_behind_layers_is_found_and_replays() {
        for (text, expected) in [
            ("pan=%39%39%39%30%34838 3464 5856", "zh.pan"),
            ("q=%2539%2539%25390483834645856&x", "zh.pan"),
            ("vanta980%40mail%2Eexample", "zh.email"),
            (r"\u0039\u0039\u00390483834645856", "zh.pan"),
            (r#"{"a":"x\n9990483834645856\ny"}"#, "zh.pan"),
            ("&#57;&#57;&#57;0483834645856", "zh.pan"),
            ("&amp;#57;&amp;#57;&amp;#57;0483834645856", "zh.pan"),
            ("9990 4838=\n 3464 5856", "zh.pan"),
            ("=39=39=39=30483834645856", "zh.pan"),
            ("x OTk5MDQ4MzgzNDY0NTg1Ng== y", "zh.pan"),
            ("T1RrNU1EUTRNemd6TkRZME5UZzFOZz09", "zh.pan"),
            ("39393930343833383334363435383536", "zh.pan"),
            ("电话一二〇一四五〇四一九三", "zh.phone"),
            ("壹贰零 壹肆伍零 肆壹玖叁", "zh.phone"),
            ("vanta980 [at] mail [dot] example", "zh.email"),
            ("vanta980艾特mail点example", "zh.email"),
            ("vаntа980@mаil.example", "zh.email"),
            ("99586819640530876Х", "zh.resident_id"),
            ("card 9990 4838\n3464 5856 ok", "zh.pan"),
            ("| 9990 | 4838 | 3464 | 5856 |", "zh.pan"),
            ("fullz: 6585464383840999", "zh.pan"),
            ("for sale 999O4838E464S8S6", "zh.pan"),
        ] {
            assert_eq!(found(text, "x.txt"), vec![expected], "{text}");
        }
        for (text, expected) in [
            ("%C5%B7%D1%F4%B2%C9%DE%B1 12014504193", vec!["zh.name", "zh.phone"]),
            ("歐陽採薇 9990483834645856", vec!["zh.name", "zh.pan"]),
            ("æ¬§é˜³é‡‡è–‡ 9990483834645856", vec!["zh.name", "zh.pan"]),
            ("Р•Р»РёСЃРµР№ РўРёС…РѕР·РµСЂРѕРІ 70001264097", vec!["ru.name", "ru.phone"]),
            ("Eлиceй Тихoзepoв 70001264097", vec!["ru.name", "ru.phone"]),
            ("欧阳采薇 一二〇一四五〇四一九三", vec!["zh.name", "zh.phone"]),
        ] {
            let mut found = found(text, "x.txt");
            found.sort();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn what_is_hidden_in_markup_is_found() {
        for page in [
            r#"<a href="mailto:vanta980%40mail.example">mail</a>"#,
            "<a href='x' title='9990 4838 3464 5856'>x</a>",
            "<!-- 9990483834645856 --><p>x</p>",
            "<script>var rows = [{\"pan\":\"9990483834645856\"}];</script>",
            "<div style=\"display:none\">9990483834645856</div>",
            "<p>&#57;&#57;&#57;0483834645856</p>",
            "<input type=hidden value=9990483834645856>",
        ] {
            assert_eq!(found(page, "x.html").len(), 1, "{page}");
        }
    }

    #[test]
    fn a_name_alone_or_a_short_value_alone_is_no_hit() {
        for text in [
            "欧阳采薇",
            "Gideon Brackenholt 7745550110",
            "Елисей Тихозеров, 0024 366922",
            "483291",
            "示例银行 999912",
            "Perrin Oakmantle\n483291",
            "58 Beacon Terrace, Gullhaven",
            "Odalys Wrenfield\n12 Harbour Lane, Westmere",
            "99904838346458561",
            "x9990483834645856",
            "9990483834645857",
            "avanta980@mail.example",
            "vanta980@mail.example.org",
        ] {
            assert_eq!(found(text, "x.txt"), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn fields_of_one_row_carry_each_other() {
        assert_eq!(found("Perrin Oakmantle;483291", "x.csv"), vec!["short.name", "short.account"]);
        assert_eq!(found("OAKMANTLE, Perrin | 48-32-91", "x.csv"), vec!["short.name", "short.account"]);
        assert_eq!(found("Odalys Wrenfield, 12 Harbour Lane, Westmere", "x.txt"), vec!["weak.name", "weak.address"]);
        let table = "<table><tr><td>Gideon Brackenholt</td><td>+1 (774) 555-0119</td></tr><tr><td>x</td></tr></table>";
        assert_eq!(found(table, "x.html"), vec!["en.name", "en.phone"]);
        let hits = scan(b"Gideon Brackenholt,+1 (774) 555-0119,000-40-1022\n000-40-1022\n", "x.csv");
        let rows: Vec<(u64, bool)> = hits.iter().map(|hit| (hit.row, hit.strength > 60)).collect();
        assert_eq!(rows, vec![(0, true), (0, true), (0, true), (49, false)]);
    }

    #[test]
    fn masked_fields_of_one_row_decide_and_one_alone_does_not() {
        let whole = vec!["zh.name", "zh.pan", "zh.email"];
        for (text, expected) in [
            ("one full record: 欧阳采薇 999048******5856 va***@mail.example", whole.clone()),
            ("欧阳采薇|9990 48xx xxxx 5856|va...@mail.example", whole.clone()),
            ("欧**薇,９９９０４８●●●●●●5856,V***@MAIL.example", whole),
            ("999048******5856;120****4193", vec!["zh.pan", "zh.phone"]),
            ("995868********876X +86 120-****-4193", vec!["zh.resident_id", "zh.phone"]),
            ("G*** B*** ***-**-1022", vec!["en.name", "en.national_id"]),
            ("999048******5856 vanta980@mail.example", vec!["zh.pan", "zh.email"]),
            ("999048******5856", vec![]),
            ("va***@mail.example 欧阳采薇", vec![]),
            ("999048******5856\n120****4193", vec![]),
            ("欧阳采薇 999048******5857 va***@post.example", vec![]),
            ("李** 120****4194 999047******5856", vec![]),
        ] {
            assert_eq!(found(text, "x.txt"), expected, "{text}");
        }
        let table = "<table><tr><td>姓名</td><td>欧*采薇</td></tr><tr><td>卡号</td><td>999048<b>******</b>5856</td></tr></table>";
        let hits = scan(table.as_bytes(), "x.html");
        let read: Vec<String> = hits.iter().filter_map(|hit| replay(table.as_bytes(), hit.span, &hit.steps)).collect();
        assert_eq!(read, ["欧*采薇", "999048******5856"]);
        assert_eq!(hits.last().map(|hit| hit.masked.as_str()), Some("9990********5856"));
    }

    #[test]
    fn two_records_on_one_line_lend_each_other_nothing_and_one_over_several_lines_holds() {
        for (text, expected) in [
            ("insert into t values ('Perrin Oakmantle','1'),('x','483291');", vec![]),
            ("insert into t values ('x','1'),('Perrin Oakmantle','483291');", vec!["short.name", "short.account"]),
            ("[{\"n\":\"Perrin Oakmantle\",\"a\":\"1\"},{\"n\":\"x\",\"a\":\"483291\"}]", vec![]),
            ("{\"n\":\"Perrin Oakmantle\",\n\"acc\":{\n\"id\":\"483291\"}}", vec!["short.name", "short.account"]),
            ("姓名：Perrin Oakmantle\n账号：483291\n\n姓名：x", vec!["short.name", "short.account"]),
            ("姓名：Perrin Oakmantle\n\n姓名：x\n账号：483291", vec![]),
            ("7,\"Perrin\nOakmantle\",483291", vec![]),
            ("7,\"Perrin Oakmantle\nx\",483291", vec!["short.name", "short.account"]),
        ] {
            assert_eq!(found(text, "x.txt"), expected, "{text}");
        }
    }

    #[test]
    fn a_record_cut_by_a_piece_keeps_its_fields() {
        for line in ["filler: 1\n", "filler\n"] {
            for shift in 0..40 {
                let lines = ((1 << 18) - shift) / line.len();
                let text =
                    format!("{}\nname: Perrin Oakmantle\naccount: 483291\n\n{}", line.repeat(lines), line.repeat(50));
                let hits = scan(text.as_bytes(), "x.txt");
                assert_eq!(hits.len(), 2, "{shift}");
                assert!(hits.iter().all(|hit| hit.row == (line.len() * lines + 1) as u64), "{shift}");
            }
        }
    }

    #[test]
    fn a_value_of_two_organizations_is_a_hit_for_each() {
        let hits = scan(b"9990483834645856", "x.txt");
        let owners: Vec<&str> = hits.iter().map(|hit| hit.organization.0.as_str()).collect();
        assert_eq!(owners, vec!["bank", "insurer"]);
        assert!(hits.iter().all(|hit| hit.masked == "9990********5856"));
    }

    #[test]
    fn long_files_are_searched_in_pieces_with_exact_places_and_rows() {
        let line = "1;Filler Person;0000111122223333;nobody@post.example\n";
        let mut text = line.repeat(12_000);
        let at = text.len();
        text.push_str("x;欧阳采薇;9990 4838 3464 5856\n");
        text.push_str(&line.repeat(6_000));
        let hits: Vec<Hit> =
            scan(text.as_bytes(), "x.csv").into_iter().filter(|hit| hit.organization.0 == "bank").collect();
        let places: Vec<(u64, u64)> =
            hits.iter().map(|hit| (hit.span.start - at as u64, hit.row - at as u64)).collect();
        assert_eq!(places, vec![(2, 0), (15, 0)]);
        let single_line = format!("{}|9990483834645856|{}", "7,".repeat(262_000), "7,".repeat(300_000));
        assert_eq!(found(&single_line, "x.csv"), vec!["zh.pan"]);
    }

    #[test]
    fn an_empty_matcher_and_an_empty_document_find_nothing() {
        let matcher = Matcher::compile(&[]);
        let document = Document { bytes: b"9990483834645856 a@b.example", name: "x", media_type: None, charset: None };
        assert_eq!(matcher.scan(&document), Scan::default());
        assert_eq!(scan(b"", "x"), vec![]);
    }

    fn spelled() -> impl Strategy<Value = String> {
        let separators =
            proptest::sample::select(vec!["", " ", "-", "\u{a0}", "</b>", "<i>", "\u{200b}", "&nbsp;", "\u{2014}"]);
        let digits = proptest::sample::select(vec!["9990", "４８３８", "&#51;464", "5856"]);
        proptest::collection::vec((digits, separators), 4..20)
            .prop_map(|pieces| pieces.into_iter().flat_map(|(digits, separator)| [digits, separator]).collect())
    }

    proptest! {
        #[test]
        fn every_hit_replays_to_its_value(before in "[a-z<>&; \n卡]{0,30}", value in spelled(), after in "[a-z<>&; \n卡]{0,30}") {
            let page = format!("<p>{before} 9990 {value} vanta980@mail.example {after}");
            for hit in scan(page.as_bytes(), "x.html") {
                let value = replay(page.as_bytes(), hit.span, &hit.steps).unwrap();
                let expected = if hit.field == "email" { "vanta980@mail.example" } else { "9990483834645856" };
                prop_assert_eq!(value, expected);
            }
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400), name in "[a-z]{1,3}\\.(html|csv|zip|gz|x)") {
            let _ = scan(&bytes, &name);
        }
    }
}
