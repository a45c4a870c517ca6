//! Which rows? The one meaning of `where`: read from input, printed as SQL by queries (in [`condition`]), judged on a
//! row by subscriptions (in [`judge`]). A test holds the two against each other with Postgres as the judge.

pub mod condition;
pub mod judge;
mod operator;

pub use operator::{Comparison, Containment, Keys, Lie, Match, Operand, Operator, Placement};

use crate::error::{Code, Error};
use crate::input::{self, Input};
use crate::model::{Cardinality, Column, ColumnId, Kind, Model, RelationId, Table};

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
    /// A condition on the rows that a relation leads to. Never NULL.
    Related(RelationId, Quantifier, Box<Filter>),
}

/// How many of the related rows must pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quantifier {
    /// One at least.
    Some,
    /// All; also if there are none.
    Every,
    /// None of them.
    None,
}

impl Quantifier {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Some, Self::Every, Self::None];

    /// Its name in a filter.
    pub fn field(self) -> &'static str {
        match self {
            Self::Some => "some",
            Self::Every => "every",
            Self::None => "none",
        }
    }
}

/// A test of one column's value. Operands stand in the text form of the column's type, unless said otherwise.
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
    /// Against text, which is a pattern or stands for itself.
    Match(Match, String),
    /// What it holds against what another value holds.
    Contain(Containment, String),
    /// Keys, of any text, that it has; for [`Keys::One`] there is one.
    Keys(Keys, Vec<String>),
    /// An SQL/JSON path that finds something in it.
    Path(String),
    /// Where it lies, as a range; for [`Placement::Contains`] to a value between the bounds.
    Place(Placement, String),
    /// A search, as people type it, for what is in it.
    Matches(String),
    /// A test of a part of a composite value, by the part's index in the type. A part of NULL is NULL.
    Part(usize, Box<Test>),
    /// How it lies to another geometry.
    Lie(Lie, String),
    /// It is not farther away than so much: from where, and how far.
    Distance(String, String),
}

impl Test {
    /// Which operator of a filter this is.
    pub fn operator(&self) -> Operator {
        match self {
            Self::IsNull(_) => Operator::IsNull,
            Self::Compare(comparison, _) => Operator::Compare(*comparison),
            Self::In(_) => Operator::In,
            Self::NotIn(_) => Operator::NotIn,
            Self::Match(how, _) => Operator::Match(*how),
            Self::Contain(containment, _) => Operator::Contain(*containment),
            Self::Keys(keys, _) => Operator::Keys(*keys),
            Self::Path(_) => Operator::Path,
            Self::Place(placement, _) => Operator::Place(*placement),
            Self::Matches(_) => Operator::Matches,
            Self::Lie(lie, _) => Operator::Lie(*lie),
            Self::Distance(..) => Operator::Distance,
            Self::Part(..) => Operator::Parts,
        }
    }

    /// The values of which the column has to have one, if that is what it asks for.
    pub fn demanded(&self) -> Option<&[String]> {
        match self {
            Self::Compare(Comparison::Eq, value) => Some(std::slice::from_ref(value)),
            Self::In(values) => Some(values),
            _ => None,
        }
    }

    /// Visits every operand that is a value of the column's type, or of that of a part.
    fn operands_mut(&mut self, model: &Model, column: &Column, visit: &mut impl FnMut(&Column, &mut String)) {
        match self {
            Self::Compare(_, operand) | Self::Contain(_, operand) => visit(column, operand),
            Self::In(operands) | Self::NotIn(operands) => {
                operands.iter_mut().for_each(|operand| visit(column, operand));
            }
            Self::Part(index, test) => {
                if let Some(part) = model.part(&column.kind, *index) {
                    test.operands_mut(model, part, visit);
                }
            }
            Self::IsNull(_)
            | Self::Match(..)
            | Self::Keys(..)
            | Self::Path(_)
            | Self::Place(..)
            | Self::Matches(_)
            | Self::Lie(..)
            | Self::Distance(..) => {}
        }
    }
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
                (field, Input::Null) if table.relation_by_field(field).is_some() => {
                    let message = format!(
                        "`{field}: null` in a filter has no meaning: `not: {{{field}: {{}}}}` finds rows without it"
                    );
                    return Err(Error::new(Code::BadUserInput, message));
                }
                (_, Input::Null) => return Err(null_refused(field)),
                ("and", list) => conditions.push(Self::All(Self::read_each(model, table, list)?)),
                ("or", list) => conditions.push(Self::Any(Self::read_each(model, table, list)?)),
                ("not", filter) => conditions.push(Self::Not(Box::new(Self::read(model, table, filter)?))),
                (field, inner) => match (table.column_by_field(field), table.relation_by_field(field)) {
                    (Some(id), _) => {
                        let tests = read_tests(model, table.column(id), inner)?;
                        conditions.extend(tests.into_iter().map(|test| Self::Test(id, test)));
                    }
                    (None, Some(relation)) => read_related(model, table, relation, inner, &mut conditions)?,
                    (None, None) => return Err(unknown(field)),
                },
            }
        }
        // One condition alone stands for itself, so that equal filters are equal however they were written.
        Ok(if conditions.len() == 1 { conditions.remove(0) } else { Self::All(conditions) })
    }

    fn read_each(model: &Model, table: &Table, list: &Input) -> Result<Vec<Self>, Error> {
        list.items().iter().map(|filter| Self::read(model, table, filter)).collect()
    }

    /// Every column of the row itself that is tested.
    pub fn columns(&self) -> Vec<ColumnId> {
        match self {
            Self::All(filters) | Self::Any(filters) => filters.iter().flat_map(Self::columns).collect(),
            Self::Not(filter) => filter.columns(),
            Self::Test(column, _) => vec![*column],
            Self::Related(..) => Vec::new(),
        }
    }

    /// Every operand that is a value of a column's type, or of a part of one, with that column or part, to be rewritten
    /// in place. Those in filters of related rows are left out.
    pub fn operands_mut(&mut self, model: &Model, table: &Table, visit: &mut impl FnMut(&Column, &mut String)) {
        match self {
            Self::All(filters) | Self::Any(filters) => {
                for filter in filters {
                    filter.operands_mut(model, table, visit);
                }
            }
            Self::Not(filter) => filter.operands_mut(model, table, visit),
            Self::Test(id, test) => test.operands_mut(model, table.column(*id), visit),
            Self::Related(..) => {}
        }
    }
}

