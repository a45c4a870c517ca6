//! What does a subscription ask for? Equal values share a group, a copy and every encoded message.

use crate::caller::Caller;
use crate::filter::{Filter, Test};
use crate::model::{ColumnId, Table, TableId, Writing};
use crate::selection::RowSelection;

/// One subscription to one table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Follow {
    /// Who asks.
    pub caller: Caller,
    /// The table.
    pub table: TableId,
    /// Which rows.
    pub filter: Filter,
    /// The response key of the subscription's field.
    pub root_key: String,
    /// What is selected of the envelope, by response key.
    pub envelope: Vec<(String, EnvelopeField)>,
}

/// One selected field of `TaskChanges`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EnvelopeField {
    /// `__typename`
    Typename,
    /// `sequence`
    Sequence,
    /// `previous`
    Previous,
    /// `reset`
    Reset,
    /// `more`
    More,
    /// `transaction`
    Transaction,
    /// `committedAt`
    CommittedAt,
    /// `changes`
    Changes(ChangeSelections),
}

/// What is selected of each kind of change, by response key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ChangeSelections {
    /// Of `TaskPut`.
    pub put: Vec<(String, ChangeField)>,
    /// Of `TaskPatch`.
    pub patch: Vec<(String, ChangeField)>,
    /// Of `TaskDelete`.
    pub delete: Vec<(String, ChangeField)>,
}

/// One selected field of a change.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ChangeField {
    /// `__typename`
    Typename,
    /// `op`
    Op,
    /// `sequence`
    Sequence,
    /// `key { … }`
    Key(RowSelection),
    /// `task { … }`
    Row(RowSelection),
    /// `changed`: the changed columns among those covered.
    Changed,
    /// `patch { … }`: the values of the changed columns, null for the others.
    PatchValues(RowSelection),
}

/// Why a copy starts anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reset {
    /// The first copy.
    Start,
    /// The history does not reach back to the position given.
    Expired,
    /// The reader fell behind what is kept.
    Lagged,
    /// The table was emptied.
    Truncated,
    /// The table's columns are others now.
    Schema,
    /// The position belongs to another history.
    Epoch,
}

impl Reset {
    /// The value of `ResetReason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "START",
            Self::Expired => "EXPIRED",
            Self::Lagged => "LAGGED",
            Self::Truncated => "TRUNCATED",
            Self::Schema => "SCHEMA",
            Self::Epoch => "EPOCH",
        }
    }
}

impl Follow {
    /// The lists of changes selected; more than one where the field is selected under several keys.
    pub(super) fn lists(&self) -> impl Iterator<Item = &ChangeSelections> {
        self.envelope.iter().filter_map(|(_, field)| match field {
            EnvelopeField::Changes(selections) => Some(selections),
            EnvelopeField::Typename
            | EnvelopeField::Sequence
            | EnvelopeField::Previous
            | EnvelopeField::Reset
            | EnvelopeField::More
            | EnvelopeField::Transaction
            | EnvelopeField::CommittedAt => None,
        })
    }

    /// The columns of which a change is worth a PATCH: those selected of a row, or all if none is.
    pub(super) fn covered(&self, table: &Table) -> Vec<ColumnId> {
        let fields = self.lists().flat_map(|list| list.put.iter().chain(&list.patch).chain(&list.delete));
        let mut columns = Vec::new();
        for (_, field) in fields {
            match field {
                ChangeField::Row(row) | ChangeField::PatchValues(row) => columns.extend(row.columns()),
                ChangeField::Typename
                | ChangeField::Op
                | ChangeField::Sequence
                | ChangeField::Key(_)
                | ChangeField::Changed => {}
            }
        }
        if columns.is_empty() {
            let logged = table.columns().filter(|(_, column)| column.writing != Writing::Generated);
            return logged.map(|(id, _)| id).collect();
        }
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// All columns that a row must have: covered, key and filter columns.
    pub(super) fn needed(&self, table: &Table) -> Vec<ColumnId> {
        let mut columns = self.covered(table);
        columns.extend(&table.key);
        filter_columns(&self.filter, &mut columns);
        columns.sort_unstable();
        columns.dedup();
        columns
    }
}

fn filter_columns(filter: &Filter, columns: &mut Vec<ColumnId>) {
    match filter {
        Filter::All(filters) | Filter::Any(filters) => {
            filters.iter().for_each(|filter| filter_columns(filter, columns));
        }
        Filter::Not(filter) => filter_columns(filter, columns),
        Filter::Test(column, Test::IsNull(_) | Test::Compare(..) | Test::In(_) | Test::NotIn(_)) => {
            columns.push(*column);
        }
    }
}
