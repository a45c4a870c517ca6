//! Values in an order that is Postgres', read from Postgres' text output under the session settings that
//! Everwire fixes (ISO dates, UTC, ISO 8601 intervals, hexadecimal bytes).

use std::cmp::Ordering;
use std::str::FromStr;

use bigdecimal::BigDecimal;

use crate::model::{Kind, Printed};

mod address;
mod range;

use address::Address;
use range::Range;

/// A value that can be compared with another of the same kind.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Boolean(bool),
    Integer(i64),
    /// Postgres takes NaN for equal to itself and greater than all else.
    Float(f64),
    Decimal(Decimal),
    /// Bytes in order.
    Text(Box<str>),
    /// Microseconds, or any other count.
    Count(i128),
    /// Place among the labels of an enum.
    Position(usize),
    /// An address of a network.
    Address(Address),
    /// Ranges in their order; a range alone is one, and the empty range none.
    Ranges(Vec<Range>),
}

/// `numeric`, in Postgres' order.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub(super) enum Decimal {
    NegativeInfinity,
    Finite(BigDecimal),
    Infinity,
    NotANumber,
}

impl Value {
    /// Values of different kinds are never compared; they count as unequal.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Boolean(a), Self::Boolean(b)) => a.cmp(b),
            (Self::Integer(a), Self::Integer(b)) => a.cmp(b),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan())),
            (Self::Decimal(a), Self::Decimal(b)) => a.partial_cmp(b).unwrap_or(Ordering::Less),
            (Self::Text(a), Self::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Self::Count(a), Self::Count(b)) => a.cmp(b),
            (Self::Position(a), Self::Position(b)) => a.cmp(b),
            (Self::Address(a), Self::Address(b)) => a.cmp(b),
            (Self::Ranges(a), Self::Ranges(b)) => range::compare(a, b),
            _ => Ordering::Less,
        }
    }
}

/// Reads Postgres' text output; `None` where it is not of the kind.
pub(super) fn read(kind: &Kind, text: &str) -> Option<Value> {
    Some(match kind {
        Kind::Boolean => Value::Boolean(matches!(text, "t" | "true")),
        Kind::Int | Kind::BigInt => Value::Integer(text.parse().ok()?),
        Kind::Float => Value::Float(read_float(text)?),
        Kind::BigDecimal => Value::Decimal(read_decimal(text)?),
        Kind::DateTime | Kind::LocalDateTime | Kind::Date => Value::Count(read_moment(text)?),
        Kind::Duration => Value::Count(read_interval(text)?),
        Kind::Padded => Value::Text(text.trim_end_matches(' ').into()),
        Kind::Printed(Printed::Inet | Printed::Cidr) => Value::Address(Address::read(text)?),
        Kind::Printed(Printed::Range(bound)) => Value::Ranges(range::read(&bound.kind(), text)?),
        Kind::Printed(Printed::Multirange(bound)) => Value::Ranges(range::read_several(&bound.kind(), text)?),
        // Fixed-width or canonical forms, of which equality and order are those of the text.
        Kind::String
        | Kind::Uuid
        | Kind::Time
        | Kind::Bytes
        | Kind::Array(_)
        | Kind::Composite(_)
        | Kind::HStore
        | Kind::Spatial(_)
        | Kind::Printed(Printed::MacAddr | Printed::BitString | Printed::Money | Printed::Xml | Printed::TsVector)
        | Kind::Opaque
        | Kind::Enum(_)
        | Kind::Json
        | Kind::Jsonb => Value::Text(text.into()),
    })
}

fn read_float(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        finite => finite.parse().ok(),
    }
}

fn read_decimal(text: &str) -> Option<Decimal> {
    Some(match text {
        "NaN" => Decimal::NotANumber,
        "Infinity" => Decimal::Infinity,
        "-Infinity" => Decimal::NegativeInfinity,
        finite => Decimal::Finite(BigDecimal::from_str(finite).ok()?),
    })
}

