//! Prints a selection of a row, with its relations, as one expression that gives a JSON object.

use super::call::{self, Call, RowArgument};
use super::plan::{Planner, misplaced};
use super::{aggregate, page};
use crate::error::{Code, Error};
use crate::filter::condition;
use crate::model::{Cardinality, Kind, Model, Relation, Table};
use crate::operation::Field;
use crate::schema::Meaning;
use crate::selection;
use crate::sql::Statement;

/// Postgres cuts longer names, and a response key is a column's name in the statement.
/// <https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS>
const LONGEST_KEY: usize = 63;

/// A statement's rows, each with an alias of its own.
pub(super) struct Rows<'a> {
    pub(super) planner: Planner<'a>,
    aliases: usize,
}

/// Where the rows of a list come from.
#[derive(Clone, Copy)]
pub(super) enum Origin<'a> {
    /// All of their table.
    Table,
    /// Those that belong to a row.
    Related(Parent<'a>),
    /// A function, whose call this prints.
    Called(&'a dyn Fn(&mut Statement)),
}

impl Origin<'_> {
    /// Prints what stands in FROM.
    pub(super) fn write(self, table: &Table, sql: &mut Statement) {
        match self {
            Self::Table | Self::Related(_) => {
                sql.qualified(&table.sql);
            }
            Self::Called(call) => call(sql),
        }
    }
}

/// The row that a related row belongs to.
#[derive(Clone, Copy)]
pub(super) struct Parent<'a> {
    pub(super) alias: &'a str,
    pub(super) table: &'a Table,
    pub(super) relation: &'a Relation,
}

impl<'a> Rows<'a> {
    pub(super) fn new(planner: Planner<'a>) -> Self {
        Self { planner, aliases: 0 }
    }

    /// An alias that nothing else in the statement has. A response key is a column's name, and a column hides a row
    /// of the same name; hence a character that no name of GraphQL can have.
    pub(super) fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("#{}", self.aliases)
    }

    /// Prints `SELECT row_to_json(o) FROM (SELECT … <from>) AS o`: null where there is no row.
    pub(super) fn write_object(
        &mut self,
        fields: &[Field],
        table: &'a Table,
        sql: &mut Statement,
        from: impl FnOnce(&str, &mut Statement),
    ) -> Result<(), Error> {
        let (alias, object) = (self.alias(), self.alias());
        sql.keyword("SELECT pg_catalog.row_to_json(").identifier(&object).keyword(") FROM (SELECT ");
        self.write_fields(fields, table, &alias, sql)?;
        from(&alias, sql);
        sql.keyword(") AS ").identifier(&object);
        Ok(())
    }

    /// Prints the selected fields of the row called `alias`, each under its response key.
    pub(super) fn write_fields(
        &mut self,
        fields: &[Field],
        table: &'a Table,
        alias: &str,
        sql: &mut Statement,
    ) -> Result<(), Error> {
        for (index, field) in fields.iter().enumerate() {
            if index > 0 {
                sql.keyword(", ");
            }
            match field.meaning {
                Meaning::Typename => write_typename(&table.names.type_name, sql),
                Meaning::Column(id) => {
                    let column = table.column(id);
                    self.write_value(field, &column.kind, &Statement::column_reference(alias, &column.name), sql)?;
                }
                Meaning::Relation(id) => {
                    let parent = Parent { alias, table, relation: table.relation(id) };
                    sql.keyword("(");
                    self.write_related(field, parent, sql)?;
                    sql.keyword(")");
                }
                Meaning::Call(id) => {
                    let function = self.planner.model().function(id);
                    let row = Some(RowArgument { table, alias });
                    let call = Call::read(&self.planner, field, function, row)?;
                    sql.keyword("(");
                    call::write(self, field, &call, sql)?;
                    sql.keyword(")");
                }
                Meaning::RelatedAggregates(id) => {
                    let parent = Parent { alias, table, relation: table.relation(id) };
                    sql.keyword("(");
                    aggregate::write(self, field, self.planner.table(parent.relation.target), Some(parent), sql)?;
                    sql.keyword(")");
                }
                _ => return Err(misplaced(field)),
            }
            write_key(field, sql)?;
        }
        Ok(())
    }

    /// Prints what is selected of a value.
    pub(super) fn write_value(
        &self,
        field: &Field,
        kind: &Kind,
        expression: &str,
        sql: &mut Statement,
    ) -> Result<(), Error> {
        let model = self.planner.model();
        match field.value_selection()? {
            Some(parts) => {
                check_keys(field.fields())?;
                sql.expression(&selection::selected_expression(model, kind, &parts, expression));
            }
            None => {
                sql.expression(&selection::json_expression(model, kind, expression));
            }
        }
        Ok(())
    }

    fn write_related(&mut self, field: &Field, parent: Parent<'_>, sql: &mut Statement) -> Result<(), Error> {
        let model = self.planner.model();
        let target = self.planner.table(parent.relation.target);
        match parent.relation.cardinality {
            Cardinality::Many => page::write(self, field, target, Origin::Related(parent), sql),
            Cardinality::One { .. } => self.write_object(field.fields(), target, sql, |alias, sql| {
                sql.keyword(" FROM ").qualified(&target.sql).keyword(" AS ").identifier(alias).keyword(" WHERE ");
                write_join(model, parent, target, alias, sql);
            }),
        }
    }
}

/// Prints that the row called `alias` belongs to its parent.
pub(super) fn write_join(model: &Model, parent: Parent<'_>, target: &Table, alias: &str, sql: &mut Statement) {
    condition::write_join(model, parent.relation, (parent.table, parent.alias), (target, alias), sql);
}

/// Prints the name of a type, which is a GraphQL name: letters, digits and `_`.
pub(super) fn write_typename(name: &str, sql: &mut Statement) {
    sql.keyword("'").expression(name).keyword("'::text");
}

/// Prints ` AS "key"`.
pub(super) fn write_key(field: &Field, sql: &mut Statement) -> Result<(), Error> {
    check_key(field)?;
    sql.keyword(" AS ").identifier(&field.key);
    Ok(())
}

/// The same of the fields of a composite value, and of those within them.
fn check_keys(fields: &[Field]) -> Result<(), Error> {
    fields.iter().try_for_each(|field| check_key(field).and_then(|()| check_keys(field.fields())))
}

fn check_key(field: &Field) -> Result<(), Error> {
    if field.key.len() > LONGEST_KEY {
        let message =
            format!("the response key `{}` is longer than {LONGEST_KEY} bytes: use a shorter alias", field.key);
        return Err(Error::new(Code::ResponseKeyTooLong, message));
    }
    Ok(())
}
