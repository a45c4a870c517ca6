//! Who keeps it all moving? The [`Hub`] starts the stream, and one task of its own takes every commit from the
//! slot into the history and to the groups, in order: it is their only writer. Subscribers come and go under a
//! lock that is held for moments and never across an await.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::canonical::canonical;
use super::commit::Commit;
use super::effect::Scope;
use super::feed;
use super::follow::{Follow, Reset};
use super::group::{Group, Tended};
use super::history::History;
use super::matcher::Matcher;
use super::publication::{self, Unpublished};
use super::snapshot::Snapshot;
use super::subscription::Subscription;
use crate::config::ReplicaIdentityPolicy;
use crate::error::{Code, Error, StartError};
use crate::filter::judge::Judge;
use crate::model::{Model, TableId, Writing};
use crate::selection::SESSION;
use crate::sequence::{Epoch, Lsn, Sequence};

/// Connections for starting copies.
const COPY_CONNECTIONS: u32 = 4;

/// How the hub works.
#[derive(Debug, Clone)]
pub struct Options {
    /// Address of the database.
    pub database_url: String,
    /// How many bytes of commits are kept for those who resume.
    pub history_bytes: usize,
    /// How many bytes of messages a group keeps for slow readers.
    pub log_bytes: usize,
    /// How often an idle subscription hears of the position reached.
    pub progress_interval: Duration,
    /// How long a group is kept after its last subscriber left.
    pub linger: Duration,
    /// What to do about tables whose log lacks the old row.
    pub replica_identity: ReplicaIdentityPolicy,
}

impl Options {
    /// The defaults for this database.
    pub fn new(database_url: impl Into<String>) -> Self {
        Self {
            database_url: database_url.into(),
            history_bytes: 64 << 20,
            log_bytes: 4 << 20,
            progress_interval: Duration::from_secs(10),
            linger: Duration::from_secs(30),
            replica_identity: ReplicaIdentityPolicy::Keep,
        }
    }
}

/// The feed of changes of one database.
pub struct Hub {
    shared: Arc<Shared>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// How the feed is doing.
#[derive(Debug, Clone)]
pub struct Status {
    /// Groups of equal subscriptions.
    pub groups: usize,
    /// Subscriptions.
    pub subscribers: usize,
    /// Bytes of commits held.
    pub history_bytes: usize,
    /// Bytes of messages held.
    pub log_bytes: usize,
    /// The position reached.
    pub position: Sequence,
    /// How long after its commit the last transaction was told, by the two clocks.
    pub lag: Duration,
    /// Tables that cannot be followed.
    pub unpublished: Vec<Unpublished>,
    /// Tables that are no longer what the model says.
    pub broken: Vec<TableId>,
}

/// What the hub, its task and its subscriptions share.
pub(super) struct Shared {
    pub(super) model: Arc<Model>,
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
    broken: HashSet<TableId>,
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

impl Hub {
    /// Prepares the database, starts the stream and the task that follows it.
    ///
    /// # Errors
    /// When the database cannot be followed; says which setting or right is missing.
    pub async fn start(model: Arc<Model>, options: Options) -> Result<Arc<Self>, StartError> {
        let pool = pool(&options.database_url).await?;
        let limit = options.history_bytes;
        let core = Core {
            state: State::Down("the stream has not begun".to_owned()),
            incarnation: 0,
            epoch: Epoch::default(),
            reached: Lsn::default(),
            xid: 0,
            lag: Duration::ZERO,
            history: History::new(limit, Epoch::default(), Lsn::default()),
            groups: HashSet::new(),
            matcher: Matcher::default(),
            turn: VecDeque::new(),
            next_id: 0,
            unpublished: Vec::new(),
            broken: HashSet::new(),
        };
        let shared = Arc::new(Shared {
            model,
            options,
            pool,
            reached: watch::Sender::new(Reached::default()),
            stop: watch::Sender::new(false),
            core: Mutex::new(core),
            nudged: Mutex::new(Instant::now()),
        });
        let feed = feed::open(&shared).await?;
        let task = tokio::spawn(feed::run(Arc::clone(&shared), feed));
        Ok(Arc::new(Self { shared, task: Mutex::new(Some(task)) }))
    }

    /// Subscribes: after `since` if the history allows it, otherwise from a copy.
    ///
    /// # Errors
    /// `UNSUPPORTED` for tables and filters that cannot be followed exactly, `DATA_INVALID` for operands that are
    /// no values of their column, `UNAVAILABLE` while there is no stream.
    pub async fn subscribe(
        self: &Arc<Self>,
        mut follow: Follow,
        since: Option<Sequence>,
    ) -> Result<Subscription, Error> {
        let shared = &self.shared;
        let root_key = follow.root_key.clone();
        let joined = async {
            shared.followable(follow.table)?;
            let table = shared.model.table(follow.table);
            follow.filter = canonical(&shared.pool, table, follow.filter).await?;
            shared.enter(follow)
        };
        let (group, place) = joined.await.map_err(|error| error.at(&root_key))?;
        Ok(Subscription::new(Arc::clone(shared), group, place, since))
    }

