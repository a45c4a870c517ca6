//! What becomes of the catalog? Tables, columns, keys and enums with their names in GraphQL, as a [`Model`]. Pure.

use std::collections::HashMap;

use super::catalog::{Catalog, CatalogColumn, CatalogTable};
use super::names::{self, Scope, Wanted};
use super::types::{self, Types};
use super::{Column, ColumnId, Model, Table, TableId, TableNames, UniqueKey, Writing};
use super::{directives, functions, relations};
use crate::sql::QualifiedName;

/// The model of a catalog.
pub(super) fn assemble(mut catalog: Catalog) -> Model {
    let mut ignored = directives::apply(&mut catalog);
    let catalog = &catalog;
    let mut clashes = Vec::new();
    let spatial_schema = types::spatial_schema(&catalog.types);
    let mut scope = names::reserved(spatial_schema.is_some());
    let table_names = table_names(catalog, &mut scope, &mut clashes);
    let columns = catalog.tables.iter().flat_map(|table| &table.columns).filter(|column| !column.directive.omit);
    let called = catalog.functions.iter().flat_map(|function| function.types(&catalog.tables));
    let used = columns.map(|column| column.type_oid).chain(called).collect();
    let types = Types::new(&catalog.types, used, &mut scope, &mut clashes);
    let mut tables: Vec<Table> = Vec::new();
    let mut numbers: Vec<Vec<i16>> = Vec::new();
    for (table, names) in catalog.tables.iter().zip(table_names) {
        numbers.push(table.columns.iter().map(|column| column.number).collect());
        tables.push(build_table(table, names, &types, &mut clashes));
    }
    let numbers = Numbers(numbers);
    for (index, table) in catalog.tables.iter().enumerate() {
        let target = &mut tables[index];
        target.key = numbers.columns(TableId(index), table.primary_key.as_deref().unwrap_or_default());
        let constraints = table.constraints.iter();
        target.constraints =
            constraints.map(|(name, columns)| (name.clone(), numbers.columns(TableId(index), columns))).collect();
        for columns in &table.unique_keys {
            let columns = numbers.columns(TableId(index), columns);
            if columns.iter().any(|id| target.column(*id).omitted) {
                continue;
            }
            let suffix: Vec<String> = columns.iter().map(|id| names::type_name(&target.column(*id).field)).collect();
            let wanted = format!("{}By{}", target.names.one, suffix.join("And"));
            let what = format!("a unique key of {}", target.sql.quoted());
            let family = |field: &String| vec![field.clone(), names::put_field(field)];
            let field = scope.take_family(|number| names::numbered(&wanted, number), family, &mut clashes, &what);
            target.unique_keys.push(UniqueKey { columns, field });
        }
    }
    let mut scopes = relations::build(catalog, &mut tables, &numbers, &mut scope, &mut clashes);
    let mut scopes =
        functions::Scopes { root: &mut scope, tables: &mut scopes, clashes: &mut clashes, ignored: &mut ignored };
    let functions = functions::build(&catalog.functions, &tables, &types, &mut scopes);
    let (enums, composites) = (types.enums, types.composites);
    Model { generation: 0, tables, functions, enums, composites, spatial_schema, clashes, ignored }
}

fn table_names(catalog: &Catalog, scope: &mut Scope, clashes: &mut Vec<String>) -> Vec<TableNames> {
    let mut names = vec![None; catalog.tables.len()];
    for index in names::given_first(&catalog.tables, |table| table.directive.name.is_some()) {
        let table = &catalog.tables[index];
        let stem = table.directive.name.as_ref().unwrap_or(&table.name.name);
        let what = format!("table {}", table.name.quoted());
        let candidate = |number| names::table_names(stem, number);
        names[index] = Some(scope.take_family(candidate, names::family, clashes, &what));
    }
    names.into_iter().flatten().collect()
}

/// The numbers (`attnum`) of each table's columns, which differ from their indexes once a column was dropped.
pub(super) struct Numbers(Vec<Vec<i16>>);

impl Numbers {
    pub(super) fn columns(&self, table: TableId, numbers: &[i16]) -> Vec<ColumnId> {
        numbers.iter().filter_map(|number| self.0[table.0].iter().position(|own| own == number).map(ColumnId)).collect()
    }
}

/// The columns of a table, of which some are its key, or of what a function gives.
pub(super) fn build_columns(
    name: &QualifiedName,
    (columns, key): (&[CatalogColumn], &[i16]),
    types: &Types<'_>,
    clashes: &mut Vec<String>,
) -> Vec<Column> {
    let mut in_key = columns.iter().filter(|column| key.contains(&column.number));
    let beside = in_key.any(|column| names::RESERVED_ARGUMENTS.contains(&names::field(&column.name).as_str()));
    let arguments = names::RESERVED_ARGUMENTS.into_iter().filter(|_| beside);
    let mut scope = Scope::reserving(names::RESERVED_FIELDS.into_iter().chain(arguments));
    let wanted = columns.iter().map(|column| Wanted {
        given: column.directive.name.as_deref(),
        derived: names::field(&column.name),
        what: format!("column {}.\"{}\"", name.quoted(), column.name),
    });
    let fields = scope.take_each(&wanted.collect::<Vec<_>>(), clashes);
    columns
        .iter()
        .zip(fields)
        .map(|(column, field)| Column {
            number: column.number,
            version: column.version.clone(),
            type_oid: column.type_oid,
            field,
            name: column.name.clone(),
            kind: types.kind(column.type_oid, column.dimensions, column.modifier),
            sql_type: types.name(column.type_oid),
            base_type: types.name(types.base(column.type_oid)),
            array_type: types.array_name(types.base(column.type_oid)),
            operators: types.operators(column.type_oid),
            not_null: column.not_null,
            has_default: column.has_default,
            writing: match (column.identity.as_str(), column.generated.as_str()) {
                ("a", _) => Writing::IdentityAlways,
                (_, "") => Writing::Free,
                _ => Writing::Generated,
            },
            collation: types.collation(column.type_oid, column.collation),
            comment: description(column.comment.as_deref()),
            omitted: column.directive.omit,
            dropped: false,
            generation: 0,
        })
        .collect()
}

fn build_table(table: &CatalogTable, names: TableNames, types: &Types<'_>, clashes: &mut Vec<String>) -> Table {
    let key = table.primary_key.as_deref().unwrap_or_default();
    let columns = build_columns(&table.name, (&table.columns, key), types, clashes);
    Table {
        oid: table.oid,
        sql: table.name.clone(),
        names,
        comment: description(table.comment.as_deref()),
        columns,
        key: Vec::new(),
        unique_keys: Vec::new(),
        relations: Vec::new(),
        constraints: HashMap::new(),
        replica_identity: table.replica_identity,
        owned: table.owned,
        nature: table.nature,
        inherited: table.inherited,
        writable: table.writable,
        dropped: false,
        generation: 0,
    }
}

/// A SQL comment as a GraphQL description. A schema prints it as a block string, which cannot hold `"""` nor
/// control characters.
pub(super) fn description(comment: Option<&str>) -> Option<String> {
    let text: String = comment?.chars().filter(|character| !character.is_control() || *character == '\n').collect();
    let text = text.replace("\"\"\"", "'''");
    (!text.trim().is_empty()).then_some(text)
}
