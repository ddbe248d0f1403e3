//! The linear model: which of eight acts a post is, with the weights that say why.
//!
//! Trained by `dyepack train-listing` (`training`) on generated texts; `weights.txt` says from what and how well.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::features::{FEATURES, Features};

/// What a post does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Offers data for sale.
    Offer,
    /// Asks for data.
    Request,
    /// Gives data away.
    Share,
    /// Announces an extortion.
    Ransom,
    /// Reports or warns.
    News,
    /// Talks, asks, jokes, states rules.
    #[default]
    Discussion,
    /// Teaches.
    Tutorial,
    /// Offers something else: goods, accounts, software, services, access.
    Other,
}

impl Act {
    /// Every act; its place is its number in the model.
    pub const ALL: [Self; 8] = [
        Self::Offer,
        Self::Request,
        Self::Share,
        Self::Ransom,
        Self::News,
        Self::Discussion,
        Self::Tutorial,
        Self::Other,
    ];

    /// Tells whether an amount of money in such a post is likely to be asked or offered for goods.
    pub(super) const fn may_ask_a_price(self) -> bool {
        match self {
            Self::Offer | Self::Request | Self::Share | Self::Tutorial | Self::Other => true,
            Self::Ransom | Self::News | Self::Discussion => false,
        }
    }

    /// Returns its word in JSON, in the training grammar and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Offer => "offer",
            Self::Request => "request",
            Self::Share => "share",
            Self::Ransom => "ransom",
            Self::News => "news",
            Self::Discussion => "discussion",
            Self::Tutorial => "tutorial",
            Self::Other => "other",
        }
    }
}

/// Number of acts.
pub(super) const ACTS: usize = Act::ALL.len();

/// Weights of all features, one column an act.
#[derive(Debug, Clone)]
pub(super) struct Model {
    /// `FEATURES` rows.
    pub(super) weights: Vec<[f32; ACTS]>,
    /// The odds are divided by it, so that probabilities are as sure as the model is right.
    pub(super) temperature: f32,
}

static SHIPPED: LazyLock<Model> = LazyLock::new(|| Model::parse(include_str!("weights.txt")));

impl Model {
    /// A model that knows nothing.
    pub(super) fn blank() -> Self {
        Self { weights: vec![[0.0; ACTS]; FEATURES], temperature: 1.0 }
    }

    /// Takes another model into a mean, as the `nth`.
    pub(super) fn blend(&mut self, other: &Self, nth: u16) {
        for (mean, weight) in self.weights.iter_mut().flatten().zip(other.weights.iter().flatten()) {
            *mean += (weight - *mean) / f32::from(nth);
        }
    }

    /// The model in `weights.txt`.
    pub(super) fn shipped() -> &'static Self {
        &SHIPPED
    }

    /// Returns the log-odds of each act before they are made to sum to one.
    pub(super) fn odds(&self, features: &Features) -> [f32; ACTS] {
        let mut odds = [0.0; ACTS];
        for (feature, value) in &features.active {
            if let Some(weights) = self.weights.get(*feature as usize) {
                for (sum, weight) in odds.iter_mut().zip(weights) {
                    *sum += weight * value;
                }
            }
        }
        odds.map(|sum| sum / self.temperature)
    }

    /// Returns the probability of each act.
    pub(super) fn probabilities(&self, features: &Features) -> [f32; ACTS] {
        softmax(self.odds(features))
    }

    /// Reads `weights.txt`: `temperature T`, `scale S`, then `first-feature hex…`, two digits a weight, eight weights a feature.
    /// Unreadable lines are skipped; the shipped file is checked by a test.
    pub(super) fn parse(text: &str) -> Self {
        let mut model = Self::blank();
        let mut scale = 1.0_f32;
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((key, rest)) = line.split_once(' ') else { continue };
            match key {
                "temperature" => model.temperature = rest.parse().unwrap_or(1.0),
                "scale" => scale = rest.parse().unwrap_or(1.0),
                first => {
                    let Ok(first) = first.parse::<usize>() else { continue };
                    for (at, row) in rest.as_bytes().chunks(ACTS * 2).enumerate() {
                        let Some(weights) = model.weights.get_mut(first + at) else { break };
                        for (weight, digits) in weights.iter_mut().zip(row.chunks(2)) {
                            *weight = f32::from(signed(digits)) * scale;
                        }
                    }
                }
            }
        }
        model
    }

    /// Writes the weights as [`Model::parse`] reads them, rounded to one of 255 steps; features that weigh nothing are left out.
    pub(super) fn format(&self, provenance: &str) -> String {
        use std::fmt::Write as _;
        let largest = self.weights.iter().flatten().fold(0.0_f32, |largest, weight| largest.max(weight.abs()));
        let scale = if largest > 0.0 { largest / 127.0 } else { 1.0 };
        let mut text = String::new();
        for line in provenance.lines() {
            let _ = writeln!(text, "# {line}");
        }
        let _ = writeln!(text, "temperature {:.3}\nscale {scale:.6}", self.temperature);
        let mut is_open = false;
        for (feature, weights) in self.weights.iter().enumerate() {
            let steps = weights.map(|weight| step(weight / scale));
            if steps.iter().all(|step| *step == 0) {
                is_open = false;
                continue;
            }
            if !is_open || feature % 16 == 0 {
                let _ = write!(text, "{}{feature} ", if text.ends_with('\n') { "" } else { "\n" });
                is_open = true;
            }
            for step in steps {
                let _ = write!(text, "{:02x}", step.cast_unsigned());
            }
        }
        text.push('\n');
        text
    }
}

