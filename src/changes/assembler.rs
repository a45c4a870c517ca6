//! What has the log told of the transaction that it is telling? Puts the messages between Begin and Commit together,
//! columns by name as the model has them. What is too large for memory goes to a file while it comes.

use std::collections::HashMap;
use std::sync::Arc;

use super::commit::{Changes, Commit, OldRow, Operation, RowChange, Spooled, fills_chunk};
use super::decode::{self, Datum, Message, Old, Relation, Unreadable};
use super::row::{Row, Value};
use super::spool::{Spool, SpoolError};
use crate::model::{ColumnId, Model, Nature, Table, TableId, Writing};
use crate::selection;
use crate::sequence::Lsn;

/// A relation as the log described it last, and how its rows map to the model.
#[derive(Debug)]
struct Mapping {
    columns: Vec<(String, u32)>,
    /// `None`: not served. A column that the model has but the log has not is missing from the rows, which the groups
    /// that need it find out.
    served: Option<(TableId, Vec<Option<ColumnId>>)>,
    /// The model has the same columns, or does not serve it.
    fits: bool,
}

impl Mapping {
    fn new(model: &Model, oid: u32, columns: Vec<(String, u32)>) -> Self {
        let served: Option<(TableId, Vec<Option<ColumnId>>)> = model.table_by_oid(oid).map(|id| {
            let table = model.table(id);
            let place = |(name, type_oid): &(String, u32)| {
                table.column_by_name(name).filter(|column| table.column(*column).type_oid == *type_oid)
            };
            (id, columns.iter().map(place).collect())
        });
        let fits = served.as_ref().is_none_or(|(id, map)| {
            let mut columns = model.table(*id).columns();
            map.iter().all(Option::is_some)
                && columns.all(|(id, column)| column.writing == Writing::Generated || map.contains(&Some(id)))
        });
        Self { columns, served, fits }
    }
}

/// The transaction that is being told.
struct Open {
    /// Without its changes.
    commit: Commit,
    /// The changes that are in memory, and what they take there.
    held: Vec<RowChange>,
    held_bytes: usize,
    /// The changes before, if they are too many.
    spooled: Option<Spooled>,
    /// The tables of the changes.
    tables: Vec<TableId>,
    /// Why its changes could not be kept.
    lost: Option<SpoolError>,
}

/// A commit of which only this is known, since its changes could be kept neither in memory nor on disk.
pub(super) struct Lost {
    /// Without its changes.
    pub(super) commit: Commit,
    pub(super) tables: Vec<TableId>,
    pub(super) reason: SpoolError,
}

/// Puts commits together.
pub(super) struct Assembler {
    model: Arc<Model>,
    watched: bool,
    spool: Spool,
    relations: HashMap<u32, Mapping>,
    open: Option<Open>,
    /// Something was found that is another thing than the model says, or may be.
    doubtful: bool,
    /// Something was found that cannot be told by the model.
    unfit: bool,
}

impl Assembler {
    /// `watched`: the database tells when it is altered.
    pub(super) fn new(model: Arc<Model>, watched: bool, spool: Spool) -> Self {
        Self { model, watched, spool, relations: HashMap::new(), open: None, doubtful: false, unfit: false }
    }

    /// Goes on by another model, which has the same ids. The log does not describe relations again for that.
    pub(super) fn adopt(&mut self, model: &Arc<Model>) {
        self.model = Arc::clone(model);
        for (oid, mapping) in &mut self.relations {
            *mapping = Mapping::new(model, *oid, std::mem::take(&mut mapping.columns));
        }
    }

    /// Whether the model should be compared with the database, since what was taken last: a relation was described
    /// again, which follows any ALTER TABLE (and some things that alter nothing, so it counts only where the database
    /// does not tell), or does not fit the model; or an enum has a value that the model does not know.
    pub(super) fn doubts(&mut self) -> bool {
        std::mem::take(&mut self.doubtful)
    }

    /// Whether something was taken since last asked that the model cannot tell: a change of a relation that has other
    /// columns, or a value of an enum that it does not know.
    pub(super) fn misfits(&mut self) -> bool {
        std::mem::take(&mut self.unfit)
    }

    /// The transaction that is being told.
    pub(super) fn transaction(&self) -> Option<u64> {
        self.open.as_ref().map(|open| open.commit.xid)
    }

