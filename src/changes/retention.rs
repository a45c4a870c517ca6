//! What keeps the log for a server that starts again? A second slot that nobody is connected to: it is read once,
//! at a start or after a broken stream, and advanced behind the history held in memory. It is bounded, never fills
//! a disk, and a lost one is a new epoch, said aloud.

use std::time::Duration;

use sqlx::{AssertSqlSafe, PgPool};
use tokio::task::JoinHandle;

use super::publication::PUBLICATION;
use super::shared::Shared;
use crate::config::HistorySlotPolicy;
use crate::model::TableId;
use crate::sequence::Lsn;
use crate::sql::array_literal;

/// The log moves on by this much before the slot is advanced: each time costs the database a reading of that log.
const STEP: u64 = 1 << 20;

/// The slot, as it was found or made.
#[derive(Debug)]
pub(super) struct HistorySlot {
    pub(super) name: String,
    /// How often the slot was lost and made anew; part of the epoch.
    pub(super) generation: u32,
    /// Every commit from here on is in it.
    pub(super) confirmed: Lsn,
    advancing: Option<JoinHandle<Option<Lsn>>>,
    /// What stands before must not be told after a start, however little it is.
    owed: Lsn,
}

impl HistorySlot {
    fn new(name: String, generation: u32, confirmed: Lsn) -> Self {
        Self { name, generation, confirmed, advancing: None, owed: Lsn::default() }
    }

    /// Tells the database, in the background, that the log before `needed` is no longer wanted.
    pub(super) fn advance(&mut self, pool: &PgPool, needed: Lsn) {
        if let Some(advancing) = self.advancing.take_if(|advancing| advancing.is_finished()) {
            // Finished: what it gave is there at once.
            if let Some(Ok(Some(lsn))) = futures_util::FutureExt::now_or_never(advancing) {
                self.confirmed = self.confirmed.max(lsn);
            }
        }
        let needed = needed.max(self.owed);
        let little = self.confirmed >= self.owed && needed.0 < self.confirmed.0 + STEP;
        if self.advancing.is_some() || little {
            return;
        }
        let (pool, name) = (pool.clone(), self.name.clone());
        self.advancing = Some(tokio::spawn(async move {
            let sql = "SELECT end_lsn::text FROM pg_catalog.pg_replication_slot_advance($1, $2::pg_catalog.pg_lsn)";
            let advanced = sqlx::query_scalar::<_, String>(sql).bind(&name).bind(needed.to_string()).fetch_one(&pool);
            match advanced.await {
                Ok(lsn) => lsn.parse().ok(),
                Err(error) => {
                    tracing::warn!(slot = name, %error, "the history slot could not be advanced");
                    None
                }
            }
        }));
    }

    /// Of some tables the log before `lsn` does not tell: it is let go of as soon as the slot can be advanced.
    pub(super) fn skip(&mut self, pool: &PgPool, lsn: Lsn) {
        self.owed = self.owed.max(lsn);
        self.advance(pool, lsn);
    }

    /// The same as [`Self::advance`], at once and for sure.
    pub(super) async fn advance_now(&mut self, pool: &PgPool, to: Lsn) -> Result<(), sqlx::Error> {
        let sql = "SELECT pg_catalog.pg_replication_slot_advance($1, $2::pg_catalog.pg_lsn)";
        sqlx::query(sql).bind(&self.name).bind(to.to_string()).execute(pool).await?;
        self.confirmed = to;
        Ok(())
    }
}

/// `pg_database.oid` of the database in use.
pub(super) async fn database_oid(pool: &PgPool) -> Result<u32, sqlx::Error> {
    let oid: i64 =
        sqlx::query_scalar("SELECT oid::bigint FROM pg_catalog.pg_database WHERE datname = current_database()")
            .fetch_one(pool)
            .await?;
    Ok(u32::try_from(oid).unwrap_or_default())
}

/// Finds the history slot of the database, or makes one, if the settings want one.
pub(super) async fn ensure(shared: &Shared) -> Result<Option<HistorySlot>, sqlx::Error> {
    if !wanted(shared).await? {
        return Ok(None);
    }
    let prefix = format!("everwire_history_{}_", database_oid(&shared.pool).await?);
    let found = "SELECT slot_name::text, coalesce(confirmed_flush_lsn::text, '0/0'), \
                 wal_status IS NOT DISTINCT FROM 'lost' \
                 FROM pg_catalog.pg_replication_slots WHERE starts_with(slot_name::text, $1)";
    let found: Vec<(String, String, bool)> = sqlx::query_as(found).bind(&prefix).fetch_all(&shared.pool).await?;
    let generation = |name: &str| name[prefix.len()..].parse::<u32>().ok();
    let newest = found.into_iter().filter_map(|slot| Some((generation(&slot.0)?, slot))).max_by_key(|slot| slot.0);
    let next = match newest {
        Some((generation, (name, confirmed, false))) => {
            let confirmed = confirmed.parse().unwrap_or_default();
            return Ok(Some(HistorySlot::new(name, generation, confirmed)));
        }
        Some((generation, (name, ..))) => {
            tracing::warn!(slot = name, "the history slot was lost: a new epoch begins");
            let drop = "SELECT pg_catalog.pg_drop_replication_slot($1)";
            sqlx::query(drop).bind(&name).execute(&shared.pool).await?;
            generation.wrapping_add(1)
        }
        None => 0,
    };
    make(shared, format!("{prefix}{next}"), next).await
}

