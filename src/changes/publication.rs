//! What does the log tell about? Keeps the publication `everwire` to exactly the served tables that may be
//! published. A table whose rows cannot be told apart is never published: every program's UPDATE and DELETE on
//! it would fail.

use sqlx::{AssertSqlSafe, PgConnection, PgPool};

use crate::config::ReplicaIdentityPolicy;
use crate::error::StartError;
use crate::model::{Model, Table, TableId};
use crate::sql::array_literal;

/// The publication's name.
pub(super) const PUBLICATION: &str = "everwire";

/// A table whose changes cannot be followed, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpublished {
    /// The table.
    pub table: TableId,
    /// Why, and what to do.
    pub reason: String,
}

/// How far the log tells the rows of a table apart: the worst of its partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Identity {
    Full,
    Key,
    /// By columns that do not hold the primary key.
    Other,
    Nothing,
}

struct Found {
    id: TableId,
    identity: Identity,
    owned: bool,
    published: bool,
    /// Tables (it, or its partitions) without identity FULL, quoted.
    partial: Vec<String>,
}

/// Whether a slot reads already what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Streaming {
    /// A slot is yet to be made, which waits for all transactions that run.
    NotYet,
    /// What a transaction wrote to a table before the table was published is never told: it must have ended.
    Already,
}

/// Brings the publication up to date; gives what cannot be followed, and the tables that are published only now: of
/// them the log's past tells nothing.
pub(super) async fn keep_up(
    pool: &PgPool,
    model: &Model,
    policy: ReplicaIdentityPolicy,
    streaming: Streaming,
) -> Result<(Vec<Unpublished>, Vec<TableId>), StartError> {
    let mut found = look(pool, model).await.map_err(|error| failed(&error))?;
    if policy == ReplicaIdentityPolicy::Full {
        let own = found.iter().filter(|found| found.owned && !model.table(found.id).inherited);
        for table in own.flat_map(|found| &found.partial) {
            set_full(pool, table).await;
        }
        found = look(pool, model).await.map_err(|error| failed(&error))?;
    }
    let (published, unpublished): (Vec<_>, Vec<_>) =
        found.iter().map(|found| (found, why_not(found, model.table(found.id)))).partition(|(_, why)| why.is_none());
    let tables: Vec<&Table> = published.iter().map(|(found, _)| model.table(found.id)).collect();
    let added = publish(pool, &tables, streaming).await.map_err(|error| failed(&error))?;
    let added = added.into_iter().filter_map(|oid| model.table_by_oid(oid)).collect();
    let keyless = published.iter().filter(|(found, _)| model.table(found.id).key.is_empty());
    let keyless = keyless.map(|(found, _)| (found.id, "it has no primary key: give it one".to_owned()));
    let unpublished = unpublished.into_iter().filter_map(|(found, why)| Some((found.id, why?)));
    Ok((unpublished.chain(keyless).map(|(table, reason)| Unpublished { table, reason }).collect(), added))
}

fn failed(error: &sqlx::Error) -> StartError {
    StartError::new(
        format!("The publication `{PUBLICATION}` could not be brought up to date: {error}"),
        "--database-url (DATABASE_URL)",
        "GRANT CREATE ON DATABASE … to the role and let it own the tables that it serves, or let a superuser start Everwire \
         once, who creates the publication.",
    )
}

fn why_not(found: &Found, table: &Table) -> Option<String> {
    let name = table.sql.quoted();
    if table.inherited {
        return Some(
            "other tables inherit from it, and the log calls the rows of theirs their own only: follow each of those \
             tables instead"
                .to_owned(),
        );
    }
    match found.identity {
        Identity::Nothing if table.key.is_empty() => Some(format!(
            "it has no primary key: give it one (or, only to publish it, ALTER TABLE {name} REPLICA IDENTITY FULL)"
        )),
        Identity::Nothing | Identity::Other => Some(format!(
            "its replica identity does not hold the primary key: ALTER TABLE {name} REPLICA IDENTITY FULL"
        )),
        Identity::Full | Identity::Key if found.owned || found.published => None,
        Identity::Full | Identity::Key => Some(format!(
            "the role does not own it: its owner may say ALTER PUBLICATION {PUBLICATION} ADD TABLE {name}"
        )),
    }
}

async fn look(pool: &PgPool, model: &Model) -> Result<Vec<Found>, sqlx::Error> {
    let logged = model.tables().filter(|(_, table)| table.is_logged());
    let oids: Vec<String> = logged.map(|(_, table)| table.oid.to_string()).collect();
    let oids = array_literal(oids.iter().map(|oid| Some(oid.as_str())));
    let rows: Vec<(i64, i32, bool, bool, Vec<String>)> =
        sqlx::query_as(include_str!("identity.sql")).bind(oids).bind(PUBLICATION).fetch_all(pool).await?;
    let found = rows.into_iter().filter_map(|(oid, identity, owned, published, partial)| {
        let identity = match identity {
            0 => Identity::Full,
            1 => Identity::Key,
            2 => Identity::Other,
            _ => Identity::Nothing,
        };
        Some(Found { id: model.table_by_oid(oid as u32)?, identity, owned, published, partial })
    });
    Ok(found.collect())
}

