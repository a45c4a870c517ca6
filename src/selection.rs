//! Which columns of a row, and how is a value written as JSON? The one meaning of a selection: printed as
//! SQL by queries, written as bytes by subscriptions. Both give the same bytes for the same value, given
//! the session settings of [`SESSION`].

mod array;
mod composite;
mod geojson;
mod hstore;

pub use composite::{ValueField, ValueSelection, selected_expression};

use crate::model::{Column, ColumnId, Kind, Model, Table};
use crate::sql::{output_text, record_parts};
use array::Token;

/// Settings of every session, also the replication stream's, on which the text of values depends.
pub const SESSION: [(&str, &str); 5] = [
    ("TimeZone", "UTC"),
    ("DateStyle", "ISO, MDY"),
    ("IntervalStyle", "iso_8601"),
    ("extra_float_digits", "1"),
    ("bytea_output", "hex"),
];

/// What was selected of a row, in the order of the selection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct RowSelection {
    /// Pairs of response key and content.
    pub fields: Vec<(String, RowField)>,
}

/// One selected field of a row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RowField {
    /// `__typename`
    Typename,
    /// A column.
    Column(ColumnId),
    /// Parts of a column of a composite type, or of an array of such values.
    Composite(ColumnId, ValueSelection),
}

impl RowSelection {
    /// The columns selected.
    pub fn columns(&self) -> impl Iterator<Item = ColumnId> {
        self.fields.iter().filter_map(|(_, field)| match field {
            RowField::Typename => None,
            RowField::Column(column) | RowField::Composite(column, _) => Some(*column),
        })
    }

    /// Writes the selected object. `row` gives a column's text as Postgres puts it out; `None` is NULL.
    pub fn write_json<'a>(
        &self,
        model: &Model,
        table: &Table,
        typename: &str,
        row: &impl Fn(ColumnId) -> Option<&'a str>,
        json: &mut Vec<u8>,
    ) {
        json.push(b'{');
        for (index, (key, field)) in self.fields.iter().enumerate() {
            if index > 0 {
                json.push(b',');
            }
            write_string(key, json);
            json.push(b':');
            match field {
                RowField::Typename => write_string(typename, json),
                RowField::Column(column) => {
                    write_selected(model, &table.column(*column).kind, None, row(*column), json);
                }
                RowField::Composite(column, inner) => {
                    write_selected(model, &table.column(*column).kind, Some(inner), row(*column), json);
                }
            }
        }
        json.push(b'}');
    }
}

/// SQL that makes a JSON value of `expression`, a value of this kind. The result has type json, text, or
/// one of the types that `to_json` writes as wanted (numbers, booleans, times).
pub fn json_expression(model: &Model, kind: &Kind, expression: &str) -> String {
    match kind {
        Kind::Boolean
        | Kind::Int
        | Kind::Float
        | Kind::String
        | Kind::Padded
        | Kind::Uuid
        | Kind::DateTime
        | Kind::LocalDateTime
        | Kind::Date
        | Kind::Json
        | Kind::Jsonb
        | Kind::Printed(_) => expression.to_owned(),
        // Times and bytes as their text; so are numbers that JSON would round.
        Kind::BigInt | Kind::BigDecimal | Kind::Time | Kind::Duration | Kind::Bytes => {
            format!("{expression}::pg_catalog.text")
        }
        Kind::Composite(_) | Kind::Opaque => output_text(expression),
        // The extension's cast, which is found wherever the extension is.
        Kind::HStore => format!("{expression}::pg_catalog.json"),
        Kind::Spatial(_) => geojson::expression(model.spatial_schema.as_deref().unwrap_or_default(), expression),
        Kind::Enum(id) => {
            let mut sql = format!("CASE {expression}::pg_catalog.text");
            for value in &model.enum_type(*id).values {
                sql.push_str(&format!(" WHEN '{}' THEN '{}'", value.label.replace('\'', "''"), value.name));
            }
            sql + " END"
        }
        Kind::Array(element) => match element.element() {
            of @ (Kind::Enum(_) | Kind::Spatial(_)) => {
                let element = json_expression(model, of, "element");
                // One list, however many dimensions there are: unnest knows no other.
                format!(
                    "(SELECT coalesce(pg_catalog.array_agg({element} ORDER BY position), '{{}}') \
                     FROM pg_catalog.unnest({expression}) WITH ORDINALITY AS elements(element, position) \
                     HAVING {expression} IS NOT NULL)"
                )
            }
            // By way of the array's own text, so that each element is what its output function gives.
            Kind::BigInt
            | Kind::BigDecimal
            | Kind::Time
            | Kind::Duration
            | Kind::Bytes
            | Kind::Composite(_)
            | Kind::Opaque => {
                format!("{expression}::pg_catalog.text::pg_catalog.text[]")
            }
            Kind::HStore => format!("{expression}::pg_catalog.json[]"),
            Kind::Boolean
            | Kind::Int
            | Kind::Float
            | Kind::String
            | Kind::Padded
            | Kind::Uuid
            | Kind::DateTime
            | Kind::LocalDateTime
            | Kind::Date
            | Kind::Json
            | Kind::Jsonb
            | Kind::Printed(_)
            | Kind::Array(_) => expression.to_owned(),
        },
    }
}

