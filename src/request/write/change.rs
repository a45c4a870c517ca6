//! Plans a patch or a delete: what happens to rows that are there.

use super::super::plan::Planner;
use super::assignments::Assignments;
use super::insert::{self, Row};
use super::step::{Refusal, Repetition};
use super::written::{Company, Extent, WRITTEN, Written};
use crate::error::{Code, Error};
use crate::filter::{Filter, Quantifier, Test};
use crate::input::Input;
use crate::model::{ColumnId, Model, Table};
use crate::operation::Field;
use crate::schema::{BatchField, Meaning};
use crate::sql::{QualifiedName, Statement};

pub(super) fn patch_one<'a>(planner: &Planner<'a>, field: &Field, table: &'a Table) -> Result<Written<'a>, Error> {
    let assignments = Assignments::read(planner, field, table)?;
    Ok(Rows::by_key(planner, field, table)?.change(Change::Patch(&assignments)))
}

pub(super) fn patch_several<'a>(planner: &Planner<'a>, field: &Field, table: &'a Table) -> Result<Written<'a>, Error> {
    let assignments = Assignments::read(planner, field, table)?;
    Ok(Rows::by_filter(planner, field, table)?.change(Change::Patch(&assignments)))
}

pub(super) fn delete_one<'a>(planner: &Planner<'a>, field: &Field, table: &'a Table) -> Result<Written<'a>, Error> {
    Ok(Rows::by_key(planner, field, table)?.change(Change::Delete))
}

pub(super) fn delete_several<'a>(planner: &Planner<'a>, field: &Field, table: &'a Table) -> Result<Written<'a>, Error> {
    Ok(Rows::by_filter(planner, field, table)?.change(Change::Delete))
}

/// Replaces a row that must be there and pass the condition.
pub(super) fn replace<'a>(
    planner: &Planner<'a>,
    table: &'a Table,
    key: &[ColumnId],
    row: &Row,
    condition: Filter,
) -> Result<Written<'a>, Error> {
    let filter = Filter::key(insert::key_of(table, key, row)?);
    let bound = Bound::Condition(condition, Absent::Conflict);
    let rows = Rows { model: planner.model(), table, filter, extent: Extent::One, bound };
    Ok(rows.change(Change::Patch(&Assignments::whole(table, key, row))))
}

/// What `ifMatch` asks of the row.
pub(super) fn condition(planner: &Planner<'_>, field: &Field, table: &Table) -> Result<Option<Filter>, Error> {
    match field.argument(planner.schema, "ifMatch", planner.variables)? {
        None => Ok(None),
        // Whoever gives it wants to be protected; a variable that was forgotten must not take that away.
        Some(Input::Null) => {
            let message = "`ifMatch: null` is no condition: give one, or leave the argument out";
            Err(Error::new(Code::BadUserInput, message))
        }
        Some(input) => Filter::read(planner.model(), table, &input).map(Some),
    }
}

#[derive(Clone, Copy)]
enum Change<'b> {
    Patch(&'b Assignments),
    Delete,
}

/// The rows that are changed.
struct Rows<'a> {
    model: &'a Model,
    table: &'a Table,
    filter: Filter,
    extent: Extent,
    bound: Bound,
}

/// Where nothing is written although rows were found.
enum Bound {
    Nowhere,
    /// Where there are more of them.
    Number(u64),
    /// Where they do not pass.
    Condition(Filter, Absent),
}

/// What it means, where there is a condition, that no row was found.
#[derive(Clone, Copy)]
enum Absent {
    /// There is nothing to do.
    Nothing,
    /// It is not as the client saw it.
    Conflict,
}

impl<'a> Rows<'a> {
    fn by_key(planner: &Planner<'a>, field: &Field, table: &'a Table) -> Result<Self, Error> {
        let filter = planner.key_filter(field, table, &table.key)?;
        let bound = match condition(planner, field, table)? {
            Some(condition) => Bound::Condition(condition, Absent::Nothing),
            None => Bound::Nowhere,
        };
        Ok(Self { model: planner.model(), table, filter, extent: Extent::One, bound })
    }

    fn by_filter(planner: &Planner<'a>, field: &Field, table: &'a Table) -> Result<Self, Error> {
        let filter = Filter::read(planner.model(), table, &planner.required(field, "where")?)?;
        if constant(&filter) == Some(true) {
            let column = table.key.first().map_or("id", |id| table.column(*id).field.as_str());
            let message = format!(
                "`where` holds for every row, whatever is in it: if that is what you mean, say so with a condition, \
                 such as `{{{column}: {{isNull: false}}}}`"
            );
            return Err(Error::new(Code::BadUserInput, message));
        }
        let given_back = field.fields().iter().any(|inner| inner.meaning == Meaning::Batch(BatchField::Nodes));
        let bound = if given_back { Bound::Number(planner.limits.max_rows) } else { Bound::Nowhere };
        Ok(Self { model: planner.model(), table, filter, extent: Extent::ByKey, bound })
    }

