//! Which rows? The one meaning of `where`: read from input, printed as SQL by queries, judged on a row by
//! subscriptions (in [`judge`]). A test holds the two against each other with Postgres as the judge.

pub mod judge;

use crate::error::{Code, Error};
use crate::input::{self, Input};
use crate::model::{Column, ColumnId, Kind, Model, Table};
use crate::sql::{QualifiedName, Statement, array_literal, output_text};

/// A condition on a row, with SQL's three-valued logic: a comparison with NULL is neither true nor false.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Filter {
    /// All of them; true if there are none.
    All(Vec<Filter>),
    /// One of them at least; false if there are none.
    Any(Vec<Filter>),
    /// Not.
    Not(Box<Filter>),
    /// A test of one column.
    Test(ColumnId, Test),
}

/// A test of one column's value. Operands stand in the text form of the column's type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Test {
    /// `isNull`
    IsNull(bool),
    /// A comparison with one value.
    Compare(Comparison, String),
    /// `in`
    In(Vec<String>),
    /// `notIn`
    NotIn(Vec<String>),
}

/// The comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `=`
    Eq,
    /// `<>`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Lte,
    /// `>`
    Gt,
    /// `>=`
    Gte,
    /// `LIKE`: `%` any text, `_` one character, `\` takes the next as it stands.
    Like,
    /// `ILIKE`: the same without regard to case.
    Ilike,
}

impl Comparison {
    /// The operator's name in a filter.
    pub fn field(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Lt => "lt",
            Self::Lte => "lte",
            Self::Gt => "gt",
            Self::Gte => "gte",
            Self::Like => "like",
            Self::Ilike => "ilike",
        }
    }

    fn sql(self) -> &'static str {
        match self {
            Self::Eq => " = ",
            Self::Ne => " <> ",
            Self::Lt => " < ",
            Self::Lte => " <= ",
            Self::Gt => " > ",
            Self::Gte => " >= ",
            Self::Like => " LIKE ",
            Self::Ilike => " ILIKE ",
        }
    }

    const ALL: [Self; 8] = [Self::Eq, Self::Ne, Self::Lt, Self::Lte, Self::Gt, Self::Gte, Self::Like, Self::Ilike];
}

impl Filter {
    /// The filter that every row passes.
    pub fn everything() -> Self {
        Self::All(Vec::new())
    }

    /// The filter of one row by its key, from `(column, text)` pairs.
    pub fn key(pairs: impl IntoIterator<Item = (ColumnId, String)>) -> Self {
        let equal = |(column, value)| Self::Test(column, Test::Compare(Comparison::Eq, value));
        Self::All(pairs.into_iter().map(equal).collect())
    }

    /// Reads a `TaskFilter`.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` for null where it would be read as "no condition", and for values of another type.
    pub fn read(model: &Model, table: &Table, input: &Input) -> Result<Self, Error> {
        let mut conditions = Vec::new();
        for (field, value) in input.fields() {
            match (field.as_str(), value) {
                (_, Input::Null) => return Err(null_refused(field)),
                ("and", list) => conditions.push(Self::All(Self::read_each(model, table, list)?)),
                ("or", list) => conditions.push(Self::Any(Self::read_each(model, table, list)?)),
                ("not", filter) => conditions.push(Self::Not(Box::new(Self::read(model, table, filter)?))),
                (field, tests) => {
                    let column = table.column_by_field(field).ok_or_else(|| unknown(field))?;
                    Self::read_tests(model, table, column, tests, &mut conditions)?;
                }
            }
        }
        // One condition alone stands for itself, so that equal filters are equal however they were written.
        Ok(if conditions.len() == 1 { conditions.remove(0) } else { Self::All(conditions) })
    }

    fn read_each(model: &Model, table: &Table, list: &Input) -> Result<Vec<Self>, Error> {
        list.items().iter().map(|filter| Self::read(model, table, filter)).collect()
    }

    fn read_tests(
        model: &Model,
        table: &Table,
        column: ColumnId,
        tests: &Input,
        conditions: &mut Vec<Self>,
    ) -> Result<(), Error> {
        let kind = &table.column(column).kind;
        let one = |value: &Input, field: &str| input::to_text(model, kind, value)?.ok_or_else(|| null_refused(field));
        for (operator, value) in tests.fields() {
            if *value == Input::Null {
                return Err(null_refused(operator));
            }
            let several = || value.items().iter().map(|item| one(item, operator)).collect::<Result<Vec<_>, _>>();
            let test = match (operator.as_str(), value) {
                ("isNull", Input::Boolean(wanted)) => Test::IsNull(*wanted),
                ("in", _) => Test::In(several()?),
                ("notIn", _) => Test::NotIn(several()?),
                (name, value) => {
                    let comparison = Comparison::ALL.into_iter().find(|comparison| comparison.field() == name);
                    Test::Compare(comparison.ok_or_else(|| unknown(name))?, one(value, name)?)
                }
            };
            conditions.push(Self::Test(column, test));
        }
        Ok(())
    }

