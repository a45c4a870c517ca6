//! The way to Postgres: the pool, and what its errors mean to a client.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgDatabaseError, PgPoolOptions};
use sqlx::{Executor, PgPool};

use crate::error::{BrokenRule, Code, Error, is_stale};
use crate::model::{Model, Table};
use crate::selection::SESSION;

/// A pool whose sessions have the settings that values are written by.
///
/// Opens connections when they are needed; the server starts although the database is away.
pub fn connect(options: PgConnectOptions, connections: u32, statement_timeout: Duration) -> PgPool {
    let mut settings: Vec<String> = SESSION.iter().map(|(name, value)| format!("SET {name} = '{value}'")).collect();
    // Nested JSON has a high estimated cost and little to do: compiling a statement took longer than all of its rows,
    // for that of the catalog a hundred times as long.
    settings.push("SET jit = off".to_owned());
    settings.push(format!("SET statement_timeout = {}", statement_timeout.as_millis()));
    let settings: std::sync::Arc<str> = settings.join("; ").into();
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(10))
        // A broken connection shows at its next use; asking first would be a round trip for every request.
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            let settings = settings.clone();
            Box::pin(async move {
                connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(settings))).await?;
                Ok(())
            })
        })
        .connect_lazy_with(options.statement_cache_capacity(500))
}

/// What a client is told of a database error: constraint and column, never SQL, never another row's values.
pub fn public_error(model: &Model, error: &sqlx::Error) -> Error {
    let sqlx::Error::Database(database) = error else {
        tracing::warn!(%error, "the database cannot be reached");
        return Error::new(Code::Unavailable, "the database cannot be reached just now; try again");
    };
    let error = database.downcast_ref::<PgDatabaseError>();
    let table = model.tables().map(|(_, table)| table).find(|table| {
        Some(table.sql.schema.as_str()) == error.schema() && Some(table.sql.name.as_str()) == error.table()
    });
    match error.code() {
        "23505" | "23P01" => broken(Code::DataConflict, "another row has this value already", table, error),
        "23503" => broken(Code::DataReference, reference_message(error), table, error),
        "23502" => broken(Code::DataNull, "a value is required", table, error),
        "23514" => broken(Code::DataCheck, "the value is not allowed", table, error),
        // A key that a comment declares, or that of a table that others inherit from.
        "21000" if error.message().starts_with("more than one row returned") => {
            Error::new(Code::DataConflict, "more than one row has this key: the database does not keep it unique")
        }
        "21000" if error.message().starts_with("ON CONFLICT DO UPDATE") => {
            Error::new(Code::BadUserInput, "two of the rows given are the same row: their keys are equal")
        }
        // A message that a trigger or function of the database raised for its callers.
        "P0001" => Error::new(Code::DataCheck, error.message()),
        "40001" | "40P01" | "55P03" => Error::new(Code::Retry, "another transaction was in the way; try again"),
        "57014" => Error::new(Code::Timeout, "the statement ran into the time limit"),
        "42501" => Error::new(Code::Forbidden, "the database role may not do this"),
        // A collation without LIKE, say. The message is about types and functions, not about rows.
        "0A000" => Error::new(Code::Unsupported, format!("the database cannot do this: {}", error.message())),
        // Not in the statement, which would have a position: in an SQL/JSON path that was read while it ran.
        "42601" if error.position().is_none() => {
            Error::new(Code::DataInvalid, format!("the database refused a value: {}", error.message()))
        }
        "XX000" if is_of_postgis(error) => {
            tracing::warn!(%error, "PostGIS refused a geometry");
            Error::new(Code::DataInvalid, spatial_message(error.message()))
        }
        "25006" => Error::new(Code::Forbidden, "the database is read-only"),
        code if is_stale(code) => {
            tracing::warn!(%error, code, "the database is not what the schema says");
            let message = "the database was altered: what was asked for is not there as it was; ask again";
            Error::new(Code::SchemaChanged, message)
        }
        code if code.starts_with("22") || code == "428C9" => {
            Error::new(Code::DataInvalid, format!("the database refused a value: {}", error.message()))
        }
        code if ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class)) => {
            tracing::warn!(%error, "the database is not available");
            Error::new(Code::Unavailable, "the database cannot be reached just now; try again")
        }
        code => {
            tracing::error!(%error, code, "a statement failed");
            Error::new(Code::Internal, format!("the database failed with the code {code}; the server's log has more"))
        }
    }
}

/// PostGIS has no codes of its own: an error of its is told by the file that it comes out of.
/// <https://github.com/postgis/postgis/tree/master/postgis>
fn is_of_postgis(error: &PgDatabaseError) -> bool {
    let file = error.file().unwrap_or_default();
    ["lwgeom_", "geography_", "geometry_", "gserialized_"].iter().any(|start| file.starts_with(start))
}

/// Most of what PostGIS says of geometries has their coordinates in it, which may be those of other rows.
fn spatial_message(message: &str) -> String {
    let of_what_was_given = message.starts_with("Invalid hex string") || message.contains("mixed SRID");
    if of_what_was_given || !message.contains(|character: char| character.is_ascii_digit()) {
        return format!("the database refused a geometry: {message}");
    }
    "the database refused a geometry, or cannot do with it what was asked for".to_owned()
}

/// Both ends of a foreign key report the same code: a missing target, or rows that still refer.
fn reference_message(error: &PgDatabaseError) -> &'static str {
    if error.message().starts_with("insert or update") {
        "the row referred to does not exist"
    } else {
        "other rows still refer to this row"
    }
}

fn broken(code: Code, what: &str, table: Option<&Table>, error: &PgDatabaseError) -> Error {
    let mut columns = Vec::new();
    if let Some(table) = table {
        let by_constraint = error.constraint().and_then(|name| table.constraints.get(name));
        columns.extend(by_constraint.into_iter().flatten().map(|id| table.column(*id).field.clone()));
        let by_name = error.column().and_then(|name| table.column_by_name(name));
        columns.extend(by_name.map(|id| table.column(id).field.clone()));
    }
    let column = if columns.is_empty() { error.column().map(str::to_owned) } else { Some(columns.join(", ")) };
    let mut message = what.to_owned();
    if let Some(column) = &column {
        message = format!("{column}: {message}");
    }
    if let Some(constraint) = error.constraint() {
        message = format!("{message} (constraint {constraint})");
    }
    let rule = BrokenRule { constraint: error.constraint().map(str::to_owned), column };
    Error { rule: Some(Box::new(rule)), ..Error::new(code, message) }
}
