//! What the product knows, as plain functions of their arguments: no I/O, no async, no clock, no randomness.

pub mod alert;
pub mod attribution;
pub mod case;
pub mod container;
pub mod escape;
pub mod evidence;
pub mod fingerprints;
pub mod forum;
pub mod frontier;
pub mod health;
pub mod identifier;
pub mod listing;
pub mod matcher;
pub mod mint;
pub mod oddity;
pub mod page;
pub mod renderings;
pub mod retention;
pub mod robots;
pub mod secret;
pub mod session;
pub mod severity;
pub mod source;
pub mod span;
pub mod text;
pub mod watchlist;
