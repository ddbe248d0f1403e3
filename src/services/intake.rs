//! Enrols watchlists: all or nothing.
