//! Does a row of the log pass a filter? Judged in memory exactly as Postgres would; what cannot be judged
//! exactly is refused when the filter is compiled, naming the operator.

use std::cmp::Ordering;

use super::{Comparison, Containment, Filter, Keys, Match, Test};
use crate::error::{Code, Error};
use crate::model::{Collation, Column, ColumnId, Kind, Model, Printed, Table};
use crate::sql::{QualifiedName, record_parts};

mod elements;
mod entries;
mod keys;
mod pattern;
mod value;

use entries::Entries;
use pattern::{Step, like, steps};
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
    Like(ColumnId, Vec<Step>, Case),
    StartsWith(ColumnId, Box<str>),
    EndsWith(ColumnId, Box<str>),
    HasText(ColumnId, Box<str>),
    /// Elements of the kind, NULL among them.
    Contain(ColumnId, Kind, Containment, Vec<Option<Value>>),
    Entries(ColumnId, Containment, Entries),
    Keys(ColumnId, Kind, Keys, Vec<Box<str>>),
    /// Of the part that these indices lead to.
    Part(ColumnId, Vec<usize>, Box<Node>),
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
        Kind::Boolean
        | Kind::Int
        | Kind::BigInt
        | Kind::String
        | Kind::Padded
        | Kind::Enum(_)
        | Kind::Printed(Printed::Xml)
        | Kind::Spatial(_)
        | Kind::Opaque => false,
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
        | Kind::Composite(_)
        | Kind::HStore
        | Kind::Printed(_)
        | Kind::Array(_) => true,
    }
}

fn compile(model: &Model, table: &Table, filter: &Filter) -> Result<Node, Error> {
    let each = |filters: &[Filter]| filters.iter().map(|f| compile(model, table, f)).collect::<Result<Vec<_>, _>>();
    Ok(match filter {
        Filter::All(filters) => Node::All(each(filters)?),
        Filter::Any(filters) => Node::Any(each(filters)?),
        Filter::Not(filter) => Node::Not(Box::new(compile(model, table, filter)?)),
        Filter::Test(id, test) => compile_test(model, *id, table.column(*id), test)?,
        Filter::Related(id, ..) => {
            let relation = table.relation(*id);
            let message = format!(
                "`{}: {{…}}` cannot be followed in a subscription: other rows decide it, not the row alone. Follow `{}` and \
                 `{}` together with `sync`, and put them together in the client",
                relation.field,
                table.names.many,
                model.table(relation.target).names.many
            );
            return Err(Error::new(Code::Unsupported, message));
        }
    })
}

fn compile_test(model: &Model, id: ColumnId, column: &Column, test: &Test) -> Result<Node, Error> {
    let (mut path, mut names, mut valued, mut inner) = (Vec::new(), column.field.clone(), column, test);
    while let Test::Part(index, of_part) = inner {
        valued = model.part(&valued.kind, *index).ok_or_else(|| unjudged(test))?;
        names = format!("{names}: {{parts: {{{}", valued.field);
        path.push(*index);
        inner = of_part;
    }
    if let Some(reason) = inexact(valued, inner) {
        let message = format!(
            "`{names}: {{{}: …}}{}` cannot be followed in a subscription: {reason}. Use another operator, or filter \
             in the client",
            inner.operator().field(),
            "}}".repeat(path.len())
        );
        return Err(Error::new(Code::Unsupported, message));
    }
    let node = compile_value(model, id, valued, inner)?;
    Ok(if path.is_empty() { node } else { Node::Part(id, path, Box::new(node)) })
}

