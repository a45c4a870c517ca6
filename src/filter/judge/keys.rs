//! Which keys has a JSON document? Only its outermost level counts.
//! <https://www.postgresql.org/docs/current/functions-json.html#FUNCTIONS-JSONB-OP-TABLE>

use std::collections::HashMap;

use serde_json::value::RawValue;

use crate::filter::Keys;

/// Whether the document has so many of these keys: those of an object, the strings of a list, or a string itself.
pub(super) fn has(json: &str, how: Keys, keys: &[Box<str>]) -> Option<bool> {
    // What is within is passed over, however deep it nests.
    let string = |raw: &str| serde_json::from_str::<String>(raw).ok();
    let own: Vec<String> = match json.as_bytes().first()? {
        b'{' => serde_json::from_str::<HashMap<String, &RawValue>>(json).ok()?.into_keys().collect(),
        b'[' => {
            let items = serde_json::from_str::<Vec<&RawValue>>(json).ok()?;
            items.into_iter().filter_map(|item| string(item.get())).collect()
        }
        _ => string(json).into_iter().collect(),
    };
    let is_there = |key: &str| own.iter().any(|own| own == key);
    Some(match how {
        Keys::One | Keys::Any => keys.iter().any(|key| is_there(key)),
        Keys::All => keys.iter().all(|key| is_there(key)),
    })
}
