//! What did one transaction do to the served tables? Every row change is numbered, served or not, so that a sequence
//! depends on the log alone. The changes of a commit that is too large for memory stand in a file, in chunks.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::row::Row;
use super::spool::{Span, Spool, SpoolError, SpoolFile, blocking};
use crate::model::TableId;
use crate::sequence::{Epoch, Lsn, Sequence};

/// The changes of a chunk, in number and in bytes of memory: about as many as a message has.
const CHUNK_CHANGES: usize = 1_000;
const CHUNK_BYTES: usize = 512 * 1024;

/// A transaction that has committed.
#[derive(Debug)]
pub(super) struct Commit {
    /// Where the commit's record begins.
    pub(super) lsn: Lsn,
    /// Where it ends.
    pub(super) end_lsn: Lsn,
    /// 64-bit transaction id, as `pg_current_xact_id()` gives it.
    pub(super) xid: u64,
    /// As `DateTime` in JSON.
    pub(super) committed_at: String,
    /// Row changes of served tables.
    pub(super) changes: Changes,
    /// Tables that were emptied, with the place among the changes.
    pub(super) truncated: Vec<(u32, TableId)>,
    /// How many row changes and truncations there were, those of other tables included.
    pub(super) ordinals: u32,
    /// What it takes in memory, about.
    pub(super) bytes: usize,
}

/// The row changes of a commit, in the order of the log.
#[derive(Debug)]
pub(super) enum Changes {
    Held(Vec<RowChange>),
    Spooled(Spooled),
}

/// Row changes in a file.
#[derive(Debug)]
pub(super) struct Spooled {
    file: SpoolFile,
    chunks: Vec<Chunk>,
}

/// A piece of the file, and the last change in it.
#[derive(Debug)]
struct Chunk {
    span: Span,
    ordinal: u32,
}

/// A change of one row.
#[derive(Debug, Clone)]
pub(super) struct RowChange {
    /// Place in the commit, from 1.
    pub(super) ordinal: u32,
    pub(super) table: TableId,
    pub(super) operation: Operation,
}

/// What happened to the row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Operation {
    Insert { new: Row },
    Update { old: OldRow, new: Row },
    Delete { old: OldRow },
}

/// What the log holds of the old row, which the table's replica identity decides.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum OldRow {
    /// Nothing: the key is that of the new row.
    Nothing,
    /// The key; all other columns are missing.
    Key(Row),
    Full(Row),
}

impl Commit {
    /// The position after it.
    pub(super) fn sequence(&self, epoch: Epoch) -> Sequence {
        self.at(epoch, self.ordinals)
    }

    /// The position of one of its changes.
    pub(super) fn at(&self, epoch: Epoch, ordinal: u32) -> Sequence {
        Sequence { epoch, lsn: self.lsn, ordinal }
    }

    /// How many of its changes a position has behind it.
    pub(super) fn ordinal(&self, at: Sequence) -> u32 {
        if at.lsn == self.lsn { at.ordinal } else { 0 }
    }

    /// After which change the table was emptied last, if it was.
    pub(super) fn truncation(&self, table: TableId) -> Option<u32> {
        self.truncated.iter().filter(|(_, emptied)| *emptied == table).map(|(ordinal, _)| *ordinal).max()
    }

    /// Whether it did anything to the served tables.
    pub(super) fn is_empty(&self) -> bool {
        self.truncated.is_empty() && self.chunks() == 0
    }

    /// What it takes on disk.
    pub(super) fn spooled_bytes(&self) -> u64 {
        match &self.changes {
            Changes::Held(_) => 0,
            Changes::Spooled(spooled) => spooled.file.bytes(),
        }
    }

    /// In how many chunks its changes come.
    pub(super) fn chunks(&self) -> usize {
        match &self.changes {
            Changes::Held(changes) => usize::from(!changes.is_empty()),
            Changes::Spooled(spooled) => spooled.chunks.len(),
        }
    }

    /// The first chunk that has a change after this one.
    pub(super) fn chunk_after(&self, ordinal: u32) -> usize {
        match &self.changes {
            Changes::Held(_) => 0,
            Changes::Spooled(spooled) => spooled.chunks.partition_point(|chunk| chunk.ordinal <= ordinal),
        }
    }

    /// The changes of a chunk. Blocks if they are not in memory.
    pub(super) fn read(&self, chunk: usize) -> io::Result<Cow<'_, [RowChange]>> {
        match &self.changes {
            Changes::Held(changes) => Ok(Cow::Borrowed(changes)),
            Changes::Spooled(spooled) => spooled.read(chunk).map(Cow::Owned),
        }
    }

    /// The changes of a chunk.
    pub(super) async fn load(self: &Arc<Self>, chunk: usize) -> io::Result<Cow<'_, [RowChange]>> {
        match &self.changes {
            Changes::Held(changes) => Ok(Cow::Borrowed(changes)),
            Changes::Spooled(_) => {
                let commit = Arc::clone(self);
                blocking(move || commit.read(chunk).map(Cow::into_owned)).await.map(Cow::Owned)
            }
        }
    }
}

impl Spooled {
    /// Nothing yet.
    pub(super) async fn begin(spool: &Spool) -> Result<Self, SpoolError> {
        Ok(Self { file: spool.file().await?, chunks: Vec::new() })
    }

    /// Writes changes that come after all that it has.
    pub(super) async fn append(&mut self, changes: Vec<RowChange>) -> Result<(), SpoolError> {
        let mut rest = changes.as_slice();
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = rest.iter().take(CHUNK_CHANGES).take_while(|change| {
                let fits = bytes < CHUNK_BYTES;
                bytes += change.operation.bytes();
                fits
            });
            let (chunk, after) = rest.split_at(fits.count());
            let plain: Vec<_> =
                chunk.iter().map(|change| (change.ordinal, change.table.0, &change.operation)).collect();
            let ordinal = chunk.last().map_or(0, |change| change.ordinal);
            let span = self.file.append(postcard::to_stdvec(&plain).map_err(io::Error::other)?).await?;
            self.chunks.push(Chunk { span, ordinal });
            rest = after;
        }
        Ok(())
    }

    /// What it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.chunks.len() * size_of::<Chunk>()
    }

    fn read(&self, chunk: usize) -> io::Result<Vec<RowChange>> {
        let chunk = self.chunks.get(chunk).ok_or_else(|| io::Error::other("there is no such chunk"))?;
        let plain: Vec<(u32, usize, Operation)> =
            postcard::from_bytes(&self.file.read(chunk.span)?).map_err(io::Error::other)?;
        let change = |(ordinal, table, operation)| RowChange { ordinal, table: TableId(table), operation };
        Ok(plain.into_iter().map(change).collect())
    }
}

/// Whether changes are enough for a chunk.
pub(super) fn fills_chunk(changes: usize, bytes: usize) -> bool {
    changes >= CHUNK_CHANGES || bytes >= CHUNK_BYTES
}

impl Operation {
    /// What its rows take in memory, about.
    pub(super) fn bytes(&self) -> usize {
        let old = |old: &OldRow| match old {
            OldRow::Nothing => 0,
            OldRow::Key(row) | OldRow::Full(row) => row.bytes(),
        };
        match self {
            Self::Insert { new } => new.bytes(),
            Self::Update { old: before, new } => old(before) + new.bytes(),
            Self::Delete { old: before } => old(before),
        }
    }
}
