//! What does a comment say beside its text? `@graphql({…})` in the comment of a table, a view, a column or a foreign key
//! names it, hides it, or declares what the catalog of a view cannot say. It is cut out of the description. One that
//! makes no sense is ignored and reported: a comment is no reason not to start.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Nature;
use super::catalog::{Catalog, CatalogForeignKey, CatalogTable};
use super::names;

/// Of a table or view.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TableDirective {
    /// The stem of all its names.
    pub(super) name: Option<String>,
    omit: bool,
    primary_key_columns: Vec<String>,
    foreign_keys: Vec<DeclaredForeignKey>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeclaredForeignKey {
    local_columns: Vec<String>,
    foreign_schema: Option<String>,
    foreign_table: String,
    foreign_columns: Vec<String>,
    local_name: Option<String>,
    foreign_name: Option<String>,
}

/// Of a column.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ColumnDirective {
    /// The field.
    pub(super) name: Option<String>,
    /// It is hidden.
    pub(super) omit: bool,
}

/// Of a foreign key.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ForeignKeyDirective {
    /// The field on the side of the foreign key, which leads to the row referred to.
    pub(super) foreign_name: Option<String>,
    /// The field of the way back.
    pub(super) local_name: Option<String>,
    /// Of a join table: the field by which the row referred to leads through it to the other side.
    pub(super) through_name: Option<String>,
    /// Both ways are hidden.
    omit: bool,
}

/// Reads the directives of a catalog, cuts them out of the comments, and does to the catalog what they say: hidden tables
/// and foreign keys go, declared keys come. Gives what was ignored, and why.
pub(super) fn apply(catalog: &mut Catalog) -> Vec<String> {
    let mut ignored = Vec::new();
    for table in &mut catalog.tables {
        read_table(table, &mut ignored);
    }
    catalog.tables.retain(|table| !table.directive.omit);
    let declared: Vec<Vec<CatalogForeignKey>> =
        catalog.tables.iter().map(|table| declared_keys(table, catalog, &mut ignored)).collect();
    for (table, declared) in catalog.tables.iter_mut().zip(declared) {
        declare_primary_key(table, &mut ignored);
        table.foreign_keys.extend(declared);
        let key = table.primary_key.clone().unwrap_or_default();
        for column in table.columns.iter_mut().filter(|column| column.directive.omit && key.contains(&column.number)) {
            column.directive.omit = false;
            let what = column_named(&table.name.quoted(), &column.name);
            ignored.push(format!("\"omit\" of {what}: its rows are told apart by it"));
        }
    }
    ignored
}

fn read_table(table: &mut CatalogTable, ignored: &mut Vec<String>) {
    let name = table.name.quoted();
    table.directive = read(&mut table.comment, &name, ignored);
    check_name(&mut table.directive.name, &name, ignored);
    for column in &mut table.columns {
        let what = column_named(&name, &column.name);
        column.directive = read(&mut column.comment, &what, ignored);
        check_name(&mut column.directive.name, &what, ignored);
    }
    for foreign_key in &mut table.foreign_keys {
        let what = format!("the foreign key \"{}\" of {name}", foreign_key.name);
        foreign_key.directive = read(&mut foreign_key.comment, &what, ignored);
        check_name(&mut foreign_key.directive.foreign_name, &what, ignored);
        check_name(&mut foreign_key.directive.local_name, &what, ignored);
        check_name(&mut foreign_key.directive.through_name, &what, ignored);
    }
    table.foreign_keys.retain(|foreign_key| !foreign_key.directive.omit);
}

fn column_named(table: &str, column: &str) -> String {
    format!("column {table}.\"{column}\"")
}

/// Cuts the directive out of a comment. One that is not even JSON stays where it is, since nobody knows where it ends.
pub(super) fn read<D: DeserializeOwned + Default>(
    comment: &mut Option<String>,
    what: &str,
    ignored: &mut Vec<String>,
) -> D {
    const OPEN: &str = "@graphql(";
    let Some((text, start)) = comment.as_ref().and_then(|text| Some((text.clone(), text.find(OPEN)?))) else {
        return D::default();
    };
    let rest = &text[start + OPEN.len()..];
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<serde_json::Value>();
    let found = values.next();
    let closing = rest.get(values.byte_offset()..).map(str::trim_start).and_then(|rest| rest.strip_prefix(')'));
    let (Some(Ok(value)), Some(after)) = (found, closing) else {
        ignored.push(format!("the directive in the comment of {what}: it is not of the form @graphql({{…JSON…}})"));
        return D::default();
    };
    *comment = Some(format!("{}{after}", &text[..start]).trim().to_owned());
    D::deserialize(value).unwrap_or_else(|error| {
        ignored.push(format!("the directive in the comment of {what}: {error}"));
        D::default()
    })
}

