//! How the texts of a column are put together: names and addresses as words in order, each place with its own frequencies;
//! mail names as patterns of the person's name and digits.
//!
//! A word enters only if at least as many rows share it as the profile asks for; of the others it is kept how they are spelled.
//! Which words stood together in a row is not kept. Not here: the columns (`profile`), drawing people (`identity`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Language;
use super::dice::{Dice, sums};
use super::names::latin;
use super::spelling::{Letters, Speller, Spelling};

/// Ways to put texts together that are counted for one column; a rarer one is left out.
const MOST_WAYS: usize = 64;
const MOST_PLACES: usize = 12;
const MOST_WORDS: usize = 2_000;
/// Numbers with more digits are kept as their length only.
const WHOLE_DIGITS: usize = 4;
/// Rows after which a word is no longer thought to be rare.
const RARE_ROWS: u64 = 20;
/// Room for most texts.
const USUAL_BYTES: usize = 40;
/// What stands in mail names for a part of the person, and the one letter that it is spelled as.
const TOKENS: [(&str, char); 8] = [
    ("{0}", '\u{e000}'),
    ("{1}", '\u{e001}'),
    ("{2}", '\u{e002}'),
    ("{a}", '\u{e00a}'),
    ("{b}", '\u{e00b}'),
    ("{c}", '\u{e00c}'),
    ("{YY}", '\u{e010}'),
    ("{YYYY}", '\u{e011}'),
];

/// One way in which texts of a column are put together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Wording {
    /// The share of texts that are.
    pub share: f64,
    /// What stands between words.
    pub glue: String,
    /// What stands in each place.
    pub places: Vec<Place>,
}

/// What stands in one place of a text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Words with their weights; `9` stands for a digit.
    pub words: Vec<(String, f64)>,
    /// How rare words are spelled, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rare: Option<Spelling>,
}

/// Counts the wordings of one column.
#[derive(Debug, Default)]
pub(super) struct Wordings {
    ways: BTreeMap<Way, (u64, Vec<Counted>)>,
}

/// The words of one place.
#[derive(Debug, Default)]
struct Counted {
    words: BTreeMap<String, u64>,
    /// Of words while they are rare.
    letters: Letters,
}

/// Texts with the same number of words, and for Russian the same gender, are put together alike.
type Way = (Language, &'static str, usize, bool);

impl Wordings {
    /// Counts a name.
    pub(super) fn add_name(&mut self, name: &str) {
        let language = Language::of(name);
        let words = match language {
            Language::Zh => name.chars().map(String::from).collect(),
            Language::En | Language::Ru => name.split_whitespace().map(str::to_owned).collect::<Vec<_>>(),
        };
        let is_woman = language == Language::Ru && words.last().is_some_and(|word| word.ends_with('а'));
        self.add((language, glue(language), words.len(), is_woman), words);
    }

    /// Counts an address.
    pub(super) fn add_address(&mut self, address: &str) {
        let language = Language::of(address);
        let words = match language {
            Language::Zh => runs(address),
            Language::En | Language::Ru => address.split_whitespace().map(str::to_owned).collect::<Vec<_>>(),
        };
        let words: Vec<String> = words.iter().map(|word| shortened(word)).collect();
        self.add((language, glue(language), words.len(), false), words);
    }

    /// Counts the part of a mail address before the `@`, as a pattern of the name and the year of birth of its row.
    pub(super) fn add_mail_name(&mut self, local: &str, name: &str, born: Option<i16>) {
        self.add((Language::of(name), "", 1, false), vec![pattern(local, &spelled(name), born)]);
    }

    fn add(&mut self, way: Way, words: Vec<String>) {
        if words.is_empty()
            || words.len() > MOST_PLACES
            || (self.ways.len() >= MOST_WAYS && !self.ways.contains_key(&way))
        {
            return;
        }
        let (count, places) =
            self.ways.entry(way).or_insert_with(|| (0, words.iter().map(|_| Counted::default()).collect()));
        *count += 1;
        for (place, word) in places.iter_mut().zip(words) {
            place.add(word);
        }
    }

    /// Returns the wordings by language, without any word that fewer than `least` rows share.
    pub(super) fn finish(self, least: u64) -> BTreeMap<Language, Vec<Wording>> {
        let mut found: BTreeMap<Language, Vec<Wording>> = BTreeMap::new();
        for ((language, glue, _, _), (count, places)) in self.ways {
            let places: Vec<Place> = places.into_iter().map(|place| place.finish(count, least)).collect();
            if count >= least && places.iter().all(|place| !place.words.is_empty() || place.rare.is_some()) {
                found.entry(language).or_default().push(Wording {
                    share: weight(count),
                    glue: glue.to_owned(),
                    places,
                });
            }
        }
        found
    }
}

impl Counted {
    fn add(&mut self, word: String) {
        let rows = match self.words.get_mut(&word) {
            Some(rows) => {
                *rows += 1;
                *rows
            }
            None => 1,
        };
        // A Chinese character is not spelled: it is frequent, or not drawn.
        if rows < RARE_ROWS && Language::of(&word) != Language::Zh {
            let spelled =
                TOKENS.iter().fold(word.clone(), |word, (token, letter)| word.replace(token, &letter.to_string()));
            self.letters.add(&spelled);
        }
        if rows == 1 && self.words.len() < MOST_WORDS {
            self.words.insert(word, 1);
        }
    }

    fn finish(self, all: u64, least: u64) -> Place {
        let shared = self.words.into_iter().filter(|(_, rows)| *rows >= least);
        let words: Vec<(String, f64)> = shared.map(|(word, rows)| (word, weight(rows))).collect();
        let rare = weight(all) - words.iter().map(|(_, weight)| weight).sum::<f64>();
        Place { words, rare: self.letters.finish((rare, least)).filter(|_| rare > 0.0) }
    }
}

fn weight(rows: u64) -> f64 {
    f64::from(u32::try_from(rows).unwrap_or(u32::MAX))
}

const fn glue(language: Language) -> &'static str {
    match language {
        Language::Zh => "",
        Language::En | Language::Ru => " ",
    }
}

