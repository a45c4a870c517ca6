//! Makes a new cluster.
//!
//! Takes an empty place in the data folder; gives a complete cluster there. It must not leave half a cluster
//! under the final name, whatever cuts it off: initdb works in a folder of its own, which is renamed at the end.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use nix::sys::signal::Signal;
use rand::distr::{Alphanumeric, SampleString};

use super::SETTING;
use super::binaries::Binaries;
use super::folder::{Folder, unusable};
use super::postmaster::{die_with_us, run_as};
use crate::error::StartError;

const DRAFT: &str = "cluster-new-";

/// Creates the folder's cluster with a superuser `postgres` and a random password.
pub(super) async fn create(
    folder: &Folder,
    binaries: &Binaries,
    settings: &[(String, String)],
) -> Result<(), StartError> {
    remove_drafts(folder);
    folder.make_password()?;
    let durable = !settings.iter().any(|(name, value)| name == "fsync" && value == "off");
    // Byte order for text, the same on every machine; Unicode case rules where the system has them.
    let draft = match initialise(folder, binaries, "C.UTF-8", durable).await? {
        Ok(draft) => draft,
        Err(_) => initialise(folder, binaries, "C", durable).await?.map_err(|said| refused(binaries, &said))?,
    };
    fs::rename(&draft, folder.cluster())
        .and_then(|()| File::open(folder.path())?.sync_all())
        .map_err(|error| unusable(&draft, "be renamed", &error))
}

/// What killed processes left. Their initdb may be writing still, so what resists waits for the next time.
fn remove_drafts(folder: &Folder) {
    let entries = fs::read_dir(folder.path()).into_iter().flatten().flatten();
    for entry in entries {
        let is_draft = entry.file_name().to_string_lossy().starts_with(DRAFT);
        if is_draft && let Err(error) = fs::remove_dir_all(entry.path()) {
            tracing::debug!(%error, draft = %entry.path().display(), "cannot remove an unfinished cluster yet");
        }
    }
}

/// Runs initdb in a fresh folder; `Ok(Err(…))` is what it said if it refused.
async fn initialise(
    folder: &Folder,
    binaries: &Binaries,
    character_type: &str,
    durable: bool,
) -> Result<Result<PathBuf, String>, StartError> {
    // A new name each time: an initdb that outlived its parent must not write into ours.
    let name = Alphanumeric.sample_string(&mut rand::rng(), 8);
    let draft = folder.path().join(format!("{DRAFT}{name}"));
    fs::create_dir(&draft)
        .and_then(|()| folder.give_to_server(&draft))
        .map_err(|error| unusable(&draft, "be made", &error))?;
    let mut command = initdb(folder, binaries, &draft, character_type, durable);
    // On a thread that waits for the child: the signal at our death is sent when that thread ends.
    let ran = tokio::task::spawn_blocking(move || command.output()).await;
    let output = ran.map_err(io::Error::other).flatten().map_err(|error| unreachable_folder(folder, &error))?;
    Ok(if output.status.success() { Ok(draft) } else { Err(complaint(&output)) })
}

fn initdb(folder: &Folder, binaries: &Binaries, draft: &Path, character_type: &str, durable: bool) -> Command {
    let mut command = Command::new(binaries.initdb());
    command
        .args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8"])
        .args(["--no-locale", "--data-checksums"])
        .arg(format!("--lc-ctype={character_type}"))
        .arg("--pwfile")
        .arg(folder.password_file())
        .arg("--pgdata")
        .arg(draft)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .env_remove("PGDATA")
        .current_dir(folder.path())
        .stdin(Stdio::null());
    if !durable {
        command.arg("--no-sync");
    }
    run_as(&mut command, folder.server_user.as_ref());
    die_with_us(&mut command, Signal::SIGKILL);
    command
}

/// What initdb said, on one line.
fn complaint(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join("; ")
}

fn refused(binaries: &Binaries, said: &str) -> StartError {
    StartError::new(
        format!("{} cannot create a cluster: {said}", binaries.initdb().display()),
        SETTING,
        "Check the folder's owner and free space, or set PG_BIN to another Postgres.",
    )
}

fn unreachable_folder(folder: &Folder, error: &io::Error) -> StartError {
    let runner = folder.server_user.as_ref().map_or("you", |user| &user.name);
    StartError::new(
        format!("initdb cannot be run in {} as the user {runner}: {error}", folder.path().display()),
        SETTING,
        "Postgres does not run as root, so its user must be able to reach the folder: name one outside /root.",
    )
}
