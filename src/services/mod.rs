//! Async work made of domain and ports; each could be its own process. They do not know each other: they meet in the store.

pub mod access;
pub mod alerting;
pub mod answering;
pub mod attributing;
pub mod crawl;
pub mod disclosing;
pub mod drill;
pub mod evidence;
pub mod fingerprinting;
pub mod intake;
pub mod sourcing;
pub mod tokens;
pub mod triage;
pub mod users;
pub mod watchkeeping;
