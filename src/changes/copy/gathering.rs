//! What becomes of the rows of a copy as they come? As long as they are few they are held, and the commits that their
//! snapshot did not see are applied to them. Beyond that they are encoded at once and written to a file, so that
//! the database is never held up; then those commits follow as last changes of the copy.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use super::{Rest, StartingCopy, later_message};
use crate::changes::commit::{Changes, Commit, RowChange};
use crate::changes::effect::{Effect, EffectKind, Incomplete, Scope, effects};
use crate::changes::group::Group;
use crate::changes::payload::{Part, Writer};
use crate::changes::row::Row;
use crate::changes::spool::{Span, Spool, SpoolError, SpoolFile};
use crate::model::{ColumnId, Model};
use crate::sequence::{Lsn, Sequence};

/// What one part takes at most, about: as much is held of every copy, however many there are.
const LEAST: usize = 256 * 1024;

/// The rows of a copy that is being taken.
pub(super) struct Gathering<'a> {
    group: &'a Group,
    writer: Writer<'a>,
    spool: &'a Spool,
    at: Sequence,
    /// By scope; empty once there is a file.
    rows: Vec<Vec<Row>>,
    /// What they take in memory, about.
    bytes: usize,
    written: Option<Written>,
}

/// The messages so far of a copy that goes to a file.
struct Written {
    /// The first part, which differs by the reason for the copy.
    first: Option<Part>,
    /// The part that is being filled.
    part: Part,
    /// Numbers changes only so that parts can be told apart; the position of each is that of the copy.
    ordinal: u32,
    file: SpoolFile,
    spans: Vec<Span>,
}

impl<'a> Gathering<'a> {
    /// No rows yet of a copy that will be the state at `at`.
    pub(super) fn new(model: &'a Model, group: &'a Group, spool: &'a Spool, at: Sequence) -> Self {
        let writer = Writer { model, follow: &group.follow };
        let rows = group.scopes.iter().map(|_| Vec::new()).collect();
        Self { group, writer, spool, at, rows, bytes: 0, written: None }
    }

    /// The copy will be the state at this position of the log.
    pub(super) fn position(&self) -> Lsn {
        self.at.lsn
    }

    /// Takes a row of a scope.
    pub(super) async fn add(&mut self, scope: usize, row: Row) -> Result<(), SpoolError> {
        if let Some(written) = &mut self.written {
            return written.add(&self.writer, self.at, scope, EffectKind::Put(&row)).await;
        }
        self.bytes += row.bytes();
        self.rows[scope].push(row);
        if self.bytes > self.spool.after || (self.bytes > LEAST && self.spool.is_crowded()) {
            self.write().await?;
        }
        Ok(())
    }

    /// Begins a file with the rows held.
    async fn write(&mut self) -> Result<&mut Written, SpoolError> {
        let file = self.spool.file().await?;
        let part = self.writer.part();
        let mut written = Written { first: None, part, ordinal: 0, file, spans: Vec::new() };
        for (scope, rows) in self.rows.iter_mut().enumerate() {
            for row in std::mem::take(rows) {
                written.add(&self.writer, self.at, scope, EffectKind::Put(&row)).await?;
            }
        }
        Ok(self.written.insert(written))
    }

    /// Brings the rows to the copy's position by the commits that the snapshot did not see. `None`: they do not
    /// tell it.
    pub(super) async fn finish<'c>(mut self, unseen: &'c [Arc<Commit>]) -> Result<Option<StartingCopy>, SpoolError> {
        if self.written.is_none() {
            let held = |commit: &'c Arc<Commit>| match &commit.changes {
                Changes::Held(changes) => Some((&**commit, changes.as_slice())),
                Changes::Spooled(_) => None,
            };
            if let Some(unseen) = unseen.iter().map(held).collect::<Option<Vec<_>>>() {
                let rows = apply(&self.group.scopes, self.rows, &unseen);
                return Ok(rows.ok().map(|rows| encode(&self.writer, self.spool, self.at, &rows)));
            }
            self.write().await?;
        }
        let Some(mut written) = self.written else { return Ok(None) };
        for commit in unseen {
            for chunk in 0..commit.chunks() {
                let changes = commit.load(chunk).await?;
                for (index, scope) in self.group.scopes.iter().enumerate() {
                    let effects = match effects(std::slice::from_ref(scope), commit, changes.iter()) {
                        Ok(effects) if !effects.truncated => effects,
                        // What stands in the file already cannot be taken back.
                        Ok(_) | Err(Incomplete(_)) => return Ok(None),
                    };
                    for effect in effects.list {
                        let kind = match effect.kind {
                            EffectKind::Put(row) | EffectKind::Patch(row, _) => EffectKind::Put(row),
                            EffectKind::Delete(row) => EffectKind::Delete(row),
                        };
                        written.add(&self.writer, self.at, index, kind).await?;
                    }
                }
            }
        }
        written.finish(&self.writer, self.spool, self.at).await.map(Some)
    }
}

