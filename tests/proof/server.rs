//! The program itself, as a child process that can be killed.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::NamedTempFile;
use tokio::time::sleep;

/// How long a start or a stop in order may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server over a database.
pub(crate) struct Server {
    child: Option<Child>,
    pub(crate) address: SocketAddr,
    database_url: String,
    sabotage: Option<&'static str>,
    log: NamedTempFile,
}

impl Server {
    /// One that has not been started.
    pub(crate) fn new(database_url: &str, sabotage: Option<&'static str>) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let log = NamedTempFile::new().unwrap();
        Self { child: None, address, database_url: database_url.to_owned(), sabotage, log }
    }

    /// Starts it and waits until changes flow. Tries again while the database is not there.
    pub(crate) async fn start(&mut self, history_bytes: u64) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.spawn(history_bytes);
            while self.is_running() {
                if self.is_ready().await {
                    return;
                }
                assert!(Instant::now() < deadline, "the server does not get ready:\n{}", self.log());
                sleep(Duration::from_millis(30)).await;
            }
            assert!(Instant::now() < deadline, "the server does not start:\n{}", self.log());
            sleep(Duration::from_millis(100)).await;
        }
    }

    fn spawn(&mut self, history_bytes: u64) {
        let log: File = File::options().append(true).open(self.log.path()).unwrap();
        let program = std::env::var_os("EVERWIRE_PROOF_SERVER").unwrap_or(env!("CARGO_BIN_EXE_everwire").into());
        let mut server = Command::new(program);
        server.args(["serve", "--schema", "proof", "--replica-identity", "full", "--progress-interval", "0.4"]);
        server.args(["--database-url", &self.database_url, "--listen", &self.address.to_string()]);
        server.args(["--history-bytes", &history_bytes.to_string(), "--log", "warn,sqlx=error"]);
        // Copies and commits of a few hundred rows wait on disk, and few messages in memory.
        server.args(["--spool-after", "100000", "--messages-bytes", "2000000"]);
        server.env("EVERWIRE_SABOTAGE", self.sabotage.unwrap_or_default());
        self.child = Some(server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap());
    }

    fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    async fn is_ready(&self) -> bool {
        let answer = reqwest::Client::new().get(format!("http://{}/readyz", self.address)).send();
        matches!(tokio::time::timeout(Duration::from_secs(2), answer).await, Ok(Ok(answer)) if answer.status().is_success())
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Ends it as a service manager would; gives how long it took.
    pub(crate) async fn stop(&mut self) -> Duration {
        let Some(mut child) = self.child.take() else { return Duration::ZERO };
        let begin = Instant::now();
        kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
        while child.try_wait().unwrap().is_none() {
            if begin.elapsed() > PATIENCE {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("the server does not stop:\n{}", self.log());
            }
            sleep(Duration::from_millis(20)).await;
        }
        begin.elapsed()
    }

    /// How much memory it has, in MiB, where the system says so.
    pub(crate) fn memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.as_ref()?.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? / 1024)
    }

    /// The end of what it logged.
    pub(crate) fn log(&self) -> String {
        let text = std::fs::read_to_string(self.log.path()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
