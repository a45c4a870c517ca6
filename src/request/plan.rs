//! Turns an operation and the values of its variables into statements. Pure: no I/O, every refusal early.

use std::time::Duration;

use crate::error::{Code, Error};
use crate::filter::Filter;
use crate::input::{self, Input};
use crate::model::{ColumnId, Model, Table, TableId};
use crate::operation::{Field, Kind, Variables};
use crate::schema::{Meaning, Schema};
use crate::sql::Statement;

use super::call::{self, Call};
use super::rows::{Origin, Rows};
use super::write::{self, Step};
use super::{aggregate, cost, page};

/// Parameters of one statement, as many as the count in a Bind message can say.
/// <https://www.postgresql.org/docs/current/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-BIND>
const MOST_VALUES: usize = 65_535;

/// Limits on what one operation may ask of the database.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Rows of a list that gives neither `first` nor `last`.
    pub default_rows: u64,
    /// The largest `first` and `last`.
    pub max_rows: u64,
    /// The largest `offset`.
    pub max_offset: u64,
    /// Root fields of one operation.
    pub root_fields: usize,
    /// Rows that one operation may give, all lists within lists counted.
    pub cost: u64,
    /// What the pool's sessions were told; here for the message.
    pub statement_timeout: Duration,
}

/// As the settings are if nobody sets them.
impl Default for Limits {
    fn default() -> Self {
        Self {
            default_rows: 100,
            max_rows: 1_000,
            max_offset: 100_000,
            root_fields: 50,
            cost: 2_000_000,
            statement_timeout: Duration::from_secs(30),
        }
    }
}

/// What to send to Postgres, and how the answers make up the response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The root fields, in the order of the response.
    pub fields: Vec<(String, Source)>,
    /// What to execute.
    pub work: Work,
}

/// Where the value of a root field comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Known without asking: a JSON text.
    Constant(String),
    /// The schema answers it.
    Introspection,
    /// The column of the query's row, or the step of the mutation.
    Result(usize),
}

/// Statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// None.
    Nothing,
    /// One statement, one row, a column of JSON text for each field.
    Query(Statement),
    /// Steps, in one transaction.
    Mutation(Vec<Step>),
}

/// What every part of the planner needs.
#[derive(Clone, Copy)]
pub(super) struct Planner<'a> {
    pub(super) schema: &'a Schema,
    pub(super) variables: &'a Variables,
    pub(super) limits: Limits,
}

/// Plans a query or a mutation.
///
/// # Errors
/// What the operation asks for in vain, at the root field concerned.
pub fn plan(
    schema: &Schema,
    kind: Kind,
    root_type: &str,
    fields: &[Field],
    variables: &Variables,
    limits: Limits,
) -> Result<Plan, Error> {
    if fields.len() > limits.root_fields {
        let message = format!(
            "the operation has {} root fields; {} are allowed (setting: --max-root-fields)",
            fields.len(),
            limits.root_fields
        );
        return Err(Error::new(Code::RootFieldsLimit, message));
    }
    cost::check(schema, fields, variables, limits)?;
    let planner = Planner { schema, variables, limits };
    let mut statement = Statement::new();
    let mut steps = Vec::new();
    let mut results = 0;
    let mut sources = Vec::new();
    for field in fields {
        let source = match field.meaning {
            Meaning::Typename => Source::Constant(format!("\"{root_type}\"")),
            Meaning::Nothing => Source::Constant("null".to_owned()),
            Meaning::Introspection => Source::Introspection,
            _ => {
                let planned = match kind {
                    Kind::Query => {
                        statement.keyword(if results == 0 { "SELECT " } else { ", " });
                        planner.query_field(field, &mut statement)
                    }
                    Kind::Mutation => write::step(&planner, field).map(|step| steps.push(step)),
                    Kind::Subscription => {
                        Err(Error::new(Code::Unsupported, "a subscription has no plan of statements"))
                    }
                };
                planned.map_err(|error| error.at(&field.key))?;
                results += 1;
                Source::Result(results - 1)
            }
        };
        sources.push((field.key.clone(), source));
    }
    let work = match (results, kind) {
        (0, _) => Work::Nothing,
        (_, Kind::Mutation) => Work::Mutation(steps),
        (_, Kind::Query | Kind::Subscription) => Work::Query(statement),
    };
    check_values(&work)?;
    Ok(Plan { fields: sources, work })
}

