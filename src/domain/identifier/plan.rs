//! The world's telephone numbering plans, as the `phonenumber` crate carries them.
//!
//! Lengths are asked for every window of a dump and come from a table; assigned ranges cost a regular expression or two
//! and are asked for what is reported only.

use std::sync::LazyLock;

use phonenumber::Type;
use phonenumber::metadata::DATABASE;

/// The types whose ranges together are all numbers of a country.
const TYPES: [Type; 10] = [
    Type::FixedLine,
    Type::Mobile,
    Type::TollFree,
    Type::PremiumRate,
    Type::SharedCost,
    Type::PersonalNumber,
    Type::Voip,
    Type::Pager,
    Type::Uan,
    Type::Voicemail,
];

/// For each country code, bit `n` tells whether some national number has `n` digits.
static LENGTHS: LazyLock<Vec<u32>> = LazyLock::new(|| {
    let mut lengths = vec![0; 1000];
    for country in DATABASE.iter() {
        let ranges = TYPES.iter().filter_map(|kind| country.descriptors().get(*kind));
        let known = ranges.flat_map(|range| range.possible_length().iter().copied());
        if let Some(bits) = lengths.get_mut(usize::from(country.country_code())) {
            *bits = known.fold(*bits, |bits, length| bits | 1_u32.wrapping_shl(u32::from(length)));
        }
    }
    lengths
});

/// Tells whether national numbers of a country have so many digits.
pub(super) fn is_possible(code: &[u8], length: usize) -> bool {
    let code = code.iter().fold(0_usize, |value, digit| value * 10 + usize::from(digit.wrapping_sub(b'0')));
    LENGTHS.get(code).is_some_and(|lengths| length < 32 && lengths >> length & 1 == 1)
}

/// Tells whether an E.164 number is of an assigned range.
pub(super) fn is_valid(e164: &str) -> bool {
    let is_number = e164.strip_prefix('+').is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    is_number && phonenumber::parse(None, e164).is_ok_and(|number| phonenumber::is_valid(&number))
}
