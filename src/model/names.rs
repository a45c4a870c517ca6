//! How is a thing in SQL called in GraphQL? Rules that give the same names every time, and clashes
//! resolved the same way every time: who comes first keeps the name, the next gets a number.

use std::collections::HashSet;

use heck::{ToLowerCamelCase, ToPascalCase, ToShoutySnakeCase};

use super::{Kind, Spatial, TableNames};

/// Names already given in one scope, and the clashes that came up.
#[derive(Debug, Default)]
pub(super) struct Scope {
    taken: HashSet<String>,
}

impl Scope {
    /// A scope in which some names are taken from the start.
    pub(super) fn reserving<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self { taken: names.into_iter().map(str::to_owned).collect() }
    }

    /// Takes `wanted`, or the first of `wanted2`, `wanted3` … that is free.
    pub(super) fn take(&mut self, wanted: &str, clashes: &mut Vec<String>, what: &str) -> String {
        self.take_family(|number| numbered(wanted, number), |name| vec![name.clone()], clashes, what)
    }

    /// Takes a name for each, those that were given before those that are only derived.
    pub(super) fn take_each(&mut self, wanted: &[Wanted<'_>], clashes: &mut Vec<String>) -> Vec<String> {
        let mut taken = vec![String::new(); wanted.len()];
        for index in given_first(wanted, |wanted| wanted.given.is_some()) {
            let Wanted { given, derived, what } = &wanted[index];
            taken[index] = self.take(given.unwrap_or(derived), clashes, what);
        }
        taken
    }

    /// Takes the first candidate of which all derived names are free.
    pub(super) fn take_family<T>(
        &mut self,
        candidate: impl Fn(usize) -> T,
        family: impl Fn(&T) -> Vec<String>,
        clashes: &mut Vec<String>,
        what: &str,
    ) -> T {
        let mut number = 1;
        loop {
            let chosen = candidate(number);
            let names = family(&chosen);
            if names.iter().all(|name| !self.taken.contains(name)) {
                if number > 1 {
                    clashes.push(format!("{what} is called `{}`: the name it would have is taken", names[0]));
                }
                self.taken.extend(names);
                return chosen;
            }
            number += 1;
        }
    }
}

/// A name that something wants in a scope.
pub(super) struct Wanted<'a> {
    /// What a comment says it is called.
    pub(super) given: Option<&'a str>,
    /// What it is called otherwise.
    pub(super) derived: String,
    /// What it is, for a report.
    pub(super) what: String,
}

/// In which order names are taken: those given first, since who asks for a name should get it.
pub(super) fn given_first<T>(items: &[T], given: impl Fn(&T) -> bool) -> Vec<usize> {
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|index| !given(&items[*index]));
    order
}

pub(super) fn numbered(name: &str, number: usize) -> String {
    if number == 1 { name.to_owned() } else { format!("{name}{number}") }
}

/// Names that no table and no type may take, beside those of the scalars and their filters.
const RESERVED: [&str; 22] = [
    "Query",
    "Mutation",
    "Subscription",
    "ID",
    "Cursor",
    "Sequence",
    "sequence",
    "PageInfo",
    "OrderDirection",
    "ChangeOp",
    "ResetReason",
    "Sync",
    "sync",
    "Upload",
    "Node",
    "node",
    "query",
    "op",
    "key",
    "patch",
    "changed",
    "ifMatch",
];

/// A scope in which the names are taken that every schema has, or may come to have.
pub(super) fn reserved(is_spatial: bool) -> Scope {
    let mut scalars = Kind::scalars();
    // Other databases may have such tables.
    scalars.extend(Spatial::NAMES.iter().filter(|_| is_spatial));
    let filters = scalars.iter().flat_map(|scalar| [format!("{scalar}Filter"), format!("{scalar}ListFilter")]);
    let filters: Vec<String> = filters.collect();
    Scope::reserving(RESERVED.into_iter().chain(scalars).chain(filters.iter().map(String::as_str)))
}

/// Fields of a filter, arguments that stand beside key columns, and what no value of an enum of columns may be called:
/// no column may take these. <https://spec.graphql.org/September2025/#EnumValue>
pub(super) const RESERVED_FIELDS: [&str; 8] = ["and", "or", "not", "since", "patch", "true", "false", "null"];

/// Arguments that stand beside key columns where a row is changed; no column of such a key may be called so.
pub(super) const RESERVED_ARGUMENTS: [&str; 6] = ["increment", "append", "prepend", "remove", "merge", "ifMatch"];

/// `putProjectBySlug` for `projectBySlug`.
pub(super) fn put_field(field: &str) -> String {
    let mut characters = field.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    std::iter::once("put".to_owned()).chain(first.map(String::from)).chain([characters.collect()]).collect()
}