/// Splits a text between digits and what is none.
fn runs(text: &str) -> Vec<String> {
    let mut runs: Vec<String> = Vec::new();
    for letter in text.chars() {
        match runs.last_mut() {
            Some(run) if run.ends_with(|last: char| last.is_ascii_digit()) == letter.is_ascii_digit() => {
                run.push(letter);
            }
            Some(_) | None => runs.push(letter.to_string()),
        }
    }
    runs
}

/// Replaces each digit of long numbers by `9`.
fn shortened(word: &str) -> String {
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let shown = |letter: char| if letter.is_ascii_digit() && digits > WHOLE_DIGITS { '9' } else { letter };
    word.chars().map(shown).collect()
}

/// Returns the words of a name as they are spelled in mail addresses; none for Chinese, which is read in too many ways.
pub(super) fn spelled(name: &str) -> Vec<String> {
    match Language::of(name) {
        Language::Zh => Vec::new(),
        Language::En => name.split_whitespace().map(str::to_ascii_lowercase).collect(),
        Language::Ru => name.split_whitespace().map(latin).collect(),
    }
}

/// Writes `{0}` for the first word of the name, `{1}` for the second, `{a}` and `{b}` for their first letters alone at the
/// start, `{YYYY}` and `{YY}` for the year of birth, and `9` for other digits.
fn pattern(local: &str, words: &[String], born: Option<i16>) -> String {
    let years = born.map(spelled_year);
    let plain = |letter: char| if letter.is_ascii_digit() { '9' } else { letter.to_ascii_lowercase() };
    let of_run = |run: &String| match &years {
        Some([whole, _]) if run == whole => "{YYYY}".to_owned(),
        Some([_, short]) if run == short => "{YY}".to_owned(),
        Some(_) | None => run.chars().map(plain).collect(),
    };
    let mut pattern: String = runs(local).iter().map(of_run).collect();
    for (at, word) in words.iter().enumerate().take(3).filter(|(_, word)| word.len() >= 2) {
        pattern = pattern.replacen(word.as_str(), &format!("{{{at}}}"), 1);
    }
    for (letter, word) in ["{a}", "{b}", "{c}"].into_iter().zip(words) {
        let Some(initial) = word.chars().next() else { continue };
        if let Some(rest) = pattern.strip_prefix(initial).filter(|rest| rest.starts_with('{')) {
            return format!("{letter}{rest}");
        }
    }
    pattern
}

/// `1984` and `84`.
fn spelled_year(year: i16) -> [String; 2] {
    [format!("{year:04}"), format!("{:02}", year % 100)]
}

