//! Equivalent ways to write one value: a mark on real rows that changes nothing of what they say.
//!
//! `12号` and `12#`, `3单元` and `三单元`, `+86 138…` and `138…`, `2026-03-01` and `2026/3/1`, `12.50` and `12.5`, `jo@…` and
//! `Jo@…`, `(东)` and `（东）`. A delivery writes each row in the ones that its secret chooses (`watchlist::Deal`); the row read
//! back tells which they were. A seller who writes all rows alike erases them. Not here: what they prove (`attribution`).

use serde::{Deserialize, Serialize};

/// Kinds of rendering; each has two forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rendering {
    /// `12号` or `12#`.
    House,
    /// `3单元` or `三单元`.
    Unit,
    /// `+86 13800000000` or `13800000000`; `+7 900…` or `8 900…`.
    Dial,
    /// `2026-03-01` or `2026/3/1`.
    Date,
    /// `12.50` or `12.5`.
    Zero,
    /// `jo@post.example` or `Jo@post.example`.
    Case,
    /// `(东)` or `（东）`.
    Width,
}

impl Rendering {
    /// Every kind; its place is its bit.
    pub const ALL: [Self; 7] = [Self::House, Self::Unit, Self::Dial, Self::Date, Self::Zero, Self::Case, Self::Width];

    /// Returns the word used in output and options.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::House => "house",
            Self::Unit => "unit",
            Self::Dial => "dial",
            Self::Date => "date",
            Self::Zero => "zero",
            Self::Case => "case",
            Self::Width => "width",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }

    /// Writes a cell's value in one of the two forms; `None` where it has neither, or has that form already.
    pub fn write(self, cell: &str, form: Form) -> Option<String> {
        let written = match self {
            Self::House => Some(house(cell, form)),
            Self::Unit => Some(unit(cell, form)),
            Self::Dial => dial(cell, form),
            Self::Date => date(cell, form),
            Self::Zero => zero(cell, form),
            Self::Case => case(cell, form),
            Self::Width => Some(width(cell, form)),
        };
        written.filter(|written| written != cell)
    }

    /// Tells which forms a text shows.
    fn read(self, text: &str) -> (bool, bool) {
        let mut seen = (false, false);
        let mut note = |form: Form| match form {
            Form::First => seen.0 = true,
            Form::Second => seen.1 = true,
        };
        match self {
            Self::House => after_digit(text).for_each(|mark| match mark {
                '号' => note(Form::First),
                '#' => note(Form::Second),
                _ => {}
            }),
            Self::Unit => before_unit(text).for_each(|number| match number {
                '1'..='9' => note(Form::First),
                number if NUMERALS.contains(&number) => note(Form::Second),
                _ => {}
            }),
            Self::Dial => dial_forms(text).for_each(note),
            Self::Date => words(text).filter_map(date_form).for_each(|(form, _)| note(form)),
            Self::Zero => words(text).filter_map(zero_form).for_each(note),
            Self::Case => case_forms(text).for_each(note),
            Self::Width => width_forms(text).for_each(note),
        }
        seen
    }
}

/// One of the two forms of a rendering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The one named first.
    First,
    /// The other.
    Second,
}

impl Form {
    /// Returns the form that a bit chooses.
    pub const fn of(bits: u8, rendering: Rendering) -> Self {
        if bits & rendering.bit() == 0 { Self::First } else { Self::Second }
    }
}

/// Which renderings a row shows, and in which form.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Renderings {
    seen: u8,
    second: u8,
}

impl Renderings {
    /// Reads them off a row; one that shows both forms of a kind tells nothing of it.
    pub fn of(row: &str) -> Self {
        let mut found = Self::default();
        for kind in Rendering::ALL {
            let (first, second) = kind.read(row);
            if first != second {
                found.seen |= kind.bit();
                found.second |= if second { kind.bit() } else { 0 };
            }
        }
        found
    }

    /// Returns what is kept in the store.
    pub const fn number(self) -> u16 {
        u16::from_be_bytes([self.seen, self.second])
    }

    /// Reads what [`Renderings::number`] gave.
    pub const fn from_number(number: u16) -> Self {
        let [seen, second] = number.to_be_bytes();
        Self { seen, second: second & seen }
    }

    /// Tells whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.seen == 0
    }

    /// Lists them.
    pub fn forms(self) -> impl Iterator<Item = (Rendering, Form)> {
        let seen = Rendering::ALL.into_iter().filter(move |kind| self.seen & kind.bit() != 0);
        seen.map(move |kind| (kind, Form::of(self.second, kind)))
    }
}

