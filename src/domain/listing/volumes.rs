//! How much is offered: rows, people, sets, gigabytes.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use serde::{Deserialize, Serialize};

use super::forms::Forms;
use super::numbers::Number;

/// An amount of data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Volume {
    /// How many.
    pub amount: f64,
    /// Of what.
    pub unit: VolumeUnit,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VolumeUnit {
    /// Rows, lines, records, people, sets: one each a person or an account.
    Rows,
    /// Gigabytes.
    Gigabytes,
    /// Files, documents.
    Files,
}

/// A volume found in a folded text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct VolumeFound {
    pub(super) volume: Volume,
    /// Folded bytes.
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) score: i32,
}

/// What is counted, by the word after the number.
const ROWS: [&str; 111] = [
    "条",
    "份",
    "套",
    "位",
    "人",
    "名",
    "个",
    "户",
    "组",
    "行",
    "张",
    "家",
    "客户",
    "用户",
    "数据",
    "左右",
    "多条",
    "余条",
    "+条",
    "大量",
    "rows",
    "row",
    "lines",
    "line",
    "records",
    "record",
    "users",
    "user",
    "customers",
    "customer",
    "clients",
    "client",
    "people",
    "persons",
    "entries",
    "accounts",
    "accs",
    "leads",
    "contacts",
    "emails",
    "mails",
    "mail",
    "phones",
    "numbers",
    "cards",
    "ccs",
    "cc",
    "cvv",
    "fullz",
    "ssn",
    "logs",
    "passports",
    "patients",
    "members",
    "subscribers",
    "citizens",
    "voters",
    "employees",
    "profiles",
    "combos",
    "combo",
    "valid",
    "hits",
    "credentials",
    "logins",
    "pcs",
    "строк",
    "строки",
    "строка",
    "записей",
    "записи",
    "человек",
    "клиентов",
    "номеров",
    "карт",
    "паспортов",
    "аккаунтов",
    "пользователей",
    "контактов",
    "шт",
    "лиц",
    "registros",
    "clientes",
    "usuarios",
    "linhas",
    "lineas",
    "lignes",
    "baris",
    "dong",
    "سجل",
    "رکورد",
    "مستخدم",
    "سجلات",
    "عمیل",
    "عملاء",
    "نفر",
    "کاربر",
    "مشتری",
    "筆",
    "笔",
    "khach hang",
    "nguoi",
    "ban ghi",
    "nasabah",
    "pelanggan",
    "orang",
    "personas",
    "pessoas",
    "personnes",
    "enregistrements",
    "sets",
];

/// Words before a number that make it the whole of the goods.
const TOTALS: [&str; 14] = [
    "total",
    "共",
    "共计",
    "总共",
    "总计",
    "合计",
    "всего",
    "итого",
    "объем",
    "amount",
    "quantity",
    "volume",
    "size",
    "数量",
];

/// Words before a number that make it something else.
const OTHERWISE: [&str; 32] = [
    "sample",
    "样本",
    "样例",
    "образец",
    "first",
    "price",
    "价格",
    "цена",
    "per ",
    "每",
    "balance",
    "余额",
    "额度",
    "minimum",
    "min",
    "起",
    "до ",
    "over the last",
    "http",
    "version",
    "since",
    "posts:",
    "views",
    "replies",
    "rep:",
    "likes",
    "joined",
    "level",
    "more than $",
    "$",
    "存款",
    "资产",
];

/// Finds all amounts of data, in order of appearance; amounts of money must be given to be left out.
pub(super) fn find(text: &str, numbers: &[Number], is_money: impl Fn(&Number) -> bool) -> Vec<VolumeFound> {
    numbers.iter().filter(|number| !is_money(number)).filter_map(|number| candidate(text, number)).collect()
}

/// Returns the amount offered: the surest, the largest of equals.
pub(super) fn offered(found: &[VolumeFound]) -> Option<&VolumeFound> {
    found
        .iter()
        .filter(|volume| volume.score > 0)
        .max_by(|left, right| left.score.cmp(&right.score).then(left.volume.amount.total_cmp(&right.volume.amount)))
}

/// The words before amounts, ready to be searched.
struct Hints {
    totals: AhoCorasick,
    otherwise: AhoCorasick,
}

static HINTS: LazyLock<Hints> = LazyLock::new(|| {
    let automaton = |words: &[&str]| AhoCorasick::new(words).expect("a few dozen short words fit an automaton");
    Hints { totals: automaton(&TOTALS), otherwise: automaton(&OTHERWISE) }
});

