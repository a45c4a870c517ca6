//! Who gets the same messages? Subscriptions that ask for the same share one group: its effects are computed
//! once per commit, its messages encoded once and kept in a log. A subscriber holds a position in that log,
//! never a queue: the log is cut without asking, and whoever fell behind it comes back through the history.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::WeakShared;

use super::commit::{Changes, Commit, RowChange};
use super::copy::{StartingCopy, Taking};
use super::effect::{Effects, Incomplete, Scope, effects};
use super::follow::{Follow, Reset};
use super::large::Telling;
use super::payload::{Envelope, Part, Writer};
use crate::error::Error;
use crate::model::Model;
use crate::sequence::{Epoch, Lsn, Sequence};

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
    /// Bounded by `limits.log`, but for the newest.
    entries: VecDeque<Entry>,
    bytes: usize,
    limits: Limits,
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
    content: Content,
}

enum Content {
    Message(Bytes),
    /// As many messages as it takes, made when somebody wants them. The history holds the commit.
    Large(Weak<Commit>),
}

/// What messages may take in memory.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// In one log.
    pub(super) log: usize,
    /// In all logs: beyond it a commit is told like one that is too large.
    pub(super) all: usize,
    /// What they take in all logs.
    pub(super) total: Arc<AtomicUsize>,
}

/// What an entry takes beside its message.
const ENTRY_BYTES: usize = size_of::<Entry>() + 16;

/// Whether a message ends its commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum More {
    Follows,
    Nothing,
}

