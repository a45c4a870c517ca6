//! A value of a composite type, as Postgres prints and reads it.
//! <https://www.postgresql.org/docs/current/rowtypes.html#ROWTYPES-IO-SYNTAX>

/// The texts of the parts of `(1,"a ""b""",)`; `None` is NULL.
pub(super) fn parts(text: &str) -> Vec<Option<String>> {
    let text = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')).unwrap_or(text);
    let mut parts = Vec::new();
    let mut part: Option<String> = None;
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            ',' if !quoted => parts.push(part.take()),
            // Doubled within quotes it stands for itself.
            '"' if quoted && characters.peek() == Some(&'"') => part.get_or_insert_default().extend(characters.next()),
            '"' => {
                quoted = !quoted;
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
    use crate::sql::record_literal;

    #[test]
    fn parts_are_read_as_they_were_written() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(parts(r#"(1,"a ""b"" \\",,"")"#), [some("1"), some("a \"b\" \\"), None, some("")]);
        assert_eq!(parts("()"), [None]);
        let nasty = [some("(,)"), None, some("\"\\"), some(""), some("{\"a\"}")];
        assert_eq!(parts(&record_literal(&nasty)), nasty);
    }
}
