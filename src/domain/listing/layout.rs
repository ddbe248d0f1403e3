//! What kind of line each line is: prose, a sample record, a quotation, code.
//!
//! Words of others do not count: a quotation is not the writer's offer, a sample row is not the writer's prose.

use std::ops::Range;
use std::sync::LazyLock;

use super::forms::Forms;
use super::tally::{self, Kinds, Tally};

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineKind {
    /// The writer's own words.
    Prose,
    /// A record of the goods: a line of a table, a JSON object, an `INSERT` tuple, `name:password`.
    Row,
    /// Somebody else's words.
    Quote,
}

/// One line of a folded text.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) range: Range<usize>,
    pub(super) kind: LineKind,
}

/// Splits a folded text into lines and tells what each is.
pub(super) fn lines(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let (mut start, mut depth) = (0, 0_usize);
    let ends = memchr::memchr_iter(b'\n', text.as_bytes()).map(|end| end + 1).chain(std::iter::once(text.len()));
    for end in ends {
        let range = std::mem::replace(&mut start, end)..end;
        let line = text.get(range.clone()).unwrap_or_default();
        if line.is_empty() {
            break;
        }
        let line = line.trim();
        let (opens, closes) = if memchr::memchr(b'[', line.as_bytes()).is_some() {
            (line.matches("[quote").count(), line.matches("[/quote]").count())
        } else {
            (0, 0)
        };
        let kind = if depth > 0 || opens > 0 || is_quote(line) {
            LineKind::Quote
        } else if is_row(line) {
            LineKind::Row
        } else {
            LineKind::Prose
        };
        depth = (depth + opens).saturating_sub(closes);
        lines.push(Line { range, kind });
    }
    lines
}

/// Returns the kind of the line that holds a byte.
pub(super) fn kind_at(lines: &[Line], at: usize) -> LineKind {
    let index = lines.partition_point(|line| line.range.end <= at);
    lines.get(index).map_or(LineKind::Prose, |line| line.kind)
}

fn is_quote(line: &str) -> bool {
    const ATTRIBUTIONS: [&str; 6] = ["wrote:", "said:", "написал:", "писал(а):", "escribio:", "a ecrit:"];
    let is_arrow = line.starts_with("> ") || (line.starts_with(">>") && !line.contains('@')) || line == ">";
    let is_attribution =
        line.len() < 120 && line.ends_with(':') && ATTRIBUTIONS.iter().any(|ending| line.ends_with(ending));
    is_arrow || is_attribution || REFERENCES.at_start(line, |_, _| true).is_some()
}

/// What follows these is the title of something else.
static REFERENCES: LazyLock<Forms<()>> = LazyLock::new(|| {
    let words = [
        "my previous thread",
        "my other thread",
        "previous thread",
        "other threads",
        "related:",
        "see also",
        "上一帖",
        "上一贴",
        "相关帖",
        "моя прошлая тема",
        "прошлая тема",
        "предыдущая тема",
        "другие темы",
        "quote from",
    ];
    Forms::starting(words.map(|word| (word, ())))
});

/// What sets the cells of a record apart.
const SEPARATORS: [u8; 5] = [b',', b';', b'|', b'\t', b':'];

/// Bytes of a line by which it is judged.
const JUDGED: usize = tally::MOST;

/// Tells whether a line is a record rather than a sentence: many cells, most of them values.
fn is_row(line: &str) -> bool {
    if line.len() < 12 {
        return false;
    }
    let line = line.get(..super::fold::floor_boundary(line, JUDGED)).unwrap_or_default();
    let signs = Tally::of(&SIGNS, line.as_bytes());
    let has = |sign: u8| memchr::memchr(sign, line.as_bytes()).is_some();
    let has_address = has(b'@');
    let has_values = has_address || signs.count(SEPARATORS.len()) >= 4 || (has(b'*') && line.contains("**"));
    if !(has_values || line.starts_with(['i', '(', '{'])) {
        return false;
    }
    if line.starts_with("insert into ") || line.starts_with("('") || (line.starts_with('{') && line.contains("\":")) {
        return true;
    }
    let is_split = |(kind, separator): (usize, u8)| signs.count(kind) >= 3 && has_cells(line.as_bytes(), separator);
    (has_address && is_login(line)) || (has_values && SEPARATORS.into_iter().enumerate().any(is_split))
}

