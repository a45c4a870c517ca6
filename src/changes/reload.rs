//! What if the database is altered while it is followed? Reads the catalog anew at the place in the stream where the
//! alteration stands, and tells for each group whether it is concerned. Ids stay (see [`Model::succeeded_by`]), so
//! what is not concerned goes on without noticing.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::effect::Scope;
use super::group::Group;
use super::publication::{self, Streaming, Unpublished};
use super::retention::HistorySlot;
use super::shared::Shared;
use super::snapshot::Snapshot;
use crate::error::StartError;
use crate::filter::judge::Judge;
use crate::model::{self, Kind, Model, Reading, TableId};
use crate::sequence::Lsn;

/// How long the alteration may take to become visible after it stood in the log.
const VISIBLE: Duration = Duration::from_secs(5);
/// How often at most the catalog is read because someone asked for it.
const PAUSE: Duration = Duration::from_millis(200);

/// Builds what else depends on the model, which may take a while; what it gives makes that the present at once.
pub type Altered = Arc<dyn Fn(Arc<Model>) -> Swap + Send + Sync>;
/// See [`Altered`].
pub type Swap = Box<dyn FnOnce() + Send>;

/// What the feed knows of its readings of the catalog.
#[derive(Default)]
pub(super) struct Reloads {
    /// What the last one saw.
    seen: Option<Snapshot>,
    /// The publication could not be brought up to date.
    unpublished: bool,
    /// When to read it next without an event.
    due: Option<Instant>,
}

impl Reloads {
    /// Before a slot is made: the catalog and the publication. Gives what cannot be followed.
    pub(super) async fn prepare(&mut self, shared: &Shared) -> Result<Vec<Unpublished>, StartError> {
        let reading = model::read(&shared.pool, &shared.options.schemas).await.map_err(|error| {
            StartError::new(
                format!("The database's catalog cannot be read: {error}"),
                "--database-url (DATABASE_URL)",
                "Check that it accepts connections, and is no standby",
            )
        })?;
        let known = shared.model();
        let next = known.succeeded_by(reading.model).map(Arc::new);
        let policy = shared.options.replica_identity;
        let model = next.as_ref().unwrap_or(&known);
        let (unpublished, added) = publication::keep_up(&shared.pool, model, policy, Streaming::NotYet).await?;
        if !added.is_empty() {
            shared.note_republished();
        }
        if let Some(next) = next {
            let position = position(shared).await?;
            adopt(shared, next, position, unpublished.clone(), &added).await;
        }
        Ok(unpublished)
    }

    /// Someone has found something odd.
    pub(super) fn ask(&mut self) {
        self.due.get_or_insert(Instant::now() + PAUSE);
    }

    /// Waits until the catalog is to be read without an event.
    pub(super) async fn due(due: Option<Instant>) {
        match due {
            Some(due) => tokio::time::sleep_until(due).await,
            None => std::future::pending().await,
        }
    }

    /// When that is.
    pub(super) fn when(&self) -> Option<Instant> {
        self.due
    }

    /// Reads the catalog, as it is after the transaction `xid`; a new model if the database was altered. By then all
    /// who hang on the model have it. Tables published by this have no past: `kept` never tells one of them.
    pub(super) async fn reload(
        &mut self,
        shared: &Shared,
        xid: Option<u64>,
        kept: Option<&mut HistorySlot>,
    ) -> Result<Option<Arc<Model>>, StartError> {
        if xid.is_some_and(|xid| self.seen.as_ref().is_some_and(|seen| seen.sees(xid))) {
            return Ok(None);
        }
        self.due = None;
        let (model, snapshot) = read(shared, xid).await.map_err(|error| unread(&error))?;
        self.seen = Some(snapshot);
        let known = shared.model();
        let Some(next) = known.succeeded_by(model).map(Arc::new) else {
            if self.unpublished {
                let (unpublished, added) = self.publish(shared, &known).await;
                let position = settled(shared, kept, &added).await?;
                shared.publish_late(unpublished, &added, position);
            }
            return Ok(None);
        };
        tracing::info!(generation = next.generation, "the database was altered");
        // Before anyone can subscribe: all that is written from then on is in the stream, and so is the position
        // from which on a new column or table can be gone on from.
        let (unpublished, added) = self.publish(shared, &next).await;
        let position = settled(shared, kept, &added).await?;
        adopt(shared, Arc::clone(&next), position, unpublished, &added).await;
        Ok(Some(next))
    }

    async fn publish(&mut self, shared: &Shared, model: &Model) -> (Vec<Unpublished>, Vec<TableId>) {
        let policy = shared.options.replica_identity;
        match publication::keep_up(&shared.pool, model, policy, Streaming::Already).await {
            Ok(kept_up) => {
                self.unpublished = false;
                kept_up
            }
            Err(error) => {
                tracing::warn!(%error, "new tables cannot be followed yet");
                self.unpublished = true;
                self.due = Some(Instant::now() + VISIBLE);
                let mut unpublished = shared.unpublished();
                unpublished.retain(|unpublished| !model.table(unpublished.table).dropped);
                let new = model.tables().filter(|(_, table)| table.generation == model.generation);
                let new = new.filter(|(id, _)| unpublished.iter().all(|unpublished| unpublished.table != *id));
                let reason = "the publication could not be brought up to date yet";
                let new: Vec<_> = new.map(|(table, _)| Unpublished { table, reason: reason.to_owned() }).collect();
                unpublished.extend(new);
                (unpublished, Vec::new())
            }
        }
    }
}