/// Sets the identity of one table; a table that is locked for long keeps the one it has.
async fn set_full(pool: &PgPool, table: &str) {
    let set = async {
        let mut transaction = pool.begin().await?;
        sqlx::query("SET LOCAL lock_timeout = '3s'").execute(&mut *transaction).await?;
        let sql = format!("ALTER TABLE {table} REPLICA IDENTITY FULL");
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *transaction).await?;
        transaction.commit().await
    };
    if let Err(error) = set.await {
        tracing::warn!(%table, %error, "the replica identity stays as it is");
    }
}

/// The publication as it is.
struct Published {
    all_tables: bool,
    /// Publishes every operation, through the root of partitions, without row filters, column lists, schemas.
    plain: bool,
    tables: Vec<i64>,
    /// Their names, quoted.
    names: Vec<String>,
}

async fn publish(pool: &PgPool, tables: &[&Table], streaming: Streaming) -> Result<Vec<u32>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query("SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('everwire.publication', 0))")
        .execute(&mut *transaction)
        .await?;
    let published: Option<(bool, bool, Vec<i64>, Vec<String>)> =
        sqlx::query_as(include_str!("publication.sql")).bind(PUBLICATION).fetch_optional(&mut *transaction).await?;
    let published = published.map(|(all_tables, plain, tables, names)| Published { all_tables, plain, tables, names });
    let added = match published {
        Some(published) if published.all_tables || !published.plain => {
            // Its options and lists can be set in many ways; made anew, in this transaction, it is as wanted.
            execute(&mut transaction, format!("DROP PUBLICATION {PUBLICATION}")).await?;
            create(&mut transaction, tables, streaming).await?
        }
        Some(published) => alter(&mut transaction, &published, tables, streaming).await?,
        None => create(&mut transaction, tables, streaming).await?,
    };
    transaction.commit().await?;
    Ok(added)
}

/// Adds and drops what differs: tables of other owners that are right where they are stay untouched.
async fn alter(
    connection: &mut PgConnection,
    published: &Published,
    tables: &[&Table],
    streaming: Streaming,
) -> Result<Vec<u32>, sqlx::Error> {
    let wanted = |oid: &i64| tables.iter().any(|table| i64::from(table.oid) == *oid);
    let missing = tables.iter().filter(|table| !published.tables.contains(&i64::from(table.oid)));
    let missing: Vec<&Table> = missing.copied().collect();
    let superfluous = published.tables.iter().zip(&published.names).filter(|(oid, _)| !wanted(oid));
    let superfluous: Vec<&str> = superfluous.map(|(_, name)| name.as_str()).collect();
    if !superfluous.is_empty() {
        let names = superfluous.join(", ");
        execute(connection, format!("ALTER PUBLICATION {PUBLICATION} DROP TABLE {names}")).await?;
    }
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    lock(connection, &missing, streaming).await?;
    execute(connection, format!("ALTER PUBLICATION {PUBLICATION} ADD TABLE {}", names(&missing))).await?;
    Ok(missing.iter().map(|table| table.oid).collect())
}

/// Waits until nobody writes to the tables, if a slot reads already.
async fn lock(connection: &mut PgConnection, tables: &[&Table], streaming: Streaming) -> Result<(), sqlx::Error> {
    if streaming == Streaming::NotYet || tables.is_empty() {
        return Ok(());
    }
    execute(connection, "SET LOCAL lock_timeout = '3s'".to_owned()).await?;
    execute(connection, format!("LOCK TABLE {} IN SHARE MODE", names(tables))).await
}

fn names(tables: &[&Table]) -> String {
    tables.iter().map(|table| table.sql.quoted()).collect::<Vec<_>>().join(", ")
}

async fn create(
    connection: &mut PgConnection,
    tables: &[&Table],
    streaming: Streaming,
) -> Result<Vec<u32>, sqlx::Error> {
    lock(connection, tables, streaming).await?;
    let list = if tables.is_empty() { String::new() } else { format!("FOR TABLE {}", names(tables)) };
    let options = "publish = 'insert, update, delete, truncate', publish_via_partition_root = true";
    execute(connection, format!("CREATE PUBLICATION {PUBLICATION} {list} WITH ({options})")).await?;
    Ok(tables.iter().map(|table| table.oid).collect())
}

async fn execute(connection: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    sqlx::query(AssertSqlSafe(sql)).execute(connection).await.map(|_| ())
}