/// Separators by their place in [`SEPARATORS`], then digits.
static SIGNS: Kinds = {
    let mut kinds = Kinds::NONE.with(SEPARATORS.len(), (b'0', b'9'));
    let mut kind = 0;
    while kind < SEPARATORS.len() {
        kinds = kinds.with(kind, (SEPARATORS[kind], SEPARATORS[kind]));
        kind += 1;
    }
    kinds
};

const CHARACTERS: usize = 0;
const DIGITS: usize = 1;
const BLANKS: usize = 2;
const ATS: usize = 3;
const DOTS: usize = 4;

/// What cells of a record are told by. The bytes of a character after its first are no character.
static IN_CELLS: Kinds = Kinds::NONE
    .with(CHARACTERS, (0, 0x7f))
    .with(CHARACTERS, (0xc0, 0xff))
    .with(DIGITS, (b'0', b'9'))
    .with(BLANKS, (b' ', b' '))
    .with(ATS, (b'@', b'@'))
    .with(DOTS, (b'.', b'.'));

/// Tells whether a line, split at a sign, is made of cells with values.
fn has_cells(line: &[u8], separator: u8) -> bool {
    let is_masked = line.contains(&b'*');
    let (mut cells, mut values, mut wordy) = (0, 0, 0);
    for cell in line.split(|byte| *byte == separator).take(40).map(<[u8]>::trim_ascii) {
        let tally = Tally::of(&IN_CELLS, cell);
        cells += 1;
        values += usize::from(is_value(tally) || (is_masked && cell.windows(3).any(|mask| mask == b"***")));
        wordy += usize::from(tally.count(BLANKS) >= 5 || tally.count(CHARACTERS) > 48);
    }
    cells >= 4 && values >= 2 && values * 3 >= cells && wordy * 4 <= cells
}

/// A number, an address, a mixed token: what cells of a record hold.
const fn is_value(cell: Tally) -> bool {
    let digits = cell.count(DIGITS);
    let is_address = cell.count(ATS) > 0 && cell.count(DOTS) > 0 && cell.count(BLANKS) == 0;
    (digits >= 4 && digits * 2 >= cell.count(CHARACTERS)) || is_address
}

/// `name@host:password` and `https://host:name:password`, one to a line.
fn is_login(line: &str) -> bool {
    if line.contains(' ') {
        return false;
    }
    let rest = line.split_once("://").map_or(line, |(_, rest)| rest);
    let cells = rest.split([':', ';', '|']).filter(|cell| !cell.is_empty()).count();
    cells >= 2 && line.contains('@') && line.contains('.') && !line.starts_with('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_quotations_and_prose_are_told_apart() {
        for (line, kind) in [
            ("selling a database of 120,000 lines, price 900$", LineKind::Prose),
            ("姓名、身份证、手机号、卡号、余额", LineKind::Prose),
            ("ada lovelace,ada@mail.example,+1 555 0100,9990123412341234,07/27", LineKind::Row),
            ("ada@mail.example:hunter2", LineKind::Row),
            ("('ada','ada@mail.example','1200001')", LineKind::Row),
            ("{\"name\": \"ada\", \"pan\": \"9990\"}", LineKind::Row),
            ("> selling a database", LineKind::Quote),
            ("上一帖：免费分享 样本", LineKind::Quote),
            ("contact: @seller on telegram", LineKind::Prose),
        ] {
            assert_eq!(lines(line).first().map(|line| line.kind), Some(kind), "{line}");
        }
    }

    #[test]
    fn a_quotation_ends_where_its_tag_ends() {
        let kinds: Vec<LineKind> =
            lines("[quote=bob]\nselling base\n[/quote]\nstill there?").iter().map(|line| line.kind).collect();
        assert_eq!(kinds, [LineKind::Quote, LineKind::Quote, LineKind::Quote, LineKind::Prose]);
    }
}
