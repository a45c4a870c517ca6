//! How does a message read? Writes the JSON text of `data`, once for all who share it: the fields that were
//! selected, in their order.

use bytes::Bytes;

use super::effect::{Effect, EffectKind};
use super::follow::{ChangeField, ChangeSelections, EnvelopeField, Follow, Reset};
use super::row::Row;
use crate::model::{ColumnId, Model, Table};
use crate::selection::{RowSelection, write_string};
use crate::sequence::Sequence;

/// A message is split, with `more`, when it exceeds one of these.
const PART_BYTES: usize = 256 * 1024;
const PART_CHANGES: usize = 1_000;

/// Writes the messages of one [`Follow`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Writer<'a> {
    pub(super) model: &'a Model,
    pub(super) follow: &'a Follow,
}

/// What a message says beside its changes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Envelope<'a> {
    pub(super) sequence: Option<Sequence>,
    pub(super) previous: Option<Sequence>,
    pub(super) reset: Option<Reset>,
    pub(super) more: bool,
    pub(super) transaction: Option<u64>,
    pub(super) committed_at: Option<&'a str>,
}

/// The changes of one message: the text of each selected list, without its brackets.
#[derive(Debug, Clone, Default)]
pub(super) struct Part {
    lists: Vec<Vec<u8>>,
    count: usize,
    /// The last change's place in its commit.
    pub(super) ordinal: u32,
}

impl Writer<'_> {
    /// Writes changes into as many parts as their size asks for; one at least. `sequence` gives each change's.
    pub(super) fn parts<'e>(
        &self,
        effects: impl Iterator<Item = Effect<'e>>,
        sequence: impl Fn(u32) -> Sequence,
    ) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut part = self.part();
        for effect in effects {
            parts.extend(self.add(&mut part, &effect, sequence(effect.ordinal)));
        }
        parts.push(part);
        parts
    }

    /// A part without changes.
    pub(super) fn part(&self) -> Part {
        Part { lists: self.follow.lists().map(|_| Vec::new()).collect(), count: 0, ordinal: 0 }
    }

    /// Writes a change into a part. If that is full already, gives it, and begins the next.
    pub(super) fn add(&self, part: &mut Part, effect: &Effect<'_>, sequence: Sequence) -> Option<Part> {
        // A changed key is a DELETE and a PUT with one number: never apart, each part ends at a position of its own.
        let full = part.count >= PART_CHANGES || part.bytes() >= PART_BYTES;
        let before = (full && effect.ordinal != part.ordinal).then(|| std::mem::replace(part, self.part()));
        for ((scope, selections), json) in self.follow.lists().zip(&mut part.lists) {
            if scope != effect.scope {
                continue;
            }
            if !json.is_empty() {
                json.push(b',');
            }
            self.change(selections, effect, sequence, json);
        }
        part.count += 1;
        part.ordinal = effect.ordinal;
        before
    }

    /// One message.
    pub(super) fn message(&self, envelope: &Envelope<'_>, part: &Part) -> Bytes {
        let mut json = Vec::with_capacity(part.bytes() + 256);
        let mut lists = part.lists.iter();
        json.push(b'{');
        write_string(&self.follow.root_key, &mut json);
        json.extend_from_slice(b":{");
        for (index, (key, field)) in self.follow.envelope.iter().enumerate() {
            if index > 0 {
                json.push(b',');
            }
            write_string(key, &mut json);
            json.push(b':');
            if let EnvelopeField::Changes(..) = field {
                json.push(b'[');
                json.extend_from_slice(lists.next().map_or(&[], Vec::as_slice));
                json.push(b']');
            } else {
                self.envelope_field(envelope, field, &mut json);
            }
        }
        json.extend_from_slice(b"}}");
        json.into()
    }

    fn envelope_field(&self, envelope: &Envelope<'_>, field: &EnvelopeField, json: &mut Vec<u8>) {
        let text = match field {
            EnvelopeField::Typename => Some(self.follow.type_name.clone()),
            EnvelopeField::Sequence => envelope.sequence.map(|sequence| sequence.to_string()),
            EnvelopeField::Previous => envelope.previous.map(|sequence| sequence.to_string()),
            EnvelopeField::Reset => envelope.reset.map(|reset| reset.as_str().to_owned()),
            EnvelopeField::Transaction => envelope.transaction.map(|xid| xid.to_string()),
            EnvelopeField::CommittedAt => envelope.committed_at.map(str::to_owned),
            EnvelopeField::More => {
                json.extend_from_slice(if envelope.more { b"true" } else { b"false" });
                return;
            }
            EnvelopeField::Changes(..) => None,
        };
        write_optional(text.as_deref(), json);
    }

    fn change(&self, selections: &ChangeSelections, effect: &Effect<'_>, sequence: Sequence, json: &mut Vec<u8>) {
        let (fields, op, suffix, row, changed): (_, _, _, &Row, &[ColumnId]) = match &effect.kind {
            EffectKind::Put(row) => (&selections.put, "PUT", "Put", row, &[]),
            EffectKind::Patch(row, changed) => (&selections.patch, "PATCH", "Patch", row, changed),
            EffectKind::Delete(row) => (&selections.delete, "DELETE", "Delete", row, &[]),
        };
        let table = self.model.table(self.follow.rows[effect.scope].table);
        let type_name = &table.names.type_name;
        json.push(b'{');
        for (index, (key, field)) in fields.iter().enumerate() {
            if index > 0 {
                json.push(b',');
            }
            write_string(key, json);
            json.push(b':');
            match field {
                ChangeField::Typename => write_string(&format!("{type_name}{suffix}"), json),
                ChangeField::Op => write_string(op, json),
                ChangeField::Sequence => write_string(&sequence.to_string(), json),
                ChangeField::Key(key) => self.object(table, key, &format!("{type_name}Key"), |id| row.get(id), json),
                ChangeField::Row(fields) => self.object(table, fields, type_name, |id| row.get(id), json),
                ChangeField::Changed => write_names(table, changed, json),
                ChangeField::PatchValues(fields) => {
                    let value = |id| if changed.contains(&id) { row.get(id) } else { None };
                    self.object(table, fields, &format!("{type_name}PatchValues"), value, json);
                }
            }
        }
        json.push(b'}');
    }

    fn object<'r>(
        &self,
        table: &Table,
        fields: &RowSelection,
        type_name: &str,
        value: impl Fn(ColumnId) -> Option<&'r str>,
        json: &mut Vec<u8>,
    ) {
        fields.write_json(self.model, table, type_name, &value, json);
    }
}

impl Part {
    /// Whether it has no changes.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The size of its lists.
    pub(super) fn bytes(&self) -> usize {
        self.lists.iter().map(Vec::len).sum()
    }
}

fn write_names(table: &Table, columns: &[ColumnId], json: &mut Vec<u8>) {
    json.push(b'[');
    for (index, column) in columns.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        write_string(&table.column(*column).field, json);
    }
    json.push(b']');
}

fn write_optional(text: Option<&str>, json: &mut Vec<u8>) {
    match text {
        Some(text) => write_string(text, json),
        None => json.extend_from_slice(b"null"),
    }
}