/// Microseconds since 1970 of `2026-01-31`, `2026-01-31 12:30:00.5`, `2026-01-31 12:30:00.5+00`, `… BC`, `infinity`.
fn read_moment(text: &str) -> Option<i128> {
    match text {
        "infinity" => return Some(i128::MAX),
        "-infinity" => return Some(i128::MIN),
        _ => {}
    }
    let (text, era) = text.strip_suffix(" BC").map_or((text, Era::Common), |text| (text, Era::Before));
    let (date, time) = text.split_once(' ').unwrap_or((text, "00:00:00"));
    let mut parts = date.splitn(3, '-').map(|part| part.parse::<i128>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    // Year 1 BC is year 0 of the proleptic calendar.
    let year = match era {
        Era::Common => year,
        Era::Before => 1 - year,
    };
    let time = time.strip_suffix("+00").unwrap_or(time);
    Some(days_from_civil(year, month, day) * 86_400_000_000 + read_clock(time)?)
}

#[derive(Clone, Copy)]
enum Era {
    Common,
    Before,
}

/// Days since 1970-01-01, after Howard Hinnant, <https://howardhinnant.github.io/date_algorithms.html#days_from_civil>.
fn days_from_civil(year: i128, month: i128, day: i128) -> i128 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Microseconds of `12:30:00.5`.
fn read_clock(text: &str) -> Option<i128> {
    let mut parts = text.splitn(3, ':');
    let hours: i128 = parts.next()?.parse().ok()?;
    let minutes: i128 = parts.next()?.parse().ok()?;
    Some((hours * 60 + minutes) * 60_000_000 + read_micros(parts.next()?)?)
}

/// Microseconds of `6`, `6.789`, `-6.789`.
fn read_micros(text: &str) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = fraction.chars().chain(std::iter::repeat('0')).take(6).collect();
    let micros = whole.parse::<i128>().ok()?.abs() * 1_000_000 + digits.parse::<i128>().ok()?;
    Some(if whole.starts_with('-') { -micros } else { micros })
}

/// Microseconds of `P1Y2M3DT4H5M6.7S`, a month counted as 30 days, as Postgres compares intervals.
fn read_interval(text: &str) -> Option<i128> {
    match text {
        "infinity" => return Some(i128::MAX),
        "-infinity" => return Some(i128::MIN),
        _ => {}
    }
    const DAY: i128 = 86_400_000_000;
    let mut rest = text.strip_prefix('P')?;
    let mut in_time = false;
    let mut total = 0;
    while !rest.is_empty() {
        if let Some(time) = rest.strip_prefix('T') {
            in_time = true;
            rest = time;
            continue;
        }
        let end = rest.find(|c: char| c.is_ascii_uppercase())?;
        let micros = read_micros(&rest[..end])?;
        total += match (rest.as_bytes()[end], in_time) {
            (b'Y', false) => micros / 1_000_000 * 360 * DAY,
            (b'M', false) => micros / 1_000_000 * 30 * DAY,
            (b'D', false) => micros / 1_000_000 * DAY,
            (b'H', true) => micros * 3600,
            (b'M', true) => micros * 60,
            (b'S', true) => micros,
            _ => return None,
        };
        rest = &rest[end + 1..];
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_ordered_as_in_postgres() {
        let texts = [
            "-infinity",
            "4713-01-01 BC",
            "0001-12-31 BC",
            "0001-01-01",
            "1969-12-31 23:59:59.999999+00",
            "1970-01-01 00:00:00+00",
            "2024-02-29 12:00:00+00",
            "2024-03-01",
            "294276-12-31 23:59:59+00",
            "infinity",
        ];
        let values: Vec<i128> = texts.iter().map(|text| read_moment(text).unwrap()).collect();
        assert!(values.is_sorted_by(|a, b| a < b), "{values:?}");
        assert_eq!(read_moment("1970-01-02 00:00:01.5+00"), Some(86_401_500_000));
    }

    #[test]
    fn intervals_count_months_as_thirty_days() {
        assert_eq!(read_interval("P1M"), read_interval("P30D"));
        assert_eq!(read_interval("PT-1.5S"), Some(-1_500_000));
        assert_eq!(read_interval("PT0S"), Some(0));
        assert_eq!(read_interval("P1Y2M3DT4H5M6.7S"), Some((360 + 60 + 3) * 86_400_000_000 + 14_706_700_000));
    }

    #[test]
    fn numbers_are_exact() {
        let decimal = |text| read(&Kind::BigDecimal, text).unwrap();
        assert_eq!(decimal("1.0").compare(&decimal("1.00")), Ordering::Equal);
        assert_eq!(decimal("NaN").compare(&decimal("Infinity")), Ordering::Greater);
        let tiny = "0.00000000000000000000000000001";
        assert_eq!(decimal(tiny).compare(&decimal("0")), Ordering::Greater);
        let float = |text| read(&Kind::Float, text).unwrap();
        assert_eq!(float("NaN").compare(&float("NaN")), Ordering::Equal);
        assert_eq!(float("-0").compare(&float("0")), Ordering::Equal);
    }
}
