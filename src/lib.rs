//! Everwire.

pub mod caller;
pub mod changes;
pub mod embedded;
pub mod error;
pub mod filter;
pub mod input;
pub mod model;
pub mod selection;
pub mod sequence;
pub mod sql;
