//! How are rows that were written given back?

use super::super::plan::{Planner, misplaced};
use super::super::rows::{Rows, write_key, write_typename};
use super::step::{Refusal, Repetition, Step};
use crate::error::Error;
use crate::filter::Filter;
use crate::model::Table;
use crate::operation::Field;
use crate::schema::{BatchField, Meaning};
use crate::sql::{QualifiedName, Statement, output_text};

/// The name of the rows written, within their statement.
pub(super) const WRITTEN: &str = "written";

/// A statement that writes, not yet finished: what it answers is still to be said.
pub(super) struct Written<'a> {
    pub(super) table: &'a Table,
    /// `WITH …, "written" AS (…)`.
    pub(super) sql: Statement,
    pub(super) extent: Extent,
    pub(super) company: Company,
    /// When nothing was written for another reason than that there was nothing to write.
    pub(super) refusal: Option<(Refusal, &'static str)>,
    pub(super) repetition: Repetition,
}

/// How many rows are given back, and in which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// One, or none.
    One,
    /// Several, as the request gave them.
    AsGiven,
    /// Several, by their key.
    ByKey,
}

/// Whether other rows are written by the same statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Company {
    None,
    /// Rows that relate to them. Then a refusal must undo what was written, and that takes a transaction of several
    /// statements.
    Related,
}

/// As of when rows are read that relate to those written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// Before the write, which only the statement that writes can see.
    AsItWas,
    /// After it.
    AsItIs,
}

impl<'a> Written<'a> {
    /// Finishes the step with what `field` selects.
    pub(super) fn answer(self, planner: &Planner<'a>, field: &Field, reading: Reading) -> Result<Step, Error> {
        match (reading, self.company == Company::Related || relates(field)) {
            (Reading::AsItIs, true) => self.then_read(planner, field),
            (Reading::AsItIs, false) | (Reading::AsItWas, _) => self.whole(planner, field),
        }
    }

    /// One statement that writes and selects what was written.
    fn whole(mut self, planner: &Planner<'a>, field: &Field) -> Result<Step, Error> {
        let mut rows = Rows::new(*planner);
        let sql = &mut self.sql;
        sql.keyword(" SELECT (");
        match self.extent {
            Extent::One => rows.write_object(field.fields(), self.table, sql, |alias, sql| {
                sql.keyword(" FROM ").identifier(WRITTEN).keyword(" AS ").identifier(alias);
            })?,
            Extent::AsGiven | Extent::ByKey => {
                let mut from = Statement::new();
                let alias = rows.alias();
                from.keyword(" FROM ").identifier(WRITTEN).keyword(" AS ").identifier(&alias);
                let mut order = Statement::new();
                if self.extent == Extent::ByKey {
                    write_key_order(self.table, &alias, &mut order);
                }
                let count = format!("(SELECT pg_catalog.count(*) FROM \"{WRITTEN}\")");
                let batch = Batch { alias: &alias, from: &from.text, order: &order.text, count: &count };
                batch.write(&mut rows, field, self.table, sql)?;
            }
        }
        sql.keyword(")::text");
        self.write_end();
        Ok(Step { write: self.sql, read: None, repetition: self.repetition })
    }

    /// A statement that writes and gives the keys, and another that reads the rows by them.
    pub(super) fn then_read(mut self, planner: &Planner<'a>, field: &Field) -> Result<Step, Error> {
        let (table, sql) = (self.table, &mut self.sql);
        sql.keyword(" SELECT ");
        for (index, id) in table.key.iter().enumerate() {
            sql.keyword(if index == 0 { "" } else { ", " });
            let text = output_text(&Statement::column_reference(WRITTEN, &table.column(*id).name));
            if self.extent == Extent::One {
                sql.expression(&text);
                continue;
            }
            sql.keyword("ARRAY(SELECT ").expression(&text).keyword(" FROM ").identifier(WRITTEN);
            if self.extent == Extent::ByKey {
                write_key_order(table, WRITTEN, sql);
            }
            sql.keyword(")::pg_catalog.text");
        }
        self.write_end();
        let read = match self.extent {
            Extent::One => {
                // One row also where none was written, to say why.
                self.sql.keyword(" FROM (SELECT) AS \"#\" LEFT JOIN ").identifier(WRITTEN).keyword(" ON true");
                read_one(planner, field, table)?
            }
            Extent::AsGiven | Extent::ByKey => read_several(planner, field, table)?,
        };
        Ok(Step { write: self.sql, read: Some(read), repetition: self.repetition })
    }

    /// The columns that every write ends with.
    fn write_end(&mut self) {
        self.sql.keyword(", pg_catalog.pg_current_xact_id()::pg_catalog.text, ");
        match self.refusal {
            Some((refusal, condition)) => {
                self.sql.keyword("CASE WHEN ").keyword(condition).keyword(" THEN '").keyword(refusal.word());
                self.sql.keyword("' END");
            }
            None => {
                self.sql.keyword("NULL::pg_catalog.text");
            }
        }
    }
}

