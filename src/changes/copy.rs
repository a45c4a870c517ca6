//! What is there to start with? The messages of a copy, of one table or several, as of one position of the log. A copy
//! of any size is shared by all who want the same; what is too large for memory waits in a file, so that a slow reader
//! holds neither memory nor a connection to the database.

mod gathering;
mod taking;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::follow::Reset;
use super::group::Group;
use super::payload::{Envelope, Part, Writer};
use super::spool::{Held, Span, SpoolFile, blocking};
use crate::error::{Code, Error};
use crate::model::Model;
use crate::sequence::{Epoch, Lsn, Sequence};

pub(super) use taking::{refused, take};

/// The messages of a copy. They differ by the reason for it in the first one only.
pub(super) struct StartingCopy {
    /// The copy is the state at this position.
    pub(super) at: Sequence,
    first: Part,
    /// The first message for each reason that was asked for.
    opening: Mutex<HashMap<Reset, Bytes>>,
    rest: Rest,
    /// What of it is in memory.
    _held: Held,
}

/// The messages after the first.
enum Rest {
    Held(Vec<Bytes>),
    Spooled { file: Arc<SpoolFile>, spans: Vec<Span> },
}

/// A copy being taken. Whoever waits for it drives it, so that it waits for none of those who wait.
pub(super) type Taking = Pin<Box<dyn Future<Output = Result<Arc<StartingCopy>, Error>> + Send>>;

/// A message of a copy.
pub(super) enum Given {
    Message(Bytes),
    /// It has to be read from its file.
    Reading(Reading),
    /// There are no more.
    End,
}

/// A message being read from its file.
pub(super) type Reading = Pin<Box<dyn Future<Output = Result<Bytes, Error>> + Send>>;

impl StartingCopy {
    /// Whether it is one message.
    pub(super) fn is_small(&self) -> bool {
        self.rest.len() == 0
    }

    /// The message with this index.
    pub(super) fn message(&self, model: &Model, group: &Group, reason: Reset, index: usize) -> Given {
        if let Some(index) = index.checked_sub(1) {
            return self.rest.message(index);
        }
        let mut opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        let message = opening.entry(reason).or_insert_with(|| {
            let writer = Writer { model, follow: &group.follow };
            let more = !self.is_small();
            let sequence = if more { unfinished(self.at.epoch, 1) } else { self.at };
            let envelope = Envelope { sequence: Some(sequence), reset: Some(reason), more, ..Envelope::default() };
            writer.message(&envelope, &self.first)
        });
        Given::Message(message.clone())
    }
}

impl Rest {
    fn len(&self) -> usize {
        match self {
            Self::Held(messages) => messages.len(),
            Self::Spooled { spans, .. } => spans.len(),
        }
    }

    fn message(&self, index: usize) -> Given {
        match self {
            Self::Held(messages) => messages.get(index).cloned().map_or(Given::End, Given::Message),
            Self::Spooled { file, spans } => {
                let Some(span) = spans.get(index).copied() else { return Given::End };
                let file = Arc::clone(file);
                Given::Reading(Box::pin(async move {
                    let message = blocking(move || file.read(span)).await.map_err(|error| {
                        tracing::error!(%error, "a copy cannot be read back from its file");
                        Error::new(Code::Unavailable, "the copy was lost on its way: subscribe again")
                    })?;
                    Ok(message.into())
                }))
            }
        }
    }
}

/// A message after the first, `number` from 2.
fn later_message(writer: &Writer<'_>, at: Sequence, number: u32, more: bool, part: &Part) -> Bytes {
    let envelope = Envelope {
        sequence: Some(if more { unfinished(at.epoch, number) } else { at }),
        previous: Some(unfinished(at.epoch, number - 1)),
        more,
        ..Envelope::default()
    };
    writer.message(&envelope, part)
}

/// The position of a part of a copy that more follows: before all others, so that nobody can go on from there
/// with half a copy.
fn unfinished(epoch: Epoch, part: u32) -> Sequence {
    Sequence { epoch, lsn: Lsn(0), ordinal: part }
}
