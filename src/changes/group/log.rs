//! Which messages may subscribers still want? The log of a group, of which the hub's task writes the end, and the backlog
//! the beginning.

use std::sync::{Arc, Weak};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use super::Next;
use super::entries::{Content, Entries, Entry, Limits};
use crate::changes::copy::StartingCopy;
use crate::changes::follow::Reset;
use crate::error::Error;
use crate::sequence::{Lsn, Sequence};

/// The messages of a group, and who waits for the next.
pub(super) struct Log {
    /// Bounded by their limits, but for the newest.
    pub(super) entries: Entries,
    /// The log holds every message after this position.
    pub(super) begin: Sequence,
    /// Positions before this one cannot be gone on from, whatever the history holds; and why.
    pub(super) floor: Option<(Sequence, Reset)>,
    pub(super) ended: Option<Error>,
    /// One place per subscriber, with its waker while it waits.
    places: Vec<Option<Waker>>,
    free: Vec<u32>,
    /// Since when there has been no subscriber.
    deserted: Option<Instant>,
    /// What was the newest when the log was last tended, and when that was.
    aged: Sequence,
    tended: Instant,
    /// A small copy as of the present: nothing was published since. Kept until the log is tended.
    pub(super) recent: Option<Arc<StartingCopy>>,
    /// The last copy taken, as long as someone reads it.
    pub(super) latest: Weak<StartingCopy>,
}

impl Log {
    pub(super) fn new(begin: Sequence, limits: Limits) -> Self {
        Self {
            entries: Entries::new(limits),
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
        }
    }

    pub(super) fn enter(&mut self) -> u32 {
        self.deserted = None;
        self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            (self.places.len() - 1) as u32
        })
    }

    pub(super) fn leave(&mut self, place: u32) {
        self.places[place as usize] = None;
        self.free.push(place);
        if self.subscribers() == 0 {
            self.deserted = Some(Instant::now());
        }
    }

    pub(super) fn subscribers(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(super) fn newest(&self) -> Sequence {
        self.entries.back().map_or(self.begin, |entry| entry.sequence)
    }

    pub(super) fn goes_on_from(&self, copy: &StartingCopy) -> bool {
        copy.at.epoch == self.begin.epoch && copy.at >= self.begin
    }

    pub(super) fn refuses(&self, at: Sequence) -> Option<Reset> {
        if at.epoch != self.begin.epoch {
            return Some(Reset::Epoch);
        }
        self.floor.filter(|(floor, _)| at < *floor).map(|(_, reason)| reason)
    }

    pub(super) fn next(&mut self, at: Sequence, place: u32, context: &Context<'_>) -> Next {
        if let Some(error) = &self.ended {
            return Next::Ended(error.clone());
        }
        if let Some(reason) = self.refuses(at) {
            return Next::Restarted(reason);
        }
        if at < self.begin {
            return Next::Behind;
        }
        if let Some((index, entry)) = self.entries.after(at) {
            return match &entry.content {
                Content::Message(message) => Next::Message(entry.sequence, message.clone()),
                Content::Large(commit) => match commit.upgrade() {
                    Some(commit) => {
                        let after = if at.lsn == commit.lsn { at } else { self.before(index) };
                        Next::Large(commit, after)
                    }
                    None => Next::Restarted(Reset::Lagged),
                },
            };
        }
        let waker = &mut self.places[place as usize];
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
        Next::Pending
    }

    /// The position that the entry with this index comes after.
    fn before(&self, index: usize) -> Sequence {
        let before = index.checked_sub(1).and_then(|index| self.entries.get(index));
        before.map_or(self.begin, |entry| entry.sequence)
    }

    /// The commit that the log begins with, if it is one that is told when somebody wants it.
    pub(super) fn front(&self) -> Option<Lsn> {
        let front = self.entries.front()?;
        match front.content {
            Content::Message(_) => None,
            Content::Large(_) => Some(front.sequence.lsn),
        }
    }

    pub(super) fn append(&mut self, entries: Vec<Entry>) {
        self.recent = None;
        entries.into_iter().for_each(|entry| self.entries.push_back(entry));
        while self.entries.is_overfull() {
            self.forget_oldest();
        }
        self.wake();
    }

    /// Begins earlier, at `at`, with these.
    pub(super) fn prepend(&mut self, at: Sequence, entries: &mut Entries) {
        self.entries.prepend(entries);
        self.begin = at;
        // What was just made is not old: others of the group are likely to come back from about there as well.
        self.aged = self.aged.min(at);
    }

    pub(super) fn restart(&mut self, at: Sequence, reason: Reset) {
        self.entries.clear();
        self.recent = None;
        self.begin = at;
        self.aged = at;
        // What cannot be gone on from for another reason stays so.
        let floor = self.floor.filter(|(floor, _)| floor.epoch == at.epoch && *floor > at);
        self.floor = floor.or(Some((at, reason)));
        self.wake();
    }

    pub(super) fn end(&mut self, error: Error) {
        self.ended = Some(error);
        self.wake();
    }

    /// Whether there has been no subscriber for this long.
    pub(super) fn is_deserted_for(&self, linger: Duration) -> bool {
        self.deserted.is_some_and(|since| since.elapsed() >= linger)
    }

    /// Cuts what has been there for long, once in `interval`; gives the position of the newest message if somebody waits
    /// and nothing has come since the last time.
    pub(super) fn tend(&mut self, interval: Duration) -> Option<Sequence> {
        // The one who asks comes round in about the interval, now and then a little earlier.
        if self.tended.elapsed() < interval - interval / 8 {
            return None;
        }
        self.tended = Instant::now();
        self.recent = None;
        let aged = self.aged;
        while self.entries.front().is_some_and(|entry| entry.sequence <= aged) {
            self.forget_oldest();
        }
        self.aged = self.newest();
        (self.aged == aged && self.subscribers() > 0).then_some(aged)
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.entries.pop_front() {
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
