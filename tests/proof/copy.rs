//! Does a client that believes every message end up with what Postgres has? One subscriber's copy: applies messages
//! as the README tells a client to, and holds the stream to its promises on the way.

use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::tables::{BATCH, TOTAL};
use crate::wishes::Wish;

/// A message of a subscription, as it came.
#[derive(Deserialize)]
pub(crate) struct Message<'a> {
    sequence: &'a str,
    previous: Option<&'a str>,
    reset: Option<&'a str>,
    more: bool,
    #[serde(borrow)]
    changes: Vec<Change<'a>>,
}

#[derive(Deserialize)]
struct Change<'a> {
    op: &'a str,
    #[serde(borrow)]
    key: &'a RawValue,
    #[serde(borrow)]
    row: Option<Texts<'a>>,
    #[serde(borrow)]
    changed: Option<Vec<&'a str>>,
    #[serde(borrow)]
    patch: Option<Texts<'a>>,
}

/// The JSON texts of an object's values, in their order: that of the selection.
struct Texts<'a>(Vec<&'a str>);

impl<'de: 'a, 'a> Deserialize<'de> for Texts<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values;
        impl<'de> Visitor<'de> for Values {
            type Value = Vec<&'de str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut texts = Vec::new();
                while let Some((_, value)) = map.next_entry::<&str, &RawValue>()? {
                    texts.push(value.get());
                }
                Ok(texts)
            }
        }
        deserializer.deserialize_map(Values).map(Self)
    }
}

/// A promise that was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Breach {
    /// `previous` is after the position held: a message is missing, and the client knows.
    Gap,
    /// `sequence` did not rise, or positions of two histories met without a reset.
    Order,
    /// A PATCH of a row that is not held, or one whose parts are not its row.
    Stray,
    /// What one commit keeps true was false after a whole message.
    Torn,
    /// A message that cannot be read.
    Unreadable,
    /// `messageId` does not follow `lastMessageId`.
    Number,
}

/// How a client deals with a commit of several messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Applies it whole or not at all, and goes on from the last whole one.
    Careful,
    /// Applies each part as it comes, and goes on from there.
    Eager,
}

enum Step {
    Clear,
    Put(String, Vec<String>),
    Parts(String, Vec<(usize, String)>, Option<Vec<String>>),
    Delete(String),
}

/// The copy.
pub(crate) struct Copy {
    pub(crate) rows: HashMap<String, Vec<String>>,
    /// The position up to which messages were applied: `since`.
    pub(crate) held: Option<String>,
    /// The position of the last message.
    seen: Option<String>,
    staged: Vec<Step>,
    unfinished: bool,
    manner: Manner,
}

impl Copy {
    pub(crate) fn new(manner: Manner) -> Self {
        Self { rows: HashMap::new(), held: None, seen: None, staged: Vec::new(), unfinished: false, manner }
    }

    /// The connection is gone, with it what was not applied.
    pub(crate) fn interrupt(&mut self) {
        self.staged.clear();
        self.unfinished = false;
        self.seen.clone_from(&self.held);
    }

    /// The log position up to which the copy is whole.
    pub(crate) fn position(&self) -> Option<u64> {
        if self.unfinished {
            return None;
        }
        u64::from_str_radix(self.held.as_ref()?.get(9..25)?, 16).ok()
    }

    /// Takes one message; gives the reason if it was a reset.
    pub(crate) fn take<'a>(&mut self, wish: &Wish, message: &Message<'a>) -> Result<Option<&'a str>, Breach> {
        let fresh = message.reset.is_some_and(|reset| reset != "TRUNCATED");
        if fresh {
            self.staged.clear();
        } else {
            let seen = self.seen.as_deref().ok_or(Breach::Order)?;
            let previous = message.previous.ok_or(Breach::Order)?;
            if seen[..8] != message.sequence[..8] || message.sequence <= seen {
                return Err(Breach::Order);
            }
            if previous > seen {
                return Err(Breach::Gap);
            }
        }
        self.seen = Some(message.sequence.to_owned());
        self.unfinished = message.more;
        if message.reset.is_some() {
            self.staged.push(Step::Clear);
        }
        for change in &message.changes {
            self.staged.push(step(wish, change)?);
        }
        if !message.more || self.manner == Manner::Eager {
            for step in std::mem::take(&mut self.staged) {
                self.apply(step)?;
            }
            self.held.clone_from(&self.seen);
        }
        if !message.more {
            self.is_untorn(wish)?;
        }
        Ok(message.reset)
    }

    fn apply(&mut self, step: Step) -> Result<(), Breach> {
        match step {
            Step::Clear => self.rows.clear(),
            Step::Put(key, row) => {
                self.rows.insert(key, row);
            }
            Step::Delete(key) => {
                self.rows.remove(&key);
            }
            Step::Parts(key, parts, whole) => {
                let row = self.rows.get_mut(&key).ok_or(Breach::Stray)?;
                for (place, text) in parts {
                    row[place] = text;
                }
                if whole.is_some_and(|whole| whole != *row) {
                    return Err(Breach::Stray);
                }
            }
        }
        Ok(())
    }

    /// What every commit keeps true is true in a whole copy of the table at every moment.
    fn is_untorn(&self, wish: &Wish) -> Result<(), Breach> {
        if !wish.is_whole() {
            return Ok(());
        }
        let kept = match wish.table.name {
            "parcel" => (self.rows.len() as u64).is_multiple_of(BATCH),
            "account" => match wish.columns.iter().position(|column| *column == 1) {
                Some(place) => self.rows.values().map(|row| hundredths(&row[place])).sum::<i64>() == TOTAL,
                None => self.rows.len() == 40,
            },
            _ => true,
        };
        if kept { Ok(()) } else { Err(Breach::Torn) }
    }
}

fn step(wish: &Wish, change: &Change<'_>) -> Result<Step, Breach> {
    let owned = |texts: &Texts<'_>| texts.0.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let key = change.key.get().to_owned();
    let whole = change.row.as_ref().map(owned);
    Ok(match (change.op, &change.changed, &change.patch) {
        ("DELETE", ..) => Step::Delete(key),
        ("PUT", ..) => Step::Put(key, whole.ok_or(Breach::Unreadable)?),
        ("PATCH", Some(changed), Some(patch)) => {
            let names: Vec<&str> = wish.columns.iter().map(|column| wish.table.columns[*column].0).collect();
            let part = |name: &&str| {
                let place = names.iter().position(|other| other == name)?;
                Some((place, (*patch.0.get(place)?).to_owned()))
            };
            let parts = changed.iter().map(part).collect::<Option<Vec<_>>>().ok_or(Breach::Unreadable)?;
            Step::Parts(key, parts, whole)
        }
        // Only a row that is held can be patched: no parts, but it has to be there.
        ("PATCH", ..) => {
            let row = whole.ok_or(Breach::Unreadable)?;
            let parts = row.iter().cloned().enumerate().collect();
            Step::Parts(key, parts, None)
        }
        _ => return Err(Breach::Unreadable),
    })
}

/// `"12.30"` (with its quotes) in hundredths.
fn hundredths(text: &str) -> i64 {
    text.chars().filter(|c| c.is_ascii_digit() || *c == '-').collect::<String>().parse().unwrap_or(i64::MIN / 64)
}
