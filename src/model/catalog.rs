//! Reads the catalog with one statement and builds the [`Model`] from it. Reading is the only I/O.

use std::collections::HashMap;

use serde::Deserialize;
use sqlx::PgPool;

use super::names::{self, Scope};
use super::{
    Cardinality, Collation, Column, ColumnId, EnumId, EnumType, EnumValue, Kind, Model, Relation, ReplicaIdentity,
    Table, TableId, TableNames, UniqueKey, Writing,
};
use crate::sql::{QualifiedName, array_literal};

/// Reads the tables of `schemas` as they are now.
///
/// # Errors
/// When the database cannot be asked.
pub async fn load(pool: &PgPool, schemas: &[String]) -> Result<Model, sqlx::Error> {
    let schemas = array_literal(schemas.iter().map(|schema| Some(schema.as_str())));
    let text: String = sqlx::query_scalar(include_str!("catalog.sql")).bind(schemas).fetch_one(pool).await?;
    let catalog: Catalog = serde_json::from_str(&text).map_err(|error| sqlx::Error::Decode(error.into()))?;
    Ok(build(catalog))
}

/// The model, and when that was.
pub struct Reading {
    /// What the database looked like.
    pub model: Model,
    /// To whom: the snapshot, as `pg_current_snapshot()` writes it.
    pub snapshot: String,
}

/// Reads the tables of `schemas`, and what the reading saw.
///
/// # Errors
/// When the database cannot be asked.
pub async fn read(pool: &PgPool, schemas: &[String]) -> Result<Reading, sqlx::Error> {
    let schemas = array_literal(schemas.iter().map(|schema| Some(schema.as_str())));
    // One statement, and so one snapshot.
    const SQL: &str =
        concat!("SELECT pg_catalog.pg_current_snapshot()::pg_catalog.text, (", include_str!("catalog.sql"), ")");
    let (snapshot, text): (String, String) = sqlx::query_as(SQL).bind(schemas).fetch_one(pool).await?;
    let catalog: Catalog = serde_json::from_str(&text).map_err(|error| sqlx::Error::Decode(error.into()))?;
    Ok(Reading { model: build(catalog), snapshot })
}

#[derive(Deserialize)]
struct Catalog {
    tables: Vec<CatalogTable>,
    enums: Vec<CatalogEnum>,
}

#[derive(Deserialize)]
struct CatalogTable {
    oid: u32,
    name: QualifiedName,
    partitioned: bool,
    comment: Option<String>,
    replica_identity: ReplicaIdentity,
    owned: bool,
    columns: Vec<CatalogColumn>,
    primary_key: Option<Vec<i16>>,
    unique_keys: Vec<Vec<i16>>,
    foreign_keys: Vec<CatalogForeignKey>,
    constraints: HashMap<String, Vec<i16>>,
}

#[derive(Deserialize)]
struct CatalogColumn {
    number: i16,
    version: String,
    name: String,
    #[serde(rename = "type")]
    sql_type: QualifiedName,
    array_type: Option<QualifiedName>,
    type_oid: u32,
    base_oid: u32,
    element_oid: Option<u32>,
    not_null: bool,
    has_default: bool,
    identity: String,
    generated: String,
    collation: Collation,
    comment: Option<String>,
}

#[derive(Deserialize)]
struct CatalogForeignKey {
    columns: Vec<i16>,
    target: u32,
    target_columns: Vec<i16>,
    comment: Option<String>,
}

#[derive(Deserialize)]
struct CatalogEnum {
    oid: u32,
    name: QualifiedName,
    comment: Option<String>,
    labels: Option<Vec<CatalogLabel>>,
}

#[derive(Deserialize)]
struct CatalogLabel {
    label: String,
    version: String,
}

/// Names that no table may take: the roots, the scalars and the types that every schema has.
const RESERVED: [&str; 55] = [
    "Query",
    "Mutation",
    "Subscription",
    "Int",
    "Float",
    "String",
    "Boolean",
    "ID",
    "BigInt",
    "BigDecimal",
    "UUID",
    "DateTime",
    "LocalDateTime",
    "Date",
    "Time",
    "Duration",
    "JSON",
    "Bytes",
    "Opaque",
    "Cursor",
    "Sequence",
    "PageInfo",
    "OrderDirection",
    "ChangeOp",
    "ResetReason",
    "Sync",
    "IntFilter",
    "FloatFilter",
    "StringFilter",
    "BooleanFilter",
    "BigIntFilter",
    "BigDecimalFilter",
    "UUIDFilter",
    "DateTimeFilter",
    "LocalDateTimeFilter",
    "DateFilter",
    "TimeFilter",
    "DurationFilter",
    "JSONFilter",
    "BytesFilter",
    "OpaqueFilter",
    "IntListFilter",
    "FloatListFilter",
    "StringListFilter",
    "BooleanListFilter",
    "sync",
    "Upload",
    "Node",
    "node",
    "query",
    "op",
    "key",
    "sequence",
    "patch",
    "changed",
];

