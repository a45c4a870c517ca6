//! What do the hub, its task and its subscriptions share? The history, the groups and how far the stream is, under
//! one lock that is held for moments and never across an await. The hub's task is the only one that adds to the
//! history and to the groups' logs; everyone else reads, and comes and goes.

mod writing;

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use sqlx::PgPool;
use tokio::sync::{Notify, Semaphore, watch};

use super::backlog::Backlog;
use super::commit::Commit;
use super::effect::Scope;
use super::follow::{Follow, Reset};
use super::group::{Group, Limits};
use super::history::History;
use super::hub::{COPIES, Options, Status};
use super::large::Parts;
use super::matcher::Matcher;
use super::publication::Unpublished;
use super::reload::{self, Altered};
use super::snapshot::Snapshot;
use super::spool::Spool;
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
    /// Bytes of messages in the logs of all groups.
    messages: Arc<AtomicUsize>,
    /// What is too large for memory.
    pub(super) spool: Spool,
    /// Messages of commits that are.
    pub(super) parts: Parts,
    /// Those who come back.
    pub(super) backlog: Backlog,
    /// Written after the groups have got what they get up to there.
    pub(super) reached: watch::Sender<Reached>,
    pub(super) stop: watch::Sender<bool>,
    /// Who reads a copy holds one of its permits.
    pub(super) copies: Semaphore,
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
    /// Where the stream was when, so that old commits are let go of. Bounded by the history's time.
    marks: VecDeque<(Instant, Lsn)>,
    groups: HashSet<ByFollow>,
    matcher: Matcher,
    /// Groups in the order in which they are tended.
    turn: VecDeque<Arc<Group>>,
    next_id: u64,
    unpublished: Vec<Unpublished>,
    /// From where on each generation of the model holds.
    generations: Vec<Lsn>,
    /// From where on the log tells of a table, where that is not all of the history. At most one for each table.
    told: HashMap<TableId, Lsn>,
    /// Tables were published and no stream has begun since: the log's past does not tell of them.
    republished: bool,
    /// A history has begun that the groups know nothing of yet.
    fresh: bool,
    /// Groups that end as soon as changes flow again, so that who was in them can start over; and why.
    ending: Vec<(Arc<Group>, String)>,
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
        let spool = Spool::new(options.spool_dir.clone(), options.spool_bytes, options.spool_after);
        let core = Core {
            state: State::Down("the stream has not begun".to_owned()),
            incarnation: 0,
            epoch: Epoch::default(),
            reached: Lsn::default(),
            xid: 0,
            lag: Duration::ZERO,
            history: History::new(options.history_bytes, spool.limit() / 2, Epoch::default(), Lsn::default()),
            marks: VecDeque::new(),
            groups: HashSet::new(),
            matcher: Matcher::default(),
            turn: VecDeque::new(),
            next_id: 0,
            unpublished: Vec::new(),
            generations: vec![Lsn::default(); model.generation as usize + 1],
            told: HashMap::new(),
            republished: false,
            fresh: true,
            ending: Vec::new(),
        };
        Self {
            model: RwLock::new(model),
            altered: Mutex::default(),
            doubts: Notify::new(),
            options,
            pool,
            messages: Arc::default(),
            spool,
            parts: Parts::new(),
            backlog: Backlog::default(),
            reached: watch::Sender::new(Reached::default()),
            stop: watch::Sender::new(false),
            copies: Semaphore::new(COPIES as usize),
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
        Status {
            groups: core.groups.len(),
            subscribers: core.turn.iter().map(|group| group.subscribers()).sum(),
            history_bytes: core.history.bytes(),
            log_bytes: self.messages.load(Ordering::Relaxed),
            spool_bytes: self.spool.bytes(),
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
        let scopes: Vec<Scope> =
            (0..follow.rows.len()).map(|rows| scope(&model, &follow, rows)).collect::<Result<_, _>>()?;
        let mut core = self.core();
        if !Arc::ptr_eq(&model, &self.model()) {
            drop(core);
            return self.enter(follow);
        }
        if let Some(ByFollow(group)) = core.groups.get(&follow) {
            return Ok((Arc::clone(group), group.enter()));
        }
        let limits = Limits {
            log: self.options.log_bytes.min(self.options.history_bytes),
            all: self.options.messages_bytes,
            total: Arc::clone(&self.messages),
        };
        let floor = core.floor(&model, &scopes);
        let group = Arc::new(Group::new(core.next_id, follow, scopes, core.position(), limits));
        if let Some((lsn, reason)) = floor {
            group.refuse_before(Sequence { epoch: core.epoch, lsn, ordinal: 0 }, reason);
        }
        core.next_id += 1;
        core.matcher.add(&model, &group);
        core.groups.insert(ByFollow(Arc::clone(&group)));
        core.turn.push_back(Arc::clone(&group));
        let place = group.enter();
        Ok((group, place))
    }

    /// Whether the database has not got to a position yet, which then is none of this history. Another server may
    /// be a little ahead of this one, so the database itself is asked.
    pub(super) async fn is_ahead(&self, at: Sequence) -> Result<bool, Error> {
        if at <= self.core().position() {
            return Ok(false);
        }
        let sql = "SELECT pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text";
        let reached: Result<String, sqlx::Error> = sqlx::query_scalar(sql).fetch_one(&self.pool).await;
        let reached = reached.map_err(|_| unavailable("the database cannot be asked just now"))?;
        Ok(reached.parse().is_ok_and(|reached: Lsn| at.lsn > reached))
    }

    /// Which stream runs, and in which history.
    pub(super) fn incarnation(&self) -> Result<(u64, Epoch), Error> {
        let core = self.core();
        match core.state {
            State::Ready => Ok((core.incarnation, core.epoch)),
            State::Down(_) | State::Stopped => Err(unavailable("the feed of changes is down; try again")),
        }
    }

    /// The commits up to `until` that the snapshot does not see; `None` if it must be taken again.
    pub(super) fn unseen(&self, snapshot: &Snapshot, until: Lsn, incarnation: u64) -> Option<Vec<Arc<Commit>>> {
        let core = self.core();
        if core.incarnation != incarnation {
            return None;
        }
        core.history.unseen(snapshot, until)
    }

    /// The commits after `since` that began before `until`, as far as they are held, and from where on they are.
    pub(super) fn between(&self, since: Sequence, until: Sequence) -> (Sequence, Vec<Arc<Commit>>) {
        let core = self.core();
        let begin = core.history.start();
        (begin, core.history.between(since.max(begin), until).unwrap_or_default())
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

impl Core {
    /// Before which position nobody can go on who follows these: a column or table was another one, or not told.
    fn floor(&self, model: &Model, scopes: &[Scope]) -> Option<(Lsn, Reset)> {
        let of_scope = |scope: &Scope| {
            let table = model.table(scope.table);
            let generations = scope.needed.iter().map(|column| table.column(*column).generation);
            let generation = generations.fold(table.generation, u32::max) as usize;
            let altered = self.generations.get(generation).filter(|_| generation > 0);
            let altered = altered.map(|lsn| (*lsn, Reset::Schema));
            altered.max(self.told.get(&scope.table).map(|lsn| (*lsn, Reset::Expired)))
        };
        scopes.iter().filter_map(of_scope).max()
    }

    /// What cannot be followed now; `added`, and what could not be followed so far, is told from `position` on.
    fn note_published(&mut self, unpublished: Vec<Unpublished>, added: &[TableId], position: Lsn) {
        let known = std::mem::replace(&mut self.unpublished, unpublished);
        let still = |table: &TableId| self.unpublished.iter().any(|unpublished| unpublished.table == *table);
        let again = known.iter().map(|unpublished| unpublished.table).filter(|table| !still(table));
        let told = again.chain(added.iter().copied()).map(|table| (table, position)).collect::<Vec<_>>();
        self.told.extend(told);
    }

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

/// Ends groups that cannot go on, each with the reason.
fn end_altered(groups: Vec<(Arc<Group>, String)>) {
    groups.into_iter().for_each(|(group, what)| group.end(Error::new(Code::SchemaChanged, what)));
}

/// What it takes to judge changes of some of the rows that are followed.
fn scope(model: &Model, follow: &Follow, index: usize) -> Result<Scope, Error> {
    let rows = &follow.rows[index];
    let table = model.table(rows.table);
    let covered = follow.covered(index, table);
    let needed = rows.needed(table, &covered);
    // It may have been planned on an older schema.
    if let Some(what) = reload::vanished(model, rows.table, &needed) {
        return Err(Error::new(Code::SchemaChanged, what));
    }
    if let Some(column) = needed.iter().find(|id| table.column(**id).writing == Writing::Generated) {
        let message = format!(
            "`{}` is generated by Postgres and not in its log: leave it out of the subscription",
            table.column(*column).field
        );
        return Err(Error::new(Code::Unsupported, message));
    }
    let judge = RwLock::new(Judge::compile(model, table, &rows.filter)?);
    Ok(Scope { table: rows.table, key: table.key.clone(), covered, needed, judge })
}

fn unavailable(message: &str) -> Error {
    Error::new(Code::Unavailable, message)
}
