//! What are the values of a column, and which GraphQL type do they have?

use super::{CompositeId, EnumId};

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
    /// `text`, `varchar`, `name`, `citext`, `"char"`
    String,
    /// `char(n)`: text of which the spaces at the end are written, but not compared.
    Padded,
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
    /// An array: of arrays, where it was declared with several dimensions.
    Array(Box<Kind>),
    /// A composite type.
    Composite(CompositeId),
    /// `hstore`, as a JSON object of strings and nulls.
    HStore,
    /// A value of PostGIS, as GeoJSON.
    Spatial(Spatial),
    /// A value that has a name in GraphQL, and is written as Postgres prints it.
    Printed(Printed),
    /// Postgres' text of the value.
    Opaque,
}

/// What PostGIS has of space, each with the number (SRID) of the reference system that a value is of if it says nothing
/// of it: the one that its column declares, or else that of longitudes and latitudes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Spatial {
    /// `geometry`: on a plane.
    Geometry(u32),
    /// `geography`: on the round earth.
    Geography(u32),
}

/// WGS 84, longitudes and latitudes: that of GeoJSON, <https://www.rfc-editor.org/rfc/rfc7946#section-4>.
pub const WGS_84: u32 = 4326;

impl Spatial {
    /// All names that it gives rise to in GraphQL, beside those of filters.
    pub(super) const NAMES: [&str; 4] = ["Geometry", "Geography", "GeometryDistance", "GeographyDistance"];

    /// The name of the GraphQL scalar.
    pub fn scalar(self) -> &'static str {
        match self {
            Self::Geometry(_) => "Geometry",
            Self::Geography(_) => "Geography",
        }
    }

    /// The name of the GraphQL input that says how far away from where.
    pub fn distance(self) -> &'static str {
        match self {
            Self::Geometry(_) => "GeometryDistance",
            Self::Geography(_) => "GeographyDistance",
        }
    }

    /// The reference system of a value that says nothing of it.
    pub fn srid(self) -> u32 {
        match self {
            Self::Geometry(srid) | Self::Geography(srid) => srid,
        }
    }
}

/// Kinds whose values are written as Postgres prints them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Printed {
    /// `inet`
    Inet,
    /// `cidr`
    Cidr,
    /// `macaddr`, `macaddr8`
    MacAddr,
    /// `bit(n)`, `bit varying(n)`
    BitString,
    /// `money`, in the currency and format of the database.
    Money,
    /// `xml`
    Xml,
    /// `tsvector`
    TsVector,
    /// A range of values.
    Range(Bound),
    /// Several ranges that do not overlap.
    Multirange(Bound),
}

/// What the built-in ranges are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bound {
    /// `int4range`
    Int,
    /// `int8range`
    BigInt,
    /// `numrange`
    BigDecimal,
    /// `daterange`
    Date,
    /// `tstzrange`
    DateTime,
    /// `tsrange`
    LocalDateTime,
}

impl Printed {
    /// All of them.
    pub const ALL: [Self; 19] = {
        use Bound::{BigDecimal, BigInt, Date, DateTime, Int, LocalDateTime};
        [
            Self::Inet,
            Self::Cidr,
            Self::MacAddr,
            Self::BitString,
            Self::Money,
            Self::Xml,
            Self::TsVector,
            Self::Range(Int),
            Self::Range(BigInt),
            Self::Range(BigDecimal),
            Self::Range(Date),
            Self::Range(DateTime),
            Self::Range(LocalDateTime),
            Self::Multirange(Int),
            Self::Multirange(BigInt),
            Self::Multirange(BigDecimal),
            Self::Multirange(Date),
            Self::Multirange(DateTime),
            Self::Multirange(LocalDateTime),
        ]
    };

    /// The name of the GraphQL scalar.
    pub fn scalar(self) -> &'static str {
        match self {
            Self::Inet => "Inet",
            Self::Cidr => "CIDR",
            Self::MacAddr => "MacAddr",
            Self::BitString => "BitString",
            Self::Money => "Money",
            Self::Xml => "XML",
            Self::TsVector => "TSVector",
            Self::Range(Bound::Int) => "IntRange",
            Self::Range(Bound::BigInt) => "BigIntRange",
            Self::Range(Bound::BigDecimal) => "BigDecimalRange",
            Self::Range(Bound::Date) => "DateRange",
            Self::Range(Bound::DateTime) => "DateTimeRange",
            Self::Range(Bound::LocalDateTime) => "LocalDateTimeRange",
            Self::Multirange(Bound::Int) => "IntMultirange",
            Self::Multirange(Bound::BigInt) => "BigIntMultirange",
            Self::Multirange(Bound::BigDecimal) => "BigDecimalMultirange",
            Self::Multirange(Bound::Date) => "DateMultirange",
            Self::Multirange(Bound::DateTime) => "DateTimeMultirange",
            Self::Multirange(Bound::LocalDateTime) => "LocalDateTimeMultirange",
        }
    }
}

