//! How is a copy taken? By one statement, and so of one moment, joined to the stream by which transactions it sees
//! (never by comparing log positions, since commits become visible in another order than they stand in the log).
//! Changes nothing but to move an idle log on.

use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::StartingCopy;
use super::gathering::Gathering;
use crate::changes::group::Group;
use crate::changes::row::{Row, Value};
use crate::changes::shared::Shared;
use crate::changes::snapshot::Snapshot;
use crate::error::{Code, Error, is_stale};
use crate::model::{ColumnId, Kind, Model, Table};
use crate::sequence::{Epoch, Lsn, Sequence};
use crate::sql::Statement;

/// How long a copy may wait for the stream, or for a history that reaches.
const DEADLINE: Duration = Duration::from_secs(15);
/// An idle log is moved on when the stream has not passed the copy's position by then.
const PATIENCE: Duration = Duration::from_millis(20);

/// What one statement saw.
struct Taken<'a> {
    snapshot: Snapshot,
    rows: Gathering<'a>,
}

/// Takes a copy for a group that is registered already, so that its log holds all that comes after.
pub(in crate::changes) async fn take(shared: &Shared, group: &Group) -> Result<StartingCopy, Error> {
    let mut deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(error) = group.ended() {
            return Err(error);
        }
        let model = shared.model();
        let begun = Instant::now();
        // Kept until the copy is made: what is held of rows is bounded by it.
        let permit = shared.copies.acquire().await.map_err(|_| unavailable("the server is stopping"))?;
        let (incarnation, epoch) = shared.incarnation()?;
        let taken = fetch(shared, &model, group, epoch).await;
        deadline += begun.elapsed();
        let taken = match taken {
            // The database was altered: the feed is about to find out, and goes on with the group or ends it.
            Err(error) if error.code == Code::SchemaChanged && Instant::now() < deadline => {
                drop(permit);
                shared.ask();
                tokio::time::sleep(PATIENCE).await;
                continue;
            }
            taken => taken?,
        };
        let position = taken.rows.position();
        wait_for(shared, position, incarnation, deadline).await?;
        if let Some(commits) = shared.unseen(&taken.snapshot, position, incarnation)
            && let Some(copy) = taken.rows.finish(&commits).await?
        {
            return Ok(copy);
        }
        drop(permit);
        if Instant::now() >= deadline {
            return Err(unavailable(
                "no copy could be joined to the stream: a commit waits for its standby, or the changes outrun the \
                 history that is kept (then enlarge it: EVERWIRE_HISTORY_BYTES)",
            ));
        }
        // What was missing becomes visible by itself.
        tokio::time::sleep(PATIENCE).await;
    }
}

fn unavailable(message: &str) -> Error {
    Error::new(Code::Unavailable, message)
}

/// Waits until the stream has passed `position`, or is another.
async fn wait_for(shared: &Shared, position: Lsn, incarnation: u64, deadline: Instant) -> Result<(), Error> {
    let mut reached = shared.reached.subscribe();
    let mut patience = PATIENCE;
    loop {
        let passed = reached.wait_for(|reached| reached.incarnation != incarnation || reached.lsn >= position);
        // What `wait_for` gives is a lock: let it go before the next await.
        match tokio::time::timeout(patience, passed).await.map(|passed| passed.map(|_| ())) {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(_)) => return Err(unavailable("the server is stopping")),
            Err(_) if Instant::now() >= deadline => {
                return Err(unavailable("the feed of changes is behind; try again"));
            }
            Err(_) => {
                shared.nudge(patience).await;
                patience = (patience * 2).min(Duration::from_secs(1));
            }
        }
    }
}

/// Reads the rows as fast as the database gives them.
async fn fetch<'a>(shared: &'a Shared, model: &'a Model, group: &'a Group, epoch: Epoch) -> Result<Taken<'a>, Error> {
    let statement = statement(model, group);
    let mut query = sqlx::query(AssertSqlSafe(statement.text));
    for bind in statement.binds {
        query = query.bind(bind);
    }
    let mut found = query.fetch(&shared.pool);
    let first = found.try_next().await.map_err(|error| refused(&error))?;
    let (snapshot, lsn) = first.as_ref().and_then(seen).ok_or_else(|| unavailable("the database gave no position"))?;
    let mut rows = Gathering::new(model, group, &shared.spool, Sequence { epoch, lsn, ordinal: 0 });
    while let Some(row) = found.try_next().await.map_err(|error| refused(&error))? {
        let (scope, row) = read(&row, model, group)?;
        rows.add(scope, row).await?;
    }
    Ok(Taken { snapshot, rows })
}

