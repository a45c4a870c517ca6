//! What happened lately? The commits in their order, bounded in bytes of memory and of disk. The newest one is always
//! there, even if it alone is larger than the bound.

use std::collections::VecDeque;
use std::sync::Arc;

use super::commit::Commit;
use super::snapshot::Snapshot;
use crate::sequence::{Epoch, Lsn, Sequence};

/// How many transaction ids are remembered of commits that are no longer held. A commit becomes visible
/// shortly after it stands in the log; a snapshot that does not see one of these must be taken again.
const FORGOTTEN: usize = 16_384;

/// The commits held.
pub(super) struct History {
    /// The hub's task writes; bounded by `limit`.
    commits: VecDeque<Held>,
    bytes: usize,
    limit: usize,
    /// Bytes on disk.
    spooled: u64,
    spooled_limit: u64,
    epoch: Epoch,
    /// Every commit after this position is held.
    begin: Sequence,
    forgotten: VecDeque<(Lsn, u64)>,
    /// Transactions that may have committed before `begin` without being visible yet. Those that come in the stream
    /// after all are taken out; a snapshot that does not see one of the others must be taken again.
    pub(super) unsettled: Vec<u64>,
}

/// Beside each commit what is asked of all of them, so that a search stays in one piece of memory.
struct Held {
    lsn: Lsn,
    end_lsn: Lsn,
    xid: u64,
    commit: Arc<Commit>,
}

impl History {
    /// An empty history that begins at `lsn`.
    pub(super) fn new(limit: usize, spooled_limit: u64, epoch: Epoch, lsn: Lsn) -> Self {
        let begin = Sequence { epoch, lsn, ordinal: 0 };
        Self {
            commits: VecDeque::new(),
            bytes: 0,
            limit,
            spooled: 0,
            spooled_limit,
            epoch,
            begin,
            forgotten: VecDeque::new(),
            unsettled: Vec::new(),
        }
    }

    /// Every commit that begins here or later is held.
    pub(super) fn begin(&self) -> Lsn {
        self.begin.lsn
    }

    /// Every commit after this position is held.
    pub(super) fn start(&self) -> Sequence {
        self.begin
    }

