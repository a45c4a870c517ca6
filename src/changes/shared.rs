//! What do the hub, its task and its subscriptions share? The history, the groups and how far the stream is, under
//! one lock that is held for moments and never across an await. The hub's task is the only one that adds to the
//! history and to the groups' logs; everyone else reads, and comes and goes.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use sqlx::PgPool;
use tokio::sync::{Notify, watch};

use super::commit::Commit;
use super::effect::Scope;
use super::follow::{Follow, Reset};
use super::group::{Group, Tended};
use super::history::History;
use super::hub::{Options, Status};
use super::matcher::Matcher;
use super::publication::Unpublished;
use super::reload::{self, Altered, Swap};
use super::snapshot::{Snapshot, widen};
use crate::error::{Code, Error};
use crate::filter::judge::Judge;
use crate::model::{Model, TableId, Writing};
use crate::sequence::{Epoch, Lsn, Sequence};

/// What the hub, its task and its subscriptions share.
pub(super) struct Shared {
    /// The hub's task writes, with `core` locked; ids mean the same in each that follows.
    model: RwLock<Arc<Model>>,
    /// Who else wants to know of another model.
    altered: Mutex<Option<Altered>>,
    /// Someone found that the database is not what the model says.
    pub(super) doubts: Notify,
    pub(super) options: Options,
    /// Starting copies, and the few questions of the hub itself.
    pub(super) pool: PgPool,
    /// Written after the groups have got what they get up to there.
    pub(super) reached: watch::Sender<Reached>,
    pub(super) stop: watch::Sender<bool>,
    core: Mutex<Core>,
    nudged: Mutex<Instant>,
}

/// How far the stream is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Reached {
    /// Which stream: it counts them.
    pub(super) incarnation: u64,
    pub(super) lsn: Lsn,
}

struct Core {
    state: State,
    incarnation: u64,
    epoch: Epoch,
    reached: Lsn,
    /// A transaction id of the present, to widen others.
    xid: u64,
    lag: Duration,
    history: History,
    groups: HashSet<ByFollow>,
    matcher: Matcher,
    /// Groups in the order in which they are tended.
    turn: VecDeque<Arc<Group>>,
    next_id: u64,
    unpublished: Vec<Unpublished>,
    /// From where on each generation of the model holds.
    generations: Vec<Lsn>,
}

enum State {
    Ready,
    Down(String),
    Stopped,
}

/// A group, found by what it follows.
struct ByFollow(Arc<Group>);

impl Borrow<Follow> for ByFollow {
    fn borrow(&self) -> &Follow {
        &self.0.follow
    }
}

impl Hash for ByFollow {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.follow.hash(state);
    }
}

impl PartialEq for ByFollow {
    fn eq(&self, other: &Self) -> bool {
        self.0.follow == other.0.follow
    }
}

impl Eq for ByFollow {}

impl Core {
    fn position(&self) -> Sequence {
        Sequence { epoch: self.epoch, lsn: self.reached, ordinal: 0 }
    }
}

impl Shared {
    /// Nothing has begun yet.
    pub(super) fn new(model: Arc<Model>, options: Options, pool: PgPool) -> Self {
        let core = Core {
            state: State::Down("the stream has not begun".to_owned()),
            incarnation: 0,
            epoch: Epoch::default(),
            reached: Lsn::default(),
            xid: 0,
            lag: Duration::ZERO,
            history: History::new(options.history_bytes, Epoch::default(), Lsn::default()),
            groups: HashSet::new(),
            matcher: Matcher::default(),
            turn: VecDeque::new(),
            next_id: 0,
            unpublished: Vec::new(),
            generations: vec![Lsn::default(); model.generation as usize + 1],
        };
        Self {
            model: RwLock::new(model),
            altered: Mutex::default(),
            doubts: Notify::new(),
            options,
            pool,
            reached: watch::Sender::new(Reached::default()),
            stop: watch::Sender::new(false),
            core: Mutex::new(core),
            nudged: Mutex::new(Instant::now()),
        }
    }

    /// Whether changes flow; why not, if they do not.
    pub(super) fn ready(&self) -> Result<(), String> {
        match &self.core().state {
            State::Ready => Ok(()),
            State::Down(reason) => Err(reason.clone()),
            State::Stopped => Err("the feed of changes has stopped".to_owned()),
        }
    }

    /// How the feed is doing.
    pub(super) fn status(&self) -> Status {
        let core = self.core();
        let loads = core.turn.iter().map(|group| group.load());
        let (subscribers, log_bytes) = loads.fold((0, 0), |sum, load| (sum.0 + load.0, sum.1 + load.1));
        Status {
            groups: core.groups.len(),
            subscribers,
            history_bytes: core.history.bytes(),
            log_bytes,
            position: core.position(),
            lag: core.lag,
            unpublished: core.unpublished.clone(),
        }
    }
}

