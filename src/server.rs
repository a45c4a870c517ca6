//! Start and stop, on one screen: the database, what it looks like, the schema, the feed, the socket.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection, PgPool};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

use crate::changes::{self, Hub};
use crate::check::{self, Severity};
use crate::config::{DatabaseOptions, DocumentLimits, ReplicaIdentityPolicy, ServeOptions, WatchSchema};
use crate::embedded::{self, Cluster, ClusterOptions};
use crate::error::StartError;
use crate::http::gateway::{Feed, Gateway};
use crate::http::persisted::{Listed, PersistedDocuments};
use crate::http::{self, Http, HttpOptions};
use crate::model::{self, Model};
use crate::operation::{self, Documents};
use crate::request::{self, Requests};
use crate::schema::Schema;

/// The name of the example database in the Postgres that comes with the program.
const EXAMPLE_DATABASE: &str = "everwire";

/// A database to serve: one given by address, or one started for the purpose.
pub struct Database {
    /// Its address.
    pub url: String,
    cluster: Option<Cluster>,
}

impl Database {
    /// Takes the database given, or starts the embedded one and applies the example's migrations.
    ///
    /// # Errors
    /// When Postgres cannot be started or the migrations cannot be applied.
    pub async fn open(options: &DatabaseOptions) -> Result<Self, StartError> {
        if let Some(url) = &options.database_url {
            return Ok(Self { url: url.clone(), cluster: None });
        }
        let cluster = Cluster::start(&ClusterOptions {
            data_dir: options.data_dir.clone().unwrap_or_else(embedded::default_data_dir),
            port: 0,
            database: EXAMPLE_DATABASE.to_owned(),
            settings: Vec::new(),
        })
        .await?;
        embedded::migrate(cluster.url()).await?;
        Ok(Self { url: cluster.url().to_owned(), cluster: Some(cluster) })
    }

    /// Whether it was started by this program.
    pub fn is_embedded(&self) -> bool {
        self.cluster.is_some()
    }

    /// Stops Postgres, if it was started by this program.
    pub async fn close(self) {
        if let Some(cluster) = self.cluster {
            cluster.stop().await;
        }
    }

    /// Connections to it.
    ///
    /// # Errors
    /// When the address is malformed or nobody answers there.
    pub async fn connect(&self, connections: u32, statement_timeout: Duration) -> Result<PgPool, StartError> {
        let options = PgConnectOptions::from_str(&self.url).map_err(|error| {
            StartError::new(
                format!("The address of the database cannot be read: {error}"),
                "--database-url / DATABASE_URL",
                "It looks like postgres://user:password@host:5432/database",
            )
        })?;
        let options = options.application_name("everwire");
        // One connection outside of the pool, which would try for long and then only say that it had no luck.
        let answer = PgConnection::connect_with(&options).await;
        answer.map(drop).map_err(|error| {
            StartError::new(
                format!("The database does not answer: {error}"),
                "--database-url / DATABASE_URL",
                "Check that Postgres runs there and that user, password and database exist; `psql` with the same address shows it",
            )
        })?;
        Ok(request::connect(options, connections, statement_timeout))
    }
}

/// Reads what the database looks like.
///
/// # Errors
/// When the catalog cannot be read.
pub async fn load_model(pool: &PgPool, schemas: &[String]) -> Result<Arc<Model>, StartError> {
    let model = model::load(pool, schemas).await.map_err(|error| {
        StartError::new(
            format!("The database's catalog cannot be read: {error}"),
            "--schema / EVERWIRE_SCHEMA",
            "Check that the user may connect and that the server is Postgres 14 or newer",
        )
    })?;
    Ok(Arc::new(model))
}

/// Builds the GraphQL schema.
///
/// # Errors
/// A defect of the program: the message says what to report.
pub fn build_schema(model: Arc<Model>) -> Result<Arc<Schema>, StartError> {
    let schema = Schema::build(model).map_err(|error| {
        StartError::new(
            format!("The GraphQL schema of this database is not valid: {error}"),
            "--schema / EVERWIRE_SCHEMA",
            "This is a defect of Everwire: please report it with the tables concerned",
        )
    })?;
    Ok(Arc::new(schema))
}

/// Prints the SDL of a database.
///
/// # Errors
/// As above.
pub async fn print_schema(options: &DatabaseOptions) -> Result<String, StartError> {
    let database = Database::open(options).await?;
    let pool = database.connect(1, Duration::from_secs(30)).await?;
    let schema = build_schema(load_model(&pool, &options.schemas).await?)?;
    pool.close().await;
    database.close().await;
    Ok(schema.sdl().to_owned())
}

