//! What can a patch do to a column beside giving it a value?

use async_graphql::dynamic::{InputObject, InputValue};

use super::scalars::input_type;
use crate::model::{Column, Kind, Model, Table, Writing, is_orderable};

/// An operation on the value that a column has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Adds to a number.
    Increment,
    /// Adds elements at the end of an array.
    Append,
    /// Adds elements at the start of an array.
    Prepend,
    /// Takes elements out of an array.
    Remove,
    /// Merges into a JSON value.
    Merge,
}

impl Operation {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 5] = [Self::Increment, Self::Append, Self::Prepend, Self::Remove, Self::Merge];

    /// The argument beside `patch`.
    pub fn argument(self) -> &'static str {
        match self {
            Self::Increment => "increment",
            Self::Append => "append",
            Self::Prepend => "prepend",
            Self::Remove => "remove",
            Self::Merge => "merge",
        }
    }

    /// The columns that it can be asked for.
    pub fn columns(self, table: &Table) -> impl Iterator<Item = &Column> {
        let columns = table.columns().map(|(_, column)| column);
        columns.filter(move |column| column.writing == Writing::Free && self.suits(&column.kind))
    }

    fn suits(self, kind: &Kind) -> bool {
        match self {
            Self::Increment => matches!(kind, Kind::Int | Kind::BigInt | Kind::Float | Kind::BigDecimal),
            Self::Append | Self::Prepend => matches!(kind, Kind::Array(_)),
            // Elements must be told apart, which takes an operator that not every type has.
            Self::Remove => match kind {
                Kind::Array(element) => is_orderable(element) || **element == Kind::Jsonb,
                _ => false,
            },
            Self::Merge => matches!(kind, Kind::Json | Kind::Jsonb),
        }
    }

    /// `TaskIncrementInput`
    pub(super) fn input_name(self, table: &Table) -> String {
        let kind = match self {
            Self::Increment => "Increment",
            Self::Append => "Append",
            Self::Prepend => "Prepend",
            Self::Remove => "Remove",
            Self::Merge => "Merge",
        };
        format!("{}{kind}Input", table.names.type_name)
    }

    fn description(self) -> &'static str {
        match self {
            Self::Increment => "Numbers to add to columns, or with a minus to subtract. A null stays null.",
            Self::Append => "Elements to add at the end of arrays. A null becomes an array of them.",
            Self::Prepend => "Elements to add at the start of arrays. A null becomes an array of them.",
            Self::Remove => "Elements to take out of arrays, each wherever it stands. A null stays null.",
            Self::Merge => {
                "JSON to merge into columns, as a JSON Merge Patch (RFC 7396): members that are null are removed, \
                 objects are merged, all else is replaced. A null counts as an empty object."
            }
        }
    }

    /// The input type, if the table has a column for it.
    pub(super) fn input(self, model: &Model, table: &Table) -> Option<InputObject> {
        let mut input = InputObject::new(self.input_name(table)).description(self.description());
        let mut any = false;
        for column in self.columns(table) {
            input = input.field(InputValue::new(&column.field, input_type(model, &column.kind, false)));
            any = true;
        }
        any.then_some(input)
    }
}
