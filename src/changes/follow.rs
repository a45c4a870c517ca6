//! What does a subscription ask for? Equal values share a group, a copy and every encoded message.

use crate::caller::Caller;
use crate::filter::Filter;
use crate::model::{ColumnId, Table, TableId, Writing};
use crate::selection::RowSelection;

/// One subscription, to one table or to several.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Follow {
    /// Who asks.
    pub caller: Caller,
    /// Which rows; those of a table may stand here several times, by other filters.
    pub rows: Vec<Rows>,
    /// The response key of the subscription's field.
    pub root_key: String,
    /// The name of the messages' type: `TaskChanges`, `Sync`.
    pub type_name: String,
    /// What is selected of the envelope, by response key.
    pub envelope: Vec<(String, EnvelopeField)>,
}

/// Rows of one table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rows {
    /// The table.
    pub table: TableId,
    /// Which of its rows.
    pub filter: Filter,
}

/// One selected field of `TaskChanges` or `Sync`.
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
    /// `changes`, or a table's field of `Sync`: the changes of these rows, by their index in [`Follow::rows`].
    Changes(usize, ChangeSelections),
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
    /// The lists of changes selected, each with the index of its rows; several of the same rows where `changes` is
    /// selected under several keys.
    pub(super) fn lists(&self) -> impl Iterator<Item = (usize, &ChangeSelections)> {
        self.envelope.iter().filter_map(|(_, field)| match field {
            EnvelopeField::Changes(rows, selections) => Some((*rows, selections)),
            EnvelopeField::Typename
            | EnvelopeField::Sequence
            | EnvelopeField::Previous
            | EnvelopeField::Reset
            | EnvelopeField::More
            | EnvelopeField::Transaction
            | EnvelopeField::CommittedAt => None,
        })
    }

    /// The columns of which a change is worth a PATCH: those selected of these rows, or all if none is.
    pub(super) fn covered(&self, rows: usize, table: &Table) -> Vec<ColumnId> {
        let lists = self.lists().filter(|(of, _)| *of == rows);
        let fields = lists.flat_map(|(_, list)| list.put.iter().chain(&list.patch).chain(&list.delete));
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
}

impl Rows {
    /// All columns that a row must have: covered, key and filter columns.
    pub(super) fn needed(&self, table: &Table, covered: &[ColumnId]) -> Vec<ColumnId> {
        let mut columns = covered.to_vec();
        columns.extend(&table.key);
        columns.extend(self.filter.columns());
        columns.sort_unstable();
        columns.dedup();
        columns
    }
}