/// Writes a row's cell in the forms that the bits choose, of the kinds that are wanted; `None` if nothing changes.
pub fn rendered(cell: &str, kinds: &[Rendering], bits: u8) -> Option<String> {
    let mut written: Option<String> = None;
    for kind in kinds {
        let before = written.as_deref().unwrap_or(cell);
        if let Some(after) = kind.write(before, Form::of(bits, *kind)) {
            written = Some(after);
        }
    }
    written
}

const NUMERALS: [char; 9] = ['一', '二', '三', '四', '五', '六', '七', '八', '九'];
const UNIT: &str = "单元";

/// Words between spaces and the marks that part cells.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| {
        character.is_whitespace() || matches!(character, ',' | ';' | '|' | '"' | '\'' | '<' | '>' | '，' | '；' | '、')
    })
}

/// Characters that stand right behind a digit.
fn after_digit(text: &str) -> impl Iterator<Item = char> {
    text.chars().zip(text.chars().skip(1)).filter(|(before, _)| before.is_ascii_digit()).map(|(_, after)| after)
}

fn before_unit(text: &str) -> impl Iterator<Item = char> {
    text.match_indices(UNIT).filter_map(|(at, _)| {
        let mut before = text.get(..at)?.chars().rev();
        let number = before.next()?;
        // `13单元` has no other form.
        let is_alone = !number.is_ascii_digit() || !before.next().is_some_and(|other| other.is_ascii_digit());
        is_alone.then_some(number)
    })
}

fn house(cell: &str, form: Form) -> String {
    let (from, to) = match form {
        Form::First => ('#', '号'),
        Form::Second => ('号', '#'),
    };
    let mut before = ' ';
    let swapped = cell.chars().map(|character| {
        let is_meant = character == from && before.is_ascii_digit();
        before = character;
        if is_meant { to } else { character }
    });
    swapped.collect()
}

fn unit(cell: &str, form: Form) -> String {
    let mut written = String::with_capacity(cell.len());
    let mut rest = cell;
    while let Some((head, tail)) = rest.split_once(UNIT) {
        let number = head.chars().next_back();
        let is_alone = !head.chars().rev().nth(1).is_some_and(|other| other.is_ascii_digit());
        let swapped = number.filter(|_| is_alone).and_then(|number| match form {
            Form::First => {
                let at = NUMERALS.iter().position(|numeral| *numeral == number)?;
                char::from_digit(u32::try_from(at).ok()? + 1, 10)
            }
            Form::Second => NUMERALS.get(usize::try_from(number.to_digit(10)?.checked_sub(1)?).ok()?).copied(),
        });
        let kept = match (swapped, number) {
            (Some(_), Some(number)) => head.get(..head.len() - number.len_utf8()).unwrap_or(head),
            (Some(_) | None, _) => head,
        };
        written.push_str(kept);
        written.extend(swapped);
        written.push_str(UNIT);
        rest = tail;
    }
    written.push_str(rest);
    written
}

/// What stands behind the calling code, and the trunk digit that a national form has instead.
fn international(cell: &str) -> Option<(&str, &str)> {
    for (code, trunk, digits, first) in [("+86", "", 11, b'1'), ("+7", "8", 10, b'9')] {
        if let Some(rest) = cell.strip_prefix(code) {
            let rest = rest.trim_start_matches([' ', '-']);
            let number: Vec<u8> = rest.bytes().filter(u8::is_ascii_digit).collect();
            return (number.len() == digits && number.first() == Some(&first)).then_some((trunk, rest));
        }
    }
    None
}

fn is_mobile(digits: &str) -> bool {
    let bytes = digits.as_bytes();
    bytes.len() == 11 && matches!(bytes, [b'1', b'3'..=b'9', ..]) && bytes.iter().all(u8::is_ascii_digit)
}

fn is_russian_mobile(digits: &str) -> bool {
    let bytes = digits.as_bytes();
    bytes.len() == 11 && matches!(bytes, [b'8', b'9', ..]) && bytes.iter().all(u8::is_ascii_digit)
}

fn dial(cell: &str, form: Form) -> Option<String> {
    match form {
        Form::First if is_mobile(cell) => Some(format!("+86 {cell}")),
        Form::First if is_russian_mobile(cell) => cell.get(1..).map(|rest| format!("+7{rest}")),
        Form::First => None,
        Form::Second => international(cell).and_then(|(trunk, rest)| {
            let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
            let is_plain = digits.len() == rest.len();
            let national = format!("{trunk}{digits}");
            (is_plain && (is_mobile(&national) || is_russian_mobile(&national))).then_some(national)
        }),
    }
}

