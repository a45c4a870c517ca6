//! What is in an array, and what has another of it? Dimensions and bounds do not count.
//! <https://www.postgresql.org/docs/current/functions-array.html>

use std::cmp::Ordering;

use super::value::{self, Value};
use crate::filter::Containment;
use crate::model::Kind;

impl Containment {
    /// Whether it holds between two arrays. NULL equals nothing, not even NULL.
    pub(super) fn holds(self, own: &[Option<Value>], other: &[Option<Value>]) -> bool {
        match self {
            Self::Contains => other.iter().all(|element| is_among(element.as_ref(), own)),
            Self::ContainedBy => own.iter().all(|element| is_among(element.as_ref(), other)),
            Self::Overlaps => other.iter().any(|element| is_among(element.as_ref(), own)),
        }
    }
}

fn is_among(element: Option<&Value>, elements: &[Option<Value>]) -> bool {
    let equals = |value: &Value| elements.iter().flatten().any(|other| other.compare(value) == Ordering::Equal);
    element.is_some_and(equals)
}

/// The elements of an array's text, `{a,"b c",NULL,{…}}`; `None` where one is not of the kind.
/// <https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO>
pub(super) fn read(kind: &Kind, text: &str) -> Option<Vec<Option<Value>>> {
    // Bounds other than 1 stand in front: `[0:2]={…}`.
    let mut characters = text[text.find('{')?..].chars();
    let mut elements = Vec::new();
    let mut element = String::new();
    let mut quoted = false;
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                quoted = true;
                while let Some(character) = characters.next().filter(|character| *character != '"') {
                    element.extend(if character == '\\' { characters.next() } else { Some(character) });
                }
            }
            '{' | '}' | ',' => {
                match element.as_str() {
                    "" if !quoted => {}
                    "NULL" if !quoted => elements.push(None),
                    text => elements.push(Some(value::read(kind, text)?)),
                }
                element.clear();
                quoted = false;
            }
            other => element.push(other),
        }
    }
    Some(elements)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_from_the_text_of_an_array() {
        let texts = |text| {
            let elements = read(&Kind::String, text).unwrap().into_iter();
            elements.map(|element| element.map(|value| format!("{value:?}"))).collect::<Vec<_>>()
        };
        let text = |text: &str| Some(format!("{:?}", Value::Text(text.into())));
        assert_eq!(texts("{}"), []);
        assert_eq!(texts(r#"[0:1][1:2]={{a,NULL},{"NULL",""}}"#), [text("a"), None, text("NULL"), text("")]);
        assert_eq!(texts(r#"{"a\"b\\,{c}"}"#), [text("a\"b\\,{c}")]);
        assert!(read(&Kind::Int, "{x}").is_none());
    }
}
