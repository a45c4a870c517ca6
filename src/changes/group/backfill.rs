//! What did a log hold before its beginning? The messages of commits that the history still holds, made once for all of
//! a group who come back, and put before the log.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::Group;
use super::entries::{Entries, Entry};
use crate::changes::commit::{Commit, RowChange};
use crate::changes::effect::{Incomplete, effects};
use crate::changes::follow::Reset;
use crate::model::Model;
use crate::sequence::{Lsn, Sequence};

/// One who wants to go on after a position.
pub(in crate::changes) struct Waiting {
    pub(in crate::changes) at: Sequence,
    pub(in crate::changes) answer: oneshot::Sender<CaughtUp>,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::changes) enum CaughtUp {
    /// The log goes on from there now.
    Done,
    /// The history does not reach it, or the way is too long: a copy is shorter.
    TooFar,
    /// The history does not tell it all; and why the copy that helps.
    Untold(Reset),
}

/// The messages of one group in the making. The log goes on meanwhile, and may begin later when they are done.
pub(in crate::changes) struct Backfill {
    pub(in crate::changes) group: Arc<Group>,
    /// In the order of their positions; of those before `at` there are none.
    waiting: VecDeque<Waiting>,
    /// The messages begin after this position,
    at: Sequence,
    /// hold all commits up to this one,
    reached: Sequence,
    /// and are to hold all up to this one, where the log begins:
    until: Sequence,
    /// with this commit, if it is one that is told when somebody wants it.
    front: Option<Lsn>,
    entries: Entries,
}

impl Backfill {
    /// Nothing yet. At least one waits.
    pub(in crate::changes) fn new(group: Arc<Group>, mut waiting: Vec<Waiting>) -> Self {
        waiting.sort_unstable_by_key(|waiting| waiting.at);
        let log = group.log();
        let at = waiting.first().map_or(log.begin, |waiting| waiting.at);
        let entries = Entries::new(log.entries.limits().clone());
        drop(log);
        Self { group, waiting: waiting.into(), at, reached: at, until: at, front: None, entries }
    }

    /// The commits that are missing: after the first position, up to the second. Nothing, if everyone is answered.
    pub(in crate::changes) fn missing(&mut self) -> Option<(Sequence, Sequence)> {
        let (begin, front, refused) = {
            let log = self.group.log();
            (log.begin, log.front(), log.refuses(self.at))
        };
        if let Some(reason) = refused {
            self.answer(CaughtUp::Untold(reason));
        } else if begin <= self.at {
            self.answer(CaughtUp::Done);
        }
        (self.until, self.front) = (begin, front);
        (!self.waiting.is_empty()).then_some((self.reached, self.until))
    }

    /// Takes what a commit means for the group, of which some changes, by their index, may concern it. Called in commit
    /// order.
    pub(in crate::changes) fn add(
        &mut self,
        model: &Model,
        commit: &Arc<Commit>,
        changes: &[RowChange],
        concerned: &[usize],
    ) {
        if !self.lacks(commit) {
            return;
        }
        let (begin, end) = (commit.ordinal(self.reached), commit.sequence(self.at.epoch));
        // Of a commit that a position cuts, the part after it.
        let rest = concerned.iter().map(|index| &changes[*index]).filter(|change| change.ordinal > begin);
        let mut effects = match effects(&self.group.scopes, commit, rest) {
            Ok(effects) => effects,
            Err(Incomplete(reason)) => return self.refuse_before(end, CaughtUp::Untold(reason)),
        };
        let previous = self.newest();
        let made = if end <= self.until {
            self.group.entries(model, commit, &effects, previous)
        } else {
            // Of a commit that the log's beginning cuts, the part before it.
            effects.list.retain(|effect| effect.ordinal <= self.until.ordinal);
            self.group.messages(model, commit, &effects.list, previous, self.until)
        };
        made.into_iter().for_each(|entry| self.push(entry));
    }

    /// Takes a commit that is not in memory.
    pub(in crate::changes) fn add_large(&mut self, commit: &Arc<Commit>) {
        if self.lacks(commit) {
            self.push(Entry::large(commit, self.at.epoch));
        }
    }

    /// The history does not hold what is before this position.
    pub(in crate::changes) fn begin_at(&mut self, begin: Sequence) {
        if self.reached.epoch != begin.epoch {
            self.answer(CaughtUp::TooFar);
        } else if self.reached < begin {
            self.refuse_before(begin, CaughtUp::TooFar);
        }
    }

    /// All that is missing was added: puts it before the log, unless that begins later by now.
    pub(in crate::changes) fn finish(&mut self, model: &Model) {
        if self.waiting.is_empty() || self.until <= self.at {
            return;
        }
        let mut log = self.group.log();
        // The log begins with what is left of this commit: that tells the parts before as well.
        let cut = self.front == Some(self.until.lsn);
        let newest = self.newest();
        if !cut && newest < self.until {
            // The message that was first so far names `until` as the one before it: there has to be one.
            self.entries.push_back(self.group.idle(model, self.until, newest));
        }
        let reached = if cut { Sequence { ordinal: 0, ..self.until } } else { self.until };
        self.reached = self.reached.max(reached);
        if log.begin == self.until {
            log.prepend(self.at, &mut self.entries);
            drop(log);
            self.answer(CaughtUp::Done);
        }
    }

    /// Whether the commit is missing, or a part of it.
    fn lacks(&self, commit: &Commit) -> bool {
        let epoch = self.at.epoch;
        let end = commit.sequence(epoch);
        let told_by_front = self.front == Some(commit.lsn) && end > self.until;
        !self.waiting.is_empty() && self.reached < end && commit.at(epoch, 1) <= self.until && !told_by_front
    }

    fn newest(&self) -> Sequence {
        self.entries.back().map_or(self.at, |entry| entry.sequence)
    }

    fn push(&mut self, entry: Entry) {
        self.entries.push_back(entry);
        while self.entries.is_overfull()
            && let Some(oldest) = self.entries.pop_front()
        {
            self.at = oldest.sequence;
        }
        self.answer_before(self.at, CaughtUp::TooFar);
    }

    /// Nobody can go on from before this position.
    fn refuse_before(&mut self, at: Sequence, why: CaughtUp) {
        self.entries.clear();
        (self.at, self.reached) = (at, self.reached.max(at));
        self.answer_before(at, why);
    }

    fn answer_before(&mut self, at: Sequence, answer: CaughtUp) {
        while self.waiting.front().is_some_and(|waiting| waiting.at < at)
            && let Some(waiting) = self.waiting.pop_front()
        {
            // Who is gone needs no answer.
            let _ = waiting.answer.send(answer);
        }
    }

    fn answer(&mut self, answer: CaughtUp) {
        for waiting in self.waiting.drain(..) {
            let _ = waiting.answer.send(answer);
        }
    }
}
