//! One running server: how it starts, when it is ready, how it ends.
//!
//! Takes a complete cluster and the settings; gives a server that ends with this process, however this process
//! ends. It must not signal a process that is not the server of this folder.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::{oneshot, watch};
use tokio::time::sleep;

use super::SETTING;
use super::binaries::Binaries;
use super::folder::{Folder, ServerUser, unusable};
use crate::error::StartError;

/// Recovery after a crash of the machine replays at most the WAL since the last checkpoint.
const READY_LIMIT: Duration = Duration::from_secs(300);

/// A fast stop writes a checkpoint, and waits for readers of the replication stream to take the last of it.
const FAST_STOP_LIMIT: Duration = Duration::from_secs(20);

/// After a quit there is nothing left to wait for but the processes themselves.
const QUIT_LIMIT: Duration = Duration::from_secs(10);

const POLL: Duration = Duration::from_millis(10);

/// All that a server is started with.
pub(super) struct Launch<'a> {
    pub(super) folder: &'a Folder,
    pub(super) binaries: &'a Binaries,
    pub(super) port: u16,
    pub(super) settings: &'a [(String, String)],
}

/// Why a server did not get ready.
pub(super) enum Failure {
    /// Another program listens on the port.
    PortTaken,
    /// Processes of a server that was killed have not ended yet.
    StillInUse,
    /// What trying again does not help against.
    Other(StartError),
}

/// A server that is our child. Dropping it asks it to stop.
#[derive(Debug)]
pub(super) struct Postmaster {
    id: Pid,
    /// How it ended; None while it runs. Written by the thread that owns the child.
    exit: watch::Receiver<Option<String>>,
}

impl Postmaster {
    /// Starts a server and waits until it takes connections.
    pub(super) async fn start(launch: &Launch<'_>) -> Result<Postmaster, Failure> {
        let log = launch.folder.log();
        // A second attempt must not be judged by what the first one wrote.
        let judged_from = fs::metadata(&log).map_or(0, |log| log.len());
        let command = server_command(launch).map_err(|error| Failure::Other(unusable(&log, "be opened", &error)))?;
        let postmaster = Self::spawn(command)
            .await
            .map_err(|error| Failure::Other(unusable(&launch.binaries.postgres(), "be run", &error)))?;
        match postmaster.until_ready(&launch.folder.cluster()).await {
            Ok(()) => Ok(postmaster),
            Err(ending) => Err(judge(&log, judged_from, &ending)),
        }
    }

    /// The thread that spawns the server is the parent whose end the kernel reports to it, so it must live as
    /// long as the server does: it waits for it.
    async fn spawn(mut command: Command) -> io::Result<Postmaster> {
        let (report_start, started) = oneshot::channel();
        let (report_exit, exit) = watch::channel(None);
        thread::Builder::new().name("postgres".to_owned()).spawn(move || match command.spawn() {
            Ok(child) => {
                // The receiver waits for this before anything else.
                let _ = report_start.send(Ok(child.id()));
                report_exit.send_replace(Some(wait_for(child)));
            }
            Err(error) => {
                let _ = report_start.send(Err(error));
            }
        })?;
        let id = started.await.map_err(io::Error::other)??;
        let id = Pid::from_raw(i32::try_from(id).map_err(io::Error::other)?);
        Ok(Postmaster { id, exit })
    }

    /// Err: how it ended, or that it took too long.
    async fn until_ready(&self, cluster: &Path) -> Result<(), String> {
        let limit = Instant::now() + READY_LIMIT;
        while Instant::now() < limit {
            if let Some(ending) = self.exit.borrow().clone() {
                return Err(ending);
            }
            let written = PidFile::read(cluster);
            if written.is_some_and(|file| file.id == self.id && file.ready) {
                return Ok(());
            }
            sleep(POLL).await;
        }
        Err("not ready within five minutes".to_owned())
    }

