//! What does a commit mean for one group? Inserts, updates and deletes of rows in, PUTs, PATCHes and DELETEs of
//! resources out. What the log does not say is never guessed: [`Incomplete`] asks for a fresh copy.

use std::sync::{PoisonError, RwLock};

use super::commit::{Commit, OldRow, Operation, RowChange};
use super::row::Row;
use crate::filter::judge::Judge;
use crate::model::{ColumnId, TableId};

/// The rows that a group covers.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) table: TableId,
    pub(super) key: Vec<ColumnId>,
    /// A change of these is worth a PATCH.
    pub(super) covered: Vec<ColumnId>,
    /// Covered, key and filter columns.
    pub(super) needed: Vec<ColumnId>,
    /// Made anew when an enum gets another value.
    pub(super) judge: RwLock<Judge>,
}

/// A change of one resource.
#[derive(Debug, Clone)]
pub(super) struct Effect<'a> {
    pub(super) ordinal: u32,
    pub(super) kind: EffectKind<'a>,
}

#[derive(Debug, Clone)]
pub(super) enum EffectKind<'a> {
    Put(&'a Row),
    Patch(&'a Row, Vec<ColumnId>),
    /// The row holds the key at least.
    Delete(&'a Row),
}

/// The log does not say enough.
#[derive(Debug, Clone, Copy)]
pub(super) struct Incomplete;

/// What a commit means for a scope.
#[derive(Debug)]
pub(super) struct Effects<'a> {
    pub(super) truncated: bool,
    pub(super) list: Vec<Effect<'a>>,
}

impl Scope {
    /// The effects of some of a commit's changes, given by their index, in order.
    pub(super) fn effects<'a>(
        &self,
        commit: &'a Commit,
        changes: impl Iterator<Item = usize>,
    ) -> Result<Effects<'a>, Incomplete> {
        let truncation = commit.truncation(self.table);
        let mut list = Vec::new();
        for change in changes.map(|index| &commit.changes[index]) {
            if change.table == self.table && truncation.is_none_or(|ordinal| change.ordinal > ordinal) {
                self.push_effects(change, &mut list)?;
            }
        }
        Ok(Effects { truncated: truncation.is_some(), list })
    }

    /// The effects of all of a commit's changes.
    pub(super) fn all_effects<'a>(&self, commit: &'a Commit) -> Result<Effects<'a>, Incomplete> {
        self.effects(commit, 0..commit.changes.len())
    }

    fn push_effects<'a>(&self, change: &'a RowChange, list: &mut Vec<Effect<'a>>) -> Result<(), Incomplete> {
        let mut push = |kind| list.push(Effect { ordinal: change.ordinal, kind });
        match &change.operation {
            Operation::Insert { new } => {
                if self.passes(self.complete(new)?) {
                    push(EffectKind::Put(new));
                }
            }
            Operation::Update { old: OldRow::Full(old), new } => {
                let same_key = !self.differs(old, new, &self.key);
                match (self.passes(old), self.passes(self.complete(new)?)) {
                    (true, true) if same_key => {
                        let changed = self.changed(old, new);
                        if !changed.is_empty() {
                            push(EffectKind::Patch(new, changed));
                        }
                    }
                    (true, true) => {
                        push(EffectKind::Delete(old));
                        push(EffectKind::Put(new));
                    }
                    (false, true) => push(EffectKind::Put(new)),
                    (true, false) => push(EffectKind::Delete(old)),
                    (false, false) => {}
                }
            }
            Operation::Update { old, new } => {
                // Whether the old row was in the copy is not known; DELETE of a key that is not held does no harm.
                if let OldRow::Key(old) = old {
                    push(EffectKind::Delete(self.with_key(old)?));
                }
                let passes = self.passes(self.complete(new)?);
                push(if passes { EffectKind::Put(new) } else { EffectKind::Delete(new) });
            }
            Operation::Delete { old: OldRow::Full(old) } => {
                if self.passes(old) {
                    push(EffectKind::Delete(old));
                }
            }
            Operation::Delete { old: OldRow::Key(old) } => push(EffectKind::Delete(self.with_key(old)?)),
            Operation::Delete { old: OldRow::Nothing } => return Err(Incomplete),
        }
        Ok(())
    }

    /// Whether a row is covered.
    pub(super) fn passes(&self, row: &Row) -> bool {
        self.judge.read().unwrap_or_else(PoisonError::into_inner).passes(&|column| row.get(column))
    }

    /// Judges otherwise from now on.
    pub(super) fn renew(&self, judge: Judge) {
        *self.judge.write().unwrap_or_else(PoisonError::into_inner) = judge;
    }

    fn complete<'a>(&self, row: &'a Row) -> Result<&'a Row, Incomplete> {
        if row.lacks(&self.needed) { Err(Incomplete) } else { Ok(row) }
    }

    fn with_key<'a>(&self, row: &'a Row) -> Result<&'a Row, Incomplete> {
        if row.lacks(&self.key) { Err(Incomplete) } else { Ok(row) }
    }

    fn differs(&self, old: &Row, new: &Row, columns: &[ColumnId]) -> bool {
        columns.iter().any(|column| old.get(*column) != new.get(*column))
    }

    fn changed(&self, old: &Row, new: &Row) -> Vec<ColumnId> {
        self.covered.iter().copied().filter(|column| old.get(*column) != new.get(*column)).collect()
    }
}
