//! What only the hub's task does: takes commits into the history and to the groups, begins and ends, lets go of what
//! is old. One writer; nothing here waits.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::{Reached, Shared, State, end_altered, unavailable};
use crate::changes::commit::Commit;
use crate::changes::follow::Reset;
use crate::changes::group::{Group, Tended};
use crate::changes::history::History;
use crate::changes::hub::Options;
use crate::changes::matcher::Matcher;
use crate::changes::publication::Unpublished;
use crate::changes::reload::{self, Swap};
use crate::changes::snapshot::widen;
use crate::model::{Model, TableId};
use crate::sequence::{Epoch, Lsn};

/// For the hub's task, the one writer.
impl Shared {
    /// A new history begins at `lsn`; changes flow again with [`Shared::go`]. `unsettled`: transactions that may be
    /// before it and not visible yet.
    pub(in crate::changes) fn begin(&self, epoch: Epoch, lsn: Lsn, xid: u64, unsettled: Vec<u64>) {
        let mut core = self.core();
        core.incarnation += 1;
        if core.epoch != epoch {
            // Positions of another history say nothing about this one.
            core.generations.fill(Lsn::default());
            core.told.clear();
        }
        core.fresh = true;
        core.epoch = epoch;
        core.reached = lsn;
        core.history = History::new(self.options.history_bytes, epoch, lsn);
        core.history.unsettled = unsettled;
        core.xid = core.xid.max(xid);
        core.marks.clear();
        self.reached.send_replace(Reached { incarnation: core.incarnation, lsn });
    }

    /// Everything up to the stream's beginning is known, and from here on it tells all.
    pub(in crate::changes) fn go(&self, restart: Option<Reset>, unpublished: Vec<Unpublished>) {
        let ending = {
            let mut core = self.core();
            let position = core.position();
            core.note_published(unpublished, &[], position.lsn);
            core.state = State::Ready;
            (core.fresh, core.republished) = (false, false);
            if let Some(reason) = restart {
                core.turn.iter().for_each(|group| group.restart(position, reason));
            }
            std::mem::take(&mut core.ending)
        };
        end_altered(ending);
    }

    /// Of some tables the log tells only from `lsn` on.
    pub(in crate::changes) fn note_told(&self, tables: &[TableId], lsn: Lsn) {
        self.core().told.extend(tables.iter().map(|table| (*table, lsn)));
    }

    /// Tables were published before a stream has begun.
    pub(in crate::changes) fn note_republished(&self) {
        self.core().republished = true;
    }

    /// Whether the next stream has no past, since tables were published after the last one.
    pub(in crate::changes) fn is_republished(&self) -> bool {
        self.core().republished
    }

    /// Where a broken stream left off, if there was one in this history.
    pub(in crate::changes) fn left_off(&self) -> Option<(Epoch, Lsn)> {
        let core = self.core();
        (core.incarnation > 0).then_some((core.epoch, core.reached))
    }

    /// The history before `lsn` cannot be told.
    pub(in crate::changes) fn forget_before(&self, lsn: Lsn) {
        self.core().history.forget_before(lsn);
    }

    /// Lets go of what is older than the settings allow; gives the position from which a history slot has to keep
    /// the log.
    pub(in crate::changes) fn age(&self) -> Lsn {
        let mut core = self.core();
        let (now, reached) = (Instant::now(), core.reached);
        core.marks.push_back((now, reached));
        while core.marks.front().is_some_and(|(at, _)| now.duration_since(*at) > self.options.history_time) {
            if let Some((_, lsn)) = core.marks.pop_front() {
                core.history.forget_before(lsn);
            }
        }
        core.history.begin().max(Lsn(reached.0.saturating_sub(self.options.history_wal_bytes)))
    }

    /// The stream is gone.
    pub(in crate::changes) fn down(&self, reason: String) {
        self.core().state = State::Down(reason);
    }

    /// The whole id of a transaction of which the log gives the lower half.
    pub(in crate::changes) fn widen(&self, xid: u32) -> u64 {
        widen(xid, self.core().xid)
    }

