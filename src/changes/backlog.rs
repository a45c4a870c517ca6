//! What did those miss who come back? After a restart, or after a pause, many groups want the same commits of the
//! history: one pass goes through them for all who wait, outside of the runtime's own threads, and finds whom a commit
//! concerns as the stream does. Who comes meanwhile waits for the next pass.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::commit::Changes;
use super::group::{Backfill, CaughtUp, Group, Waiting};
use super::matcher::Matcher;
use super::shared::Shared;
use crate::sequence::Sequence;

/// Those who wait for a pass.
#[derive(Default)]
pub(super) struct Backlog {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: Vec<(Arc<Group>, Waiting)>,
    /// Whether somebody goes through the history.
    busy: bool,
}

/// Makes the group's log go on from `at`, if the history reaches it.
pub(super) async fn catch_up(shared: &Arc<Shared>, group: &Arc<Group>, at: Sequence) -> CaughtUp {
    let (answer, answered) = oneshot::channel();
    if shared.backlog.wait(Arc::clone(group), Waiting { at, answer }) {
        let shared = Arc::clone(shared);
        tokio::task::spawn_blocking(move || {
            let turn = Turn(&shared.backlog);
            while let Some(waiting) = turn.0.take() {
                pass(&shared, waiting);
            }
        });
    }
    // Without an answer nothing is known of the history.
    answered.await.unwrap_or(CaughtUp::TooFar)
}

impl Backlog {
    /// Whether the caller has to see to it.
    fn wait(&self, group: Arc<Group>, waiting: Waiting) -> bool {
        let mut state = self.state();
        state.waiting.push((group, waiting));
        !std::mem::replace(&mut state.busy, true)
    }

    /// All who wait; nothing, and nobody is busy any more, if nobody does.
    fn take(&self) -> Option<Vec<(Arc<Group>, Waiting)>> {
        let mut state = self.state();
        state.busy = !state.waiting.is_empty();
        state.busy.then(|| std::mem::take(&mut state.waiting))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who sees to it. If it breaks off, nobody waits for it.
struct Turn<'a>(&'a Backlog);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            *self.0.state() = State::default();
        }
    }
}

/// Goes through the history once for all of them, and once more for those whose log was cut meanwhile.
fn pass(shared: &Shared, waiting: Vec<(Arc<Group>, Waiting)>) {
    let model = shared.model();
    let mut backfills = by_group(waiting);
    let mut matcher = Matcher::default();
    backfills.values().for_each(|backfill| matcher.add(&model, &backfill.group));
    loop {
        let missing: Vec<_> = backfills.values_mut().filter_map(Backfill::missing).collect();
        let since = missing.iter().map(|(since, _)| *since).min();
        let until = missing.iter().map(|(_, until)| *until).max();
        let (Some(since), Some(until)) = (since, until) else { break };
        let (begin, commits) = shared.between(since, until);
        backfills.values_mut().for_each(|backfill| backfill.begin_at(begin));
        for commit in &commits {
            if *shared.stop.borrow() {
                return;
            }
            match &commit.changes {
                Changes::Spooled(_) => backfills.values_mut().for_each(|backfill| backfill.add_large(commit)),
                Changes::Held(changes) => {
                    for (id, (_, indexes)) in matcher.concerned(commit, changes) {
                        if let Some(backfill) = backfills.get_mut(&id) {
                            backfill.add(&model, commit, changes, &indexes);
                        }
                    }
                }
            }
        }
        backfills.values_mut().for_each(|backfill| backfill.finish(&model));
    }
}

fn by_group(waiting: Vec<(Arc<Group>, Waiting)>) -> HashMap<u64, Backfill> {
    let mut groups: HashMap<u64, (Arc<Group>, Vec<Waiting>)> = HashMap::new();
    for (group, waiting) in waiting {
        groups.entry(group.id).or_insert_with(|| (group, Vec::new())).1.push(waiting);
    }
    groups.into_iter().map(|(id, (group, waiting))| (id, Backfill::new(group, waiting))).collect()
}
