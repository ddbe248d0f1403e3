//! Claims, fetches, reads, matches and records pages until nothing is due.