/// Prints what [`crate::check`] finds; fails if there can be no subscriptions.
///
/// # Errors
/// As above, and when a problem was found.
pub async fn check(options: &DatabaseOptions) -> Result<(), StartError> {
    let database = Database::open(options).await?;
    let pool = database.connect(1, Duration::from_secs(30)).await?;
    let model = load_model(&pool, &options.schemas).await?;
    let findings = check::findings(&pool, &model).await.map_err(|error| {
        StartError::new(format!("The database cannot be asked: {error}"), "--database-url / DATABASE_URL", "Try again")
    })?;
    for finding in &findings {
        println!("{finding}");
    }
    println!("{} tables and views, {} findings.", model.tables.len(), findings.len());
    pool.close().await;
    database.close().await;
    if findings.iter().any(|finding| finding.severity == Severity::Problem) {
        let what = "The database is not ready for subscriptions; queries and mutations work";
        return Err(StartError::new(what, "", "See the problems above"));
    }
    Ok(())
}

/// Lists the slots that Everwire made in a database, after dropping one of them if told to.
///
/// # Errors
/// When the database does not answer, or the slot cannot be dropped.
pub async fn slots(url: String, drop: Option<&str>) -> Result<String, StartError> {
    let database = Database { url, cluster: None };
    let pool = database.connect(1, Duration::from_secs(30)).await?;
    let refused = |error: sqlx::Error| {
        let what = match error {
            sqlx::Error::RowNotFound => "Everwire made no slot of that name in this database".to_owned(),
            error => format!("The slots cannot be listed or dropped: {error}"),
        };
        StartError::new(what, "--drop", "`everwire slots` lists them; a slot that a server is connected to cannot go")
    };
    if let Some(name) = drop {
        changes::drop_slot(&pool, name).await.map_err(refused)?;
    }
    let mut report = String::new();
    for slot in changes::slots(&pool).await.map_err(refused)? {
        let active = if slot.active { "connected" } else { "not connected" };
        report.push_str(&format!("{}  {active}  {}  {} bytes of log\n", slot.name, slot.status, slot.wal_bytes));
    }
    if report.is_empty() {
        report.push_str("Everwire has no slot in this database.\n");
    }
    pool.close().await;
    Ok(report)
}

/// Serves until `shutdown`; then closes sockets, stops the feed and the Postgres that was started.
///
/// # Errors
/// When something that serving needs cannot be had.
pub async fn serve(
    options: &ServeOptions,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), StartError> {
    // Taken first: it is the most likely thing to be missing, and a database takes time to start.
    let listener = bind(options.listen).await?;
    serve_on(listener, options, shutdown).await
}

/// The same, on a port that is open already.
///
/// # Errors
/// When something that serving needs cannot be had.
pub async fn serve_on(
    listener: TcpListener,
    options: &ServeOptions,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), StartError> {
    let database = Database::open(&options.database).await?;
    let served = serve_database(options, &database, listener, shutdown).await;
    database.close().await;
    served
}

async fn serve_database(
    options: &ServeOptions,
    database: &Database,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), StartError> {
    let listed = match &options.listed_documents {
        Some(path) => Listed::read(path, options.only_documents)?,
        None => Listed::default(),
    };
    let pool = database.connect(options.pool_size, options.statement_timeout).await?;
    let model = load_model(&pool, &options.database.schemas).await?;
    report(&model);
    let schema = build_schema(Arc::clone(&model))?;
    let feed = start_feed(options, database, &model).await;
    let gateway = Arc::new(Gateway::new(
        Documents::new(schema, document_limits(&options.documents)),
        PersistedDocuments::new(listed, options.persisted_query_bytes),
        Requests::new(pool.clone(), request_limits(options)),
        feed.clone(),
    ));
    let reloading = reload_when_altered(&gateway, &feed, &pool, options);
    let http_options = HttpOptions { allowed_origins: options.allowed_origins.clone(), limits: options.limits.clone() };
    let http = Http::new(gateway, http_options, Registry::default());
    if let Ok(address) = listener.local_addr() {
        tracing::info!("serving http://{address}/graphql (GraphQL over HTTP and WebSocket)");
        tracing::info!("{}", pages(address, http::pages::are_built()));
    }
    let served = http::serve(listener, http, shutdown).await;
    reloading.abort();
    if let Feed::Running(hub) = feed {
        hub.stop().await;
    }
    pool.close().await;
    served.map_err(|error| {
        StartError::new(format!("The server ended: {error}"), "--listen / EVERWIRE_LISTEN", "Start it again")
    })
}

fn document_limits(limits: &DocumentLimits) -> operation::Limits {
    let DocumentLimits { document_bytes: bytes, tokens, nesting, fields, depth, .. } = *limits;
    operation::Limits { bytes, tokens, nesting, fields, depth }
}

fn request_limits(options: &ServeOptions) -> request::Limits {
    let DocumentLimits { root_fields, cost, .. } = options.documents;
    let ServeOptions { default_rows, max_rows, max_offset, statement_timeout, .. } = *options;
    request::Limits { default_rows, max_rows, max_offset, root_fields, cost, statement_timeout }
}

/// Where a browser finds something, or what has to be done for it.
fn pages(address: SocketAddr, are_built: bool) -> String {
    match are_built {
        true => format!("open http://{address}/ in a browser: the project board, or GraphiQL for other databases"),
        false => {
            "the pages for a browser were not built: `make run` builds them, or `npm ci && npm run build` in web/ \
             before the program is built"
                .to_owned()
        }
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| {
        let why = match error.kind() {
            io::ErrorKind::AddrInUse => "another program listens there".to_owned(),
            _ => error.to_string(),
        };
        StartError::new(
            format!("Cannot listen on {address}: {why}"),
            "--listen / EVERWIRE_LISTEN",
            "Stop the other program, or choose another port, as in `--listen 127.0.0.1:8081`",
        )
    })
}

