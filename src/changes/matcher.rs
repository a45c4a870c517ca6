//! Whom does a change concern? Groups whose filter demands a column's value are found by that value; only the
//! others of the table are asked one by one. A change costs no more for 100,000 groups that demand other values.

use std::collections::HashMap;
use std::sync::Arc;

use super::commit::{Commit, OldRow, Operation, RowChange};
use super::group::Group;
use super::row::Row;
use crate::filter::Filter;
use crate::model::{Collation, ColumnId, Kind, Model, Table, TableId};

/// The groups of every table.
#[derive(Default)]
pub(super) struct Matcher {
    tables: HashMap<TableId, TableGroups>,
}

#[derive(Default)]
struct TableGroups {
    all: HashMap<u64, Arc<Group>>,
    /// Those that no value leads to.
    asked: HashMap<u64, Arc<Group>>,
    /// By column and the text of the value that the filter demands.
    by_value: HashMap<ColumnId, HashMap<Box<str>, Vec<Arc<Group>>>>,
}

/// The changes, by their index among those given, that may concern a group.
pub(super) type Concerned = HashMap<u64, (Arc<Group>, Vec<usize>)>;

impl Matcher {
    pub(super) fn add(&mut self, model: &Model, group: &Arc<Group>) {
        for rows in &group.follow.rows {
            let groups = self.tables.entry(rows.table).or_default();
            groups.all.insert(group.id, Arc::clone(group));
            match demanded(model.table(rows.table), &rows.filter) {
                None => {
                    groups.asked.insert(group.id, Arc::clone(group));
                }
                Some((column, values)) => {
                    let index = groups.by_value.entry(column).or_default();
                    for value in values {
                        index.entry(value.into()).or_default().push(Arc::clone(group));
                    }
                }
            }
        }
    }

    pub(super) fn remove(&mut self, model: &Model, group: &Group) {
        for rows in &group.follow.rows {
            let Some(groups) = self.tables.get_mut(&rows.table) else { continue };
            groups.all.remove(&group.id);
            groups.asked.remove(&group.id);
            let Some((column, values)) = demanded(model.table(rows.table), &rows.filter) else { continue };
            let Some(index) = groups.by_value.get_mut(&column) else { continue };
            for value in values {
                if let Some(list) = index.get_mut(value) {
                    list.retain(|other| other.id != group.id);
                    if list.is_empty() {
                        index.remove(value);
                    }
                }
            }
        }
    }

    /// The groups of one table.
    pub(super) fn of_table(&self, table: TableId) -> impl Iterator<Item = &Arc<Group>> {
        self.tables.get(&table).into_iter().flat_map(|groups| groups.all.values())
    }

    /// Whom some changes of a commit may concern; each group then judges for itself.
    pub(super) fn concerned(&self, commit: &Commit, changes: &[RowChange]) -> Concerned {
        let mut concerned = Concerned::new();
        for (_, table) in &commit.truncated {
            for group in self.of_table(*table) {
                concerned.entry(group.id).or_insert_with(|| (Arc::clone(group), Vec::new()));
            }
        }
        for (index, change) in changes.iter().enumerate() {
            let Some(groups) = self.tables.get(&change.table) else { continue };
            match &change.operation {
                Operation::Insert { new } => groups.find(&[new], index, &mut concerned),
                Operation::Update { old: OldRow::Full(old), new } => groups.find(&[old, new], index, &mut concerned),
                Operation::Delete { old: OldRow::Full(old) } => groups.find(&[old], index, &mut concerned),
                // Without the old row nobody can be ruled out.
                Operation::Update { old: OldRow::Nothing | OldRow::Key(_), .. }
                | Operation::Delete { old: OldRow::Nothing | OldRow::Key(_) } => {
                    groups.all.values().for_each(|group| note(group, index, &mut concerned));
                }
            }
        }
        concerned
    }
}

impl TableGroups {
    fn find(&self, rows: &[&Row], change: usize, concerned: &mut Concerned) {
        self.asked.values().for_each(|group| note(group, change, concerned));
        for (column, index) in &self.by_value {
            for value in rows.iter().filter_map(|row| row.get(*column)) {
                for group in index.get(value).into_iter().flatten() {
                    note(group, change, concerned);
                }
            }
        }
    }
}

/// Notes a change for a group, once.
fn note(group: &Arc<Group>, change: usize, concerned: &mut Concerned) {
    let (_, changes) = concerned.entry(group.id).or_insert_with(|| (Arc::clone(group), Vec::new()));
    if changes.last() != Some(&change) {
        changes.push(change);
    }
}

/// The column, and its values, one of which a row must have to pass: of several such columns the one with the
/// fewest values, and of those one with many different values in the table.
fn demanded<'a>(table: &Table, filter: &'a Filter) -> Option<(ColumnId, Vec<&'a str>)> {
    let single = std::slice::from_ref(filter);
    let conditions = if let Filter::All(filters) = filter { filters.as_slice() } else { single };
    let candidates = conditions.iter().filter_map(|condition| {
        let Filter::Test(id, test) = condition else { return None };
        let column = table.column(*id);
        let exact = has_one_text(&column.kind) && column.collation != Collation::Equivalence;
        let values = test.demanded().filter(|_| exact)?;
        Some((*id, values.iter().map(String::as_str).collect::<Vec<_>>()))
    });
    let coarse = |id: &ColumnId| matches!(table.column(*id).kind, Kind::Boolean | Kind::Enum(_));
    candidates.min_by_key(|(id, values)| (coarse(id), values.len()))
}

/// Whether equal values of the kind have the same text, in the log and in a filter made canonical.
fn has_one_text(kind: &Kind) -> bool {
    match kind {
        Kind::Boolean | Kind::Int | Kind::BigInt | Kind::String | Kind::Uuid | Kind::Enum(_) => true,
        Kind::Float
        | Kind::BigDecimal
        | Kind::DateTime
        | Kind::LocalDateTime
        | Kind::Date
        | Kind::Time
        | Kind::Duration
        | Kind::Json
        | Kind::Jsonb
        | Kind::Bytes
        | Kind::Padded
        | Kind::Composite(_)
        | Kind::HStore
        | Kind::Spatial(_)
        | Kind::Printed(_)
        | Kind::Array(_)
        | Kind::Opaque => false,
    }
}
