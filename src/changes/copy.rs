//! What is there to start with? Takes the rows of a group, of one table or several, as of one position of the log:
//! one statement, and so one moment, joined to the stream by which transactions it sees (never by comparing log positions, since commits become visible
//! in another order than they stand in the log). Changes nothing but to move an idle log on.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Row as _};

use super::commit::Commit;
use super::effect::{Effect, EffectKind, Incomplete, Scope, all_effects};
use super::follow::Reset;
use super::group::Group;
use super::payload::{Envelope, Part, Writer};
use super::row::{Row, Value};
use super::shared::Shared;
use super::snapshot::Snapshot;
use crate::error::{Code, Error, is_stale};
use crate::model::{ColumnId, Kind, Model, Table};
use crate::sequence::{Epoch, Lsn, Sequence};
use crate::sql::Statement;

/// How long a copy may wait for the stream, or for a history that reaches.
const DEADLINE: Duration = Duration::from_secs(15);
/// An idle log is moved on when the stream has not passed the copy's position by then.
const PATIENCE: Duration = Duration::from_millis(20);

/// The messages of a copy. They differ by the reason for it in the first one only.
pub(super) struct StartingCopy {
    /// The copy is the state at this position.
    pub(super) at: Sequence,
    first: Part,
    /// The first message for each reason that was asked for.
    opening: Mutex<HashMap<Reset, Bytes>>,
    rest: Vec<Bytes>,
}

/// A copy being taken. Whoever waits for it drives it, so that it waits for none of those who wait.
pub(super) type Taking = Pin<Box<dyn Future<Output = Result<Arc<StartingCopy>, Error>> + Send>>;

impl StartingCopy {
    /// Whether it is one message.
    pub(super) fn is_small(&self) -> bool {
        self.rest.is_empty()
    }

    /// The message with this index.
    pub(super) fn message(&self, model: &Model, group: &Group, reason: Reset, index: usize) -> Option<Bytes> {
        if index > 0 {
            return self.rest.get(index - 1).cloned();
        }
        let mut opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        let message = opening.entry(reason).or_insert_with(|| {
            let writer = Writer { model, follow: &group.follow };
            let more = !self.rest.is_empty();
            let sequence = if more { unfinished(self.at.epoch, 1) } else { self.at };
            let envelope = Envelope { sequence: Some(sequence), reset: Some(reason), more, ..Envelope::default() };
            writer.message(&envelope, &self.first)
        });
        Some(message.clone())
    }
}

/// The position of a part of a copy that more follows: before all others, so that nobody can go on from there
/// with half a copy.
fn unfinished(epoch: Epoch, part: u32) -> Sequence {
    Sequence { epoch, lsn: Lsn(0), ordinal: part }
}

/// What one statement saw.
struct Taken {
    snapshot: Snapshot,
    position: Lsn,
    /// By scope.
    rows: Vec<Vec<Row>>,
}

/// Takes a copy for a group that is registered already, so that its log holds all that comes after.
pub(super) async fn take(shared: &Shared, group: &Group) -> Result<StartingCopy, Error> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(error) = group.ended() {
            return Err(error);
        }
        let model = shared.model();
        let incarnation = shared.incarnation()?;
        let taken = match fetch(shared, &model, group).await {
            // The database was altered: the feed is about to find out, and goes on with the group or ends it.
            Err(error) if error.code == Code::SchemaChanged && Instant::now() < deadline => {
                shared.ask();
                tokio::time::sleep(PATIENCE).await;
                continue;
            }
            taken => taken?,
        };
        wait_for(shared, taken.position, incarnation, deadline).await?;
        if let Some((epoch, commits)) = shared.unseen(&taken.snapshot, taken.position, incarnation)
            && let Ok(rows) = apply(&group.scopes, taken.rows, &commits)
        {
            let at = Sequence { epoch, lsn: taken.position, ordinal: 0 };
            return Ok(encode(&model, group, at, &rows));
        }
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

async fn fetch(shared: &Shared, model: &Model, group: &Group) -> Result<Taken, Error> {
    let _permit = shared.copies.acquire().await.map_err(|_| unavailable("the server is stopping"))?;
    let statement = statement(model, group);
    let mut query = sqlx::query(AssertSqlSafe(statement.text));
    for bind in statement.binds {
        query = query.bind(bind);
    }
    let mut found = query.fetch(&shared.pool);
    let mut seen = None;
    let mut rows: Vec<Vec<Row>> = group.scopes.iter().map(|_| Vec::new()).collect();
    while let Some(row) = found.try_next().await.map_err(|error| refused(&error))? {
        let text = |index: usize| row.try_get::<Option<&str>, _>(index).map_err(|error| refused(&error));
        let (first, position) = (text(0)?.unwrap_or_default(), text(1)?);
        if let Some(position) = position {
            seen = Snapshot::read(first).zip(position.parse().ok());
            continue;
        }
        let index = first.parse::<usize>().unwrap_or(usize::MAX);
        let known = group.scopes.get(index).zip(rows.get_mut(index));
        let (scope, rows) = known.ok_or_else(|| Error::new(Code::Internal, "a row of a copy belongs nowhere"))?;
        let values = scope
            .needed
            .iter()
            .enumerate()
            .map(|(index, column)| Ok((*column, text(index + 2)?.map_or(Value::Null, Value::Text))));
        let values = values.collect::<Result<Vec<_>, Error>>()?;
        rows.push(Row::new(model.table(scope.table).columns.len(), values.into_iter()));
    }
    let (snapshot, position) = seen.ok_or_else(|| unavailable("the database gave no position"))?;
    Ok(Taken { snapshot, position, rows })
}

