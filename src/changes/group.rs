//! Who gets the same messages? Subscriptions that ask for the same share one group: its effects are computed
//! once per commit, its messages encoded once and kept in a log. A subscriber holds a position in that log,
//! never a queue: the log is cut without asking, and whoever fell behind it comes back through the history.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::WeakShared;

use super::commit::Commit;
use super::copy::{StartingCopy, Taking};
use super::effect::{Effects, Incomplete, Scope, all_effects, effects};
use super::follow::{Follow, Reset};
use super::payload::{Envelope, Part, Writer};
use crate::error::Error;
use crate::model::Model;
use crate::sequence::Sequence;

/// All that equal subscriptions share.
pub(super) struct Group {
    /// Unique in this process.
    pub(super) id: u64,
    pub(super) follow: Follow,
    /// One for each of the rows followed, in their order.
    pub(super) scopes: Vec<Scope>,
    /// The copy that is being taken, as long as someone waits for it.
    pub(super) flight: Mutex<Option<WeakShared<Taking>>>,
    log: Mutex<Log>,
}

/// The messages that subscribers may still want. Only the hub's task appends; a subscriber that resumes may
/// prepend.
struct Log {
    /// Bounded by `limit`, but for the newest.
    entries: VecDeque<Entry>,
    bytes: usize,
    limit: usize,
    /// The log holds every message after this position.
    begin: Sequence,
    /// Positions before this one cannot be gone on from, whatever the history holds; and why.
    floor: Option<(Sequence, Reset)>,
    ended: Option<Error>,
    /// One place per subscriber, with its waker while it waits.
    places: Vec<Option<Waker>>,
    free: Vec<u32>,
    /// Since when there has been no subscriber.
    deserted: Option<Instant>,
    /// What was the newest when the log was last tended, and when that was.
    aged: Sequence,
    tended: Instant,
    /// A small copy as of the present: nothing was published since. Kept until the log is tended.
    recent: Option<Arc<StartingCopy>>,
    /// The last copy taken, as long as someone reads it.
    latest: Weak<StartingCopy>,
}

struct Entry {
    sequence: Sequence,
    message: Bytes,
}

/// What comes after a position.
pub(super) enum Next {
    Message(Sequence, Bytes),
    /// Nothing yet; the waker is kept.
    Pending,
    /// The log no longer reaches the position; the history may.
    Behind,
    /// Only a fresh copy helps.
    Restarted(Reset),
    Ended(Error),
}

/// Whether a log reaches further back now.
pub(super) enum Extended {
    Done,
    /// Its beginning was another meanwhile: ask again.
    Moved,
    /// The way is too long: a copy is shorter.
    TooLong,
    /// The history does not tell it all; and why the copy that helps.
    Untold(Reset),
}

/// What a group got out of being tended.
pub(super) enum Tended {
    Kept,
    /// No subscriber for longer than the linger: let it go.
    Deserted,
}

impl Group {
    pub(super) fn new(id: u64, follow: Follow, scopes: Vec<Scope>, begin: Sequence, limit: usize) -> Self {
        let log = Log {
            entries: VecDeque::new(),
            bytes: 0,
            limit,
            begin,
            floor: None,
            ended: None,
            places: Vec::new(),
            free: Vec::new(),
            deserted: None,
            aged: begin,
            tended: Instant::now(),
            recent: None,
            latest: Weak::new(),
        };
        Self { id, follow, scopes, flight: Mutex::default(), log: Mutex::new(log) }
    }

    /// No position before this one can be gone on from.
    pub(super) fn refuse_before(&self, at: Sequence, reason: Reset) {
        self.log().floor = Some((at, reason));
    }

