//! What people touch.

pub mod cli;
