//! What the product knows, as plain functions of their arguments: no I/O, no async, no clock, no randomness.

pub mod alert;
pub mod attribution;
pub mod case;
pub mod container;
pub mod fingerprints;
pub mod forum;
pub mod frontier;
pub mod identifier;
pub mod listing;
pub mod matcher;
pub mod mint;
pub mod oddity;
pub mod page;
pub mod renderings;
pub mod secret;
pub mod severity;
pub mod source;
pub mod span;
pub mod text;
pub mod watchlist;