    fn change(self, change: Change<'_>) -> Written<'a> {
        let mut sql = Statement::new();
        sql.keyword("WITH ");
        self.write_before(&mut sql);
        sql.identifier(WRITTEN).keyword(" AS (");
        let returning = match change {
            // A patch of nothing changes nothing: no write that triggers and subscribers would see.
            Change::Patch(assignments) if assignments.is_empty() => {
                sql.keyword("SELECT t.* FROM ").qualified(&self.table.sql).keyword(" AS t WHERE ");
                ""
            }
            Change::Patch(assignments) => {
                sql.keyword("UPDATE ").qualified(&self.table.sql).keyword(" AS t SET ");
                assignments.write(self.table, &mut sql);
                sql.keyword(" WHERE ");
                " RETURNING t.*"
            }
            Change::Delete => {
                sql.keyword("DELETE FROM ").qualified(&self.table.sql).keyword(" AS t WHERE ");
                " RETURNING t.*"
            }
        };
        self.filter.write(self.model, self.table, "t", &mut sql);
        let refusal = match &self.bound {
            Bound::Nowhere => None,
            Bound::Number(_) => {
                sql.keyword(" AND (SELECT few FROM \"few\")");
                Some((Refusal::Rows, "NOT (SELECT few FROM \"few\")"))
            }
            Bound::Condition(condition, absent) => {
                sql.keyword(" AND ");
                condition.write(self.model, self.table, "t", &mut sql);
                Some((
                    Refusal::Conflict,
                    match absent {
                        Absent::Nothing => "NOT EXISTS (SELECT FROM \"written\") AND EXISTS (SELECT FROM \"present\")",
                        Absent::Conflict => "NOT EXISTS (SELECT FROM \"written\")",
                    },
                ))
            }
        };
        sql.keyword(returning).keyword(")");
        let repetition = match change {
            Change::Patch(assignments) => assignments.repetition(),
            Change::Delete => Repetition::Usual,
        };
        let (extent, company) = (self.extent, Company::None);
        Written { table: self.table, sql, extent, company, refusal, repetition }
    }

    /// Prints the part of the statement, and a comma, that says whether there are too many rows or whether there are
    /// any. It sees what the write sees: no row can come to be among those that the write finds after it. One that
    /// another transaction is changing just now is judged again by the write, as that transaction left it.
    fn write_before(&self, sql: &mut Statement) {
        match &self.bound {
            Bound::Nowhere => {}
            Bound::Number(most) => {
                let bigint = QualifiedName::builtin("int8");
                sql.keyword("\"few\" AS (SELECT pg_catalog.count(*) <= ").bind(Some(most.to_string()), &bigint);
                sql.keyword(" AS few FROM (SELECT FROM ").qualified(&self.table.sql).keyword(" AS t WHERE ");
                self.filter.write(self.model, self.table, "t", sql);
                sql.keyword(" LIMIT ").bind(Some((most + 1).to_string()), &bigint).keyword(") AS found), ");
            }
            Bound::Condition(_, Absent::Nothing) => {
                sql.keyword("\"present\" AS (SELECT FROM ").qualified(&self.table.sql).keyword(" AS t WHERE ");
                self.filter.write(self.model, self.table, "t", sql);
                sql.keyword("), ");
            }
            Bound::Condition(_, Absent::Conflict) => {}
        }
    }
}

/// What a filter says without looking at any row; `None` if it looks.
fn constant(filter: &Filter) -> Option<bool> {
    match filter {
        Filter::All(filters) => {
            let parts: Vec<_> = filters.iter().map(constant).collect();
            if parts.contains(&Some(false)) { Some(false) } else { parts.iter().all(Option::is_some).then_some(true) }
        }
        Filter::Any(filters) => {
            let parts: Vec<_> = filters.iter().map(constant).collect();
            if parts.contains(&Some(true)) { Some(true) } else { parts.iter().all(Option::is_some).then_some(false) }
        }
        Filter::Not(filter) => constant(filter).map(|holds| !holds),
        Filter::Test(_, Test::In(operands)) => operands.is_empty().then_some(false),
        Filter::Test(_, Test::NotIn(operands)) => operands.is_empty().then_some(true),
        Filter::Test(..) => None,
        Filter::Related(_, quantifier, filter) => match (quantifier, constant(filter)) {
            (Quantifier::Some, Some(false)) => Some(false),
            (Quantifier::Every, Some(true)) | (Quantifier::None, Some(false)) => Some(true),
            (Quantifier::Some | Quantifier::Every | Quantifier::None, _) => None,
        },
    }
}
