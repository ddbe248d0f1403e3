//! Which languages a post is written in, by script and by small words.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::fold::{floor_boundary, is_alphabetic, is_han};
use super::vocabulary::spread;

/// A language of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "ISO 639-1 codes")]
pub enum Language {
    En,
    Zh,
    Ru,
    Es,
    Pt,
    Fr,
    Id,
    Vi,
    Ar,
    Fa,
}

/// Small words, folded.
const SMALL: [(Language, &[&str]); 6] = [
    (
        Language::En,
        &[
            "the", "and", "for", "you", "is", "with", "this", "are", "not", "from", "of", "to", "in", "me", "selling",
            "sale", "price",
        ],
    ),
    (Language::Es, &["el", "los", "las", "una", "con", "por", "para", "del", "que", "vendo", "datos", "precio"]),
    (Language::Pt, &["os", "uma", "com", "nao", "para", "dos", "das", "que", "vendo", "dados", "preco"]),
    (Language::Fr, &["le", "les", "des", "une", "avec", "pour", "est", "dans", "sur", "vends", "donnees", "prix"]),
    (Language::Id, &["yang", "dan", "untuk", "dengan", "ini", "tidak", "saya", "jual", "harga", "bisa"]),
    (Language::Vi, &["ban", "cua", "cho", "khong", "va", "gia", "du", "lieu", "thong", "khach"]),
];

/// Bytes of title and text by which they are judged.
const JUDGED: usize = 1_500;

/// Names the languages of a post, the most used first; each makes up a fifth of its letters or words.
pub(super) fn of(texts: [&str; 2]) -> Vec<Language> {
    let texts = texts.map(|text| text.get(..floor_boundary(text, JUDGED)).unwrap_or_default());
    let mut words = Words::default();
    let (mut han, mut cyrillic, mut latin, mut arabic, mut persian, mut vietnamese) =
        (0_usize, 0_usize, 0_usize, 0_usize, 0_usize, 0_usize);
    // A blank ends the last word of a text.
    for character in texts.iter().flat_map(|text| text.chars().chain([' '])) {
        if character.is_ascii() {
            latin += usize::from(character.is_ascii_alphabetic());
            words.ascii(character);
            continue;
        }
        words.other(character);
        match character {
            'پ' | 'چ' | 'ژ' | 'گ' | 'ک' | 'ی' => persian += 1,
            '\u{600}'..='\u{6ff}' => arabic += 1,
            '\u{400}'..='\u{4ff}' => cyrillic += 1,
            'ă' | 'đ' | 'ơ' | 'ư' | '\u{1ea0}'..='\u{1eff}' => vietnamese += 1,
            _ if is_han(character) => han += 3,
            _ => {}
        }
    }
    let total = han + cyrillic + latin + arabic + persian + vietnamese;
    let mut shares: Vec<(usize, Language)> = vec![(han, Language::Zh), (cyrillic, Language::Ru)];
    let rtl = if persian * 12 > arabic { Language::Fa } else { Language::Ar };
    shares.push((arabic + persian, rtl));
    let latin_language = if vietnamese * 20 > latin && vietnamese > 2 {
        Language::Vi
    } else if latin > 0 {
        words.most_used()
    } else {
        Language::En
    };
    shares.push((latin + vietnamese, latin_language));
    shares.retain(|(share, _)| *share > 0 && *share * 5 >= total);
    shares.sort_by(|left, right| right.cmp(left));
    shares.into_iter().map(|(_, language)| language).collect()
}

/// The small words as numbers, each with the languages it belongs to, as bits in the order of [`SMALL`]: at the place that the
/// number says or behind it, at most a third of the places taken.
struct SmallWords([(u64, u8); 1 << Self::BITS]);

static SMALL_WORDS: LazyLock<SmallWords> = LazyLock::new(|| {
    let mut small = SmallWords([(0, 0); 1 << SmallWords::BITS]);
    for (at, (_, words)) in SMALL.iter().enumerate() {
        for word in *words {
            let number = number(word);
            let place = small.place(number);
            if let Some((known, languages)) = small.0.get_mut(place) {
                *known = number;
                *languages |= 1 << at;
            }
        }
    }
    small
});

impl SmallWords {
    const BITS: u32 = 8;

    /// Where a word stands, or would.
    fn place(&self, number: u64) -> usize {
        let mut place = spread(number, Self::BITS);
        while self.0.get(place).is_some_and(|(known, _)| *known != 0 && *known != number) {
            place = (place + 1) % self.0.len();
        }
        place
    }

    fn languages_of(&self, number: u64) -> u8 {
        self.0.get(self.place(number)).map_or(0, |(_, languages)| *languages)
    }
}

/// A word of up to eight bytes as a number.
fn number(word: &str) -> u64 {
    word.bytes().fold(0, |number, byte| number << 8 | u64::from(byte))
}

/// The small words counted so far, and the word that is being read.
#[derive(Default)]
struct Words {
    counts: [usize; SMALL.len()],
    number: u64,
    length: usize,
    /// Whether the word holds letters that no small word has.
    is_other: bool,
}

impl Words {
    fn ascii(&mut self, character: char) {
        if character.is_ascii_alphabetic() {
            self.number = self.number << 8 | u64::from(u32::from(character.to_ascii_lowercase()));
            self.length += 1;
        } else {
            self.end();
        }
    }

    fn other(&mut self, character: char) {
        if is_alphabetic(character) {
            self.is_other = true;
        } else {
            self.end();
        }
    }

    fn end(&mut self) {
        let (number, length, is_other) = (self.number, self.length, self.is_other);
        (self.number, self.length, self.is_other) = (0, 0, false);
        if is_other || !(2..=8).contains(&length) {
            return;
        }
        let languages = SMALL_WORDS.languages_of(number);
        if languages != 0 {
            for (at, count) in self.counts.iter_mut().enumerate() {
                *count += usize::from(languages >> at & 1);
            }
        }
    }

    fn most_used(&self) -> Language {
        let best = self.counts.iter().zip(&SMALL).rev().max_by_key(|(count, _)| **count);
        best.filter(|(count, _)| **count > 0).map_or(Language::En, |(_, (language, _))| *language)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_told_by_script_and_small_words() {
        for (text, languages) in [
            ("Selling the database of a bank", &[Language::En][..]),
            ("出售银行客户数据", &[Language::Zh]),
            ("Продам базу клиентов", &[Language::Ru]),
            ("Vendo base de datos con los clientes del banco", &[Language::Es]),
            ("بيع قاعدة بيانات", &[Language::Ar]),
            ("Продам базу Aurora Crest Bank", &[Language::En, Language::Ru]),
        ] {
            let mut found = of([text, ""]);
            found.sort();
            assert_eq!(found, languages, "{text}");
        }
    }
}