/// Compiles a test of a column's value, or of a part's as if it were that of the column.
fn compile_value(model: &Model, id: ColumnId, column: &Column, test: &Test) -> Result<Node, Error> {
    let reader = match &column.kind {
        Kind::Enum(enum_id) => {
            Reader::Labels(model.enum_type(*enum_id).values.iter().map(|value| value.label.clone()).collect())
        }
        kind => Reader::Kind(kind.clone()),
    };
    let unread =
        |operand: &str| Error::new(Code::DataInvalid, format!("{operand:?} is not a value of `{}`", column.field));
    let read = |operand: &String| reader.read(operand).ok_or_else(|| unread(operand));
    let read_all = |operands: &[String]| operands.iter().map(read).collect::<Result<Vec<_>, _>>();
    Ok(match test {
        Test::IsNull(wanted) => Node::IsNull(id, *wanted),
        Test::Compare(comparison, operand) => Node::Compare(id, reader.clone(), *comparison, read(operand)?),
        Test::In(operands) => Node::In(id, reader.clone(), read_all(operands)?),
        Test::NotIn(operands) => Node::NotIn(id, reader.clone(), read_all(operands)?),
        Test::Match(how, operand) => match how {
            Match::Like => Node::Like(id, steps(operand)?, Case::Kept),
            Match::Ilike => Node::Like(id, steps(&operand.to_ascii_lowercase())?, Case::Folded),
            Match::StartsWith => Node::StartsWith(id, operand.as_str().into()),
            Match::EndsWith => Node::EndsWith(id, operand.as_str().into()),
            Match::Contains => Node::HasText(id, operand.as_str().into()),
            Match::Regex | Match::Iregex => return Err(unjudged(test)),
        },
        Test::Contain(containment, operand) => match &column.kind {
            Kind::Array(element) => {
                let element = element.element();
                let elements = elements::read(element, operand).ok_or_else(|| unread(operand))?;
                Node::Contain(id, element.clone(), *containment, elements)
            }
            Kind::HStore => Node::Entries(id, *containment, entries::read(operand)),
            _ => return Err(unjudged(test)),
        },
        Test::Keys(how, keys) => {
            Node::Keys(id, column.kind.clone(), *how, keys.iter().map(|key| key.as_str().into()).collect())
        }
        Test::Path(_) | Test::Place(..) | Test::Matches(_) | Test::Lie(..) | Test::Distance(..) | Test::Part(..) => {
            return Err(unjudged(test));
        }
    })
}

/// A test that [`inexact`] lets pass and nothing judges: a defect.
fn unjudged(test: &Test) -> Error {
    Error::new(Code::Internal, format!("`{}` is not judged", test.operator().field()))
}

/// Why only Postgres can judge the test, if so.
fn inexact(column: &Column, test: &Test) -> Option<&'static str> {
    let is_order = matches!(test, Test::Compare(comparison, _) if comparison.is_order());
    match (&column.kind, test, column.collation) {
        (_, Test::IsNull(_), _) => None,
        (_, Test::Match(Match::Regex | Match::Iregex, _), _) => {
            Some("regular expressions are understood by Postgres alone")
        }
        (_, Test::Place(..), _) => Some("how ranges lie to each other is known to Postgres alone"),
        (_, Test::Matches(_), _) => Some("text is searched by Postgres alone"),
        (_, Test::Path(_), _) => Some("SQL/JSON paths are understood by Postgres alone"),
        (_, Test::Lie(..) | Test::Distance(..), _) => Some("how geometries lie is known to PostGIS alone"),
        // A point without coordinates and one of NaN have the same text, and are not equal.
        (kind, _, _) if matches!(kind.element(), Kind::Spatial(_)) => {
            Some("equality of geometries is known to PostGIS alone")
        }
        (Kind::Jsonb, Test::Keys(..), _) => None,
        (Kind::Json | Kind::Jsonb, _, _) => Some("equality of JSON documents is known to Postgres alone"),
        (Kind::Array(element), _, _) if *element.element() == Kind::Jsonb => {
            Some("equality of JSON documents is known to Postgres alone")
        }
        (_, _, Collation::Equivalence) => Some("its collation takes different texts for equal"),
        (Kind::Array(_), Test::Contain(..), _) => None,
        (Kind::Array(element), _, _) if !has_one_text(element.element()) => {
            Some("equal elements can have different texts")
        }
        (Kind::String, _, _) if is_order && column.base_type == QualifiedName::builtin("char") => {
            Some("the order of text depends on the collation")
        }
        (Kind::Printed(Printed::Money), _, _) if is_order => Some("the text of money depends on the database's locale"),
        (Kind::String | Kind::Padded, _, Collation::Language) if is_order => {
            Some("the order of text depends on the collation")
        }
        (Kind::String | Kind::Padded, Test::Match(Match::Ilike, _), Collation::Language | Collation::ByteOrder) => {
            Some("upper and lower case depend on the collation")
        }
        (Kind::Time, _, _) if is_order && column.base_type.name == "timetz" => Some("the order of times with zones"),
        _ => None,
    }
}