impl Written {
    async fn add(
        &mut self,
        writer: &Writer<'_>,
        at: Sequence,
        scope: usize,
        kind: EffectKind<'_>,
    ) -> Result<(), SpoolError> {
        self.ordinal = self.ordinal.wrapping_add(1);
        let effect = Effect { ordinal: self.ordinal, scope, kind };
        if let Some(part) = writer.add(&mut self.part, &effect, at) {
            self.end_part(writer, at, part, true).await?;
        }
        Ok(())
    }

    async fn end_part(&mut self, writer: &Writer<'_>, at: Sequence, part: Part, more: bool) -> Result<(), SpoolError> {
        if self.first.is_none() {
            self.first = Some(part);
            return Ok(());
        }
        let message = later_message(writer, at, self.spans.len() as u32 + 2, more, &part);
        self.spans.push(self.file.append(message).await?);
        Ok(())
    }

    async fn finish(mut self, writer: &Writer<'_>, spool: &Spool, at: Sequence) -> Result<StartingCopy, SpoolError> {
        let part = std::mem::take(&mut self.part);
        self.end_part(writer, at, part, false).await?;
        let first = self.first.unwrap_or_default();
        let held = spool.hold(first.bytes() + self.spans.len() * size_of::<Span>());
        let rest = Rest::Spooled { file: Arc::new(self.file), spans: self.spans };
        Ok(StartingCopy { at, first, opening: Mutex::default(), rest, _held: held })
    }
}

fn encode(writer: &Writer<'_>, spool: &Spool, at: Sequence, rows: &[Vec<Row>]) -> StartingCopy {
    // Numbered only to be counted; the position of each is that of the copy.
    let rows = rows.iter().enumerate().flat_map(|(scope, rows)| rows.iter().map(move |row| (scope, row)));
    let puts = (1..).zip(rows).map(|(ordinal, (scope, row))| Effect { ordinal, scope, kind: EffectKind::Put(row) });
    let mut parts = writer.parts(puts, |_| at).into_iter();
    let first = parts.next().unwrap_or_default();
    let last = parts.len() as u32 + 1;
    let rest = (2..).zip(parts).map(|(number, part)| later_message(writer, at, number, number < last, &part));
    let rest: Vec<_> = rest.collect();
    let held = spool.hold(first.bytes() + rest.iter().map(bytes::Bytes::len).sum::<usize>());
    StartingCopy { at, first, opening: Mutex::default(), rest: Rest::Held(rest), _held: held }
}

/// A commit with its changes.
type Told<'a> = (&'a Commit, &'a [RowChange]);

/// Brings the rows that a snapshot saw to the position: applies the commits that it did not see. Each scope for
/// itself, since here an emptied table says all about its own rows.
fn apply(scopes: &[Scope], rows: Vec<Vec<Row>>, unseen: &[Told<'_>]) -> Result<Vec<Vec<Row>>, Incomplete> {
    scopes.iter().zip(rows).map(|(scope, rows)| apply_to(scope, rows, unseen)).collect()
}

fn apply_to(scope: &Scope, rows: Vec<Row>, unseen: &[Told<'_>]) -> Result<Vec<Row>, Incomplete> {
    let concerns = |(commit, changes): &Told<'_>| {
        changes.iter().any(|change| change.table == scope.table) || commit.truncation(scope.table).is_some()
    };
    if !unseen.iter().any(concerns) {
        return Ok(rows);
    }
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut copy: Vec<Option<Row>> = Vec::new();
    let put = |row: Row, copy: &mut Vec<Option<Row>>, places: &mut HashMap<String, usize>| {
        let place = *places.entry(key_text(&scope.key, &row)).or_insert(copy.len());
        if place == copy.len() { copy.push(Some(row)) } else { copy[place] = Some(row) }
    };
    rows.into_iter().for_each(|row| put(row, &mut copy, &mut places));
    for (commit, changes) in unseen {
        let effects = effects(std::slice::from_ref(scope), commit, changes.iter())?;
        if effects.truncated {
            copy.clear();
            places.clear();
        }
        for effect in effects.list {
            match effect.kind {
                EffectKind::Put(row) | EffectKind::Patch(row, _) => put(row.clone(), &mut copy, &mut places),
                EffectKind::Delete(row) => {
                    if let Some(place) = places.remove(&key_text(&scope.key, row)) {
                        copy[place] = None;
                    }
                }
            }
        }
    }
    Ok(copy.into_iter().flatten().collect())
}

/// The key's values in one text that no other key has.
fn key_text(key: &[ColumnId], row: &Row) -> String {
    key.iter().fold(String::new(), |mut text, column| {
        let value = row.get(*column).unwrap_or_default();
        let _ = write!(text, "{}:{value}", value.len());
        text
    })
}
