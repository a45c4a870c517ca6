//! Everwire.

pub mod embedded;
pub mod error;
