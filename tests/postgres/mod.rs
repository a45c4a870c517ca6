//! A Postgres of the tests' own: a copy of a folder that initdb made once, logical log, no fsync, a free port.
//! Stopped, and its folder removed, when dropped.

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, chown};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tempfile::TempDir;

/// A running server with the empty database `test`.
pub(crate) struct Postgres {
    process: Child,
    folder: TempDir,
    port: u16,
    url: String,
}

impl Postgres {
    /// Starts one.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("everwire-test-").tempdir().unwrap();
        give_to_postgres(folder.path());
        let data = folder.path().join("data");
        run(command("cp").arg("-a").arg(template()).arg(&data));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = spawn(&data, port);
        let url = format!("postgres://postgres@127.0.0.1:{port}/test");
        let this = Self { process, folder, port, url };
        this.answer().await;
        this
    }

    /// The address of the database `test`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A pool of connections to it.
    pub(crate) async fn pool(&self) -> PgPool {
        PgPoolOptions::new().max_connections(20).connect(&self.url).await.unwrap()
    }

    /// Stops it: at once as a crash would (SIGQUIT), or without waiting for clients to leave (SIGINT, "fast").
    pub(crate) fn stop(&mut self, signal: Signal) {
        self.signal(signal);
        self.process.wait().unwrap();
    }

    /// Starts it again, on the same port.
    pub(crate) async fn start_again(&mut self) {
        self.process = spawn(&self.folder.path().join("data"), self.port);
        self.answer().await;
    }

    async fn answer(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            match PgPoolOptions::new().max_connections(1).connect(&self.url).await {
                Ok(pool) => return pool.close().await,
                Err(error) => assert!(Instant::now() < deadline, "Postgres does not answer: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn signal(&self, signal: Signal) {
        let _ = kill(Pid::from_raw(self.process.id() as i32), signal);
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.signal(Signal::SIGQUIT);
        let _ = self.process.wait();
    }
}

fn spawn(data: &Path, port: u16) -> Child {
    let mut postgres = command("postgres");
    postgres.arg("-D").arg(data).args(["-p", &port.to_string(), "-k", "", "-h", "127.0.0.1"]);
    for setting in [
        "wal_level=logical",
        "fsync=off",
        "full_page_writes=off",
        "max_wal_senders=20",
        "max_replication_slots=20",
        "max_prepared_transactions=10",
        "shared_buffers=32MB",
        // As the server's sessions have it: compiling the statement of the catalog takes longer than all else.
        "jit=off",
    ] {
        postgres.args(["-c", setting]);
    }
    postgres.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn().unwrap()
}

/// A folder that initdb made, once for all test programs of this build of Postgres.
fn template() -> PathBuf {
    let version = Command::new(binary("postgres")).arg("--version").output().unwrap().stdout;
    let version: String = version.iter().filter(|b| b.is_ascii_digit() || **b == b'.').map(|b| *b as char).collect();
    let template = std::env::temp_dir().join(format!("everwire-test-template-{version}"));
    if template.exists() {
        return template;
    }
    let making = tempfile::Builder::new().prefix("everwire-test-initdb-").tempdir().unwrap();
    give_to_postgres(making.path());
    let data = making.path().join("data");
    let options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"];
    run(command("initdb").arg("-D").arg(&data).args(options).stdout(Stdio::null()));
    let mut single = command("postgres");
    single.args(["--single", "-D"]).arg(&data).arg("postgres").stdin(Stdio::piped()).stdout(Stdio::null());
    let mut single = single.stderr(Stdio::null()).spawn().unwrap();
    std::io::Write::write_all(&mut single.stdin.take().unwrap(), b"CREATE DATABASE test;\n").unwrap();
    assert!(single.wait().unwrap().success());
    // Another test program may have been faster: then its folder is as good.
    let _ = fs::rename(&data, &template);
    template
}

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

/// A program of Postgres, or of the system, as a user that Postgres accepts.
fn command(program: &str) -> Command {
    let mut command = Command::new(binary(program));
    if let Some(user) = postgres_user() {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command.current_dir(std::env::temp_dir());
    command
}

/// The user to run as; none unless this is root, as which Postgres does not run.
fn postgres_user() -> Option<User> {
    nix::unistd::geteuid().is_root().then(|| User::from_name("postgres").unwrap().expect("a user `postgres`"))
}

fn give_to_postgres(folder: &Path) {
    if let Some(user) = postgres_user() {
        chown(folder, Some(user.uid), Some(user.gid)).unwrap();
    }
}

fn binary(program: &str) -> PathBuf {
    let mut folders: Vec<PathBuf> = std::env::var_os("PG_BIN").into_iter().map(PathBuf::from).collect();
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut installed: Vec<PathBuf> = installed.map(|entry| entry.path().join("bin")).collect();
    installed.sort();
    folders.extend(installed.into_iter().rev());
    let found = folders.into_iter().map(|folder| folder.join(program)).find(|path| path.exists());
    found.unwrap_or_else(|| PathBuf::from(program))
}
