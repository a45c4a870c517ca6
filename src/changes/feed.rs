//! Where do the commits come from, and what if they stop coming? The hub's task: reads the stream, hands every
//! commit on, acknowledges what is in the history, opens another stream when one ends. Commits may have been
//! missed in between, so everyone then starts over; a gap is never silent.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::commit::{Assembler, Commit};
use super::reload::Reloads;
use super::shared::Shared;
use super::slot::{Event, Opened, Slot, SlotError};
use super::watch::install;
use crate::error::StartError;
use crate::sequence::Lsn;

/// How long to wait before another try, growing from the first to the second.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How long a start waits for transactions that were about to end when the slot was made.
const SETTLING: Duration = Duration::from_secs(2);
/// Groups are tended in this many shares of the progress interval.
const SHARES: u32 = 64;
/// 2000-01-01 in microseconds since 1970.
const EPOCH_2000: i64 = 946_684_800_000_000;

/// A stream and what reads it.
pub(super) struct Feed {
    slot: Slot,
    assembler: Assembler,
    reloads: Reloads,
}

/// Why reading ended.
enum Ended {
    Stopped,
    Broken(String),
}

/// Prepares the database, makes a slot, begins.
pub(super) async fn open(shared: &Shared) -> Result<Feed, StartError> {
    check_wal_level(shared).await?;
    let mut watched = shared.options.watch_schema;
    if watched && let Err(error) = install(&shared.pool).await {
        tracing::warn!(%error, "the database cannot be made to tell when it is altered (--watch-schema); SIGHUP helps");
        watched = false;
    }
    let mut reloads = Reloads::default();
    let unpublished = reloads.prepare(shared).await?;
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
    let xid = settle(shared).await.map_err(|error| failed(&error))?;
    shared.begin(epoch, begin, xid, unpublished);
    // What was altered before the slot was made is not in the stream.
    reloads.reload(shared, None).await?;
    Ok(Feed { slot, assembler: Assembler::new(shared.model(), watched), reloads })
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

/// Waits, for a while, until all transactions have ended that were running when the slot was made, and gives a
/// transaction id of the present. One that committed just before the slot's position is not in the stream, and
/// a snapshot taken before it becomes visible would not see it either.
async fn settle(shared: &Shared) -> Result<u64, sqlx::Error> {
    let bounds = "SELECT pg_catalog.pg_current_snapshot()::pg_catalog.text";
    let read = async || -> Result<(u64, u64), sqlx::Error> {
        let text: String = scalar(shared, bounds).await?;
        let snapshot = super::snapshot::Snapshot::read(&text);
        snapshot.map(|snapshot| (snapshot.xmin, snapshot.xmax)).ok_or(sqlx::Error::RowNotFound)
    };
    let (mut xmin, xmax) = read().await?;
    let deadline = tokio::time::Instant::now() + SETTLING;
    while xmin < xmax && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
        (xmin, _) = read().await?;
    }
    Ok(xmax)
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
            () = shared.doubts.notified() => {
                feed.reloads.ask();
                continue;
            }
            () = Reloads::due(feed.reloads.when()) => None,
            event = feed.slot.next() => Some(event),
        };
        let asked = event.is_none();
        // Whether to compare the model with the database, at this place in the stream.
        let mut doubtful = asked;
        match event {
            None => {}
            Some(Err(error)) => return Ended::Broken(error.to_string()),
            Some(Ok(Event::Begin { lsn, xid, micros })) => {
                open = Some(micros);
                feed.assembler.begin(lsn, shared.widen(xid), micros);
            }
            Some(Ok(Event::Data(bytes))) => {
                if let Err(error) = feed.assembler.take(&bytes) {
                    return Ended::Broken(error.to_string());
                }
                doubtful = feed.assembler.doubts();
            }
            Some(Ok(Event::Altered)) => doubtful = true,
            Some(Ok(Event::Commit { end_lsn })) => {
                let micros = open.take();
                finish(shared, feed, end_lsn, micros);
            }
            // While a transaction is being told, the position is that before it.
            Some(Ok(Event::Position(lsn))) if open.is_none() => {
                shared.pass(lsn);
                feed.slot.acknowledge(lsn);
            }
            Some(Ok(Event::Position(_))) => {}
        }
        if doubtful && let Err(ended) = reload(shared, feed, asked).await {
            return ended;
        }
    }
}

/// Compares the model with the database: as it is after the transaction that is being told, which may have been read
/// already, or because someone asked.
async fn reload(shared: &Shared, feed: &mut Feed, asked: bool) -> Result<(), Ended> {
    let xid = feed.assembler.transaction().filter(|_| !asked);
    match feed.reloads.reload(shared, xid).await {
        Ok(Some(model)) => feed.assembler.adopt(&model),
        Ok(None) => {}
        Err(error) => return Err(Ended::Broken(error.to_string())),
    }
    Ok(())
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
