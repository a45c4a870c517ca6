//! Values from outside → checked input. One gate for literals and variables, by the types of the schema:
//! what apollo-compiler does not check (variables inside of objects, duplicate fields, @oneOf) is checked here.
//! <https://spec.graphql.org/September2025/#sec-Coercing-Variable-Values>

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use apollo_compiler::ast::{Type, Value};
use apollo_compiler::executable::Operation;
use apollo_compiler::schema::{ExtendedType, InputObjectType};
use apollo_compiler::{Node, Schema};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::{Code, Error};
use crate::input::Input;

/// Lists and objects within each other in the values of variables.
const DEEPEST_VALUE: usize = 64;

/// The values of an operation's variables. One that was not given and has no default is absent.
#[derive(Debug, Clone, Default)]
pub struct Variables(HashMap<String, Input>);

impl Variables {
    /// The value, if it was given or has a default.
    pub fn get(&self, name: &str) -> Option<&Input> {
        self.0.get(name)
    }

    /// All of them as JSON, for introspection.
    pub fn to_json(&self) -> serde_json::Value {
        let entries = self.0.iter().map(|(name, value)| {
            (name.clone(), serde_json::from_str(&value.to_json()).unwrap_or(serde_json::Value::Null))
        });
        serde_json::Value::Object(entries.collect())
    }
}

pub(super) fn variables(schema: &Schema, operation: &Operation, json: Option<&RawValue>) -> Result<Variables, Error> {
    let given: BTreeMap<String, &RawValue> = match json {
        None => BTreeMap::new(),
        Some(json) if json.get() == "null" => BTreeMap::new(),
        Some(json) => serde_json::from_str(json.get())
            .map_err(|_| Error::new(Code::BadRequest, "`variables` must be a JSON object"))?,
    };
    let mut variables = HashMap::new();
    for declaration in &operation.variables {
        let name = declaration.name.as_str();
        let place = format!("variable `${name}`");
        let value = match (given.get(name), &declaration.default_value) {
            (Some(json), _) => read_json(json, &place, DEEPEST_VALUE)?,
            (None, Some(default)) => match literal(default, &Variables::default()) {
                Some(default) => default,
                None => continue,
            },
            (None, None) if declaration.ty.is_non_null() => {
                return Err(refused(&place, format!("is required: it has the type {}", declaration.ty)));
            }
            (None, None) => continue,
        };
        variables.insert(name.to_owned(), coerce(schema, &declaration.ty, value, &place)?);
    }
    Ok(Variables(variables))
}

fn refused(place: &str, why: impl std::fmt::Display) -> Error {
    Error::new(Code::BadUserInput, format!("{place} {why}"))
}

/// Reads JSON and keeps the text of numbers.
fn read_json(json: &RawValue, place: &str, depth: usize) -> Result<Input, Error> {
    if depth == 0 {
        return Err(Error::new(Code::NestingLimit, format!("{place} nests more than {DEEPEST_VALUE} levels deep")));
    }
    let text = json.get();
    let malformed = |error: serde_json::Error| refused(place, error);
    Ok(match text.as_bytes().first() {
        Some(b'n') => Input::Null,
        Some(b't') => Input::Boolean(true),
        Some(b'f') => Input::Boolean(false),
        Some(b'"') => Input::String(serde_json::from_str(text).map_err(malformed)?),
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).map_err(malformed)?;
            Input::List(items.into_iter().map(|item| read_json(item, place, depth - 1)).collect::<Result<_, _>>()?)
        }
        Some(b'{') => {
            let Fields(fields) = serde_json::from_str(text).map_err(malformed)?;
            let fields = fields.into_iter().map(|(name, value)| Ok((name, read_json(value, place, depth - 1)?)));
            Input::Object(fields.collect::<Result<_, Error>>()?)
        }
        _ => Input::Number(text.to_owned()),
    })
}

/// The fields of a JSON object in the order in which they were given, which a value of the type `json` keeps.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// A literal with its variables filled in; `None` for a variable that is absent.
pub(super) fn literal(value: &Node<Value>, variables: &Variables) -> Option<Input> {
    Some(match &**value {
        Value::Null => Input::Null,
        Value::Enum(name) => Input::Enum(name.to_string()),
        Value::Variable(name) => return variables.get(name).cloned(),
        Value::String(text) => Input::String(text.clone()),
        Value::Float(number) => Input::Number(number.as_str().to_owned()),
        Value::Int(number) => Input::Number(number.as_str().to_owned()),
        Value::Boolean(value) => Input::Boolean(*value),
        // In a list an absent variable is null; in an object its field is absent.
        Value::List(items) => {
            Input::List(items.iter().map(|item| literal(item, variables).unwrap_or(Input::Null)).collect())
        }
        Value::Object(fields) => Input::Object(
            fields.iter().filter_map(|(name, value)| Some((name.to_string(), literal(value, variables)?))).collect(),
        ),
    })
}