async fn make(shared: &Shared, name: String, generation: u32) -> Result<Option<HistorySlot>, sqlx::Error> {
    let made = "SELECT lsn::text FROM pg_catalog.pg_create_logical_replication_slot($1, 'pgoutput')";
    let made: Result<String, sqlx::Error> = sqlx::query_scalar(made).bind(&name).fetch_one(&shared.pool).await;
    match made {
        Ok(lsn) => Ok(Some(HistorySlot::new(name, generation, lsn.parse().unwrap_or_default()))),
        // Another server was faster: its slot serves both.
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42710") => {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Box::pin(ensure(shared)).await
        }
        Err(error @ sqlx::Error::Database(_)) => {
            tracing::warn!(%error, "there is no history slot: a server that starts again starts copies over");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The tables that may have been altered, or published, since the slot's position: of those the past is not told by
/// the model of the present, even where it looks so (values computed anew, a table made anew under its name). Told by
/// the transactions that wrote their rows of the catalog.
pub(super) async fn altered_since(shared: &Shared, kept: &HistorySlot) -> Result<Vec<TableId>, sqlx::Error> {
    let model = shared.model();
    let logged = model.tables().filter(|(_, table)| table.is_logged());
    let oids: Vec<String> = logged.map(|(_, table)| table.oid.to_string()).collect();
    let oids = array_literal(oids.iter().map(|oid| Some(oid.as_str())));
    let altered: Vec<i64> = sqlx::query_scalar(include_str!("altered.sql"))
        .bind(&kept.name)
        .bind(oids)
        .bind(PUBLICATION)
        .fetch_all(&shared.pool)
        .await?;
    Ok(altered.into_iter().filter_map(|oid| model.table_by_oid(oid as u32)).collect())
}

/// A slot that its server never comes back to holds the log for ever, unless the database bounds that.
/// <https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-MAX-SLOT-WAL-KEEP-SIZE>
async fn wanted(shared: &Shared) -> Result<bool, sqlx::Error> {
    match shared.options.history_slot {
        HistorySlotPolicy::On => Ok(true),
        HistorySlotPolicy::Off => Ok(false),
        HistorySlotPolicy::Auto => {
            let kept: String = sqlx::query_scalar("SELECT pg_catalog.current_setting('max_slot_wal_keep_size')")
                .fetch_one(&shared.pool)
                .await?;
            if kept == "-1" {
                tracing::info!("max_slot_wal_keep_size is not set: no history slot, so a restart starts copies over");
            }
            Ok(kept != "-1")
        }
    }
}

/// A slot that Everwire made, as `everwire slots` lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotReport {
    /// Its name.
    pub name: String,
    /// Whether a server is connected to it.
    pub active: bool,
    /// Bytes of the log that it holds on the database's disk.
    pub wal_bytes: i64,
    /// Postgres' own word for its state: reserved, extended, unreserved, lost.
    pub status: String,
}

/// The slots that Everwire made in this database.
///
/// # Errors
/// When the database cannot be asked.
pub async fn slots(pool: &PgPool) -> Result<Vec<SlotReport>, sqlx::Error> {
    let sql = "SELECT slot_name::text, active, \
               coalesce(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), restart_lsn), 0)::bigint, \
               coalesce(wal_status, 'lost') FROM pg_catalog.pg_replication_slots \
               WHERE slot_name ~ '^everwire_' AND database = current_database() ORDER BY slot_name";
    let rows: Vec<(String, bool, i64, String)> = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(pool).await?;
    let report = |(name, active, wal_bytes, status)| SlotReport { name, active, wal_bytes, status };
    Ok(rows.into_iter().map(report).collect())
}

/// Drops a slot that Everwire made.
///
/// # Errors
/// When there is no such slot, or a server is connected to it.
pub async fn drop_slot(pool: &PgPool, name: &str) -> Result<(), sqlx::Error> {
    let sql = "SELECT pg_catalog.pg_drop_replication_slot(slot_name) FROM pg_catalog.pg_replication_slots \
               WHERE slot_name = $1 AND slot_name ~ '^everwire_' AND database = current_database()";
    match sqlx::query(sql).bind(name).execute(pool).await?.rows_affected() {
        0 => Err(sqlx::Error::RowNotFound),
        _ => Ok(()),
    }
}