    /// Takes a commit into the history and to the groups.
    pub(in crate::changes) fn publish(&self, commit: Commit) {
        let end_lsn = commit.end_lsn;
        let commit = Arc::new(commit);
        let concerned: HashMap<_, _> = {
            let mut core = self.core();
            // A new stream may begin a little before the place where the last one broke.
            if end_lsn <= core.reached {
                return;
            }
            core.xid = core.xid.max(commit.xid);
            core.reached = core.reached.max(end_lsn);
            core.history.unsettled.retain(|xid| *xid != commit.xid);
            if commit.changes.is_empty() && commit.truncated.is_empty() {
                HashMap::new()
            } else {
                core.history.push(Arc::clone(&commit));
                // Of a history that has just begun they are told once it is whole: they start over.
                if core.fresh { HashMap::new() } else { core.matcher.concerned(&commit) }
            }
        };
        let model = self.model();
        for (group, changes) in concerned.values() {
            group.publish(&model, &commit, changes);
        }
        self.pass(end_lsn);
    }

    /// Everything up to `lsn` has been told.
    pub(in crate::changes) fn pass(&self, lsn: Lsn) {
        let reached = {
            let mut core = self.core();
            core.reached = core.reached.max(lsn);
            Reached { incarnation: core.incarnation, lsn: core.reached }
        };
        self.reached.send_if_modified(|before| std::mem::replace(before, reached) != reached);
    }

    /// Notes how long after its commit a transaction was told.
    pub(in crate::changes) fn note_lag(&self, lag: Duration) {
        self.core().lag = lag;
    }

    /// The database was altered: `model` holds from `position` on, and so does what is told of the tables `added` to
    /// the publication. Whoever it concerns is told what vanished.
    pub(in crate::changes) fn adopt(
        &self,
        model: Arc<Model>,
        position: Lsn,
        unpublished: Vec<Unpublished>,
        added: &[TableId],
        swap: Option<Swap>,
    ) {
        let known = self.model();
        let touched: Vec<(Arc<Group>, String)> = {
            let mut core = self.core();
            *self.model.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&model);
            // While this lock is held nobody can subscribe by either.
            if let Some(swap) = swap {
                swap();
            }
            core.generations.resize(model.generation as usize, position);
            core.generations.push(position);
            let why = |group: &Arc<Group>| {
                Some((Arc::clone(group), reload::touched(group, &known, &model, &unpublished, added)?))
            };
            let touched: Vec<_> = core.turn.iter().filter_map(why).collect();
            core.note_published(unpublished, added, position);
            core.forget(&known, touched.iter().map(|(group, _)| Arc::clone(group)));
            match core.state {
                State::Ready | State::Stopped => touched,
                State::Down(_) => {
                    core.ending.extend(touched);
                    Vec::new()
                }
            }
        };
        end_altered(touched);
    }

    /// The publication is up to date at last: `added` is told from `position` on.
    pub(in crate::changes) fn publish_late(&self, unpublished: Vec<Unpublished>, added: &[TableId], position: Lsn) {
        self.core().note_published(unpublished, added, position);
    }

    /// What cannot be followed.
    pub(in crate::changes) fn unpublished(&self) -> Vec<Unpublished> {
        self.core().unpublished.clone()
    }

    /// Tends one of `shares` of the groups.
    pub(in crate::changes) fn tend(&self, shares: usize) {
        let (groups, reached) = {
            let mut core = self.core();
            let count = core.turn.len().div_ceil(shares.max(1));
            core.turn.rotate_left(count);
            let groups: Vec<_> = core.turn.iter().rev().take(count).cloned().collect();
            (groups, core.position())
        };
        let Options { progress_interval, linger, .. } = self.options;
        let model = self.model();
        let deserted = |group: &Arc<Group>| match group.tend(&model, reached, progress_interval, linger) {
            Tended::Kept => false,
            Tended::Deserted => true,
        };
        let deserted: Vec<_> = groups.into_iter().filter(deserted).collect();
        // Someone may have come meanwhile; whoever comes takes a place under this lock.
        self.core().forget(&model, deserted.into_iter().filter(|group| group.is_deserted()));
    }

    /// Ends everything.
    pub(in crate::changes) fn end(&self) {
        let groups: Vec<_> = {
            let mut core = self.core();
            core.state = State::Stopped;
            core.groups.clear();
            core.matcher = Matcher::default();
            let ending = std::mem::take(&mut core.ending).into_iter().map(|(group, _)| group);
            core.turn.drain(..).chain(ending).collect()
        };
        groups.iter().for_each(|group| group.end(unavailable("the server is stopping")));
    }
}