impl Bound {
    /// The name in SQL of the type of the values between the bounds.
    pub fn sql(self) -> &'static str {
        match self {
            Self::Int => "int4",
            Self::BigInt => "int8",
            Self::BigDecimal => "numeric",
            Self::Date => "date",
            Self::DateTime => "timestamptz",
            Self::LocalDateTime => "timestamp",
        }
    }

    /// What the values between the bounds are.
    pub fn kind(self) -> Kind {
        match self {
            Self::Int => Kind::Int,
            Self::BigInt => Kind::BigInt,
            Self::BigDecimal => Kind::BigDecimal,
            Self::Date => Kind::Date,
            Self::DateTime => Kind::DateTime,
            Self::LocalDateTime => Kind::LocalDateTime,
        }
    }
}

impl Kind {
    /// The kind of a built-in scalar type, by its `pg_type.oid`.
    /// <https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_type.dat>
    pub(super) fn of_builtin(oid: u32) -> Option<Self> {
        Some(match oid {
            16 => Self::Boolean,
            21 | 23 => Self::Int,
            20 | 26 => Self::BigInt,
            700 | 701 => Self::Float,
            1700 => Self::BigDecimal,
            18 | 19 | 25 | 1043 => Self::String,
            1042 => Self::Padded,
            2950 => Self::Uuid,
            1184 => Self::DateTime,
            1114 => Self::LocalDateTime,
            1082 => Self::Date,
            1083 | 1266 => Self::Time,
            1186 => Self::Duration,
            114 => Self::Json,
            3802 => Self::Jsonb,
            17 => Self::Bytes,
            869 => Self::Printed(Printed::Inet),
            650 => Self::Printed(Printed::Cidr),
            829 | 774 => Self::Printed(Printed::MacAddr),
            1560 | 1562 => Self::Printed(Printed::BitString),
            790 => Self::Printed(Printed::Money),
            142 => Self::Printed(Printed::Xml),
            3614 => Self::Printed(Printed::TsVector),
            3904 => Self::Printed(Printed::Range(Bound::Int)),
            3926 => Self::Printed(Printed::Range(Bound::BigInt)),
            3906 => Self::Printed(Printed::Range(Bound::BigDecimal)),
            3912 => Self::Printed(Printed::Range(Bound::Date)),
            3910 => Self::Printed(Printed::Range(Bound::DateTime)),
            3908 => Self::Printed(Printed::Range(Bound::LocalDateTime)),
            4451 => Self::Printed(Printed::Multirange(Bound::Int)),
            4536 => Self::Printed(Printed::Multirange(Bound::BigInt)),
            4532 => Self::Printed(Printed::Multirange(Bound::BigDecimal)),
            4535 => Self::Printed(Printed::Multirange(Bound::Date)),
            4534 => Self::Printed(Printed::Multirange(Bound::DateTime)),
            4533 => Self::Printed(Printed::Multirange(Bound::LocalDateTime)),
            _ => return None,
        })
    }

    /// The kind of a type that an extension brings, of a column with this type modifier (`pg_attribute.atttypmod`).
    pub(super) fn of_extension(extension: &str, version: &str, name: &str, modifier: i32) -> Option<Self> {
        match (extension, name) {
            ("citext", "citext") => Some(Self::String),
            ("hstore", "hstore") => Some(Self::HStore),
            ("postgis", "geometry") if prints_all_digits(version) => {
                Some(Self::Spatial(Spatial::Geometry(declared_srid(modifier))))
            }
            ("postgis", "geography") if prints_all_digits(version) => {
                Some(Self::Spatial(Spatial::Geography(declared_srid(modifier))))
            }
            _ => None,
        }
    }

