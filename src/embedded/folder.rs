//! The data folder: what lies where in it, whose it is, and who holds it.
//!
//! Takes the folder's path; gives the paths inside, the password, the address of the last run and the lock.
//! It must not start anything, and no secret in it may be readable by other users.
//!
//! ```text
//! lock          held by the process that owns the folder; names it
//! password      of the superuser `postgres`
//! url           the address of the last run
//! cluster/      Postgres' own folder, complete or absent
//! cluster-new-… an initdb under way, or one that was cut off
//! binaries/     a downloaded Postgres
//! postgres.log  of this run; postgres.log.old of the one before
//! ```

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::unistd::{Gid, Uid, User, chown, geteuid};
use rand::distr::{Alphanumeric, SampleString};
use url::Url;

use super::SETTING;
use crate::error::StartError;

/// A process that was killed a moment ago may still have the lock; longer than this, it is alive.
const HOLD_LIMIT: Duration = Duration::from_secs(1);

/// Where the embedded cluster lives unless told otherwise: outside any source tree, and for root at a place
/// that the user whom Postgres runs as can reach.
pub fn default_data_dir() -> PathBuf {
    if geteuid().is_root() {
        return PathBuf::from("/var/lib/everwire");
    }
    let home = || std::env::home_dir().map(|home| home.join(".local/share"));
    std::env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute())
        .or_else(home)
        .unwrap_or_else(std::env::temp_dir)
        .join("everwire")
}

/// The user that Postgres runs as where this process is root, which Postgres refuses to be.
#[derive(Debug, Clone)]
pub(super) struct ServerUser {
    pub(super) name: String,
    pub(super) uid: Uid,
    pub(super) gid: Gid,
}

impl ServerUser {
    /// None: Postgres runs as we do.
    fn choose() -> Result<Option<ServerUser>, StartError> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        let known = ["postgres", "nobody"].into_iter().find_map(|name| User::from_name(name).ok().flatten());
        let user = known.ok_or_else(|| {
            StartError::new(
                "Postgres refuses to run as root, and there is no user `postgres` or `nobody` to run it as",
                SETTING,
                "Run everwire as an ordinary user, or create one of these two.",
            )
        })?;
        Ok(Some(ServerUser { name: user.name, uid: user.uid, gid: user.gid }))
    }
}

/// A data folder.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Whom the cluster belongs to, if not to us.
    pub(super) server_user: Option<ServerUser>,
}

impl Folder {
    /// The folder at `path` for reading only.
    pub(super) fn at(path: &Path) -> Folder {
        Folder { path: path.to_owned(), server_user: None }
    }

    /// The folder at `path`, made if missing.
    pub(super) fn open(path: &Path) -> Result<Folder, StartError> {
        let server_user = ServerUser::choose()?;
        if path.join("PG_VERSION").exists() {
            return Err(StartError::new(
                format!("{} is a cluster of Postgres itself", path.display()),
                SETTING,
                "Name a folder of everwire's own; for a cluster that you have, start it and give --database-url.",
            ));
        }
        let path = Self::make(path, server_user.is_some()).map_err(|error| unusable(path, "be made", &error))?;
        Ok(Folder { path, server_user })
    }