/// The model, and who hangs on it.
impl Shared {
    /// The database as it is.
    pub(super) fn model(&self) -> Arc<Model> {
        Arc::clone(&self.model.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn altered(&self) -> Option<Altered> {
        self.altered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on this is told of another model; of the present one at once.
    pub(super) fn tell(&self, altered: Altered) {
        *self.altered.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&altered));
        altered(self.model())();
    }

    /// Asks for the model to be compared with the database.
    pub(super) fn ask(&self) {
        self.doubts.notify_one();
    }
}

/// For subscriptions and copies.
impl Shared {
    fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses tables that cannot be followed, saying why.
    pub(super) fn followable(&self, table: TableId) -> Result<(), Error> {
        let core = self.core();
        match &core.state {
            State::Ready => {}
            State::Down(_) | State::Stopped => return Err(unavailable("the feed of changes is down; try again")),
        }
        let model = self.model();
        if let Some(what) = reload::vanished(&model, table, &[]) {
            return Err(Error::new(Code::SchemaChanged, what));
        }
        match core.unpublished.iter().find(|unpublished| unpublished.table == table) {
            Some(Unpublished { reason, .. }) => {
                let name = &model.table(table).names.type_name;
                Err(Error::new(Code::Unsupported, format!("changes of `{name}` cannot be followed: {reason}")))
            }
            None => Ok(()),
        }
    }

    /// Finds or makes the group and takes a place in it.
    pub(super) fn enter(&self, follow: Follow) -> Result<(Arc<Group>, u32), Error> {
        let model = self.model();
        let table = model.table(follow.table);
        let scope = Scope {
            table: follow.table,
            key: table.key.clone(),
            covered: follow.covered(table),
            needed: follow.needed(table),
            judge: RwLock::new(Judge::compile(&model, table, &follow.filter)?),
        };
        // It may have been planned on an older schema.
        if let Some(what) = reload::vanished(&model, scope.table, &scope.needed) {
            return Err(Error::new(Code::SchemaChanged, what));
        }
        if let Some(column) = scope.needed.iter().find(|id| table.column(**id).writing == Writing::Generated) {
            let message = format!(
                "`{}` is generated by Postgres and not in its log: leave it out of the subscription",
                table.column(*column).field
            );
            return Err(Error::new(Code::Unsupported, message));
        }
        let mut core = self.core();
        if !Arc::ptr_eq(&model, &self.model()) {
            drop(core);
            return self.enter(follow);
        }
        if let Some(ByFollow(group)) = core.groups.get(&follow) {
            return Ok((Arc::clone(group), group.enter()));
        }
        let limit = self.options.log_bytes.min(self.options.history_bytes);
        let generations = scope.needed.iter().map(|column| table.column(*column).generation);
        let generation = generations.fold(table.generation, u32::max);
        let group = Arc::new(Group::new(core.next_id, follow, scope, core.position(), limit));
        if let Some(lsn) = core.generations.get(generation as usize).filter(|_| generation > 0) {
            group.refuse_before(Sequence { epoch: core.epoch, lsn: *lsn, ordinal: 0 }, Reset::Schema);
        }
        core.next_id += 1;
        core.matcher.add(&model, &group);
        core.groups.insert(ByFollow(Arc::clone(&group)));
        core.turn.push_back(Arc::clone(&group));
        let place = group.enter();
        Ok((group, place))
    }

    /// Which stream runs.
    pub(super) fn incarnation(&self) -> Result<u64, Error> {
        let core = self.core();
        match core.state {
            State::Ready => Ok(core.incarnation),
            State::Down(_) | State::Stopped => Err(unavailable("the feed of changes is down; try again")),
        }
    }

    /// The commits up to `until` that the snapshot does not see; `None` if it must be taken again.
    pub(super) fn unseen(
        &self,
        snapshot: &Snapshot,
        until: Lsn,
        incarnation: u64,
    ) -> Option<(Epoch, Vec<Arc<Commit>>)> {
        let core = self.core();
        if core.incarnation != incarnation {
            return None;
        }
        Some((core.epoch, core.history.unseen(snapshot, until)?))
    }

    /// The commits after `since` that began before `until`; `None` if not all are held.
    pub(super) fn between(&self, since: Sequence, until: Sequence) -> Option<Vec<Arc<Commit>>> {
        self.core().history.between(since, until)
    }

    /// Moves an idle log on, at most once in `pause` whoever asks: what stands in the log but was not flushed is
    /// not told until something commits.
    pub(super) async fn nudge(&self, pause: Duration) {
        {
            let mut nudged = self.nudged.lock().unwrap_or_else(PoisonError::into_inner);
            if nudged.elapsed() < pause {
                return;
            }
            *nudged = Instant::now();
        }
        let message = sqlx::query("SELECT pg_catalog.pg_logical_emit_message(true, 'everwire', '')");
        if let Err(error) = message.execute(&self.pool).await {
            tracing::warn!(%error, "the log could not be moved on");
        }
    }
}

/// For the hub's task, the one writer.
impl Shared {
    /// A new stream has begun: nothing of what was before leads on.
    pub(super) fn begin(&self, epoch: Epoch, lsn: Lsn, xid: u64, unpublished: Vec<Unpublished>) {
        let mut core = self.core();
        core.incarnation += 1;
        core.epoch = epoch;
        core.reached = lsn;
        core.xid = xid;
        core.history = History::new(self.options.history_bytes, epoch, lsn);
        core.unpublished = unpublished;
        core.state = State::Ready;
        let position = core.position();
        for group in &core.turn {
            group.restart(position, Reset::Expired);
        }
        self.reached.send_replace(Reached { incarnation: core.incarnation, lsn });
    }