/// A name that GraphQL does not know as one counts as not given.
pub(super) fn check_name(name: &mut Option<String>, what: &str, ignored: &mut Vec<String>) {
    if let Some(given) = name.take_if(|name| !names::is_legal(name)) {
        ignored.push(format!("the name \"{given}\" of {what}: a name has letters, digits and _, and no digit first"));
    }
}

fn declare_primary_key(table: &mut CatalogTable, ignored: &mut Vec<String>) {
    let columns = std::mem::take(&mut table.directive.primary_key_columns);
    if columns.is_empty() {
        return;
    }
    let of = table.name.quoted();
    match table.nature {
        Nature::Plain | Nature::Partitioned => {
            ignored.push(format!("\"primary_key_columns\" of {of}: the primary key of a table is its own"));
        }
        Nature::View | Nature::MaterializedView | Nature::Foreign => match numbers(table, &columns) {
            Ok(numbers) => table.primary_key = Some(numbers),
            Err(unknown) => {
                ignored.push(format!("\"primary_key_columns\" of {of}: it has no column \"{unknown}\""));
            }
        },
    }
}

fn declared_keys(table: &CatalogTable, catalog: &Catalog, ignored: &mut Vec<String>) -> Vec<CatalogForeignKey> {
    let mut keys = Vec::new();
    for declared in &table.directive.foreign_keys {
        let what = format!("\"foreign_keys\" of {}", table.name.quoted());
        let schema = declared.foreign_schema.as_ref().unwrap_or(&table.name.schema);
        let target = catalog.tables.iter().find(|t| t.name.schema == *schema && t.name.name == declared.foreign_table);
        let Some(target) = target else {
            ignored.push(format!("{what}: there is no table \"{}\" among those served", declared.foreign_table));
            continue;
        };
        let columns = numbers(table, &declared.local_columns)
            .and_then(|columns| Ok((columns, numbers(target, &declared.foreign_columns)?)));
        match columns {
            Err(unknown) => ignored.push(format!("{what}: there is no column \"{unknown}\"")),
            Ok((columns, targets)) if columns.len() != targets.len() || columns.is_empty() => {
                ignored.push(format!(
                    "{what}: there must be as many columns on one side as on the other, and one at least"
                ));
            }
            Ok((columns, target_columns)) => {
                let mut directive = ForeignKeyDirective {
                    foreign_name: declared.foreign_name.clone(),
                    local_name: declared.local_name.clone(),
                    through_name: None,
                    omit: false,
                };
                check_name(&mut directive.foreign_name, &what, ignored);
                check_name(&mut directive.local_name, &what, ignored);
                keys.push(CatalogForeignKey {
                    name: declared.local_columns.join("_"),
                    columns,
                    target: target.oid,
                    target_columns,
                    // Nobody keeps it.
                    validated: false,
                    comment: None,
                    directive,
                });
            }
        }
    }
    keys
}

/// The numbers of the columns with these names, or the name that no column has.
fn numbers(table: &CatalogTable, names: &[String]) -> Result<Vec<i16>, String> {
    let number = |name: &String| {
        let found = table.columns.iter().find(|column| column.name == *name);
        found.map(|column| column.number).ok_or_else(|| name.clone())
    };
    names.iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(comment: &str) -> (ColumnDirective, String, Vec<String>) {
        let (mut comment, mut ignored) = (Some(comment.to_owned()), Vec::new());
        let directive = read(&mut comment, "it", &mut ignored);
        (directive, comment.unwrap_or_default(), ignored)
    }

    #[test]
    fn a_directive_is_cut_out_of_its_comment() {
        let (directive, comment, ignored) = cut("Before. @graphql( {\"name\": \"a)b\", \"omit\": true} ) After.");
        assert_eq!((directive.name.as_deref(), directive.omit), (Some("a)b"), true));
        assert_eq!((comment.as_str(), ignored.len()), ("Before.  After.", 0));
    }

    #[test]
    fn what_makes_no_sense_is_reported_and_does_nothing() {
        for comment in ["@graphql({\"nmae\": \"x\"})", "@graphql({\"name\": 1})", "@graphql([1])"] {
            let (directive, rest, ignored) = cut(comment);
            assert_eq!((directive.name, rest.as_str(), ignored.len()), (None, "", 1), "{comment}");
        }
        for comment in ["@graphql(", "@graphql({\"name\": \"x\"", "@graphql({\"name\": \"x\"} more", "@graphql({é})"] {
            let (directive, rest, ignored) = cut(comment);
            assert_eq!((directive.name, rest.as_str(), ignored.len()), (None, comment, 1), "{comment}");
        }
    }
}
