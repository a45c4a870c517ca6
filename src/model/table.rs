//! What is a table? Its columns, its keys, its ways to other tables, and what can be done with its rows.

use std::collections::HashMap;

use super::{ColumnId, Kind, RelationId, TableId, names};
use crate::sql::QualifiedName;

/// What a table is in the database. <https://www.postgresql.org/docs/current/catalog-pg-class.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
pub enum Nature {
    /// A table of its own, or a parent or child of others.
    #[serde(rename = "r")]
    Plain,
    /// A partitioned table; its changes are published as its own.
    #[serde(rename = "p")]
    Partitioned,
    /// A view.
    #[serde(rename = "v")]
    View,
    /// A materialized view.
    #[serde(rename = "m")]
    MaterializedView,
    /// A table of another server.
    #[serde(rename = "f")]
    Foreign,
}

/// One table or view, for as long as it has the same names in GraphQL.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// `pg_class.oid`.
    pub oid: u32,
    /// Name in SQL.
    pub sql: QualifiedName,
    /// Names in GraphQL.
    pub names: TableNames,
    /// The table's SQL comment.
    pub comment: Option<String>,
    /// Columns in the order of their numbers; those found later come last, those that are gone stay as
    /// [`Column::dropped`].
    pub columns: Vec<Column>,
    /// Columns of the primary key, or of the one that the comment of a view declares; empty where there is none.
    pub key: Vec<ColumnId>,
    /// Unique constraints beside the primary key, each with the suffix of its field (`BySlug`).
    pub unique_keys: Vec<UniqueKey>,
    /// Foreign keys of this table and foreign keys that point at it.
    pub relations: Vec<Relation>,
    /// The columns of each constraint, for errors.
    pub constraints: HashMap<String, Vec<ColumnId>>,
    /// What the log holds of an updated or deleted row.
    pub replica_identity: ReplicaIdentity,
    /// The connected role owns it (and so may publish it and set its replica identity).
    pub owned: bool,
    /// What it is.
    pub nature: Nature,
    /// Other tables inherit from it, so that rows of theirs are rows of it; the log calls them theirs only.
    pub inherited: bool,
    /// Rows of it can be inserted, updated and deleted.
    pub writable: bool,
    /// It is gone, or has other names in GraphQL: nothing but memory of it.
    pub dropped: bool,
    /// The generation of the model in which it came, or got another primary key.
    pub generation: u32,
}

impl Table {
    /// The column with this index.
    pub fn column(&self, id: ColumnId) -> &Column {
        &self.columns[id.0]
    }

    /// Every column that is there, with its index; without those that a comment hides.
    pub fn columns(&self) -> impl Iterator<Item = (ColumnId, &Column)> {
        self.all_columns().filter(|(_, column)| !column.omitted)
    }

    /// Every column that is there, hidden or not.
    pub fn all_columns(&self) -> impl Iterator<Item = (ColumnId, &Column)> {
        let all = self.columns.iter().enumerate().map(|(index, column)| (ColumnId(index), column));
        all.filter(|(_, column)| !column.dropped)
    }

    /// Whether clients may write its rows, which takes a key to name them by.
    pub fn is_written(&self) -> bool {
        self.writable && !self.key.is_empty()
    }

    /// Whether a row can be put. Of a foreign table Postgres knows no unique index, and so not whether the row is there.
    pub fn is_put(&self) -> bool {
        self.is_written() && self.nature != Nature::Foreign
    }

    /// Whether the log tells of it. It knows tables, no views.
    pub fn is_logged(&self) -> bool {
        match self.nature {
            Nature::Plain | Nature::Partitioned => true,
            Nature::View | Nature::MaterializedView | Nature::Foreign => false,
        }
    }

    /// Whether there are subscriptions to it, which takes a key in the log to tell its rows apart.
    pub fn is_followed(&self) -> bool {
        self.is_logged() && !self.key.is_empty() && !self.has_computed_key()
    }

    /// Why it has no subscriptions, and what to do.
    pub fn why_not_followed(&self) -> Option<&'static str> {
        match self.nature {
            Nature::View | Nature::MaterializedView => Some(
                "it is a view, of which the database's log does not tell; follow the tables that its rows come from",
            ),
            Nature::Foreign => Some("it is a table of another server, of which this database's log does not tell"),
            Nature::Plain | Nature::Partitioned if self.key.is_empty() => {
                Some("it has no primary key to tell its rows apart by; give it one")
            }
            Nature::Plain | Nature::Partitioned => self
                .has_computed_key()
                .then_some("Postgres computes its key, which the log then does not have; make a stored column the key"),
        }
    }

    /// Whether Postgres computes a column of the key, which the log then does not have.
    pub fn has_computed_key(&self) -> bool {
        self.key.iter().any(|id| self.column(*id).writing == Writing::Generated)
    }

    /// The relation with this index.
    pub fn relation(&self, id: RelationId) -> &Relation {
        &self.relations[id.0]
    }

    /// The column with this SQL name.
    pub fn column_by_name(&self, name: &str) -> Option<ColumnId> {
        self.all_columns().find(|(_, column)| column.name == name).map(|(id, _)| id)
    }

    /// The column with this GraphQL field.
    pub fn column_by_field(&self, field: &str) -> Option<ColumnId> {
        self.columns().find(|(_, column)| column.field == field).map(|(id, _)| id)
    }

    /// The relation with this GraphQL field.
    pub fn relation_by_field(&self, field: &str) -> Option<RelationId> {
        self.relations.iter().position(|relation| relation.field == field).map(RelationId)
    }
}