    /// The server's user must be able to walk through a folder that is ours, but not to list it.
    fn make(path: &Path, walked_by_others: bool) -> io::Result<PathBuf> {
        let missing = !path.exists();
        fs::create_dir_all(path)?;
        let mode = fs::metadata(path)?.permissions().mode();
        let wanted = match (walked_by_others, missing) {
            (true, true) => 0o711,
            (true, false) => mode | 0o011,
            (false, true) => 0o700,
            (false, false) => mode,
        };
        if wanted != mode {
            fs::set_permissions(path, Permissions::from_mode(wanted))?;
        }
        path.canonicalize()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Postgres' own folder.
    pub(super) fn cluster(&self) -> PathBuf {
        self.path.join("cluster")
    }

    /// Where downloaded versions of Postgres lie.
    pub(super) fn binaries(&self) -> PathBuf {
        self.path.join("binaries")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.path.join("postgres.log")
    }

    pub(super) fn password_file(&self) -> PathBuf {
        self.path.join("password")
    }

    fn url_file(&self) -> PathBuf {
        self.path.join("url")
    }

    pub(super) fn is_created(&self) -> bool {
        self.cluster().exists()
    }

    /// The major version that the cluster was made by; None if there is no cluster yet.
    pub(super) fn cluster_version(&self) -> Result<Option<u32>, StartError> {
        if !self.is_created() {
            return Ok(None);
        }
        let file = self.cluster().join("PG_VERSION");
        let text = fs::read_to_string(&file).map_err(|error| unusable(&file, "be read", &error))?;
        text.trim().parse().map(Some).map_err(|_| {
            StartError::new(
                format!("{} does not hold a version of Postgres", file.display()),
                SETTING,
                "Start with an empty data folder.",
            )
        })
    }

    /// Takes the folder for this process, or says who has it.
    pub(super) async fn hold(&self) -> Result<Hold, StartError> {
        let path = self.path.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| unusable(&path, "be opened", &error))?;
        let limit = Instant::now() + HOLD_LIMIT;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < limit => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(TryLockError::WouldBlock) => return Err(self.held_by_another(&path)),
                Err(TryLockError::Error(error)) => {
                    return Err(unusable(&path, "be locked", &error));
                }
            }
        }
        let written = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
        written.map_err(|error| unusable(&path, "be written", &error))?;
        Ok(Hold { file })
    }

    fn held_by_another(&self, lock: &Path) -> StartError {
        let holder = fs::read_to_string(lock).unwrap_or_default();
        StartError::new(
            format!("The folder {} is in use by the everwire with process id {}", self.path.display(), holder.trim()),
            SETTING,
            "Stop that one, or give this one a folder of its own.",
        )
    }

    /// The superuser's password, made at the first call.
    pub(super) fn make_password(&self) -> Result<(), StartError> {
        let file = self.password_file();
        let made = if file.exists() {
            Ok(())
        } else {
            let password = Alphanumeric.sample_string(&mut rand::rng(), 32);
            self.write_secret(&file, &password)
        };
        // initdb reads it as the server's user.
        made.and_then(|()| self.give_to_server(&file)).map_err(|error| unusable(&file, "be written", &error))
    }

    /// Makes `path` the property of the user that Postgres runs as.
    pub(super) fn give_to_server(&self, path: &Path) -> io::Result<()> {
        match &self.server_user {
            Some(user) => Ok(chown(path, Some(user.uid), Some(user.gid))?),
            None => Ok(()),
        }
    }

    /// The address of `database` on `port`.
    pub(super) fn url(&self, port: u16, database: &str) -> Result<String, StartError> {
        let file = self.password_file();
        let password = fs::read_to_string(&file).map_err(|error| unusable(&file, "be read", &error))?;
        let base = format!("postgres://postgres:{}@127.0.0.1:{port}", password.trim());
        let mut url = Url::parse(&base).map_err(|error| unusable(&file, "be used", &error))?;
        url.set_path(database);
        Ok(url.into())
    }

    /// Keeps the address for `everwire url` and the next start.
    pub(super) fn remember(&self, url: &str) -> Result<(), StartError> {
        let file = self.url_file();
        self.write_secret(&file, url).map_err(|error| unusable(&file, "be written", &error))
    }

    /// The address of the run under way, or of the last one.
    pub(super) fn remembered_url(&self) -> Result<String, StartError> {
        let file = self.url_file();
        fs::read_to_string(&file).map_err(|error| unusable(&file, "be read", &error))
    }

    pub(super) fn remembered_port(&self) -> Option<u16> {
        let text = fs::read_to_string(self.url_file()).ok()?;
        Url::parse(&text).ok()?.port()
    }

    /// Begins a new log and keeps the one before, so that two runs are the most that is ever kept.
    pub(super) fn rotate_log(&self) -> Result<(), StartError> {
        let log = self.log();
        if log.exists() {
            fs::rename(&log, self.path.join("postgres.log.old"))
                .map_err(|error| unusable(&log, "be renamed", &error))?;
        }
        Ok(())
    }

    /// Never half written: a reader, and a start after a crash, find the old text or the new one.
    fn write_secret(&self, file: &Path, text: &str) -> io::Result<()> {
        let draft = file.with_extension("new");
        let mut output = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        output.write_all(text.as_bytes())?;
        output.sync_all()?;
        fs::rename(&draft, file)?;
        File::open(&self.path)?.sync_all()
    }
}

/// The right to a folder, for as long as it lives.
#[derive(Debug)]
pub(super) struct Hold {
    file: File,
}

impl Drop for Hold {
    fn drop(&mut self) {
        // Closing is not enough: a process that another thread is just forking still has a copy of the file.
        if let Err(error) = self.file.unlock() {
            tracing::warn!(%error, "the lock of the data folder cannot be given back");
        }
    }
}

/// A file or folder that cannot be what it has to.
pub(super) fn unusable(path: &Path, what: &str, cause: &dyn std::fmt::Display) -> StartError {
    StartError::new(
        format!("{} cannot {what}: {cause}", path.display()),
        SETTING,
        "Check who owns it and whether its disk is full, or name another data folder.",
    )
}
