//! What is in the text of an array, `{a,"b c",NULL,{…}}`?
//! <https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO>

/// A piece of an array's text.
pub(super) enum Token<'a> {
    /// A dimension begins.
    Open,
    /// It ends.
    Close,
    /// Between elements or dimensions.
    Separator,
    /// An element that is NULL.
    Null,
    /// The text of an element.
    Value(&'a str),
}

/// Gives the pieces of the text, in their order, given what stands between elements.
pub(super) fn read(text: &str, delimiter: char, mut take: impl FnMut(Token<'_>)) {
    // Lower bounds other than 1 stand in front: `[0:2]={…}`. JSON has none.
    let start = if text.starts_with('[') { text.find('=').map_or(0, |at| at + 1) } else { 0 };
    let mut characters = text[start..].chars();
    let mut value = String::new();
    let mut quoted = false;
    while let Some(character) = characters.next() {
        let piece = match character {
            '{' => Token::Open,
            '}' => Token::Close,
            other if other == delimiter => Token::Separator,
            '"' => {
                quoted = true;
                while let Some(character) = characters.next().filter(|character| *character != '"') {
                    value.extend(if character == '\\' { characters.next() } else { Some(character) });
                }
                continue;
            }
            other => {
                value.push(other);
                continue;
            }
        };
        match value.as_str() {
            "" if !quoted => {}
            "NULL" if !quoted => take(Token::Null),
            text => take(Token::Value(text)),
        }
        value.clear();
        quoted = false;
        take(piece);
    }
}