/// What comes after a position.
pub(super) enum Next {
    Message(Sequence, Bytes),
    /// The part of this commit after the position.
    Large(Arc<Commit>, Sequence),
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
    pub(super) fn new(id: u64, follow: Follow, scopes: Vec<Scope>, begin: Sequence, limits: Limits) -> Self {
        let log = Log {
            entries: VecDeque::new(),
            bytes: 0,
            limits,
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

    /// How many subscribers there are.
    pub(super) fn subscribers(&self) -> usize {
        let log = self.log();
        log.places.len() - log.free.len()
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
            return match &entry.content {
                Content::Message(message) => Next::Message(entry.sequence, message.clone()),
                Content::Large(commit) => match commit.upgrade() {
                    Some(commit) => {
                        let after = if at.lsn == commit.lsn { at } else { log.before(index) };
                        Next::Large(commit, after)
                    }
                    None => Next::Restarted(Reset::Lagged),
                },
            };
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

    /// Appends what a commit means for the group, of which some changes, by their index, may concern it. Called by the
    /// hub's task alone, in commit order.
    pub(super) fn publish(&self, model: &Model, commit: &Arc<Commit>, changes: &[RowChange], concerned: &[usize]) {
        let (previous, epoch) = self.newest();
        match effects(&self.scopes, commit, concerned.iter().map(|index| &changes[*index])) {
            Ok(effects) => self.append(self.entries(model, commit, &effects, previous)),
            Err(Incomplete(reason)) => self.restart(commit.sequence(epoch), reason),
        }
    }

    /// What a commit in memory means for the group: its messages, as long as there is room for them.
    fn entries(&self, model: &Model, commit: &Arc<Commit>, effects: &Effects<'_>, previous: Sequence) -> Vec<Entry> {
        if effects.list.is_empty() && !effects.truncated {
            return Vec::new();
        }
        if self.log().limits.are_reached() {
            return vec![Entry::large(commit, previous.epoch)];
        }
        self.messages(model, commit, effects, previous)
    }

    /// Appends what a commit that is not in memory means for the group.
    pub(super) fn publish_large(&self, model: &Model, commit: &Arc<Commit>, telling: &Telling) {
        let (previous, epoch) = self.newest();
        match telling {
            Telling::Part(part) if part.is_empty() && !self.is_emptied_by(commit) => {}
            Telling::Part(part) => {
                let writer = Writer { model, follow: &self.follow };
                let (sequence, message) = self.message(&writer, commit, previous, part, More::Nothing);
                self.append(vec![Entry { sequence, content: Content::Message(message) }]);
            }
            Telling::Large => self.append(vec![Entry::large(commit, epoch)]),
            Telling::Untold(reason) => self.restart(commit.sequence(epoch), *reason),
        }
    }

    /// The position of the newest message, and the epoch.
    fn newest(&self) -> (Sequence, Epoch) {
        let newest = self.log().newest();
        (newest, newest.epoch)
    }

    fn is_emptied_by(&self, commit: &Commit) -> bool {
        self.scopes.iter().any(|scope| commit.truncation(scope.table).is_some())
    }

    fn messages(&self, model: &Model, commit: &Commit, effects: &Effects<'_>, previous: Sequence) -> Vec<Entry> {
        let writer = Writer { model, follow: &self.follow };
        let parts = writer.parts(effects.list.iter().cloned(), |ordinal| commit.at(previous.epoch, ordinal));
        let last = parts.len() - 1;
        let mut after = previous;
        let message = |(index, part): (usize, &Part)| {
            let more = if index < last { More::Follows } else { More::Nothing };
            let (sequence, message) = self.message(&writer, commit, after, part, more);
            after = sequence;
            Entry { sequence, content: Content::Message(message) }
        };
        parts.iter().enumerate().map(message).collect()
    }

    /// One message of a commit, which comes after this position.
    pub(super) fn message(
        &self,
        writer: &Writer<'_>,
        commit: &Commit,
        after: Sequence,
        part: &Part,
        more: More,
    ) -> (Sequence, Bytes) {
        let more = more == More::Follows;
        let sequence = if more { commit.at(after.epoch, part.ordinal) } else { commit.sequence(after.epoch) };
        let first = commit.ordinal(after) == 0;
        let envelope = Envelope {
            sequence: Some(sequence),
            previous: Some(after),
            reset: (first && self.is_emptied_by(commit)).then_some(Reset::Truncated),
            more,
            transaction: Some(commit.xid),
            committed_at: Some(&commit.committed_at),
        };
        (sequence, writer.message(&envelope, part))
    }

    /// An empty message: nothing more up to `at`.
    fn idle(&self, model: &Model, at: Sequence, previous: Sequence) -> Entry {
        let writer = Writer { model, follow: &self.follow };
        let envelope = Envelope { sequence: Some(at), previous: Some(previous), ..Envelope::default() };
        Entry { sequence: at, content: Content::Message(writer.message(&envelope, &writer.part())) }
    }

    fn append(&self, entries: Vec<Entry>) {
        if entries.is_empty() {
            return;
        }
        let mut log = self.log();
        log.recent = None;
        for entry in entries {
            log.grow(&entry);
            log.entries.push_back(entry);
        }
        while log.bytes > log.limits.log && log.entries.len() > 1 {
            log.forget_oldest();
        }
        log.wake();
    }

    /// Extends the log backwards from `until` to `at` by the commits between them, which the history still held.
    pub(super) fn extend(&self, model: &Model, at: Sequence, until: Sequence, commits: &[Arc<Commit>]) -> Extended {
        let mut entries = Vec::new();
        let (mut previous, mut bytes) = (at, 0);
        let (limit, front) = {
            let log = self.log();
            (log.limits.log, log.front())
        };
        for commit in commits {
            if Some(commit.lsn) == front && commit.sequence(at.epoch) > until {
                // The log begins with what is left of this commit: that tells the parts before as well.
                previous = until;
                continue;
            }
            let made = match &commit.changes {
                Changes::Spooled(_) => vec![Entry::large(commit, at.epoch)],
                Changes::Held(changes) => match effects(&self.scopes, commit, changes.iter()) {
                    Ok(effects) => self.entries(model, commit, &effects, previous),
                    Err(Incomplete(reason)) => return Extended::Untold(reason),
                },
            };
            // Of a commit that the log's beginning or `at` cuts, the parts in between.
            for entry in made.into_iter().filter(|entry| at < entry.sequence && entry.sequence <= until) {
                bytes += entry.bytes();
                previous = entry.sequence;
                entries.push(entry);
            }
            if bytes > limit {
                return Extended::TooLong;
            }
        }
        if previous < until {
            // The message that was first so far names `until` as the one before it: there has to be one.
            entries.push(self.idle(model, until, previous));
        }
        let mut log = self.log();
        if log.begin != until {
            return Extended::Moved;
        }
        log.begin = at;
        // What was just made is not old: others of the group are likely to come back from about there as well.
        log.aged = log.aged.min(at);
        for entry in entries.into_iter().rev() {
            log.grow(&entry);
            log.entries.push_front(entry);
        }
        Extended::Done
    }

    /// Starts the log anew at `at`: everyone needs a fresh copy.
    pub(super) fn restart(&self, at: Sequence, reason: Reset) {
        let mut log = self.log();
        log.clear();
        log.recent = None;
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

impl Entry {
    fn large(commit: &Arc<Commit>, epoch: Epoch) -> Self {
        Self { sequence: commit.sequence(epoch), content: Content::Large(Arc::downgrade(commit)) }
    }

    fn bytes(&self) -> usize {
        let message = match &self.content {
            Content::Message(message) => message.len(),
            Content::Large(_) => 0,
        };
        ENTRY_BYTES + message
    }
}

impl Limits {
    fn are_reached(&self) -> bool {
        self.total.load(Ordering::Relaxed) >= self.all
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.clear();
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

    /// The position that the entry with this index comes after.
    fn before(&self, index: usize) -> Sequence {
        let before = index.checked_sub(1).and_then(|index| self.entries.get(index));
        before.map_or(self.begin, |entry| entry.sequence)
    }

    /// The commit that the log begins with, if it is one that is told when somebody wants it.
    fn front(&self) -> Option<Lsn> {
        let front = self.entries.front()?;
        match front.content {
            Content::Message(_) => None,
            Content::Large(_) => Some(front.sequence.lsn),
        }
    }

    fn grow(&mut self, entry: &Entry) {
        self.bytes += entry.bytes();
        self.limits.total.fetch_add(entry.bytes(), Ordering::Relaxed);
    }

    fn shrink(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.limits.total.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn clear(&mut self) {
        self.entries.clear();
        self.shrink(self.bytes);
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.entries.pop_front() {
            self.shrink(oldest.bytes());
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
