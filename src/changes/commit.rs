//! What did one transaction do to the served tables? Puts the messages between Begin and Commit together,
//! columns by name as the model has them. Numbers every row change, served or not, so that a sequence
//! depends on the log alone.

use std::collections::HashMap;
use std::sync::Arc;

use super::decode::{self, Datum, Message, Old, Relation, Unreadable};
use super::row::{Row, Value};
use crate::model::{ColumnId, Kind, Model, Nature, Table, TableId, Writing};
use crate::sequence::{Epoch, Lsn, Sequence};

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
    pub(super) changes: Vec<RowChange>,
    /// Tables that were emptied, with the place among the changes.
    pub(super) truncated: Vec<(u32, TableId)>,
    /// How many row changes and truncations there were, those of other tables included.
    pub(super) ordinals: u32,
    /// What it takes in memory, about.
    pub(super) bytes: usize,
}

/// A change of one row.
#[derive(Debug)]
pub(super) struct RowChange {
    /// Place in the commit, from 1.
    pub(super) ordinal: u32,
    pub(super) table: TableId,
    pub(super) operation: Operation,
}

/// What happened to the row.
#[derive(Debug)]
pub(super) enum Operation {
    Insert { new: Row },
    Update { old: OldRow, new: Row },
    Delete { old: OldRow },
}

/// What the log holds of the old row, which the table's replica identity decides.
#[derive(Debug)]
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

    /// After which change the table was emptied last, if it was.
    pub(super) fn truncation(&self, table: TableId) -> Option<u32> {
        self.truncated.iter().filter(|(_, emptied)| *emptied == table).map(|(ordinal, _)| *ordinal).max()
    }
}

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

/// Puts commits together.
pub(super) struct Assembler {
    model: Arc<Model>,
    watched: bool,
    relations: HashMap<u32, Mapping>,
    open: Option<Commit>,
    /// Something was found that is another thing than the model says, or may be.
    doubtful: bool,
    /// Something was found that cannot be told by the model.
    unfit: bool,
}

impl Assembler {
    /// `watched`: the database tells when it is altered.
    pub(super) fn new(model: Arc<Model>, watched: bool) -> Self {
        Self { model, watched, relations: HashMap::new(), open: None, doubtful: false, unfit: false }
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
        self.open.as_ref().map(|commit| commit.xid)
    }

    pub(super) fn begin(&mut self, lsn: Lsn, xid: u64, commit_micros: i64) {
        self.open = Some(Commit {
            lsn,
            end_lsn: lsn,
            xid,
            committed_at: moment(commit_micros),
            changes: Vec::new(),
            truncated: Vec::new(),
            ordinals: 0,
            bytes: size_of::<Commit>() + 32,
        });
    }

    /// Takes one message.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(), Unreadable> {
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

    /// Ends the commit; `None` if none was open.
    pub(super) fn commit(&mut self, end_lsn: Lsn) -> Option<Commit> {
        let mut commit = self.open.take()?;
        commit.end_lsn = end_lsn;
        Some(commit)
    }

    fn map(&mut self, relation: &Relation<'_>) {
        let columns = relation.columns.iter().map(|column| (column.name.to_owned(), column.type_oid)).collect();
        let mapping = Mapping::new(&self.model, relation.oid, columns);
        let fits = mapping.fits;
        let again = self.relations.insert(relation.oid, mapping).is_some();
        // Every change of the publication, for one, has all relations described again.
        self.doubtful |= !fits || (again && !self.watched);
    }

    /// Looks for values of enums that the model does not know.
    fn inspect(&mut self, relation: u32, tuple: &[Datum<'_>]) {
        let Some((table, map)) = self.relations.get(&relation).and_then(|mapping| mapping.served.as_ref()) else {
            return;
        };
        let table = self.model.table(*table);
        let unknown = |(datum, column): (&Datum<'_>, &Option<ColumnId>)| match (datum, column) {
            (Datum::Text(text), Some(id)) => match &table.column(*id).kind {
                Kind::Enum(id) => self.model.enum_type(*id).by_label(text).is_none(),
                _ => false,
            },
            (Datum::Text(_) | Datum::Null | Datum::Unchanged, _) => false,
        };
        let unknown = tuple.iter().zip(map).any(unknown);
        self.doubtful |= unknown;
        self.unfit |= unknown;
    }

    fn add(&mut self, relation: u32, operation: impl FnOnce(&Table, &[Option<ColumnId>]) -> Operation) {
        let Some(commit) = &mut self.open else { return };
        commit.ordinals += 1;
        let Some(mapping) = self.relations.get(&relation) else { return };
        self.unfit |= !mapping.fits;
        let Some((table, map)) = &mapping.served else { return };
        let operation = operation(self.model.table(*table), map);
        commit.bytes += size_of::<RowChange>() + operation.bytes();
        commit.changes.push(RowChange { ordinal: commit.ordinals, table: *table, operation });
    }

    fn truncate(&mut self, relation: u32) {
        let Some(commit) = &mut self.open else { return };
        commit.ordinals += 1;
        let Some(mapping) = self.relations.get(&relation) else { return };
        self.unfit |= !mapping.fits;
        commit.truncated.extend(mapping.served.as_ref().map(|(table, _)| (commit.ordinals, *table)));
    }
}

impl Operation {
    fn bytes(&self) -> usize {
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
