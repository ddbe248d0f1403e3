//! A small grammar of the trade's texts, and the accidents that befall them: capitals, emphasis, market layout, look-alikes.
//!
//! A rule is `name = one | two | {other} three`; a text is `act language: title ; line ; line`. In both, `{name}` is replaced
//! by an alternative of the rule, `{name?}` by one or nothing, `{9-99}` by a number, `#` starts a comment after two blanks.
//! Rules named `market_LANGUAGE`, `board_ACT_LANGUAGE` and `tag_ACT_LANGUAGE` say where texts stand.

use std::collections::HashMap;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::super::Written;
use super::super::model::Act;
use super::Chance;

/// Why a grammar cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum GrammarError {
    /// A line is neither a rule nor a text.
    #[error("line {line} is neither `name = …` nor `act language: …`")]
    Line {
        /// Line number over all files, from 1.
        line: usize,
    },
    /// A rule is used but not written.
    #[error("rule {name:?} is used but not written")]
    Rule {
        /// Its name.
        name: String,
    },
    /// There is not a single text.
    #[error("the grammar holds no text")]
    Empty,
}

/// Which alternatives of a rule may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Words {
    /// Four of five.
    Known,
    /// The fifth.
    HeldOut,
    /// All.
    All,
}

/// Rules and texts.
#[derive(Debug, Clone)]
pub struct Grammar {
    /// By file and name: each file has its own rules.
    rules: HashMap<(usize, String), Vec<String>>,
    texts: Vec<Texts>,
    digest: String,
}

/// All texts of one act in one language.
#[derive(Debug, Clone)]
struct Texts {
    file: usize,
    act: Act,
    language: String,
    templates: Vec<String>,
}

/// A generated text.
#[derive(Debug, Clone, Default)]
pub(super) struct Generated {
    pub(super) act: Act,
    pub(super) language: String,
    pub(super) title: String,
    pub(super) body: String,
    pub(super) tags: String,
    pub(super) board: String,
    pub(super) page: String,
}

impl Generated {
    pub(super) fn written(&self) -> Written<'_> {
        Written { title: &self.title, text: &self.body, tags: &self.tags, board: &self.board, page: &self.page }
    }
}

impl Grammar {
    /// Reads grammar files.
    ///
    /// # Errors
    /// A line that cannot be read, a rule that is missing, or no text at all.
    pub fn parse(files: &[&str]) -> Result<Self, GrammarError> {
        let mut grammar = Self { rules: HashMap::new(), texts: Vec::new(), digest: String::new() };
        let mut hash = Sha256::new();
        let lines = files.iter().enumerate().flat_map(|(file, text)| text.lines().map(move |line| (file, line)));
        for (count, (file, text)) in lines.enumerate() {
            hash.update(text.as_bytes());
            let text = text.split("  #").next().unwrap_or_default().trim();
            if !text.is_empty() && !text.starts_with('#') {
                grammar.line(file, text).ok_or(GrammarError::Line { line: count + 1 })?;
            }
        }
        grammar.digest = hash.finalize().iter().take(6).fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        grammar.check()?;
        Ok(grammar)
    }

    /// Returns the first digits of the grammar's SHA-256.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    fn line(&mut self, file: usize, text: &str) -> Option<()> {
        let equals = text.find(" = ").filter(|at| text.get(..*at).is_some_and(is_name));
        if let Some(at) = equals {
            let alternatives = text.get(at + 3..)?.split('|').map(|one| one.trim().to_owned());
            self.rules.entry((file, text.get(..at)?.to_owned())).or_default().extend(alternatives);
            return Some(());
        }
        let (head, template) = text.split_once(": ")?;
        let (act, language) = head.split_once(' ')?;
        let act = Act::ALL.into_iter().find(|known| known.as_str() == act)?;
        let known =
            self.texts.iter_mut().find(|texts| texts.file == file && texts.act == act && texts.language == language);
        if let Some(texts) = known {
            texts.templates.push(template.to_owned());
        } else {
            self.texts.push(Texts { file, act, language: language.to_owned(), templates: vec![template.to_owned()] });
        }
        Some(())
    }

    fn check(&self) -> Result<(), GrammarError> {
        let templates =
            self.texts.iter().flat_map(|texts| texts.templates.iter().map(|template| (texts.file, template)));
        let alternatives = self.rules.iter().flat_map(|((file, _), all)| all.iter().map(|one| (*file, one)));
        for (file, text) in templates.chain(alternatives) {
            for name in text.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
                let name = name.trim_end_matches('?');
                if range(name).is_none() && !self.rules.contains_key(&(file, name.to_owned())) {
                    return Err(GrammarError::Rule { name: name.to_owned() });
                }
            }
        }
        if self.texts.is_empty() { Err(GrammarError::Empty) } else { Ok(()) }
    }

    /// Draws a text: act and language by weight, then one of their texts, then accidents.
    pub(super) fn text(&self, words: Words, chance: &mut Chance) -> Generated {
        let mut drawn = chance.below(self.texts.iter().map(Texts::weight).sum());
        let mut generated = Generated::default();
        let chosen = self.texts.iter().find(|texts| match drawn.checked_sub(texts.weight()) {
            Some(rest) => {
                drawn = rest;
                false
            }
            None => true,
        });
        let Some(texts) = chosen else { return generated };
        let template = texts.templates.get(chance.below(texts.templates.len())).map(String::as_str).unwrap_or_default();
        let mut draw = Draw { grammar: self, file: texts.file, words, chance };
        let mut lines = template.split(';').map(|line| draw.expand(line, 0).trim().to_owned());
        generated.act = texts.act;
        generated.language.clone_from(&texts.language);
        generated.title = lines.next().unwrap_or_default();
        generated.body = lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
        draw.befall(&mut generated);
        draw.settle(&mut generated);
        generated
    }
}