/// Whether equal values of the kind have the same text, as Postgres puts it out.
fn has_one_text(kind: &Kind) -> bool {
    match kind {
        Kind::Float | Kind::BigDecimal | Kind::Padded | Kind::Duration | Kind::Jsonb => false,
        Kind::Printed(Printed::Range(bound) | Printed::Multirange(bound)) => has_one_text(&bound.kind()),
        // Compared as text where Postgres has no equality.
        Kind::Json | Kind::Composite(_) | Kind::Printed(Printed::Xml) | Kind::Opaque => true,
        Kind::Boolean
        | Kind::Int
        | Kind::BigInt
        | Kind::String
        | Kind::Uuid
        | Kind::DateTime
        | Kind::LocalDateTime
        | Kind::Date
        | Kind::Time
        | Kind::Bytes
        | Kind::Enum(_)
        | Kind::HStore
        | Kind::Spatial(_)
        | Kind::Printed(
            Printed::Inet | Printed::Cidr | Printed::MacAddr | Printed::BitString | Printed::Money | Printed::TsVector,
        ) => true,
        Kind::Array(element) => has_one_text(element),
    }
}

impl Node {
    fn judge<'a, R: Fn(ColumnId) -> Option<&'a str> + ?Sized>(&self, row: &R) -> Option<bool> {
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
            Self::StartsWith(column, part) => Some(row(*column)?.starts_with(&**part)),
            Self::EndsWith(column, part) => Some(row(*column)?.ends_with(&**part)),
            Self::HasText(column, part) => Some(row(*column)?.contains(&**part)),
            Self::Contain(column, element, containment, operands) => {
                Some(containment.holds(&elements::read(element, row(*column)?)?, operands))
            }
            Self::Entries(column, containment, operand) => {
                Some(entries::hold(*containment, &entries::read(row(*column)?), operand))
            }
            Self::Keys(column, kind, how, keys) => keys::has(kind, row(*column)?, *how, keys),
            Self::Part(column, path, node) => {
                let part = part(row(*column), path);
                node.judge(&of_part(part.as_deref()) as &dyn Fn(ColumnId) -> _)
            }
            Self::In(_, _, operands) if operands.is_empty() => Some(false),
            Self::NotIn(_, _, operands) if operands.is_empty() => Some(true),
            Self::In(column, reader, operands) => contains(reader, row(*column)?, operands),
            Self::NotIn(column, reader, operands) => contains(reader, row(*column)?, operands).map(|found| !found),
        }
    }
}

/// The text of a part of a composite value, or of a part of one.
fn part(text: Option<&str>, path: &[usize]) -> Option<String> {
    path.iter().try_fold(text?.to_owned(), |text, index| record_parts(&text).into_iter().nth(*index)?)
}

/// As if the row had nothing else.
fn of_part<'a>(text: Option<&'a str>) -> impl Fn(ColumnId) -> Option<&'a str> {
    move |_| text
}

fn contains(reader: &Reader, text: &str, operands: &[Value]) -> Option<bool> {
    let value = reader.read(text)?;
    Some(operands.iter().any(|operand| value.compare(operand) == Ordering::Equal))
}

/// AND (`decisive` false) and OR (`decisive` true) with NULL as "unknown".
fn fold<'a, R>(nodes: &[Node], row: &R, decisive: bool) -> Option<bool>
where
    R: Fn(ColumnId) -> Option<&'a str> + ?Sized,
{
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
        }
    }
}
