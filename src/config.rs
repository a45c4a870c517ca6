//! What can be set: every setting is a flag with an environment name. Plain values; reads nothing but those.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Serves a Postgres database as GraphQL and keeps every front-end's partial copy of it exactly in step.
#[derive(Debug, Parser)]
#[command(name = "everwire", version, about)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serves the database until Ctrl-C.
    Serve(Box<ServeOptions>),
    /// Prints the GraphQL schema (SDL).
    Schema(DatabaseOptions),
    /// Prints the address of the database in use, for psql beside a running server.
    Url(DatabaseOptions),
    /// Says whether the database is ready, and what to do about each finding.
    Check(DatabaseOptions),
    /// Lists the replication slots that Everwire made in the database, and how much of its log each holds.
    Slots(SlotsOptions),
}

/// Which slots of which database.
#[derive(Debug, Clone, Args)]
pub struct SlotsOptions {
    /// Which database.
    #[command(flatten)]
    pub database: DatabaseOptions,
    /// Drops this slot, which no server is connected to.
    #[arg(long, value_name = "NAME")]
    pub drop: Option<String>,
}

/// Which database, and what of it.
#[derive(Debug, Clone, Args)]
pub struct DatabaseOptions {
    /// Address of the database, postgres://user:password@host:port/database. Not given: a Postgres of its own
    /// with the example database.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// Folder of the Postgres that is started where no address is given.
    #[arg(long, env = "EVERWIRE_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// Schema of the database to serve. Can be given several times.
    #[arg(long = "schema", env = "EVERWIRE_SCHEMA", default_value = "public", value_delimiter = ',')]
    pub schemas: Vec<String>,
    /// What to log: error, warn, info, debug, trace, or a filter like everwire=debug,sqlx=warn.
    #[arg(long, env = "EVERWIRE_LOG", default_value = "info,sqlx::postgres::notice=warn")]
    pub log: String,
}