    /// Prints the condition on the row called `alias`.
    pub fn write(&self, table: &Table, alias: &str, sql: &mut Statement) {
        match self {
            Self::All(filters) => write_joined(filters, table, alias, sql, " AND ", "true"),
            Self::Any(filters) => write_joined(filters, table, alias, sql, " OR ", "false"),
            Self::Not(filter) => {
                sql.keyword("(NOT ");
                filter.write(table, alias, sql);
                sql.keyword(")");
            }
            Self::Test(column, test) => test.write(table, *column, alias, sql),
        }
    }

    /// Every operand with its column, to be rewritten in place.
    pub fn operands_mut(&mut self, visit: &mut impl FnMut(ColumnId, &mut String)) {
        match self {
            Self::All(filters) | Self::Any(filters) => {
                for filter in filters {
                    filter.operands_mut(visit);
                }
            }
            Self::Not(filter) => filter.operands_mut(visit),
            Self::Test(column, Test::Compare(_, operand)) => visit(*column, operand),
            Self::Test(column, Test::In(operands) | Test::NotIn(operands)) => {
                for operand in operands {
                    visit(*column, operand);
                }
            }
            Self::Test(_, Test::IsNull(_)) => {}
        }
    }
}

fn write_joined(
    filters: &[Filter],
    table: &Table,
    alias: &str,
    sql: &mut Statement,
    between: &'static str,
    empty: &'static str,
) {
    if filters.is_empty() {
        sql.keyword(empty);
        return;
    }
    sql.keyword("(");
    for (index, filter) in filters.iter().enumerate() {
        if index > 0 {
            sql.keyword(between);
        }
        filter.write(table, alias, sql);
    }
    sql.keyword(")");
}

impl Test {
    fn write(&self, table: &Table, id: ColumnId, alias: &str, sql: &mut Statement) {
        let column = table.column(id);
        let compared = Compared::of(&column.kind, &column.sql_type);
        match compared.form {
            Form::Text if !matches!(self, Self::IsNull(_)) => sql
                .keyword("(")
                .expression(&output_text(&Statement::column_reference(alias, &column.name)))
                .keyword(")"),
            Form::Itself | Form::Jsonb | Form::Text => sql.column(alias, &column.name),
        };
        match self {
            // Not `IS NULL`, which holds for a composite value of nothing but NULLs.
            Self::IsNull(wanted) => {
                sql.keyword(if *wanted { " IS NOT DISTINCT FROM NULL" } else { " IS DISTINCT FROM NULL" });
            }
            Self::Compare(comparison, operand) => {
                // LIKE compares text: a pattern is no value of an enum or a domain.
                let like = matches!(comparison, Comparison::Like | Comparison::Ilike);
                let operand_type = if like { &QualifiedName::builtin("text") } else { &compared.operand };
                sql.keyword(compared.cast()).keyword(comparison.sql()).bind(Some(operand.clone()), operand_type);
            }
            Self::In(operands) => write_list(sql, &compared, " = ANY(", operands, column),
            Self::NotIn(operands) => write_list(sql, &compared, " <> ALL(", operands, column),
        }
    }
}

/// As what values of a column are compared, where not as themselves.
struct Compared {
    form: Form,
    operand: QualifiedName,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Itself,
    Jsonb,
    /// The text of the output function, which is what a row of the log has.
    Text,
}

impl Compared {
    fn of(kind: &Kind, sql_type: &QualifiedName) -> Self {
        match kind {
            Kind::Json => Self { form: Form::Jsonb, operand: QualifiedName::builtin("jsonb") },
            Kind::Opaque => Self { form: Form::Text, operand: QualifiedName::builtin("text") },
            // A cast to `name` would cut a long operand, and so make it equal to another.
            Kind::String if *sql_type == QualifiedName::builtin("name") => {
                Self { form: Form::Itself, operand: QualifiedName::builtin("text") }
            }
            Kind::Boolean
            | Kind::Int
            | Kind::BigInt
            | Kind::Float
            | Kind::BigDecimal
            | Kind::String
            | Kind::Uuid
            | Kind::DateTime
            | Kind::LocalDateTime
            | Kind::Date
            | Kind::Time
            | Kind::Duration
            | Kind::Jsonb
            | Kind::Bytes
            | Kind::Enum(_)
            | Kind::Array(_) => Self { form: Form::Itself, operand: sql_type.clone() },
        }
    }

    fn cast(&self) -> &'static str {
        match self.form {
            Form::Jsonb => "::pg_catalog.jsonb",
            Form::Itself | Form::Text => "",
        }
    }
}

fn write_list(sql: &mut Statement, compared: &Compared, operator: &'static str, operands: &[String], column: &Column) {
    let text_array = QualifiedName::builtin("_text");
    let own_array = column.array_type.as_ref().filter(|_| compared.operand == column.sql_type);
    let array_type = own_array.unwrap_or(&text_array);
    let literal = array_literal(operands.iter().map(|operand| Some(operand.as_str())));
    sql.keyword(compared.cast()).keyword(operator).bind(Some(literal), array_type).keyword(")");
}

fn null_refused(field: &str) -> Error {
    Error::new(
        Code::BadUserInput,
        format!("`{field}: null` in a filter has no meaning: use `isNull`, or leave the field out"),
    )
}

fn unknown(field: &str) -> Error {
    Error::new(Code::BadUserInput, format!("a filter has no field `{field}`"))
}