/// Whether relations of the rows written are selected.
fn relates(field: &Field) -> bool {
    field.fields().iter().any(|inner| match inner.meaning {
        Meaning::Batch(BatchField::Nodes) => relates(inner),
        Meaning::Relation(_) | Meaning::RelatedAggregates(_) | Meaning::Call(_) => true,
        _ => false,
    })
}

fn write_key_order(table: &Table, alias: &str, sql: &mut Statement) {
    for (index, id) in table.key.iter().enumerate() {
        sql.keyword(if index == 0 { " ORDER BY " } else { ", " }).column(alias, &table.column(*id).name);
    }
}

fn read_one<'a>(planner: &Planner<'a>, field: &Field, table: &'a Table) -> Result<Statement, Error> {
    // The key's values are not known yet: they take the first places among the parameters.
    let filter = Filter::key(table.key.iter().map(|id| (*id, String::new())));
    let mut condition = Statement::new();
    filter.write(planner.model(), table, "#1", &mut condition);
    let mut read = Statement { text: String::new(), binds: condition.binds.clone() };
    read.keyword("SELECT (");
    Rows::new(*planner).write_object(field.fields(), table, &mut read, |alias, sql| {
        debug_assert_eq!(alias, "#1");
        sql.keyword(" FROM ").qualified(&table.sql).keyword(" AS ").identifier(alias).keyword(" WHERE ");
        sql.expression(&condition.text);
    })?;
    read.keyword(")::text");
    Ok(read)
}

/// The keys come as arrays of text, one for each of their columns.
fn read_several<'a>(planner: &Planner<'a>, field: &Field, table: &'a Table) -> Result<Statement, Error> {
    let texts = QualifiedName::builtin("_text");
    let mut rows = Rows::new(*planner);
    let (alias, keys) = (rows.alias(), rows.alias());
    let mut from = Statement::new();
    let mut count = Statement::new();
    count.keyword("pg_catalog.cardinality(").bind(None, &texts).keyword(")");
    for (index, _) in table.key.iter().enumerate() {
        from.keyword(if index == 0 { " FROM ROWS FROM (" } else { ", " });
        from.keyword("pg_catalog.unnest(").bind(None, &texts).keyword(")");
    }
    let part = |number: usize| format!("key {number}");
    from.keyword(") WITH ORDINALITY AS ").identifier(&keys).keyword(" (");
    for number in 0..=table.key.len() {
        from.keyword(if number == 0 { "" } else { ", " }).identifier(&part(number));
    }
    from.keyword(") JOIN ").qualified(&table.sql).keyword(" AS ").identifier(&alias);
    for (number, id) in table.key.iter().enumerate() {
        let column = table.column(*id);
        from.keyword(if number == 0 { " ON " } else { " AND " }).column(&alias, &column.name);
        from.operator("=", column.operators.as_deref());
        from.column(&keys, &part(number)).keyword("::").qualified(&column.sql_type);
    }
    let mut order = Statement::new();
    order.keyword(" ORDER BY ").column(&keys, &part(table.key.len()));
    let mut read = Statement { text: String::new(), binds: from.binds.clone() };
    read.keyword("SELECT (");
    let batch = Batch { alias: &alias, from: &from.text, order: &order.text, count: &count.text };
    batch.write(&mut rows, field, table, &mut read)?;
    read.keyword(")::text");
    Ok(read)
}

/// Several rows as one object.
struct Batch<'b> {
    /// What a row is called in `from`.
    alias: &'b str,
    /// ` FROM …`
    from: &'b str,
    /// ` ORDER BY …`, or nothing where `from` gives them in order.
    order: &'b str,
    /// An expression.
    count: &'b str,
}

impl Batch<'_> {
    fn write<'a>(
        &self,
        rows: &mut Rows<'a>,
        field: &Field,
        table: &'a Table,
        sql: &mut Statement,
    ) -> Result<(), Error> {
        let object = rows.alias();
        sql.keyword("SELECT pg_catalog.row_to_json(").identifier(&object).keyword(") FROM (SELECT ");
        for (index, inner) in field.fields().iter().enumerate() {
            sql.keyword(if index == 0 { "" } else { ", " });
            match inner.meaning {
                Meaning::Typename => write_typename(&format!("{}Batch", table.names.type_name), sql),
                Meaning::Batch(BatchField::Count) => {
                    sql.expression(self.count);
                }
                Meaning::Batch(BatchField::Nodes) => {
                    let row = rows.alias();
                    sql.keyword("(SELECT coalesce(pg_catalog.json_agg(pg_catalog.row_to_json(").identifier(&row);
                    sql.keyword(")").expression(self.order).keyword("), '[]')").expression(self.from);
                    sql.keyword(" CROSS JOIN LATERAL (SELECT ");
                    rows.write_fields(inner.fields(), table, self.alias, sql)?;
                    sql.keyword(") AS ").identifier(&row).keyword(")");
                }
                _ => return Err(misplaced(inner)),
            }
            write_key(inner, sql)?;
        }
        sql.keyword(") AS ").identifier(&object);
        Ok(())
    }
}
