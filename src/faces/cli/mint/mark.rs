//! Marks on real rows: which of them a copy is given, and in which renderings, by the delivery's secret.

use crate::domain::identifier::{FingerprintKey, FingerprintKind, Hasher};
use crate::domain::renderings::{Rendering, rendered};
use crate::domain::secret::Secret;
use crate::domain::watchlist::{Chance, Deal, Dealer, Dealt};
use crate::faces::cli::Failure;

/// What decides about each row.
pub(super) struct Marker {
    pub(super) deal: Deal,
    dealer: Dealer,
    pub(super) share: Option<Chance>,
    renderings: Vec<Rendering>,
    hasher: Hasher,
    /// The columns that identify a row: one, or two of a pair.
    columns: Vec<usize>,
}

/// What becomes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is not in this copy.
    LeftOut,
    /// It is, in these renderings.
    Given(u8),
    /// It is as it stands: nothing identifies it.
    Plain,
}

impl Marker {
    /// Makes a marker: with the secret of an earlier delivery of the dataset to the custodian, so that it is given the same
    /// rows again, else with a new one.
    pub(super) fn new(
        (key, kind): (&FingerprintKey, FingerprintKind),
        (share, renderings): (Option<Chance>, Vec<Rendering>),
        columns: Vec<usize>,
        known: Option<Deal>,
    ) -> anyhow::Result<Self> {
        let known = known.filter(|deal| deal.kind == kind && deal.epoch == key.epoch);
        let deal = if let Some(deal) = known {
            deal
        } else {
            let mut secret = [0; 16];
            let filled = getrandom::fill(&mut secret);
            filled.map_err(|_| anyhow::anyhow!("cannot get random numbers from the operating system"))?;
            Deal::new(kind, key.epoch, Secret::new(secret))
        };
        Ok(Self { dealer: deal.dealer(), deal, share, renderings, hasher: Hasher::new(key, kind), columns })
    }

    pub(super) fn fate(&self, row: &csv::ByteRecord) -> Fate {
        match self.dealt(row) {
            None => Fate::Plain,
            Some(dealt) if self.share.is_none_or(|share| dealt.is_given(share)) => Fate::Given(dealt.renderings()),
            Some(_) => Fate::LeftOut,
        }
    }

    /// Returns what chooses a row's renderings, whether it is given or not.
    pub(super) fn bits(&self, row: &csv::ByteRecord) -> u8 {
        self.dealt(row).map_or(0, Dealt::renderings)
    }

    fn dealt(&self, row: &csv::ByteRecord) -> Option<Dealt> {
        let value =
            |column: &usize| row.get(*column).and_then(|cell| std::str::from_utf8(cell).ok()).unwrap_or_default();
        let canonical = self.hasher.kind().canonical(self.columns.iter().map(value), None).ok()?;
        Some(self.dealer.of(self.hasher.fingerprint(canonical.as_bytes()).tag()))
    }

    /// Writes a row's cells in the renderings that were chosen; the row itself where nothing changes.
    pub(super) fn render<'r>(
        &self,
        row: &'r csv::ByteRecord,
        bits: u8,
        room: &'r mut csv::ByteRecord,
    ) -> &'r csv::ByteRecord {
        let mut is_changed = false;
        room.clear();
        for cell in row {
            let written = std::str::from_utf8(cell).ok().and_then(|text| rendered(text, &self.renderings, bits));
            is_changed |= written.is_some();
            room.push_field(written.as_deref().map_or(cell, str::as_bytes));
        }
        if is_changed { room } else { row }
    }
}

/// Reads the kinds of rendering that are wanted: `all`, `none`, or words with commas between them.
pub(super) fn renderings(text: &str) -> Result<Vec<Rendering>, Failure> {
    match text {
        "all" => Ok(Rendering::ALL.to_vec()),
        "none" => Ok(Vec::new()),
        words => {
            let unknown = |word: &str| {
                let known = Rendering::ALL.map(Rendering::as_str).join(", ");
                Failure::Usage(format!("{word} is no rendering; known are all, none, {known}"))
            };
            words.split(',').map(|word| Rendering::parse(word.trim()).ok_or_else(|| unknown(word))).collect()
        }
    }
}
