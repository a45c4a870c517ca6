//! Prints what several rows come to, as a whole or by groups, as one expression that gives a JSON list.

use super::page::{offset_argument, rows_argument};
use super::plan::{Planner, misplaced};
use super::rows::{Parent, Rows, write_join, write_key, write_typename};
use crate::error::{Code, Error};
use crate::filter::{Filter, condition};
use crate::input::Input;
use crate::model::{Aggregate, Column, ColumnId, Kind, Printed, Table};
use crate::operation::Field;
use crate::schema::{AggregateField, Meaning};
use crate::selection;
use crate::sql::{QualifiedName, Statement};

/// The arguments of a list of aggregates.
struct Groups {
    filter: Filter,
    /// Rows that are equal in these are a group; if there are none, all rows are one.
    keys: Vec<ColumnId>,
    first: u64,
    offset: u64,
}

impl Groups {
    fn read(planner: &Planner<'_>, field: &Field, table: &Table) -> Result<Self, Error> {
        let filter = match planner.argument(field, "where")? {
            Some(input) => Filter::read(planner.model(), table, &input)?,
            None => Filter::everything(),
        };
        let mut keys = Vec::new();
        for item in planner.argument(field, "groupBy")?.as_ref().map(Input::items).unwrap_or_default() {
            let Input::Enum(name) = item else { continue };
            let unknown = || Error::new(Code::BadUserInput, format!("cannot group by `{name}`"));
            let id = table.column_by_field(name).ok_or_else(unknown)?;
            if !keys.contains(&id) {
                keys.push(id);
            }
        }
        let first = rows_argument(planner, field, "first")?.unwrap_or(planner.limits.default_rows);
        Ok(Self { filter, keys, first, offset: offset_argument(planner, field)?.unwrap_or(0) })
    }
}

/// The columns of the statement that computes; what is made of them is named around it.
struct Computed<'a> {
    table: &'a Table,
    /// The alias of the rows.
    row: String,
    /// The alias of the statement.
    group: String,
    columns: Vec<String>,
}

impl Computed<'_> {
    /// Adds a column; gives the reference to it.
    fn add(&mut self, expression: String) -> String {
        self.columns.push(expression);
        self.reference(self.columns.len() - 1)
    }

    fn reference(&self, index: usize) -> String {
        Statement::column_reference(&self.group, &index.to_string())
    }

    fn argument(&self, id: ColumnId) -> String {
        condition::comparable(self.table.column(id), &self.row)
    }
}

/// Prints the aggregates that `field` selects.
pub(super) fn write<'a>(
    rows: &mut Rows<'a>,
    field: &Field,
    table: &'a Table,
    parent: Option<Parent<'_>>,
    sql: &mut Statement,
) -> Result<(), Error> {
    let model = rows.planner.model();
    let groups = Groups::read(&rows.planner, field, table)?;
    let mut computed = Computed { table, row: rows.alias(), group: rows.alias(), columns: Vec::new() };
    // The columns of the key come first: they are grouped and ordered by.
    for key in &groups.keys {
        let column = computed.argument(*key);
        computed.add(column);
    }
    let object = rows.alias();
    sql.keyword("SELECT coalesce(pg_catalog.json_agg(pg_catalog.row_to_json(").identifier(&object);
    sql.keyword(")), '[]') FROM (SELECT ");
    write_fields(rows, field.fields(), &groups, &mut computed, sql)?;
    sql.keyword(" FROM (SELECT ");
    for (index, column) in computed.columns.iter().enumerate() {
        sql.keyword(if index == 0 { "" } else { ", " }).expression(column);
        sql.keyword(" AS ").identifier(&index.to_string());
    }
    sql.keyword(" FROM ").qualified(&table.sql).keyword(" AS ").identifier(&computed.row).keyword(" WHERE ");
    if let Some(parent) = parent {
        write_join(model, parent, table, &computed.row, sql);
        sql.keyword(" AND ");
    }
    groups.filter.write(model, table, &computed.row, sql);
    write_groups(&groups, sql);
    sql.keyword(") AS ").identifier(&computed.group).keyword(") AS ").identifier(&object);
    Ok(())
}

fn write_groups(groups: &Groups, sql: &mut Statement) {
    for clause in [" GROUP BY ", " ORDER BY "] {
        for number in 1..=groups.keys.len() {
            sql.keyword(if number == 1 { clause } else { ", " }).expression(&number.to_string());
        }
    }
    if groups.keys.is_empty() {
        // One row, although nothing may have been asked for that is computed.
        sql.keyword(" HAVING true");
    }
    let bigint = QualifiedName::builtin("int8");
    sql.keyword(" LIMIT ").bind(Some(groups.first.to_string()), &bigint);
    if groups.offset > 0 {
        sql.keyword(" OFFSET ").bind(Some(groups.offset.to_string()), &bigint);
    }
}