/// Keeps the schema what the database is: when the feed says so, and at SIGHUP, when the listed documents are read again.
fn reload_when_altered(gateway: &Arc<Gateway>, feed: &Feed, pool: &PgPool, options: &ServeOptions) -> JoinHandle<()> {
    if let Feed::Running(hub) = feed {
        let gateway = Arc::downgrade(gateway);
        hub.on_altered(Arc::new(move |model| match gateway.upgrade() {
            Some(gateway) => altered(&gateway, model),
            None => Box::new(|| ()),
        }));
    }
    let (gateway, feed, pool) = (Arc::clone(gateway), feed.clone(), pool.clone());
    let (schemas, listed, only) =
        (options.database.schemas.clone(), options.listed_documents.clone(), options.only_documents);
    // Before anyone could send it: without a handler it ends the program.
    let hangup = signal(SignalKind::hangup());
    tokio::spawn(async move {
        let Ok(mut hangup) = hangup else { return };
        while hangup.recv().await.is_some() {
            if let Some(path) = listed.clone() {
                list_again(Arc::clone(&gateway), path, only).await;
            }
            match &feed {
                Feed::Running(hub) => hub.reload(),
                Feed::Missing(_) => match model::load(&pool, &schemas).await {
                    Ok(fresh) => {
                        if let Some(model) = gateway.schema().model.succeeded_by(fresh) {
                            altered(&gateway, Arc::new(model))();
                        }
                    }
                    Err(error) => tracing::warn!(%error, "the catalog cannot be read; the schema stays as it is"),
                },
            }
        }
    })
}

/// Takes what the file lists now, all of it, or keeps what it listed before.
async fn list_again(gateway: Arc<Gateway>, path: PathBuf, only: bool) {
    let read = tokio::task::spawn_blocking(move || {
        let listed = Listed::read(&path, only)?;
        let documents = listed.texts().count();
        gateway.list(listed);
        Ok::<_, StartError>(documents)
    });
    match read.await {
        Ok(Ok(documents)) => tracing::info!(documents, "the listed documents were read again"),
        Ok(Err(error)) => tracing::error!(%error, "the listed documents stay as they were"),
        Err(error) => tracing::error!(%error, "the listed documents cannot be read"),
    }
}

/// Builds the schema of an altered database; what it gives back puts it in place.
fn altered(gateway: &Gateway, model: Arc<Model>) -> changes::Swap {
    report(&model);
    match gateway.prepare(model) {
        Ok(swap) => Box::new(swap),
        Err(error) => {
            tracing::error!(%error, "the schema of the altered database is not valid; requests go on by the old one");
            Box::new(|| ())
        }
    }
}

fn report(model: &Model) {
    tracing::info!(tables = model.tables().count(), "read the database's catalog");
    for clash in &model.clashes {
        tracing::warn!("{clash}");
    }
    for ignored in &model.ignored {
        tracing::warn!("ignored: {ignored}");
    }
}

/// A database that cannot be followed is served all the same, and says why at the first subscription.
async fn start_feed(options: &ServeOptions, database: &Database, model: &Arc<Model>) -> Feed {
    let policy = if database.is_embedded() { ReplicaIdentityPolicy::Full } else { ReplicaIdentityPolicy::Keep };
    let hub_options = changes::Options {
        history_bytes: options.history_bytes,
        history_time: options.history_time,
        history_slot: options.history_slot,
        history_wal_bytes: options.history_wal_bytes,
        messages_bytes: options.messages_bytes,
        spool_dir: options.spool_dir.clone(),
        spool_bytes: options.spool_bytes,
        spool_after: options.spool_after,
        progress_interval: options.progress_interval,
        replica_identity: options.replica_identity.unwrap_or(policy),
        schemas: options.database.schemas.clone(),
        watch_schema: options.watch_schema.map_or(database.is_embedded(), |watch| watch == WatchSchema::On),
        ..changes::Options::new(&database.url)
    };
    match Hub::start(Arc::clone(model), hub_options).await {
        Ok(hub) => {
            for unpublished in hub.status().unpublished {
                let table = model.table(unpublished.table).sql.quoted();
                tracing::warn!(%table, reason = unpublished.reason, "cannot be followed");
            }
            Feed::Running(hub)
        }
        Err(error) => {
            tracing::warn!("there are no subscriptions: {error}");
            Feed::Missing(format!("this database offers no subscriptions. {error}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_says_where_the_pages_are_or_what_builds_them() {
        let address = SocketAddr::from(([127, 0, 0, 1], 8080));
        assert!(pages(address, true).contains("http://127.0.0.1:8080/ in a browser"));
        assert!(pages(address, false).contains("`make run` builds them"));
    }
}
