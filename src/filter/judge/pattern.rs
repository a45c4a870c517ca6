//! Does text match a LIKE pattern?
//! <https://www.postgresql.org/docs/current/functions-matching.html#FUNCTIONS-LIKE>

use crate::error::{Code, Error};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Exactly(char),
    AnyOne,
    AnyText,
}

pub(super) fn steps(pattern: &str) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        steps.push(match character {
            '%' => Step::AnyText,
            '_' => Step::AnyOne,
            '\\' => Step::Exactly(characters.next().ok_or_else(|| {
                Error::new(Code::DataInvalid, "a LIKE pattern must not end with the escape character `\\`")
            })?),
            other => Step::Exactly(other),
        });
    }
    steps.dedup_by(|a, b| *a == Step::AnyText && *b == Step::AnyText);
    Ok(steps)
}

/// Matches in time bounded by text × pattern: after a mismatch only the last `%` takes one character more.
pub(super) fn like(text: &str, steps: &[Step]) -> bool {
    let mut rest = text.chars();
    let mut step = 0;
    let mut retry = None;
    loop {
        let here = rest.clone();
        match (steps.get(step), rest.next()) {
            (Some(Step::AnyText), _) => {
                rest = here;
                step += 1;
                retry = Some((rest.clone(), step));
            }
            (None, None) => return true,
            (Some(Step::AnyOne), Some(_)) => step += 1,
            (Some(Step::Exactly(wanted)), Some(found)) if *wanted == found => step += 1,
            _ => {
                let Some((from, after)) = &mut retry else { return false };
                if from.next().is_none() {
                    return false;
                }
                rest = from.clone();
                step = *after;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_follows_postgres() {
        let cases = [
            ("abc", "a%", true),
            ("abc", "_b_", true),
            ("abc", "ab", false),
            ("", "%", true),
            ("", "_", false),
            ("a%c", r"a\%c", true),
            ("abc", r"a\%c", false),
            ("aXbXc", "%X_", true),
            ("naïve 🙂", "na_ve _", true),
            ("aaaaaaaaaaaaaaaaaaaab", "%a%a%a%a%a%a%c", false),
            ("mississippi", "%iss%pi", true),
        ];
        for (text, pattern, wanted) in cases {
            assert_eq!(like(text, &steps(pattern).unwrap()), wanted, "{text} LIKE {pattern}");
        }
        assert!(steps(r"abc\").is_err());
    }
}
