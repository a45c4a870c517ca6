//! Text → checked, typed operation. Takes a document from outside, gives a tree of fields of which each one
//! knows what it stands for. Nothing behind this module sees GraphQL text or an unchecked value.

mod coerce;
mod collect;
mod document;
mod limits;

pub use coerce::Variables;
pub use collect::{Children, Field};
pub use document::{Document, Documents};
pub use limits::Limits;

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Reads.
    Query,
    /// Writes.
    Mutation,
    /// Follows.
    Subscription,
}