/// What a table's three names give rise to; all of them must be free.
fn family(names: &TableNames) -> Vec<String> {
    let TableNames { type_name, one, many } = names;
    let types = [
        "",
        "Connection",
        "Edge",
        "Filter",
        "Order",
        "CreateInput",
        "PutInput",
        "PatchInput",
        "Change",
        "Put",
        "Patch",
        "Delete",
        "Key",
        "Column",
        "PatchValues",
        "Changes",
    ];
    let mut family: Vec<String> = types.iter().map(|suffix| format!("{type_name}{suffix}")).collect();
    family.extend([one.clone(), many.clone()]);
    for verb in ["create", "put", "patch", "delete"] {
        family.push(format!("{verb}{type_name}"));
        family.push(format!("{verb}{}", names::type_name(many)));
    }
    family
}

fn build(catalog: Catalog) -> Model {
    let mut clashes = Vec::new();
    let mut scope = Scope::reserving(RESERVED);
    let table_names: Vec<TableNames> = catalog
        .tables
        .iter()
        .map(|table| {
            let what = format!("table {}", table.name.quoted());
            scope.take_family(|number| names::table_names(&table.name.name, number), family, &mut clashes, &what)
        })
        .collect();
    let enums = build_enums(&catalog, &mut scope, &mut clashes);
    let enum_ids: HashMap<u32, EnumId> = enums.iter().enumerate().map(|(i, e)| (e.oid, EnumId(i))).collect();
    let mut tables: Vec<Table> = Vec::new();
    let mut numbers: Vec<Vec<i16>> = Vec::new();
    for (table, names) in catalog.tables.iter().zip(table_names) {
        numbers.push(table.columns.iter().map(|column| column.number).collect());
        tables.push(build_table(table, names, &enum_ids, &mut clashes));
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
            let suffix: Vec<String> = columns.iter().map(|id| names::type_name(&target.column(*id).field)).collect();
            let wanted = format!("{}By{}", target.names.one, suffix.join("And"));
            let field = scope.take(&wanted, &mut clashes, &format!("a unique key of {}", target.sql.quoted()));
            target.unique_keys.push(UniqueKey { columns, field });
        }
    }
    build_relations(&catalog, &mut tables, &numbers, &mut clashes);
    Model { generation: 0, tables, enums, clashes }
}

/// The numbers (`attnum`) of each table's columns, which differ from their indexes once a column was dropped.
struct Numbers(Vec<Vec<i16>>);

impl Numbers {
    fn columns(&self, table: TableId, numbers: &[i16]) -> Vec<ColumnId> {
        numbers.iter().filter_map(|number| self.0[table.0].iter().position(|own| own == number).map(ColumnId)).collect()
    }
}

fn build_enums(catalog: &Catalog, scope: &mut Scope, clashes: &mut Vec<String>) -> Vec<EnumType> {
    let used = |oid: u32| {
        let mut columns = catalog.tables.iter().flat_map(|table| &table.columns);
        columns.any(|column| column.base_oid == oid || column.element_oid == Some(oid))
    };
    let mut enums = Vec::new();
    for entry in catalog.enums.iter().filter(|entry| used(entry.oid)) {
        let what = format!("enum {}", entry.name.quoted());
        let stem = names::type_name(&entry.name.name);
        let type_name = scope.take_family(
            |number| {
                if number == 1 { stem.clone() } else { format!("{stem}{number}") }
            },
            |name| vec![name.clone(), format!("{name}Filter"), format!("{name}ListFilter")],
            clashes,
            &what,
        );
        let mut values = Scope::default();
        let values: Vec<EnumValue> = entry
            .labels
            .iter()
            .flatten()
            .map(|CatalogLabel { label, version }| EnumValue {
                name: values.take(&names::enum_value(label), clashes, &format!("value '{label}' of {what}")),
                label: label.clone(),
                version: version.clone(),
            })
            .collect();
        // A type without values cannot be written in GraphQL; its columns are opaque text.
        if !values.is_empty() {
            enums.push(EnumType {
                oid: entry.oid,
                sql: entry.name.clone(),
                type_name,
                comment: description(entry.comment.as_deref()),
                values,
            });
        }
    }
    enums
}