/// Forms of the telephone numbers in a text: a calling code stands before the number, or nothing does.
fn dial_forms(text: &str) -> impl Iterator<Item = Form> {
    let mut forms = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(|character: char| character.is_ascii_digit() || character == '+') {
        let tail = rest.get(start..).unwrap_or_default();
        let mut length =
            tail.find(|character: char| !character.is_ascii_digit() && character != '+').unwrap_or(tail.len());
        let head = tail.get(..length).unwrap_or_default();
        let coded = ["+86", "+7"].contains(&head);
        let body = tail.get(length..).unwrap_or_default();
        let number = body.strip_prefix([' ', '-']).unwrap_or_default();
        let digits = number.find(|character: char| !character.is_ascii_digit()).unwrap_or(number.len());
        if coded && digits >= 3 {
            forms.push(Form::First);
            length += body.len() - number.len() + digits;
        } else if international(head).is_some() {
            forms.push(Form::First);
        } else if is_mobile(head) || is_russian_mobile(head) {
            forms.push(Form::Second);
        }
        rest = tail.get(length.max(1)..).unwrap_or_default();
    }
    forms.into_iter()
}

/// Reads a whole word as a day.
fn date_form(word: &str) -> Option<(Form, [u16; 3])> {
    let (form, mark) = if word.contains('-') { (Form::First, '-') } else { (Form::Second, '/') };
    let mut parts = word.split(mark);
    let [year, month, day] = [parts.next()?, parts.next()?, parts.next()?];
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let is_sound = parts.next().is_none() && year.len() == 4 && [year, month, day].into_iter().all(is_number);
    let lengths = match form {
        Form::First => month.len() == 2 && day.len() == 2,
        Form::Second => !month.starts_with('0') && !day.starts_with('0'),
    };
    let numbers = [year.parse().ok()?, month.parse().ok()?, day.parse().ok()?];
    let is_day = matches!(numbers, [1850..=2200, 1..=12, 1..=31]);
    (is_sound && lengths && is_day).then_some((form, numbers))
}

fn date(cell: &str, form: Form) -> Option<String> {
    let (_, [year, month, day]) = date_form(cell)?;
    Some(match form {
        Form::First => format!("{year:04}-{month:02}-{day:02}"),
        Form::Second => format!("{year}/{month}/{day}"),
    })
}

/// Amounts with one decimal that is not zero, and perhaps a zero behind it.
fn zero_form(word: &str) -> Option<Form> {
    let (whole, decimals) = word.split_once('.')?;
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    let is_number = !whole.is_empty() && whole.bytes().all(|byte| byte.is_ascii_digit());
    match decimals.as_bytes() {
        [b'1'..=b'9', b'0'] if is_number => Some(Form::First),
        [b'1'..=b'9'] if is_number => Some(Form::Second),
        _ => None,
    }
}

fn zero(cell: &str, form: Form) -> Option<String> {
    match (zero_form(cell)?, form) {
        (Form::First, Form::Second) => cell.strip_suffix('0').map(str::to_owned),
        (Form::Second, Form::First) => Some(format!("{cell}0")),
        (Form::First, Form::First) | (Form::Second, Form::Second) => None,
    }
}

/// First letters of the mail addresses in a text.
fn case_forms(text: &str) -> impl Iterator<Item = Form> {
    let is_local = |character: char| character.is_ascii_alphanumeric() || "._%+-".contains(character);
    text.match_indices('@').filter_map(move |(at, _)| {
        let head = text.get(..at)?;
        let start = head.rfind(|character: char| !is_local(character)).map_or(0, |before| {
            before + head.get(before..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8)
        });
        match head.get(start..)?.chars().next()? {
            'a'..='z' => Some(Form::First),
            'A'..='Z' => Some(Form::Second),
            _ => None,
        }
    })
}

fn case(cell: &str, form: Form) -> Option<String> {
    let (local, domain) = cell.split_once('@')?;
    let first = local.chars().next().filter(char::is_ascii_alphabetic)?;
    if !domain.contains('.') || cell.contains(char::is_whitespace) {
        return None;
    }
    let first = match form {
        Form::First => first.to_ascii_lowercase(),
        Form::Second => first.to_ascii_uppercase(),
    };
    Some(format!("{first}{}", cell.get(1..)?))
}

/// Opening brackets that stand beside Chinese characters.
fn width_forms(text: &str) -> impl Iterator<Item = Form> {
    let characters: Vec<char> = text.chars().collect();
    let forms: Vec<Form> = (0..characters.len())
        .filter(|at| is_beside_chinese(&characters, *at))
        .filter_map(|at| match characters[at] {
            '(' => Some(Form::First),
            '（' => Some(Form::Second),
            _ => None,
        })
        .collect();
    forms.into_iter()
}

