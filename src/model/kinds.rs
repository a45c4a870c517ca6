//! What are the values of a column, and which GraphQL type do they have?

use super::EnumId;

/// The kinds of values that are told apart. All else is [`Kind::Opaque`]: Postgres' own text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `boolean`
    Boolean,
    /// `smallint`, `integer`
    Int,
    /// `bigint`, as a string: JSON numbers lose digits beyond 2^53.
    BigInt,
    /// `real`, `double precision`; NaN and infinities as strings.
    Float,
    /// `numeric`, as a string.
    BigDecimal,
    /// `text`, `varchar`, `name`
    String,
    /// `uuid`
    Uuid,
    /// `timestamptz`, ISO 8601 in UTC.
    DateTime,
    /// `timestamp`, ISO 8601 without a zone.
    LocalDateTime,
    /// `date`
    Date,
    /// `time`, `timetz`
    Time,
    /// `interval`, ISO 8601.
    Duration,
    /// `json`: text that keeps its spaces; cannot be compared.
    Json,
    /// `jsonb`
    Jsonb,
    /// `bytea`, as `\x` and hexadecimal digits.
    Bytes,
    /// An enum type.
    Enum(EnumId),
    /// An array of any number of dimensions.
    Array(Box<Kind>),
    /// Postgres' text of the value.
    Opaque,
}

impl Kind {
    /// The kind of a built-in scalar type, by its `pg_type.oid`.
    /// <https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_type.dat>
    pub(super) fn of_builtin(oid: u32) -> Option<Self> {
        Some(match oid {
            16 => Self::Boolean,
            21 | 23 => Self::Int,
            20 => Self::BigInt,
            700 | 701 => Self::Float,
            1700 => Self::BigDecimal,
            19 | 25 | 1043 => Self::String,
            2950 => Self::Uuid,
            1184 => Self::DateTime,
            1114 => Self::LocalDateTime,
            1082 => Self::Date,
            1083 | 1266 => Self::Time,
            1186 => Self::Duration,
            114 => Self::Json,
            3802 => Self::Jsonb,
            17 => Self::Bytes,
            _ => return None,
        })
    }

    /// The name of the GraphQL scalar; `None` for enums and lists, which depend on the model.
    pub fn scalar(&self) -> Option<&'static str> {
        Some(match self {
            Self::Boolean => "Boolean",
            Self::Int => "Int",
            Self::BigInt => "BigInt",
            Self::Float => "Float",
            Self::BigDecimal => "BigDecimal",
            Self::String => "String",
            Self::Uuid => "UUID",
            Self::DateTime => "DateTime",
            Self::LocalDateTime => "LocalDateTime",
            Self::Date => "Date",
            Self::Time => "Time",
            Self::Duration => "Duration",
            Self::Json | Self::Jsonb => "JSON",
            Self::Bytes => "Bytes",
            Self::Opaque => "Opaque",
            Self::Enum(_) | Self::Array(_) => return None,
        })
    }
}

/// Whether values of the kind have an order that a filter and a list can use.
pub fn is_orderable(kind: &Kind) -> bool {
    match kind {
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
        | Kind::Bytes
        | Kind::Enum(_) => true,
        Kind::Json | Kind::Jsonb | Kind::Array(_) | Kind::Opaque => false,
    }
}
