//! Where do the commits come from, and what if they stop coming? The hub's task: reads the stream, hands every
//! commit on, acknowledges what is in the history, opens another stream when one ends. Commits may have been
//! missed in between, so everyone then starts over; a gap is never silent.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::commit::{Assembler, Commit};
use super::publication;
use super::shared::Shared;
use super::slot::{Event, Opened, Slot, SlotError};
use super::snapshot::Snapshot;
use crate::error::StartError;
use crate::sequence::Lsn;

/// How long to wait before another try, growing from the first to the second.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How long a start waits for transactions that were about to end when the slot was made.
const SETTLING: Duration = Duration::from_secs(2);
/// Whether a commit waits for a standby, or may do so unseen: not every role is told what others wait for.
const WAITING_FOR_STANDBY: &str = "SELECT pg_catalog.current_setting('synchronous_standby_names') <> '' AND EXISTS (
    SELECT FROM pg_catalog.pg_stat_activity WHERE wait_event = 'SyncRep' OR query = '<insufficient privilege>')";
/// Groups are tended in this many shares of the progress interval.
const SHARES: u32 = 64;
/// 2000-01-01 in microseconds since 1970.
const EPOCH_2000: i64 = 946_684_800_000_000;

/// A stream and what reads it.
pub(super) struct Feed {
    slot: Slot,
    assembler: Assembler,
}

/// Why reading ended.
enum Ended {
    Stopped,
    Broken(String),
}

/// Prepares the database, makes a slot, begins.
pub(super) async fn open(shared: &Shared) -> Result<Feed, StartError> {
    check_wal_level(shared).await?;
    let policy = shared.options.replica_identity;
    let unpublished = publication::keep_up(&shared.pool, &shared.model, policy).await?;
    let failed = |error: &dyn std::fmt::Display| {
        StartError::new(
            format!("The feed of changes could not be opened: {error}"),
            "--database-url (DATABASE_URL)",
            "The role needs the REPLICATION attribute (ALTER ROLE … REPLICATION), and a slot must be free (max_replication_slots).",
        )
    };
    let oid: i64 = scalar(shared, "SELECT oid::bigint FROM pg_catalog.pg_database WHERE datname = current_database()")
        .await
        .map_err(|error| failed(&error))?;
    let Opened { slot, epoch, begin } =
        Slot::open(&shared.options.database_url, oid as u32).await.map_err(|error: SlotError| failed(&error))?;
    let shapes = publication::shapes(&shared.pool, &shared.model).await.map_err(|error| failed(&error))?;
    let settled = settle(shared).await.map_err(|error| failed(&error))?;
    shared.begin(epoch, begin, settled.xid, settled.unsettled, unpublished);
    Ok(Feed { slot, assembler: Assembler::new(Arc::clone(&shared.model), shapes) })
}

async fn check_wal_level(shared: &Shared) -> Result<(), StartError> {
    let level: Result<String, _> = scalar(shared, "SELECT pg_catalog.current_setting('wal_level')").await;
    match level {
        Ok(level) if level != "logical" => Err(StartError::new(
            format!("The database writes its log with wal_level = {level}, which does not tell of rows"),
            "--database-url (DATABASE_URL)",
            "ALTER SYSTEM SET wal_level = 'logical', then restart Postgres.",
        )),
        Ok(_) => Ok(()),
        Err(error) => Err(StartError::new(
            format!("The database does not answer: {error}"),
            "--database-url (DATABASE_URL)",
            "Check that it accepts connections.",
        )),
    }
}

