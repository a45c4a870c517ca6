//! What does a write make of the columns that it names?

use super::super::plan::Planner;
use super::insert::{self, Row};
use super::merge::Merge;
use super::step::Repetition;
use crate::error::{Code, Error};
use crate::input::{self, Input};
use crate::model::{Column, ColumnId, Kind, Model, Table};
use crate::operation::Field;
use crate::schema::Operation;
use crate::sql::{QualifiedName, Statement, array_literal};

/// Elements that one `remove` may name: each is a pass over the array.
const MOST_REMOVED: usize = 100;

/// Columns and what becomes of each.
pub(super) struct Assignments(Vec<(ColumnId, Assignment)>);

/// What becomes of a column. Values stand in the text form of the column's type, unless said otherwise.
enum Assignment {
    Value(Option<String>),
    Default,
    /// As it is.
    Same,
    Sum(String),
    /// An array.
    After(String),
    /// An array.
    Before(String),
    /// Arrays of one element each.
    Without(Vec<String>),
    Merged(Merge),
}

impl Assignments {
    /// What the arguments of a patch say.
    pub(super) fn read(planner: &Planner<'_>, field: &Field, table: &Table) -> Result<Self, Error> {
        let mut assignments = Self(Vec::new());
        let mut sources: Vec<(ColumnId, &'static str)> = Vec::new();
        let mut given = false;
        if let Some(patch) = planner.argument(field, "patch")? {
            given = true;
            for (id, value) in insert::row(planner, table, &patch)? {
                sources.push((id, "patch"));
                assignments.0.push((id, Assignment::Value(value)));
            }
        }
        for operation in Operation::ALL {
            let Some(input) = planner.argument(field, operation.argument())? else { continue };
            given = true;
            for (name, value) in input.fields() {
                let (id, assignment) = operate(planner.model(), table, operation, name, value)?;
                if let Some((_, other)) = sources.iter().find(|(known, _)| *known == id) {
                    let message =
                        format!("`{name}` is given in `{other}` and in `{}`: one of them only", operation.argument());
                    return Err(Error::new(Code::BadUserInput, message));
                }
                sources.push((id, operation.argument()));
                assignments.0.push((id, assignment));
            }
        }
        if given {
            return Ok(assignments);
        }
        let operations = Operation::ALL.into_iter().filter(|operation| operation.columns(table).next().is_some());
        let names: Vec<&str> = std::iter::once("patch").chain(operations.map(Operation::argument)).collect();
        let message = format!("nothing is said of what to change: give `{}`", names.join("` or `"));
        Err(Error::new(Code::BadUserInput, message))
    }

    /// All that a whole row replaces, as [`insert::replaced`] says.
    pub(super) fn whole(table: &Table, key: &[ColumnId], row: &Row) -> Self {
        let value = |id: ColumnId| row.iter().find(|(given, _)| *given == id).map(|(_, value)| value.clone());
        let columns = insert::replaced(table, key, |id| value(id).is_some()).into_iter();
        let assignment = |id| match value(id) {
            _ if key.contains(&id) => Assignment::Same,
            Some(value) => Assignment::Value(value),
            None => Assignment::Default,
        };
        Self(columns.map(|id| (id, assignment(id))).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the statement that does this will be seen again: a merge has a part for each object.
    pub(super) fn repetition(&self) -> Repetition {
        let merges = self.0.iter().any(|(_, assignment)| matches!(assignment, Assignment::Merged(_)));
        if merges { Repetition::Unlikely } else { Repetition::Usual }
    }

    /// Prints `"column" = …, …` for the row called `t`.
    pub(super) fn write(&self, table: &Table, sql: &mut Statement) {
        for (index, (id, assignment)) in self.0.iter().enumerate() {
            let column = table.column(*id);
            sql.keyword(if index == 0 { "" } else { ", " }).identifier(&column.name).keyword(" = ");
            assignment.write(column, sql);
        }
    }
}

/// Reads what an operation does to one column.
fn operate(
    model: &Model,
    table: &Table,
    operation: Operation,
    name: &str,
    value: &Input,
) -> Result<(ColumnId, Assignment), Error> {
    let argument = operation.argument();
    let unknown = || Error::new(Code::BadUserInput, format!("`{argument}` has no column `{name}`"));
    let id = table.column_by_field(name).ok_or_else(unknown)?;
    let kind = &table.column(id).kind;
    let text = || {
        let null = || Error::new(Code::BadUserInput, format!("`{argument}` cannot do anything with `{name}: null`"));
        input::to_text(model, kind, value)?.ok_or_else(null)
    };
    let assignment = match operation {
        Operation::Increment => Assignment::Sum(text()?),
        Operation::Append => Assignment::After(text()?),
        Operation::Prepend => Assignment::Before(text()?),
        Operation::Remove => {
            text()?;
            let Kind::Array(element) = kind else { return Err(unknown()) };
            if value.items().len() > MOST_REMOVED {
                let message =
                    format!("`remove` names more than {MOST_REMOVED} elements of `{name}`: use several patches");
                return Err(Error::new(Code::ValuesLimit, message));
            }
            let items = value.items().iter().map(|item| {
                let text = input::to_text(model, element, item)?;
                Ok(array_literal([text.as_deref()]))
            });
            Assignment::Without(items.collect::<Result<_, Error>>()?)
        }
        Operation::Merge => match value {
            Input::Object(fields) => Assignment::Merged(Merge::read(fields)?),
            other => Assignment::Value(input::to_text(model, kind, other)?),
        },
    };
    Ok((id, assignment))
}

impl Assignment {
    fn write(&self, column: &Column, sql: &mut Statement) {
        let reference = Statement::column_reference("t", &column.name);
        match self {
            Self::Value(value) => {
                sql.bind(value.clone(), &column.sql_type);
            }
            Self::Default => {
                sql.keyword("DEFAULT");
            }
            Self::Same => {
                sql.expression(&reference);
            }
            Self::Sum(value) => {
                // By the kind, not by the type: a domain's rules are for the sum, not for what is added.
                let number = QualifiedName::builtin(match column.kind {
                    Kind::Float => "float8",
                    Kind::BigDecimal => "numeric",
                    _ => "int8",
                });
                sql.expression(&reference).keyword("::").qualified(&number);
                sql.keyword(" + ").bind(Some(value.clone()), &number);
            }
            Self::After(elements) => {
                sql.expression(&reference).keyword(" || ").bind(Some(elements.clone()), &column.sql_type);
            }
            Self::Before(elements) => {
                sql.bind(Some(elements.clone()), &column.sql_type).keyword(" || ").expression(&reference);
            }
            Self::Without(items) => {
                for _ in items {
                    sql.keyword("pg_catalog.array_remove(");
                }
                sql.expression(&reference);
                for item in items {
                    // The element's type is that of the array.
                    sql.keyword(", (").bind(Some(item.clone()), &column.sql_type).keyword(")[1])");
                }
            }
            Self::Merged(merge) => {
                sql.keyword("(");
                merge.write(&format!("{reference}::pg_catalog.jsonb"), 1, sql);
                sql.keyword(")");
            }
        }
    }
}
