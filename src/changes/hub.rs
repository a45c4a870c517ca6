//! Who keeps it all moving? The [`Hub`]: prepares the database, starts the stream and the one task that takes every
//! commit from it, and lets subscribers in. What they share is in `shared`.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::task::JoinHandle;

use super::canonical::canonical;
use super::feed;
use super::follow::{Follow, Reset};
use super::publication::Unpublished;
use super::reload::Altered;
use super::shared::Shared;
use super::subscription::{Subscription, apart};
use crate::config::{HistorySlotPolicy, ReplicaIdentityPolicy};
use crate::error::{Error, StartError};
use crate::model::Model;
use crate::selection::SESSION;
use crate::sequence::Sequence;

/// Starting copies that are read at a time, each over a connection.
pub(super) const COPIES: u32 = 4;
/// Connections that copies never take: the feed asks over them what it needs to go on.
const OWN_CONNECTIONS: u32 = 2;

/// How the hub works.
#[derive(Debug, Clone)]
pub struct Options {
    /// Address of the database.
    pub database_url: String,
    /// How many bytes of commits are kept for those who resume.
    pub history_bytes: usize,
    /// How long commits are kept at most.
    pub history_time: Duration,
    /// Whether the database keeps the log for a server that starts again.
    pub history_slot: HistorySlotPolicy,
    /// How many bytes of the log that may be.
    pub history_wal_bytes: u64,
    /// How many bytes of messages a group keeps for slow readers.
    pub log_bytes: usize,
    /// How many bytes of messages all groups keep, about.
    pub messages_bytes: usize,
    /// Where what is too large for memory waits; the system's folder for temporary files if not given.
    pub spool_dir: Option<PathBuf>,
    /// How many bytes that may be in all.
    pub spool_bytes: u64,
    /// From how many bytes on a starting copy, or a commit, is too large for memory.
    pub spool_after: usize,
    /// How often an idle subscription hears of the position reached.
    pub progress_interval: Duration,
    /// How long a group is kept after its last subscriber left.
    pub linger: Duration,
    /// What to do about tables whose log lacks the old row.
    pub replica_identity: ReplicaIdentityPolicy,
    /// Which schemas of the database are served.
    pub schemas: Vec<String>,
    /// Whether the database tells when it is altered, by event triggers that are made there.
    pub watch_schema: bool,
}

impl Options {
    /// The defaults for this database.
    pub fn new(database_url: impl Into<String>) -> Self {
        Self {
            database_url: database_url.into(),
            history_bytes: 64 << 20,
            history_time: Duration::from_secs(3600),
            history_slot: HistorySlotPolicy::Auto,
            history_wal_bytes: 256 << 20,
            log_bytes: 4 << 20,
            messages_bytes: 64 << 20,
            spool_dir: None,
            spool_bytes: 4 << 30,
            spool_after: 4 << 20,
            progress_interval: Duration::from_secs(10),
            linger: Duration::from_secs(30),
            replica_identity: ReplicaIdentityPolicy::Keep,
            schemas: vec!["public".to_owned()],
            watch_schema: false,
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
    /// Bytes on disk of what is too large for memory.
    pub spool_bytes: u64,
    /// The position reached.
    pub position: Sequence,
    /// How long after its commit the last transaction was told, by the two clocks.
    pub lag: Duration,
    /// Tables that cannot be followed.
    pub unpublished: Vec<Unpublished>,
}

impl Hub {
    /// Prepares the database, starts the stream and the task that follows it.
    ///
    /// # Errors
    /// When the database cannot be followed; says which setting or right is missing.
    pub async fn start(model: Arc<Model>, options: Options) -> Result<Arc<Self>, StartError> {
        let pool = pool(&options.database_url).await?;
        let shared = Arc::new(Shared::new(model, options, pool));
        let feed = feed::open(&shared).await?;
        let task = tokio::spawn(feed::run(Arc::clone(&shared), feed));
        Ok(Arc::new(Self { shared, task: Mutex::new(Some(task)) }))
    }

    /// Subscribes: after `since` if the history allows it, otherwise from a copy.
    ///
    /// # Errors
    /// `UNSUPPORTED` for tables and filters that cannot be followed exactly, `DATA_INVALID` for operands that are
    /// no values of their column, `UNAVAILABLE` while there is no stream.
    pub async fn subscribe(self: &Arc<Self>, follow: Follow, since: Option<Sequence>) -> Result<Subscription, Error> {
        self.join(follow, since, Reset::Start).await
    }

    /// Subscribes anew, from a copy, for one whose subscription ended with `SCHEMA_CHANGED`.
    ///
    /// # Errors
    /// As above.
    pub async fn subscribe_anew(self: &Arc<Self>, follow: Follow) -> Result<Subscription, Error> {
        self.join(follow, None, Reset::Schema).await
    }

    async fn join(
        self: &Arc<Self>,
        mut follow: Follow,
        since: Option<Sequence>,
        reason: Reset,
    ) -> Result<Subscription, Error> {
        let shared = &self.shared;
        let root_key = follow.root_key.clone();
        let joined = async {
            let model = shared.model();
            for rows in &mut follow.rows {
                shared.followable(rows.table)?;
                let (asking, asked, model) = (Arc::clone(shared), rows.clone(), Arc::clone(&model));
                rows.filter = apart(async move {
                    let mut filter = asked.filter;
                    canonical(&asking.pool, &model, model.table(asked.table), &mut filter).await?;
                    Ok(filter)
                })
                .await?;
            }
            shared.enter(follow)
        };
        let (group, place) = joined.await.map_err(|error| error.at(&root_key))?;
        Ok(Subscription::new(Arc::clone(shared), group, place, since, reason))
    }

    /// The database as it is served.
    pub fn model(&self) -> Arc<Model> {
        self.shared.model()
    }

    /// Tells of another model whenever the database is altered, and of the present one at once.
    pub fn on_altered(&self, altered: Altered) {
        self.shared.tell(altered);
    }

    /// Compares the model with the database soon.
    pub fn reload(&self) {
        self.shared.ask();
    }

    /// Whether changes flow; why not, if they do not.
    ///
    /// # Errors
    /// The reason.
    pub fn ready(&self) -> Result<(), String> {
        self.shared.ready()
    }

    /// How the feed is doing.
    pub fn status(&self) -> Status {
        self.shared.status()
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
    // No parallel plans: the first row of a copy has to come first.
    let settings = format!(
        "{}; SET synchronous_commit = local; SET jit = off; SET max_parallel_workers_per_gather = 0",
        settings.join("; ")
    );
    PgPoolOptions::new()
        .max_connections(COPIES + OWN_CONNECTIONS)
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            let settings = sqlx::AssertSqlSafe(settings.clone());
            Box::pin(async move { sqlx::raw_sql(settings).execute(connection).await.map(|_| ()) })
        })
        .connect_with(options)
        .await
        .map_err(|error| failed(&error))
}
