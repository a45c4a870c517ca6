//! Does a row of the log pass a filter? Judged in memory exactly as Postgres would; what cannot be judged
//! exactly is refused when the filter is compiled, naming the operator.

use std::cmp::Ordering;

use super::{Comparison, Filter, Test};
use crate::error::{Code, Error};
use crate::model::{Collation, Column, ColumnId, Kind, Model, Table};

mod value;

use value::Value;

/// A compiled filter.
#[derive(Debug, Clone)]
pub struct Judge(Node);

#[derive(Debug, Clone)]
enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    IsNull(ColumnId, bool),
    Compare(ColumnId, Reader, Comparison, Value),
    Like(ColumnId, Vec<LikeStep>, Case),
    In(ColumnId, Reader, Vec<Value>),
    NotIn(ColumnId, Reader, Vec<Value>),
}

/// How the text of a column is read for a comparison.
#[derive(Debug, Clone, PartialEq)]
enum Reader {
    Kind(Kind),
    Labels(Vec<String>),
}

impl Reader {
    fn read(&self, text: &str) -> Option<Value> {
        match self {
            Self::Kind(kind) => value::read(kind, text),
            Self::Labels(labels) => labels.iter().position(|label| label == text).map(Value::Position),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Kept,
    /// ASCII letters only, as `lower()` does under the collation `C`.
    Folded,
}

impl Judge {
    /// Compiles a filter whose operands are in Postgres' own output form (see [`needs_canonical`]).
    ///
    /// # Errors
    /// `UNSUPPORTED`, naming column and operator, where only Postgres can tell.
    pub fn compile(model: &Model, table: &Table, filter: &Filter) -> Result<Self, Error> {
        Ok(Self(compile(model, table, filter)?))
    }

    /// Whether the row passes. `row` gives the text form of a column, `None` for NULL.
    ///
    /// A filter that is neither true nor false does not let a row pass, as in `WHERE`.
    pub fn passes<'a>(&self, row: &impl Fn(ColumnId) -> Option<&'a str>) -> bool {
        self.0.judge(row) == Some(true)
    }
}

/// Whether an operand of this kind has to be brought into Postgres' own output form by Postgres.
pub fn needs_canonical(kind: &Kind) -> bool {
    match kind {
        Kind::Boolean | Kind::Int | Kind::BigInt | Kind::String | Kind::Enum(_) | Kind::Opaque => false,
        Kind::Float
        | Kind::BigDecimal
        | Kind::Uuid
        | Kind::DateTime
        | Kind::LocalDateTime
        | Kind::Date
        | Kind::Time
        | Kind::Duration
        | Kind::Json
        | Kind::Jsonb
        | Kind::Bytes
        | Kind::Array(_) => true,
    }
}

fn compile(model: &Model, table: &Table, filter: &Filter) -> Result<Node, Error> {
    let each = |filters: &[Filter]| filters.iter().map(|f| compile(model, table, f)).collect::<Result<Vec<_>, _>>();
    Ok(match filter {
        Filter::All(filters) => Node::All(each(filters)?),
        Filter::Any(filters) => Node::Any(each(filters)?),
        Filter::Not(filter) => Node::Not(Box::new(compile(model, table, filter)?)),
        Filter::Test(id, test) => compile_test(model, table, *id, test)?,
    })
}

fn compile_test(model: &Model, table: &Table, id: ColumnId, test: &Test) -> Result<Node, Error> {
    let column = table.column(id);
    let operator = match test {
        Test::IsNull(wanted) => return Ok(Node::IsNull(id, *wanted)),
        Test::Compare(comparison, _) => comparison.field(),
        Test::In(_) => "in",
        Test::NotIn(_) => "notIn",
    };
    if let Some(reason) = inexact(column, test) {
        let message = format!(
            "`{}: {{{operator}: …}}` cannot be followed in a subscription: {reason}. Use another operator, or filter \
             in the client",
            column.field
        );
        return Err(Error::new(Code::Unsupported, message));
    }
    let reader = match &column.kind {
        Kind::Enum(enum_id) => {
            Reader::Labels(model.enum_type(*enum_id).values.iter().map(|value| value.label.clone()).collect())
        }
        kind => Reader::Kind(kind.clone()),
    };
    let read = |operand: &String| {
        let unread = || Error::new(Code::DataInvalid, format!("{operand:?} is not a value of `{}`", column.field));
        reader.read(operand).ok_or_else(unread)
    };
    let read_all = |operands: &[String]| operands.iter().map(read).collect::<Result<Vec<_>, _>>();
    Ok(match test {
        Test::IsNull(wanted) => Node::IsNull(id, *wanted),
        Test::Compare(Comparison::Like, pattern) => Node::Like(id, like_steps(pattern)?, Case::Kept),
        Test::Compare(Comparison::Ilike, pattern) => {
            Node::Like(id, like_steps(&pattern.to_ascii_lowercase())?, Case::Folded)
        }
        Test::Compare(comparison, operand) => Node::Compare(id, reader.clone(), *comparison, read(operand)?),
        Test::In(operands) => Node::In(id, reader.clone(), read_all(operands)?),
        Test::NotIn(operands) => Node::NotIn(id, reader.clone(), read_all(operands)?),
    })
}

/// Why only Postgres can judge the test, if so.
fn inexact(column: &Column, test: &Test) -> Option<&'static str> {
    let order = matches!(test, Test::Compare(Comparison::Lt | Comparison::Lte | Comparison::Gt | Comparison::Gte, _));
    let folded = matches!(test, Test::Compare(Comparison::Ilike, _));
    match (&column.kind, column.collation) {
        (Kind::Json | Kind::Jsonb, _) => Some("equality of JSON documents is known to Postgres alone"),
        (Kind::Array(element), _)
            if matches!(**element, Kind::Float | Kind::BigDecimal | Kind::Duration | Kind::Json | Kind::Jsonb) =>
        {
            Some("equal elements can have different texts")
        }
        (_, Collation::Equivalence) => Some("its collation takes different texts for equal"),
        (Kind::String, Collation::Language) if order => Some("the order of text depends on the collation"),
        (Kind::String, Collation::Language | Collation::ByteOrder) if folded => {
            Some("upper and lower case depend on the collation")
        }
        (Kind::Time, _) if order && column.sql_type.name == "timetz" => Some("the order of times with zones"),
        _ => None,
    }
}