/// Refuses statements with more parameters than the protocol can count.
fn check_values(work: &Work) -> Result<(), Error> {
    let most = match work {
        Work::Nothing => 0,
        Work::Query(statement) => statement.binds.len(),
        Work::Mutation(steps) => {
            let statements = steps.iter().flat_map(|step| std::iter::once(&step.write).chain(&step.read));
            statements.map(|statement| statement.binds.len()).max().unwrap_or_default()
        }
    };
    if most <= MOST_VALUES {
        return Ok(());
    }
    let advice = match work {
        Work::Nothing | Work::Query(_) => "use `in` for a list",
        Work::Mutation(_) => "give fewer rows at a time",
    };
    let message = format!("a statement of the operation has {most} values; {MOST_VALUES} are allowed: {advice}");
    Err(Error::new(Code::ValuesLimit, message))
}

impl<'a> Planner<'a> {
    pub(super) fn model(&self) -> &'a Model {
        &self.schema.model
    }

    /// One root field as an expression of JSON text.
    fn query_field(&self, field: &Field, sql: &mut Statement) -> Result<(), Error> {
        let mut rows = Rows::new(*self);
        if let Meaning::Call(id) = field.meaning {
            let function = self.model().function(id);
            let call = Call::read(self, field, function, None)?;
            return call::write_text(&mut rows, function, sql, |rows, sql| call::write(rows, field, &call, sql));
        }
        sql.keyword("(");
        match field.meaning {
            Meaning::Rows(id) => page::write(&mut rows, field, self.model().table(id), Origin::Table, sql)?,
            Meaning::Aggregates(id) => aggregate::write(&mut rows, field, self.model().table(id), None, sql)?,
            Meaning::RowByKey(id) => {
                let table = self.model().table(id);
                self.row_by(&mut rows, field, table, &table.key, sql)?;
            }
            Meaning::RowByUnique(id, index) => {
                let table = self.model().table(id);
                self.row_by(&mut rows, field, table, &table.unique_keys[index].columns, sql)?;
            }
            _ => return Err(misplaced(field)),
        }
        sql.keyword(")::text");
        Ok(())
    }

    fn row_by(
        &self,
        rows: &mut Rows<'a>,
        field: &Field,
        table: &'a Table,
        key: &[ColumnId],
        sql: &mut Statement,
    ) -> Result<(), Error> {
        let filter = self.key_filter(field, table, key)?;
        rows.write_object(field.fields(), table, sql, |alias, sql| {
            sql.keyword(" FROM ").qualified(&table.sql).keyword(" AS ").identifier(alias).keyword(" WHERE ");
            filter.write(self.model(), table, alias, sql);
        })
    }

    /// The condition on the key that the field's arguments give.
    pub(super) fn key_filter(&self, field: &Field, table: &Table, key: &[ColumnId]) -> Result<Filter, Error> {
        let mut pairs = Vec::with_capacity(key.len());
        for id in key {
            let column = table.column(*id);
            let input = self.required(field, &column.field)?;
            let text = input::to_text(self.model(), &column.kind, &input)?;
            let refused = || Error::new(Code::BadUserInput, format!("argument `{}` must not be null", column.field));
            pairs.push((*id, text.ok_or_else(refused)?));
        }
        Ok(Filter::key(pairs))
    }

    /// The value of an argument, which may be null.
    pub(super) fn given(&self, field: &Field, name: &str) -> Result<Option<Input>, Error> {
        field.argument(self.schema, name, self.variables)
    }

    /// The value of an argument; null counts as not given.
    pub(super) fn argument(&self, field: &Field, name: &str) -> Result<Option<Input>, Error> {
        Ok(field.argument(self.schema, name, self.variables)?.filter(|input| *input != Input::Null))
    }

    /// The value of an argument that the schema requires.
    pub(super) fn required(&self, field: &Field, name: &str) -> Result<Input, Error> {
        let missing = || Error::new(Code::BadUserInput, format!("argument `{name}` is required"));
        self.argument(field, name)?.ok_or_else(missing)
    }

    pub(super) fn table(&self, id: TableId) -> &'a Table {
        self.model().table(id)
    }
}

/// A field at a place where the schema has none of its meaning: a defect.
pub(super) fn misplaced(field: &Field) -> Error {
    Error::new(Code::Internal, format!("`{}` cannot be planned here", field.name))
}
