//! What does a field of the GraphQL schema stand for in the model? Written down once while the schema is
//! built, and looked up by the operations; nothing ever takes a name apart again.

use std::collections::HashMap;

use crate::model::{Aggregate, ColumnId, FunctionId, RelationId, TableId};

/// What a field stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// `__typename`, of any type.
    Typename,
    /// `__schema`, `__type`.
    Introspection,
    /// The one field of a root that has nothing to offer.
    Nothing,
    /// A row by its primary key.
    RowByKey(TableId),
    /// A row by a unique key, which is an index of [`crate::model::Table::unique_keys`].
    RowByUnique(TableId, usize),
    /// Several rows, as a connection.
    Rows(TableId),
    /// Insert a row.
    Create(TableId),
    /// Insert several rows.
    CreateRows(TableId),
    /// Insert or replace a row.
    Put(TableId),
    /// Insert or replace a row by a unique key, which is an index of [`crate::model::Table::unique_keys`].
    PutByUnique(TableId, usize),
    /// Insert or replace several rows.
    PutRows(TableId),
    /// Change parts of a row.
    Patch(TableId),
    /// Change parts of all rows that match.
    PatchRows(TableId),
    /// Remove a row.
    Delete(TableId),
    /// Remove all rows that match.
    DeleteRows(TableId),
    /// Follow a row.
    FollowRow(TableId),
    /// Follow several rows.
    FollowRows(TableId),
    /// Follow several tables together.
    Sync,
    /// The changes of one table among several that are followed together.
    SyncRows(TableId),
    /// A column of a row, or of a row's key.
    Column(ColumnId),
    /// A part of a composite value, by its index in the type.
    Attribute(usize),
    /// A related row or rows.
    Relation(RelationId),
    /// What a function gives.
    Call(FunctionId),
    /// What several rows come to, by groups.
    Aggregates(TableId),
    /// The same of related rows.
    RelatedAggregates(RelationId),
    /// A field of one group's aggregates.
    Aggregate(AggregateField),
    /// A field of a connection.
    Connection(ConnectionField),
    /// A field of what a write of several rows gives back.
    Batch(BatchField),
    /// A field of the message of a subscription.
    Envelope(EnvelopeField),
    /// A field of one change.
    Change(ChangeField),
}

/// The fields of `TaskAggregate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AggregateField {
    /// What the rows of the group have in common.
    Key,
    /// How many rows there are.
    Count,
    /// How many different values columns have.
    CountDistinct,
    /// A function of the values of columns.
    Of(Aggregate),
}

impl AggregateField {
    /// What its type is called after the table's name; empty for a number.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Key => "Group",
            Self::Count => "",
            Self::CountDistinct => "CountDistinct",
            Self::Of(Aggregate::Sum) => "Sum",
            Self::Of(Aggregate::Average) => "Average",
            Self::Of(Aggregate::Min) => "Min",
            Self::Of(Aggregate::Max) => "Max",
        }
    }
}

/// The fields of a connection, of its edges and of its page information.
/// <https://relay.dev/graphql/connections.htm>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConnectionField {
    /// The rows.
    Nodes,
    /// The rows with their cursors.
    Edges,
    /// How many rows there are on all pages.
    TotalCount,
    /// Where the page stands.
    PageInfo,
    /// The row of an edge.
    Node,
    /// The cursor of an edge.
    Cursor,
    /// Whether rows follow.
    HasNextPage,
    /// Whether rows precede.
    HasPreviousPage,
    /// The cursor of the first row.
    StartCursor,
    /// The cursor of the last row.
    EndCursor,
}

/// The fields of `TaskBatch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BatchField {
    /// How many rows were written.
    Count,
    /// The rows.
    Nodes,
}

/// The fields of `TaskChanges`, and of `Sync` beside those of its tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EnvelopeField {
    /// The message's position.
    Sequence,
    /// The position of the message before.
    Previous,
    /// Why a new copy starts.
    Reset,
    /// Whether the next message continues this one.
    More,
    /// The transaction.
    Transaction,
    /// When it was committed.
    CommittedAt,
    /// The changes, in the one table that is followed.
    Changes(TableId),
}

/// The fields of `TaskPut`, `TaskPatch`, `TaskDelete`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeField {
    /// PUT, PATCH or DELETE.
    Op,
    /// The change's position.
    Sequence,
    /// The row's key.
    Key,
    /// The row.
    Row,
    /// Which columns changed.
    Changed,
    /// The values of the changed columns.
    PatchValues,
}

/// The meaning of every field, by type and field name.
#[derive(Debug, Clone, Default)]
pub struct Meanings(HashMap<String, HashMap<String, Meaning>>);

impl Meanings {
    /// Notes what `type_name.field` stands for.
    pub(super) fn note(&mut self, type_name: &str, field: &str, meaning: Meaning) {
        self.0.entry(type_name.to_owned()).or_default().insert(field.to_owned(), meaning);
    }

    /// What `type_name.field` stands for.
    pub fn of(&self, type_name: &str, field: &str) -> Option<Meaning> {
        match field {
            "__typename" => Some(Meaning::Typename),
            "__schema" | "__type" => Some(Meaning::Introspection),
            _ => self.0.get(type_name)?.get(field).copied(),
        }
    }
}
