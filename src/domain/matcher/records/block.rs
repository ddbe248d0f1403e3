//! Blocks of `key: value` lines, as sellers write samples and as tables of two columns read: `姓名：…⏎卡号：…`.
//!
//! A line counts if it begins with a short label; a block if two of its labels are names of fields. A block ends at a line
//! without label, and where a label comes again.

use std::ops::Range;

use super::{line_around, lines_above, lines_below};

/// Lines of a block that are looked at above a find.
const LINES: usize = 64;

/// Words that labels of fields hold, folded.
const FIELDS: [&str; 64] = [
    "name",
    "姓名",
    "客户",
    "持卡人",
    "户名",
    "имя",
    "фио",
    "фамилия",
    "клиент",
    "nombre",
    "nome",
    "nom",
    "holder",
    "card",
    "pan",
    "卡号",
    "银行卡",
    "карта",
    "карты",
    "tarjeta",
    "phone",
    "mobile",
    "tel",
    "手机",
    "电话",
    "телефон",
    "mail",
    "邮箱",
    "邮件",
    "почта",
    "passport",
    "护照",
    "паспорт",
    "id",
    "ssn",
    "身份证",
    "证件",
    "инн",
    "снилс",
    "account",
    "acct",
    "账号",
    "账户",
    "帐号",
    "счет",
    "счёт",
    "iban",
    "address",
    "addr",
    "地址",
    "住址",
    "адрес",
    "dob",
    "birth",
    "生日",
    "出生",
    "рождения",
    "bank",
    "银行",
    "банк",
    "balance",
    "余额",
    "password",
    "密码",
];

/// Returns the block that holds a range.
pub(super) fn holding(text: &str, range: &Range<usize>, floor: usize) -> Option<Range<usize>> {
    let own = line_around(text, range, floor)?;
    let above: Vec<Range<usize>> = lines_above(text, own.start, floor).take(LINES).collect();
    let first = block_above(text, &above, &own)?;
    let lines = above.into_iter().take(first).rev().chain([own.clone()]).chain(lines_below(text, own.end).take(LINES));
    let mut block = Block::default();
    for line in lines {
        if !block.take(text, &line) {
            if block.range.end >= own.end {
                break;
            }
            block = Block::default();
            block.take(text, &line);
        }
    }
    let is_held = block.range.start <= range.start && range.end <= block.range.end;
    (is_held && block.fields >= 2).then_some(block.range)
}

/// Returns where the block begins that the end of the text cuts.
pub(super) fn unfinished(text: &str, floor: usize) -> Option<usize> {
    let last = text.len().checked_sub(1).filter(|_| text.ends_with('\n'))?;
    let own = line_around(text, &(last..last), floor)?;
    let above: Vec<Range<usize>> = lines_above(text, own.start, floor).take(LINES).collect();
    let first = block_above(text, &above, &own)?;
    let mut block = Block::default();
    for line in above.into_iter().take(first).rev().chain([own]) {
        if !block.take(text, &line) {
            block = Block::default();
            block.take(text, &line);
        }
    }
    (block.fields > 0).then_some(block.range.start)
}

/// Counts the lines above that may belong to the block of a line; `None` if the line itself belongs to none.
fn block_above(text: &str, above: &[Range<usize>], own: &Range<usize>) -> Option<usize> {
    let label = |line: &Range<usize>| text.get(line.clone()).and_then(label);
    let is_value_alone = |line: Option<&Range<usize>>| line.and_then(label).is_some_and(|label| !label.has_value);
    if label(own).is_none() && !is_value_alone(above.first()) {
        return None;
    }
    let belongs = |index: &usize| {
        above.get(*index).is_some_and(|line| label(line).is_some() || is_value_alone(above.get(*index + 1)))
    };
    Some((0..above.len()).take_while(|index| belongs(index)).count())
}

/// A block as it grows.
#[derive(Debug, Default)]
struct Block<'a> {
    range: Range<usize>,
    labels: Vec<&'a str>,
    fields: usize,
    /// The last label's value stands on the next line.
    is_waiting: bool,
}

impl<'a> Block<'a> {
    /// Adds a line; `false` if another block begins, or none.
    fn take(&mut self, text: &'a str, line: &Range<usize>) -> bool {
        let content = text.get(line.clone()).unwrap_or_default();
        match label(content) {
            Some(label) => {
                let is_same_again = self.labels.last() == Some(&label.text);
                if self.labels.contains(&label.text) && !is_same_again {
                    return false;
                }
                if self.labels.is_empty() {
                    self.range = line.clone();
                }
                self.fields += usize::from(label.is_field && !is_same_again);
                self.labels.push(label.text);
                self.is_waiting = !label.has_value;
            }
            None if self.is_waiting && !content.trim().is_empty() => self.is_waiting = false,
            None => return false,
        }
        self.range.end = line.end;
        true
    }
}

/// What a line begins with.
#[derive(Debug, Clone, Copy)]
struct Label<'a> {
    text: &'a str,
    is_field: bool,
    has_value: bool,
}

fn label(line: &str) -> Option<Label<'_>> {
    let line = line.get(..super::boundary(line, line.len().min(160)))?.trim();
    let line = line.trim_start_matches(['-', '*', '>', '·', '+', '#', '【', '[', '|', ' ', '"']);
    let at = line.find([':', '=', '\t', '|', '】'])?;
    let (text, rest) = line.split_at_checked(at)?;
    let text = text.trim_end_matches(['"', '*', ']', ' ']);
    let sign = rest.chars().next()?;
    let value = rest.trim_start_matches([sign, ':', '|', ' ', '*']);
    let is_plain = !text.contains(['@', '/', '{', '(', '<', ',', ';']) && !value.starts_with('/');
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    if text.is_empty() || text.chars().count() > 32 || !is_plain || digits > 1 {
        return None;
    }
    let is_field = is_field(text);
    // Columns of other tables are told from labels by what the labels say.
    let is_label = is_field || matches!(sign, ':' | '=' | '】');
    is_label.then_some(Label { text, is_field, has_value: !value.trim().is_empty() })
}

/// Tells whether a label says what a field of a person's or an account's record holds.
pub(in super::super) fn is_field(label: &str) -> bool {
    let words = label.split([' ', '_', '-', '.']);
    words.into_iter().any(|word| {
        FIELDS.iter().any(|field| if field.is_ascii() { word == *field } else { word.contains(field) })
            || ["name", "phone", "mail", "card", "number"].iter().any(|ending| word.ends_with(ending))
    })
}
