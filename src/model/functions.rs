//! What can be called? The functions of the served schemas: those that only read are fields of `Query`, or of the rows
//! that they take; those that may write are mutations.

use std::collections::HashMap;

use serde::Deserialize;

use super::assemble::{build_columns, description};
use super::catalog::{CatalogColumn, CatalogTable};
use super::directives::{self, ColumnDirective};
use super::names::{self, Scope, Wanted};
use super::types::Types;
use super::{Kind, Nature, ReplicaIdentity, Table, TableId, TableNames};
use crate::sql::QualifiedName;

/// A function that clients may call.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// Name in SQL.
    pub sql: QualifiedName,
    /// Name in GraphQL.
    pub field: String,
    /// Its SQL comment.
    pub comment: Option<String>,
    /// Whether it may write.
    pub effect: Effect,
    /// The table whose rows it is a field of; its first argument is the row.
    pub of: Option<TableId>,
    /// The arguments that clients give.
    pub arguments: Vec<Argument>,
    /// What it gives.
    pub returned: Returned,
    /// How often.
    pub many: bool,
}

impl Function {
    /// Whether it is a field of `Query`.
    pub fn is_query(&self) -> bool {
        self.of.is_none() && self.effect == Effect::Reads
    }

    /// Whether it gives values rather than rows.
    pub fn gives_values(&self) -> bool {
        match self.returned {
            Returned::Value(_) => true,
            Returned::Nothing | Returned::Row(_) | Returned::Record(_) => false,
        }
    }

    /// The kinds of the values that it takes and gives.
    pub fn kinds(&self) -> impl Iterator<Item = &Kind> {
        let given: Vec<&Kind> = match &self.returned {
            Returned::Value(kind) => vec![kind],
            Returned::Record(table) => table.columns().map(|(_, column)| &column.kind).collect(),
            Returned::Nothing | Returned::Row(_) => Vec::new(),
        };
        self.arguments.iter().map(|argument| &argument.kind).chain(given)
    }
}

/// What a call may do. <https://www.postgresql.org/docs/current/xfunc-volatility.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// `STABLE`, `IMMUTABLE`
    Reads,
    /// `VOLATILE`, which is what a function is that says nothing.
    MayWrite,
}

/// An argument.
#[derive(Debug, Clone, PartialEq)]
pub struct Argument {
    /// Its name in SQL; none where it is given by its place.
    pub name: Option<String>,
    /// Name in GraphQL.
    pub field: String,
    /// What its values are.
    pub kind: Kind,
    /// The type's name in SQL.
    pub sql_type: QualifiedName,
    /// What it means to leave it out.
    pub absence: Absence,
}

/// What it means to leave an argument out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// It must be given: the function is not even called with NULL.
    Refused,
    /// It is NULL.
    Null,
    /// It has the default that the function declares.
    Default,
}

/// What a function gives.
#[derive(Debug, Clone, PartialEq)]
pub enum Returned {
    /// Nothing.
    Nothing,
    /// A value.
    Value(Kind),
    /// A row of a table.
    Row(TableId),
    /// A row of its own, by `TABLE (…)` or several `OUT` arguments: a table that is nowhere.
    Record(Box<Table>),
}

/// A function as the catalog has it.
#[derive(Deserialize)]
pub(super) struct CatalogFunction {
    name: QualifiedName,
    comment: Option<String>,
    volatile: bool,
    strict: bool,
    many: bool,
    /// `pg_type.oid` of the result, and `pg_class.oid` if that is a row type.
    result: u32,
    result_table: Option<u32>,
    arguments: Vec<CatalogArgument>,
    /// Of a record.
    columns: Vec<CatalogColumn>,
}

#[derive(Deserialize)]
struct CatalogArgument {
    name: Option<String>,
    type_oid: u32,
    type_table: Option<u32>,
    has_default: bool,
}

/// `void`
const VOID: u32 = 2278;
/// `record`
const RECORD: u32 = 2249;

/// Arguments of lists, which those of a function give way to.
const OF_LISTS: [&str; 7] = ["where", "orderBy", "first", "after", "last", "before", "offset"];

impl CatalogFunction {
    /// The types of values that clients give and get, without the row types of `tables`, which are types by themselves.
    pub(super) fn types(&self, tables: &[CatalogTable]) -> impl Iterator<Item = u32> {
        let is_value = |table: Option<u32>| !tables.iter().any(|served| Some(served.oid) == table);
        let arguments = self.arguments.iter().filter(move |argument| is_value(argument.type_table));
        let result = Some(self.result).filter(|_| is_value(self.result_table));
        let columns = self.columns.iter().map(|column| column.type_oid);
        arguments.map(|argument| argument.type_oid).chain(result).chain(columns)
    }
}

/// What names are taken from: those of the roots and types, and those of each table's fields.
pub(super) struct Scopes<'a> {
    pub(super) root: &'a mut Scope,
    pub(super) tables: &'a mut [Scope],
    pub(super) clashes: &'a mut Vec<String>,
    pub(super) ignored: &'a mut Vec<String>,
}

