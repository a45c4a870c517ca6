//! What is in a value that is made of others, as Postgres prints it? The contrary of what `literal` writes.

/// The keys and values of `"a"=>"1", "b"=>NULL`. What is broken off counts as far as it goes.
/// <https://www.postgresql.org/docs/current/hstore.html#HSTORE-EXTERNAL-REP>
pub fn hstore_entries(text: &str) -> Vec<(String, Option<String>)> {
    let mut entries = Vec::new();
    let mut rest = text;
    while let Some((key, after)) = quoted(rest) {
        let after = after.strip_prefix("=>").unwrap_or(after);
        let (value, after) = match quoted(after) {
            Some((value, after)) => (Some(value), after),
            None => (None, after.strip_prefix("NULL").unwrap_or(after)),
        };
        entries.push((key, value));
        rest = after.strip_prefix(", ").unwrap_or(after);
    }
    entries
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

/// The texts of the parts of `(1,"a ""b""",)`; `None` is NULL.
/// <https://www.postgresql.org/docs/current/rowtypes.html#ROWTYPES-IO-SYNTAX>
pub fn record_parts(text: &str) -> Vec<Option<String>> {
    let text = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')).unwrap_or(text);
    let mut parts = Vec::new();
    let mut part: Option<String> = None;
    let mut in_quotes = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            ',' if !in_quotes => parts.push(part.take()),
            // Doubled within quotes it stands for itself.
            '"' if in_quotes && characters.peek() == Some(&'"') => {
                part.get_or_insert_default().extend(characters.next());
            }
            '"' => {
                in_quotes = !in_quotes;
                part.get_or_insert_default();
            }
            '\\' => part.get_or_insert_default().extend(characters.next()),
            other => part.get_or_insert_default().push(other),
        }
    }
    parts.push(part);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{hstore_literal, record_literal};

    fn entry(key: &str, value: Option<&str>) -> (String, Option<String>) {
        (key.to_owned(), value.map(str::to_owned))
    }

    #[test]
    fn entries_are_read_as_they_were_written() {
        let entries = [entry("a", Some("1")), entry("b\"\\", Some("NULL")), entry("", None), entry("=>\", ", Some(""))];
        let text = hstore_literal(&entries);
        assert_eq!(text, r#""a"=>"1", "b\"\\"=>"NULL", ""=>NULL, "=>\", "=>"""#);
        assert_eq!(hstore_entries(&text), entries);
    }

    #[test]
    fn a_broken_text_ends() {
        for (text, wanted) in [("", vec![]), ("\"a\"=>", vec![entry("a", None)]), ("\"a", vec![])] {
            assert_eq!(hstore_entries(text), wanted);
        }
    }

    #[test]
    fn parts_are_read_as_they_were_written() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(record_parts(r#"(1,"a ""b"" \\",,"")"#), [some("1"), some("a \"b\" \\"), None, some("")]);
        assert_eq!(record_parts("()"), [None]);
        let nasty = [some("(,)"), None, some("\"\\"), some(""), some("{\"a\"}")];
        assert_eq!(record_parts(&record_literal(&nasty)), nasty);
    }
}
