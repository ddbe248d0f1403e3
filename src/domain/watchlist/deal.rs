//! The secret choice behind a delivery: which rows the copy was given, and in which of two renderings.
//!
//! Both follow from one key and the fingerprint of the row's own identifier, so that nothing need be written down for each
//! row: whoever holds the key and finds the row anywhere knows what the copy was given. The choice is AES-128 (FIPS 197) of
//! the fingerprint's tag under the key: a case of 10^5 rows and 100 copies makes ten million of them. Not here: what the
//! choice proves (`attribution`), how rows are rendered (`renderings`).

use std::fmt::Write as _;

use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt, KeyInit};

use super::Chance;
use crate::domain::identifier::{Epoch, Fingerprint, FingerprintKind};
use crate::domain::secret::Secret;

const KEY_BYTES: usize = 16;

/// The key of a delivery's choices, and which fingerprints it chooses by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deal {
    /// What identifies a row.
    pub kind: FingerprintKind,
    /// With which of the organization's keys it is fingerprinted.
    pub epoch: Epoch,
    key: Secret<[u8; KEY_BYTES]>,
}

/// What a deal decides of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dealt {
    place: u64,
    renderings: u8,
}

impl Deal {
    /// Makes a deal of random bytes.
    pub const fn new(kind: FingerprintKind, epoch: Epoch, key: Secret<[u8; KEY_BYTES]>) -> Self {
        Self { kind, epoch, key }
    }

    /// Reads what [`Deal::text`] writes: `pan-1:` and 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let (label, digits) = text.trim().split_once(':')?;
        let (kind, epoch) = label.rsplit_once('-')?;
        let values: Option<Vec<u8>> =
            digits.chars().map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok())).collect();
        let values = values.filter(|values| values.len() == KEY_BYTES * 2)?;
        let mut key = [0; KEY_BYTES];
        for (byte, pair) in key.iter_mut().zip(values.as_chunks::<2>().0) {
            *byte = pair[0] << 4 | pair[1];
        }
        Some(Self::new(FingerprintKind::parse(kind)?, Epoch(epoch.parse().ok()?), Secret::new(key)))
    }

    /// Writes it, for the watchlist's own table.
    pub fn text(&self) -> Secret<String> {
        let mut text = format!("{}-{}:", self.kind.file_word(), self.epoch);
        for byte in self.key.reveal() {
            let _ = write!(text, "{byte:02x}");
        }
        Secret::new(text)
    }

    /// Decides about a row, by the tag of its fingerprint; about many rows a [`Dealer`] is faster.
    pub fn of(&self, tag: u64) -> Dealt {
        self.dealer().of(tag)
    }

    /// Decides about a row, by its fingerprint.
    pub fn of_fingerprint(&self, fingerprint: &Fingerprint) -> Dealt {
        self.of(fingerprint.tag())
    }

    /// Sets the key up once, for many rows.
    pub fn dealer(&self) -> Dealer {
        Dealer(Aes128::new(self.key.reveal().into()))
    }
}

/// A deal that is ready to decide about many rows.
#[derive(Debug, Clone)]
pub struct Dealer(Aes128);

impl Dealer {
    /// Decides about a row, by the tag of its fingerprint.
    pub fn of(&self, tag: u64) -> Dealt {
        let mut block = block(tag);
        self.0.encrypt_block(&mut block);
        Dealt::read(&block)
    }

    /// Decides about many rows, by their tags, in their order.
    pub fn of_all(&self, tags: &[u64]) -> Vec<Dealt> {
        let mut blocks: Vec<aes::Block> = tags.iter().map(|tag| block(*tag)).collect();
        self.0.encrypt_blocks(&mut blocks);
        blocks.iter().map(Dealt::read).collect()
    }
}

/// The tag, behind what keeps this use of the key apart from any other.
fn block(tag: u64) -> aes::Block {
    let mut block = aes::Block::default();
    let (label, rest) = block.split_at_mut(8);
    label.copy_from_slice(b"dyedeal1");
    rest.copy_from_slice(&tag.to_be_bytes());
    block
}

impl Dealt {
    /// Eight bytes place the row, the ninth chooses its renderings.
    fn read(block: &aes::Block) -> Self {
        let (place, rest) = block.split_first_chunk().unwrap_or((&[0; 8], &[]));
        Self { place: u64::from_be_bytes(*place), renderings: rest.first().copied().unwrap_or(0) }
    }

    /// Tells whether the copy was given the row, where each row is with this probability.
    pub fn is_given(self, share: Chance) -> bool {
        self.is_below(least_left_out(share))
    }

    /// The same for many rows of one share: `bound` is [`least_left_out`] of it.
    pub fn is_below(self, bound: u128) -> bool {
        u128::from(self.place) < bound
    }

    /// Returns a bit for each kind of rendering: set for the second of the two.
    pub const fn renderings(self) -> u8 {
        self.renderings
    }
}

/// Returns the first place that a share leaves out, for [`Dealt::is_below`].
pub fn least_left_out(share: Chance) -> u128 {
    (1_u128 << 64) * u128::from(share.millionths()) / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deal(byte: u8) -> Deal {
        Deal::new(FingerprintKind::Pan6l4Ph3l4, Epoch(3), Secret::new([byte; KEY_BYTES]))
    }

    #[test]
    fn a_deal_is_read_as_it_is_written_and_does_not_print() {
        let text = deal(0xa7).text();
        assert_eq!(Deal::parse(text.reveal()), Some(deal(0xa7)));
        assert!(text.reveal().starts_with("pan6l4-ph3l4-3:a7a7"));
        assert!(!format!("{:?}", deal(0xa7)).contains("a7a7"));
        for wrong in ["", "pan-1", "pan-1:00", "pan:00", "pen-1:00000000000000000000000000000000", "pan-x:0"] {
            assert_eq!(Deal::parse(wrong), None, "{wrong}");
        }
    }

    /// Computed with `printf … | openssl enc -aes-128-ecb -nopad -K …`.
    #[test]
    fn a_choice_is_that_of_the_published_cipher() {
        let deal = Deal::parse("pan-1:00112233445566778899aabbccddeeff").unwrap();
        let dealt = deal.of(0x0123_4567_89ab_cdef);
        assert_eq!((dealt.place, dealt.renderings), (0x8bab_5941_0812_ca79, 0x8b));
        let tags: Vec<u64> = (0..37).collect();
        let one_by_one: Vec<Dealt> = tags.iter().map(|tag| deal.of(*tag)).collect();
        assert_eq!(deal.dealer().of_all(&tags), one_by_one);
        assert!(!format!("{:?}", deal.dealer()).contains("0011"));
    }

    #[test]
    fn each_copy_is_given_its_share_independently_of_the_others() {
        let share = Chance::new(0.3).unwrap();
        let (one, other) = (deal(1), deal(2));
        let given = |deal: &Deal, row: u64| deal.of(row).is_given(share);
        let (mut first, mut both, mut second_renderings) = (0, 0, [0; 8]);
        for row in 0..40_000 {
            first += u32::from(given(&one, row));
            both += u32::from(given(&one, row) && given(&other, row));
            for (bit, count) in second_renderings.iter_mut().enumerate() {
                *count += u32::from(one.of(row).renderings() >> bit & 1);
            }
        }
        assert!((11_600..12_400).contains(&first), "{first}");
        assert!((3_300..3_900).contains(&both), "{both}");
        assert!(second_renderings.iter().all(|count| (19_400..20_600).contains(count)), "{second_renderings:?}");
    }
}
