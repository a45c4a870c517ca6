//! What does a commit mean for one group? Inserts, updates and deletes of rows in, PUTs, PATCHes and DELETEs of
//! resources out. What the log does not say is never guessed: [`Incomplete`] asks for a fresh copy.

use std::sync::{PoisonError, RwLock};

use super::commit::{Commit, OldRow, Operation, RowChange};
use super::follow::Reset;
use super::row::Row;
use crate::filter::judge::Judge;
use crate::model::{ColumnId, TableId};

/// Rows of one table that a group covers.
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
    /// Which of the group's scopes the row belongs to.
    pub(super) scope: usize,
    pub(super) kind: EffectKind<'a>,
}

#[derive(Debug, Clone)]
pub(super) enum EffectKind<'a> {
    Put(&'a Row),
    Patch(&'a Row, Vec<ColumnId>),
    /// The row holds the key at least.
    Delete(&'a Row),
}

/// The log does not say enough; and why the fresh copy that helps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Incomplete(pub(super) Reset);

/// The log lacks a part of a row.
const MISSING: Incomplete = Incomplete(Reset::Expired);

/// What a commit means for some scopes.
#[derive(Debug)]
pub(super) struct Effects<'a> {
    /// Nothing is left of what was there before the commit.
    pub(super) truncated: bool,
    pub(super) list: Vec<Effect<'a>>,
}

/// The effects of some of a commit's changes, in the order of the log.
pub(super) fn effects<'a>(
    scopes: &[Scope],
    commit: &Commit,
    changes: impl Iterator<Item = &'a RowChange>,
) -> Result<Effects<'a>, Incomplete> {
    let truncations: Vec<_> = if commit.truncated.is_empty() {
        Vec::new()
    } else {
        scopes.iter().map(|scope| commit.truncation(scope.table)).collect()
    };
    let truncated = truncations.iter().any(Option::is_some);
    // A reset takes the whole copy, and of the tables that were not emptied the commit does not say what is in them.
    if truncated && truncations.iter().any(Option::is_none) {
        return Err(Incomplete(Reset::Truncated));
    }
    let mut list = Vec::new();
    for change in changes {
        for (index, scope) in scopes.iter().enumerate() {
            let truncation = truncations.get(index).copied().flatten();
            if change.table == scope.table && truncation.is_none_or(|ordinal| change.ordinal > ordinal) {
                scope.push_effects(change, index, &mut list)?;
            }
        }
    }
    #[cfg(feature = "sabotage")]
    if !list.is_empty() && super::sabotage::strikes(super::sabotage::Defect::Change) {
        list.pop();
    }
    Ok(Effects { truncated, list })
}

impl Scope {
    fn push_effects<'a>(
        &self,
        change: &'a RowChange,
        scope: usize,
        list: &mut Vec<Effect<'a>>,
    ) -> Result<(), Incomplete> {
        let mut push = |kind| list.push(Effect { ordinal: change.ordinal, scope, kind });
        match &change.operation {
            Operation::Insert { new } => {
                if self.passes(self.complete(new)?) {
                    push(EffectKind::Put(new));
                }
            }
            Operation::Update { old: OldRow::Full(old), new } => {
                let same_key = !self.differs(old, new, &self.key);
                match (self.passes(self.complete(old)?), self.passes(self.complete(new)?)) {
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
                if self.passes(self.complete(old)?) {
                    push(EffectKind::Delete(old));
                }
            }
            Operation::Delete { old: OldRow::Key(old) } => push(EffectKind::Delete(self.with_key(old)?)),
            Operation::Delete { old: OldRow::Nothing } => return Err(MISSING),
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
        if row.lacks(&self.needed) { Err(MISSING) } else { Ok(row) }
    }

    fn with_key<'a>(&self, row: &'a Row) -> Result<&'a Row, Incomplete> {
        if row.lacks(&self.key) { Err(MISSING) } else { Ok(row) }
    }

    fn differs(&self, old: &Row, new: &Row, columns: &[ColumnId]) -> bool {
        columns.iter().any(|column| old.get(*column) != new.get(*column))
    }

    fn changed(&self, old: &Row, new: &Row) -> Vec<ColumnId> {
        self.covered.iter().copied().filter(|column| old.get(*column) != new.get(*column)).collect()
    }
}