    /// Lets go of the commits that end before `lsn`.
    pub(super) fn forget_before(&mut self, lsn: Lsn) {
        while self.commits.front().is_some_and(|held| held.end_lsn <= lsn) {
            self.forget_oldest();
        }
        // A commit that begins before and ends after is held whole.
        let oldest = self.commits.front().map_or(lsn, |held| held.lsn.min(lsn));
        self.begin = self.begin.max(Sequence { epoch: self.epoch, lsn: oldest, ordinal: 0 });
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn push(&mut self, commit: Arc<Commit>) {
        self.bytes += commit.bytes;
        self.spooled += commit.spooled_bytes();
        self.commits.push_back(Held { lsn: commit.lsn, end_lsn: commit.end_lsn, xid: commit.xid, commit });
        while (self.bytes > self.limit || self.spooled > self.spooled_limit) && self.commits.len() > 1 {
            self.forget_oldest();
        }
    }

    /// The newest commit could not be kept: the history begins after it.
    pub(super) fn lose(&mut self, commit: &Commit) {
        while !self.commits.is_empty() {
            self.forget_oldest();
        }
        self.begin = self.begin.max(commit.sequence(self.epoch));
        if self.forgotten.back() != Some(&(commit.end_lsn, commit.xid)) {
            self.remember(commit.end_lsn, commit.xid);
        }
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.commits.pop_front() else { return };
        self.bytes -= oldest.commit.bytes;
        self.spooled -= oldest.commit.spooled_bytes();
        self.begin = oldest.commit.sequence(self.epoch);
        self.remember(oldest.end_lsn, oldest.xid);
    }

    fn remember(&mut self, end_lsn: Lsn, xid: u64) {
        self.forgotten.push_back((end_lsn, xid));
        if self.forgotten.len() > FORGOTTEN {
            self.forgotten.pop_front();
        }
    }

    /// The commits after `since` that began before `until`; `None` if not all are held.
    pub(super) fn between(&self, since: Sequence, until: Sequence) -> Option<Vec<Arc<Commit>>> {
        if since < self.begin || since.epoch != self.epoch {
            return None;
        }
        // A position within a commit is one before its end: that commit comes whole.
        let start = self.commits.partition_point(|held| {
            held.lsn < since.lsn || (held.lsn == since.lsn && held.commit.ordinals <= since.ordinal)
        });
        let first = |held: &Held| Sequence { epoch: self.epoch, lsn: held.lsn, ordinal: 1 };
        let commits = self.commits.iter().skip(start).take_while(|held| first(held) <= until);
        Some(commits.map(|held| Arc::clone(&held.commit)).collect())
    }

    /// The commits up to `until` that the snapshot does not see; `None` if one of them is no longer held.
    pub(super) fn unseen(&self, snapshot: &Snapshot, until: Lsn) -> Option<Vec<Arc<Commit>>> {
        // What ends after `until` is no part of the copy; the group's log has it.
        let forgotten = self.forgotten.iter().filter(|(end_lsn, _)| *end_lsn <= until).map(|(_, xid)| xid);
        if forgotten.chain(&self.unsettled).any(|xid| !snapshot.sees(*xid)) {
            return None;
        }
        #[cfg(feature = "sabotage")]
        if super::sabotage::strikes(super::sabotage::Defect::Join) {
            return Some(Vec::new());
        }
        let end = self.commits.partition_point(|held| held.end_lsn <= until);
        let unseen = self.commits.range(..end).filter(|held| !snapshot.sees(held.xid));
        Some(unseen.map(|held| Arc::clone(&held.commit)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changes::commit::Changes;

    fn commit(lsn: u64, xid: u64) -> Arc<Commit> {
        Arc::new(Commit {
            lsn: Lsn(lsn),
            end_lsn: Lsn(lsn + 8),
            xid,
            committed_at: String::new(),
            changes: Changes::Held(Vec::new()),
            truncated: Vec::new(),
            ordinals: 2,
            bytes: 10,
        })
    }

    fn lsns(commits: Option<Vec<Arc<Commit>>>) -> Option<Vec<u64>> {
        commits.map(|commits| commits.iter().map(|commit| commit.lsn.0).collect())
    }

    #[test]
    fn what_is_held_can_be_gone_on_from() {
        let at = |lsn, ordinal| Sequence { epoch: Epoch(1), lsn: Lsn(lsn), ordinal };
        let mut history = History::new(30, u64::MAX, Epoch(1), Lsn(0));
        (1..=5).for_each(|n| history.push(commit(n * 100, n)));
        assert_eq!(history.bytes(), 30);
        assert_eq!(lsns(history.between(at(200, 2), at(999, 0))), Some(vec![300, 400, 500]));
        assert_eq!(lsns(history.between(at(300, 1), at(400, 2))), Some(vec![300, 400]));
        assert_eq!(lsns(history.between(at(300, 2), at(500, 0))), Some(vec![400]));
        assert_eq!(lsns(history.between(at(200, 1), at(999, 0))), None);
    }

    #[test]
    fn unseen_commits_are_found_or_the_snapshot_is_refused() {
        let mut history = History::new(30, u64::MAX, Epoch(1), Lsn(0));
        (1..=5).for_each(|n| history.push(commit(n * 100, n)));
        let unseen = |text: &str| lsns(history.unseen(&Snapshot::read(text).unwrap(), Lsn(408)));
        assert_eq!(unseen("4:6:4"), Some(vec![400]));
        assert_eq!(unseen("6:6:"), Some(vec![]));
        assert_eq!(unseen("2:6:2,4"), None);
    }

    #[test]
    fn nothing_leads_past_a_lost_commit() {
        let at = |lsn, ordinal| Sequence { epoch: Epoch(1), lsn: Lsn(lsn), ordinal };
        let mut history = History::new(30, u64::MAX, Epoch(1), Lsn(0));
        history.push(commit(100, 1));
        history.lose(&commit(200, 2));
        history.push(commit(300, 3));
        assert_eq!(lsns(history.between(at(200, 1), at(999, 0))), None);
        assert_eq!(lsns(history.between(at(200, 2), at(999, 0))), Some(vec![300]));
        let unseen = |text: &str| lsns(history.unseen(&Snapshot::read(text).unwrap(), Lsn(308)));
        assert_eq!(unseen("2:4:2"), None);
        assert_eq!(unseen("3:4:3"), Some(vec![300]));
    }
}
