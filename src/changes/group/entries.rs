//! What do messages take in memory? Those of one log, or in the making for one, each counted among all of the server
//! for as long as it is there.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use bytes::Bytes;

use crate::changes::commit::Commit;
use crate::sequence::{Epoch, Sequence};

/// Messages in their order.
pub(super) struct Entries {
    list: VecDeque<Entry>,
    bytes: usize,
    limits: Limits,
}

/// What comes at a position.
pub(super) struct Entry {
    pub(super) sequence: Sequence,
    pub(super) content: Content,
}

pub(super) enum Content {
    Message(Bytes),
    /// As many messages as it takes, made when somebody wants them. The history holds the commit.
    Large(Weak<Commit>),
}

/// What messages may take in memory.
#[derive(Debug, Clone)]
pub(in crate::changes) struct Limits {
    /// In one log.
    pub(in crate::changes) log: usize,
    /// In all logs: beyond it a commit is told like one that is too large.
    pub(in crate::changes) all: usize,
    /// What they take in all logs.
    pub(in crate::changes) total: Arc<AtomicUsize>,
}

/// What an entry takes beside its message.
const ENTRY_BYTES: usize = size_of::<Entry>() + 16;

impl Entry {
    pub(super) fn message(sequence: Sequence, message: Bytes) -> Self {
        Self { sequence, content: Content::Message(message) }
    }

    pub(super) fn large(commit: &Arc<Commit>, epoch: Epoch) -> Self {
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
    /// Whether the messages of all logs are as many as there may be.
    pub(super) fn are_reached(&self) -> bool {
        self.total.load(Ordering::Relaxed) >= self.all
    }
}

impl Entries {
    pub(super) fn new(limits: Limits) -> Self {
        Self { list: VecDeque::new(), bytes: 0, limits }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether they take more than a log may. One entry is never too many.
    pub(super) fn is_overfull(&self) -> bool {
        self.bytes > self.limits.log && self.list.len() > 1
    }

    /// The first entry after a position, and its index.
    pub(super) fn after(&self, at: Sequence) -> Option<(usize, &Entry)> {
        let index = self.list.partition_point(|entry| entry.sequence <= at);
        Some((index, self.list.get(index)?))
    }

    pub(super) fn get(&self, index: usize) -> Option<&Entry> {
        self.list.get(index)
    }

    pub(super) fn front(&self) -> Option<&Entry> {
        self.list.front()
    }

    pub(super) fn back(&self) -> Option<&Entry> {
        self.list.back()
    }

    pub(super) fn push_back(&mut self, entry: Entry) {
        self.grow(&entry);
        self.list.push_back(entry);
    }

    pub(super) fn pop_front(&mut self) -> Option<Entry> {
        let entry = self.list.pop_front()?;
        self.shrink(entry.bytes());
        Some(entry)
    }

    /// Puts others before all of these.
    pub(super) fn prepend(&mut self, others: &mut Self) {
        while let Some(entry) = others.list.pop_back() {
            others.shrink(entry.bytes());
            self.grow(&entry);
            self.list.push_front(entry);
        }
    }

    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.shrink(self.bytes);
    }

    fn grow(&mut self, entry: &Entry) {
        self.bytes += entry.bytes();
        self.limits.total.fetch_add(entry.bytes(), Ordering::Relaxed);
    }

    fn shrink(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.limits.total.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Entries {
    fn drop(&mut self) {
        self.clear();
    }
}
