//! The one integration test binary: every file here is a module of it.
#![expect(clippy::disallowed_methods, reason = "tests lay out their own files, sockets and clocks")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod architecture;
mod attribution;
mod containers;
mod crawl;
mod enrol;
mod fetch;
mod fingerprints;
mod identify;
mod kill;
mod leaks;
mod listing;
mod mail;
mod mint;
mod oracles;
mod planted;
mod postgres;
mod precision;
mod product;
mod recipe_variants;
mod recipes;
mod scan;
mod site;
mod spellings;
mod store;
mod world;