fn is_beside_chinese(characters: &[char], at: usize) -> bool {
    let is_chinese = |character: &char| ('\u{3400}'..='\u{9fff}').contains(character);
    let before = at.checked_sub(1).and_then(|before| characters.get(before));
    before.is_some_and(is_chinese) || characters.get(at + 1).is_some_and(is_chinese)
}

fn width(cell: &str, form: Form) -> String {
    let characters: Vec<char> = cell.chars().collect();
    let mut depth = 0_u32;
    let mut written = String::with_capacity(cell.len());
    for (at, character) in characters.iter().enumerate() {
        let (is_opening, is_closing) = (matches!(character, '(' | '（'), matches!(character, ')' | '）'));
        if is_opening && (depth > 0 || is_beside_chinese(&characters, at)) {
            depth += 1;
            written.push(if form == Form::First { '(' } else { '（' });
        } else if is_closing && depth > 0 {
            depth -= 1;
            written.push(if form == Form::First { ')' } else { '）' });
        } else {
            written.push(*character);
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_form_is_written_as_the_other_and_back() {
        for (kind, first, second) in [
            (Rendering::House, "幸福路12号3单元", "幸福路12#3单元"),
            (Rendering::Unit, "12号3单元501室", "12号三单元501室"),
            (Rendering::Dial, "+86 13800001234", "13800001234"),
            (Rendering::Dial, "+79001234567", "89001234567"),
            (Rendering::Date, "2026-03-01", "2026/3/1"),
            (Rendering::Zero, "12.50", "12.5"),
            (Rendering::Case, "jo@post.example", "Jo@post.example"),
            (Rendering::Width, "人民路(东)1号", "人民路（东）1号"),
        ] {
            assert_eq!(kind.write(first, Form::Second).as_deref(), Some(second));
            assert_eq!(kind.write(second, Form::First).as_deref(), Some(first));
            assert_eq!((kind.write(first, Form::First), kind.write(second, Form::Second)), (None, None));
            for (text, form) in [(first, Form::First), (second, Form::Second)] {
                let row = format!("x|{text}|y");
                let forms: Vec<(Rendering, Form)> = Renderings::of(&row).forms().collect();
                assert!(forms.contains(&(kind, form)), "{row}: {forms:?}");
            }
        }
    }

    #[test]
    fn what_has_one_form_only_is_left_alone() {
        for cell in [
            "",
            "12",
            "手机号",
            "13单元",
            "一百单元",
            "+44 20 7946 0018",
            "+1 (555) 010-0123",
            "20260301",
            "2026-3-1",
            "12.00",
            "12.55",
            "1.2.3",
            "3单",
            "Apt #5",
            "not a date 2026-03-01x",
            "@post",
            "9@post.example",
            "(x)",
        ] {
            for bits in [0, 0xff] {
                assert_eq!(rendered(cell, &Rendering::ALL, bits), None, "{cell}");
            }
        }
        assert!(Renderings::of("12.00 2026-3-1 (x) 手机号 +1 (555) 010-0123").is_empty());
    }

    #[test]
    fn a_row_that_shows_both_forms_tells_nothing() {
        assert!(Renderings::of("12.50;3.5").is_empty());
        let one: Vec<_> = Renderings::of("2026-03-01;2025-12-31;3号").forms().collect();
        assert_eq!(one, [(Rendering::House, Form::First), (Rendering::Date, Form::First)]);
    }

    #[test]
    fn they_are_kept_as_a_number() {
        for row in ["", "12.50", "12.5;Jo@post.example;3号"] {
            let found = Renderings::of(row);
            assert_eq!(Renderings::from_number(found.number()), found);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(bits in 0_u8..128, day in 1_u8..28, cents in 1_u8..9, house in 1_u16..300, last in 0_u32..99_999_999) {
            let cells = [
                format!("2024-11-{day:02}"),
                format!("{house}.{cents}"),
                format!("+86 138{last:08}"),
                format!("jo{house}@post.example"),
                format!("人民路(东){house}号3单元"),
            ];
            let row: Vec<String> =
                cells.iter().map(|cell| rendered(cell, &Rendering::ALL, bits).unwrap_or_else(|| cell.clone())).collect();
            let found = Renderings::of(&row.join(","));
            let forms: Vec<(Rendering, Form)> = found.forms().collect();
            let expected: Vec<(Rendering, Form)> =
                Rendering::ALL.into_iter().map(|kind| (kind, Form::of(bits, kind))).collect();
            prop_assert_eq!(forms, expected, "{:?}", row);
        }

        #[test]
        fn any_text_is_survived(text in ".{0,80}", bits in any::<u8>()) {
            let _ = Renderings::of(&text);
            let _ = rendered(&text, &Rendering::ALL, bits);
        }
    }
}
