//! What does one write send to Postgres, and what may its answer say?

use crate::error::{Code, Error};
use crate::sql::Statement;

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Writes, and gives one row: a JSON text, or with `read` the keys of what was written; then the transaction;
    /// then the word of a [`Refusal`] or NULL.
    pub write: Statement,
    /// Reads what was written, with what the write did to the rows that it relates to, which the first statement
    /// cannot see. Takes the keys as its first parameters.
    /// <https://www.postgresql.org/docs/current/queries-with.html#QUERIES-WITH-MODIFYING>
    pub read: Option<Statement>,
    /// Whether the statements will be seen again.
    pub repetition: Repetition,
}

/// Whether a statement's text is likely to come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repetition {
    /// The same text for every value: worth keeping prepared.
    Usual,
    /// The text depends on how many rows were given; kept, such texts would take a connection's memory for nothing.
    Unlikely,
}

/// Why a write wrote nothing although the database had nothing against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The row is there, but not as `ifMatch` says.
    Conflict,
    /// More rows would be given back than a list may have.
    Rows,
    /// A trigger kept the row from being written.
    Kept,
}

impl Refusal {
    const ALL: [Self; 3] = [Self::Conflict, Self::Rows, Self::Kept];

    /// How the statement says it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::Rows => "rows",
            Self::Kept => "kept",
        }
    }

    /// What a statement said.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.word() == word)
    }

    /// What a client is told; a list has at most `max_rows`.
    pub fn error(self, max_rows: u64) -> Error {
        match self {
            Self::Conflict => Error::new(
                Code::Conflict,
                "the row is not as `ifMatch` says: someone changed it; read it again and decide anew",
            ),
            Self::Rows => Error::new(
                Code::RowsLimit,
                format!(
                    "`where` matches more than the {max_rows} rows that `nodes` can have (setting: --max-rows): select `count` alone, or \
                     write fewer rows at a time"
                ),
            ),
            Self::Kept => Error::new(Code::DataCheck, "a trigger of the database kept the row from being written"),
        }
    }
}
