//! A Postgres of its own for a test, with the example database in it. Made by copying a template that the
//! first test of a machine creates; on a free port; ended with the value.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use clap::Parser;
use everwire::config::{Arguments, Command};
use everwire::embedded::{Cluster, ClusterOptions, migrate};
use everwire::error::StartError;
use everwire::server;
use sqlx::PgPool;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A running Postgres.
pub(crate) struct World {
    cluster: Cluster,
    _folder: TempDir,
}

impl World {
    /// With the example database.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The same, with other settings of Postgres.
    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        let template = template().await;
        let folder = tempfile::Builder::new().prefix("everwire-world-").tempdir().expect("a folder for the test");
        copy(&template, folder.path());
        let mut options = options(folder.path());
        options.settings.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let cluster = Cluster::start(&options).await.expect("Postgres starts");
        Self { cluster, _folder: folder }
    }

    /// Its address.
    pub(crate) fn url(&self) -> &str {
        self.cluster.url()
    }

    /// Connections for the test itself, as another program would have them.
    pub(crate) async fn pool(&self) -> PgPool {
        PgPool::connect(self.url()).await.expect("Postgres answers")
    }
}

/// A running Everwire with a Postgres of its own. Stops when it is dropped.
pub(crate) struct Server {
    /// `http://127.0.0.1:…`
    pub(crate) base: String,
    /// Makes it stop in good order.
    pub(crate) stop: oneshot::Sender<()>,
    /// Ends when it has stopped.
    pub(crate) stopped: oneshot::Receiver<Result<(), StartError>>,
    /// Its database.
    pub(crate) world: World,
}

impl Server {
    /// Started with these flags, as a user would.
    pub(crate) async fn start(flags: &[&str]) -> Self {
        Self::over(World::start().await, flags).await
    }

    /// The same over a database that a test has prepared.
    pub(crate) async fn over(world: World, flags: &[&str]) -> Self {
        let Running { base, stop, stopped } = Running::at(world.url(), flags).await;
        Self { base, stop, stopped, world }
    }
}

/// A running Everwire alone, over any database. Stops when it is dropped.
pub(crate) struct Running {
    /// `http://127.0.0.1:…`
    pub(crate) base: String,
    /// Makes it stop in good order.
    pub(crate) stop: oneshot::Sender<()>,
    /// Ends when it has stopped.
    pub(crate) stopped: oneshot::Receiver<Result<(), StartError>>,
}

impl Running {
    /// Over the database at this address.
    pub(crate) async fn at(url: &str, flags: &[&str]) -> Self {
        let given = ["everwire", "serve", "--replica-identity", "full", "--database-url", url];
        let Command::Serve(options) = Arguments::parse_from(given.iter().chain(flags)).command else {
            unreachable!("the command is serve");
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let (stop, stopping) = oneshot::channel();
        let listener = listener.into_std().expect("a listener for another runtime");
        let (stopping_done, stopped) = oneshot::channel();
        // A runtime of its own, as the program has: a test's runtime ends with the test, a server when it stops.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            let served = runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("the listener");
                server::serve_on(listener, &options, async {
                    let _ = stopping.await;
                })
                .await
            });
            let _ = stopping_done.send(served);
        });
        Self { base, stop, stopped }
    }
}

fn options(folder: &Path) -> ClusterOptions {
    // A test's data outlives no crash, so nothing waits for the disk.
    let settings = [("fsync", "off"), ("shared_buffers", "32MB"), ("max_connections", "200")];
    ClusterOptions {
        data_dir: folder.to_owned(),
        port: 0,
        database: "everwire".to_owned(),
        settings: settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
    }
}

/// The template's folder, named after what is in it: other migrations are another template.
async fn template() -> PathBuf {
    let mut hasher = DefaultHasher::new();
    for migration in everwire::embedded::MIGRATOR.iter() {
        migration.checksum.hash(&mut hasher);
    }
    nix::unistd::geteuid().as_raw().hash(&mut hasher);
    let base = std::env::temp_dir().join(format!("everwire-tests-{:016x}", hasher.finish()));
    fs::create_dir_all(&base).expect("a folder for the template");
    let lock = File::create(base.join("lock")).expect("a lock file");
    lock.lock().expect("the lock");
    let template = base.join("template");
    if !template.exists() {
        let making = base.join("making");
        let _ = fs::remove_dir_all(&making);
        fs::create_dir(&making).expect("a folder for the template");
        let cluster = Cluster::start(&options(&making)).await.expect("Postgres starts");
        migrate(cluster.url()).await.expect("the migrations apply");
        cluster.stop().await;
        fs::rename(&making, &template).expect("the template is complete");
    }
    template
}

/// Only the cluster and its password: what else lies there speaks of the template's own server.
fn copy(template: &Path, folder: &Path) {
    for name in ["cluster", "password"] {
        let status = std::process::Command::new("cp")
            .args(["-a", "--reflink=auto"])
            .arg(template.join(name))
            .arg(folder)
            .status();
        assert!(status.is_ok_and(|status| status.success()), "the template can be copied");
    }
}
