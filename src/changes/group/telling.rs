//! What does a commit say to a group? Its messages: the changes that concern the group, in parts of bounded size.

use std::sync::Arc;

use bytes::Bytes;

use super::Group;
use super::entries::Entry;
use crate::changes::commit::{Commit, RowChange};
use crate::changes::effect::{Effect, Effects, Incomplete, effects};
use crate::changes::follow::Reset;
use crate::changes::large::Telling;
use crate::changes::payload::{Envelope, Part, Writer};
use crate::model::Model;
use crate::sequence::Sequence;

impl Group {
    /// Appends what a commit means for the group, of which some changes, by their index, may concern it. Called by the
    /// hub's task alone, in commit order.
    pub(in crate::changes) fn publish(
        &self,
        model: &Model,
        commit: &Arc<Commit>,
        changes: &[RowChange],
        concerned: &[usize],
    ) {
        let previous = self.newest();
        match effects(&self.scopes, commit, concerned.iter().map(|index| &changes[*index])) {
            Ok(effects) => self.append(self.entries(model, commit, &effects, previous)),
            Err(Incomplete(reason)) => self.restart(commit.sequence(previous.epoch), reason),
        }
    }

    /// Appends what a commit that is not in memory means for the group.
    pub(in crate::changes) fn publish_large(&self, model: &Model, commit: &Arc<Commit>, telling: &Telling) {
        let previous = self.newest();
        let end = commit.sequence(previous.epoch);
        match telling {
            Telling::Part(part) if part.is_empty() && !self.is_emptied_by(commit) => {}
            Telling::Part(part) => {
                let writer = Writer { model, follow: &self.follow };
                self.append(vec![Entry::message(end, self.message(&writer, commit, previous, end, part))]);
            }
            Telling::Large => self.append(vec![Entry::large(commit, previous.epoch)]),
            Telling::Untold(reason) => self.restart(end, *reason),
        }
    }

    /// What a commit in memory means for the group: its messages, as long as there is room for them.
    pub(super) fn entries(
        &self,
        model: &Model,
        commit: &Arc<Commit>,
        effects: &Effects<'_>,
        previous: Sequence,
    ) -> Vec<Entry> {
        if effects.list.is_empty() && !effects.truncated {
            return Vec::new();
        }
        if self.log().entries.limits().are_reached() {
            return vec![Entry::large(commit, previous.epoch)];
        }
        self.messages(model, commit, &effects.list, previous, commit.sequence(previous.epoch))
    }

    /// The messages of a commit that come after `previous`, up to `end`: one at least.
    pub(super) fn messages(
        &self,
        model: &Model,
        commit: &Commit,
        effects: &[Effect<'_>],
        previous: Sequence,
        end: Sequence,
    ) -> Vec<Entry> {
        let writer = Writer { model, follow: &self.follow };
        let parts = writer.parts(effects.iter().cloned(), |ordinal| commit.at(previous.epoch, ordinal));
        let last = parts.len() - 1;
        let mut after = previous;
        let message = |(index, part): (usize, &Part)| {
            let sequence = if index < last { commit.at(after.epoch, part.ordinal) } else { end };
            let message = self.message(&writer, commit, after, sequence, part);
            after = sequence;
            Entry::message(sequence, message)
        };
        parts.iter().enumerate().map(message).collect()
    }

    /// One message of a commit, from one position to another.
    pub(in crate::changes) fn message(
        &self,
        writer: &Writer<'_>,
        commit: &Commit,
        after: Sequence,
        sequence: Sequence,
        part: &Part,
    ) -> Bytes {
        let first = commit.ordinal(after) == 0;
        let envelope = Envelope {
            sequence: Some(sequence),
            previous: Some(after),
            reset: (first && self.is_emptied_by(commit)).then_some(Reset::Truncated),
            more: sequence < commit.sequence(after.epoch),
            transaction: Some(commit.xid),
            committed_at: Some(&commit.committed_at),
        };
        writer.message(&envelope, part)
    }

    /// An empty message: nothing more up to `at`.
    pub(super) fn idle(&self, model: &Model, at: Sequence, previous: Sequence) -> Entry {
        let writer = Writer { model, follow: &self.follow };
        let envelope = Envelope { sequence: Some(at), previous: Some(previous), ..Envelope::default() };
        Entry::message(at, writer.message(&envelope, &writer.part()))
    }

    fn is_emptied_by(&self, commit: &Commit) -> bool {
        self.scopes.iter().any(|scope| commit.truncation(scope.table).is_some())
    }
}