    /// Why the group has ended, if it has.
    pub(super) fn ended(&self) -> Option<Error> {
        self.log().ended.clone()
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place for one subscriber.
    pub(super) fn enter(&self) -> u32 {
        let mut log = self.log();
        log.deserted = None;
        log.free.pop().unwrap_or_else(|| {
            log.places.push(None);
            (log.places.len() - 1) as u32
        })
    }

    /// Gives a place back.
    pub(super) fn leave(&self, place: u32) {
        let mut log = self.log();
        log.places[place as usize] = None;
        log.free.push(place);
        if log.free.len() == log.places.len() {
            log.deserted = Some(Instant::now());
        }
    }

    /// How many subscribers there are, and how many bytes of messages.
    pub(super) fn load(&self) -> (usize, usize) {
        let log = self.log();
        (log.places.len() - log.free.len(), log.bytes)
    }

    /// Where the log begins.
    pub(super) fn begin(&self) -> Sequence {
        self.log().begin
    }

    /// What comes after `at`.
    pub(super) fn next(&self, at: Sequence, place: u32, context: &Context<'_>) -> Next {
        let mut log = self.log();
        if let Some(error) = &log.ended {
            return Next::Ended(error.clone());
        }
        if let Some(reason) = log.refuses(at) {
            return Next::Restarted(reason);
        }
        if at < log.begin {
            return Next::Behind;
        }
        let index = log.entries.partition_point(|entry| entry.sequence <= at);
        if let Some(entry) = log.entries.get(index) {
            return Next::Message(entry.sequence, entry.message.clone());
        }
        let waker = &mut log.places[place as usize];
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
        Next::Pending
    }

    /// A copy that needs no asking, if there is one.
    pub(super) fn recent(&self) -> Option<Arc<StartingCopy>> {
        let log = self.log();
        log.recent.clone().or_else(|| log.latest.upgrade().filter(|copy| log.goes_on_from(copy)))
    }

    /// Whether the log goes on from this copy.
    pub(super) fn goes_on_from(&self, copy: &StartingCopy) -> bool {
        self.log().goes_on_from(copy)
    }

    /// Lends a copy to others for as long as someone reads it.
    pub(super) fn lend(&self, copy: &Arc<StartingCopy>) {
        self.log().latest = Arc::downgrade(copy);
    }

    /// Keeps a small copy at hand for those who come in the same moment.
    pub(super) fn keep(&self, copy: &Arc<StartingCopy>) {
        let mut log = self.log();
        let current = copy.at.epoch == log.begin.epoch && copy.at >= log.newest();
        if current && copy.is_small() {
            log.recent = Some(Arc::clone(copy));
        }
    }

    /// Why no history leads from `at` to here, if none does.
    pub(super) fn refuses(&self, at: Sequence) -> Option<Reset> {
        self.log().refuses(at)
    }

    /// Appends what a commit means for the group. Called by the hub's task alone, in commit order.
    pub(super) fn publish(&self, model: &Model, commit: &Commit, changes: &[usize]) {
        let (previous, epoch) = {
            let log = self.log();
            (log.newest(), log.begin.epoch)
        };
        match effects(&self.scopes, commit, changes.iter().copied()) {
            Ok(effects) => self.append(self.messages(model, commit, &effects, previous)),
            Err(Incomplete(reason)) => self.restart(commit.sequence(epoch), reason),
        }
    }

    fn messages(
        &self,
        model: &Model,
        commit: &Commit,
        effects: &Effects<'_>,
        previous: Sequence,
    ) -> Vec<(Sequence, Bytes)> {
        if effects.list.is_empty() && !effects.truncated {
            return Vec::new();
        }
        let epoch = previous.epoch;
        let writer = Writer { model, follow: &self.follow };
        let parts = writer.parts(effects.list.iter().cloned(), |ordinal| commit.at(epoch, ordinal));
        let last = parts.len() - 1;
        let mut previous = previous;
        let message = |(index, part): (usize, &Part)| {
            let more = index < last;
            let sequence = if more { commit.at(epoch, part.ordinal) } else { commit.sequence(epoch) };
            let envelope = Envelope {
                sequence: Some(sequence),
                previous: Some(previous),
                reset: (effects.truncated && index == 0).then_some(Reset::Truncated),
                more,
                transaction: Some(commit.xid),
                committed_at: Some(&commit.committed_at),
            };
            previous = sequence;
            (sequence, writer.message(&envelope, part))
        };
        parts.iter().enumerate().map(message).collect()
    }

    /// An empty message: nothing more up to `at`.
    fn idle(&self, model: &Model, at: Sequence, previous: Sequence) -> (Sequence, Bytes) {
        let writer = Writer { model, follow: &self.follow };
        let envelope = Envelope { sequence: Some(at), previous: Some(previous), ..Envelope::default() };
        let nothing = writer.parts(std::iter::empty(), |_| at);
        (at, writer.message(&envelope, &nothing[0]))
    }

    fn append(&self, messages: Vec<(Sequence, Bytes)>) {
        if messages.is_empty() {
            return;
        }
        let mut log = self.log();
        log.recent = None;
        for (sequence, message) in messages {
            log.bytes += message.len();
            log.entries.push_back(Entry { sequence, message });
        }
        while log.bytes > log.limit && log.entries.len() > 1 {
            log.forget_oldest();
        }
        log.wake();
    }

    /// Extends the log backwards from `until` to `at` by the commits between them, which the history still held.
    pub(super) fn extend(&self, model: &Model, at: Sequence, until: Sequence, commits: &[Arc<Commit>]) -> Extended {
        let mut messages = Vec::new();
        let (mut previous, mut bytes) = (at, 0);
        let limit = self.log().limit;
        for commit in commits {
            let effects = match all_effects(&self.scopes, commit) {
                Ok(effects) => effects,
                Err(Incomplete(reason)) => return Extended::Untold(reason),
            };
            // Of a commit that the log's beginning or `at` cuts, the parts in between.
            let wanted = |sequence: &Sequence| at < *sequence && *sequence <= until;
            let made = self.messages(model, commit, &effects, previous);
            for (sequence, message) in made.into_iter().filter(|(sequence, _)| wanted(sequence)) {
                bytes += message.len();
                previous = sequence;
                messages.push((sequence, message));
            }
            if bytes > limit {
                return Extended::TooLong;
            }
        }
        if previous < until {
            // The message that was first so far names `until` as the one before it: there has to be one.
            messages.push(self.idle(model, until, previous));
        }
        let mut log = self.log();
        if log.begin != until {
            return Extended::Moved;
        }
        log.begin = at;
        for (sequence, message) in messages.into_iter().rev() {
            log.bytes += message.len();
            log.entries.push_front(Entry { sequence, message });
        }
        Extended::Done
    }

    /// Starts the log anew at `at`: everyone needs a fresh copy.
    pub(super) fn restart(&self, at: Sequence, reason: Reset) {
        let mut log = self.log();
        log.entries.clear();
        log.recent = None;
        log.bytes = 0;
        log.begin = at;
        log.aged = at;
        // What cannot be gone on from for another reason stays so.
        let floor = log.floor.filter(|(floor, _)| floor.epoch == at.epoch && *floor > at);
        log.floor = floor.or(Some((at, reason)));
        log.wake();
    }

    /// Ends every subscription with an error.
    pub(super) fn end(&self, error: Error) {
        let mut log = self.log();
        log.ended = Some(error);
        log.wake();
    }

    /// Sends an idle group's subscribers the position reached, cuts what has been there for long; once in
    /// `interval`, however often it is asked to.
    pub(super) fn tend(&self, model: &Model, reached: Sequence, interval: Duration, linger: Duration) -> Tended {
        let mut log = self.log();
        if log.deserted.is_some_and(|since| since.elapsed() >= linger) {
            return Tended::Deserted;
        }
        // The one who asks comes round in about the interval, now and then a little earlier.
        if log.tended.elapsed() < interval - interval / 8 {
            return Tended::Kept;
        }
        log.tended = Instant::now();
        log.recent = None;
        let aged = log.aged;
        while log.entries.front().is_some_and(|entry| entry.sequence <= aged) {
            log.forget_oldest();
        }
        let newest = log.newest();
        log.aged = newest;
        let idle = newest == aged && reached > newest && log.places.len() > log.free.len();
        drop(log);
        if idle {
            self.append(vec![self.idle(model, reached, newest)]);
        }
        Tended::Kept
    }

    /// Whether anyone is subscribed.
    pub(super) fn is_deserted(&self) -> bool {
        let log = self.log();
        log.places.len() == log.free.len()
    }
}

impl Log {
    fn newest(&self) -> Sequence {
        self.entries.back().map_or(self.begin, |entry| entry.sequence)
    }

    fn goes_on_from(&self, copy: &StartingCopy) -> bool {
        copy.at.epoch == self.begin.epoch && copy.at >= self.begin
    }

    fn refuses(&self, at: Sequence) -> Option<Reset> {
        if at.epoch != self.begin.epoch {
            return Some(Reset::Epoch);
        }
        self.floor.filter(|(floor, _)| at < *floor).map(|(_, reason)| reason)
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.entries.pop_front() {
            self.bytes -= oldest.message.len();
            self.begin = oldest.sequence;
        }
    }

    /// Wakes who waits.
    fn wake(&mut self) {
        for waker in self.places.iter_mut().filter_map(Option::take) {
            waker.wake();
        }
    }
}