/// How a table is called in GraphQL. Every generated type and root field derives from these three.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableNames {
    /// `Task`: the type, and the stem of `TaskFilter`, `TaskChanges` …
    pub type_name: String,
    /// `task`: one row.
    pub one: String,
    /// `tasks`: several.
    pub many: String,
}

impl TableNames {
    /// `Tasks`, as in `createTasks`.
    pub fn several(&self) -> String {
        names::type_name(&self.many)
    }

    /// `tasksAggregate`.
    pub fn aggregate(&self) -> String {
        format!("{}Aggregate", self.many)
    }
}

/// One column, for as long as its name and the meaning of its values are the same; or a part of a composite type.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// `pg_attribute.attnum`.
    pub number: i16,
    /// Which version of its row in `pg_attribute` this is: another one whenever the column itself was altered.
    pub version: String,
    /// `pg_type.oid`, as the log names it.
    pub type_oid: u32,
    /// Name in SQL.
    pub name: String,
    /// Name in GraphQL.
    pub field: String,
    /// What its values are.
    pub kind: Kind,
    /// The type's name in SQL, without modifiers.
    pub sql_type: QualifiedName,
    /// The same for the type under all domains: values are compared as values of that one.
    pub base_type: QualifiedName,
    /// The name of the type of arrays of that one, where there is one.
    pub array_type: Option<QualifiedName>,
    /// The schema of that one's operators, where they are not Postgres' own: no search path need have it.
    pub operators: Option<String>,
    /// Never NULL.
    pub not_null: bool,
    /// May be left out of a create.
    pub has_default: bool,
    /// Whether clients may write it.
    pub writing: Writing,
    /// How its text compares.
    pub collation: Collation,
    /// The column's SQL comment.
    pub comment: Option<String>,
    /// Its comment hides it.
    pub omitted: bool,
    /// It is gone, or was altered and came back with another index: nothing but memory of it.
    pub dropped: bool,
    /// The generation of the model in which it came.
    pub generation: u32,
}

/// Whether and how a column may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// Like any other.
    Free,
    /// `GENERATED ALWAYS AS IDENTITY`: only with `OVERRIDING SYSTEM VALUE`, and never by update.
    IdentityAlways,
    /// `GENERATED ALWAYS AS (…)`: never.
    Generated,
}

/// How text of a column compares in Postgres, as far as it matters to a judgement outside of Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Collation {
    /// Order and equality of bytes, upper and lower case of ASCII (`C`); or not text at all.
    Bytes,
    /// Order and equality of bytes, upper and lower case of a language (`C.UTF-8`).
    ByteOrder,
    /// Equality of bytes, order of a language.
    Language,
    /// Not even equality is that of bytes (a nondeterministic collation).
    Equivalence,
}

/// A unique constraint that a row can be found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniqueKey {
    /// Its columns.
    pub columns: Vec<ColumnId>,
    /// The root field: `projectBySlug`.
    pub field: String,
}

impl UniqueKey {
    /// The field that puts a row by it: `putProjectBySlug`.
    pub fn put_field(&self) -> String {
        names::put_field(&self.field)
    }
}

/// A way from the rows of one table to the rows of another, given by a foreign key, or by two in a join table.
#[derive(Debug, Clone, PartialEq)]
pub struct Relation {
    /// Name in GraphQL.
    pub field: String,
    /// Name of what the rows there come to; for those that lead to any number.
    pub aggregate: Option<String>,
    /// The table at the other end.
    pub target: TableId,
    /// What a row here and a row there have in common.
    pub join: Join,
    /// How many rows are there.
    pub cardinality: Cardinality,
    /// Whether rows there can be created with a row here.
    pub nesting: Nesting,
    /// The comment of the foreign key.
    pub comment: Option<String>,
}

/// What the rows at both ends of a relation have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Join {
    /// Pairs of equal columns: here, there.
    Columns(Vec<(ColumnId, ColumnId)>),
    /// A row of a join table refers to both.
    Through(Through),
}

/// The way through a join table, whose primary key is two foreign keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Through {
    /// The join table.
    pub table: TableId,
    /// Pairs of equal columns: here, in the join table.
    pub near: Vec<(ColumnId, ColumnId)>,
    /// Pairs of equal columns: in the join table, there.
    pub far: Vec<(ColumnId, ColumnId)>,
}

/// Whether, and when, rows at the other end of a relation are created with a row here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Nesting {
    /// They are not.
    Never,
    /// Before it: it refers to the row there.
    Parent,
    /// After it: they refer to it. The input type for them, which lacks what they refer by.
    Children(String),
}

/// How many rows a relation leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cardinality {
    /// At most one; `required` where there always is one.
    One {
        /// None of the foreign key's columns can be NULL.
        required: bool,
    },
    /// Any number.
    Many,
}

/// What the log holds of the old row when a row is updated or deleted.
/// <https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-REPLICA-IDENTITY>
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
pub enum ReplicaIdentity {
    /// Its primary key.
    #[serde(rename = "d")]
    Default,
    /// The columns of another unique index.
    #[serde(rename = "i")]
    Index,
    /// All of it.
    #[serde(rename = "f")]
    Full,
    /// Nothing.
    #[serde(rename = "n")]
    Nothing,
}