/// What a table's three names give rise to; all of them must be free.
pub(super) fn family(names: &TableNames) -> Vec<String> {
    let TableNames { type_name, one, many } = names;
    let types = [
        "",
        "Connection",
        "Edge",
        "Filter",
        "RelationFilter",
        "Order",
        "CreateInput",
        "PutInput",
        "PatchInput",
        "IncrementInput",
        "AppendInput",
        "PrependInput",
        "RemoveInput",
        "MergeInput",
        "Batch",
        "Change",
        "Put",
        "Patch",
        "Delete",
        "Key",
        "Column",
        "PatchValues",
        "Changes",
        "Aggregate",
        "Group",
        "CountDistinct",
        "Sum",
        "Average",
        "Min",
        "Max",
    ];
    let mut family: Vec<String> = types.iter().map(|suffix| format!("{type_name}{suffix}")).collect();
    family.extend([one.clone(), many.clone(), names.aggregate()]);
    for verb in ["create", "put", "patch", "delete"] {
        family.push(format!("{verb}{type_name}"));
        family.push(format!("{verb}{}", names.several()));
    }
    family
}

/// The fields of `Sync` beside those that are called like the lists of tables.
const ENVELOPE: [&str; 6] = ["sequence", "previous", "reset", "more", "transaction", "committedAt"];

/// The names of a table: `task_label` and `task_labels` are both `TaskLabel`, `taskLabel`, `taskLabels`.
pub(super) fn table_names(sql_name: &str, number: usize) -> TableNames {
    let words = legal(sql_name);
    let one = legal(&pluralizer::pluralize(&words, 1, false).to_lower_camel_case());
    let plural = legal(&pluralizer::pluralize(&words, 2, false).to_lower_camel_case());
    let taken = plural == one || ENVELOPE.contains(&plural.as_str());
    let many = if taken { format!("{one}List") } else { plural };
    TableNames {
        type_name: numbered(&legal(&one.to_pascal_case()), number),
        one: numbered(&one, number),
        many: numbered(&many, number),
    }
}

/// `project_id` is `projectId`.
pub(super) fn field(sql_name: &str) -> String {
    legal(&legal(sql_name).to_lower_camel_case())
}

/// `task_status` is `TaskStatus`.
pub(super) fn type_name(sql_name: &str) -> String {
    legal(&legal(sql_name).to_pascal_case())
}

/// `in progress` is `IN_PROGRESS`.
pub(super) fn enum_value(label: &str) -> String {
    let name = legal(&legal(label).to_shouty_snake_case());
    // https://spec.graphql.org/September2025/#EnumValue: a name but not true, false or null (which are lower case).
    if name == "_" { "EMPTY".to_owned() } else { name }
}

/// The field of a foreign key: `author_id` is `author`; a column without `_id` gives `personByAuthor`.
pub(super) fn reference(column: &str, target_one: &str) -> String {
    let stem = ["_id", "_uuid", "_key", "Id", "ID"].iter().find_map(|suffix| column.strip_suffix(suffix));
    match stem {
        Some(stem) if !stem.is_empty() => field(stem),
        _ => format!("{target_one}By{}", type_name(column)),
    }
}

/// Whether it is a GraphQL name, and none that introspection keeps for itself.
/// <https://spec.graphql.org/September2025/#Name>
pub(super) fn is_legal(name: &str) -> bool {
    !name.is_empty() && legal(name) == name
}

/// A GraphQL name that keeps as much of `text` as it can: letters, digits and `_`, no digit first, not `__` first.
fn legal(text: &str) -> String {
    let mut name: String =
        text.chars().map(|character| if character.is_ascii_alphanumeric() { character } else { '_' }).collect();
    while name.starts_with("__") {
        name.remove(0);
    }
    if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
        name.insert(0, '_');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_in_singular_and_plural_have_the_same_names() {
        let names = |sql: &str| {
            let TableNames { type_name, one, many } = table_names(sql, 1);
            [type_name, one, many]
        };
        assert_eq!(names("task_label"), ["TaskLabel", "taskLabel", "taskLabels"]);
        assert_eq!(names("task_labels"), ["TaskLabel", "taskLabel", "taskLabels"]);
        assert_eq!(names("person"), ["Person", "person", "people"]);
        assert_eq!(names("news"), ["News", "news", "newsList"]);
        assert_eq!(names("transactions"), ["Transaction", "transaction", "transactions"]);
        assert_eq!(names("previous")[2], "previousList");
    }

    #[test]
    fn references_lose_their_suffix() {
        assert_eq!(reference("author_id", "person"), "author");
        assert_eq!(reference("author", "person"), "personByAuthor");
        assert_eq!(reference("_id", "person"), "personById");
    }

    #[test]
    fn a_clash_gets_a_number_and_is_reported() {
        let mut scope = Scope::default();
        let mut clashes = Vec::new();
        assert_eq!(scope.take("a", &mut clashes, "x"), "a");
        assert_eq!(scope.take("a", &mut clashes, "column `A`"), "a2");
        assert_eq!(clashes, ["column `A` is called `a2`: the name it would have is taken"]);
    }
}
