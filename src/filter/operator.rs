//! Which tests of a value are there, and which kinds of values offer them? The one list that the schema prints and
//! that input is read by.

use crate::model::{Kind, Printed, Spatial, is_orderable};

/// An operator of a column's filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `isNull`
    IsNull,
    /// A comparison with one value.
    Compare(Comparison),
    /// `in`
    In,
    /// `notIn`
    NotIn,
    /// Text against a pattern, or a part of it.
    Match(Match),
    /// What a value holds against what another holds.
    Contain(Containment),
    /// The keys of a JSON document, or of an `hstore`.
    Keys(Keys),
    /// `path`
    Path,
    /// Where a range lies.
    Place(Placement),
    /// `matches`
    Matches,
    /// `parts`
    Parts,
    /// How a geometry lies.
    Lie(Lie),
    /// `dWithin`
    Distance,
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
}

/// The ways to look at text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Match {
    /// `LIKE`: `%` any text, `_` one character, `\` takes the next as it stands.
    Like,
    /// `ILIKE`: the same without regard to case.
    Ilike,
    /// Begins with this text.
    StartsWith,
    /// Ends with this text.
    EndsWith,
    /// Has this text somewhere.
    Contains,
    /// `~`: a POSIX regular expression.
    Regex,
    /// `~*`: the same without regard to case.
    Iregex,
}

/// The ways in which a list or a document relates to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Containment {
    /// `@>`
    Contains,
    /// `<@`
    ContainedBy,
    /// `&&`
    Overlaps,
}

/// How many of the keys given a value must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Keys {
    /// `?`: the one that is given.
    One,
    /// `?|`
    Any,
    /// `?&`
    All,
}

/// How a range, or several, lie to a value or to others of their kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Placement {
    /// `@>` a value between the bounds.
    Contains,
    /// `@>` all of another.
    ContainsRange,
    /// `<@`
    ContainedBy,
    /// `&&`
    Overlaps,
    /// `<<`
    Before,
    /// `>>`
    After,
    /// `-|-`
    Adjacent,
}

/// How a geometry lies to another: what they share of the plane, or of the earth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lie {
    /// `ST_Intersects`
    Intersects,
    /// `ST_Disjoint`
    Disjoint,
    /// `ST_Contains`
    Contains,
    /// `ST_Within`
    Within,
    /// `ST_Covers`
    Covers,
    /// `ST_CoveredBy`
    CoveredBy,
    /// `ST_Overlaps`
    Overlaps,
    /// `ST_Touches`
    Touches,
    /// `ST_Crosses`
    Crosses,
    /// `ST_Equals`
    Equals,
}

/// What an operator takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operand {
    /// True or false.
    Boolean,
    /// A value as the column has them.
    Value,
    /// Several of them.
    Values,
    /// Text, whatever the column has.
    Text,
    /// Several texts.
    Texts,
    /// A value as it can stand between the bounds of the column's ranges.
    Between,
    /// What such a value can hold: a list without further dimensions for arrays of any.
    Held,
    /// Filters of the parts of the column's values.
    Parts,
    /// How far away, and from where.
    Distance,
}

impl Comparison {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Eq, Self::Ne, Self::Lt, Self::Lte, Self::Gt, Self::Gte];

    pub(super) fn is_order(self) -> bool {
        match self {
            Self::Eq | Self::Ne => false,
            Self::Lt | Self::Lte | Self::Gt | Self::Gte => true,
        }
    }
}

impl Match {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Like, Self::Ilike, Self::StartsWith, Self::EndsWith, Self::Contains, Self::Regex, Self::Iregex];
}

impl Placement {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Contains,
        Self::ContainsRange,
        Self::ContainedBy,
        Self::Overlaps,
        Self::Before,
        Self::After,
        Self::Adjacent,
    ];

    fn field(self) -> &'static str {
        match self {
            Self::Contains => "contains",
            Self::ContainsRange => "containsRange",
            Self::ContainedBy => "containedBy",
            Self::Overlaps => "overlaps",
            Self::Before => "before",
            Self::After => "after",
            Self::Adjacent => "adjacent",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::Contains => "Has this value. Like all that follow not in subscriptions.",
            Self::ContainsRange => "Has all of this range.",
            Self::ContainedBy => "Lies within this range.",
            Self::Overlaps => "Has a value in common with this range.",
            Self::Before => "Ends before this range begins.",
            Self::After => "Begins after this range ends.",
            Self::Adjacent => "Touches this range: nothing lies between them, and they share nothing.",
        }
    }
}

