//! What would a defect do? Makes one on purpose, so that the proof (`tests/proof`) can be seen to notice. Only in builds
//! with the feature `sabotage`, of which there is no release, and only if `EVERWIRE_SABOTAGE` says which.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(not(debug_assertions))]
compile_error!("the feature `sabotage` is for tests: no release has it");

/// Times between two.
const SELDOM: u64 = 300;

/// A defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Defect {
    /// A subscriber does not get a message.
    Message,
    /// A change is missing from its message.
    Change,
    /// A starting copy is joined to the stream by log positions instead of by what its snapshot saw.
    Join,
}

/// Whether this defect is to show now.
pub(super) fn strikes(defect: Defect) -> bool {
    static WANTED: OnceLock<Option<Defect>> = OnceLock::new();
    static TIMES: AtomicU64 = AtomicU64::new(0);
    let wanted = WANTED.get_or_init(|| match std::env::var("EVERWIRE_SABOTAGE").as_deref() {
        Ok("message") => Some(Defect::Message),
        Ok("change") => Some(Defect::Change),
        Ok("join") => Some(Defect::Join),
        Ok(_) | Err(_) => None,
    });
    let always = defect == Defect::Join;
    *wanted == Some(defect) && (always || TIMES.fetch_add(1, Ordering::Relaxed) % SELDOM == SELDOM - 1)
}
