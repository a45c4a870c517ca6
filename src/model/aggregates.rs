//! What can be computed of the values of several rows, and what does it give?
//! <https://www.postgresql.org/docs/current/functions-aggregate.html>

use super::{Kind, Printed};

/// A function of the values of a column, NULL left out; NULL where there are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aggregate {
    /// All of them added up.
    Sum,
    /// That divided by their number.
    Average,
    /// The least.
    Min,
    /// The greatest.
    Max,
}

impl Aggregate {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Sum, Self::Average, Self::Min, Self::Max];

    /// What it gives of values of this kind, as Postgres has it; `None` where Postgres has no such function.
    pub fn result(self, kind: &Kind) -> Option<Kind> {
        match self {
            Self::Sum => sum(kind),
            Self::Average => average(kind),
            Self::Min | Self::Max => has_extremes(kind).then(|| kind.clone()),
        }
    }
}

/// Wider than the values, so that it does not overflow.
fn sum(kind: &Kind) -> Option<Kind> {
    match kind {
        Kind::Int => Some(Kind::BigInt),
        Kind::BigInt | Kind::BigDecimal => Some(Kind::BigDecimal),
        Kind::Float | Kind::Duration | Kind::Printed(Printed::Money) => Some(kind.clone()),
        Kind::Boolean
        | Kind::String
        | Kind::Padded
        | Kind::Uuid
        | Kind::DateTime
        | Kind::LocalDateTime
        | Kind::Date
        | Kind::Time
        | Kind::Json
        | Kind::Jsonb
        | Kind::Bytes
        | Kind::Enum(_)
        | Kind::Array(_)
        | Kind::Composite(_)
        | Kind::HStore
        | Kind::Spatial(_)
        | Kind::Printed(_)
        | Kind::Opaque => None,
    }
}

fn average(kind: &Kind) -> Option<Kind> {
    match sum(kind)? {
        Kind::BigInt | Kind::BigDecimal => Some(Kind::BigDecimal),
        Kind::Printed(_) => None,
        other => Some(other),
    }
}

fn has_extremes(kind: &Kind) -> bool {
    match kind {
        Kind::Int
        | Kind::BigInt
        | Kind::Float
        | Kind::BigDecimal
        | Kind::String
        | Kind::Padded
        | Kind::DateTime
        | Kind::LocalDateTime
        | Kind::Date
        | Kind::Time
        | Kind::Duration
        | Kind::Enum(_)
        | Kind::Printed(Printed::Inet | Printed::Cidr | Printed::Money) => true,
        Kind::Boolean
        | Kind::Uuid
        | Kind::Json
        | Kind::Jsonb
        | Kind::Bytes
        | Kind::Array(_)
        | Kind::Composite(_)
        | Kind::HStore
        | Kind::Spatial(_)
        | Kind::Printed(_)
        | Kind::Opaque => false,
    }
}
