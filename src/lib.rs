//! Everwire.

pub mod caller;
pub mod embedded;
pub mod error;
pub mod filter;
pub mod input;
pub mod model;
pub mod operation;
pub mod request;
pub mod schema;
pub mod selection;
pub mod sequence;
pub mod sql;
