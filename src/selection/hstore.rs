//! `hstore`, as Postgres prints and reads it, and as JSON.
//! <https://www.postgresql.org/docs/current/hstore.html>

use super::write_string;

/// Writes `"a"=>"1", "b"=>NULL` as a JSON object, spaced as the extension's own function does.
pub(super) fn write_json(text: &str, json: &mut Vec<u8>) {
    json.push(b'{');
    let mut rest = text;
    while let Some((key, after)) = quoted(rest) {
        if rest.len() < text.len() {
            json.extend_from_slice(b", ");
        }
        write_string(&key, json);
        json.extend_from_slice(b": ");
        let after = after.strip_prefix("=>").unwrap_or(after);
        rest = match quoted(after) {
            Some((value, after)) => {
                write_string(&value, json);
                after
            }
            None => {
                json.extend_from_slice(b"null");
                after.strip_prefix("NULL").unwrap_or(after)
            }
        };
        rest = rest.strip_prefix(", ").unwrap_or(rest);
    }
    json.push(b'}');
}

/// A quoted text at the start, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut characters = text.strip_prefix('"')?.chars();
    let mut value = String::new();
    while let Some(character) = characters.next() {
        match character {
            '"' => return Some((value, characters.as_str())),
            '\\' => value.extend(characters.next()),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::hstore_literal;

    #[test]
    fn what_is_written_can_be_read() {
        let entry = |key: &str, value: Option<&str>| (key.to_owned(), value.map(str::to_owned));
        let text = hstore_literal(&[entry("a", Some("1")), entry("b\"\\", Some("NULL")), entry("", None)]);
        assert_eq!(text, r#""a"=>"1", "b\"\\"=>"NULL", ""=>NULL"#);
        let mut json = Vec::new();
        write_json(&text, &mut json);
        assert_eq!(String::from_utf8(json).unwrap(), r#"{"a": "1", "b\"\\": "NULL", "": null}"#);
    }

    #[test]
    fn nothing_is_an_empty_object_and_a_broken_text_ends() {
        for (text, wanted) in [("", "{}"), ("\"a\"=>", r#"{"a": null}"#), ("\"a", "{}")] {
            let mut json = Vec::new();
            write_json(text, &mut json);
            assert_eq!(String::from_utf8(json).unwrap(), wanted);
        }
    }
}
