//! A Postgres of its own for a test, with the example database in it. Made by copying a template that the
//! first test of a machine creates; on a free port; ended with the value.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use everwire::embedded::{Cluster, ClusterOptions, migrate};
use sqlx::PgPool;
use tempfile::TempDir;

/// A running Postgres.
pub struct World {
    cluster: Cluster,
    _folder: TempDir,
}

impl World {
    /// With the example database.
    pub async fn start() -> Self {
        let template = template().await;
        let folder = tempfile::Builder::new().prefix("everwire-world-").tempdir().expect("a folder for the test");
        copy(&template, folder.path());
        let cluster = Cluster::start(&options(folder.path())).await.expect("Postgres starts");
        Self { cluster, _folder: folder }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        self.cluster.url()
    }

    /// Connections for the test itself, as another program would have them.
    pub async fn pool(&self) -> PgPool {
        PgPool::connect(self.url()).await.expect("Postgres answers")
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
        let status = Command::new("cp").args(["-a", "--reflink=auto"]).arg(template.join(name)).arg(folder).status();
        assert!(status.is_ok_and(|status| status.success()), "the template can be copied");
    }
}