    /// The names of all GraphQL scalars that a column can have.
    pub(super) fn scalars() -> Vec<&'static str> {
        const OTHERS: [Kind; 16] = [
            Kind::Boolean,
            Kind::Int,
            Kind::BigInt,
            Kind::Float,
            Kind::BigDecimal,
            Kind::String,
            Kind::Uuid,
            Kind::DateTime,
            Kind::LocalDateTime,
            Kind::Date,
            Kind::Time,
            Kind::Duration,
            Kind::Json,
            Kind::Bytes,
            Kind::HStore,
            Kind::Opaque,
        ];
        OTHERS.iter().filter_map(Self::scalar).chain(Printed::ALL.map(Printed::scalar)).collect()
    }

    /// What stands in an array of any number of dimensions; the kind itself, if it is no array.
    pub fn element(&self) -> &Self {
        match self {
            Self::Array(element) => element.element(),
            other => other,
        }
    }

    /// As an array of one dimension, if it is one of several; else the kind itself.
    pub fn flattened(&self) -> Self {
        match self {
            Self::Array(_) => Self::Array(Box::new(self.element().clone())),
            other => other.clone(),
        }
    }

    /// What stands between the elements of an array in Postgres' text of it (`pg_type.typdelim`).
    pub fn delimiter(&self) -> char {
        match self.element() {
            Self::Spatial(_) => ':',
            _ => ',',
        }
    }

    /// What stands between the bounds of a range, or of several; `None` of all other kinds.
    pub fn between(&self) -> Option<Self> {
        match self {
            Self::Printed(Printed::Range(bound) | Printed::Multirange(bound)) => Some(bound.kind()),
            _ => None,
        }
    }

    /// The name of the GraphQL scalar; `None` for enums, composite types and lists, which depend on the model.
    pub fn scalar(&self) -> Option<&'static str> {
        Some(match self {
            Self::Boolean => "Boolean",
            Self::Int => "Int",
            Self::BigInt => "BigInt",
            Self::Float => "Float",
            Self::BigDecimal => "BigDecimal",
            Self::String | Self::Padded => "String",
            Self::Uuid => "UUID",
            Self::DateTime => "DateTime",
            Self::LocalDateTime => "LocalDateTime",
            Self::Date => "Date",
            Self::Time => "Time",
            Self::Duration => "Duration",
            Self::Json | Self::Jsonb => "JSON",
            Self::Bytes => "Bytes",
            Self::HStore => "HStore",
            Self::Spatial(spatial) => spatial.scalar(),
            Self::Printed(printed) => printed.scalar(),
            Self::Opaque => "Opaque",
            Self::Enum(_) | Self::Array(_) | Self::Composite(_) => return None,
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
        | Kind::Padded
        | Kind::Uuid
        | Kind::DateTime
        | Kind::LocalDateTime
        | Kind::Date
        | Kind::Time
        | Kind::Duration
        | Kind::Bytes
        | Kind::Enum(_) => true,
        Kind::Printed(printed) => match printed {
            Printed::Inet
            | Printed::Cidr
            | Printed::MacAddr
            | Printed::BitString
            | Printed::Money
            | Printed::Range(_)
            | Printed::Multirange(_) => true,
            Printed::Xml | Printed::TsVector => false,
        },
        Kind::Json
        | Kind::Jsonb
        | Kind::Array(_)
        | Kind::Composite(_)
        | Kind::HStore
        | Kind::Spatial(_)
        | Kind::Opaque => false,
    }
}

/// Whether this version of PostGIS, `3.3.2`, writes numbers in GeoJSON with as many digits as they have: since 3.1.
fn prints_all_digits(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or_default());
    (parts.next(), parts.next()) >= (Some(3), Some(1))
}

/// The reference system that `geometry(Point, 3857)` declares.
/// <https://github.com/postgis/postgis/blob/master/liblwgeom/liblwgeom.h.in>, `TYPMOD_GET_SRID`
fn declared_srid(modifier: i32) -> u32 {
    if modifier < 0 {
        return WGS_84;
    }
    match ((modifier & 0x0FFF_FF00) - (modifier & 0x1000_0000)) >> 8 {
        srid @ 1.. => srid.unsigned_abs(),
        _ => WGS_84,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_of_postgis_says_its_reference_system() {
        let kind = |version, name, modifier| Kind::of_extension("postgis", version, name, modifier);
        let geometry = |srid| Some(Kind::Spatial(Spatial::Geometry(srid)));
        assert_eq!(kind("3.3.2", "geometry", 987_396), geometry(3857));
        assert_eq!(kind("3.10.0", "geometry", 4), geometry(4326));
        assert_eq!(kind("4.0.0", "geometry", -1), geometry(4326));
        assert_eq!(kind("3.1.0", "geography", 1_107_468), Some(Kind::Spatial(Spatial::Geography(4326))));
        assert_eq!(kind("3.0.9", "geometry", -1), None);
        assert_eq!(kind("3.3.2", "box2d", -1), None);
    }
}
