//! What does the database look like? Tables, columns, keys, relations and enums, with the names that they
//! have in GraphQL. Built once from the catalog, then only read. Knows nothing of GraphQL's syntax.

mod aggregates;
mod assemble;
mod catalog;
mod directives;
mod functions;
mod kinds;
mod names;
mod relations;
mod succession;
mod table;
mod types;

pub use aggregates::Aggregate;
pub use catalog::{Reading, load, read};
pub use functions::{Absence, Argument, Effect, Function, Returned};
pub use kinds::{Bound, Kind, Printed, Spatial, WGS_84, is_orderable};
pub use table::{
    Cardinality, Collation, Column, Join, Nature, Nesting, Relation, ReplicaIdentity, Table, TableNames, Through,
    UniqueKey, Writing,
};
pub use types::{CompositeType, EnumType, EnumValue};

/// Index of a table in [`Model::tables`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableId(pub usize);

/// Index of a column in [`Table::columns`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ColumnId(pub usize);

/// Index of a relation in [`Table::relations`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelationId(pub usize);

/// Index of an enum in [`Model::enums`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EnumId(pub usize);

/// Index of a composite type in [`Model::composites`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CompositeId(pub usize);

/// Index of a function in [`Model::functions`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionId(pub usize);

/// One database, as it is served.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model {
    /// How often the database was found altered since the first model.
    pub generation: u32,
    /// Tables, in the order of the schemas given and then by name; those found later come last, those that are gone
    /// stay as [`Table::dropped`], so that an id means the same for as long as the program runs.
    pub tables: Vec<Table>,
    /// Functions, in the order of the schemas given and then by name.
    pub functions: Vec<Function>,
    /// Enum types that a served column or function uses.
    pub enums: Vec<EnumType>,
    /// Composite types that a served column uses.
    pub composites: Vec<CompositeType>,
    /// The schema of PostGIS, if a served column or function uses its types: its functions are called by it.
    pub spatial_schema: Option<String>,
    /// Names that had to give way to another, for the log and `everwire check`: always the same ones.
    pub clashes: Vec<String>,
    /// Directives in comments that make no sense here, and why; likewise.
    pub ignored: Vec<String>,
}

impl Model {
    /// The table with this index.
    pub fn table(&self, id: TableId) -> &Table {
        &self.tables[id.0]
    }

    /// The enum with this index.
    pub fn enum_type(&self, id: EnumId) -> &EnumType {
        &self.enums[id.0]
    }

    /// A part of the values of a kind, by its index; `None` where the kind has no such part.
    pub fn part(&self, kind: &Kind, index: usize) -> Option<&Column> {
        match kind {
            Kind::Composite(id) => self.composite(*id).attributes.get(index),
            _ => None,
        }
    }

    /// The composite type with this index.
    pub fn composite(&self, id: CompositeId) -> &CompositeType {
        &self.composites[id.0]
    }

    /// The function with this index.
    pub fn function(&self, id: FunctionId) -> &Function {
        &self.functions[id.0]
    }

    /// Every function, with its index.
    pub fn functions(&self) -> impl Iterator<Item = (FunctionId, &Function)> {
        self.functions.iter().enumerate().map(|(index, function)| (FunctionId(index), function))
    }

    /// Every table that is there, with its index.
    pub fn tables(&self) -> impl Iterator<Item = (TableId, &Table)> {
        let all = self.tables.iter().enumerate().map(|(index, table)| (TableId(index), table));
        all.filter(|(_, table)| !table.dropped)
    }

    /// The table with this `pg_class.oid`.
    pub fn table_by_oid(&self, oid: u32) -> Option<TableId> {
        self.tables().find(|(_, table)| table.oid == oid).map(|(id, _)| id)
    }
}