    pub(super) fn begin(&mut self, lsn: Lsn, xid: u64, commit_micros: i64) {
        let commit = Commit {
            lsn,
            end_lsn: lsn,
            xid,
            committed_at: moment(commit_micros),
            changes: Changes::Held(Vec::new()),
            truncated: Vec::new(),
            ordinals: 0,
            bytes: size_of::<Commit>() + 32,
        };
        let (held, tables) = (Vec::new(), Vec::new());
        self.open = Some(Open { commit, held, held_bytes: 0, spooled: None, tables, lost: None });
    }

    /// Takes one message.
    pub(super) async fn take(&mut self, bytes: &[u8]) -> Result<(), Unreadable> {
        self.read(bytes)?;
        if self.is_heavy() {
            self.relieve().await;
        }
        Ok(())
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), Unreadable> {
        match decode::decode(bytes)? {
            Message::Relation(relation) => self.map(&relation),
            Message::Insert { relation, new } => {
                self.inspect(relation, &new);
                self.add(relation, |table, map| Operation::Insert { new: row(table, map, &new, None) });
            }
            Message::Update { relation, old, new } => {
                self.inspect(relation, &new);
                self.add(relation, |table, map| {
                    let old = old_row(table, map, &old);
                    let before = match &old {
                        OldRow::Full(row) => Some(row),
                        OldRow::Nothing | OldRow::Key(_) => None,
                    };
                    let new = row(table, map, &new, before);
                    Operation::Update { old, new }
                });
            }
            Message::Delete { relation, old } => {
                self.add(relation, |table, map| Operation::Delete { old: old_row(table, map, &old) });
            }
            Message::Truncate { relations } => relations.into_iter().for_each(|relation| self.truncate(relation)),
            Message::Other => {}
        }
        Ok(())
    }

    /// Whether there is more in memory than there should be.
    fn is_heavy(&self) -> bool {
        self.open.as_ref().is_some_and(|open| match open.spooled {
            None => open.held_bytes > self.spool.after,
            Some(_) => fills_chunk(open.held.len(), open.held_bytes),
        })
    }

    /// Writes what is in memory to the commit's file.
    async fn relieve(&mut self) {
        let Some(open) = &mut self.open else { return };
        let held = std::mem::take(&mut open.held);
        open.held_bytes = 0;
        if open.lost.is_none() {
            open.lost = open.write(&self.spool, held).await.err();
        }
    }

    /// Ends the commit; `None` if none was open.
    pub(super) async fn commit(&mut self, end_lsn: Lsn) -> Option<Result<Commit, Box<Lost>>> {
        if self.open.as_ref()?.spooled.is_some() {
            self.relieve().await;
        }
        let mut open = self.open.take()?;
        open.commit.end_lsn = end_lsn;
        if let Some(reason) = open.lost {
            return Some(Err(Box::new(Lost { commit: open.commit, tables: open.tables, reason })));
        }
        open.commit.bytes += open.held_bytes + open.spooled.as_ref().map_or(0, Spooled::bytes);
        open.commit.changes = open.spooled.map_or(Changes::Held(open.held), Changes::Spooled);
        Some(Ok(open.commit))
    }

    fn map(&mut self, relation: &Relation<'_>) {
        let columns = relation.columns.iter().map(|column| (column.name.to_owned(), column.type_oid)).collect();
        let mapping = Mapping::new(&self.model, relation.oid, columns);
        let fits = mapping.fits;
        let again = self.relations.insert(relation.oid, mapping).is_some();
        // Every change of the publication, for one, has all relations described again.
        self.doubtful |= !fits || (again && !self.watched);
    }

