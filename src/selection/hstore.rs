//! How is an `hstore` written as JSON?

use super::write_string;
use crate::sql::hstore_entries;

/// Writes `"a"=>"1", "b"=>NULL` as a JSON object, spaced as the extension's own function does.
pub(super) fn write_json(text: &str, json: &mut Vec<u8>) {
    json.push(b'{');
    for (index, (key, value)) in hstore_entries(text).iter().enumerate() {
        if index > 0 {
            json.extend_from_slice(b", ");
        }
        write_string(key, json);
        json.extend_from_slice(b": ");
        match value {
            Some(value) => write_string(value, json),
            None => json.extend_from_slice(b"null"),
        }
    }
    json.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_become_an_object() {
        for (text, wanted) in [(r#""a"=>"1", "b\""=>NULL"#, r#"{"a": "1", "b\"": null}"#), ("", "{}")] {
            let mut json = Vec::new();
            write_json(text, &mut json);
            assert_eq!(String::from_utf8(json).unwrap(), wanted);
        }
    }
}