impl Lie {
    /// Those that PostGIS knows of values of this kind.
    fn offered(spatial: Spatial) -> &'static [Self] {
        match spatial {
            Spatial::Geometry(_) => &[
                Self::Intersects,
                Self::Disjoint,
                Self::Contains,
                Self::Within,
                Self::Covers,
                Self::CoveredBy,
                Self::Overlaps,
                Self::Touches,
                Self::Crosses,
                Self::Equals,
            ],
            Spatial::Geography(_) => &[Self::Intersects, Self::Covers, Self::CoveredBy],
        }
    }

    fn field(self) -> &'static str {
        match self {
            Self::Intersects => "intersects",
            Self::Disjoint => "disjoint",
            Self::Contains => "contains",
            Self::Within => "within",
            Self::Covers => "covers",
            Self::CoveredBy => "coveredBy",
            Self::Overlaps => "overlaps",
            Self::Touches => "touches",
            Self::Crosses => "crosses",
            Self::Equals => "equals",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::Intersects => "Has a point in common with this. Like all that follow not in subscriptions.",
            Self::Disjoint => "Has no point in common with this. No index serves it.",
            Self::Contains => "This lies in it, and not only on its boundary.",
            Self::Within => "It lies in this, and not only on its boundary.",
            Self::Covers => "No point of this lies outside of it.",
            Self::CoveredBy => "No point of it lies outside of this.",
            Self::Overlaps => "Both share a part that has their dimension, and each has another part.",
            Self::Touches => "Both have nothing but points of their boundaries in common.",
            Self::Crosses => "Both share some points of their insides, and not all.",
            Self::Equals => "Both are the same points, in whatever order they are given.",
        }
    }
}

impl Operator {
    /// What the filter of a kind offers, in this order.
    pub fn offered(kind: &Kind) -> Vec<Self> {
        use Containment::{ContainedBy, Contains, Overlaps};
        let mut offered = vec![Self::IsNull, Self::Compare(Comparison::Eq), Self::Compare(Comparison::Ne)];
        if !matches!(kind, Kind::Json | Kind::Jsonb | Kind::Array(_)) {
            offered.extend([Self::In, Self::NotIn]);
        }
        if is_orderable(kind) {
            offered.extend(Comparison::ALL.into_iter().filter(|comparison| comparison.is_order()).map(Self::Compare));
        }
        match kind {
            Kind::String | Kind::Padded => offered.extend(Match::ALL.map(Self::Match)),
            Kind::Json | Kind::Jsonb => {
                offered.extend([Contains, ContainedBy].map(Self::Contain));
                offered.extend([Keys::One, Keys::Any, Keys::All].map(Self::Keys));
                offered.push(Self::Path);
            }
            Kind::HStore => {
                offered.extend([Contains, ContainedBy].map(Self::Contain));
                offered.extend([Keys::One, Keys::Any, Keys::All].map(Self::Keys));
            }
            // Of other elements Postgres may not know which are equal.
            Kind::Array(element)
                if is_orderable(element.element())
                    || matches!(element.element(), Kind::Jsonb | Kind::HStore | Kind::Composite(_)) =>
            {
                offered.extend([Contains, ContainedBy, Overlaps].map(Self::Contain));
            }
            Kind::Printed(Printed::Range(_) | Printed::Multirange(_)) => {
                offered.extend(Placement::ALL.map(Self::Place));
            }
            Kind::Printed(Printed::TsVector) => offered.push(Self::Matches),
            Kind::Composite(_) => offered.push(Self::Parts),
            Kind::Spatial(spatial) => {
                offered.extend(Lie::offered(*spatial).iter().copied().map(Self::Lie));
                offered.push(Self::Distance);
            }
            Kind::Boolean
            | Kind::Int
            | Kind::BigInt
            | Kind::Float
            | Kind::BigDecimal
            | Kind::Uuid
            | Kind::DateTime
            | Kind::LocalDateTime
            | Kind::Date
            | Kind::Time
            | Kind::Duration
            | Kind::Bytes
            | Kind::Enum(_)
            | Kind::Array(_)
            | Kind::Printed(_)
            | Kind::Opaque => {}
        }
        offered
    }

