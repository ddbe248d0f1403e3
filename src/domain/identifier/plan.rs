//! The world's telephone numbering plans, as the `phonenumber` crate carries them.
//!
//! Lengths are asked for every window of a dump and come from a table; assigned ranges cost a regular expression or two
//! and are asked for what is reported only. The crate's own answer is not taken: it asks only whether a number begins like
//! one of a range, and drops a trunk prefix that is part of it (`+7 812 …` has none).

use std::sync::{LazyLock, OnceLock};

use phonenumber::metadata::{DATABASE, Descriptor};
use phonenumber::{Metadata, Type};
use regex::Regex;

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

/// The plan of each country code.
static PLANS: LazyLock<Vec<Plan>> = LazyLock::new(|| (0..1000).map(Plan::of).collect());

/// What is known of a country code.
struct Plan {
    code: u16,
    /// Bit `n` tells whether some national number has `n` digits.
    lengths: u32,
    /// What people of the country dial before its numbers: `0`, `8`, `1`.
    trunk: Option<u8>,
    /// Regions that share the code, the main one first; made when they are first asked.
    regions: OnceLock<Vec<Region>>,
}

/// The numbers of a region.
struct Region {
    /// What its numbers begin with, where regions are told apart by that.
    leading: Option<Regex>,
    general: Option<Regex>,
    ranges: Vec<Range>,
}

/// Numbers of one type.
struct Range {
    /// Bits as in [`Plan`]; none where the type has all lengths of its region.
    lengths: u32,
    pattern: Regex,
}

impl Plan {
    fn of(code: u16) -> Self {
        let regions = DATABASE.by_code(&code).unwrap_or_default();
        let ranges = regions.iter().flat_map(|region| descriptors(region));
        let lengths = ranges.fold(0, |bits, range| bits | bits_of(range));
        let prefix = regions.first().and_then(|region| region.national_prefix()).map(str::as_bytes);
        let trunk = if let Some([digit]) = prefix { Some(*digit) } else { None };
        Self { code, lengths, trunk, regions: OnceLock::new() }
    }

    fn regions(&self) -> &[Region] {
        self.regions
            .get_or_init(|| DATABASE.by_code(&self.code).unwrap_or_default().into_iter().map(Region::of).collect())
    }
}

impl Region {
    fn of(metadata: &Metadata) -> Self {
        let ranges = descriptors(metadata).filter_map(|range| {
            Some(Range { lengths: bits_of(range), pattern: whole(range.national_number().as_str())? })
        });
        Self {
            leading: metadata
                .leading_digits()
                .and_then(|digits| Regex::new(&format!("^(?x:{})", digits.as_str())).ok()),
            general: whole(metadata.descriptors().general().national_number().as_str()),
            ranges: ranges.collect(),
        }
    }

    fn has(&self, national: &str) -> bool {
        let is_general = self.general.as_ref().is_none_or(|general| general.is_match(national));
        let is_length = |range: &Range| range.lengths == 0 || has_bit(range.lengths, national.len());
        is_general && self.ranges.iter().any(|range| is_length(range) && range.pattern.is_match(national))
    }
}

fn descriptors(metadata: &Metadata) -> impl Iterator<Item = &Descriptor> {
    TYPES.iter().filter_map(|kind| metadata.descriptors().get(*kind))
}

fn bits_of(range: &Descriptor) -> u32 {
    range.possible_length().iter().fold(0, |bits, length| bits | 1_u32.wrapping_shl(u32::from(*length)))
}

const fn has_bit(bits: u32, bit: usize) -> bool {
    bit < 32 && bits >> bit & 1 == 1
}

fn whole(pattern: &str) -> Option<Regex> {
    Regex::new(&format!("^(?x:{pattern})$")).ok()
}

fn plan_of(code: &[u8]) -> Option<&'static Plan> {
    code.first().filter(|first| **first != b'0')?;
    let code = code.iter().fold(0_usize, |value, digit| value * 10 + usize::from(digit.wrapping_sub(b'0')));
    PLANS.get(code)
}

/// Tells whether national numbers of a country have so many digits.
pub(super) fn is_possible(code: &[u8], length: usize) -> bool {
    plan_of(code).is_some_and(|plan| has_bit(plan.lengths, length))
}

/// Returns a national number, at whose beginning a trunk prefix may stand, without it; `None` if its length is none of its
/// country.
pub(super) fn national<'d>(code: &[u8], digits: &'d [u8]) -> Option<&'d [u8]> {
    let plan = plan_of(code)?;
    let is_possible = |digits: &&[u8]| has_bit(plan.lengths, digits.len());
    let bare = digits.split_first().filter(|(first, _)| Some(**first) == plan.trunk).map(|(_, bare)| bare);
    // Hardly a number begins with one zero where zero is the trunk prefix (Japan's with two); other digits may be both.
    let is_sure = plan.trunk == Some(b'0') || !is_possible(&digits);
    bare.filter(|bare| is_sure && is_possible(bare) && bare.first() != Some(&b'0'))
        .or_else(|| Some(digits).filter(is_possible))
}

/// Tells whether a national number is of a range that its country, or one of those that share the code, has given out.
pub(super) fn is_assigned(code: &[u8], national: &str) -> bool {
    let Some(plan) = plan_of(code).filter(|plan| has_bit(plan.lengths, national.len())) else { return false };
    match plan.regions() {
        [region] => region.has(national),
        regions => {
            // The first region that claims the number decides.
            let claims = |region: &&Region| match &region.leading {
                Some(leading) => leading.is_match(national),
                None => region.has(national),
            };
            regions.iter().find(claims).is_some_and(|region| region.has(national))
        }
    }
}