/// Prints the fields of one element.
fn write_fields(
    rows: &mut Rows<'_>,
    fields: &[Field],
    groups: &Groups,
    computed: &mut Computed<'_>,
    sql: &mut Statement,
) -> Result<(), Error> {
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            sql.keyword(", ");
        }
        match field.meaning {
            Meaning::Typename => write_typename(&format!("{}Aggregate", computed.table.names.type_name), sql),
            Meaning::Aggregate(AggregateField::Count) => {
                sql.expression(&computed.add("pg_catalog.count(*)".to_owned()));
            }
            Meaning::Aggregate(AggregateField::Key) if groups.keys.is_empty() => {
                sql.keyword("NULL");
            }
            Meaning::Aggregate(part) => write_part(rows, field, part, groups, computed, sql)?,
            _ => return Err(misplaced(field)),
        }
        write_key(field, sql)?;
    }
    Ok(())
}

/// Prints an object with a field for each of several columns.
fn write_part(
    rows: &mut Rows<'_>,
    field: &Field,
    part: AggregateField,
    groups: &Groups,
    computed: &mut Computed<'_>,
    sql: &mut Statement,
) -> Result<(), Error> {
    let model = rows.planner.model();
    let object = rows.alias();
    sql.keyword("(SELECT pg_catalog.row_to_json(").identifier(&object).keyword(") FROM (SELECT ");
    for (index, inner) in field.fields().iter().enumerate() {
        if index > 0 {
            sql.keyword(", ");
        }
        match (inner.meaning, part) {
            (Meaning::Typename, _) => {
                write_typename(&format!("{}{}", computed.table.names.type_name, part.suffix()), sql);
            }
            (Meaning::Column(id), AggregateField::Key) => {
                let column = computed.table.column(id);
                match groups.keys.iter().position(|key| *key == id) {
                    Some(index) => {
                        let value = key_value(column, computed.reference(index));
                        rows.write_value(inner, &column.kind, &value, sql)?;
                    }
                    None => {
                        sql.keyword("NULL");
                    }
                }
            }
            (Meaning::Column(id), AggregateField::CountDistinct) => {
                let values = computed.argument(id);
                sql.expression(&computed.add(format!("pg_catalog.count(DISTINCT {values})")));
            }
            (Meaning::Column(id), AggregateField::Of(aggregate)) => {
                let column = computed.table.column(id);
                let kind = aggregate.result(&column.kind).ok_or_else(|| misplaced(inner))?;
                let call = call(aggregate, column, &computed.argument(id));
                sql.expression(&selection::json_expression(model, &kind, &computed.add(call)));
            }
            _ => return Err(misplaced(inner)),
        }
        write_key(inner, sql)?;
    }
    sql.keyword(") AS ").identifier(&object).keyword(")");
    Ok(())
}

/// A value that was compared as text because its parts cannot be is one of its type again.
fn key_value(column: &Column, reference: String) -> String {
    match column.kind {
        Kind::Array(_) | Kind::Composite(_) => format!("{reference}::{}", column.base_type.quoted()),
        _ => reference,
    }
}

/// The call of an aggregate function. By the name of a schema only where the type has operators of its own.
fn call(aggregate: Aggregate, column: &Column, values: &str) -> String {
    let builtin = |name| column.base_type == QualifiedName::builtin(name);
    let own = |name: &str| match &column.operators {
        Some(schema) => QualifiedName { schema: schema.clone(), name: name.to_owned() }.quoted(),
        None => name.to_owned(),
    };
    match (aggregate, &column.kind) {
        // The sum of `oid`, which is a number to no function.
        (Aggregate::Sum, Kind::BigInt) => format!("sum({values}::pg_catalog.int8)"),
        (Aggregate::Average, Kind::BigInt) => format!("avg({values}::pg_catalog.int8)"),
        (Aggregate::Sum, _) => format!("sum({values})"),
        (Aggregate::Average, _) => format!("avg({values})"),
        // The greatest network is one, not an address.
        (Aggregate::Min, Kind::Printed(Printed::Cidr)) => format!("min({values})::pg_catalog.cidr"),
        (Aggregate::Max, Kind::Printed(Printed::Cidr)) => format!("max({values})::pg_catalog.cidr"),
        (Aggregate::Min, Kind::String) if builtin("char") => format!("min({values}::pg_catalog.text)"),
        (Aggregate::Max, Kind::String) if builtin("char") => format!("max({values}::pg_catalog.text)"),
        (Aggregate::Min, _) => format!("{}({values})", own("min")),
        (Aggregate::Max, _) => format!("{}({values})", own("max")),
    }
}
