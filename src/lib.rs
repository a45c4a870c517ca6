//! Everwire.

pub mod embedded;
pub mod error;
pub mod http;
