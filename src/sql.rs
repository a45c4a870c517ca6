//! The one writer of SQL text: keywords as they stand, identifiers quoted, values bound.
//!
//! A value of a request never becomes part of the text; it becomes `$n` with a cast from text, so that
//! Postgres itself reads it with the type's input function.

mod literal;
mod printed;

pub use literal::{array_literal, array_literal_with, hstore_literal, record_literal};
pub use printed::{hstore_entries, record_parts};

/// A statement and the values of its parameters, all in the text form of their types.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statement {
    /// The SQL text with `$1`, `$2` … for the values.
    pub text: String,
    /// The values, in order; `None` is NULL.
    pub binds: Vec<Option<String>>,
}

impl Statement {
    /// An empty statement.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends SQL as it stands. Takes only what the program itself knows; hence `'static`.
    pub fn keyword(&mut self, sql: &'static str) -> &mut Self {
        self.text.push_str(sql);
        self
    }

    /// Appends SQL that the program composed from the catalog, such as an expression over a column.
    pub fn expression(&mut self, sql: &str) -> &mut Self {
        self.text.push_str(sql);
        self
    }

    /// Appends a quoted identifier.
    pub fn identifier(&mut self, name: &str) -> &mut Self {
        push_identifier(&mut self.text, name);
        self
    }

    /// Appends `alias.column`, quoted.
    pub fn column(&mut self, alias: &str, column: &str) -> &mut Self {
        self.identifier(alias).keyword(".").identifier(column)
    }

    /// Appends `schema.name`, quoted.
    pub fn qualified(&mut self, name: &QualifiedName) -> &mut Self {
        self.identifier(&name.schema).keyword(".").identifier(&name.name)
    }

    /// Appends an operator: that of this schema, if one is named.
    pub fn operator(&mut self, operator: &'static str, schema: Option<&str>) -> &mut Self {
        match schema {
            Some(schema) => self.keyword(" OPERATOR(").identifier(schema).keyword(".").keyword(operator).keyword(") "),
            None => self.keyword(" ").keyword(operator).keyword(" "),
        }
    }

    /// Appends a parameter that Postgres reads from text as a value of `sql_type`.
    pub fn bind(&mut self, value: Option<String>, sql_type: &QualifiedName) -> &mut Self {
        self.binds.push(value);
        self.text.push('$');
        self.text.push_str(&self.binds.len().to_string());
        self.text.push_str("::");
        self.qualified(sql_type)
    }

    /// `"alias"."column"` as SQL.
    pub fn column_reference(alias: &str, column: &str) -> String {
        let mut text = String::new();
        push_identifier(&mut text, alias);
        text.push('.');
        push_identifier(&mut text, column);
        text
    }
}

/// The name of a table or type with its schema.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Deserialize)]
pub struct QualifiedName {
    /// The schema.
    pub schema: String,
    /// The name within it.
    pub name: String,
}

impl QualifiedName {
    /// A name in `pg_catalog`.
    pub fn builtin(name: &str) -> Self {
        Self { schema: "pg_catalog".to_owned(), name: name.to_owned() }
    }

    /// Both parts quoted, as SQL.
    pub fn quoted(&self) -> String {
        let mut text = String::new();
        push_identifier(&mut text, &self.schema);
        text.push('.');
        push_identifier(&mut text, &self.name);
        text
    }
}

fn push_identifier(text: &mut String, name: &str) {
    text.push('"');
    for character in name.chars() {
        if character == '"' {
            text.push('"');
        }
        text.push(character);
    }
    text.push('"');
}

/// The text that the output function of the type gives for `expression`, as the log has it; NULL for NULL. A cast to
/// text is something else for `inet`, which gets a mask, and for `char(n)`, which loses its spaces.
pub fn output_text(expression: &str) -> String {
    // `IS NOT NULL` would be false of a composite value with one NULL in it.
    format!("CASE WHEN {expression} IS DISTINCT FROM NULL THEN pg_catalog.concat({expression}) END")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_inside_a_name_are_doubled() {
        let mut statement = Statement::new();
        statement.column("t", "a\"b; drop table x");
        assert_eq!(statement.text, r#""t"."a""b; drop table x""#);
    }

    #[test]
    fn values_are_bound_never_printed() {
        let mut statement = Statement::new();
        statement.keyword("SELECT ").bind(Some("'; --".to_owned()), &QualifiedName::builtin("text"));
        assert_eq!(statement.text, r#"SELECT $1::"pg_catalog"."text""#);
        assert_eq!(statement.binds, [Some("'; --".to_owned())]);
    }
}
