//! Everything remembered, and every SQL statement: organizations, sources, frontier, threads, posts, hits, cases, outbox.
//!
//! SQLite by default, PostgreSQL by URL; one text per query, one `migrations/`.

pub mod model;
