//! Where does what is too large for memory wait? In files without a name, which are gone with their last reader or
//! with the process. Bounds what they take in all; never blocks the runtime's threads.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::error::{Code, Error};

/// Copies that are held in memory may take this many times what one of them may.
const COPIES_HELD: usize = 16;

/// Makes the files, and knows what all of them take.
#[derive(Debug, Clone)]
pub(super) struct Spool {
    /// `None`: the system's folder for temporary files.
    folder: Option<PathBuf>,
    /// Bytes of all files.
    limit: u64,
    /// What one copy or one commit may take in memory.
    pub(super) after: usize,
    used: Arc<AtomicU64>,
    /// Bytes of copies in memory.
    held: Arc<AtomicUsize>,
}

/// A file that is written by one and then read by many.
#[derive(Debug)]
pub(super) struct SpoolFile {
    file: Arc<File>,
    length: u64,
    limit: u64,
    used: Arc<AtomicU64>,
}

/// A piece of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    offset: u64,
    length: usize,
}

/// What a copy takes in memory, until this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    bytes: usize,
    held: Arc<AtomicUsize>,
}

/// Why nothing can be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum SpoolError {
    #[error("what waits on disk would take more than {0} bytes (EVERWIRE_SPOOL_BYTES)")]
    Full(u64),
    #[error("a temporary file cannot be used (EVERWIRE_SPOOL_DIR): {0}")]
    Io(#[from] io::Error),
}

impl From<SpoolError> for Error {
    fn from(error: SpoolError) -> Self {
        match error {
            SpoolError::Full(limit) => Self::new(
                Code::SpoolLimit,
                format!(
                    "the copies that are being read take {limit} bytes (setting: --spool-bytes): follow fewer rows, or \
                     try again later"
                ),
            ),
            SpoolError::Io(error) => {
                tracing::error!(%error, "a temporary file cannot be used (EVERWIRE_SPOOL_DIR)");
                Self::new(Code::Unavailable, "the server has no room for a copy of this size just now; try again")
            }
        }
    }
}

impl Spool {
    pub(super) fn new(folder: Option<PathBuf>, limit: u64, after: usize) -> Self {
        Self { folder, limit, after, used: Arc::default(), held: Arc::default() }
    }

    /// Bytes that all files take.
    pub(super) fn bytes(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Bytes that all files may take.
    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    /// An empty file.
    pub(super) async fn file(&self) -> Result<SpoolFile, SpoolError> {
        let folder = self.folder.clone();
        let file = blocking(move || match folder {
            Some(folder) => tempfile::tempfile_in(folder),
            None => tempfile::tempfile(),
        });
        Ok(SpoolFile { file: Arc::new(file.await?), length: 0, limit: self.limit, used: Arc::clone(&self.used) })
    }

    /// Notes a copy that stays in memory.
    pub(super) fn hold(&self, bytes: usize) -> Held {
        self.held.fetch_add(bytes, Ordering::Relaxed);
        Held { bytes, held: Arc::clone(&self.held) }
    }

    /// Whether no further copy should stay in memory.
    pub(super) fn is_crowded(&self) -> bool {
        self.held.load(Ordering::Relaxed) > self.after.saturating_mul(COPIES_HELD)
    }
}

impl SpoolFile {
    /// Writes at the end.
    pub(super) async fn append(&mut self, bytes: impl AsRef<[u8]> + Send + 'static) -> Result<Span, SpoolError> {
        let span = Span { offset: self.length, length: bytes.as_ref().len() };
        let added = span.length as u64;
        // Counted before it is written, and given back with the file.
        let used = self.used.fetch_add(added, Ordering::Relaxed) + added;
        self.length += added;
        if used > self.limit {
            return Err(SpoolError::Full(self.limit));
        }
        let file = Arc::clone(&self.file);
        blocking(move || file.write_all_at(bytes.as_ref(), span.offset)).await?;
        Ok(span)
    }

    /// Bytes written.
    pub(super) fn bytes(&self) -> u64 {
        self.length
    }

    /// Reads a piece. Blocks: not for the runtime's threads.
    pub(super) fn read(&self, span: Span) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; span.length];
        self.file.read_exact_at(&mut bytes, span.offset)?;
        Ok(bytes)
    }
}

impl Drop for SpoolFile {
    fn drop(&mut self) {
        self.used.fetch_sub(self.length, Ordering::Relaxed);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Work on files, outside of the runtime's own threads.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(io::Error::other("the work broke off")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_written_is_read_and_its_room_given_back() {
        let spool = Spool::new(None, 10, 1);
        let mut file = spool.file().await.unwrap();
        let first = file.append("abc").await.unwrap();
        let second = file.append("defg").await.unwrap();
        assert_eq!(file.read(second).unwrap(), b"defg");
        assert_eq!(file.read(first).unwrap(), b"abc");
        assert!(matches!(file.append("hijk").await, Err(SpoolError::Full(10))));
        drop(file);
        assert_eq!(spool.bytes(), 0);
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_is_an_error() {
        let spool = Spool::new(Some("/nowhere/at/all".into()), 10, 1);
        assert!(matches!(spool.file().await, Err(SpoolError::Io(_))));
    }

    #[test]
    fn copies_in_memory_are_counted_while_they_last() {
        let spool = Spool::new(None, 10, 1);
        let held = spool.hold(COPIES_HELD + 1);
        assert!(spool.is_crowded());
        drop(held);
        assert!(!spool.is_crowded());
    }
}
