//! What does a patch make of the columns that it names?

use super::super::plan::Planner;
use super::insert::{self, Row};
use crate::error::Error;
use crate::model::Table;
use crate::operation::Field;
use crate::sql::Statement;

/// The columns of a patch and their new values.
pub(super) struct Assignments(Row);

impl Assignments {
    pub(super) fn read(planner: &Planner<'_>, field: &Field, table: &Table) -> Result<Self, Error> {
        Ok(Self(insert::row(planner, table, &planner.required(field, "patch")?)?))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Prints `"column" = …, …`.
    pub(super) fn write(&self, table: &Table, sql: &mut Statement) {
        for (index, (id, value)) in self.0.iter().enumerate() {
            let column = table.column(*id);
            sql.keyword(if index == 0 { "" } else { ", " }).identifier(&column.name).keyword(" = ");
            sql.bind(value.clone(), &column.sql_type);
        }
    }
}
