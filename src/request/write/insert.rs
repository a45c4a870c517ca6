//! Plans a put, and prints what it and a create have in common: the insert of rows that are given as a whole.

use super::super::plan::Planner;
use super::change;
use super::step::{Refusal, Repetition};
use super::written::{Company, Extent, WRITTEN, Written};
use crate::error::{Code, Error};
use crate::input::{self, Input};
use crate::model::{ColumnId, Table, Writing};
use crate::operation::Field;
use crate::sql::Statement;

/// What an insert does where the key exists.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OnConflict<'b> {
    Fail,
    /// Replaces the row that has these columns equal.
    Replace(&'b [ColumnId]),
}

/// The value of a column in a row that is inserted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    /// One that was given; `None` is NULL.
    Value(Option<String>),
    /// That of another column, in the one row of another part of the statement.
    Of {
        /// The part's name.
        part: String,
        /// The column's name.
        column: String,
    },
}

/// The columns given of a row and their values.
pub(super) type Row = Vec<(ColumnId, Option<String>)>;

/// Puts a row by the columns `key`.
pub(super) fn put_one<'a>(
    planner: &Planner<'a>,
    field: &Field,
    table: &'a Table,
    key: &[ColumnId],
) -> Result<Written<'a>, Error> {
    let row = row(planner, table, &planner.required(field, &table.names.one)?)?;
    key_of(table, key, &row)?;
    if let Some(condition) = change::condition(planner, field, table)? {
        return change::replace(planner, table, key, &row, condition);
    }
    let refusal = Some((Refusal::Kept, "NOT EXISTS (SELECT FROM \"written\")"));
    let sql = put(table, key, vec![row]);
    Ok(Written { table, sql, extent: Extent::One, company: Company::None, refusal, repetition: Repetition::Usual })
}

pub(super) fn put_several<'a>(planner: &Planner<'a>, field: &Field, table: &'a Table) -> Result<Written<'a>, Error> {
    let input = planner.required(field, &table.names.many)?;
    check_number(planner, table, &input)?;
    let rows = input.items().iter().map(|input| row(planner, table, input)).collect::<Result<Vec<_>, _>>()?;
    let sql = put(table, &table.key, rows);
    let (extent, company) = (Extent::AsGiven, Company::None);
    Ok(Written { table, sql, extent, company, refusal: None, repetition: Repetition::Unlikely })
}

fn put(table: &Table, key: &[ColumnId], rows: Vec<Row>) -> Statement {
    let cells = |row: Row| row.into_iter().map(|(id, value)| (id, Cell::Value(value))).collect();
    let rows: Vec<_> = rows.into_iter().map(cells).collect();
    let mut sql = Statement::new();
    sql.keyword("WITH ").identifier(WRITTEN).keyword(" AS (");
    write(table, &rows, OnConflict::Replace(key), &mut sql);
    sql.keyword(")");
    sql
}

/// Refuses more rows at a time than a list may have.
pub(super) fn check_number(planner: &Planner<'_>, table: &Table, input: &Input) -> Result<(), Error> {
    let (given, most) = (input.items().len() as u64, planner.limits.max_rows);
    if given > most {
        let message =
            format!("`{}` has {given} rows; {most} are allowed at a time (setting: --max-rows)", table.names.many);
        return Err(Error::new(Code::RowsLimit, message));
    }
    Ok(())
}

/// Reads the columns of an input object. JSON null in a JSON column is the database's NULL, as everywhere.
pub(super) fn row(planner: &Planner<'_>, table: &Table, input: &Input) -> Result<Row, Error> {
    let columns = input.fields().iter().map(|(field, value)| {
        let id = table.column_by_field(field).ok_or_else(|| unknown(table, field))?;
        Ok((id, input::to_text(planner.model(), &table.column(id).kind, value)?))
    });
    columns.collect()
}

/// Why a field of an input object cannot be written.
pub(super) fn unknown(table: &Table, field: &str) -> Error {
    let name = &table.names.type_name;
    let message = match table.relation_by_field(field) {
        Some(_) => format!("`{field}` of `{name}` can be given only where a row is created, not where one is put"),
        None => format!("`{name}` has no column `{field}` that can be written"),
    };
    Error::new(Code::BadUserInput, message)
}

/// Prints the insert of rows. What a row leaves out gets its default.
pub(super) fn write(table: &Table, rows: &[Vec<(ColumnId, Cell)>], on_conflict: OnConflict<'_>, sql: &mut Statement) {
    if rows.is_empty() {
        sql.keyword("SELECT t.* FROM ").qualified(&table.sql).keyword(" AS t WHERE false");
        return;
    }
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
                Some((_, Cell::Value(value))) => sql.bind(value.clone(), &table.column(*id).sql_type),
                Some((_, Cell::Of { part, column })) => {
                    sql.keyword("(SELECT ").identifier(column).keyword(" FROM ").identifier(part).keyword(")")
                }
                None => sql.keyword("DEFAULT"),
            };
        }
        sql.keyword(")");
    }
    if let OnConflict::Replace(key) = on_conflict {
        write_replace(table, key, &replaced(table, key, given), sql);
    }
    sql.keyword(" RETURNING t.*");
}

fn write_replace(table: &Table, key: &[ColumnId], columns: &[ColumnId], sql: &mut Statement) {
    for (index, id) in key.iter().enumerate() {
        sql.keyword(if index == 0 { " ON CONFLICT (" } else { ", " }).identifier(&table.column(*id).name);
    }
    for (index, id) in columns.iter().enumerate() {
        let name = &table.column(*id).name;
        sql.keyword(if index == 0 { ") DO UPDATE SET " } else { ", " });
        sql.identifier(name).keyword(" = ").column("excluded", name);
    }
}

/// The columns that a whole row replaces in the one that it is put by `key`: the row that stands there takes every
/// value of the new one, its defaults included, but keeps its primary key if the new one has none.
pub(super) fn replaced(table: &Table, key: &[ColumnId], given: impl Fn(ColumnId) -> bool) -> Vec<ColumnId> {
    let rest = table.columns().filter(|(id, column)| {
        column.writing == Writing::Free && !key.contains(id) && (!table.key.contains(id) || given(*id))
    });
    let mut columns: Vec<ColumnId> = rest.map(|(id, _)| id).collect();
    if columns.is_empty() {
        // Nothing to replace, but without an update the row would not be returned.
        columns.extend(key.first());
    }
    columns
}

/// The values of the columns that a row is put by.
pub(super) fn key_of(table: &Table, key: &[ColumnId], row: &Row) -> Result<Vec<(ColumnId, String)>, Error> {
    let value = |id: &ColumnId| {
        let value = row.iter().find(|(given, _)| given == id).and_then(|(_, value)| value.clone());
        let missing = || {
            let field = &table.column(*id).field;
            Error::new(Code::BadUserInput, format!("`{field}` is needed, and not null: it says which row is put"))
        };
        Ok((*id, value.ok_or_else(missing)?))
    };
    key.iter().map(value).collect()
}