fn candidate(text: &str, number: &Number) -> Option<VolumeFound> {
    let after = text.get(number.end..)?;
    let trimmed = after.trim_start_matches([' ', '+', '多', '余', '-', '个']);
    let gap = after.len() - trimmed.len();
    let (unit, length) = unit_at(trimmed);
    let gigabytes = size_at(after.trim_start_matches(' '));
    let is_year =
        number.scale <= 1.0 && (1970.0..=2035.0).contains(&number.value) && number.digits_end - number.start == 4;
    if let Some(factor) = gigabytes.filter(|_| number.scale <= 1.0) {
        let volume = Volume { amount: number.value * factor, unit: VolumeUnit::Gigabytes };
        return Some(VolumeFound { volume, start: number.start, end: number.end + 3, score: 1 });
    }
    // `12000000k` is a slip of a template or a joke, not a number of people.
    if number.value < 2.0 || number.value > 2e10 || (unit.is_none() && number.scale <= 1.0) || is_year {
        return None;
    }
    let start = super::fold::floor_boundary(text, number.start.saturating_sub(18));
    let before = text.get(start..number.start)?.rsplit(['\n', '。', ';']).next().unwrap_or_default();
    let mut score = if unit.is_some() { 3 } else { 1 };
    if number.scale > 1.0 && unit.is_some() {
        score += 1;
    }
    if HINTS.totals.is_match(before) {
        score += 2;
    }
    if HINTS.otherwise.is_match(before) {
        score -= 4;
    }
    if number.value < 20.0 {
        score -= 2;
    }
    if before.ends_with(['/', '#', '@', '.', '_', ':']) && unit.is_none() || after.starts_with(['/', '%', '_', '@']) {
        score -= 4;
    }
    let end = if unit.is_some() { number.end + gap + length } else { number.end };
    Some(VolumeFound {
        volume: Volume { amount: number.value, unit: unit.unwrap_or(VolumeUnit::Rows) },
        start: number.start,
        end,
        score,
    })
}

static UNITS: LazyLock<Forms<VolumeUnit>> = LazyLock::new(|| {
    let files = ["files", "documents", "docs", "файлов", "документов", "文件"];
    let rows = ROWS.into_iter().map(|word| (word, VolumeUnit::Rows));
    Forms::starting(rows.chain(files.into_iter().map(|word| (word, VolumeUnit::Files))))
});

fn unit_at(text: &str) -> (Option<VolumeUnit>, usize) {
    let runs_on = |rest: &str| rest.starts_with(|next: char| next.is_alphanumeric() && !super::fold::is_han(next));
    let word = UNITS.at_start(text, |word, rest| !word.is_ascii() || !runs_on(rest));
    word.map_or((None, 0), |(word, unit)| (Some(unit), word.len()))
}

fn size_at(text: &str) -> Option<f64> {
    let units = [("gb", 1.0), ("гб", 1.0), ("tb", 1000.0), ("тб", 1000.0), ("mb", 0.001), ("мб", 0.001)];
    units
        .iter()
        .find(|(unit, _)| {
            text.strip_prefix(unit).is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_alphanumeric()))
        })
        .map(|(_, factor)| *factor)
}

#[cfg(test)]
mod tests {
    use super::super::{fold::Folded, numbers};
    use super::*;

    fn read(text: &str) -> Option<f64> {
        let folded = Folded::new(text, 1 << 16);
        let found = find(&folded.text, &numbers::find(&folded.text, std::iter::once(0..folded.text.len())), |_| false);
        offered(&found).map(|found| found.volume.amount)
    }

    #[test]
    fn amounts_are_read_in_the_forms_of_the_trade() {
        for (text, amount) in [
            ("共34万条，2026年1月导出", 340_000.0),
            ("Total 18k rows, exported Apr 2026", 18_000.0),
            ("База банка, 1250000 строк", 1_250_000.0),
            ("1200万企业数据", 12_000_000.0),
            ("88W老股民", 880_000.0),
            ("75套手持", 75.0),
            ("208,581 customers", 208_581.0),
            ("3亿条 手机号", 3e8),
            ("4.4 M lines fresh", 4_400_000.0),
            ("4kk records", 4e6),
            ("база 1,2 млн записей", 1_200_000.0),
            ("1,5 millones de registros", 1_500_000.0),
            ("800 000 lignes", 800_000.0),
            ("5 juta baris", 5e6),
            ("2 triệu khách hàng", 2e6),
            ("1500000 سجل", 1_500_000.0),
            ("۲ میلیون رکورد", 2e6),
            ("50萬筆", 500_000.0),
        ] {
            assert_eq!(read(text), Some(amount), "{text}");
        }
    }

    #[test]
    fn years_samples_and_plain_numbers_are_not_amounts() {
        for text in ["sample 100 rows below", "2025 database", "v2.0 build 77", "call 24/7"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
