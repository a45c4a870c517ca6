//! Plans a patch or a delete: what happens to rows that are there.

use super::super::plan::Planner;
use super::assignments::Assignments;
use super::step::{Refusal, Repetition};
use super::written::{Extent, WRITTEN, Written};
use crate::error::{Code, Error};
use crate::filter::{Filter, Quantifier, Test};
use crate::model::{Model, Table};
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
    /// Where there are more of them nothing is written.
    most: Option<u64>,
}

impl<'a> Rows<'a> {
    fn by_key(planner: &Planner<'a>, field: &Field, table: &'a Table) -> Result<Self, Error> {
        let filter = planner.key_filter(field, table, &table.key)?;
        Ok(Self { model: planner.model(), table, filter, extent: Extent::One, most: None })
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
        let most = given_back.then_some(planner.limits.max_rows);
        Ok(Self { model: planner.model(), table, filter, extent: Extent::ByKey, most })
    }

    fn change(self, change: Change<'_>) -> Written<'a> {
        let mut sql = Statement::new();
        sql.keyword("WITH ");
        self.write_count(&mut sql);
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
        if self.most.is_some() {
            sql.keyword(" AND (SELECT few FROM \"few\")");
        }
        sql.keyword(returning).keyword(")");
        let refusal = self.most.map(|_| (Refusal::Rows, "NOT (SELECT few FROM \"few\")"));
        Written { table: self.table, sql, extent: self.extent, refusal, repetition: Repetition::Usual }
    }

    /// Prints `"few" AS (…), `: whether there are not too many rows. It sees what the write sees, and no row can come to
    /// be among those that the write finds after it.
    fn write_count(&self, sql: &mut Statement) {
        let Some(most) = self.most else { return };
        let bigint = QualifiedName::builtin("int8");
        sql.keyword("\"few\" AS (SELECT pg_catalog.count(*) <= ").bind(Some(most.to_string()), &bigint);
        sql.keyword(" AS few FROM (SELECT FROM ").qualified(&self.table.sql).keyword(" AS t WHERE ");
        self.filter.write(self.model, self.table, "t", sql);
        sql.keyword(" LIMIT ").bind(Some((most + 1).to_string()), &bigint).keyword(") AS found), ");
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
        Filter::Test(
            _,
            Test::IsNull(_) | Test::Compare(..) | Test::Match(..) | Test::Contain(..) | Test::Keys(..) | Test::Path(_),
        ) => None,
        Filter::Related(_, quantifier, filter) => match (quantifier, constant(filter)) {
            (Quantifier::Some, Some(false)) => Some(false),
            (Quantifier::Every, Some(true)) | (Quantifier::None, Some(false)) => Some(true),
            (Quantifier::Some | Quantifier::Every | Quantifier::None, _) => None,
        },
    }
}