/// A commit can stand in the log for a moment before others see it.
async fn read(shared: &Shared, xid: Option<u64>) -> Result<(Model, Snapshot), sqlx::Error> {
    let deadline = Instant::now() + VISIBLE;
    loop {
        let Reading { model, snapshot } = model::read(&shared.pool, &shared.options.schemas).await?;
        let snapshot = Snapshot::read(&snapshot).ok_or(sqlx::Error::RowNotFound)?;
        if xid.is_none_or(|xid| snapshot.sees(xid)) {
            return Ok((model, snapshot));
        }
        if Instant::now() > deadline {
            return Err(sqlx::Error::Protocol("what altered the database does not become visible".to_owned()));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn unread(error: &sqlx::Error) -> StartError {
    let what = format!("The database's catalog cannot be read: {error}");
    StartError::new(what, "--database-url (DATABASE_URL)", "Check that it accepts connections")
}

async fn position(shared: &Shared) -> Result<Lsn, StartError> {
    let sql = "SELECT pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text";
    let text: String = sqlx::query_scalar(sql).fetch_one(&shared.pool).await.map_err(|error| unread(&error))?;
    text.parse().map_err(|_| unread(&sqlx::Error::RowNotFound))
}

/// The position from which on what was published, and what was altered, is told. A start of the server must not find
/// an older one in the history slot, if tables were `added`.
async fn settled(shared: &Shared, kept: Option<&mut HistorySlot>, added: &[TableId]) -> Result<Lsn, StartError> {
    let position = position(shared).await;
    match (&position, kept) {
        (Ok(position), Some(kept)) if !added.is_empty() => kept.skip(&shared.pool, *position),
        // The stream ends by this: the next one has no past.
        (Err(_), _) if !added.is_empty() => shared.note_republished(),
        _ => {}
    }
    position
}

async fn adopt(shared: &Shared, model: Arc<Model>, position: Lsn, unpublished: Vec<Unpublished>, added: &[TableId]) {
    let swap = match shared.altered() {
        // A schema of many tables takes a while to build.
        Some(altered) => {
            let model = Arc::clone(&model);
            tokio::task::spawn_blocking(move || altered(model)).await.ok()
        }
        None => None,
    };
    shared.adopt(model, position, unpublished, added, swap);
}

/// Why a group cannot go on; or `None` if it can, by the new model.
pub(super) fn touched(
    group: &Group,
    known: &Model,
    next: &Model,
    unpublished: &[Unpublished],
    added: &[TableId],
) -> Option<String> {
    let of_scope = |(index, scope): (usize, &Scope)| {
        let name = || &next.table(scope.table).names.type_name;
        if let Some(why) = altered(group, index, known, next) {
            return Some(why);
        }
        if unpublished.iter().any(|unpublished| unpublished.table == scope.table) {
            return Some(format!("changes of `{}` can no longer be followed", name()));
        }
        added.contains(&scope.table).then(|| format!("changes of `{}` were not told for a while", name()))
    };
    group.scopes.iter().enumerate().find_map(of_scope)
}

/// Why one of a group's scopes cannot go on.
fn altered(group: &Group, index: usize, known: &Model, next: &Model) -> Option<String> {
    let scope = &group.scopes[index];
    let (before, table) = (known.table(scope.table), next.table(scope.table));
    if let Some(why) = vanished(next, scope.table, &scope.needed) {
        return Some(why);
    }
    let name = &table.names.type_name;
    if before.key != table.key {
        return Some(format!("the primary key of `{name}` is another one"));
    }
    if group.follow.covered(index, table) != scope.covered {
        return Some(format!("`{name}` has other columns"));
    }
    let of_labels = |column: &model::ColumnId| matches!(table.column(*column).kind, Kind::Enum(_) | Kind::Composite(_));
    // An enum may have more values, in another order, also where it is a part.
    if scope.needed.iter().any(of_labels) {
        match Judge::compile(next, table, &group.follow.rows[index].filter) {
            Ok(judge) => scope.renew(judge),
            Err(error) => return Some(error.message),
        }
    }
    None
}

/// What is gone of a table and some of its columns.
pub(super) fn vanished(model: &Model, id: TableId, columns: &[model::ColumnId]) -> Option<String> {
    let table = model.table(id);
    let name = &table.names.type_name;
    if table.dropped {
        let now = model.table_by_oid(table.oid).map(|id| &model.table(id).names.type_name);
        return Some(now.map_or_else(
            || format!("the table of `{name}` is gone"),
            |now| format!("the table of `{name}` was renamed: it is `{now}` now"),
        ));
    }
    let gone = columns.iter().map(|column| table.column(*column)).find(|column| column.dropped)?;
    let field = &gone.field;
    let successor = table.columns().find(|(_, column)| column.number == gone.number).map(|(_, column)| &column.field);
    Some(match successor {
        Some(now) if now == field => format!("the column `{field}` of `{name}` was altered"),
        Some(now) => format!("the column `{field}` of `{name}` was renamed: it is `{now}` now"),
        None => format!("the column `{field}` of `{name}` is gone"),
    })
}
