//! A value that a client gave, from a literal or from a variable alike. Numbers keep the text they were
//! written in, so that none loses digits on its way to Postgres.

mod geojson;

use crate::error::{Code, Error};
use crate::model::{Column, Kind, Model};
use crate::sql::{array_literal_with, hstore_literal, record_literal};

/// A value as GraphQL writes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Input {
    /// `null`
    Null,
    /// `true`, `false`
    Boolean(bool),
    /// An integer or a float, as written.
    Number(String),
    /// A string.
    String(String),
    /// An enum value's name.
    Enum(String),
    /// A list.
    List(Vec<Input>),
    /// An input object, its fields in the order given.
    Object(Vec<(String, Input)>),
}

impl Input {
    /// The field of an input object, if given.
    pub fn field(&self, name: &str) -> Option<&Input> {
        self.fields().iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    /// The fields of an input object; none for all other values.
    pub fn fields(&self) -> &[(String, Input)] {
        match self {
            Self::Object(fields) => fields,
            Self::Null | Self::Boolean(_) | Self::Number(_) | Self::String(_) | Self::Enum(_) | Self::List(_) => &[],
        }
    }

    /// The items of a list; a single value is a list of one.
    pub fn items(&self) -> &[Input] {
        match self {
            Self::List(items) => items,
            Self::Null | Self::Boolean(_) | Self::Number(_) | Self::String(_) | Self::Enum(_) | Self::Object(_) => {
                std::slice::from_ref(self)
            }
        }
    }

    /// As JSON text, numbers as they were written.
    pub fn to_json(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Boolean(value) => value.to_string(),
            Self::Number(text) => text.clone(),
            Self::String(text) | Self::Enum(text) => serde_json::Value::from(text.as_str()).to_string(),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(Self::to_json).collect();
                format!("[{}]", items.join(","))
            }
            Self::Object(fields) => {
                let fields: Vec<String> = fields
                    .iter()
                    .map(|(name, value)| format!("{}:{}", serde_json::Value::from(name.as_str()), value.to_json()))
                    .collect();
                format!("{{{}}}", fields.join(","))
            }
        }
    }
}

/// The text form of a value for a column of this kind; `None` is NULL.
///
/// # Errors
/// `BAD_USER_INPUT` when the value is not of the kind. Whether text is a well-formed date, number and so on
/// is left to Postgres.
pub fn to_text(model: &Model, kind: &Kind, input: &Input) -> Result<Option<String>, Error> {
    let refused = || {
        let wanted = kind.scalar().unwrap_or("value of the column's type");
        Error::new(Code::BadUserInput, format!("{} is not a {wanted}", input.to_json()))
    };
    if matches!(kind, Kind::Json | Kind::Jsonb) {
        return Ok((*input != Input::Null).then(|| input.to_json()));
    }
    let text = match (kind, input) {
        (_, Input::Null) => return Ok(None),
        (Kind::Array(element), items) => array_text(model, element, items)?,
        (Kind::HStore, Input::Object(entries)) => hstore(entries).ok_or_else(refused)?,
        (Kind::Spatial(spatial), Input::Object(_)) => geojson::to_ewkb(input, spatial.srid())
            .map_err(|reason| Error::new(Code::DataInvalid, format!("not a geometry in GeoJSON: {reason}")))?,
        (Kind::Composite(id), Input::Object(_)) => {
            // A part that is left out is NULL, as in a new value.
            let part = |attribute: &Column| match input.field(&attribute.field) {
                Some(part) => to_text(model, &attribute.kind, part),
                None => Ok(None),
            };
            let parts: Result<Vec<_>, Error> = model.composite(*id).attributes.iter().map(part).collect();
            record_literal(&parts?)
        }
        (Kind::Boolean, Input::Boolean(value)) => value.to_string(),
        (Kind::Int | Kind::BigInt | Kind::Float | Kind::BigDecimal, Input::Number(text)) => text.clone(),
        // Only the kinds whose values may be too large for a JSON number take them as strings.
        (Kind::BigInt | Kind::BigDecimal | Kind::Float, Input::String(text)) => text.clone(),
        (Kind::Enum(id), Input::Enum(name)) => {
            let value = model.enum_type(*id).by_name(name).ok_or_else(refused)?;
            value.label.clone()
        }
        (Kind::Boolean | Kind::Int | Kind::Enum(_) | Kind::HStore | Kind::Composite(_), _) => return Err(refused()),
        (_, Input::String(text)) => text.clone(),
        _ => return Err(refused()),
    };
    if text.contains('\0') {
        return Err(Error::new(Code::DataInvalid, "Postgres cannot store the character U+0000 in text"));
    }
    Ok(Some(text))
}

fn array_text(model: &Model, element: &Kind, input: &Input) -> Result<String, Error> {
    if let Kind::Array(inner) = element {
        let part = |item: &Input| match item {
            Input::Null => Err(Error::new(Code::BadUserInput, "a list within a list must not be null")),
            item => array_text(model, inner, item),
        };
        let parts: Result<Vec<String>, Error> = input.items().iter().map(part).collect();
        return Ok(format!("{{{}}}", parts?.join(element.delimiter().encode_utf8(&mut [0; 4]))));
    }
    let texts: Result<Vec<Option<String>>, Error> =
        input.items().iter().map(|item| to_text(model, element, item)).collect();
    Ok(array_literal_with(element.delimiter(), texts?.iter().map(Option::as_deref)))
}

/// `hstore` as Postgres reads it; `None` if a value is neither a string nor null.
fn hstore(entries: &[(String, Input)]) -> Option<String> {
    let entry = |(key, value): &(String, Input)| match value {
        Input::String(text) => Some((key.clone(), Some(text.clone()))),
        Input::Null => Some((key.clone(), None)),
        Input::Boolean(_) | Input::Number(_) | Input::Enum(_) | Input::List(_) | Input::Object(_) => None,
    };
    let entries: Option<Vec<_>> = entries.iter().map(entry).collect();
    Some(hstore_literal(&entries?))
}
