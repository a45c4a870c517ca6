//! How is a JSON Merge Patch said in SQL? <https://www.rfc-editor.org/rfc/rfc7396>
//!
//! The patch is known when the statement is written, the value that it is merged into is not. So the statement has a
//! part for each object in the patch, which first makes an object of what is there, as the RFC does; names and values
//! are bound.

use crate::error::{Code, Error};
use crate::input::Input;
use crate::sql::{QualifiedName, Statement, array_literal};

/// Objects within the patch of one column: each is a part of the statement.
const MOST_OBJECTS: usize = 1_000;

/// An object of a patch.
pub(super) struct Merge {
    /// Names of members that are removed.
    removed: Vec<String>,
    /// Members that are replaced, with their JSON.
    replaced: Vec<(String, Input)>,
    /// Members that are merged.
    merged: Vec<(String, Merge)>,
}

impl Merge {
    pub(super) fn read(fields: &[(String, Input)]) -> Result<Self, Error> {
        let mut objects = 0;
        Self::read_object(fields, &mut objects)
    }

    fn read_object(fields: &[(String, Input)], objects: &mut usize) -> Result<Self, Error> {
        *objects += 1;
        if *objects > MOST_OBJECTS {
            let message = format!("a merge patch has more than {MOST_OBJECTS} objects: use several patches");
            return Err(Error::new(Code::ValuesLimit, message));
        }
        let mut merge = Self { removed: Vec::new(), replaced: Vec::new(), merged: Vec::new() };
        for (name, value) in fields {
            match value {
                Input::Null => merge.removed.push(name.clone()),
                Input::Object(fields) => merge.merged.push((name.clone(), Self::read_object(fields, objects)?)),
                Input::Boolean(_) | Input::Number(_) | Input::String(_) | Input::Enum(_) | Input::List(_) => {
                    merge.replaced.push((name.clone(), value.clone()));
                }
            }
        }
        Ok(merge)
    }

    /// Prints the value of type jsonb that comes of `target`, an expression of that type.
    pub(super) fn write(&self, target: &str, level: usize, sql: &mut Statement) {
        let (text, jsonb) = (QualifiedName::builtin("text"), QualifiedName::builtin("jsonb"));
        let alias = format!("merge {level}");
        let here = Statement::column_reference(&alias, "value");
        sql.keyword("SELECT ").expression(&here);
        if !self.removed.is_empty() {
            let names = array_literal(self.removed.iter().map(|name| Some(name.as_str())));
            sql.keyword(" - ").bind(Some(names), &QualifiedName::builtin("_text"));
        }
        if !self.replaced.is_empty() {
            sql.keyword(" || ").bind(Some(Input::Object(self.replaced.clone()).to_json()), &jsonb);
        }
        for (index, (name, merge)) in self.merged.iter().enumerate() {
            sql.keyword(if index == 0 {
                " || (SELECT pg_catalog.jsonb_object_agg(name, value) FROM (VALUES ("
            } else {
                "), ("
            });
            sql.bind(Some(name.clone()), &text).keyword(", (");
            let mut member = Statement { text: format!("{here} -> "), binds: std::mem::take(&mut sql.binds) };
            member.bind(Some(name.clone()), &text);
            sql.binds = member.binds;
            merge.write(&member.text, level + 1, sql);
            sql.keyword(")");
        }
        if !self.merged.is_empty() {
            sql.keyword(")) AS merged (name, value))");
        }
        sql.keyword(" FROM (SELECT CASE WHEN pg_catalog.jsonb_typeof(").expression(target);
        sql.keyword(") = 'object' THEN ").expression(target);
        // With OFFSET it stays a part of its own: what stands here twice would stand in each part below it twice.
        sql.keyword(" ELSE '{}' END AS value OFFSET 0) AS ").identifier(&alias);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_has_one_part_for_each_object() {
        let number = Input::Number("1".to_owned());
        let mut patch = Input::Object(vec![("a".to_owned(), number), ("b".to_owned(), Input::Null)]);
        for _ in 0..20 {
            patch = Input::Object(vec![("'; --".to_owned(), patch)]);
        }
        let mut sql = Statement::new();
        Merge::read(patch.fields()).expect("a patch").write("t", 1, &mut sql);
        assert_eq!(sql.text.matches("jsonb_typeof").count(), 21);
        assert!(sql.text.len() < 10_000, "it does not grow by more than its parts: {}", sql.text.len());
        assert!(!sql.text.contains("--"));
        let many = Input::Object(vec![("a".to_owned(), Input::Object(Vec::new())); MOST_OBJECTS]);
        assert!(Merge::read(many.fields()).is_err());
    }
}