/// Writes what was selected of a value, if something was; null if there is no value.
fn write_selected(
    model: &Model,
    kind: &Kind,
    selection: Option<&ValueSelection>,
    text: Option<&str>,
    json: &mut Vec<u8>,
) {
    match (kind, selection, text) {
        (_, _, None) => json.extend_from_slice(b"null"),
        (Kind::Composite(id), Some(selection), Some(text)) => {
            composite::write_json(model, model.composite(*id), selection, text, json);
        }
        (Kind::Array(element), Some(_), Some(text)) => write_array(model, element.element(), selection, text, json),
        (_, _, Some(text)) => write_value(model, kind, text, json),
    }
}

/// Writes the JSON value of a text that Postgres put out for a value of this kind: the same bytes that
/// [`json_expression`] gives in a query.
pub fn write_value(model: &Model, kind: &Kind, text: &str, json: &mut Vec<u8>) {
    match kind {
        Kind::Boolean => json.extend_from_slice(if text == "t" { b"true" } else { b"false" }),
        Kind::Int | Kind::Json | Kind::Jsonb => json.extend_from_slice(text.as_bytes()),
        // Postgres' to_json: what is no JSON number (NaN, Infinity) becomes a string.
        Kind::Float if text.ends_with(|last: char| last.is_ascii_digit()) => json.extend_from_slice(text.as_bytes()),
        Kind::DateTime | Kind::LocalDateTime => write_string(&iso_moment(text), json),
        Kind::Enum(id) => match model.enum_type(*id).by_label(text) {
            Some(value) => write_string(&value.name, json),
            None => json.extend_from_slice(b"null"),
        },
        Kind::Array(element) => write_array(model, element.element(), None, text, json),
        Kind::HStore => hstore::write_json(text, json),
        Kind::Spatial(_) => geojson::write_json(text, json),
        Kind::Float
        | Kind::BigInt
        | Kind::BigDecimal
        | Kind::String
        | Kind::Padded
        | Kind::Uuid
        | Kind::Date
        | Kind::Time
        | Kind::Duration
        | Kind::Bytes
        | Kind::Composite(_)
        | Kind::Printed(_)
        | Kind::Opaque => write_string(text, json),
    }
}

/// `2026-01-31 12:30:00.5+00` as Postgres' to_json has it: `2026-01-31T12:30:00.5+00:00`.
fn iso_moment(text: &str) -> String {
    let text = text.replacen(' ', "T", usize::from(!text.ends_with("infinity")));
    match text.strip_suffix("+00") {
        Some(moment) => format!("{moment}+00:00"),
        None => match text.strip_suffix("+00 BC") {
            Some(moment) => format!("{moment}+00:00 BC"),
            None => text,
        },
    }
}

