//! A range of values, or several, in Postgres' order.
//! <https://www.postgresql.org/docs/current/rangetypes.html>

use std::cmp::Ordering;

use super::{Value, read as read_value};
use crate::model::Kind;

/// A range that is not empty.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Range {
    lower: End,
    upper: End,
}

/// One end of a range; no value where it has no end there.
#[derive(Debug, Clone, PartialEq)]
struct End {
    value: Option<Value>,
    inclusive: bool,
}

/// The order of `range_cmp` and `multirange_cmp`: end by end; what has fewer ranges comes first.
pub(super) fn compare(these: &[Range], those: &[Range]) -> Ordering {
    let pairs = these.iter().zip(those).map(|(this, that)| {
        compare_ends(&this.lower, &that.lower, Side::Lower)
            .then_with(|| compare_ends(&this.upper, &that.upper, Side::Upper))
    });
    pairs.into_iter().find(|order| order.is_ne()).unwrap_or_else(|| these.len().cmp(&those.len()))
}

#[derive(Clone, Copy)]
enum Side {
    Lower,
    Upper,
}

fn compare_ends(this: &End, that: &End, side: Side) -> Ordering {
    let outwards = match side {
        Side::Lower => Ordering::Less,
        Side::Upper => Ordering::Greater,
    };
    match (&this.value, &that.value) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => outwards,
        (Some(_), None) => outwards.reverse(),
        (Some(a), Some(b)) => a.compare(b).then(match (this.inclusive, that.inclusive) {
            (true, false) => outwards,
            (false, true) => outwards.reverse(),
            (true, true) | (false, false) => Ordering::Equal,
        }),
    }
}

/// Reads `[1,5)`, `(,"2026-01-31 12:30:00+00"]` or `empty`.
pub(super) fn read(kind: &Kind, text: &str) -> Option<Vec<Range>> {
    if text == "empty" {
        return Some(Vec::new());
    }
    let (range, rest) = read_one(kind, text)?;
    rest.is_empty().then(|| vec![range])
}

/// Reads `{[1,5),[7,9)}`.
pub(super) fn read_several(kind: &Kind, text: &str) -> Option<Vec<Range>> {
    let mut rest = text.strip_prefix('{')?.strip_suffix('}')?;
    let mut ranges = Vec::new();
    while !rest.is_empty() {
        let (range, after) = read_one(kind, rest)?;
        ranges.push(range);
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    Some(ranges)
}

/// The range at the start of a text, and what follows. The texts of the values in it have no quotes of their own.
fn read_one<'a>(kind: &Kind, text: &'a str) -> Option<(Range, &'a str)> {
    let end = text.find([')', ']'])?;
    let (lower, upper) = text.get(1..end)?.split_once(',')?;
    let value = |text: &str| match text.trim_matches('"') {
        "" => Some(None),
        text => read_value(kind, text).map(Some),
    };
    let lower = End { value: value(lower)?, inclusive: text.starts_with('[') };
    let upper = End { value: value(upper)?, inclusive: text[end..].starts_with(']') };
    Some((Range { lower, upper }, &text[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_ordered_by_their_ends() {
        let texts = ["empty", "(,1)", "(,)", "[1,2)", "[1.0,2]", "(1,2)", "[3,)"];
        let ranges: Vec<Vec<Range>> = texts.iter().map(|text| read(&Kind::BigDecimal, text).unwrap()).collect();
        assert!(ranges.is_sorted_by(|a, b| compare(a, b) == Ordering::Less), "{ranges:?}");
        let of = |text| read(&Kind::BigDecimal, text).unwrap();
        assert_eq!(compare(&of("[1.0,2)"), &of("[1,2.00)")), Ordering::Equal);
    }

    #[test]
    fn several_ranges_are_ordered_one_by_one() {
        let texts = ["{}", "{[1,2)}", "{[1,2),[3,4)}", "{[1,3)}"];
        let ranges: Vec<Vec<Range>> = texts.iter().map(|text| read_several(&Kind::Int, text).unwrap()).collect();
        assert!(ranges.is_sorted_by(|a, b| compare(a, b) == Ordering::Less), "{ranges:?}");
        assert!(read(&Kind::Int, "[1,2").is_none() && read_several(&Kind::Int, "{x}").is_none());
    }
}