/// Fills a pattern that [`Wordings::add_mail_name`] counted; `None` if it needs a word that the name has not.
pub(super) fn mail_name(pattern: &str, words: &[String], born: i16, dice: &mut Dice) -> Option<String> {
    let mut name = String::with_capacity(USUAL_BYTES);
    let mut rest = pattern;
    while let Some(at) = rest.find('{') {
        let (plain, token) = rest.split_at(at);
        number(&mut name, plain, dice);
        let known = TOKENS.iter().find_map(|(known, _)| Some((*known, token.strip_prefix(known)?)));
        let Some((known, behind)) = known else {
            name.push('{');
            rest = token.get(1..).unwrap_or_default();
            continue;
        };
        match known {
            "{0}" => name.push_str(words.first()?),
            "{1}" => name.push_str(words.get(1)?),
            "{2}" => name.push_str(words.get(2)?),
            "{a}" => name.push(words.first()?.chars().next()?),
            "{b}" => name.push(words.get(1)?.chars().next()?),
            "{c}" => name.push(words.get(2)?.chars().next()?),
            year => name.push_str(&spelled_year(born)[usize::from(year == "{YY}")]),
        }
        rest = behind;
    }
    number(&mut name, rest, dice);
    Some(name)
}

/// Adds a text in which each run of `9` is replaced by a number of that length that does not begin with zero.
fn number(to: &mut String, text: &str, dice: &mut Dice) {
    let mut is_inside = false;
    to.extend(text.chars().map(|letter| {
        let least = u32::from(!is_inside);
        is_inside = letter == '9';
        if is_inside { char::from_digit(least + dice.below(10 - least), 10).unwrap_or('9') } else { letter }
    }));
}

/// Wordings made ready to draw from.
#[derive(Debug)]
pub(super) struct Drawn {
    ways: Vec<Prepared>,
    shares: Vec<f64>,
}

#[derive(Debug)]
struct Prepared {
    glue: String,
    places: Vec<Words>,
}

/// The words of one place; behind the last sum of their weights comes that with the rare ones.
#[derive(Debug)]
struct Words {
    frequent: Vec<String>,
    sums: Vec<f64>,
    rare: Option<Speller>,
}

/// Tells whether a letter stands for a part of the person.
fn is_token(letter: char) -> bool {
    TOKENS.iter().any(|(_, token)| *token == letter)
}

impl Words {
    fn new(place: &Place) -> Self {
        let weights = place.words.iter().map(|(_, weight)| *weight);
        Self {
            frequent: place.words.iter().map(|(word, _)| word.clone()).collect(),
            sums: sums(weights.chain(place.rare.as_ref().map(|rare| rare.weight))),
            rare: place.rare.as_ref().and_then(Speller::new),
        }
    }

    /// Adds a word to a text; `None` if there is none.
    fn draw(&self, text: &mut String, dice: &mut Dice) -> Option<()> {
        let at = dice.among(&self.sums);
        match (self.frequent.get(at), &self.rare) {
            (None, Some(rare)) => {
                let before = text.len();
                rare.draw(text, dice);
                let word = text.get(before..).unwrap_or_default();
                if word.contains(is_token) {
                    let whole =
                        TOKENS.iter().fold(word.to_owned(), |word, (token, letter)| word.replace(*letter, token));
                    text.truncate(before);
                    text.push_str(&whole);
                }
            }
            (word, _) => text.push_str(word.or(self.frequent.last())?),
        }
        Some(())
    }
}

impl Drawn {
    pub(super) fn new(wordings: &[Wording]) -> Self {
        let prepared = |wording: &Wording| Prepared {
            glue: wording.glue.clone(),
            places: wording.places.iter().map(Words::new).collect(),
        };
        Self {
            ways: wordings.iter().map(prepared).collect(),
            shares: sums(wordings.iter().map(|wording| wording.share)),
        }
    }

    /// Draws a text as it is kept: `9` still stands for a digit in long numbers. `None` without any wording.
    pub(super) fn draw(&self, dice: &mut Dice) -> Option<String> {
        let way = self.ways.get(dice.among(&self.shares))?;
        let mut text = String::with_capacity(USUAL_BYTES);
        for (at, place) in way.places.iter().enumerate() {
            if at > 0 {
                text.push_str(&way.glue);
            }
            place.draw(&mut text, dice)?;
        }
        Some(text)
    }

