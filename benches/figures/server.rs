//! The server under measurement: the release binary as a process of its own, over a data folder of the bench's.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::http;

/// Linux counts processor time in hundredths of a second, whatever the machine.
const TICKS_PER_SECOND: f64 = 100.0;

/// How long a server may take to answer, and to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the first query asks.
const FIRST_QUERY: &str = r#"{"query":"{ tasks(first: 1) { nodes { id } } }"}"#;

/// A running server. Killed with its Postgres when it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    data: PathBuf,
}

impl Server {
    /// Started in a data folder; what it prints is dropped. Gives it when the first query is answered, and how
    /// long that took.
    pub(crate) async fn start(data: &Path, flags: &[&str]) -> (Self, Duration) {
        let address = free_address();
        let mut command = Command::new(env!("CARGO_BIN_EXE_everwire"));
        for (name, _) in std::env::vars_os() {
            // Settings as shipped, whatever is set where the bench runs.
            if name == "DATABASE_URL" || name.to_string_lossy().starts_with("EVERWIRE_") {
                command.env_remove(name);
            }
        }
        command.arg("serve").arg("--listen").arg(address.to_string()).arg("--data-dir").arg(data).args(flags);
        command.args(["--log", "warn"]).stdin(Stdio::null());
        let started = Instant::now();
        let child = command.spawn().expect("the binary starts");
        let mut server = Self { child, address, data: data.to_owned() };
        server.first_answer(started).await;
        (server, started.elapsed())
    }

    async fn first_answer(&mut self, started: Instant) {
        let request = http::post(FIRST_QUERY);
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("the server ended: {status}");
            }
            assert!(started.elapsed() < PATIENCE, "the server does not answer");
            // The port is open before the database is there; the request waits in it.
            match http::Connection::open(self.address).await {
                Ok(mut connection) => return connection.ask(&request).await,
                Err(_) => sleep(Duration::from_millis(1)).await,
            }
        }
    }

    /// Other connections to its database than its own.
    pub(crate) async fn pool(&self) -> PgPool {
        // As the server's own sessions have it.
        let options: PgConnectOptions = self.url().parse().expect("an address");
        PgPool::connect_with(options.options([("jit", "off")])).await.expect("Postgres answers")
    }

    /// The address of its database.
    pub(crate) fn url(&self) -> String {
        everwire::embedded::running_url(&self.data).expect("Postgres runs")
    }

    /// Its process.
    pub(crate) fn process(&self) -> Process {
        Process(self.child.id())
    }

    /// Ends it in order.
    pub(crate) async fn stop(mut self) {
        let pid = Pid::from_raw(self.child.id() as i32);
        kill(pid, Signal::SIGTERM).expect("the server is there");
        let asked = Instant::now();
        while self.child.try_wait().expect("the server is ours").is_none() {
            assert!(asked.elapsed() < PATIENCE, "the server does not stop");
            sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already, or nobody is left to care how it ends.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What Linux knows of a process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process(pub(crate) u32);

impl Process {
    /// Resident memory, in KiB.
    pub(crate) fn memory(self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).expect("the process is there");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").parse().expect("a number of KiB")
    }

    /// Processor time used so far, of all its threads, in microseconds.
    pub(crate) fn processor_time(self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).expect("the process is there");
        // The name, in parentheses, may have spaces.
        let fields = stat.rsplit_once(") ").expect("a name").1;
        let ticks: f64 = fields.split(' ').skip(11).take(2).map(|field| field.parse::<f64>().expect("ticks")).sum();
        ticks / TICKS_PER_SECOND * 1e6
    }
}

/// An empty data folder, which the user that Postgres runs as can reach.
pub(crate) fn data_folder() -> TempDir {
    tempfile::Builder::new().prefix("everwire-figures-").tempdir().expect("a folder")
}

/// A port that is free now.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address")
}
