//! Where does a row lead to? Each foreign key is two ways: from the row that refers, and back. A join table, whose
//! primary key is two foreign keys, is one way more for each of the two tables: to the other one.

use std::collections::HashMap;

use super::assemble::{Numbers, description};
use super::catalog::{Catalog, CatalogForeignKey};
use super::names::{self, Scope};
use super::{Cardinality, ColumnId, Join, Nesting, Relation, Table, TableId, Through, Writing};

/// A foreign key between two tables that are served.
struct Reference<'a> {
    here: TableId,
    there: TableId,
    /// Pairs of equal columns: here, there.
    pairs: Vec<(ColumnId, ColumnId)>,
    catalog: &'a CatalogForeignKey,
}

impl Reference<'_> {
    fn own(&self) -> Vec<ColumnId> {
        self.pairs.iter().map(|(own, _)| *own).collect()
    }

    fn back(&self) -> Vec<(ColumnId, ColumnId)> {
        self.pairs.iter().map(|(own, target)| (*target, *own)).collect()
    }
}

/// Gives every table its relations; and back the fields that are taken in each table.
pub(super) fn build(
    catalog: &Catalog,
    tables: &mut [Table],
    numbers: &Numbers,
    types: &mut Scope,
    clashes: &mut Vec<String>,
) -> Vec<Scope> {
    let references = references(catalog, tables, numbers);
    let mut fields = Fields {
        scopes: tables
            .iter()
            .map(|table| {
                let columns = table.columns.iter().map(|column| column.field.as_str());
                Scope::reserving(columns.chain(names::RESERVED_FIELDS))
            })
            .collect(),
        clashes,
    };
    let given = |name: &Option<String>| name.is_some();
    let mut forwards = vec![None; references.len()];
    let mut backs = vec![None; references.len()];
    // Names that were given first, those that are only derived after: who asks for a name should get it.
    for (index, reference) in references.iter().enumerate() {
        let directive = &reference.catalog.directive;
        forwards[index] = directive.foreign_name.as_deref().map(|name| fields.forward(tables, reference, name));
        backs[index] = directive.local_name.as_deref().map(|name| fields.back(tables, reference, name));
    }
    for (index, reference) in references.iter().enumerate().filter(|(_, r)| !given(&r.catalog.directive.foreign_name)) {
        forwards[index] = Some(fields.forward(tables, reference, &forward_name(tables, reference)));
    }
    for (index, reference) in references.iter().enumerate().filter(|(_, r)| !given(&r.catalog.directive.local_name)) {
        let forward = forwards[index].as_deref().unwrap_or_default();
        backs[index] = Some(fields.back(tables, reference, &back_name(tables, &references, reference, forward)));
    }
    let through = through(tables, &references, &forwards, &mut fields);
    for ((reference, forward), back) in references.iter().zip(forwards).zip(backs) {
        let columns = &tables[reference.here.0].columns;
        let required = reference.catalog.validated && reference.pairs.iter().all(|(own, _)| columns[own.0].not_null);
        let single = is_single(&tables[reference.here.0], reference);
        let (parent, children) =
            nesting(tables, reference, forward.as_deref().unwrap_or_default(), types, fields.clashes);
        tables[reference.here.0].relations.push(Relation {
            field: forward.unwrap_or_default(),
            aggregate: None,
            target: reference.there,
            join: Join::Columns(reference.pairs.clone()),
            cardinality: Cardinality::One { required },
            nesting: parent,
            comment: description(reference.catalog.comment.as_deref()),
        });
        tables[reference.there.0].relations.push(Relation {
            field: back.unwrap_or_default(),
            aggregate: None,
            target: reference.here,
            join: Join::Columns(reference.back()),
            cardinality: if single { Cardinality::One { required: false } } else { Cardinality::Many },
            nesting: children,
            comment: None,
        });
    }
    for (table, relation) in through {
        tables[table.0].relations.push(relation);
    }
    // Last of all: names that are derived from others give way to them.
    fields.name_aggregates(tables);
    fields.scopes
}

/// The fields that are taken in each table.
struct Fields<'a> {
    scopes: Vec<Scope>,
    clashes: &'a mut Vec<String>,
}

impl Fields<'_> {
    fn name_aggregates(&mut self, tables: &mut [Table]) {
        for (index, table) in tables.iter_mut().enumerate() {
            for relation in table.relations.iter_mut().filter(|relation| relation.cardinality == Cardinality::Many) {
                let what = format!("the aggregates of `{}` of {}", relation.field, table.sql.quoted());
                let wanted = format!("{}Aggregate", relation.field);
                relation.aggregate = Some(self.scopes[index].take(&wanted, self.clashes, &what));
            }
        }
    }

    fn forward(&mut self, tables: &[Table], reference: &Reference<'_>, wanted: &str) -> String {
        let what = format!("a foreign key of {}", tables[reference.here.0].sql.quoted());
        self.scopes[reference.here.0].take(wanted, self.clashes, &what)
    }

    fn back(&mut self, tables: &[Table], reference: &Reference<'_>, wanted: &str) -> String {
        let (here, there) = (&tables[reference.here.0].sql, &tables[reference.there.0].sql);
        let what = format!("the way from {} back to {}", there.quoted(), here.quoted());
        self.scopes[reference.there.0].take(wanted, self.clashes, &what)
    }
}