/// How to serve it.
#[derive(Debug, Clone, Args)]
pub struct ServeOptions {
    /// Which database.
    #[command(flatten)]
    pub database: DatabaseOptions,
    /// Address and port to listen on.
    #[arg(long, env = "EVERWIRE_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Origins of web pages, besides the server's own, that may ask over HTTP (CORS) and open a socket, such as
    /// `https://board.example.com`. Can be given several times.
    #[arg(long = "allowed-origin", env = "EVERWIRE_ALLOWED_ORIGINS", value_delimiter = ',', value_parser = origin)]
    pub allowed_origins: Vec<String>,
    /// File of documents that clients may name by id: a JSON object of texts by id, as GraphQL Code Generator writes
    /// persisted-documents.json. Read again at SIGHUP.
    #[arg(long = "documents", env = "EVERWIRE_DOCUMENTS", value_name = "FILE")]
    pub listed_documents: Option<PathBuf>,
    /// Takes no documents but those of --documents.
    #[arg(long, env = "EVERWIRE_ONLY_DOCUMENTS", requires = "listed_documents")]
    pub only_documents: bool,
    /// Bytes of documents to keep that clients sent with their hash, to be named by it (automatic persisted queries).
    #[arg(long, env = "EVERWIRE_PERSISTED_QUERY_BYTES", default_value_t = 16 << 20)]
    pub persisted_query_bytes: u64,
    /// Connections to the database for queries and mutations.
    #[arg(long, env = "EVERWIRE_POOL_SIZE", default_value_t = 16)]
    pub pool_size: u32,
    /// Seconds that one statement may take.
    #[arg(long, env = "EVERWIRE_STATEMENT_TIMEOUT", default_value = "30", value_parser = seconds)]
    pub statement_timeout: Duration,
    /// Rows of a list that is asked for without `first` or `last`.
    #[arg(long, env = "EVERWIRE_DEFAULT_ROWS", default_value_t = 100)]
    pub default_rows: u64,
    /// The most rows that a list may be asked for.
    #[arg(long, env = "EVERWIRE_MAX_ROWS", default_value_t = 1_000)]
    pub max_rows: u64,
    /// The most rows that a list may be asked to skip by `offset`.
    #[arg(long, env = "EVERWIRE_MAX_OFFSET", default_value_t = 100_000)]
    pub max_offset: u64,
    /// Bytes of recent commits to keep in memory for subscribers that come back.
    #[arg(long, env = "EVERWIRE_HISTORY_BYTES", default_value_t = 64 * 1024 * 1024)]
    pub history_bytes: usize,
    /// Seconds for which recent commits are kept at most.
    #[arg(long, env = "EVERWIRE_HISTORY_TIME", default_value = "3600", value_parser = seconds)]
    pub history_time: Duration,
    /// Whether the database keeps the log of recent commits for a server that starts again (a replication slot that
    /// is not connected). `auto`: if max_slot_wal_keep_size bounds what a forgotten slot can hold.
    #[arg(long, env = "EVERWIRE_HISTORY_SLOT", value_enum, default_value = "auto")]
    pub history_slot: HistorySlotPolicy,
    /// Bytes of the database's log that the history slot may hold on its disk while a server runs.
    #[arg(long, env = "EVERWIRE_HISTORY_WAL_BYTES", default_value_t = 256 * 1024 * 1024)]
    pub history_wal_bytes: u64,
    /// Bytes of messages to keep in memory for those who are about to read them. Beyond, a commit's message is made again for
    /// whoever wants it.
    #[arg(long, env = "EVERWIRE_MESSAGES_BYTES", default_value_t = 64 * 1024 * 1024)]
    pub messages_bytes: usize,
    /// Folder for files without a name, in which starting copies and commits wait that are too large for memory. Not
    /// given: the system's folder for temporary files.
    #[arg(long, env = "EVERWIRE_SPOOL_DIR")]
    pub spool_dir: Option<PathBuf>,
    /// Bytes on disk that those files may take in all.
    #[arg(long, env = "EVERWIRE_SPOOL_BYTES", default_value_t = 4 * 1024 * 1024 * 1024)]
    pub spool_bytes: u64,
    /// Bytes in memory of a starting copy, or of a commit, from which on it waits on disk.
    #[arg(long, env = "EVERWIRE_SPOOL_AFTER", default_value_t = 4 * 1024 * 1024)]
    pub spool_after: usize,
    /// Seconds after which an idle subscription is told the position reached.
    #[arg(long, env = "EVERWIRE_PROGRESS_INTERVAL", default_value = "10", value_parser = seconds)]
    pub progress_interval: Duration,
    /// Whether tables that lack REPLICA IDENTITY FULL get it. Not given: `full` for the Postgres of its own, `keep`
    /// for a database by address, of which nothing but a publication and a slot is touched.
    #[arg(long, env = "EVERWIRE_REPLICA_IDENTITY", value_enum)]
    pub replica_identity: Option<ReplicaIdentityPolicy>,
    /// Whether the database tells when it is altered, by event triggers that are made there (which takes a superuser).
    /// Not given: `on` for the Postgres of its own, `off` for a database by address; then the first change of an altered
    /// table tells, and SIGHUP.
    #[arg(long, env = "EVERWIRE_WATCH_SCHEMA", value_enum)]
    pub watch_schema: Option<WatchSchema>,
    /// What one document can ask for.
    #[command(flatten)]
    pub documents: DocumentLimits,
    /// What one client can use up.
    #[command(flatten)]
    pub limits: HttpLimits,
}

/// What one document can ask for.
#[derive(Debug, Clone, Args)]
pub struct DocumentLimits {
    /// The longest document, in bytes.
    #[arg(long = "max-document-bytes", env = "EVERWIRE_MAX_DOCUMENT_BYTES", default_value_t = 64 << 10)]
    pub document_bytes: usize,
    /// Tokens of a document.
    #[arg(long = "max-tokens", env = "EVERWIRE_MAX_TOKENS", default_value_t = 10_000)]
    pub tokens: usize,
    /// Braces, brackets and parentheses within each other, at most 128.
    #[arg(long = "max-nesting", env = "EVERWIRE_MAX_NESTING", default_value_t = 64, value_parser = up_to_128())]
    pub nesting: usize,
    /// Fields that an operation selects, its fragments written out.
    #[arg(long = "max-fields", env = "EVERWIRE_MAX_FIELDS", default_value_t = 5_000)]
    pub fields: usize,
    /// Levels that an operation selects, its fragments written out, at most 128.
    #[arg(long = "max-depth", env = "EVERWIRE_MAX_DEPTH", default_value_t = 24, value_parser = up_to_128())]
    pub depth: usize,
    /// Fields at the root of an operation.
    #[arg(long = "max-root-fields", env = "EVERWIRE_MAX_ROOT_FIELDS", default_value_t = 50)]
    pub root_fields: usize,
    /// Rows that an operation may give: `first` or `last` of each list (or --default-rows), times that of the lists in it.
    #[arg(long = "max-cost", env = "EVERWIRE_MAX_COST", default_value_t = 2_000_000)]
    pub cost: u64,
}