    /// Looks for what the model does not know, such as a new value of an enum.
    fn inspect(&mut self, relation: u32, tuple: &[Datum<'_>]) {
        let Some((table, map)) = self.relations.get(&relation).and_then(|mapping| mapping.served.as_ref()) else {
            return;
        };
        let table = self.model.table(*table);
        let unknown = |(datum, column): (&Datum<'_>, &Option<ColumnId>)| match (datum, column) {
            (Datum::Text(text), Some(id)) => !selection::is_known(&self.model, &table.column(*id).kind, text),
            (Datum::Text(_) | Datum::Null | Datum::Unchanged, _) => false,
        };
        let unknown = tuple.iter().zip(map).any(unknown);
        self.doubtful |= unknown;
        self.unfit |= unknown;
    }

    fn add(&mut self, relation: u32, operation: impl FnOnce(&Table, &[Option<ColumnId>]) -> Operation) {
        let Some(open) = &mut self.open else { return };
        open.commit.ordinals += 1;
        let Some(mapping) = self.relations.get(&relation) else { return };
        self.unfit |= !mapping.fits;
        let Some((table, map)) = &mapping.served else { return };
        open.note(*table);
        let operation = operation(self.model.table(*table), map);
        open.held_bytes += size_of::<RowChange>() + operation.bytes();
        open.held.push(RowChange { ordinal: open.commit.ordinals, table: *table, operation });
    }

    fn truncate(&mut self, relation: u32) {
        let Some(open) = &mut self.open else { return };
        open.commit.ordinals += 1;
        let Some(mapping) = self.relations.get(&relation) else { return };
        self.unfit |= !mapping.fits;
        let Some((table, _)) = &mapping.served else { return };
        open.note(*table);
        open.commit.truncated.push((open.commit.ordinals, *table));
    }
}

impl Open {
    fn note(&mut self, table: TableId) {
        if !self.tables.contains(&table) {
            self.tables.push(table);
        }
    }

    async fn write(&mut self, spool: &Spool, changes: Vec<RowChange>) -> Result<(), SpoolError> {
        let spooled = match &mut self.spooled {
            Some(spooled) => spooled,
            empty => empty.insert(Spooled::begin(spool).await?),
        };
        spooled.append(changes).await
    }
}

fn old_row(table: &Table, map: &[Option<ColumnId>], old: &Old<'_>) -> OldRow {
    let outside_key = |(_, column): &(&Datum<'_>, &Option<ColumnId>)| column.is_some_and(|id| !table.key.contains(&id));
    match old {
        Old::Nothing => OldRow::Nothing,
        // Of a partitioned table the tag tells the identity of the root, the row has what the partition's identity
        // holds: a row with nothing but its key may be no more than that.
        Old::Full(tuple)
            if table.nature == Nature::Partitioned
                && tuple.iter().zip(map).filter(outside_key).all(|(datum, _)| *datum == Datum::Null) =>
        {
            OldRow::Key(key_row(table, map, tuple))
        }
        Old::Full(tuple) => OldRow::Full(row(table, map, tuple, None)),
        Old::Key(tuple) => OldRow::Key(key_row(table, map, tuple)),
    }
}

/// Outside of the identity all is NULL; no column of a key ever is.
fn key_row(table: &Table, map: &[Option<ColumnId>], tuple: &[Datum<'_>]) -> Row {
    let values = tuple.iter().zip(map).filter_map(|(datum, column)| match datum {
        Datum::Text(text) => Some(((*column)?, Value::Text(text))),
        Datum::Null | Datum::Unchanged => None,
    });
    Row::new(table.columns.len(), values)
}

fn row(table: &Table, map: &[Option<ColumnId>], tuple: &[Datum<'_>], before: Option<&Row>) -> Row {
    let values = tuple.iter().zip(map).filter_map(|(datum, column)| {
        let column = (*column)?;
        let value = match datum {
            Datum::Null => Value::Null,
            Datum::Text(text) => Value::Text(text),
            Datum::Unchanged => before.map_or(Value::Missing, |row| row.value(column)),
        };
        Some((column, value))
    });
    Row::new(table.columns.len(), values)
}

/// Microseconds since 2000 as Postgres' JSON has a timestamptz in UTC.
fn moment(micros: i64) -> String {
    const DAY: i64 = 86_400_000_000;
    let (year, month, day) = civil_from_days(micros.div_euclid(DAY) + 10_957);
    let time = micros.rem_euclid(DAY);
    let (seconds, fraction) = (time / 1_000_000, time % 1_000_000);
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let fraction = if fraction == 0 { String::new() } else { format!(".{fraction:06}") };
    format!("{year:04}-{month:02}-{day:02}T{clock}{}+00:00", fraction.trim_end_matches('0'))
}

/// Year, month and day from days since 1970, after Howard Hinnant,
/// <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_as_in_json_of_postgres() {
        assert_eq!(moment(0), "2000-01-01T00:00:00+00:00");
        assert_eq!(moment(848_719_007_123_450), "2026-11-23T03:16:47.12345+00:00");
        assert_eq!(moment(-1), "1999-12-31T23:59:59.999999+00:00");
        assert_eq!(moment(5_140_800_000_000), "2000-02-29T12:00:00+00:00");
    }
}