impl Texts {
    /// How often they are drawn: offers and what is most like them, English, Chinese and Russian more often.
    fn weight(&self) -> usize {
        let of_language = match self.language.as_str() {
            "en" => 10,
            "zh" => 8,
            "ru" => 5,
            _ => 1,
        };
        let of_act = match self.act {
            Act::Offer => 6,
            Act::Other => 5,
            Act::Discussion | Act::Tutorial => 3,
            Act::Request | Act::Share | Act::News => 2,
            Act::Ransom => 1,
        };
        of_language * of_act
    }
}

/// The drawing of one text.
struct Draw<'a> {
    grammar: &'a Grammar,
    file: usize,
    words: Words,
    chance: &'a mut Chance,
}

impl Draw<'_> {
    fn expand(&mut self, text: &str, depth: usize) -> String {
        let mut written = String::new();
        let mut pieces = text.split('{');
        written.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let (name, rest) = piece.split_once('}').unwrap_or((piece, ""));
            let is_left_out = name.ends_with('?') && self.chance.one_in(2);
            if !is_left_out && depth < 8 {
                written.push_str(&self.slot(name.trim_end_matches('?'), depth));
            }
            written.push_str(rest);
        }
        written
    }

    fn slot(&mut self, name: &str, depth: usize) -> String {
        if let Some((least, most)) = range(name) {
            return (least + self.chance.below(most - least + 1)).to_string();
        }
        let Some(all) = self.grammar.rules.get(&(self.file, name.to_owned())) else { return String::new() };
        let is_held_out = |at: usize| all.len() >= 5 && (at + name.len()).is_multiple_of(5);
        let allowed: Vec<&String> = all
            .iter()
            .enumerate()
            .filter(|(at, _)| match self.words {
                Words::Known => !is_held_out(*at),
                Words::HeldOut => is_held_out(*at) || all.len() < 5,
                Words::All => true,
            })
            .map(|(_, one)| one)
            .collect();
        let one = allowed.get(self.chance.below(allowed.len())).map(|one| one.as_str()).unwrap_or_default();
        self.expand(one, depth + 1)
    }

    /// Where the text stands, if that is told: a board, labels, the title of a page. Most often they fit what it does.
    fn settle(&mut self, text: &mut Generated) {
        let act = |draw: &mut Self| {
            let other = Act::ALL.get(draw.chance.below(Act::ALL.len())).copied().unwrap_or_default();
            if draw.chance.one_in(6) { other } else { text.act }
        };
        if self.chance.one_in(3) {
            let name = format!("board_{}_{}", act(self).as_str(), text.language);
            text.board = self.slot(&name, 0);
        }
        if self.chance.one_in(5) {
            let name = format!("tag_{}_{}", act(self).as_str(), text.language);
            text.tags = self.slot(&name, 0);
        }
        if self.chance.one_in(6) {
            text.page = format!("{} - {}", text.title, text.board);
        }
    }

    /// What happens to texts whatever they say.
    fn befall(&mut self, text: &mut Generated) {
        let market = format!("market_{}", text.language);
        let is_listed = matches!(text.act, Act::Offer | Act::Other | Act::Tutorial);
        if is_listed && self.grammar.rules.contains_key(&(self.file, market.clone())) && self.chance.one_in(4) {
            // The same tag stands under whatever a market sells: it tells nothing of the goods.
            let tag = self.slot(&market, 0).replace("\\n", "\n");
            text.body = if self.chance.one_in(3) { format!("{}\n{tag}", text.body) } else { tag };
        } else if self.chance.one_in(8) {
            text.body.clear();
        } else if self.chance.one_in(10) && !text.body.is_empty() {
            text.body = format!("{}\n{}", text.title, text.body);
            text.title.clear();
        } else if self.chance.one_in(10) {
            text.body = text.body.replace('\n', " ");
        }
        if self.chance.one_in(8) {
            text.title = text.title.to_uppercase();
        } else if self.chance.one_in(6) {
            text.title = text.title.to_lowercase();
            text.body = text.body.to_lowercase();
        }
        if self.chance.one_in(25) {
            text.title = text.title.replace('a', "а").replace('o', "0");
        }
        if self.chance.one_in(8) {
            let ornament =
                ["🔥 ", "✅ ", "⭐️", "!!! ", "❗️", "💎 ", "⚡️"].get(self.chance.below(7)).copied().unwrap_or_default();
            text.title = format!("{ornament}{}", text.title);
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// `10-900`: from and to.
fn range(name: &str) -> Option<(usize, usize)> {
    let (least, most) = name.split_once('-')?;
    let (least, most) = (least.parse().ok()?, most.parse().ok()?);
    (least <= most).then_some((least, most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_made_of_rules_and_numbers() {
        let grammar = Grammar::parse(&["offer en: {what} {10-10} ; {what?}\nwhat = base"]).unwrap();
        let text = grammar.text(Words::All, &mut Chance::new(1));
        assert_eq!(text.act, Act::Offer);
        assert!(
            text.title.to_lowercase().contains("base 10") || text.body.to_lowercase().contains("base 10"),
            "{text:?}"
        );
    }

    #[test]
    fn what_is_wrong_with_a_grammar_is_said() {
        assert_eq!(Grammar::parse(&["offer en: {what}"]).unwrap_err(), GrammarError::Rule { name: "what".to_owned() });
        assert_eq!(Grammar::parse(&["# none"]).unwrap_err(), GrammarError::Empty);
        assert_eq!(Grammar::parse(&["nonsense"]).unwrap_err(), GrammarError::Line { line: 1 });
    }
}
