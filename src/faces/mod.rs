//! What people touch.

pub mod cli;
pub mod web;