/// Gives each function its names.
pub(super) fn build(
    functions: &[CatalogFunction],
    tables: &[Table],
    types: &Types<'_>,
    scopes: &mut Scopes<'_>,
) -> Vec<Function> {
    let ids: HashMap<u32, TableId> = tables.iter().enumerate().map(|(i, table)| (table.oid, TableId(i))).collect();
    let mut directives = Vec::new();
    for function in functions {
        let what = format!("function {}", function.name.quoted());
        let mut comment = function.comment.clone();
        let mut directive: ColumnDirective = directives::read(&mut comment, &what, scopes.ignored);
        directives::check_name(&mut directive.name, &what, scopes.ignored);
        directives.push((directive, comment));
    }
    let mut built = vec![None; functions.len()];
    for index in names::given_first(&directives, |(directive, _)| directive.name.is_some()) {
        let (directive, comment) = &directives[index];
        if !directive.omit {
            let given = directive.name.as_deref();
            let function = build_one(&functions[index], given, &ids, types, scopes);
            built[index] = function.map(|function| Function { comment: description(comment.as_deref()), ..function });
        }
    }
    built.into_iter().flatten().collect()
}

fn build_one(
    function: &CatalogFunction,
    given: Option<&str>,
    ids: &HashMap<u32, TableId>,
    types: &Types<'_>,
    scopes: &mut Scopes<'_>,
) -> Option<Function> {
    let what = format!("function {}", function.name.quoted());
    let of = function.arguments.first().and_then(|row| ids.get(&row.type_table?).copied());
    let of = of.filter(|_| !function.volatile);
    let wanted = given.map_or_else(|| names::field(&function.name.name), str::to_owned);
    let returned = match (function.result, function.result_table.and_then(|oid| ids.get(&oid))) {
        (VOID, _) => Returned::Nothing,
        (RECORD, _) if function.columns.is_empty() => return None,
        (RECORD, _) => Returned::Record(Box::new(record(function, &wanted, types, scopes))),
        (_, Some(table)) => Returned::Row(*table),
        (oid, None) => Returned::Value(types.kind(oid, 0, -1)),
    };
    let scope = match of {
        Some(TableId(table)) => &mut scopes.tables[table],
        None => &mut *scopes.root,
    };
    Some(Function {
        sql: function.name.clone(),
        field: scope.take(&wanted, scopes.clashes, &what),
        comment: None,
        effect: if function.volatile { Effect::MayWrite } else { Effect::Reads },
        of,
        arguments: arguments(function, usize::from(of.is_some()), types, scopes.clashes),
        returned,
        many: function.many,
    })
}

/// All arguments but so many at the start.
fn arguments(
    function: &CatalogFunction,
    skipped: usize,
    types: &Types<'_>,
    clashes: &mut Vec<String>,
) -> Vec<Argument> {
    let mut scope = if function.many { Scope::reserving(OF_LISTS) } else { Scope::default() };
    let name = |argument: &CatalogArgument| argument.name.clone().filter(|name| !name.is_empty());
    // Those up to the last without a name can only be given by their places, and so none of them can be left out.
    let by_place = function.arguments.iter().rposition(|argument| name(argument).is_none()).map_or(0, |last| last + 1);
    let wanted = function.arguments.iter().enumerate().skip(skipped).map(|(index, argument)| Wanted {
        given: None,
        derived: name(argument).map_or_else(|| format!("arg{}", index + 1), |name| names::field(&name)),
        what: format!("argument {} of function {}", index + 1, function.name.quoted()),
    });
    let fields = scope.take_each(&wanted.collect::<Vec<_>>(), clashes);
    let each = function.arguments.iter().enumerate().skip(skipped).zip(fields);
    each.map(|((index, argument), field)| Argument {
        name: name(argument).filter(|_| index >= by_place),
        field,
        kind: types.kind(argument.type_oid, 0, -1),
        sql_type: types.name(argument.type_oid),
        absence: match (argument.has_default && index >= by_place, function.strict) {
            (true, _) => Absence::Default,
            (false, true) => Absence::Refused,
            (false, false) => Absence::Null,
        },
    })
    .collect()
}

/// The table that is nowhere, whose rows a function gives.
fn record(function: &CatalogFunction, wanted: &str, types: &Types<'_>, scopes: &mut Scopes<'_>) -> Table {
    let what = format!("the result of function {}", function.name.quoted());
    let type_name = scopes.root.take(&names::type_name(wanted), scopes.clashes, &what);
    Table {
        oid: 0,
        sql: function.name.clone(),
        names: TableNames { type_name, one: wanted.to_owned(), many: wanted.to_owned() },
        comment: None,
        columns: build_columns(&function.name, (&function.columns, &[]), types, scopes.clashes),
        key: Vec::new(),
        unique_keys: Vec::new(),
        relations: Vec::new(),
        constraints: HashMap::new(),
        replica_identity: ReplicaIdentity::Nothing,
        owned: false,
        nature: Nature::View,
        inherited: false,
        writable: false,
        dropped: false,
        generation: 0,
    }
}