/// Checks a value against a type; a single value becomes a list of one where a list is wanted.
pub(super) fn coerce(schema: &Schema, ty: &Type, input: Input, place: &str) -> Result<Input, Error> {
    match (ty, input) {
        (Type::NonNullNamed(_) | Type::NonNullList(_), Input::Null) => {
            Err(refused(place, format!("must not be null: it has the type {ty}")))
        }
        (Type::Named(_) | Type::List(_), Input::Null) => Ok(Input::Null),
        (Type::List(item) | Type::NonNullList(item), Input::List(items)) => {
            let items = items.into_iter().map(|value| coerce(schema, item, value, place));
            Ok(Input::List(items.collect::<Result<_, _>>()?))
        }
        (Type::List(item) | Type::NonNullList(item), single) => {
            Ok(Input::List(vec![coerce(schema, item, single, place)?]))
        }
        (Type::Named(name) | Type::NonNullNamed(name), input) => match schema.types.get(name) {
            Some(ExtendedType::InputObject(object)) => coerce_object(schema, object, input, place),
            Some(ExtendedType::Enum(values)) => match input {
                Input::Enum(value) | Input::String(value) if values.values.contains_key(value.as_str()) => {
                    Ok(Input::Enum(value))
                }
                other => Err(refused(place, format!("is {}, no value of {name}", other.to_json()))),
            },
            _ => coerce_scalar(name, input, place),
        },
    }
}

fn coerce_scalar(name: &str, input: Input, place: &str) -> Result<Input, Error> {
    let fits = match (name, &input) {
        ("JSON", Input::Enum(_)) => false,
        ("JSON", _) => true,
        ("Boolean", Input::Boolean(_)) => true,
        // https://spec.graphql.org/September2025/#sec-Int.Input-Coercion
        ("Int", Input::Number(text)) => text.parse::<i32>().is_ok(),
        ("Float", Input::Number(_)) => true,
        ("Float", Input::String(text)) => matches!(text.as_str(), "NaN" | "Infinity" | "-Infinity"),
        ("BigInt" | "BigDecimal", Input::Number(_) | Input::String(_)) => true,
        // Nulls and strings, as its text has them.
        ("HStore", Input::Object(fields)) => {
            fields.iter().all(|(_, value)| matches!(value, Input::Null | Input::String(_)))
        }
        ("HStore", _) => false,
        // GeoJSON, or Postgres' text.
        ("Geometry" | "Geography", Input::Object(_)) => true,
        ("ID", Input::String(_)) => true,
        ("ID", Input::Number(text)) => text.parse::<i64>().is_ok(),
        ("Boolean" | "Int", _) => false,
        (_, Input::String(_)) => true,
        _ => false,
    };
    if fits {
        Ok(input)
    } else {
        Err(refused(place, format!("is {}, which is not of the type {name}", input.to_json())))
    }
}

fn coerce_object(schema: &Schema, object: &InputObjectType, input: Input, place: &str) -> Result<Input, Error> {
    let Input::Object(fields) = input else {
        return Err(refused(place, format!("is {}, but {} is an input object", input.to_json(), object.name)));
    };
    let mut checked: Vec<(String, Input)> = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        let place = format!("{place}, field `{name}`");
        let Some(definition) = object.fields.get(name.as_str()) else {
            return Err(refused(&place, format!("is unknown to {}", object.name)));
        };
        if checked.iter().any(|(known, _)| *known == name) {
            return Err(refused(&place, "is given twice"));
        }
        checked.push((name, coerce(schema, &definition.ty, value, &place)?));
    }
    for (name, definition) in &object.fields {
        if definition.is_required() && !checked.iter().any(|(given, _)| given == name.as_str()) {
            return Err(refused(place, format!("lacks the field `{name}` of the type {}", definition.ty)));
        }
    }
    if object.directives.has("oneOf") && (checked.len() != 1 || checked[0].1 == Input::Null) {
        return Err(refused(place, format!("must have exactly one field, not null: {} is a choice", object.name)));
    }
    Ok(Input::Object(checked))
}