#[expect(clippy::cast_possible_truncation, reason = "clamped to the range of the type")]
fn step(value: f32) -> i8 {
    value.round().clamp(-127.0, 127.0) as i8
}

fn signed(digits: &[u8]) -> i8 {
    let text = std::str::from_utf8(digits).unwrap_or("00");
    u8::from_str_radix(text, 16).unwrap_or(0).cast_signed()
}

/// Makes odds sum to one.
pub(super) fn softmax(odds: [f32; ACTS]) -> [f32; ACTS] {
    let largest = odds.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let shares = odds.map(|odds| exp(odds - largest));
    let sum: f32 = shares.iter().sum();
    shares.map(|share| share / sum)
}

/// Returns e to a power of at most 0 by additions and multiplications alone: the same bits on every machine, which mathematical
/// libraries do not promise, so that the same training gives the same weights everywhere.
fn exp(power: f32) -> f32 {
    use std::f64::consts::{LN_2, LOG2_E};
    let power = f64::from(power).clamp(-700.0, 0.0);
    let halvings = (-power * LOG2_E).round();
    let rest = power + halvings * LN_2;
    let series = (1..=12).rev().fold(1.0, |sum, term| 1.0 + sum * rest / f64::from(term));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 1010")]
    let exponent = 1023 - halvings as u64;
    #[expect(clippy::cast_possible_truncation, reason = "rounded to what the model computes with")]
    let value = (series * f64::from_bits(exponent << 52)) as f32;
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_read_back_as_they_were_written() {
        let mut model = Model::blank();
        model.temperature = 1.5;
        model.weights[3] = [1.0, -1.0, 0.5, 0.0, 0.25, 0.0, 0.0, -0.5];
        model.weights[4] = [0.5; ACTS];
        model.weights[900] = [-1.0; ACTS];
        let read = Model::parse(&model.format("made by a test"));
        assert!((read.temperature - 1.5).abs() < 1e-3);
        for (written, read) in model.weights.iter().flatten().zip(read.weights.iter().flatten()) {
            assert!((written - read).abs() < 0.005, "{written} {read}");
        }
    }

    #[test]
    fn the_series_is_the_exponential() {
        for power in (0..2000_u16).map(|step| -f32::from(step) / 16.0) {
            let (made, real) = (f64::from(exp(power)), f64::from(power).exp());
            assert!((made - real).abs() <= real * 1e-6 + 1e-40, "{power}: {made} {real}");
        }
        assert!((exp(0.0) - 1.0).abs() < 1e-9 && exp(f32::NEG_INFINITY) == 0.0);
    }

    #[test]
    fn the_shipped_model_knows_all_acts() {
        let model = Model::shipped();
        for act in 0..ACTS {
            assert!(model.weights.iter().any(|weights| weights[act] != 0.0), "{:?}", Act::ALL[act]);
        }
    }
}