impl Node {
    fn judge<'a>(&self, row: &impl Fn(ColumnId) -> Option<&'a str>) -> Option<bool> {
        match self {
            Self::All(nodes) => fold(nodes, row, false),
            Self::Any(nodes) => fold(nodes, row, true),
            Self::Not(node) => node.judge(row).map(|verdict| !verdict),
            Self::IsNull(column, wanted) => Some(row(*column).is_none() == *wanted),
            Self::Compare(column, reader, comparison, operand) => {
                Some(comparison.holds(reader.read(row(*column)?)?.compare(operand)))
            }
            Self::Like(column, steps, case) => {
                let text = row(*column)?;
                Some(match case {
                    Case::Kept => like(text, steps),
                    Case::Folded => like(&text.to_ascii_lowercase(), steps),
                })
            }
            Self::In(_, _, operands) if operands.is_empty() => Some(false),
            Self::NotIn(_, _, operands) if operands.is_empty() => Some(true),
            Self::In(column, reader, operands) => contains(reader, row(*column)?, operands),
            Self::NotIn(column, reader, operands) => contains(reader, row(*column)?, operands).map(|found| !found),
        }
    }
}

fn contains(reader: &Reader, text: &str, operands: &[Value]) -> Option<bool> {
    let value = reader.read(text)?;
    Some(operands.iter().any(|operand| value.compare(operand) == Ordering::Equal))
}

/// AND (`decisive` false) and OR (`decisive` true) with NULL as "unknown".
fn fold<'a>(nodes: &[Node], row: &impl Fn(ColumnId) -> Option<&'a str>, decisive: bool) -> Option<bool> {
    let mut result = Some(!decisive);
    for node in nodes {
        match node.judge(row) {
            Some(verdict) if verdict == decisive => return Some(decisive),
            Some(_) => {}
            None => result = None,
        }
    }
    result
}

impl Comparison {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Eq => ordering == Ordering::Equal,
            Self::Ne => ordering != Ordering::Equal,
            Self::Lt => ordering == Ordering::Less,
            Self::Lte => ordering != Ordering::Greater,
            Self::Gt => ordering == Ordering::Greater,
            Self::Gte => ordering != Ordering::Less,
            // Compiled to `Node::Like`, which compares no values.
            Self::Like | Self::Ilike => false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LikeStep {
    Exactly(char),
    AnyOne,
    AnyText,
}

/// <https://www.postgresql.org/docs/current/functions-matching.html#FUNCTIONS-LIKE>
fn like_steps(pattern: &str) -> Result<Vec<LikeStep>, Error> {
    let mut steps = Vec::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        steps.push(match character {
            '%' => LikeStep::AnyText,
            '_' => LikeStep::AnyOne,
            '\\' => LikeStep::Exactly(characters.next().ok_or_else(|| {
                Error::new(Code::DataInvalid, "a LIKE pattern must not end with the escape character `\\`")
            })?),
            other => LikeStep::Exactly(other),
        });
    }
    steps.dedup_by(|a, b| *a == LikeStep::AnyText && *b == LikeStep::AnyText);
    Ok(steps)
}

/// Matches in time bounded by text × pattern: after a mismatch only the last `%` takes one character more.
fn like(text: &str, steps: &[LikeStep]) -> bool {
    let mut rest = text.chars();
    let mut step = 0;
    let mut retry = None;
    loop {
        let here = rest.clone();
        match (steps.get(step), rest.next()) {
            (Some(LikeStep::AnyText), _) => {
                rest = here;
                step += 1;
                retry = Some((rest.clone(), step));
            }
            (None, None) => return true,
            (Some(LikeStep::AnyOne), Some(_)) => step += 1,
            (Some(LikeStep::Exactly(wanted)), Some(found)) if *wanted == found => step += 1,
            _ => {
                let Some((from, after)) = &mut retry else { return false };
                if from.next().is_none() {
                    return false;
                }
                rest = from.clone();
                step = *after;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_follows_postgres() {
        let cases = [
            ("abc", "a%", true),
            ("abc", "_b_", true),
            ("abc", "ab", false),
            ("", "%", true),
            ("", "_", false),
            ("a%c", r"a\%c", true),
            ("abc", r"a\%c", false),
            ("aXbXc", "%X_", true),
            ("naïve 🙂", "na_ve _", true),
            ("aaaaaaaaaaaaaaaaaaaab", "%a%a%a%a%a%a%c", false),
            ("mississippi", "%iss%pi", true),
        ];
        for (text, pattern, wanted) in cases {
            assert_eq!(like(text, &like_steps(pattern).unwrap()), wanted, "{text} LIKE {pattern}");
        }
        assert!(like_steps(r"abc\").is_err());
    }
}
