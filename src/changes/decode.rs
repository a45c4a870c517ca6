//! What does a message of `pgoutput` (version 1) say? Takes the bytes, gives slices of them; refuses whatever is
//! cut short or unknown and never panics. Begin, Commit and Message are read by the slot's library.
//! <https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html>

/// A message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message<'a> {
    Relation(Relation<'a>),
    Insert {
        relation: u32,
        new: Tuple<'a>,
    },
    Update {
        relation: u32,
        old: Old<'a>,
        new: Tuple<'a>,
    },
    Delete {
        relation: u32,
        old: Old<'a>,
    },
    Truncate {
        relations: Vec<u32>,
    },
    /// A type, an origin: nothing that concerns rows.
    Other,
}

/// The shape of the rows that follow.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Relation<'a> {
    pub(super) oid: u32,
    pub(super) columns: Vec<RelationColumn<'a>>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct RelationColumn<'a> {
    pub(super) name: &'a str,
    pub(super) type_oid: u32,
}

/// What the log holds of the old row.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Old<'a> {
    Nothing,
    /// The columns of the replica identity; all others are NULL.
    Key(Tuple<'a>),
    Full(Tuple<'a>),
}

/// The values in the order of the relation's columns.
pub(super) type Tuple<'a> = Vec<Datum<'a>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Datum<'a> {
    Null,
    /// A TOAST value that the update left alone.
    Unchanged,
    Text(&'a str),
}

/// The bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the log holds a message that cannot be read")]
pub(super) struct Unreadable;

/// Reads one message.
pub(super) fn decode(bytes: &[u8]) -> Result<Message<'_>, Unreadable> {
    let mut reader = Reader(bytes);
    Ok(match reader.u8()? {
        b'R' => Message::Relation(reader.relation()?),
        b'I' => {
            let relation = reader.u32()?;
            if reader.u8()? != b'N' {
                return Err(Unreadable);
            }
            Message::Insert { relation, new: reader.tuple()? }
        }
        b'U' => {
            let relation = reader.u32()?;
            let (old, tag) = reader.old()?;
            if tag != Some(b'N') {
                return Err(Unreadable);
            }
            Message::Update { relation, old, new: reader.tuple()? }
        }
        b'D' => {
            let relation = reader.u32()?;
            match reader.u8()? {
                b'K' => Message::Delete { relation, old: Old::Key(reader.tuple()?) },
                b'O' => Message::Delete { relation, old: Old::Full(reader.tuple()?) },
                _ => return Err(Unreadable),
            }
        }
        b'T' => {
            let count = reader.u32()? as usize;
            reader.u8()?;
            if count > reader.0.len() / 4 {
                return Err(Unreadable);
            }
            Message::Truncate { relations: (0..count).map(|_| reader.u32()).collect::<Result<_, _>>()? }
        }
        b'Y' | b'O' | b'M' => Message::Other,
        _ => return Err(Unreadable),
    })
}

/// What has not been read yet.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Unreadable> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Unreadable)?;
        self.0 = rest;
        Ok(taken)
    }

    fn u8(&mut self) -> Result<u8, Unreadable> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn u16(&mut self) -> Result<u16, Unreadable> {
        self.take(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn u32(&mut self) -> Result<u32, Unreadable> {
        self.take(4).map(|bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn text(&mut self, length: usize) -> Result<&'a str, Unreadable> {
        std::str::from_utf8(self.take(length)?).map_err(|_| Unreadable)
    }

    /// Text up to a zero byte.
    fn name(&mut self) -> Result<&'a str, Unreadable> {
        let end = self.0.iter().position(|byte| *byte == 0).ok_or(Unreadable)?;
        let name = self.text(end)?;
        self.take(1)?;
        Ok(name)
    }

    fn relation(&mut self) -> Result<Relation<'a>, Unreadable> {
        let oid = self.u32()?;
        self.name()?;
        self.name()?;
        self.u8()?;
        let count = self.u16()?;
        let column = |reader: &mut Self| {
            reader.u8()?;
            let name = reader.name()?;
            let type_oid = reader.u32()?;
            reader.u32()?;
            Ok(RelationColumn { name, type_oid })
        };
        let columns = (0..count).map(|_| column(self)).collect::<Result<_, _>>()?;
        Ok(Relation { oid, columns })
    }

    /// The old row of an update and the tag that follows it.
    fn old(&mut self) -> Result<(Old<'a>, Option<u8>), Unreadable> {
        let old = match self.u8()? {
            b'K' => Old::Key(self.tuple()?),
            b'O' => Old::Full(self.tuple()?),
            tag => return Ok((Old::Nothing, Some(tag))),
        };
        Ok((old, self.u8().ok()))
    }

    fn tuple(&mut self) -> Result<Tuple<'a>, Unreadable> {
        let count = self.u16()?;
        let datum = |reader: &mut Self| {
            Ok(match reader.u8()? {
                b'n' => Datum::Null,
                b'u' => Datum::Unchanged,
                b't' => {
                    let length = reader.u32()? as usize;
                    Datum::Text(reader.text(length)?)
                }
                _ => return Err(Unreadable),
            })
        };
        (0..count).map(|_| datum(self)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPDATE: &[u8] = b"U\0\0\x40\x01O\0\x03t\0\0\0\x011nt\0\0\0\x02abN\0\x03t\0\0\0\x011t\0\0\0\x02\xc3\xa9u";
    const RELATION: &[u8] =
        b"R\0\0\x40\x01public\0task\0f\0\x02\x01id\0\0\0\x0b\x86\xff\xff\xff\xff\0note\0\0\0\0\x19\xff\xff\xff\xff";

    #[test]
    fn reads_an_update_with_its_old_row() {
        let old = Old::Full(vec![Datum::Text("1"), Datum::Null, Datum::Text("ab")]);
        let new = vec![Datum::Text("1"), Datum::Text("é"), Datum::Unchanged];
        assert_eq!(decode(UPDATE), Ok(Message::Update { relation: 0x4001, old, new }));
    }

    #[test]
    fn reads_a_relation() {
        let columns =
            vec![RelationColumn { name: "id", type_oid: 2950 }, RelationColumn { name: "note", type_oid: 25 }];
        assert_eq!(decode(RELATION), Ok(Message::Relation(Relation { oid: 0x4001, columns })));
    }

    #[test]
    fn reads_a_truncate() {
        assert_eq!(decode(b"T\0\0\0\x01\0\0\0\x40\x01"), Ok(Message::Truncate { relations: vec![0x4001] }));
        assert_eq!(decode(b"T\xff\xff\xff\xff\0\0\0\x40\x01"), Err(Unreadable));
    }

    #[test]
    fn whatever_is_cut_short_is_refused() {
        for whole in [UPDATE, RELATION] {
            for end in 0..whole.len() {
                assert_eq!(decode(&whole[..end]), Err(Unreadable), "{end}");
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic() {
        // xorshift (Marsaglia 2003): the same bytes in every run.
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        for round in 0..200_000 {
            let mut bytes: Vec<u8> = match round % 3 {
                0 => UPDATE.to_vec(),
                1 => RELATION.to_vec(),
                _ => (0..next() % 64).map(|_| next() as u8).collect(),
            };
            for _ in 0..next() % 4 {
                if !bytes.is_empty() {
                    let at = next() as usize % bytes.len();
                    bytes[at] = next() as u8;
                }
            }
            bytes.truncate(bytes.len() - (next() as usize % (bytes.len() + 1)) / 8);
            let _ = decode(&bytes);
        }
    }
}