    /// The stream is gone.
    pub(super) fn down(&self, reason: String) {
        self.core().state = State::Down(reason);
    }

    /// The whole id of a transaction of which the log gives the lower half.
    pub(super) fn widen(&self, xid: u32) -> u64 {
        widen(xid, self.core().xid)
    }

    /// Takes a commit into the history and to the groups.
    pub(super) fn publish(&self, commit: Commit) {
        let end_lsn = commit.end_lsn;
        let commit = Arc::new(commit);
        let concerned: HashMap<_, _> = {
            let mut core = self.core();
            core.xid = core.xid.max(commit.xid);
            core.reached = core.reached.max(end_lsn);
            if commit.changes.is_empty() && commit.truncated.is_empty() {
                HashMap::new()
            } else {
                core.history.push(Arc::clone(&commit));
                core.matcher.concerned(&commit)
            }
        };
        let model = self.model();
        for (group, changes) in concerned.values() {
            group.publish(&model, &commit, changes);
        }
        self.pass(end_lsn);
    }

    /// Everything up to `lsn` has been told.
    pub(super) fn pass(&self, lsn: Lsn) {
        let reached = {
            let mut core = self.core();
            core.reached = core.reached.max(lsn);
            Reached { incarnation: core.incarnation, lsn: core.reached }
        };
        self.reached.send_if_modified(|before| std::mem::replace(before, reached) != reached);
    }

    /// Notes how long after its commit a transaction was told.
    pub(super) fn note_lag(&self, lag: Duration) {
        self.core().lag = lag;
    }

    /// The database was altered: `model` holds from `position` on. Whoever it concerns is told what vanished.
    pub(super) fn adopt(&self, model: Arc<Model>, position: Lsn, unpublished: Vec<Unpublished>, swap: Option<Swap>) {
        let known = self.model();
        let touched: Vec<(Arc<Group>, String)> = {
            let mut core = self.core();
            *self.model.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&model);
            // While this lock is held nobody can subscribe by either.
            if let Some(swap) = swap {
                swap();
            }
            core.generations.resize(model.generation as usize, position);
            core.generations.push(position);
            let why =
                |group: &Arc<Group>| Some((Arc::clone(group), reload::touched(group, &known, &model, &unpublished)?));
            let touched: Vec<_> = core.turn.iter().filter_map(why).collect();
            core.unpublished = unpublished;
            core.forget(&known, touched.iter().map(|(group, _)| Arc::clone(group)));
            touched
        };
        touched.into_iter().for_each(|(group, what)| group.end(Error::new(Code::SchemaChanged, what)));
    }

    /// The publication is up to date at last.
    pub(super) fn unpublish(&self, unpublished: Vec<Unpublished>) {
        self.core().unpublished = unpublished;
    }

    /// Tends one of `shares` of the groups.
    pub(super) fn tend(&self, shares: usize) {
        let (groups, reached) = {
            let mut core = self.core();
            let count = core.turn.len().div_ceil(shares.max(1));
            core.turn.rotate_left(count);
            let groups: Vec<_> = core.turn.iter().rev().take(count).cloned().collect();
            (groups, core.position())
        };
        let Options { progress_interval, linger, .. } = self.options;
        let model = self.model();
        let deserted = |group: &Arc<Group>| match group.tend(&model, reached, progress_interval, linger) {
            Tended::Kept => false,
            Tended::Deserted => true,
        };
        let deserted: Vec<_> = groups.into_iter().filter(deserted).collect();
        // Someone may have come meanwhile; whoever comes takes a place under this lock.
        self.core().forget(&model, deserted.into_iter().filter(|group| group.is_deserted()));
    }

    /// Ends everything.
    pub(super) fn end(&self) {
        let groups: Vec<_> = {
            let mut core = self.core();
            core.state = State::Stopped;
            core.groups.clear();
            core.matcher = Matcher::default();
            core.turn.drain(..).collect()
        };
        groups.iter().for_each(|group| group.end(unavailable("the server is stopping")));
    }
}

impl Core {
    fn forget(&mut self, model: &Model, groups: impl Iterator<Item = Arc<Group>>) {
        let mut gone = HashSet::new();
        for group in groups {
            self.groups.remove(&group.follow);
            self.matcher.remove(model, &group);
            gone.insert(group.id);
        }
        if !gone.is_empty() {
            self.turn.retain(|group| !gone.contains(&group.id));
        }
    }
}

fn unavailable(message: &str) -> Error {
    Error::new(Code::Unavailable, message)
}
