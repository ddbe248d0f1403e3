//! Is this an offer to sell data? A first reading from a vocabulary and price patterns.

use serde::{Deserialize, Serialize};

/// What a post says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Listing {
    /// How likely it offers data for sale; 0..=1.
    pub sale: f64,
    /// Price as written, first one found: amount and currency code.
    pub price: Option<Price>,
    /// The words that decided.
    pub cues: Vec<String>,
}

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Price {
    /// Amount in units of the currency.
    pub amount: f64,
    /// `USD`, `CNY`, `RUB`, `USDT`, `BTC` ….
    pub currency: String,
}

impl Listing {
    /// From this probability on, a post counts as an offer.
    pub const OFFER_FROM: f64 = 0.5;

    /// Tells whether the post counts as an offer.
    pub fn is_offer(&self) -> bool {
        self.sale >= Self::OFFER_FROM
    }
}
