//! How does Postgres read a value that is made of others? Writes the text forms of arrays and their kin, to be bound.

/// The text form of a one-dimensional array, from the text forms of its elements.
/// <https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO>
pub fn array_literal<'a>(elements: impl IntoIterator<Item = Option<&'a str>>) -> String {
    array_literal_with(',', elements)
}

/// The same of a type that has something else between its elements (`pg_type.typdelim`).
pub fn array_literal_with<'a>(delimiter: char, elements: impl IntoIterator<Item = Option<&'a str>>) -> String {
    let mut text = String::from("{");
    for (index, element) in elements.into_iter().enumerate() {
        if index > 0 {
            text.push(delimiter);
        }
        let Some(element) = element else {
            text.push_str("NULL");
            continue;
        };
        text.push('"');
        for character in element.chars() {
            if matches!(character, '"' | '\\') {
                text.push('\\');
            }
            text.push(character);
        }
        text.push('"');
    }
    text.push('}');
    text
}

/// The text form of an `hstore` with these keys and values.
/// <https://www.postgresql.org/docs/current/hstore.html#HSTORE-EXTERNAL-REP>
pub fn hstore_literal(entries: &[(String, Option<String>)]) -> String {
    let quote = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let entry = |(key, value): &(String, Option<String>)| {
        format!("{}=>{}", quote(key), value.as_deref().map_or_else(|| "NULL".to_owned(), quote))
    };
    entries.iter().map(entry).collect::<Vec<_>>().join(", ")
}

/// The text form of a value of a composite type with these parts.
/// <https://www.postgresql.org/docs/current/rowtypes.html#ROWTYPES-IO-SYNTAX>
pub fn record_literal(parts: &[Option<String>]) -> String {
    let quote = |text: &String| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\"\""));
    let parts: Vec<String> = parts.iter().map(|part| part.as_ref().map_or_else(String::new, quote)).collect();
    format!("({})", parts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn array_elements_are_quoted() {
        assert_eq!(array_literal([Some("a\"b\\c"), None, Some("")]), r#"{"a\"b\\c",NULL,""}"#);
    }
}
