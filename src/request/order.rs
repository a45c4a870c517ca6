//! In which order do rows come, and which rows come after a given one?

use crate::error::{Code, Error};
use crate::input::Input;
use crate::model::{Column, ColumnId, Table, is_orderable};
use crate::sql::Statement;

/// A total order of a table's rows, as far as the table has a key: the columns asked for, then the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order(pub(super) Vec<Term>);

/// One column of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) column: ColumnId,
    direction: Direction,
    nulls: Nulls,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Ascending,
    Descending,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nulls {
    First,
    Last,
}

/// Which way a list is walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Walk {
    Forwards,
    Backwards,
}

impl Order {
    /// Reads `[TaskOrder!]` and completes it with the key.
    pub(super) fn read(table: &Table, input: Option<&Input>) -> Result<Self, Error> {
        let mut terms: Vec<Term> = Vec::new();
        for item in input.map(Input::items).unwrap_or_default().iter().filter(|item| **item != Input::Null) {
            for (field, direction) in item.fields() {
                let column = table.column_by_field(field).ok_or_else(|| bad_order(field))?;
                let Input::Enum(direction) = direction else { return Err(bad_order(field)) };
                terms.push(Term::read(column, direction).ok_or_else(|| bad_order(direction))?);
            }
        }
        let rest: Vec<ColumnId> = if table.key.is_empty() {
            table.columns().filter(|(_, column)| is_orderable(&column.kind)).map(|(id, _)| id).collect()
        } else {
            table.key.clone()
        };
        for column in rest {
            if !terms.iter().any(|term| term.column == column) {
                terms.push(Term { column, direction: Direction::Ascending, nulls: Nulls::Last });
            }
        }
        Ok(Self(terms))
    }

    /// Prints ` ORDER BY …`, nothing if the table has nothing to order by.
    pub(super) fn write(&self, table: &Table, alias: &str, walk: Walk, sql: &mut Statement) {
        for (index, term) in self.0.iter().enumerate() {
            let term = term.walked(walk);
            let column = table.column(term.column);
            sql.keyword(if index == 0 { " ORDER BY " } else { ", " }).column(alias, &column.name);
            if term.direction == Direction::Descending {
                sql.keyword(" DESC");
            }
            let usual = match term.direction {
                Direction::Ascending => Nulls::Last,
                Direction::Descending => Nulls::First,
            };
            // Left out where it says nothing, so that a plain index serves the order.
            if term.nulls != usual && !column.not_null {
                sql.keyword(if term.nulls == Nulls::First { " NULLS FIRST" } else { " NULLS LAST" });
            }
        }
    }

    /// Prints the condition that a row comes after the one with these values, in the direction walked.
    pub(super) fn write_after(
        &self,
        table: &Table,
        alias: &str,
        walk: Walk,
        values: &[Option<String>],
        sql: &mut Statement,
    ) {
        sql.keyword("(");
        for (index, (term, value)) in self.0.iter().zip(values).enumerate() {
            if index > 0 {
                sql.keyword(" OR ");
            }
            sql.keyword("(");
            for (equal, value) in self.0.iter().zip(values).take(index) {
                write_equal(table.column(equal.column), alias, value.as_deref(), sql);
                sql.keyword(" AND ");
            }
            term.walked(walk).write_beyond(table.column(term.column), alias, value.as_deref(), sql);
            sql.keyword(")");
        }
        sql.keyword(")");
    }

    /// Tells this order from others, for cursors.
    pub(super) fn signature(&self, table: &Table) -> String {
        let mut text = table.sql.quoted();
        for term in &self.0 {
            text.push_str(&format!(",{} {:?} {:?}", table.column(term.column).name, term.direction, term.nulls));
        }
        let hash = text
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        format!("{hash:016x}")
    }
}

impl Term {
    fn read(column: ColumnId, direction: &str) -> Option<Self> {
        let (direction, nulls) = match direction {
            "ASC" | "ASC_NULLS_LAST" => (Direction::Ascending, Nulls::Last),
            "ASC_NULLS_FIRST" => (Direction::Ascending, Nulls::First),
            "DESC" | "DESC_NULLS_FIRST" => (Direction::Descending, Nulls::First),
            "DESC_NULLS_LAST" => (Direction::Descending, Nulls::Last),
            _ => return None,
        };
        Some(Self { column, direction, nulls })
    }

    fn walked(self, walk: Walk) -> Self {
        match walk {
            Walk::Forwards => self,
            Walk::Backwards => Self {
                column: self.column,
                direction: match self.direction {
                    Direction::Ascending => Direction::Descending,
                    Direction::Descending => Direction::Ascending,
                },
                nulls: match self.nulls {
                    Nulls::First => Nulls::Last,
                    Nulls::Last => Nulls::First,
                },
            },
        }
    }

    fn write_beyond(self, column: &Column, alias: &str, value: Option<&str>, sql: &mut Statement) {
        let Some(value) = value else {
            match self.nulls {
                Nulls::First => sql.column(alias, &column.name).keyword(" IS NOT NULL"),
                Nulls::Last => sql.keyword("false"),
            };
            return;
        };
        let operator = match self.direction {
            Direction::Ascending => " > ",
            Direction::Descending => " < ",
        };
        sql.keyword("(").column(alias, &column.name).keyword(operator).bind(Some(value.to_owned()), &column.sql_type);
        if self.nulls == Nulls::Last && !column.not_null {
            sql.keyword(" OR ").column(alias, &column.name).keyword(" IS NULL");
        }
        sql.keyword(")");
    }
}

fn write_equal(column: &Column, alias: &str, value: Option<&str>, sql: &mut Statement) {
    sql.column(alias, &column.name);
    match value {
        Some(value) => sql.keyword(" = ").bind(Some(value.to_owned()), &column.sql_type),
        None => sql.keyword(" IS NULL"),
    };
}

fn bad_order(what: &str) -> Error {
    Error::new(Code::BadUserInput, format!("cannot order by `{what}`"))
}