/// Reads the filter of a column or of a part.
fn read_tests(model: &Model, column: &Column, input: &Input) -> Result<Vec<Test>, Error> {
    let offered = Operator::offered(&column.kind);
    let mut tests = Vec::new();
    for (name, value) in input.fields() {
        let operator = offered.iter().find(|operator| operator.field() == name).ok_or_else(|| unknown(name))?;
        match (operator, &column.kind, value) {
            (Operator::Parts, Kind::Composite(id), Input::Object(parts)) => {
                for (field, input) in parts {
                    let composite = model.composite(*id);
                    let index = composite.attribute_by_field(field).ok_or_else(|| unknown(field))?;
                    if *input == Input::Null {
                        return Err(null_refused(field));
                    }
                    let of_part = read_tests(model, &composite.attributes[index], input)?;
                    tests.extend(of_part.into_iter().map(|test| Test::Part(index, Box::new(test))));
                }
            }
            _ => tests.push(read_test(model, column, *operator, value)?),
        }
    }
    Ok(tests)
}

fn read_test(model: &Model, column: &Column, operator: Operator, input: &Input) -> Result<Test, Error> {
    let text_of =
        |kind: &Kind, input: &Input| input::to_text(model, kind, input)?.ok_or_else(|| null_refused(operator.field()));
    let one =
        |kind: &Kind| if *input == Input::Null { Err(null_refused(operator.field())) } else { text_of(kind, input) };
    let several = |kind: &Kind| match input {
        Input::Null => Err(null_refused(operator.field())),
        input => input.items().iter().map(|item| text_of(kind, item)).collect::<Result<Vec<_>, _>>(),
    };
    Ok(match operator {
        Operator::IsNull => match input {
            Input::Boolean(wanted) => Test::IsNull(*wanted),
            _ => return Err(null_refused(operator.field())),
        },
        Operator::Compare(comparison) => Test::Compare(comparison, one(&column.kind)?),
        Operator::In => Test::In(several(&column.kind)?),
        Operator::NotIn => Test::NotIn(several(&column.kind)?),
        Operator::Match(how) => Test::Match(how, one(&Kind::String)?),
        Operator::Contain(containment) => Test::Contain(containment, one(&column.kind.flattened())?),
        Operator::Keys(keys) => Test::Keys(keys, several(&Kind::String)?),
        Operator::Path => Test::Path(one(&Kind::String)?),
        Operator::Place(Placement::Contains) => {
            let between = column.kind.between().ok_or_else(|| unknown(operator.field()))?;
            Test::Place(Placement::Contains, one(&between)?)
        }
        Operator::Place(placement) => Test::Place(placement, one(&column.kind)?),
        Operator::Matches => Test::Matches(one(&Kind::String)?),
        Operator::Parts => return Err(null_refused(operator.field())),
        Operator::Lie(lie) => Test::Lie(lie, one(&column.kind)?),
        Operator::Distance => {
            let field = |name: &str| input.field(name).ok_or_else(|| null_refused(operator.field()));
            Test::Distance(text_of(&column.kind, field("from")?)?, text_of(&Kind::Float, field("distance")?)?)
        }
    })
}

fn read_related(
    model: &Model,
    table: &Table,
    id: RelationId,
    input: &Input,
    conditions: &mut Vec<Filter>,
) -> Result<(), Error> {
    let relation = table.relation(id);
    let target = model.table(relation.target);
    let mut related = |quantifier, input| {
        let filter = Filter::read(model, target, input)?;
        conditions.push(Filter::Related(id, quantifier, Box::new(filter)));
        Ok(())
    };
    match relation.cardinality {
        Cardinality::One { .. } => related(Quantifier::Some, input),
        Cardinality::Many => input.fields().iter().try_for_each(|(name, filter)| {
            let quantifier = Quantifier::ALL.into_iter().find(|quantifier| quantifier.field() == name);
            match filter {
                Input::Null => Err(null_refused(name)),
                filter => related(quantifier.ok_or_else(|| unknown(name))?, filter),
            }
        }),
    }
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
