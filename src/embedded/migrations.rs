//! The example database, a project board: the files of `migrations/`, kept inside the program.
//!
//! Takes the address of a database and gives it the board's tables and rows. It must be asked for the embedded
//! cluster only: a database that the user brings is changed by nobody but the user.

use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection};

use crate::error::StartError;

/// The migrations of the example database.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// Brings the database at `url` up to the newest migration; safe to call at every start.
///
/// # Errors
/// The database cannot be reached, or a migration that it has already run was changed since.
pub async fn migrate(url: &str) -> Result<(), StartError> {
    apply(url).await.map_err(|error| {
        StartError::new(
            format!("The example database cannot be brought up to date: {error}"),
            super::SETTING,
            "It was made by another version of this program, or changed by hand: start with an empty data folder.",
        )
    })
}

async fn apply(url: &str) -> Result<(), sqlx::migrate::MigrateError> {
    let mut connection = PgConnection::connect(url).await?;
    MIGRATOR.run(&mut connection).await?;
    connection.close().await?;
    Ok(())
}
