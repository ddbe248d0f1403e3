//! Cryptocurrency addresses: Bitcoin and Litecoin (base58check, bech32, bech32m), Ethereum (EIP-55), Tron, Monero.
//!
//! An address is checked by its own sum, so one in a text is told from a hash or a token. Not here: balances, owners.

use sha2::{Digest, Sha256};
use sha3::Keccak256;

const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const BECH32: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
/// BIP 350's constant; BIP 173's is 1.
const BECH32M: u32 = 0x2bc8_30a3;

/// Whose address it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Currency {
    /// Bitcoin.
    Btc,
    /// Litecoin.
    Ltc,
    /// Ethereum, its tokens and sister chains.
    Eth,
    /// Tron.
    Trx,
    /// Monero.
    Xmr,
}

impl Currency {
    /// Every currency.
    pub const ALL: [Self; 5] = [Self::Btc, Self::Ltc, Self::Eth, Self::Trx, Self::Xmr];
}

/// Returns the canonical form of an address.
pub fn canonical(currency: Currency, value: &str) -> Option<String> {
    let bare = value.trim().rsplit(':').next()?;
    match currency {
        Currency::Btc | Currency::Ltc => {
            let lower = bare.to_ascii_lowercase();
            if bech32_prefix(currency).is_some_and(|prefix| lower.starts_with(prefix)) {
                let has_one_case = bare == lower || bare == bare.to_ascii_uppercase();
                return ((14..=90).contains(&bare.len())
                    && has_one_case
                    && lower.bytes().all(|b| b.is_ascii_alphanumeric()))
                .then_some(lower);
            }
            let first: &[char] = if currency == Currency::Btc { &['1', '3'] } else { &['L', 'M', '3'] };
            is_base58(bare, 26..=35, first).then(|| bare.to_owned())
        }
        Currency::Trx => is_base58(bare, 34..=34, &['T']).then(|| bare.to_owned()),
        Currency::Xmr => {
            (is_base58(bare, 95..=95, &['4', '8']) || is_base58(bare, 106..=106, &['4'])).then(|| bare.to_owned())
        }
        Currency::Eth => ethereum(bare),
    }
}

/// Checks the sum of a canonical address.
pub fn is_valid(currency: Currency, canonical: &str) -> bool {
    if let Some(prefix) = bech32_prefix(currency).filter(|prefix| canonical.starts_with(prefix)) {
        return is_segwit(canonical, prefix.trim_end_matches('1'));
    }
    match currency {
        Currency::Btc => base58check(canonical).is_some_and(|version| matches!(version, 0 | 5)),
        Currency::Ltc => base58check(canonical).is_some_and(|version| matches!(version, 0x30 | 0x32 | 5)),
        Currency::Trx => base58check(canonical) == Some(0x41),
        Currency::Xmr => is_monero(canonical),
        // Without capitals there is no sum: the canonical form then made it.
        Currency::Eth => canonical.strip_prefix("0x").is_some_and(|hex| capitals(hex).is_some_and(|made| made == hex)),
    }
}

const fn bech32_prefix(currency: Currency) -> Option<&'static str> {
    match currency {
        Currency::Btc => Some("bc1"),
        Currency::Ltc => Some("ltc1"),
        Currency::Eth | Currency::Trx | Currency::Xmr => None,
    }
}

fn is_base58(text: &str, lengths: std::ops::RangeInclusive<usize>, first: &[char]) -> bool {
    lengths.contains(&text.len()) && text.starts_with(first) && text.bytes().all(|byte| BASE58.contains(&byte))
}

/// Decodes base58 to exactly `N` bytes, most significant first.
fn base58<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0_u8; N];
    for character in text.bytes() {
        let mut carry = BASE58.iter().position(|known| *known == character)?;
        for byte in bytes.iter_mut().rev() {
            carry += usize::from(*byte) * 58;
            *byte = u8::try_from(carry & 0xff).ok()?;
            carry >>= 8;
        }
        (carry == 0).then_some(())?;
    }
    Some(bytes)
}

/// Returns the version byte of 20 hashed bytes whose sum is right.
fn base58check(text: &str) -> Option<u8> {
    let bytes: [u8; 25] = base58(text)?;
    // Each zero byte at the beginning is one `1`: other spellings of the same number are none.
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let ones = text.bytes().take_while(|byte| *byte == b'1').count();
    let (body, sum) = bytes.split_at_checked(21)?;
    let made = Sha256::digest(Sha256::digest(body));
    (zeros == ones && made.starts_with(sum)).then_some(bytes[0])
}

/// Checks a witness address: BIP 173 for version 0, BIP 350 for later ones.
fn is_segwit(text: &str, prefix: &str) -> bool {
    let Some(data) = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('1')) else { return false };
    let values: Option<Vec<u8>> = data
        .bytes()
        .map(|byte| BECH32.iter().position(|known| *known == byte).and_then(|value| u8::try_from(value).ok()))
        .collect();
    let Some(values) = values.filter(|values| values.len() >= 7 && text.len() <= 90) else { return false };
    let version = values.first().copied().unwrap_or_default();
    let program = values.get(1..values.len() - 6).unwrap_or_default();
    let bits = program.len() * 5;
    // What is left over of the last group must be less than a group, and zero.
    let is_padded = bits % 8 < 5 && program.last().is_some_and(|last| u32::from(*last) & ((1 << (bits % 8)) - 1) == 0);
    let is_length = if version == 0 { matches!(bits / 8, 20 | 32) } else { (2..=40).contains(&(bits / 8)) };
    let high = prefix.bytes().map(|byte| byte >> 5);
    let low = prefix.bytes().map(|byte| byte & 31);
    let sum = bech32_sum(high.chain(std::iter::once(0)).chain(low).chain(values.iter().copied()));
    version <= 16 && is_padded && is_length && sum == if version == 0 { 1 } else { BECH32M }
}

