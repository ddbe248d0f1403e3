//! dyepack: finds planted customer records on forums, markets and paste sites, and tells the institution whose copy leaked.
//!
//! # The map
//! Four layers, each may use only those below it: `faces` → `services` → `ports` → `domain`.
//!
//! | layer | what lives there |
//! | --- | --- |
//! | [`domain`] | what the product knows: sites, pages, recipes, containers, text views, identifiers, watchlists, fingerprints, matching, listings, severity, attribution, minting, cases, alerts, health, users of the console. Pure: no I/O, no async, no clock, no chance |
//! | [`ports`] | the outside world: the only places that read time, open sockets, hold SQL, keep keys, start processes, send mail |
//! | [`services`] | async work made of domain and ports: enrolling, fingerprinting, crawling, alerting, attributing, triage, watchkeeping, drills, access to the console |
//! | [`faces`] | what people touch: the command line (`cli`, one file a command) and the console (`web`, one file and template a page) |
//!
//! # The journey of a page
//! One type a stage, each made from the last:
//! `Source` → `FrontierItem` → `Claim` → `FetchedPage` → `Reading` (posts, links, oddities) → `View`s → `Hit` → `Case` → `Alert`.
//! Reading hostile input never fails: it gives what could be read plus a list of oddities. One visit is one transaction.
//!
//! # Decisions that shape the rest
//! - **Matching runs on the raw bytes of what was fetched**, not on the text a recipe extracts: a hit's span and steps
//!   can be replayed on the captured bytes by anyone. Recipes tell where each post begins; a hit belongs to the post
//!   whose markup encloses it.
//! - **Containers are unpacked by a child process** of the same binary with limits of its own (`ports::sandbox`); the matcher
//!   searches one member at a time.
//! - **Identities are content-derived.** A hit's, post's and alert's id is a hash of what it is, so a repeated visit
//!   writes the same rows again and nothing twice.
//! - **A source is read as one reader at a time.** A page that shows itself to be a guest's is not recorded in a member's
//!   session, and digests name who saw a page, so that the two views are never taken for one another.
//! - **When a watchlist grows, pages are read again** rather than searched in the store: a hit must be replayable on the bytes
//!   that were captured, and of a page only its posts' texts are kept.
//! - **Nobody is blamed unheard.** The HTTP client hides what a SOCKS proxy says, so on failure the proxy is asked again
//!   (`ports::fetch::way`); where a site and a broken way into its network look alike, Tor must first look up an address that
//!   nobody has. A way that is down closes its network for all sources (`services::crawl`).
//! - **The drill has a store of its own**, so that it cannot leave a trace; what it shares with production is all else.
//! - **Whose rows a query may touch is part of its signature.** What the console asks of the store about tenants takes a
//!   `ports::store::console::Scope`; a page gets it only from a logged-in user (`faces::web::actor`), and what is another
//!   organization's looks the same as what is not there.
//! - **Alerts settle before they are sent.** The outbox row commits with the hit; it is rendered when first claimed, so
//!   one leak spread over several posts is one mail.

pub mod domain;
pub mod faces;
pub mod ports;
pub mod services;
