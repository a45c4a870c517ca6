//! Plans one write: create, put, patch or delete of one row.

use super::plan::{Planner, Step, misplaced};
use super::rows::Rows;
use crate::error::{Code, Error};
use crate::filter::Filter;
use crate::input::{self, Input};
use crate::model::{ColumnId, Table, Writing};
use crate::operation::Field;
use crate::schema::Meaning;
use crate::sql::{Statement, output_text};

/// The rows written.
const WRITTEN: &str = "written";

pub(super) fn step<'a>(planner: &Planner<'a>, field: &Field) -> Result<Step, Error> {
    let (table, write) = match field.meaning {
        Meaning::Create(id) => {
            let table = planner.table(id);
            (table, insert(planner, field, table, OnConflict::Fail)?)
        }
        Meaning::Put(id) => {
            let table = planner.table(id);
            (table, insert(planner, field, table, OnConflict::Replace)?)
        }
        Meaning::Patch(id) => {
            let table = planner.table(id);
            let filter = planner.key_filter(field, table, &table.key)?;
            (table, update(planner, field, table, &filter)?)
        }
        Meaning::Delete(id) => {
            let table = planner.table(id);
            let filter = planner.key_filter(field, table, &table.key)?;
            let mut sql = Statement::new();
            sql.keyword("DELETE FROM ").qualified(&table.sql).keyword(" AS t WHERE ");
            filter.write(planner.model(), table, "t", &mut sql);
            sql.keyword(" RETURNING t.*");
            // The relations of a deleted row are read as they were: by the statement that deletes it.
            return whole(planner, field, table, sql);
        }
        _ => return Err(misplaced(field)),
    };
    let related = field.fields().iter().any(|inner| matches!(inner.meaning, Meaning::Relation(_)));
    if related { then_read(planner, field, table, write) } else { whole(planner, field, table, write) }
}

/// One statement that writes and selects what was written.
fn whole<'a>(planner: &Planner<'a>, field: &Field, table: &'a Table, write: Statement) -> Result<Step, Error> {
    let mut sql = Statement { text: String::new(), binds: write.binds };
    sql.keyword("WITH ").identifier(WRITTEN).keyword(" AS (").expression(&write.text).keyword(") SELECT (");
    Rows::new(*planner).write_object(field.fields(), table, &mut sql, |alias, sql| {
        sql.keyword(" FROM ").identifier(WRITTEN).keyword(" AS ").identifier(alias);
    })?;
    sql.keyword(")::text, pg_catalog.pg_current_xact_id()::text");
    Ok(Step::Whole(sql))
}

/// A statement that writes, and another that reads the row with its relations, which the first cannot see
/// as it leaves them: <https://www.postgresql.org/docs/current/queries-with.html#QUERIES-WITH-MODIFYING>.
fn then_read<'a>(planner: &Planner<'a>, field: &Field, table: &'a Table, write: Statement) -> Result<Step, Error> {
    let mut sql = Statement { text: String::new(), binds: write.binds };
    sql.keyword("WITH ").identifier(WRITTEN).keyword(" AS (").expression(&write.text).keyword(") SELECT ");
    for id in &table.key {
        sql.expression(&output_text(&Statement::column_reference(WRITTEN, &table.column(*id).name))).keyword(", ");
    }
    sql.keyword("pg_catalog.pg_current_xact_id()::text FROM ").identifier(WRITTEN);
    // The key's values are not known yet: they take the first places among the parameters.
    let key = table.key.iter().map(|id| (*id, String::new()));
    let mut read = Statement::new();
    read.keyword("SELECT (");
    let filter = Filter::key(key);
    let mut condition = Statement::new();
    filter.write(planner.model(), table, "#1", &mut condition);
    read.binds = condition.binds.clone();
    Rows::new(*planner).write_object(field.fields(), table, &mut read, |alias, sql| {
        debug_assert_eq!(alias, "#1");
        sql.keyword(" FROM ").qualified(&table.sql).keyword(" AS ").identifier(alias).keyword(" WHERE ");
        sql.expression(&condition.text);
    })?;
    read.keyword(")::text");
    Ok(Step::ThenRead { write: sql, read })
}

/// What an insert does where the key exists.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnConflict {
    Fail,
    Replace,
}

fn insert(planner: &Planner<'_>, field: &Field, table: &Table, on_conflict: OnConflict) -> Result<Statement, Error> {
    let input = planner.required(field, &table.names.one)?;
    let values = values(planner, table, &input)?;
    let mut sql = Statement::new();
    sql.keyword("INSERT INTO ").qualified(&table.sql).keyword(" AS t");
    if values.is_empty() {
        sql.keyword(" DEFAULT VALUES");
    } else {
        for (index, (id, _)) in values.iter().enumerate() {
            sql.keyword(if index == 0 { " (" } else { ", " }).identifier(&table.column(*id).name);
        }
        let identity = values.iter().any(|(id, _)| table.column(*id).writing == Writing::IdentityAlways);
        sql.keyword(if identity { ") OVERRIDING SYSTEM VALUE VALUES (" } else { ") VALUES (" });
        for (index, (id, value)) in values.iter().enumerate() {
            if index > 0 {
                sql.keyword(", ");
            }
            sql.bind(value.clone(), &table.column(*id).sql_type);
        }
        sql.keyword(")");
    }
    if on_conflict == OnConflict::Replace {
        write_replace(table, &mut sql);
    }
    sql.keyword(" RETURNING t.*");
    Ok(sql)
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

fn update(planner: &Planner<'_>, field: &Field, table: &Table, filter: &Filter) -> Result<Statement, Error> {
    let patch = planner.required(field, "patch")?;
    let values = values(planner, table, &patch)?;
    let mut sql = Statement::new();
    if values.is_empty() {
        // An empty patch changes nothing: no write that triggers and subscribers would see.
        sql.keyword("SELECT t.* FROM ").qualified(&table.sql).keyword(" AS t WHERE ");
        filter.write(planner.model(), table, "t", &mut sql);
        return Ok(sql);
    }
    sql.keyword("UPDATE ").qualified(&table.sql).keyword(" AS t SET ");
    for (index, (id, value)) in values.iter().enumerate() {
        if index > 0 {
            sql.keyword(", ");
        }
        let column = table.column(*id);
        sql.identifier(&column.name).keyword(" = ").bind(value.clone(), &column.sql_type);
    }
    sql.keyword(" WHERE ");
    filter.write(planner.model(), table, "t", &mut sql);
    sql.keyword(" RETURNING t.*");
    Ok(sql)
}

/// The columns given and their values. JSON null in a JSON column is the database's NULL, as everywhere.
fn values(planner: &Planner<'_>, table: &Table, input: &Input) -> Result<Vec<(ColumnId, Option<String>)>, Error> {
    let mut values = Vec::new();
    for (field, value) in input.fields() {
        let Some(id) = table.column_by_field(field) else {
            let message = format!("`{}` has no column `{field}` that can be written", table.names.type_name);
            return Err(Error::new(Code::BadUserInput, message));
        };
        values.push((id, input::to_text(planner.model(), &table.column(id).kind, value)?));
    }
    Ok(values)
}
