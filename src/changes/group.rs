//! Who gets the same messages? Subscriptions that ask for the same share one group: its effects are computed
//! once per commit, its messages encoded once and kept in a log. A subscriber holds a position in that log,
//! never a queue: the log is cut without asking, and whoever fell behind it comes back through the history.

mod backfill;
mod entries;
mod log;
mod telling;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::WeakShared;

use self::entries::Entry;
use self::log::Log;
use super::commit::Commit;
use super::copy::{StartingCopy, Taking};
use super::effect::Scope;
use super::follow::{Follow, Reset};
use crate::error::Error;
use crate::model::Model;
use crate::sequence::Sequence;

pub(super) use backfill::{Backfill, CaughtUp, Waiting};
pub(super) use entries::Limits;

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

/// What a group got out of being tended.
pub(super) enum Tended {
    Kept,
    /// No subscriber for longer than the linger: let it go.
    Deserted,
}

impl Group {
    pub(super) fn new(id: u64, follow: Follow, scopes: Vec<Scope>, begin: Sequence, limits: Limits) -> Self {
        Self { id, follow, scopes, flight: Mutex::default(), log: Mutex::new(Log::new(begin, limits)) }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place for one subscriber.
    pub(super) fn enter(&self) -> u32 {
        self.log().enter()
    }

    /// Gives a place back.
    pub(super) fn leave(&self, place: u32) {
        self.log().leave(place);
    }

    /// How many subscribers there are.
    pub(super) fn subscribers(&self) -> usize {
        self.log().subscribers()
    }

    /// Whether the log holds all that comes after `at`.
    pub(super) fn reaches(&self, at: Sequence) -> bool {
        self.log().begin <= at
    }

    /// The position of the newest message.
    fn newest(&self) -> Sequence {
        self.log().newest()
    }

    /// What comes after `at`.
    pub(super) fn next(&self, at: Sequence, place: u32, context: &Context<'_>) -> Next {
        self.log().next(at, place, context)
    }

    /// Why no history leads from `at` to here, if none does.
    pub(super) fn refuses(&self, at: Sequence) -> Option<Reset> {
        self.log().refuses(at)
    }

    /// No position before this one can be gone on from.
    pub(super) fn refuse_before(&self, at: Sequence, reason: Reset) {
        self.log().floor = Some((at, reason));
    }

    /// Why the group has ended, if it has.
    pub(super) fn ended(&self) -> Option<Error> {
        self.log().ended.clone()
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

    fn append(&self, entries: Vec<Entry>) {
        if !entries.is_empty() {
            self.log().append(entries);
        }
    }

    /// Starts the log anew at `at`: everyone needs a fresh copy.
    pub(super) fn restart(&self, at: Sequence, reason: Reset) {
        self.log().restart(at, reason);
    }

    /// Ends every subscription with an error.
    pub(super) fn end(&self, error: Error) {
        self.log().end(error);
    }

    /// Sends an idle group's subscribers the position reached, cuts what has been there for long; once in
    /// `interval`, however often it is asked to.
    pub(super) fn tend(&self, model: &Model, reached: Sequence, interval: Duration, linger: Duration) -> Tended {
        let mut log = self.log();
        if log.is_deserted_for(linger) {
            return Tended::Deserted;
        }
        let idle = log.tend(interval).filter(|newest| reached > *newest);
        drop(log);
        if let Some(newest) = idle {
            self.append(vec![self.idle(model, reached, newest)]);
        }
        Tended::Kept
    }

    /// Whether nobody is subscribed.
    pub(super) fn is_deserted(&self) -> bool {
        self.subscribers() == 0
    }
}
