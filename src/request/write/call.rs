//! Plans the call of a function that may write: once and to its end, whatever is selected of what it gives.

use super::super::call::{self, Call, VALUE};
use super::super::plan::Planner;
use super::super::rows::Rows;
use super::step::{Repetition, Step};
use super::written::{Company, Extent, Reading, WRITTEN, Written};
use crate::error::Error;
use crate::model::{Function, Returned, Table};
use crate::operation::Field;
use crate::sql::Statement;

pub(super) fn step<'a>(planner: &Planner<'a>, field: &Field, function: &'a Function) -> Result<Step, Error> {
    let call = Call::read(planner, field, function, None)?;
    match (&function.returned, function.many) {
        (Returned::Row(id), false) if !planner.table(*id).key.is_empty() => {
            one_row(&call, planner.table(*id)).answer(planner, field, Reading::AsItIs)
        }
        (Returned::Nothing | Returned::Value(_) | Returned::Row(_) | Returned::Record(_), _) => {
            whole(planner, field, function, &call)
        }
    }
}

/// A row that can be read again by its key, with what the function did to the rows that it relates to.
fn one_row<'a>(call: &Call<'a, '_>, table: &'a Table) -> Written<'a> {
    let mut sql = Statement::new();
    sql.keyword("WITH ").identifier(WRITTEN).keyword(" AS MATERIALIZED (SELECT t.* FROM ");
    call.write(&mut sql);
    sql.keyword(" AS t WHERE NOT (t.* IS NULL))");
    let company = Company::None;
    Written { table, sql, extent: Extent::One, company, refusal: None, repetition: Repetition::Usual }
}

fn whole<'a>(planner: &Planner<'a>, field: &Field, function: &'a Function, call: &Call<'a, '_>) -> Result<Step, Error> {
    let mut sql = Statement::new();
    sql.keyword("WITH ").identifier(WRITTEN).keyword(" AS MATERIALIZED (SELECT ");
    if function.gives_values() {
        call.write(&mut sql);
        sql.keyword(" AS ").identifier(VALUE);
    } else {
        sql.keyword("* FROM ");
        call.write(&mut sql);
    }
    sql.keyword(") SELECT ");
    call::write_text(&mut Rows::new(*planner), function, &mut sql, |rows, sql| {
        let called = |sql: &mut Statement| {
            sql.identifier(WRITTEN);
        };
        call::write_result(rows, field, &called, function, sql)
    })?;
    sql.keyword(", pg_catalog.pg_current_xact_id()::pg_catalog.text, NULL::pg_catalog.text");
    // All of its rows are taken before the first is looked at: a limit ends no call half-way.
    sql.keyword(" WHERE (SELECT pg_catalog.count(*) FROM ").identifier(WRITTEN).keyword(") IS NOT NULL");
    Ok(Step { write: sql, read: None, repetition: Repetition::Usual })
}