fn references<'a>(catalog: &'a Catalog, tables: &[Table], numbers: &Numbers) -> Vec<Reference<'a>> {
    let ids: HashMap<u32, TableId> = tables.iter().enumerate().map(|(i, table)| (table.oid, TableId(i))).collect();
    let mut references = Vec::new();
    for (index, table) in catalog.tables.iter().enumerate() {
        let here = TableId(index);
        for foreign_key in &table.foreign_keys {
            let Some(there) = ids.get(&foreign_key.target).copied() else {
                continue;
            };
            let columns = numbers.columns(here, &foreign_key.columns);
            let targets = numbers.columns(there, &foreign_key.target_columns);
            let pairs = columns.into_iter().zip(targets).collect();
            references.push(Reference { here, there, pairs, catalog: foreign_key });
        }
    }
    references
}

fn forward_name(tables: &[Table], reference: &Reference<'_>) -> String {
    let one = &tables[reference.there.0].names.one;
    match reference.pairs.as_slice() {
        [(column, _)] => names::reference(&tables[reference.here.0].column(*column).name, one),
        _ => one.clone(),
    }
}

fn back_name(tables: &[Table], references: &[Reference<'_>], reference: &Reference<'_>, forward: &str) -> String {
    let (here, there) = (reference.here, reference.there);
    let alone = references.iter().filter(|other| (other.here, other.there) == (here, there)).count() == 1;
    let child = &tables[here.0];
    let stem = if is_single(child, reference) { &child.names.one } else { &child.names.many };
    if alone && here != there { stem.clone() } else { format!("{stem}By{}", names::type_name(forward)) }
}

/// How the row that is referred to is created with the one that refers, and the other way around.
fn nesting(
    tables: &[Table],
    reference: &Reference<'_>,
    forward: &str,
    types: &mut Scope,
    clashes: &mut Vec<String>,
) -> (Nesting, Nesting) {
    let (here, there) = (&tables[reference.here.0], &tables[reference.there.0]);
    let free = |(own, _): &(ColumnId, ColumnId)| {
        let column = here.column(*own);
        column.writing == Writing::Free && !column.omitted
    };
    if !here.is_written() || !there.is_written() || !reference.pairs.iter().all(free) {
        return (Nesting::Never, Nesting::Never);
    }
    let wanted = format!("{}CreateWithout{}Input", here.names.type_name, names::type_name(forward));
    let what = format!("the input of a new row of {} for its `{forward}`", here.sql.quoted());
    (Nesting::Parent, Nesting::Children(types.take(&wanted, clashes, &what)))
}

/// Whether at most one row refers to each row.
fn is_single(child: &Table, reference: &Reference<'_>) -> bool {
    let own = reference.own();
    let unique = |key: &[ColumnId]| !key.is_empty() && key.iter().all(|column| own.contains(column));
    unique(&child.key) || child.unique_keys.iter().any(|key| unique(&key.columns))
}

/// The ways through join tables: from each of the two tables that one refers to by its primary key, to the other.
fn through(
    tables: &[Table],
    references: &[Reference<'_>],
    forwards: &[Option<String>],
    fields: &mut Fields<'_>,
) -> Vec<(TableId, Relation)> {
    let mut found = Vec::new();
    for (index, join) in tables.iter().enumerate().filter(|(_, table)| table.is_logged()) {
        let within = |(_, reference): &(usize, &Reference<'_>)| {
            reference.here == TableId(index) && reference.own().iter().all(|column| join.key.contains(column))
        };
        let keys: Vec<(usize, &Reference<'_>)> = references.iter().enumerate().filter(within).collect();
        let [first, second] = keys.as_slice() else { continue };
        let columns: Vec<ColumnId> = [first.1.own(), second.1.own()].concat();
        if columns.len() != join.key.len() || !join.key.iter().all(|column| columns.contains(column)) {
            continue;
        }
        for (near, (far_index, far)) in [(first.1, second), (second.1, first)] {
            let many = &tables[far.there.0].names.many;
            // From a table to itself there are two ways: it is said by which of the foreign keys.
            let wanted = match (&near.catalog.directive.through_name, forwards[*far_index].as_deref()) {
                (Some(given), _) => given.clone(),
                (None, Some(forward)) if near.there == far.there => format!("{many}By{}", names::type_name(forward)),
                (None, _) => many.clone(),
            };
            let (here, there) = (&tables[near.there.0].sql, &tables[far.there.0].sql);
            let what = format!("the way from {} through {} to {}", here.quoted(), join.sql.quoted(), there.quoted());
            let relation = Relation {
                field: fields.scopes[near.there.0].take(&wanted, fields.clashes, &what),
                aggregate: None,
                target: far.there,
                join: Join::Through(Through { table: TableId(index), near: near.back(), far: far.pairs.clone() }),
                cardinality: Cardinality::Many,
                nesting: Nesting::Never,
                comment: None,
            };
            found.push((near.there, relation));
        }
    }
    found
}