fn build_table(
    table: &CatalogTable,
    names: TableNames,
    enums: &HashMap<u32, EnumId>,
    clashes: &mut Vec<String>,
) -> Table {
    let mut scope = Scope::reserving(RESERVED_FIELDS);
    let columns = table
        .columns
        .iter()
        .map(|column| {
            let what = format!("column {}.\"{}\"", table.name.quoted(), column.name);
            Column {
                number: column.number,
                version: column.version.clone(),
                type_oid: column.type_oid,
                field: scope.take(&names::field(&column.name), clashes, &what),
                name: column.name.clone(),
                kind: kind(column, enums),
                sql_type: column.sql_type.clone(),
                array_type: column.array_type.clone(),
                not_null: column.not_null,
                has_default: column.has_default,
                writing: match (column.identity.as_str(), column.generated.as_str()) {
                    ("a", _) => Writing::IdentityAlways,
                    (_, "") => Writing::Free,
                    _ => Writing::Generated,
                },
                collation: column.collation,
                comment: description(column.comment.as_deref()),
                dropped: false,
                generation: 0,
            }
        })
        .collect();
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
        partitioned: table.partitioned,
        dropped: false,
        generation: 0,
    }
}

/// Fields of a filter, and arguments that stand beside key columns, which no column may take.
const RESERVED_FIELDS: [&str; 5] = ["and", "or", "not", "since", "patch"];

fn kind(column: &CatalogColumn, enums: &HashMap<u32, EnumId>) -> Kind {
    let scalar = |oid: u32| Kind::of_builtin(oid).or_else(|| enums.get(&oid).map(|id| Kind::Enum(*id)));
    // A domain over an array has elements, but no value of it is an array type of its own: text is exact.
    match column.element_oid {
        Some(element) if column.type_oid == column.base_oid => {
            scalar(element).map_or(Kind::Opaque, |kind| Kind::Array(Box::new(kind)))
        }
        _ => scalar(column.base_oid).unwrap_or(Kind::Opaque),
    }
}

fn build_relations(catalog: &Catalog, tables: &mut [Table], numbers: &Numbers, clashes: &mut Vec<String>) {
    let ids: HashMap<u32, TableId> = catalog.tables.iter().enumerate().map(|(i, t)| (t.oid, TableId(i))).collect();
    let mut scopes: Vec<Scope> = tables
        .iter()
        .map(|table| {
            let columns = table.columns.iter().map(|column| column.field.as_str());
            Scope::reserving(columns.chain(RESERVED_FIELDS))
        })
        .collect();
    let mut references = Vec::new();
    for (index, table) in catalog.tables.iter().enumerate() {
        let here = TableId(index);
        for foreign_key in &table.foreign_keys {
            let Some(there) = ids.get(&foreign_key.target).copied() else {
                continue;
            };
            let columns = numbers.columns(here, &foreign_key.columns);
            let targets = numbers.columns(there, &foreign_key.target_columns);
            let one = &tables[there.0].names.one;
            let wanted = match columns.as_slice() {
                [column] => names::reference(&tables[index].column(*column).name, one),
                _ => one.clone(),
            };
            let what = format!("a foreign key of {}", tables[index].sql.quoted());
            let field = scopes[index].take(&wanted, clashes, &what);
            let required = columns.iter().all(|column| tables[index].column(*column).not_null);
            let pairs: Vec<_> = columns.into_iter().zip(targets).collect();
            tables[index].relations.push(Relation {
                field: field.clone(),
                target: there,
                columns: pairs.clone(),
                cardinality: Cardinality::One { required },
                comment: description(foreign_key.comment.as_deref()),
            });
            references.push((here, there, pairs, field));
        }
    }
    for (here, there, pairs, forward) in &references {
        let alone = references.iter().filter(|other| (other.0, other.1) == (*here, *there)).count() == 1;
        let child = &tables[here.0];
        let own: Vec<ColumnId> = pairs.iter().map(|(column, _)| *column).collect();
        let unique = |key: &[ColumnId]| !key.is_empty() && key.iter().all(|column| own.contains(column));
        let single = unique(&child.key) || child.unique_keys.iter().any(|key| unique(&key.columns));
        let stem = if single { &child.names.one } else { &child.names.many };
        let wanted =
            if alone && here != there { stem.clone() } else { format!("{stem}By{}", names::type_name(forward)) };
        let what = format!("the way from {} back to {}", tables[there.0].sql.quoted(), child.sql.quoted());
        let relation = Relation {
            field: scopes[there.0].take(&wanted, clashes, &what),
            target: *here,
            columns: pairs.iter().map(|(column, target)| (*target, *column)).collect(),
            cardinality: if single { Cardinality::One { required: false } } else { Cardinality::Many },
            comment: None,
        };
        tables[there.0].relations.push(relation);
    }
}

/// A SQL comment as a GraphQL description. A schema prints it as a block string, which cannot hold `"""` nor
/// control characters.
fn description(comment: Option<&str>) -> Option<String> {
    let text: String = comment?.chars().filter(|character| !character.is_control() || *character == '\n').collect();
    let text = text.replace("\"\"\"", "'''");
    (!text.trim().is_empty()).then_some(text)
}
