//! Which keys has a JSON document, or an `hstore`? Only the outermost level of a document counts.
//! <https://www.postgresql.org/docs/current/functions-json.html#FUNCTIONS-JSONB-OP-TABLE>

use std::collections::HashMap;

use serde_json::value::RawValue;

use super::entries;
use crate::filter::Keys;
use crate::model::Kind;

/// Whether the value has so many of these keys.
pub(super) fn has(kind: &Kind, text: &str, how: Keys, keys: &[Box<str>]) -> Option<bool> {
    let own: Vec<String> = match kind {
        Kind::HStore => entries::read(text).into_keys().collect(),
        _ => of_document(text)?,
    };
    let is_there = |key: &str| own.iter().any(|own| own == key);
    Some(match how {
        Keys::One | Keys::Any => keys.iter().any(|key| is_there(key)),
        Keys::All => keys.iter().all(|key| is_there(key)),
    })
}

/// The keys of an object, the strings of a list, or a string itself.
fn of_document(json: &str) -> Option<Vec<String>> {
    // What is within is passed over, however deep it nests.
    let string = |raw: &str| serde_json::from_str::<String>(raw).ok();
    Some(match json.as_bytes().first()? {
        b'{' => serde_json::from_str::<HashMap<String, &RawValue>>(json).ok()?.into_keys().collect(),
        b'[' => {
            let items = serde_json::from_str::<Vec<&RawValue>>(json).ok()?;
            items.into_iter().filter_map(|item| string(item.get())).collect()
        }
        _ => string(json).into_iter().collect(),
    })
}
