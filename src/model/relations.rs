//! Where does a row lead to? Each foreign key is two ways: from the row that refers, and back.

use std::collections::HashMap;

use super::assemble::{Numbers, description};
use super::catalog::Catalog;
use super::names::{self, Scope};
use super::{Cardinality, ColumnId, Relation, Table, TableId};

/// Gives every table its relations.
pub(super) fn build(catalog: &Catalog, tables: &mut [Table], numbers: &Numbers, clashes: &mut Vec<String>) {
    let ids: HashMap<u32, TableId> = catalog.tables.iter().enumerate().map(|(i, t)| (t.oid, TableId(i))).collect();
    let mut scopes: Vec<Scope> = tables
        .iter()
        .map(|table| {
            let columns = table.columns.iter().map(|column| column.field.as_str());
            Scope::reserving(columns.chain(names::RESERVED_FIELDS))
        })
        .collect();
    let mut references = Vec::new();
    for (index, table) in catalog.tables.iter().enumerate() {
        let here = TableId(index);
        for foreign_key in &table.foreign_keys {
            let Some(there) = ids.get(&foreign_key.target).copied() else {
                continue;
            };
            let columns = numbers.columns(here, &foreign_key.columns);
            let targets = numbers.columns(there, &foreign_key.target_columns);
            let one = &tables[there.0].names.one;
            let wanted = match columns.as_slice() {
                [column] => names::reference(&tables[index].column(*column).name, one),
                _ => one.clone(),
            };
            let what = format!("a foreign key of {}", tables[index].sql.quoted());
            let field = scopes[index].take(&wanted, clashes, &what);
            let required = columns.iter().all(|column| tables[index].column(*column).not_null);
            let pairs: Vec<_> = columns.into_iter().zip(targets).collect();
            tables[index].relations.push(Relation {
                field: field.clone(),
                target: there,
                columns: pairs.clone(),
                cardinality: Cardinality::One { required },
                comment: description(foreign_key.comment.as_deref()),
            });
            references.push((here, there, pairs, field));
        }
    }
    for (here, there, pairs, forward) in &references {
        let alone = references.iter().filter(|other| (other.0, other.1) == (*here, *there)).count() == 1;
        let child = &tables[here.0];
        let own: Vec<ColumnId> = pairs.iter().map(|(column, _)| *column).collect();
        let unique = |key: &[ColumnId]| !key.is_empty() && key.iter().all(|column| own.contains(column));
        let single = unique(&child.key) || child.unique_keys.iter().any(|key| unique(&key.columns));
        let stem = if single { &child.names.one } else { &child.names.many };
        let wanted =
            if alone && here != there { stem.clone() } else { format!("{stem}By{}", names::type_name(forward)) };
        let what = format!("the way from {} back to {}", tables[there.0].sql.quoted(), child.sql.quoted());
        let relation = Relation {
            field: scopes[there.0].take(&wanted, clashes, &what),
            target: *here,
            columns: pairs.iter().map(|(column, target)| (*target, *column)).collect(),
            cardinality: if single { Cardinality::One { required: false } } else { Cardinality::Many },
            comment: None,
        };
        tables[there.0].relations.push(relation);
    }
}