/// One statement, and so one snapshot, for the position and the rows of all scopes, each with its scope's index.
/// The position is read after the snapshot was taken: all that the snapshot sees stands before it.
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
        rows.filter.write(table, "t", &mut sql);
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
    if matches!(described.kind, Kind::Boolean | Kind::Opaque) {
        sql.keyword("CASE WHEN ").column("t", &described.name).keyword(" IS DISTINCT FROM NULL THEN ");
        sql.keyword("pg_catalog.concat(").column("t", &described.name).keyword(") END");
    } else {
        sql.column("t", &described.name).keyword("::pg_catalog.text");
    }
}

/// What a database error means for the one who subscribes.
pub(super) fn refused(error: &sqlx::Error) -> Error {
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

/// Brings the rows that a snapshot saw to the position: applies the commits that it did not see. Each scope for
/// itself, since here an emptied table says all about its own rows.
fn apply(scopes: &[Scope], rows: Vec<Vec<Row>>, unseen: &[Arc<Commit>]) -> Result<Vec<Vec<Row>>, Incomplete> {
    scopes.iter().zip(rows).map(|(scope, rows)| apply_to(scope, rows, unseen)).collect()
}

fn apply_to(scope: &Scope, rows: Vec<Row>, unseen: &[Arc<Commit>]) -> Result<Vec<Row>, Incomplete> {
    let concerns = |commit: &Arc<Commit>| {
        commit.changes.iter().any(|change| change.table == scope.table) || commit.truncation(scope.table).is_some()
    };
    if !unseen.iter().any(concerns) {
        return Ok(rows);
    }
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut copy: Vec<Option<Row>> = Vec::new();
    let put = |row: Row, copy: &mut Vec<Option<Row>>, places: &mut HashMap<String, usize>| {
        let place = *places.entry(key_text(&scope.key, &row)).or_insert(copy.len());
        if place == copy.len() { copy.push(Some(row)) } else { copy[place] = Some(row) }
    };
    rows.into_iter().for_each(|row| put(row, &mut copy, &mut places));
    for commit in unseen {
        let effects = all_effects(std::slice::from_ref(scope), commit)?;
        if effects.truncated {
            copy.clear();
            places.clear();
        }
        for effect in effects.list {
            match effect.kind {
                EffectKind::Put(row) | EffectKind::Patch(row, _) => put(row.clone(), &mut copy, &mut places),
                EffectKind::Delete(row) => {
                    if let Some(place) = places.remove(&key_text(&scope.key, row)) {
                        copy[place] = None;
                    }
                }
            }
        }
    }
    Ok(copy.into_iter().flatten().collect())
}

/// The key's values in one text that no other key has.
fn key_text(key: &[ColumnId], row: &Row) -> String {
    key.iter().fold(String::new(), |mut text, column| {
        let value = row.get(*column).unwrap_or_default();
        let _ = write!(text, "{}:{value}", value.len());
        text
    })
}

fn encode(model: &Model, group: &Group, at: Sequence, rows: &[Vec<Row>]) -> StartingCopy {
    let writer = Writer { model, follow: &group.follow };
    // Numbered only to be counted; the position of each is that of the copy.
    let rows = rows.iter().enumerate().flat_map(|(scope, rows)| rows.iter().map(move |row| (scope, row)));
    let puts = (1..).zip(rows).map(|(ordinal, (scope, row))| Effect { ordinal, scope, kind: EffectKind::Put(row) });
    let mut parts = writer.parts(puts, |_| at).into_iter();
    let first = parts.next().unwrap_or_default();
    let count = parts.len() as u32;
    let rest = (2..).zip(parts).map(|(number, part)| {
        let more = number <= count;
        let envelope = Envelope {
            sequence: Some(if more { unfinished(at.epoch, number) } else { at }),
            previous: Some(unfinished(at.epoch, number - 1)),
            more,
            ..Envelope::default()
        };
        writer.message(&envelope, &part)
    });
    StartingCopy { at, rest: rest.collect(), first, opening: Mutex::default() }
}
