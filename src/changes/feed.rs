//! Where do the commits come from, and what if they stop coming? The hub's task: reads the stream, hands every
//! commit on, acknowledges what is in the history, opens another stream when one ends. What was committed in
//! between is read from the history slot; where there is none, everyone starts over. A gap is never silent.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::assembler::Assembler;
use super::follow::Reset;
use super::reload::Reloads;
use super::retention::{self, HistorySlot};
use super::shared::Shared;
use super::slot::{Event, Opened, Slot, SlotError};
use super::snapshot::Snapshot;
use super::watch::install;
use crate::error::StartError;
use crate::sequence::{Epoch, Lsn};

/// How long to wait before another try, growing from the first to the second.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How long a start waits for transactions that were about to end when the slot was made.
const SETTLING: Duration = Duration::from_secs(2);
/// How long the history slot may say nothing while its past is read.
const SILENCE: Duration = Duration::from_secs(30);
/// How long another reader of the history slot is waited for.
const SLOT_BUSY: Duration = Duration::from_secs(10);
/// How often old commits are let go of.
const AGEING: Duration = Duration::from_secs(5);
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
    reloads: Reloads,
    /// The slot that keeps the log for a server that starts again.
    kept: Option<HistorySlot>,
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
    let mut kept = retention::ensure(shared).await.map_err(|error| failed(&error))?;
    let opened = Slot::open(&shared.options.database_url).await.map_err(|error| failed(&error))?;
    let republished = shared.is_republished();
    if let (true, Some(kept)) = (republished, &mut kept) {
        // Of tables that were not published the log's past tells nothing: it must not be told later either.
        kept.advance_now(&shared.pool, opened.begin).await.map_err(|error| failed(&error))?;
    }
    let past = connect_past(shared, &opened, kept.as_ref(), republished).await;
    shared.go(past.map_err(|error| failed(&error))?, unpublished);
    // What was altered before the slot was made is not in the stream.
    reloads.reload(shared, None, kept.as_mut()).await?;
    Ok(Feed {
        slot: opened.slot,
        assembler: Assembler::new(shared.model(), watched, shared.spool.clone()),
        reloads,
        kept,
    })
}

/// Brings the history up to where the new stream begins: on from where a broken one left off, or from where the
/// history slot stands, or not at all. Gives the reason why everyone has to start over, if they have to.
async fn connect_past(
    shared: &Shared,
    opened: &Opened,
    kept: Option<&HistorySlot>,
    republished: bool,
) -> Result<Option<Reset>, SlotError> {
    let database = retention::database_oid(&shared.pool).await?;
    let generation = kept.map_or(0, |kept| kept.generation);
    let epoch = Epoch::derive(&opened.system, opened.timeline, database, generation);
    if let Some((before, reached)) = shared.left_off() {
        let reaches = reached >= opened.begin || kept.is_some_and(|kept| kept.confirmed <= reached);
        if before == epoch && reaches && !republished {
            fill(shared, kept, reached, opened.begin).await?;
            return Ok(None);
        }
    }
    let reset = shared.left_off().map(|(before, _)| if before == epoch { Reset::Expired } else { Reset::Epoch });
    let kept = kept.filter(|_| !republished);
    let from = kept.map_or(opened.begin, |kept| kept.confirmed.min(opened.begin));
    let Settled { xid, unsettled } = settle(shared).await?;
    shared.begin(epoch, from, xid, unsettled.clone());
    if let Some(kept) = kept {
        shared.note_told(&retention::altered_since(shared, kept).await?, opened.begin);
    }
    if let Err(error) = fill(shared, kept, from, opened.begin).await {
        // A past that cannot be read is no reason to have no present.
        tracing::warn!(%error, "the history slot cannot be read: the history begins now");
        shared.begin(epoch, opened.begin, xid, unsettled);
    }
    Ok(reset)
}

/// Takes the commits between two positions from the history slot. The model is that of the present: what it cannot
/// tell makes the past before it unusable, and is no reason to read the catalog, which says nothing about the past.
async fn fill(shared: &Shared, kept: Option<&HistorySlot>, from: Lsn, until: Lsn) -> Result<(), SlotError> {
    let Some(kept) = kept.filter(|_| from < until) else { return Ok(()) };
    let mut slot = attach(shared, kept, from).await?;
    let mut assembler = Assembler::new(shared.model(), true, shared.spool.clone());
    let (mut open, mut altered) = (false, false);
    loop {
        let event = tokio::time::timeout(SILENCE, slot.next()).await.map_err(|_| SlotError::Ended)??;
        match event {
            Event::Begin { lsn, .. } if lsn >= until => break,
            Event::Begin { lsn, xid, micros } => {
                open = true;
                assembler.begin(lsn, shared.widen(xid), micros);
            }
            Event::Data(bytes) => assembler.take(&bytes).await?,
            Event::Altered => altered = true,
            Event::Commit { end_lsn } => {
                open = false;
                match assembler.commit(end_lsn).await {
                    Some(Ok(commit)) => shared.publish(commit).await,
                    Some(Err(lost)) => shared.lose(&lost),
                    None => {}
                }
                if std::mem::take(&mut altered) | assembler.misfits() {
                    shared.forget_before(end_lsn);
                }
            }
            Event::Position(lsn) if lsn >= until && !open => break,
            Event::Position(_) => {}
        }
    }
    slot.close().await;
    shared.pass(until);
    Ok(())
}

/// Another server, or this one a moment ago, may still be reading from the slot.
async fn attach(shared: &Shared, kept: &HistorySlot, from: Lsn) -> Result<Slot, SlotError> {
    let deadline = tokio::time::Instant::now() + SLOT_BUSY;
    loop {
        let attached = Slot::attach(&shared.options.database_url, &kept.name, from, kept.confirmed).await;
        match attached {
            Err(error) if error.is_slot_in_use() && tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            other => return other,
        }
    }
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
    let mut ageing = interval(AGEING.min(shared.options.history_time));
    ageing.set_missed_tick_behavior(MissedTickBehavior::Delay);
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
            _ = ageing.tick() => {
                let needed = shared.age();
                if let Some(kept) = &mut feed.kept {
                    kept.advance(&shared.pool, needed);
                }
                continue;
            }
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
                if let Err(error) = feed.assembler.take(&bytes).await {
                    return Ended::Broken(error.to_string());
                }
                doubtful = feed.assembler.doubts();
            }
            Some(Ok(Event::Altered)) => doubtful = true,
            Some(Ok(Event::Commit { end_lsn })) => {
                let micros = open.take();
                finish(shared, feed, end_lsn, micros).await;
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
    match feed.reloads.reload(shared, xid, feed.kept.as_mut()).await {
        Ok(Some(model)) => feed.assembler.adopt(&model),
        Ok(None) => {}
        Err(error) => return Err(Ended::Broken(error.to_string())),
    }
    Ok(())
}

async fn finish(shared: &Shared, feed: &mut Feed, end_lsn: Lsn, micros: Option<i64>) {
    match feed.assembler.commit(end_lsn).await {
        Some(Ok(commit)) => {
            let told = micros.filter(|_| !commit.is_empty());
            shared.publish(commit).await;
            told.into_iter().for_each(|micros| shared.note_lag(since(micros)));
        }
        Some(Err(lost)) => shared.lose(&lost),
        None => {}
    }
    feed.slot.acknowledge(end_lsn);
}

/// How long ago that was, in microseconds since 2000.
fn since(micros: i64) -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    now.saturating_sub(Duration::from_micros(u64::try_from(micros + EPOCH_2000).unwrap_or_default()))
}
