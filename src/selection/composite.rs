//! Which parts of a composite value? Printed as SQL and written from its text, both to the same bytes.

use super::{json_expression, write_selected, write_string};
use crate::model::{CompositeType, Kind, Model};
use crate::sql::{Statement, record_parts};

/// What was selected of a value of a composite type, in the order of the selection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ValueSelection {
    /// Pairs of response key and content.
    pub fields: Vec<(String, ValueField)>,
}

/// One selected field of a composite value. Parts are known by their index in the type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ValueField {
    /// `__typename`
    Typename,
    /// A part.
    Attribute(usize),
    /// Parts of a part.
    Composite(usize, ValueSelection),
}

/// The same for what was selected of a composite value, or of each in an array.
pub fn selected_expression(model: &Model, kind: &Kind, selection: &ValueSelection, expression: &str) -> String {
    selected_within(model, kind, selection, expression, 0)
}

/// Lists within lists have an alias each, by their depth.
fn selected_within(model: &Model, kind: &Kind, selection: &ValueSelection, expression: &str, depth: usize) -> String {
    match (kind, kind.element()) {
        (Kind::Array(_), Kind::Composite(id)) => {
            // One list, however many dimensions there are. Not unnest in FROM: it takes values apart, and loses NULLs.
            let list = format!("\"#list{depth}\"");
            let element = format!("{list}.element");
            let object = composite_expression(model, model.composite(*id), selection, &element, depth + 1);
            format!(
                "(SELECT coalesce(pg_catalog.array_agg({object} ORDER BY {list}.position), '{{}}') \
                 FROM (SELECT pg_catalog.unnest({expression}) AS element, \
                 pg_catalog.generate_series(1, pg_catalog.cardinality({expression})) AS position) AS {list} \
                 HAVING {expression} IS NOT NULL)"
            )
        }
        (_, Kind::Composite(id)) => composite_expression(model, model.composite(*id), selection, expression, depth),
        _ => json_expression(model, kind, expression),
    }
}

fn composite_expression(
    model: &Model,
    composite: &CompositeType,
    selection: &ValueSelection,
    expression: &str,
    depth: usize,
) -> String {
    let mut fields = Statement::new();
    for (index, (key, field)) in selection.fields.iter().enumerate() {
        if index > 0 {
            fields.keyword(", ");
        }
        let part = |index: usize| {
            let attribute = &composite.attributes[index];
            let mut part = Statement::new();
            part.keyword("(").expression(expression).keyword(").").identifier(&attribute.name);
            (&attribute.kind, part.text)
        };
        match field {
            ValueField::Typename => fields.keyword("'").expression(&composite.type_name).keyword("'::pg_catalog.text"),
            ValueField::Attribute(index) => {
                let (kind, part) = part(*index);
                fields.expression(&json_expression(model, kind, &part))
            }
            ValueField::Composite(index, inner) => {
                let (kind, part) = part(*index);
                fields.expression(&selected_within(model, kind, inner, &part, depth))
            }
        };
        fields.keyword(" AS ").identifier(key);
    }
    // `IS NOT NULL` would be false of a value with one NULL in it.
    format!(
        "CASE WHEN {expression} IS DISTINCT FROM NULL THEN (SELECT pg_catalog.row_to_json(\"#value\") FROM (SELECT {}) \
         AS \"#value\") END",
        fields.text
    )
}

/// Writes the selected parts of a value, given its text.
pub(super) fn write_json(
    model: &Model,
    composite: &CompositeType,
    selection: &ValueSelection,
    text: &str,
    json: &mut Vec<u8>,
) {
    let parts = record_parts(text);
    json.push(b'{');
    for (index, (key, field)) in selection.fields.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        write_string(key, json);
        json.push(b':');
        let (index, inner) = match field {
            ValueField::Typename => {
                write_string(&composite.type_name, json);
                continue;
            }
            ValueField::Attribute(index) => (*index, None),
            ValueField::Composite(index, inner) => (*index, Some(inner)),
        };
        let part = parts.get(index).and_then(Option::as_deref);
        write_selected(model, &composite.attributes[index].kind, inner, part, json);
    }
    json.push(b'}');
}