/// The first row: the snapshot and the position.
fn seen(row: &PgRow) -> Option<(Snapshot, Lsn)> {
    let snapshot = Snapshot::read(row.try_get(0).ok()?)?;
    let position: &str = row.try_get(1).ok()?;
    Some((snapshot, position.parse().ok()?))
}

/// Another row, and which scope it belongs to.
fn read(row: &PgRow, model: &Model, group: &Group) -> Result<(usize, Row), Error> {
    let text = |index: usize| row.try_get::<Option<&str>, _>(index).map_err(|error| refused(&error));
    let index = text(0)?.and_then(|text| text.parse().ok()).unwrap_or(usize::MAX);
    let lost = || Error::new(Code::Internal, "a row of a copy belongs nowhere");
    let scope = group.scopes.get(index).ok_or_else(lost)?;
    let value = |(index, column): (usize, &ColumnId)| Ok((*column, text(index + 2)?.map_or(Value::Null, Value::Text)));
    let values = scope.needed.iter().enumerate().map(value).collect::<Result<Vec<_>, Error>>()?;
    Ok((index, Row::new(model.table(scope.table).columns.len(), values.into_iter())))
}

/// One statement, and so one snapshot, for the position and the rows of all scopes, each with its scope's index.
/// The position is read after the snapshot was taken: all that the snapshot sees stands before it. It comes first: the
/// session allows no parallel plan, and any other goes through the parts in their order.
fn statement(model: &Model, group: &Group) -> Statement {
    let width = group.scopes.iter().map(|scope| scope.needed.len()).max().unwrap_or_default();
    let mut sql = Statement::new();
    sql.keyword("SELECT pg_catalog.pg_current_snapshot()::pg_catalog.text, ");
    sql.keyword("pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text");
    fill(width, &mut sql);
    for (index, (scope, rows)) in group.scopes.iter().zip(&group.follow.rows).enumerate() {
        let table = model.table(scope.table);
        sql.keyword(" UNION ALL SELECT '").expression(&index.to_string()).keyword("', NULL");
        for column in &scope.needed {
            sql.keyword(", ");
            write_text(table, *column, &mut sql);
        }
        fill(width - scope.needed.len(), &mut sql);
        sql.keyword(" FROM ").qualified(&table.sql).keyword(" AS ").identifier("t").keyword(" WHERE ");
        rows.filter.write(model, table, "t", &mut sql);
    }
    sql
}

/// The columns that another part of the statement has more.
fn fill(columns: usize, sql: &mut Statement) {
    for _ in 0..columns {
        sql.keyword(", NULL");
    }
}

/// The text of a value as the log has it, which is what the type's output function gives. A cast to text is the
/// same for most types, but not for boolean and for some that only Postgres knows (inet, character).
fn write_text(table: &Table, column: ColumnId, sql: &mut Statement) {
    let described = table.column(column);
    if matches!(described.kind, Kind::Boolean | Kind::Padded | Kind::Spatial(_) | Kind::Printed(_) | Kind::Opaque) {
        sql.keyword("CASE WHEN ").column("t", &described.name).keyword(" IS DISTINCT FROM NULL THEN ");
        sql.keyword("pg_catalog.concat(").column("t", &described.name).keyword(") END");
    } else {
        sql.column("t", &described.name).keyword("::pg_catalog.text");
    }
}

/// What a database error means for the one who subscribes.
pub(in crate::changes) fn refused(error: &sqlx::Error) -> Error {
    tracing::warn!(%error, "a starting copy failed");
    let code = error.as_database_error().and_then(|error| error.code());
    match code.as_deref() {
        Some(code) if code.starts_with("22") => {
            Error::new(Code::DataInvalid, "a value in the filter is not one of the column's type")
        }
        Some(code) if is_stale(code) => Error::new(Code::SchemaChanged, "the table was altered; try again"),
        Some("42501") => Error::new(Code::Forbidden, "the database role may not read this table"),
        Some("57014") => Error::new(Code::Timeout, "the starting copy took longer than the database allows"),
        _ => unavailable("the database cannot be read just now"),
    }
}
