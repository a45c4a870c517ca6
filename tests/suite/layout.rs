//! JSON as it was written: the text of every number and the order of every field are kept, only the space between
//! tokens is laid out anew. Takes well-formed JSON, as a server's answer is; panics on anything else.

use std::fmt;

/// Objects and lists up to this width stand on one line.
const WIDTH: usize = 110;

/// A JSON text, taken apart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    /// A string, number, boolean or null, as it was written.
    Leaf(String),
    /// A list.
    List(Vec<Json>),
    /// An object; names as they were written, with their quotes.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Takes a text apart.
    pub(crate) fn parse(text: &str) -> Self {
        serde_json::from_str::<serde::de::IgnoredAny>(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let mut rest = text.trim();
        Self::read(&mut rest)
    }

    fn read(rest: &mut &str) -> Self {
        match rest.as_bytes()[0] {
            b'[' => Self::List(items(rest, Self::read)),
            b'{' => Self::Object(items(rest, |rest| {
                let name = leaf(rest);
                take(rest, 1);
                (name, Self::read(rest))
            })),
            _ => Self::Leaf(leaf(rest)),
        }
    }

    /// Replaces what a JSON pointer leads to, if the way exists; it must lead to a value other than null.
    pub(crate) fn ignore(&mut self, pointer: &str) {
        let Some((name, rest)) = pointer.strip_prefix('/').map(|path| path.split_once('/').unwrap_or((path, "")))
        else {
            assert_ne!(*self, Self::Leaf("null".to_owned()), "a value that is ignored is there");
            *self = Self::Leaf("\"*\"".to_owned());
            return;
        };
        let inner = match self {
            Self::Object(fields) => fields.iter_mut().find(|(key, _)| key.trim_matches('"') == name).map(|(_, v)| v),
            Self::List(items) => name.parse::<usize>().ok().and_then(|index| items.get_mut(index)),
            Self::Leaf(_) => None,
        };
        if let Some(inner) = inner {
            inner.ignore(&if rest.is_empty() { String::new() } else { format!("/{rest}") });
        }
    }

    fn line(&self) -> String {
        match self {
            Self::Leaf(text) => text.clone(),
            Self::List(items) => format!("[{}]", items.iter().map(Self::line).collect::<Vec<_>>().join(", ")),
            Self::Object(fields) if fields.is_empty() => "{}".to_owned(),
            Self::Object(fields) => {
                let fields: Vec<String> =
                    fields.iter().map(|(name, value)| format!("{name}: {}", value.line())).collect();
                format!("{{ {} }}", fields.join(", "))
            }
        }
    }

    fn write(&self, indent: usize, text: &mut String) {
        let line = self.line();
        let (brackets, parts): (_, Vec<(String, &Self)>) = match self {
            _ if indent + line.chars().count() <= WIDTH => return text.push_str(&line),
            Self::Leaf(_) => return text.push_str(&line),
            Self::List(items) => (('[', ']'), items.iter().map(|item| (String::new(), item)).collect()),
            Self::Object(fields) => {
                (('{', '}'), fields.iter().map(|(name, value)| (format!("{name}: "), value)).collect())
            }
        };
        text.push(brackets.0);
        for (index, (name, part)) in parts.iter().enumerate() {
            text.push_str(&format!("{}\n{:indent$}  {name}", if index > 0 { "," } else { "" }, ""));
            part.write(indent + 2, text);
        }
        text.push_str(&format!("\n{:indent$}{}", "", brackets.1));
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write(0, &mut text);
        writeln!(f, "{text}")
    }
}

fn items<T>(rest: &mut &str, read: impl Fn(&mut &str) -> T) -> Vec<T> {
    let mut items = Vec::new();
    take(rest, 1);
    while !matches!(rest.as_bytes()[0], b']' | b'}') {
        items.push(read(rest));
        if rest.starts_with(',') {
            take(rest, 1);
        }
    }
    take(rest, 1);
    items
}

fn leaf(rest: &mut &str) -> String {
    let mut escaped = false;
    let end = if rest.starts_with('"') {
        let closing = rest.char_indices().skip(1).find(|(_, character)| {
            let closes = *character == '"' && !escaped;
            escaped = *character == '\\' && !escaped;
            closes
        });
        closing.expect("a closing quote").0 + 1
    } else {
        rest.find(|c: char| c.is_whitespace() || matches!(c, ',' | ']' | '}')).unwrap_or(rest.len())
    };
    take(rest, end)
}

/// Takes so many bytes, and the space after them.
fn take(rest: &mut &str, bytes: usize) -> String {
    let (taken, after) = rest.split_at(bytes);
    *rest = after.trim_start();
    taken.to_owned()
}

/// The lines that differ, between those that do not.
pub(crate) fn difference(expected: &str, found: &str) -> String {
    const AROUND: usize = 3;
    let (expected, found): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), found.lines().collect());
    let head = expected.iter().zip(&found).take_while(|(a, b)| a == b).count();
    let shorter = expected.len().min(found.len()) - head;
    let tail = expected.iter().rev().zip(found.iter().rev()).take(shorter).take_while(|(a, b)| a == b).count();
    let lines = |sign: char, lines: &[&str]| lines.iter().map(|line| format!("  {sign} {line}\n")).collect::<String>();
    let (before, after) = (head.saturating_sub(AROUND), found.len() - tail);
    [
        lines(' ', &found[before..head]),
        lines('-', &expected[head..expected.len() - tail]),
        lines('+', &found[head..after]),
        lines(' ', &found[after..(after + AROUND).min(found.len())]),
    ]
    .concat()
}

#[test]
fn tokens_are_kept_and_space_is_not() {
    let text = r#" {"a":12345678901234567890.10,"b":[1e300 , "x\\\",]" ,{}, [ ]],"c":{"z":null,"y":true}}"#;
    let laid_out = "{ \"a\": 12345678901234567890.10, \"b\": [1e300, \"x\\\\\\\",]\", {}, []], \
                    \"c\": { \"z\": null, \"y\": true } }\n";
    let mut json = Json::parse(text);
    assert_eq!(json.to_string(), laid_out);
    assert_eq!(Json::parse(laid_out), json);
    json.ignore("/b/0");
    assert!(json.to_string().contains(r#""b": ["*", "#));
    assert_eq!(difference("a\nb\nc\n", "a\nx\nc\n"), "    a\n  - b\n  + x\n    c\n");
}
