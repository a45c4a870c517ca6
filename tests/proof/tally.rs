//! What came of it? Counted by everyone, read at the end.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::copy::Breach;

/// Descriptions of failures kept.
const KEPT: usize = 12;

/// What all parts of the harness count.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) commits: AtomicU64,
    pub(crate) rollbacks: AtomicU64,
    pub(crate) messages: AtomicU64,
    pub(crate) connections: AtomicU64,
    pub(crate) resumed: AtomicU64,
    pub(crate) compared: AtomicU64,
    pub(crate) rows: AtomicU64,
    pub(crate) wrong: AtomicU64,
    /// Subscribers that did not come to the barrier.
    pub(crate) stuck: AtomicU64,
    pub(crate) checks: AtomicU64,
    /// The most that the server had at a check, in MiB.
    pub(crate) memory: AtomicU64,
    /// Nobody leaves or changes what it follows.
    pub(crate) calm: AtomicBool,
    /// How long nobody wrote, in milliseconds.
    pub(crate) paused: AtomicU64,
    resets: Mutex<BTreeMap<String, u64>>,
    errors: Mutex<BTreeMap<String, u64>>,
    faults: Mutex<BTreeMap<&'static str, u64>>,
    breaches: Mutex<BTreeMap<Breach, u64>>,
    failures: Mutex<Vec<String>>,
}

impl Tally {
    pub(crate) fn reset(&self, reason: &str) {
        *self.resets.lock().unwrap().entry(reason.to_owned()).or_default() += 1;
    }

    pub(crate) fn error(&self, code: &str) {
        *self.errors.lock().unwrap().entry(code.to_owned()).or_default() += 1;
    }

    pub(crate) fn fault(&self, name: &'static str) {
        *self.faults.lock().unwrap().entry(name).or_default() += 1;
    }

    pub(crate) fn breach(&self, breach: Breach, what: impl FnOnce() -> String) {
        *self.breaches.lock().unwrap().entry(breach).or_default() += 1;
        self.failure(|| format!("{breach:?}: {}", what()));
    }

    pub(crate) fn failure(&self, what: impl FnOnce() -> String) {
        let mut failures = self.failures.lock().unwrap();
        if failures.len() < KEPT {
            failures.push(what());
        }
    }

    /// How often a promise was broken.
    #[cfg(feature = "sabotage")]
    #[cfg(feature = "sabotage")]
    pub(crate) fn breaches(&self, breach: Breach) -> u64 {
        self.breaches.lock().unwrap().get(&breach).copied().unwrap_or_default()
    }

    /// How often any promise was broken, by what a client can see by itself or a comparison shows.
    pub(crate) fn broken(&self) -> u64 {
        let seen: u64 = self.breaches.lock().unwrap().values().sum();
        seen + load(&self.wrong) + load(&self.stuck)
    }

    /// How far it is.
    pub(crate) fn progress(&self) -> String {
        format!("{} commits, {} messages", load(&self.commits), load(&self.messages))
    }

    pub(crate) fn failures(&self) -> String {
        self.failures.lock().unwrap().join("\n")
    }

    /// Errors that no fault explains.
    pub(crate) fn unexpected_errors(&self) -> Vec<String> {
        let explained = |error: &str| {
            ["UNAVAILABLE ", "TIMEOUT ", "RETRY ", "CLOSE 1001"].iter().any(|code| error.starts_with(code))
        };
        self.errors.lock().unwrap().keys().filter(|error| !explained(error)).cloned().collect()
    }
}

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// One line about a whole run.
pub(crate) struct Summary<'a>(pub(crate) &'a Tally, pub(crate) Duration, pub(crate) u64);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(tally, time, seed) = self;
        write!(f, "proof: {} s, seed {seed}, ", time.as_secs())?;
        write!(f, "commits {} (+{} undone), ", load(&tally.commits), load(&tally.rollbacks))?;
        let writing = time.as_secs_f64() - load(&tally.paused) as f64 / 1000.0;
        write!(f, "{:.0} a second while there were writers, ", load(&tally.commits) as f64 / writing)?;
        write!(f, "messages {}, connections {}, ", load(&tally.messages), load(&tally.connections))?;
        write!(f, "resumed {}, faults {:?}, ", load(&tally.resumed), tally.faults.lock().unwrap())?;
        write!(f, "resets {:?}, errors {:?}, ", tally.resets.lock().unwrap(), tally.errors.lock().unwrap())?;
        write!(f, "checks {}, copies compared {} ", load(&tally.checks), load(&tally.compared))?;
        write!(f, "({} rows), breaches {:?}, ", load(&tally.rows), tally.breaches.lock().unwrap())?;
        write!(
            f,
            "server {} MiB, stuck {}, WRONG COPIES {}",
            load(&tally.memory),
            load(&tally.stuck),
            load(&tally.wrong)
        )
    }
}
