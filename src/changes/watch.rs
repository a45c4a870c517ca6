//! How does the server hear that the database was altered? By a message in the log, put there by event triggers, and
//! so in its place among the commits. The triggers are made once and left there: they cost nothing but a few bytes
//! of log for each DDL statement, whether or not anyone listens.

use sqlx::{AssertSqlSafe, PgPool};

/// The prefix of the message.
pub(super) const ALTERED: &str = "everwire.schema";

/// Event, name of the trigger, and for which commands: only those that can alter what is served.
const TRIGGERS: [(&str, &str, &[&str]); 2] = [
    (
        "ddl_command_end",
        "everwire_schema",
        &[
            "CREATE TABLE",
            "CREATE TABLE AS",
            "SELECT INTO",
            "ALTER TABLE",
            "CREATE VIEW",
            "ALTER VIEW",
            "CREATE MATERIALIZED VIEW",
            "ALTER MATERIALIZED VIEW",
            "CREATE FOREIGN TABLE",
            "ALTER FOREIGN TABLE",
            "IMPORT FOREIGN SCHEMA",
            "CREATE FUNCTION",
            "ALTER FUNCTION",
            "CREATE INDEX",
            "ALTER INDEX",
            "ALTER TYPE",
            "ALTER DOMAIN",
            "CREATE SCHEMA",
            "ALTER SCHEMA",
            "GRANT",
            "REVOKE",
            "COMMENT",
        ],
    ),
    ("sql_drop", "everwire_schema_drop", &[]),
];

/// Makes what is missing of the triggers; asks for the rights of a superuser if something is.
pub(super) async fn install(pool: &PgPool) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query("SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('everwire.watch', 0))")
        .execute(&mut *transaction)
        .await?;
    let there: Vec<(String, Vec<String>)> = sqlx::query_as(
        "SELECT evtname::pg_catalog.text, coalesce(evttags, '{}') FROM pg_catalog.pg_event_trigger \
         WHERE evtfoid = pg_catalog.to_regprocedure('everwire.announce()') AND evtenabled = 'A'",
    )
    .fetch_all(&mut *transaction)
    .await?;
    // A version before this one may have made them for fewer commands.
    if TRIGGERS.iter().all(|(_, name, tags)| there.iter().any(|(other, known)| other == name && known == tags)) {
        return Ok(());
    }
    sqlx::raw_sql(include_str!("watch.sql")).execute(&mut *transaction).await?;
    for (event, name, tags) in TRIGGERS {
        let condition = if tags.is_empty() { String::new() } else { format!("WHEN TAG IN ('{}')", tags.join("', '")) };
        // ALWAYS: also for what is replicated from elsewhere.
        let sql = format!(
            "DROP EVENT TRIGGER IF EXISTS {name};
             CREATE EVENT TRIGGER {name} ON {event} {condition} EXECUTE FUNCTION everwire.announce();
             ALTER EVENT TRIGGER {name} ENABLE ALWAYS"
        );
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *transaction).await?;
    }
    transaction.commit().await
}
