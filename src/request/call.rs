//! Prints the call of a function, and what is selected of what it gives, as one expression.

use super::page;
use super::plan::Planner;
use super::rows::{Origin, Rows};
use crate::error::Error;
use crate::input;
use crate::model::{Absence, Argument, Function, Returned, Table};
use crate::operation::Field;
use crate::sql::{QualifiedName, Statement};

/// The one column of what gives values.
pub(super) const VALUE: &str = "value";

/// A row that a function takes.
#[derive(Clone, Copy)]
pub(super) struct RowArgument<'a> {
    pub(super) table: &'a Table,
    pub(super) alias: &'a str,
}

/// A call with its arguments.
pub(super) struct Call<'a, 'r> {
    function: &'a Function,
    row: Option<RowArgument<'r>>,
    arguments: Vec<(&'a Argument, Option<String>)>,
}

impl<'a, 'r> Call<'a, 'r> {
    /// Reads the arguments that a field gives.
    pub(super) fn read(
        planner: &Planner<'a>,
        field: &Field,
        function: &'a Function,
        row: Option<RowArgument<'r>>,
    ) -> Result<Self, Error> {
        let mut arguments = Vec::new();
        for argument in &function.arguments {
            let value = match (planner.given(field, &argument.field)?, argument.absence) {
                (None, Absence::Default) => continue,
                (None, Absence::Null | Absence::Refused) => None,
                (Some(input), _) => input::to_text(planner.model(), &argument.kind, &input)?,
            };
            arguments.push((argument, value));
        }
        Ok(Self { function, row, arguments })
    }

    /// Prints `"schema"."function"(…)`.
    pub(super) fn write(&self, sql: &mut Statement) {
        sql.qualified(&self.function.sql).keyword("(");
        if let Some(row) = self.row {
            write_row(row, sql);
        }
        for (index, (argument, value)) in self.arguments.iter().enumerate() {
            if index > 0 || self.row.is_some() {
                sql.keyword(", ");
            }
            if let Some(name) = &argument.name {
                sql.identifier(name).keyword(" => ");
            }
            sql.bind(value.clone(), &argument.sql_type);
        }
        sql.keyword(")");
    }
}

/// Prints the row as a value of its table's type, which it is no more where other columns stand beside its own.
fn write_row(RowArgument { table, alias }: RowArgument<'_>, sql: &mut Statement) {
    let mut columns: Vec<_> = table.all_columns().map(|(_, column)| column).collect();
    columns.sort_by_key(|column| column.number);
    sql.keyword("ROW(");
    for (index, column) in columns.into_iter().enumerate() {
        if index > 0 {
            sql.keyword(", ");
        }
        sql.column(alias, &column.name);
    }
    sql.keyword(")::").qualified(&table.sql);
}

/// Prints what is selected of a call's result, as a value that `row_to_json` writes as it should.
pub(super) fn write<'a>(
    rows: &mut Rows<'a>,
    field: &Field,
    call: &Call<'a, '_>,
    sql: &mut Statement,
) -> Result<(), Error> {
    let function = call.function;
    let called = |sql: &mut Statement| {
        if function.gives_values() {
            sql.keyword("(SELECT ");
            call.write(sql);
            sql.keyword(" AS ").identifier(VALUE).keyword(")");
        } else {
            call.write(sql);
        }
    };
    write_result(rows, field, &called, function, sql)
}

/// Prints what is selected of the rows that `called` prints.
pub(super) fn write_result<'a>(
    rows: &mut Rows<'a>,
    field: &Field,
    called: &dyn Fn(&mut Statement),
    function: &'a Function,
    sql: &mut Statement,
) -> Result<(), Error> {
    match (&function.returned, function.many) {
        (Returned::Nothing, _) => {
            sql.keyword("SELECT NULL::pg_catalog.bool FROM ");
            called(sql);
            sql.keyword(" AS ").identifier(&rows.alias());
        }
        (Returned::Value(kind), many) => {
            let alias = rows.alias();
            let mut value = Statement::new();
            rows.write_value(field, kind, &Statement::column_reference(&alias, VALUE), &mut value)?;
            let value = value.text;
            if many {
                sql.keyword("SELECT coalesce(pg_catalog.json_agg(")
                    .expression(&value)
                    .keyword("), '[]') FROM (SELECT * FROM ");
                called(sql);
                sql.keyword(" AS ").identifier(&alias);
                write_limits(rows, field, sql)?;
                sql.keyword(") AS ").identifier(&alias);
            } else {
                sql.keyword("SELECT ").expression(&value).keyword(" FROM ");
                called(sql);
                sql.keyword(" AS ").identifier(&alias);
            }
        }
        (Returned::Row(id), false) => {
            let table = rows.planner.table(*id);
            rows.write_object(field.fields(), table, sql, |alias, sql| {
                sql.keyword(" FROM ");
                called(sql);
                // No row is a row of NULLs here.
                sql.keyword(" AS ").identifier(alias).keyword(" WHERE NOT (").identifier(alias).keyword(".* IS NULL)");
            })?;
        }
        (Returned::Row(id), true) => {
            let table = rows.planner.table(*id);
            page::write(rows, field, table, Origin::Called(called), sql)?;
        }
        (Returned::Record(table), false) => {
            rows.write_object(field.fields(), table, sql, |alias, sql| {
                sql.keyword(" FROM ");
                called(sql);
                sql.keyword(" AS ").identifier(alias);
            })?;
        }
        (Returned::Record(table), true) => {
            let (alias, object) = (rows.alias(), rows.alias());
            sql.keyword("SELECT coalesce(pg_catalog.json_agg(pg_catalog.row_to_json(").identifier(&object);
            sql.keyword(")), '[]') FROM (SELECT ");
            rows.write_fields(field.fields(), table, &alias, sql)?;
            sql.keyword(" FROM ");
            called(sql);
            sql.keyword(" AS ").identifier(&alias);
            write_limits(rows, field, sql)?;
            sql.keyword(") AS ").identifier(&object);
        }
    }
    Ok(())
}

/// Prints the limits of a list that is no connection.
fn write_limits(rows: &Rows<'_>, field: &Field, sql: &mut Statement) -> Result<(), Error> {
    let bigint = QualifiedName::builtin("int8");
    let limits = rows.planner.limits;
    let first = page::rows_argument(&rows.planner, field, "first")?.unwrap_or(limits.default_rows);
    sql.keyword(" LIMIT ").bind(Some(first.to_string()), &bigint);
    if let Some(offset) = page::offset_argument(&rows.planner, field)? {
        sql.keyword(" OFFSET ").bind(Some(offset.to_string()), &bigint);
    }
    Ok(())
}

/// Prints an expression as JSON text, for a root field.
pub(super) fn write_text<'a>(
    rows: &mut Rows<'a>,
    function: &Function,
    sql: &mut Statement,
    write: impl FnOnce(&mut Rows<'a>, &mut Statement) -> Result<(), Error>,
) -> Result<(), Error> {
    // Objects and lists are JSON already.
    let bare = function.gives_values() && !function.many;
    sql.keyword(if bare { "pg_catalog.to_json((" } else { "(" });
    write(rows, sql)?;
    sql.keyword(if bare { "))::text" } else { ")::text" });
    Ok(())
}
