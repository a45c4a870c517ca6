//! Plans a create or a put: rows that are given as a whole.

use super::super::plan::Planner;
use super::step::{Refusal, Repetition};
use super::written::{Extent, WRITTEN, Written};
use crate::error::{Code, Error};
use crate::input::{self, Input};
use crate::model::{ColumnId, Table, Writing};
use crate::operation::Field;
use crate::sql::Statement;

/// What an insert does where the key exists.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OnConflict {
    Fail,
    Replace,
}

/// The columns given of a row and their values.
pub(super) type Row = Vec<(ColumnId, Option<String>)>;

pub(super) fn one<'a>(
    planner: &Planner<'a>,
    field: &Field,
    table: &'a Table,
    on_conflict: OnConflict,
) -> Result<Written<'a>, Error> {
    let row = row(planner, table, &planner.required(field, &table.names.one)?)?;
    let mut sql = Statement::new();
    sql.keyword("WITH ").identifier(WRITTEN).keyword(" AS (");
    write_insert(table, &[row], on_conflict, &mut sql);
    sql.keyword(")");
    let refusal = Some((Refusal::Kept, "NOT EXISTS (SELECT FROM \"written\")"));
    Ok(Written { table, sql, extent: Extent::One, refusal, repetition: Repetition::Usual })
}

pub(super) fn several<'a>(
    planner: &Planner<'a>,
    field: &Field,
    table: &'a Table,
    on_conflict: OnConflict,
) -> Result<Written<'a>, Error> {
    let input = planner.required(field, &table.names.many)?;
    let (given, most) = (input.items().len() as u64, planner.limits.max_rows);
    if given > most {
        let message =
            format!("`{}` has {given} rows; {most} are allowed at a time (setting: --max-rows)", table.names.many);
        return Err(Error::new(Code::RowsLimit, message));
    }
    let rows = input.items().iter().map(|input| row(planner, table, input)).collect::<Result<Vec<_>, _>>()?;
    let mut sql = Statement::new();
    sql.keyword("WITH ").identifier(WRITTEN).keyword(" AS (");
    if rows.is_empty() {
        sql.keyword("SELECT t.* FROM ").qualified(&table.sql).keyword(" AS t WHERE false");
    } else {
        write_insert(table, &rows, on_conflict, &mut sql);
    }
    sql.keyword(")");
    Ok(Written { table, sql, extent: Extent::AsGiven, refusal: None, repetition: Repetition::Unlikely })
}

/// Reads the columns of an input object. JSON null in a JSON column is the database's NULL, as everywhere.
pub(super) fn row(planner: &Planner<'_>, table: &Table, input: &Input) -> Result<Row, Error> {
    let columns = input.fields().iter().map(|(field, value)| {
        let id = table.column_by_field(field).ok_or_else(|| {
            let message = format!("`{}` has no column `{field}` that can be written", table.names.type_name);
            Error::new(Code::BadUserInput, message)
        })?;
        Ok((id, input::to_text(planner.model(), &table.column(id).kind, value)?))
    });
    columns.collect()
}

/// Prints the insert of at least one row. What a row leaves out gets its default.
fn write_insert(table: &Table, rows: &[Row], on_conflict: OnConflict, sql: &mut Statement) {
    let given = |id: ColumnId| rows.iter().flatten().any(|(given, _)| *given == id);
    let mut columns: Vec<ColumnId> = table.columns().map(|(id, _)| id).filter(|id| given(*id)).collect();
    if columns.is_empty() {
        // Nothing is given at all: any column will do to say so.
        columns.extend(table.columns().map(|(id, _)| id).take(1));
    }
    sql.keyword("INSERT INTO ").qualified(&table.sql).keyword(" AS t");
    for (index, id) in columns.iter().enumerate() {
        sql.keyword(if index == 0 { " (" } else { ", " }).identifier(&table.column(*id).name);
    }
    let identity = columns.iter().any(|id| given(*id) && table.column(*id).writing == Writing::IdentityAlways);
    sql.keyword(if identity { ") OVERRIDING SYSTEM VALUE VALUES " } else { ") VALUES " });
    for (number, row) in rows.iter().enumerate() {
        sql.keyword(if number == 0 { "(" } else { ", (" });
        for (index, id) in columns.iter().enumerate() {
            sql.keyword(if index == 0 { "" } else { ", " });
            match row.iter().find(|(given, _)| given == id) {
                Some((_, value)) => sql.bind(value.clone(), &table.column(*id).sql_type),
                None => sql.keyword("DEFAULT"),
            };
        }
        sql.keyword(")");
    }
    if on_conflict == OnConflict::Replace {
        write_replace(table, sql);
    }
    sql.keyword(" RETURNING t.*");
}

/// The row that stands there takes every value of the new one, its defaults included.
fn write_replace(table: &Table, sql: &mut Statement) {
    for (index, id) in table.key.iter().enumerate() {
        sql.keyword(if index == 0 { " ON CONFLICT (" } else { ", " }).identifier(&table.column(*id).name);
    }
    let rest = table.columns().filter(|(id, column)| column.writing == Writing::Free && !table.key.contains(id));
    let mut columns: Vec<&str> = rest.map(|(_, column)| column.name.as_str()).collect();
    if columns.is_empty() {
        // Nothing to replace, but without an update the row would not be returned.
        columns.extend(table.key.first().map(|id| table.column(*id).name.as_str()));
    }
    for (index, name) in columns.into_iter().enumerate() {
        sql.keyword(if index == 0 { ") DO UPDATE SET " } else { ", " });
        sql.identifier(name).keyword(" = ").column("excluded", name);
    }
}