fn bech32_sum(values: impl Iterator<Item = u8>) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    values.fold(1, |sum, value| {
        let top = sum >> 25;
        let next = (sum & 0x01ff_ffff) << 5 ^ u32::from(value);
        GENERATOR
            .iter()
            .enumerate()
            .fold(next, |next, (bit, factor)| if top >> bit & 1 == 1 { next ^ factor } else { next })
    })
}

fn ethereum(bare: &str) -> Option<String> {
    let hex = bare.strip_prefix("0x").or_else(|| bare.strip_prefix("0X"))?;
    if hex.len() != 40 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let is_small = !hex.bytes().any(|byte| byte.is_ascii_uppercase());
    let is_capital = !hex.bytes().any(|byte| byte.is_ascii_lowercase());
    Some(format!("0x{}", if is_small || is_capital { capitals(hex)? } else { hex.to_owned() }))
}

/// Sets the capitals of EIP-55: a letter is one where the hash of the small form has a high digit.
fn capitals(hex: &str) -> Option<String> {
    if hex.len() != 40 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let small = hex.to_ascii_lowercase();
    let hash = Keccak256::digest(small.as_bytes());
    let is_high = |place: usize| hash.get(place / 2).is_some_and(|byte| (byte >> (4 - place % 2 * 4)) & 8 != 0);
    let set = |(place, letter): (usize, char)| if is_high(place) { letter.to_ascii_uppercase() } else { letter };
    Some(small.chars().enumerate().map(set).collect())
}

/// Checks a Monero address: blocks of 8 bytes in 11 characters, network byte, four bytes of Keccak-256.
fn is_monero(text: &str) -> bool {
    let mut bytes = Vec::with_capacity(80);
    for block in text.as_bytes().chunks(11) {
        let Ok(block) = std::str::from_utf8(block) else { return false };
        let Some(decoded) = base58::<8>(block) else { return false };
        // A last block of 7 characters holds 5 bytes; 9 characters hold 6, as in 106 characters with a payment id.
        let length = match block.len() {
            11 => 8,
            7 => 5,
            _ => return false,
        };
        let (zeros, kept) = decoded.split_at(8 - length);
        if zeros.iter().any(|byte| *byte != 0) {
            return false;
        }
        bytes.extend_from_slice(kept);
    }
    let Some((body, sum)) = bytes.len().checked_sub(4).and_then(|at| bytes.split_at_checked(at)) else { return false };
    matches!((body.first(), body.len()), (Some(18 | 42), 65) | (Some(19), 73))
        && Keccak256::digest(body).starts_with(sum)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // Examples of BIP 173, BIP 350, EIP-55 and of the currencies' own documentation.
    const VALID: [(Currency, &str); 13] = [
        (Currency::Btc, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
        (Currency::Btc, "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"),
        (Currency::Btc, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
        (Currency::Btc, "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"),
        (Currency::Btc, "bc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qccfmv3"),
        (Currency::Ltc, "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9"),
        (Currency::Eth, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
        (Currency::Eth, "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"),
        (Currency::Eth, "0x52908400098527886E0F7030069857D2E4169EE7"),
        (Currency::Trx, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"),
        (
            Currency::Xmr,
            "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A",
        ),
        (
            Currency::Xmr,
            "888tNkZrPN6JsEgekjMnABU4TBzc2Dt29EPAvkRxbANsAnjyPbb3iQ1YBRk1UXcdRsiKc9dhwMVgN5S9cQUiyoogDavup3H",
        ),
        (Currency::Btc, "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4"),
    ];

    #[test]
    fn addresses_of_the_standards_are_valid_and_changed_ones_are_not() {
        for (currency, address) in VALID {
            let form = canonical(currency, address).unwrap();
            assert!(is_valid(currency, &form), "{address}");
            let last = if form.ends_with('q') { "p" } else { "q" };
            let changed = format!("{}{last}", form.get(..form.len() - 1).unwrap());
            assert!(!canonical(currency, &changed).is_some_and(|form| is_valid(currency, &form)), "{changed}");
        }
        assert!(!is_valid(Currency::Eth, "0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed"));
        assert_eq!(
            canonical(Currency::Eth, "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed").as_deref(),
            Some("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
        );
    }

    #[test]
    fn a_witness_address_is_of_its_version() {
        // BIP 350: version 1 with BIP 173's sum, wrong length, mixed case.
        for address in [
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",
            "bc1rw5uspcuh",
            "bc1qr508d6qejxtdg4y5r3zarvaryv98gj9p",
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3T4",
            "bc1gmk9yu",
        ] {
            assert!(!canonical(Currency::Btc, address).is_some_and(|form| is_valid(Currency::Btc, &form)), "{address}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_check_panic(text in "\\PC{0,40}|[13TLM48][1-9A-Za-z]{20,110}|bc1[0-9a-z]{0,90}|0x[0-9a-fA-F]{40}") {
            for currency in [Currency::Btc, Currency::Ltc, Currency::Eth, Currency::Trx, Currency::Xmr] {
                let _ = is_valid(currency, &text);
                if let Some(form) = canonical(currency, &text) {
                    prop_assert_eq!(canonical(currency, &form), Some(form));
                }
            }
        }
    }
}
