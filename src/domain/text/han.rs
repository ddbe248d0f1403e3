//! Traditional Chinese characters to the simplified ones that stand for them.
//!
//! One character for one character, so that a slice of a text folds to the slice of its fold; words that differ between
//! regions stay different.

use std::sync::LazyLock;

/// The block of unified ideographs that the table covers.
const FIRST: u32 = 0x4e00;
const LAST: u32 = 0x9fff;
const WORDS: usize = (LAST - FIRST + 1) as usize / 64;

/// The pairs of traditional and simplified characters.
#[derive(Debug)]
pub(super) struct Han {
    /// Which characters have a simplified form: what nearly every look-up ends at.
    is_traditional: [u64; WORDS],
    /// The simplified form of each character of the block that has one.
    forms: Vec<Option<char>>,
}

impl Han {
    fn read(table: &str) -> Self {
        let mut han = Self { is_traditional: [0; WORDS], forms: vec![None; WORDS * 64] };
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            let mut characters = line.chars();
            let simplified = characters.next();
            for traditional in characters {
                let index = u32::from(traditional).wrapping_sub(FIRST) as usize;
                if let (Some(word), Some(form)) = (han.is_traditional.get_mut(index / 64), han.forms.get_mut(index)) {
                    *word |= 1 << (index % 64);
                    *form = simplified;
                }
            }
        }
        han
    }

    /// Tells whether a character has a simplified form.
    pub(super) fn is_traditional(&self, code: u32) -> bool {
        let index = code.wrapping_sub(FIRST) as usize;
        self.is_traditional.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    /// Returns the simplified form of a traditional character.
    pub(super) fn simplified(&self, character: char) -> Option<char> {
        self.forms.get(u32::from(character).wrapping_sub(FIRST) as usize).copied().flatten()
    }
}

/// The table of the file, read once.
pub(super) static HAN: LazyLock<Han> = LazyLock::new(|| Han::read(include_str!("han.txt")));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traditional_characters_have_one_simplified_form_each() {
        let simplified: String = "歐陽採薇陳國華龍體髮發".chars().map(|c| HAN.simplified(c).unwrap_or(c)).collect();
        assert_eq!(simplified, "欧阳采薇陈国华龙体发发");
        assert!("欧阳采薇A7я".chars().all(|character| HAN.simplified(character).is_none()));
        for simplified in HAN.forms.iter().flatten() {
            assert_eq!(HAN.simplified(*simplified), None, "{simplified} is not the end of its chain");
        }
    }
}