/// Writes Postgres' array text as a JSON array.
fn write_array(model: &Model, element: &Kind, selection: Option<&ValueSelection>, text: &str, json: &mut Vec<u8>) {
    // Dimensions are lists within lists, but not where a query has but one list.
    let flat = matches!(element, Kind::Enum(_) | Kind::Spatial(_)) || selection.is_some();
    let mut depth: usize = 0;
    array::read(text, element.delimiter(), |token| match token {
        Token::Open => {
            depth += 1;
            json.extend((depth == 1 || !flat).then_some(b'['));
        }
        Token::Close => {
            json.extend((depth == 1 || !flat).then_some(b']'));
            depth = depth.saturating_sub(1);
        }
        Token::Separator => json.push(b','),
        Token::Null => json.extend_from_slice(b"null"),
        Token::Value(value) => write_selected(model, element, selection, Some(value), json),
    });
}

/// Whether the model knows all that a text says: no label that was added to an enum since, no part of a composite type.
pub fn is_known(model: &Model, kind: &Kind, text: &str) -> bool {
    match kind {
        Kind::Enum(id) => model.enum_type(*id).by_label(text).is_some(),
        Kind::Composite(id) => {
            let attributes = &model.composite(*id).attributes;
            let parts = record_parts(text);
            let known = |(attribute, part): (&Column, &Option<String>)| {
                part.as_deref().is_none_or(|part| is_known(model, &attribute.kind, part))
            };
            parts.len() == attributes.len() && attributes.iter().zip(&parts).all(known)
        }
        Kind::Array(element) => {
            let element = element.element();
            let mut known = true;
            // Others' elements need not be looked at.
            if matches!(element, Kind::Enum(_) | Kind::Composite(_)) {
                array::read(text, element.delimiter(), |token| match token {
                    Token::Value(value) => known &= is_known(model, element, value),
                    Token::Open | Token::Close | Token::Separator | Token::Null => {}
                });
            }
            known
        }
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
        | Kind::Json
        | Kind::Jsonb
        | Kind::Bytes
        | Kind::HStore
        | Kind::Spatial(_)
        | Kind::Printed(_)
        | Kind::Opaque => true,
    }
}

/// Writes a JSON string with the escapes that Postgres' own JSON functions use.
pub fn write_string(text: &str, json: &mut Vec<u8>) {
    json.push(b'"');
    let bytes = text.as_bytes();
    let mut written = 0;
    for (index, byte) in bytes.iter().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            8 => b"\\b",
            12 => b"\\f",
            0..=31 => &[],
            _ => continue,
        };
        json.extend_from_slice(&bytes[written..index]);
        if escape.is_empty() {
            json.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
        } else {
            json.extend_from_slice(escape);
        }
        written = index + 1;
    }
    json.extend_from_slice(&bytes[written..]);
    json.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(kind: &Kind, text: &str) -> String {
        let mut json = Vec::new();
        write_value(&Model::default(), kind, text, &mut json);
        String::from_utf8(json).unwrap()
    }

    #[test]
    fn values_are_written_as_postgres_writes_them() {
        let texts = Kind::Array(Box::new(Kind::String));
        assert_eq!(json(&texts, r#"{a,"b \"c\\",NULL,"NULL",""}"#), r#"["a","b \"c\\",null,"NULL",""]"#);
        assert_eq!(json(&texts, "{}"), "[]");
        assert_eq!(json(&Kind::Array(Box::new(Kind::Int)), "[0:1][1:2]={{1,2},{3,NULL}}"), "[[1,2],[3,null]]");
        assert_eq!(json(&Kind::DateTime, "2026-01-31 12:30:00.5+00"), r#""2026-01-31T12:30:00.5+00:00""#);
        assert_eq!(json(&Kind::DateTime, "0044-03-15 00:00:00+00 BC"), r#""0044-03-15T00:00:00+00:00 BC""#);
        assert_eq!(json(&Kind::DateTime, "infinity"), r#""infinity""#);
        assert_eq!(json(&Kind::Float, "1e+300"), "1e+300");
        assert_eq!(json(&Kind::Float, "-Infinity"), r#""-Infinity""#);
        assert_eq!(json(&Kind::String, "a\u{1}\u{7f}é\n"), "\"a\\u0001\u{7f}é\\n\"");
    }
}
