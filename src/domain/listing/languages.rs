//! Which languages a post is written in, by script and by small words.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::fold::{floor_boundary, is_han};

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
    let (mut han, mut cyrillic, mut latin, mut arabic, mut persian, mut vietnamese) =
        (0_usize, 0_usize, 0_usize, 0_usize, 0_usize, 0_usize);
    for character in texts.iter().flat_map(|text| text.chars()) {
        match character {
            'پ' | 'چ' | 'ژ' | 'گ' | 'ک' | 'ی' => persian += 1,
            '\u{600}'..='\u{6ff}' => arabic += 1,
            '\u{400}'..='\u{4ff}' => cyrillic += 1,
            'ă' | 'đ' | 'ơ' | 'ư' | '\u{1ea0}'..='\u{1eff}' => vietnamese += 1,
            _ if is_han(character) => han += 3,
            _ if character.is_ascii_alphabetic() => latin += 1,
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
        by_words(texts)
    } else {
        Language::En
    };
    shares.push((latin + vietnamese, latin_language));
    shares.retain(|(share, _)| *share > 0 && *share * 5 >= total);
    shares.sort_by(|left, right| right.cmp(left));
    shares.into_iter().map(|(_, language)| language).collect()
}

/// For each small word, the languages it belongs to, as bits in the order of [`SMALL`].
static LANGUAGES_OF: LazyLock<HashMap<&str, u8>> = LazyLock::new(|| {
    let mut languages_of = HashMap::new();
    for (at, (_, words)) in SMALL.iter().enumerate() {
        words.iter().for_each(|word| *languages_of.entry(*word).or_default() |= 1 << at);
    }
    languages_of
});

fn by_words(texts: [&str; 2]) -> Language {
    let mut counts = [0_usize; SMALL.len()];
    let mut lower = String::with_capacity(8);
    for word in texts
        .iter()
        .flat_map(|text| text.split(|sign: char| !sign.is_alphabetic()))
        .filter(|word| (2..=8).contains(&word.len()))
    {
        lower.clear();
        lower.push_str(word);
        lower.make_ascii_lowercase();
        let languages = LANGUAGES_OF.get(lower.as_str()).copied().unwrap_or_default();
        for (at, count) in counts.iter_mut().enumerate() {
            *count += usize::from(languages >> at & 1);
        }
    }
    let best = counts.iter().zip(&SMALL).rev().max_by_key(|(count, _)| **count);
    best.filter(|(count, _)| **count > 0).map_or(Language::En, |(_, (language, _))| *language)
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