    /// Its name in a filter.
    pub fn field(self) -> &'static str {
        match self {
            Self::IsNull => "isNull",
            Self::Compare(Comparison::Eq) => "eq",
            Self::Compare(Comparison::Ne) => "ne",
            Self::Compare(Comparison::Lt) => "lt",
            Self::Compare(Comparison::Lte) => "lte",
            Self::Compare(Comparison::Gt) => "gt",
            Self::Compare(Comparison::Gte) => "gte",
            Self::In => "in",
            Self::NotIn => "notIn",
            Self::Match(Match::Like) => "like",
            Self::Match(Match::Ilike) => "ilike",
            Self::Match(Match::StartsWith) => "startsWith",
            Self::Match(Match::EndsWith) => "endsWith",
            Self::Match(Match::Contains) | Self::Contain(Containment::Contains) => "contains",
            Self::Match(Match::Regex) => "regex",
            Self::Match(Match::Iregex) => "iregex",
            Self::Contain(Containment::ContainedBy) => "containedBy",
            Self::Contain(Containment::Overlaps) => "overlaps",
            Self::Keys(Keys::One) => "hasKey",
            Self::Keys(Keys::Any) => "hasAnyKey",
            Self::Keys(Keys::All) => "hasAllKeys",
            Self::Path => "path",
            Self::Place(placement) => placement.field(),
            Self::Matches => "matches",
            Self::Parts => "parts",
            Self::Lie(lie) => lie.field(),
            Self::Distance => "dWithin",
        }
    }

    /// What it says of a value of this kind.
    pub fn description(self, kind: &Kind) -> &'static str {
        let is_list = matches!(kind, Kind::Array(_));
        let is_hstore = matches!(kind, Kind::HStore);
        let is_spatial = matches!(kind.element(), Kind::Spatial(_));
        match self {
            Self::IsNull => "It is NULL, or is not.",
            Self::Compare(Comparison::Eq) if is_spatial => {
                "Equal in all: the same coordinates in the same order. Not in subscriptions."
            }
            Self::Compare(Comparison::Ne) if is_spatial => "Not equal in all. Not in subscriptions.",
            Self::In if is_spatial => "Equal in all to one of these. Not in subscriptions.",
            Self::NotIn if is_spatial => "Equal in all to none of these. Not in subscriptions.",
            Self::Compare(Comparison::Eq) => "Equal.",
            Self::Compare(Comparison::Ne) => "Not equal.",
            Self::Compare(Comparison::Lt) => "Less.",
            Self::Compare(Comparison::Lte) => "Less or equal.",
            Self::Compare(Comparison::Gt) => "Greater.",
            Self::Compare(Comparison::Gte) => "Greater or equal.",
            Self::In => "Equal to one of these.",
            Self::NotIn => "Equal to none of these.",
            Self::Match(Match::Like) => {
                "Matches a pattern: `%` is any text, `_` one character, `\\` takes the next as it stands."
            }
            Self::Match(Match::Ilike) => "Matches a pattern without regard to case.",
            Self::Match(Match::StartsWith) => "Begins with this text.",
            Self::Match(Match::EndsWith) => "Ends with this text.",
            Self::Match(Match::Contains) => "Has this text somewhere.",
            Self::Match(Match::Regex) => {
                "Matches a POSIX regular expression somewhere. Not in subscriptions: Postgres alone can tell."
            }
            Self::Match(Match::Iregex) => {
                "Matches a POSIX regular expression without regard to case. Not in subscriptions."
            }
            Self::Contain(Containment::Contains) if is_list => "Has each of these elements.",
            Self::Contain(Containment::ContainedBy) if is_list => "Has no other elements than these.",
            Self::Contain(Containment::Contains) if is_hstore => "Has each of these keys, with the same value.",
            Self::Contain(Containment::ContainedBy) if is_hstore => "Has no other keys than these, nor other values.",
            Self::Contain(Containment::Contains) => {
                "Has all that this document has, at the same places. Not in subscriptions."
            }
            Self::Contain(Containment::ContainedBy) => "Has nothing that this document has not. Not in subscriptions.",
            Self::Contain(Containment::Overlaps) => "Has one of these elements at least.",
            Self::Keys(Keys::One) if is_hstore => "Has this key, with whatever value.",
            Self::Keys(Keys::One) => "Has this key, or as a list this string; not deeper.",
            Self::Keys(Keys::Any) => "Has one of these keys at least.",
            Self::Keys(Keys::All) => "Has each of these keys.",
            Self::Place(placement) => placement.description(),
            Self::Matches => {
                "Has what this search asks for, as people type it: `steel -rust \"red door\" or blue`, in the language of \
                 the database's text search. Not in subscriptions."
            }
            Self::Parts => "Its parts pass. A part of NULL is NULL.",
            Self::Lie(lie) => lie.description(),
            Self::Distance => "Is not farther away than this. Not in subscriptions.",
            Self::Path => "This SQL/JSON path finds something, such as `$.size ? (@ > 3)`. Not in subscriptions.",
        }
    }

    /// What it takes.
    pub fn operand(self) -> Operand {
        match self {
            Self::IsNull => Operand::Boolean,
            Self::Place(Placement::Contains) => Operand::Between,
            Self::Compare(_) | Self::Place(_) | Self::Lie(_) => Operand::Value,
            Self::Contain(_) => Operand::Held,
            Self::Distance => Operand::Distance,
            Self::In | Self::NotIn => Operand::Values,
            Self::Match(_) | Self::Keys(Keys::One) | Self::Path | Self::Matches => Operand::Text,
            Self::Keys(Keys::Any | Keys::All) => Operand::Texts,
            Self::Parts => Operand::Parts,
        }
    }
}
