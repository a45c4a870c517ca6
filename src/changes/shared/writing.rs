//! What only the hub's task does: takes commits into the history and to the groups, begins and ends, lets go of what
//! is old. One writer; nothing here waits.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::{Core, Reached, Shared, State, end_altered, unavailable};
use crate::changes::assembler::Lost;
use crate::changes::commit::{Changes, Commit, RowChange};
use crate::changes::follow::Reset;
use crate::changes::group::{Group, Tended};
use crate::changes::history::History;
use crate::changes::hub::Options;
use crate::changes::large::Telling;
use crate::changes::matcher::{Concerned, Matcher};
use crate::changes::payload::Writer;
use crate::changes::publication::Unpublished;
use crate::changes::reload::{self, Swap};
use crate::changes::snapshot::widen;
use crate::model::{Model, TableId};
use crate::sequence::{Epoch, Lsn};

/// What messages may take in memory that are gathered of one commit.
const TELLING_BYTES: usize = 32 << 20;

impl Core {
    /// Notes a commit; `false` if it was told already, since a new stream may begin a little before the place where the
    /// last one broke.
    fn reach(&mut self, commit: &Commit) -> bool {
        let fresh = commit.end_lsn > self.reached;
        if fresh {
            self.xid = self.xid.max(commit.xid);
            self.reached = commit.end_lsn;
            self.history.unsettled.retain(|xid| *xid != commit.xid);
        }
        fresh
    }
}

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
        core.history = History::new(self.options.history_bytes, self.spool.limit() / 2, epoch, lsn);
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
    pub(in crate::changes) async fn publish(&self, commit: Commit) {
        let commit = Arc::new(commit);
        match &commit.changes {
            Changes::Held(changes) => {
                let Some((_, concerned)) = self.take(&commit, changes) else { return };
                let model = self.model();
                for (group, indexes) in concerned.values() {
                    group.publish(&model, &commit, changes, indexes);
                }
            }
            Changes::Spooled(_) => {
                let Some((until, _)) = self.take(&commit, &[]) else { return };
                if let Err(error) = self.publish_spooled(&commit, until).await {
                    tracing::error!(%error, "a commit cannot be read back from its file: its subscribers start over");
                    self.restart_untold(&commit, None);
                }
            }
        }
        self.pass(commit.end_lsn);
    }

    /// Takes a commit into the history. Gives whom some of its changes concern, and the first group that is too young
    /// to hear of it; nothing if it has been told.
    fn take(&self, commit: &Arc<Commit>, changes: &[RowChange]) -> Option<(u64, Concerned)> {
        let mut core = self.core();
        if !core.reach(commit) {
            return None;
        }
        let until = core.next_id;
        if commit.is_empty() {
            return Some((until, Concerned::new()));
        }
        core.history.push(Arc::clone(commit));
        // Of a history that has just begun they are told once it is whole: they start over.
        let concerned = if core.fresh { Concerned::new() } else { core.matcher.concerned(commit, changes) };
        Some((until, concerned))
    }

    /// Goes through a commit's file once. Groups from `until` on came after it.
    async fn publish_spooled(&self, commit: &Arc<Commit>, until: u64) -> io::Result<()> {
        if self.core().fresh {
            return Ok(());
        }
        let (model, epoch) = (self.model(), self.core().epoch);
        let mut tellings: HashMap<u64, (Arc<Group>, Telling)> = HashMap::new();
        let mut held = 0;
        for chunk in 0..commit.chunks() {
            let changes = commit.load(chunk).await?;
            let concerned = self.core().matcher.concerned(commit, &changes);
            for (id, (group, indexes)) in concerned.into_iter().filter(|(id, _)| *id < until) {
                let writer = Writer { model: &model, follow: &group.follow };
                let (_, telling) =
                    tellings.entry(id).or_insert_with(|| (Arc::clone(&group), Telling::Part(writer.part())));
                held -= telling.bytes();
                if held > TELLING_BYTES {
                    telling.put_off();
                }
                telling.add(&writer, &group, epoch, commit, indexes.iter().map(|index| &changes[*index]));
                held += telling.bytes();
            }
        }
        for (group, telling) in tellings.values() {
            group.publish_large(&model, commit, telling);
        }
        Ok(())
    }

    /// A commit could not be kept: nothing leads past it.
    pub(in crate::changes) fn lose(&self, lost: &Lost) {
        tracing::error!(
            reason = %lost.reason,
            "a commit is too large to be kept: everyone who follows its tables starts over"
        );
        if self.core().reach(&lost.commit) {
            self.restart_untold(&lost.commit, Some(&lost.tables));
            self.pass(lost.commit.end_lsn);
        }
    }

    /// Everyone who follows one of these tables, or anyone, needs a copy from after this commit.
    fn restart_untold(&self, commit: &Commit, tables: Option<&[TableId]>) {
        let groups: Vec<_> = {
            let mut core = self.core();
            core.history.lose(commit);
            let concerned = |group: &&Arc<Group>| {
                tables.is_none_or(|tables| group.scopes.iter().any(|scope| tables.contains(&scope.table)))
            };
            core.turn.iter().filter(concerned).cloned().collect()
        };
        let at = commit.sequence(self.core().epoch);
        groups.iter().for_each(|group| group.restart(at, Reset::Lagged));
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