    /// Whether changes flow; why not, if they do not.
    ///
    /// # Errors
    /// The reason.
    pub fn ready(&self) -> Result<(), String> {
        match &self.shared.core().state {
            State::Ready => Ok(()),
            State::Down(reason) => Err(reason.clone()),
            State::Stopped => Err("the feed of changes has stopped".to_owned()),
        }
    }

    /// How the feed is doing.
    pub fn status(&self) -> Status {
        let core = self.shared.core();
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
            broken: core.broken.iter().copied().collect(),
        }
    }

    /// Ends the stream, the slot and every subscription.
    pub async fn stop(&self) {
        self.shared.stop.send_replace(true);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            let _ = task.await;
        }
        self.shared.pool.close().await;
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.shared.stop.send_replace(true);
    }
}

/// A small pool of its own: starting copies never wait for requests, nor requests for them.
async fn pool(database_url: &str) -> Result<PgPool, StartError> {
    let failed = |error: &sqlx::Error| {
        let cure = "Check the address, and that the database accepts connections.";
        StartError::new(format!("The database cannot be reached: {error}"), "--database-url (DATABASE_URL)", cure)
    };
    let options: PgConnectOptions = database_url.parse().map_err(|error| failed(&error))?;
    let settings: Vec<String> = SESSION.iter().map(|(name, value)| format!("SET {name} = '{value}'")).collect();
    // `local`: the message that moves an idle log on must be flushed here, and wait for no standby.
    let settings = format!("{}; SET synchronous_commit = local; SET jit = off", settings.join("; "));
    PgPoolOptions::new()
        .max_connections(COPY_CONNECTIONS)
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            let settings = sqlx::AssertSqlSafe(settings.clone());
            Box::pin(async move { sqlx::raw_sql(settings).execute(connection).await.map(|_| ()) })
        })
        .connect_with(options)
        .await
        .map_err(|error| failed(&error))
}

impl Core {
    fn position(&self) -> Sequence {
        Sequence { epoch: self.epoch, lsn: self.reached, ordinal: 0 }
    }
}

/// For subscriptions and copies.
impl Shared {
    fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses tables that cannot be followed, saying why.
    fn followable(&self, table: TableId) -> Result<(), Error> {
        let core = self.core();
        match &core.state {
            State::Ready => {}
            State::Down(_) | State::Stopped => return Err(unavailable("the feed of changes is down; try again")),
        }
        if core.broken.contains(&table) {
            return Err(unavailable(
                "the table is not what it was when the server read it; the server must read it anew",
            ));
        }
        match core.unpublished.iter().find(|unpublished| unpublished.table == table) {
            Some(Unpublished { reason, .. }) => {
                let name = &self.model.table(table).names.type_name;
                Err(Error::new(Code::Unsupported, format!("changes of `{name}` cannot be followed: {reason}")))
            }
            None => Ok(()),
        }
    }

    /// Finds or makes the group and takes a place in it.
    fn enter(&self, follow: Follow) -> Result<(Arc<Group>, u32), Error> {
        let table = self.model.table(follow.table);
        let scope = Scope {
            table: follow.table,
            key: table.key.clone(),
            covered: follow.covered(table),
            needed: follow.needed(table),
            judge: Judge::compile(&self.model, table, &follow.filter)?,
        };
        if let Some(column) = scope.needed.iter().find(|id| table.column(**id).writing == Writing::Generated) {
            let message = format!(
                "`{}` is generated by Postgres and not in its log: leave it out of the subscription",
                table.column(*column).field
            );
            return Err(Error::new(Code::Unsupported, message));
        }
        let mut core = self.core();
        if let Some(ByFollow(group)) = core.groups.get(&follow) {
            return Ok((Arc::clone(group), group.enter()));
        }
        let limit = self.options.log_bytes.min(self.options.history_bytes);
        let group = Arc::new(Group::new(core.next_id, follow, scope, core.position(), limit));
        core.next_id += 1;
        core.matcher.add(&self.model, &group);
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
        super::snapshot::widen(xid, self.core().xid)
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
        for (group, changes) in concerned.values() {
            group.publish(&self.model, &commit, changes);
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

    /// The table's columns are others: ends its subscriptions.
    pub(super) fn break_table(&self, table: TableId) {
        let groups: Vec<_> = {
            let mut core = self.core();
            core.broken.insert(table);
            core.matcher.of_table(table).cloned().collect()
        };
        tracing::warn!(table = %self.model.table(table).sql.quoted(), "the table has changed");
        groups.iter().for_each(|group| group.end(unavailable("the table changed; subscribe again")));
        self.core().forget(&self.model, groups.into_iter());
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
        let deserted = |group: &Arc<Group>| match group.tend(&self.model, reached, self.options.linger) {
            Tended::Kept => false,
            Tended::Deserted => true,
        };
        let deserted: Vec<_> = groups.into_iter().filter(deserted).collect();
        // Someone may have come meanwhile; whoever comes takes a place under this lock.
        self.core().forget(&self.model, deserted.into_iter().filter(|group| group.is_deserted()));
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

/// What the hub publishes, and what it cannot.
pub(super) async fn publish_tables(shared: &Shared) -> Result<Vec<Unpublished>, StartError> {
    publication::keep_up(&shared.pool, &shared.model, shared.options.replica_identity).await
}
