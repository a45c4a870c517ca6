//! The Postgres that comes with it: who has no database gets a cluster in a folder of its own.
//!
//! Takes a folder, a port and a database name; gives a running, healthy Postgres and its address. It must
//! leave a cluster that starts again after whatever ends this process, must never run Postgres as root, and
//! must never touch a cluster that another live process owns.
//!
//! ```text
//! folder      the data folder: what lies where, whose it is, who holds it
//! binaries    initdb and postgres: found on this machine, or downloaded
//! creation    initdb, into a folder that is renamed when it is whole
//! postmaster  one running server: start, ready, end
//! migrations  the example database
//! ```

mod binaries;
mod creation;
mod folder;
mod migrations;
mod postmaster;

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::time::{sleep, timeout};

use crate::error::StartError;
use binaries::Binaries;
use folder::{Folder, Hold};
use postmaster::{Failure, Launch, Postmaster};

pub use folder::default_data_dir;
pub use migrations::{MIGRATOR, migrate};

/// The setting that every failure of the embedded Postgres hangs on.
const SETTING: &str = "--data-dir / EVERWIRE_DATA_DIR";

/// Servers tried in one start: a port may be taken under our nose, old backends may still be ending.
const ATTEMPTS: u32 = 50;

/// How long a server that says that it is ready may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// What to start, and where.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// Everwire's own folder; made if missing. The cluster, its password, log and lock lie in it.
    pub data_dir: PathBuf,
    /// The port on 127.0.0.1; 0 takes the one of the last time if it is free, else any free one.
    pub port: u16,
    /// The database to serve; created if missing.
    pub database: String,
    /// More settings of `postgres`, as (name, value).
    pub settings: Vec<(String, String)>,
}

/// A running Postgres that this process owns. Dropping it asks the server to stop without waiting for it;
/// [`Cluster::stop`] waits.
#[derive(Debug)]
pub struct Cluster {
    url: String,
    // Before the hold: the folder must not be offered to others before the server was told to stop.
    postmaster: Postmaster,
    _hold: Hold,
}

impl Cluster {
    /// Starts the cluster in `options.data_dir`, which is created if it is not there yet.
    ///
    /// # Errors
    /// No usable Postgres, a folder that cannot be used or that another process holds, a port that is taken,
    /// or whatever Postgres itself says in its log.
    pub async fn start(options: &ClusterOptions) -> Result<Cluster, StartError> {
        let folder = Folder::open(&options.data_dir)?;
        let hold = folder.hold().await?;
        postmaster::end_leftover(&folder.cluster()).await?;
        let binaries = binaries::find(&folder, folder.cluster_version()?).await?;
        if !folder.is_created() {
            creation::create(&folder, &binaries, &options.settings).await?;
        }
        let (postmaster, port) = launch(&folder, &binaries, options).await?;
        prepare_database(&folder.url(port, "postgres")?, &options.database).await?;
        let url = folder.url(port, &options.database)?;
        folder.remember(&url)?;
        tracing::info!(port, folder = %options.data_dir.display(), "embedded Postgres is ready");
        Ok(Cluster { url, postmaster, _hold: hold })
    }

    /// The address of the database with user and password, as psql and sqlx take it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Waits until the server has ended, though nobody asked it to, and says how.
    pub async fn ended(&self) -> String {
        self.postmaster.ended().await
    }

    /// Stops the server in good order and gives the folder free. Connections are cut; if that does not end
    /// the server within 20 seconds it is made to quit, which the next start recovers from.
    pub async fn stop(mut self) {
        self.postmaster.stop().await;
    }
}

/// The address of the database that is running in `data_dir`, for another process than the one that runs it.
///
/// # Errors
/// Nothing is running there, or its password is not ours to read.
pub fn running_url(data_dir: &Path) -> Result<String, StartError> {
    let folder = Folder::at(data_dir);
    let ready = postmaster::running(&folder.cluster()).is_some_and(|server| server.ready);
    if !ready {
        return Err(StartError::new(
            format!("No Postgres is running in {}", data_dir.display()),
            SETTING,
            "Start it with `everwire serve`, with the same --data-dir, or name a database with --database-url.",
        ));
    }
    folder.remembered_url()
}

/// Starts a server that gets ready, on the first port that works.
async fn launch(
    folder: &Folder,
    binaries: &Binaries,
    options: &ClusterOptions,
) -> Result<(Postmaster, u16), StartError> {
    folder.rotate_log()?;
    let mut remembered = folder.remembered_port();
    for _ in 0..ATTEMPTS {
        let port = choose_port(options.port, remembered)?;
        let launch = Launch { folder, binaries, port, settings: &options.settings };
        match Postmaster::start(&launch).await {
            Ok(postmaster) => return Ok((postmaster, port)),
            Err(Failure::PortTaken) => remembered = None,
            Err(Failure::StillInUse) => sleep(Duration::from_millis(100)).await,
            Err(Failure::Other(error)) => return Err(error),
        }
    }
    Err(StartError::new(
        format!("Processes of an earlier Postgres still use {}, or its port is taken", folder.cluster().display()),
        SETTING,
        "End the `postgres` processes of that folder, then start again.",
    ))
}

/// The port that was asked for, else the remembered one if it is free, else any free one.
fn choose_port(asked: u16, remembered: Option<u16>) -> Result<u16, StartError> {
    let free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).and_then(|socket| socket.local_addr());
    if asked != 0 {
        return match free(asked) {
            Ok(_) => Ok(asked),
            Err(error) => Err(StartError::new(
                format!("Port {asked} cannot be used for Postgres: {error}"),
                "the port of the embedded Postgres",
                "End the program that listens there, or choose another port (0 takes a free one).",
            )),
        };
    }
    match remembered.map(free) {
        Some(Ok(address)) => Ok(address.port()),
        Some(Err(_)) | None => free(0).map(|address| address.port()).map_err(|error| {
            StartError::new(
                format!("No free port on 127.0.0.1: {error}"),
                SETTING,
                "Check this machine's network settings.",
            )
        }),
    }
}

/// Proves that the server answers, and creates the database if it is missing.
async fn prepare_database(server_url: &str, database: &str) -> Result<(), StartError> {
    let prepared = timeout(ANSWER_LIMIT, create_missing_database(server_url, database)).await;
    let cause = match prepared {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer within 10 seconds".to_owned(),
    };
    Err(StartError::new(
        format!("The embedded Postgres runs, but the database {database:?} cannot be opened: {cause}"),
        SETTING,
        "If the password was changed or its file was lost, start with an empty data folder.",
    ))
}

async fn create_missing_database(server_url: &str, database: &str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(server_url).await?;
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(database)
        .fetch_one(&mut connection)
        .await?;
    if !exists {
        // A name cannot be a parameter here; it is quoted, with its quotes doubled.
        let quoted = database.replace('"', "\"\"");
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE \"{quoted}\""))).execute(&mut connection).await?;
    }
    connection.close().await
}