    pub(super) async fn ended(&self) -> String {
        let mut exit = self.exit.clone();
        match exit.wait_for(Option::is_some).await {
            Ok(ending) => ending.clone().unwrap_or_default(),
            Err(_) => "its thread is gone".to_owned(),
        }
    }

    pub(super) async fn stop(&mut self) {
        let running = || self.exit.borrow().is_none();
        if !stop(self.id, running).await {
            tracing::warn!(process = %self.id, "the embedded Postgres does not stop");
        }
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        if self.exit.borrow().is_none() {
            send(self.id, Signal::SIGINT);
        }
    }
}

fn wait_for(mut child: Child) -> String {
    match child.wait() {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    }
}

fn server_command(launch: &Launch<'_>) -> io::Result<Command> {
    let log = OpenOptions::new().create(true).append(true).mode(0o600).open(launch.folder.log())?;
    let mut command = Command::new(launch.binaries.postgres());
    command.arg("-D").arg(launch.folder.cluster());
    let fixed = [
        ("listen_addresses", "127.0.0.1"),
        // The path of a socket may be 107 bytes long at most; TCP knows no such limit.
        ("unix_socket_directories", ""),
        ("wal_level", "logical"),
        ("max_wal_senders", "20"),
        ("max_replication_slots", "20"),
        // A slot that nobody reads is lost one day; a full disk would be worse.
        ("max_slot_wal_keep_size", "1GB"),
        // One line every five minutes would fill the log, which is begun anew at a start only.
        ("log_checkpoints", "off"),
    ];
    for (name, value) in fixed {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    for (name, value) in launch.settings {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    command
        .args(["-c", &format!("port={}", launch.port)])
        // The log is read for reasons by `judge`.
        .env("LC_ALL", "C")
        .env_remove("PGDATA")
        .current_dir(launch.folder.path())
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        // Ctrl-C at the terminal is for us; we stop the server when we have let go of it.
        .process_group(0);
    run_as(&mut command, launch.folder.server_user.as_ref());
    die_with_us(&mut command, Signal::SIGINT);
    Ok(command)
}

/// Why the server ended, by what it wrote into its log since `judged_from`.
fn judge(log: &Path, judged_from: u64, ending: &str) -> Failure {
    let bytes = fs::read(log).unwrap_or_default();
    let skipped = usize::try_from(judged_from).unwrap_or(0).min(bytes.len());
    let said = String::from_utf8_lossy(&bytes[skipped..]);
    if said.contains("Address already in use") {
        return Failure::PortTaken;
    }
    if said.contains("is still in use") || said.contains("lock file \"postmaster.pid\" already exists") {
        return Failure::StillInUse;
    }
    let reason = said
        .lines()
        .rfind(|line| line.contains("FATAL:") || line.contains("PANIC:"))
        .or_else(|| said.lines().last())
        .unwrap_or("nothing");
    Failure::Other(StartError::new(
        format!("The embedded Postgres did not start: {ending}; its log says: {reason}"),
        SETTING,
        format!("See {} for all of it.", log.display()),
    ))
}

/// Makes `command` run as `user`, without the groups that we are in.
pub(super) fn run_as(command: &mut Command, user: Option<&ServerUser>) {
    if let Some(user) = user {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
}

/// Makes the kernel send `signal` to the child when the thread that spawns it ends, and so when we are killed.
/// Elsewhere than on Linux a server outlives a killed parent; the next start ends it.
#[cfg_attr(
    target_os = "linux",
    expect(unsafe_code, reason = "pre_exec is unsafe; there is no other way to act between fork and exec")
)]
pub(super) fn die_with_us(command: &mut Command, signal: Signal) {
    #[cfg(target_os = "linux")]
    {
        let parent = nix::unistd::getpid();
        let ask_for_signal = move || {
            nix::sys::prctl::set_pdeathsig(signal)?;
            // We may have been killed before the kernel knew whom to tell.
            if nix::unistd::getppid() == parent { Ok(()) } else { Err(Errno::ESRCH.into()) }
        };
        // SAFETY: between fork and exec only async-signal-safe calls are allowed. prctl and getppid are plain
        // system calls; nothing here allocates, locks or panics.
        unsafe {
            command.pre_exec(ask_for_signal);
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (command, signal);
}

/// What a server says of itself in `postmaster.pid`.
#[derive(Debug, Clone, Copy)]
pub(super) struct PidFile {
    pub(super) id: Pid,
    /// It takes connections.
    pub(super) ready: bool,
}

impl PidFile {
    fn read(cluster: &Path) -> Option<PidFile> {
        let text = fs::read_to_string(cluster.join("postmaster.pid")).ok()?;
        let mut lines = text.lines();
        let id: i32 = lines.next()?.trim().parse().ok()?;
        // A negative number, or zero, would name a group of processes.
        (id > 0).then(|| PidFile {
            id: Pid::from_raw(id),
            ready: lines.nth(6).is_some_and(|status| status.trim() == "ready"),
        })
    }
}

/// The server that runs in `cluster`, if one does.
pub(super) fn running(cluster: &Path) -> Option<PidFile> {
    PidFile::read(cluster).filter(|file| is_alive(file.id) && serves(file.id, cluster))
}

fn is_alive(id: Pid) -> bool {
    // Not permitted: it exists, and belongs to another user.
    kill(id, None) != Err(Errno::ESRCH)
}

/// Numbers of processes are used again, after a restart of a container almost at once: is it this server?
#[cfg(target_os = "linux")]
fn serves(id: Pid, cluster: &Path) -> bool {
    let process = Path::new("/proc").join(id.to_string());
    let named_postgres = fs::read_to_string(process.join("comm")).is_ok_and(|name| name.trim() == "postgres");
    let works_here = match fs::read_link(process.join("cwd")) {
        Ok(folder) => cluster.canonicalize().is_ok_and(|cluster| cluster == folder),
        // A process that has ended and waits for its parent has no folder; one of another user may hide it.
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
    };
    named_postgres && works_here
}

/// Numbers of processes are used again: is it this server, by the folder that it was started with?
#[cfg(not(target_os = "linux"))]
fn serves(id: Pid, cluster: &Path) -> bool {
    let mut command = Command::new("ps");
    command.args(["-o", "args=", "-p"]).arg(id.to_string());
    let folder = cluster.to_string_lossy().into_owned();
    command.output().is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(&folder))
}

/// Ends a server that outlived the everwire that started it, and clears the way for a new one. Taking it over
/// instead would leave us with settings that we do not know and a server that would outlive us as well.
pub(super) async fn end_leftover(cluster: &Path) -> Result<(), StartError> {
    if let Some(left) = running(cluster) {
        tracing::info!(process = %left.id, "waiting for the Postgres of an earlier run to end");
        let still_running = || running(cluster).is_some_and(|now| now.id == left.id);
        if !stop(left.id, still_running).await {
            return Err(StartError::new(
                format!("A Postgres of an earlier run (process {}) does not end", left.id),
                SETTING,
                "End that process, then start again.",
            ));
        }
    }
    // Postgres believes a file that names any living process of its user, and would not start.
    match PidFile::read(cluster) {
        Some(file) if is_alive(file.id) => {
            let path = cluster.join("postmaster.pid");
            fs::remove_file(&path).map_err(|error| unusable(&path, "be removed", &error))
        }
        Some(_) | None => Ok(()),
    }
}

/// Fast stop, then quit; whether it ended.
async fn stop(id: Pid, running: impl Fn() -> bool) -> bool {
    for (signal, limit) in [(Signal::SIGINT, FAST_STOP_LIMIT), (Signal::SIGQUIT, QUIT_LIMIT)] {
        if running() {
            send(id, signal);
        }
        let limit = Instant::now() + limit;
        while running() && Instant::now() < limit {
            sleep(POLL).await;
        }
    }
    !running()
}

fn send(id: Pid, signal: Signal) {
    if let Err(error) = kill(id, signal) {
        tracing::debug!(%error, process = %id, "Postgres cannot be signalled");
    }
}
