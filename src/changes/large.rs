//! How is a commit told that is too large for memory? Its messages are made from its file when somebody wants them, a
//! part at a time, as long as the history holds it; the last ones made are shared by all who are about as far.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tokio::sync::Semaphore;

use super::commit::{Changes, Commit, RowChange};
use super::effect::{Incomplete, effects};
use super::follow::Reset;
use super::group::Group;
use super::payload::{Part, Writer};
use super::shared::Shared;
use super::spool::blocking;
use super::subscription::apart;
use crate::error::{Code, Error};
use crate::model::Model;
use crate::sequence::{Epoch, Sequence};

/// Bytes of the messages last made, of all groups.
const SHARED_BYTES: u64 = 16 << 20;
/// How many those are, about.
const SHARED_MESSAGES: usize = 256;
/// Messages that are made at a time; each takes a chunk or two of a commit in memory.
const MAKERS: usize = 2;

/// The messages last made, by group and the position that they come after.
pub(super) struct Parts {
    made: Cache<(u64, Sequence), Made, Size>,
    makers: Semaphore,
}

/// A message and its position.
pub(super) type Made = (Sequence, Bytes);

#[derive(Clone)]
struct Size;

impl Weighter<(u64, Sequence), Made> for Size {
    fn weight(&self, _: &(u64, Sequence), made: &Made) -> u64 {
        made.1.len() as u64 + 128
    }
}

/// What comes next of a commit.
pub(super) enum Told {
    Message(Made),
    /// Only a fresh copy helps.
    Untold(Reset),
}

/// What a group gets of a commit that is being read.
pub(super) enum Telling {
    /// It is one message so far.
    Part(Part),
    /// It is more than that.
    Large,
    /// The log does not tell it.
    Untold(Reset),
}

impl Parts {
    pub(super) fn new() -> Self {
        let made = Cache::with_weighter(SHARED_MESSAGES, SHARED_BYTES, Size);
        Self { made, makers: Semaphore::new(MAKERS) }
    }
}

impl Telling {
    /// Takes some more of the commit's changes.
    pub(super) fn add<'c>(
        &mut self,
        writer: &Writer<'_>,
        group: &Group,
        epoch: Epoch,
        commit: &Commit,
        changes: impl Iterator<Item = &'c RowChange>,
    ) {
        let Self::Part(part) = self else { return };
        match effects(&group.scopes, commit, changes) {
            Err(Incomplete(reason)) => *self = Self::Untold(reason),
            Ok(effects) => {
                let mut effects = effects.list.iter();
                if effects.any(|effect| writer.add(part, effect, commit.at(epoch, effect.ordinal)).is_some()) {
                    *self = Self::Large;
                }
            }
        }
    }

    /// Keeps nothing of it in memory.
    pub(super) fn put_off(&mut self) {
        match self {
            Self::Part(_) => *self = Self::Large,
            Self::Large | Self::Untold(_) => {}
        }
    }

    /// What it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Part(part) => part.bytes(),
            Self::Large | Self::Untold(_) => 0,
        }
    }
}

/// The message of a commit that comes after this position, if that takes no reading: it has been made for another, or
/// the commit is in memory, and there was no room for its messages only.
pub(super) fn tell_at_once(shared: &Shared, group: &Group, commit: &Commit, after: Sequence) -> Option<Told> {
    let (made, key) = (&shared.parts.made, (group.id, after));
    if let Some(made) = made.get(&key) {
        return Some(Told::Message(made));
    }
    match &commit.changes {
        Changes::Spooled(_) => None,
        Changes::Held(_) => Some(match make(&shared.model(), group, commit, after) {
            Ok(message) => {
                made.insert(key, message.clone());
                Told::Message(message)
            }
            Err(reason) => Told::Untold(reason),
        }),
    }
}

/// The message of a commit that comes after this position: made once for all who ask in about the same moment.
pub(super) async fn tell(
    shared: Arc<Shared>,
    group: Arc<Group>,
    commit: Arc<Commit>,
    after: Sequence,
) -> Result<Told, Error> {
    let key = (group.id, after);
    apart(async move {
        let parts = &shared.parts;
        let made = parts.made.get_or_insert_async(&key, async {
            let permit = parts.makers.acquire().await;
            let _permit =
                permit.map_err(|_| Unmade::Failed(Error::new(Code::Unavailable, "the server is stopping")))?;
            let model = shared.model();
            let made = blocking(move || Ok(make(&model, &group, &commit, after))).await;
            made.unwrap_or_else(|error| Err(unreadable(&error))).map_err(Unmade::Untold)
        });
        match made.await {
            Ok(made) => Ok(Told::Message(made)),
            Err(Unmade::Untold(reason)) => Ok(Told::Untold(reason)),
            Err(Unmade::Failed(error)) => Err(error),
        }
    })
    .await
}

/// Why there is no message.
enum Unmade {
    Untold(Reset),
    Failed(Error),
}

fn unreadable(error: &io::Error) -> Reset {
    tracing::error!(%error, "a commit cannot be read back from its file");
    Reset::Lagged
}

/// Makes a message; the reason for a fresh copy if it cannot be made. Blocks, if the commit is not in memory.
fn make(model: &Model, group: &Group, commit: &Commit, after: Sequence) -> Result<Made, Reset> {
    let writer = Writer { model, follow: &group.follow };
    let (epoch, ordinal) = (after.epoch, commit.ordinal(after));
    let mut part = writer.part();
    for chunk in commit.chunk_after(ordinal)..commit.chunks() {
        let changes = commit.read(chunk).map_err(|error| unreadable(&error))?;
        let changes = changes.iter().filter(|change| change.ordinal > ordinal);
        let effects = effects(&group.scopes, commit, changes);
        let effects = effects.map_err(|Incomplete(reason)| reason)?;
        for effect in effects.list {
            if let Some(part) = writer.add(&mut part, &effect, commit.at(epoch, effect.ordinal)) {
                let sequence = commit.at(epoch, part.ordinal);
                return Ok((sequence, group.message(&writer, commit, after, sequence, &part)));
            }
        }
    }
    let end = commit.sequence(epoch);
    Ok((end, group.message(&writer, commit, after, end, &part)))
}