async fn scalar<T>(shared: &Shared, sql: &'static str) -> Result<T, sqlx::Error>
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
{
    sqlx::query_scalar(sql).fetch_one(&shared.pool).await
}

/// What ran when the slot was made.
struct Settled {
    /// A transaction id of the present.
    xid: u64,
    /// Those that may have committed before the slot's position, and are not visible yet.
    unsettled: Vec<u64>,
}

/// Waits, for a while, until all transactions have ended that were running when the slot was made. One that committed
/// just before the slot's position is not in the stream, and a snapshot taken before it becomes visible would not see
/// it either. That takes moments, unless commits wait for a synchronous standby: who runs for long then is named, so
/// that no copy is taken without it.
async fn settle(shared: &Shared) -> Result<Settled, sqlx::Error> {
    let read = async || -> Result<Snapshot, sqlx::Error> {
        let text: String = scalar(shared, "SELECT pg_catalog.pg_current_snapshot()::pg_catalog.text").await?;
        Snapshot::read(&text).ok_or(sqlx::Error::RowNotFound)
    };
    // A transaction of our own: a snapshot ends before those that are younger than all that have ended.
    let own: i64 = scalar(shared, "SELECT pg_catalog.pg_current_xact_id()::pg_catalog.text::bigint").await?;
    let xid = own as u64;
    let mut last = read().await?;
    let deadline = tokio::time::Instant::now() + SETTLING;
    while last.xmin < xid && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
        last = read().await?;
    }
    let mut unsettled: Vec<u64> = last.running_before(xid).collect();
    if !unsettled.is_empty() && !scalar::<bool>(shared, WAITING_FOR_STANDBY).await? {
        unsettled.clear();
    }
    Ok(Settled { xid, unsettled })
}

/// Runs until the hub is stopped.
pub(super) async fn run(shared: Arc<Shared>, mut feed: Feed) {
    let mut stop = shared.stop.subscribe();
    loop {
        match follow(&shared, &mut feed, &mut stop).await {
            Ended::Stopped => break,
            Ended::Broken(reason) => {
                tracing::warn!(%reason, "the feed of changes broke");
                shared.down(format!("the feed of changes broke: {reason}"));
            }
        }
        feed.slot.close().await;
        match reopen(&shared, &mut stop).await {
            Some(another) => feed = another,
            None => return shared.end(),
        }
    }
    shared.end();
    feed.slot.close().await;
}

/// Opens another stream, however long it takes; `None` if the hub is stopped first.
async fn reopen(shared: &Shared, stop: &mut watch::Receiver<bool>) -> Option<Feed> {
    let mut pause = BACKOFF.0;
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return None,
            () = tokio::time::sleep(pause) => {}
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return None,
            opened = open(shared) => match opened {
                Ok(feed) => return Some(feed),
                Err(error) => {
                    tracing::warn!(%error, "the feed of changes is down");
                    shared.down(error.to_string());
                    pause = (pause * 2).min(BACKOFF.1);
                }
            }
        }
    }
}

async fn follow(shared: &Shared, feed: &mut Feed, stop: &mut watch::Receiver<bool>) -> Ended {
    let tick = (shared.options.progress_interval / SHARES).max(Duration::from_millis(5));
    let shares = shared.options.progress_interval.as_micros() / tick.as_micros();
    let mut ticks = interval(tick);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut open: Option<i64> = None;
    loop {
        let event = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return Ended::Stopped,
            _ = ticks.tick() => {
                shared.tend(shares as usize);
                continue;
            }
            event = feed.slot.next() => event,
        };
        match event {
            Err(error) => return Ended::Broken(error.to_string()),
            Ok(Event::Begin { lsn, xid, micros }) => {
                open = Some(micros);
                feed.assembler.begin(lsn, shared.widen(xid), micros);
            }
            Ok(Event::Data(bytes)) => {
                if let Err(error) = feed.assembler.take(&bytes) {
                    return Ended::Broken(error.to_string());
                }
                feed.assembler.broken.drain(..).for_each(|table| shared.break_table(table));
            }
            Ok(Event::Commit { end_lsn }) => {
                let micros = open.take();
                finish(shared, feed, end_lsn, micros);
            }
            // While a transaction is being told, the position is that before it.
            Ok(Event::Position(lsn)) if open.is_none() => {
                shared.pass(lsn);
                feed.slot.acknowledge(lsn);
            }
            Ok(Event::Position(_)) => {}
        }
    }
}

fn finish(shared: &Shared, feed: &mut Feed, end_lsn: Lsn, micros: Option<i64>) {
    if let Some(commit) = feed.assembler.commit(end_lsn) {
        let rows: &Commit = &commit;
        let changed = !rows.changes.is_empty();
        shared.publish(commit);
        if let (true, Some(micros)) = (changed, micros) {
            shared.note_lag(since(micros));
        }
    }
    feed.slot.acknowledge(end_lsn);
}

/// How long ago that was, in microseconds since 2000.
fn since(micros: i64) -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    now.saturating_sub(Duration::from_micros(u64::try_from(micros + EPOCH_2000).unwrap_or_default()))
}