    /// Draws an address: its long numbers are filled.
    pub(super) fn address(&self, dice: &mut Dice) -> Option<String> {
        let drawn = self.draw(dice)?;
        if drawn.bytes().filter(|byte| *byte == b'9').count() <= WHOLE_DIGITS {
            return Some(drawn);
        }
        let mut address = String::with_capacity(drawn.len());
        number(&mut address, &drawn, dice);
        Some(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_put_together_from_words_that_many_rows_share() {
        let mut wordings = Wordings::default();
        for row in 0..400_u32 {
            let (given, family) = (["Ada", "Ben", "Cy"][row as usize % 3], ["Oakes", "Pine"][row as usize % 2]);
            wordings.add_name(&format!("{given} {family}"));
            wordings.add_name(["王小明", "李伟"][row as usize % 2]);
        }
        wordings.add_name("Zebedee Xylander");
        let found = wordings.finish(20);
        let mut dice = Dice::new(&[1; 32], "test");
        let english = Drawn::new(&found[&Language::En]);
        for _ in 0..200 {
            let name = english.draw(&mut dice).unwrap();
            let (given, family) = name.split_once(' ').unwrap();
            assert!(["Ada", "Ben", "Cy"].contains(&given) && ["Oakes", "Pine"].contains(&family), "{name}");
        }
        let chinese = Drawn::new(&found[&Language::Zh]);
        assert!((0..50).all(|_| ["王小明", "李伟"].contains(&chinese.draw(&mut dice).unwrap().as_str())));
        assert!(Drawn::new(&[]).draw(&mut dice).is_none());
    }

    #[test]
    fn russian_names_agree_in_gender() {
        let mut wordings = Wordings::default();
        for _ in 0..40 {
            for name in
                ["Ветров Лука Глебович", "Громов Савва Лукич", "Ветрова Злата Глебовна", "Громова Агния Лукична"]
            {
                wordings.add_name(name);
            }
        }
        let drawn = Drawn::new(&wordings.finish(20)[&Language::Ru]);
        let mut dice = Dice::new(&[2; 32], "test");
        for _ in 0..100 {
            let name = drawn.draw(&mut dice).unwrap();
            assert_eq!(name.split(' ').next().unwrap().ends_with('а'), name.ends_with('а'), "{name}");
        }
    }

    #[test]
    fn mail_names_follow_the_habits_of_the_table() {
        for (local, name, expected) in [
            ("jo.wren84", "Jo Wren", "{0}.{1}99"),
            ("jwren", "Jo Wren", "{a}{1}"),
            ("wren_j", "Jo Wren", "{1}_j"),
            ("zlata.vetrova", "Ветрова Злата Глебовна", "{1}.{0}"),
            ("qq12345678", "王小明", "qq99999999"),
            ("jwren71", "Jo Wren", "{a}{1}{YY}"),
            ("jo1971", "Jo Wren", "{0}{YYYY}"),
            ("jo71971", "Jo Wren", "{0}99999"),
        ] {
            assert_eq!(pattern(local, &spelled(name), Some(1971)), expected, "{local}");
        }
        let mut dice = Dice::new(&[3; 32], "test");
        let filled = mail_name("{a}{1}99", &spelled("Ada Oakes"), 1984, &mut dice).unwrap();
        assert!(filled.starts_with("aoakes") && filled.len() == 8 && !filled.ends_with('{'), "{filled}");
        assert_eq!(mail_name("{2}", &spelled("Ada Oakes"), 1984, &mut dice), None);
        let dated = mail_name("{1}{YY}.{YYYY}", &spelled("Ada Oakes"), 1999, &mut dice);
        assert_eq!(dated.as_deref(), Some("oakes99.1999"));
    }

    #[test]
    fn addresses_keep_short_numbers_and_forget_long_ones() {
        assert_eq!(runs("雾州市望江路12号3单元"), ["雾州市望江路", "12", "号", "3", "单元"]);
        assert_eq!((shortened("240"), shortened("123456,")), ("240".to_owned(), "999999,".to_owned()));
        let mut wordings = Wordings::default();
        for row in 0..100 {
            wordings.add_address(&format!("{} Oak Road, {}", row % 2 + 1, 100_000 + row));
        }
        let drawn = Drawn::new(&wordings.finish(20)[&Language::En]);
        let mut dice = Dice::new(&[4; 32], "test");
        let address = drawn.address(&mut dice).unwrap();
        assert!(address.contains(" Oak Road, ") && address.len() == 18 && !address.contains("999999"), "{address}");
    }
}