/// What is nested is walked over by recursion.
fn up_to_128() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=128)
}

/// Whether the database tells when it is altered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WatchSchema {
    /// By event triggers.
    On,
    /// Only by its changes.
    Off,
}

/// What one client can use up.
#[derive(Debug, Clone, Args)]
pub struct HttpLimits {
    /// The largest body of a POST, in bytes.
    #[arg(long = "max-body-bytes", env = "EVERWIRE_MAX_BODY_BYTES", default_value_t = 2 << 20)]
    pub body_bytes: usize,
    /// Seconds that a body may take to arrive.
    #[arg(long, env = "EVERWIRE_BODY_TIMEOUT", default_value = "30", value_parser = seconds)]
    pub body_timeout: Duration,
    /// The largest message on a socket, in bytes; also how much of requests may wait for their answers before no
    /// more are read.
    #[arg(long = "max-message-bytes", env = "EVERWIRE_MAX_MESSAGE_BYTES", default_value_t = 4 << 20)]
    pub message_bytes: usize,
    /// Operations that run at a time on one socket.
    #[arg(long = "max-operations", env = "EVERWIRE_MAX_OPERATIONS", default_value_t = 1_000)]
    pub operations: usize,
    /// Sockets that are open at a time.
    #[arg(long = "max-connections", env = "EVERWIRE_MAX_CONNECTIONS", default_value_t = 50_000)]
    pub connections: usize,
    /// Seconds after which a socket on which no operation runs is closed; 0: never.
    #[arg(long, env = "EVERWIRE_IDLE_TIMEOUT", default_value = "600", value_parser = seconds)]
    pub idle_timeout: Duration,
    /// Seconds that a client may take to send `connection_init`.
    #[arg(long, env = "EVERWIRE_INIT_TIMEOUT", default_value = "3", value_parser = seconds)]
    pub init_timeout: Duration,
    /// Seconds between two pings; a client that answers none of two in a row is dropped.
    #[arg(long, env = "EVERWIRE_KEEPALIVE", default_value = "25", value_parser = seconds)]
    pub keepalive: Duration,
    /// Seconds for which a socket may take nothing of what is waiting for it.
    #[arg(long, env = "EVERWIRE_WRITE_TIMEOUT", default_value = "30", value_parser = seconds)]
    pub write_timeout: Duration,
    /// Seconds that a stopping server waits for requests, then again for sockets to close.
    #[arg(long, env = "EVERWIRE_DRAIN", default_value = "5", value_parser = seconds)]
    pub drain: Duration,
}

/// Whether the database keeps the log for a server that starts again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HistorySlotPolicy {
    /// If the database bounds what a slot can hold.
    Auto,
    /// Always.
    On,
    /// Never: a server that starts again starts every copy over.
    Off,
}

/// What to do about tables of which the log does not hold the old row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReplicaIdentityPolicy {
    /// Leave them.
    Keep,
    /// ALTER TABLE … REPLICA IDENTITY FULL, on tables that the database user owns.
    Full,
}

/// As browsers write it, with the slash that people add left out.
fn origin(text: &str) -> Result<String, String> {
    let origin = text.strip_suffix('/').unwrap_or(text);
    match origin.split_once("://") {
        Some((scheme, host)) if !scheme.is_empty() && !host.is_empty() && !host.contains(['/', '*', ' ', '@']) => {
            Ok(origin.to_owned())
        }
        _ => Err("an origin has a scheme and a host and no path, such as https://board.example.com".to_owned()),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("{text:?} is not a number of seconds"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
