//! One row of the log or of a copy: the text of its values in one buffer. Knows columns by their index in the
//! model only.

use serde::{Deserialize, Serialize};

use crate::model::ColumnId;

/// A row: one buffer for all values, and where each stands in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row {
    text: Box<str>,
    cells: Box<[Cell]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Cell {
    Null,
    /// The log does not say: an unchanged TOAST value without an old row, or a column it does not carry.
    Missing,
    Text(u32, u32),
}

/// A value that is put into a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Null,
    Missing,
    Text(&'a str),
}

impl Row {
    /// A row of `columns` columns with the values given; columns without one are missing.
    pub(super) fn new<'a>(columns: usize, values: impl Iterator<Item = (ColumnId, Value<'a>)>) -> Self {
        let mut text = String::new();
        let mut cells = vec![Cell::Missing; columns];
        for (column, value) in values {
            let Some(cell) = cells.get_mut(column.0) else { continue };
            *cell = match value {
                Value::Null => Cell::Null,
                Value::Missing => Cell::Missing,
                Value::Text(value) => {
                    let start = text.len();
                    text.push_str(value);
                    // A message of the log is at most 1 GiB, and a row at most two of them.
                    Cell::Text(start as u32, text.len() as u32)
                }
            };
        }
        Self { text: text.into(), cells: cells.into() }
    }

    /// The text of a value, `None` for NULL (and for what is missing: ask [`Row::lacks`] first).
    pub(super) fn get(&self, column: ColumnId) -> Option<&str> {
        match self.cells.get(column.0)? {
            Cell::Null | Cell::Missing => None,
            Cell::Text(start, end) => self.text.get(*start as usize..*end as usize),
        }
    }

    /// Whether one of these columns is missing.
    pub(super) fn lacks(&self, columns: &[ColumnId]) -> bool {
        columns.iter().any(|column| matches!(self.cells.get(column.0), None | Some(Cell::Missing)))
    }

    /// The value as it can be put into another row.
    pub(super) fn value(&self, column: ColumnId) -> Value<'_> {
        match self.cells.get(column.0) {
            None | Some(Cell::Missing) => Value::Missing,
            Some(Cell::Null | Cell::Text(..)) => self.get(column).map_or(Value::Null, Value::Text),
        }
    }

    /// What it takes in memory, about.
    pub(super) fn bytes(&self) -> usize {
        self.text.len() + size_of_val(&*self.cells) + 2 * size_of::<usize>()
    }
}
