//! Where in the history of a database does something stand? A [`Sequence`] is `epoch.lsn.ordinal`, derived
//! from the write-ahead log alone: the same for every client and every server, stable over restarts.

use std::fmt;
use std::str::FromStr;

/// A position in the write-ahead log, in bytes (`pg_lsn`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(pub u64);

impl FromStr for Lsn {
    type Err = ();

    /// Postgres' own form, `16/B374D848`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (high, low) = text.split_once('/').ok_or(())?;
        let high = u32::from_str_radix(high, 16).map_err(|_| ())?;
        let low = u32::from_str_radix(low, 16).map_err(|_| ())?;
        Ok(Self(u64::from(high) << 32 | u64::from(low)))
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

/// Which history the positions belong to. Positions of different epochs cannot be compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u32);

impl Epoch {
    /// From what identifies a history: the cluster, its timeline, the database, and the generation of the
    /// history slot (0 while there is none).
    pub fn derive(system_identifier: &str, timeline: u32, database_oid: u32, generation: u32) -> Self {
        // FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/): fixed for ever, unlike the hasher of std.
        let text = format!("{system_identifier}/{timeline}/{database_oid}/{generation}");
        let hash = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        Self(hash)
    }
}

/// A position in the stream of changes.
///
/// Ordinal 0 is the point before the commit that begins at `lsn`, 1 its first row change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence {
    /// The history.
    pub epoch: Epoch,
    /// Where the commit's record begins.
    pub lsn: Lsn,
    /// Which row change of the commit, from 1.
    pub ordinal: u32,
}

impl fmt::Display for Sequence {
    /// Fixed width, so that text order is the order within one epoch.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}.{:016x}.{:08x}", self.epoch.0, self.lsn.0, self.ordinal)
    }
}

impl FromStr for Sequence {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let canonical = text.len() == 34 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'.'));
        if !canonical || text.as_bytes()[8] != b'.' || text.as_bytes()[25] != b'.' {
            return Err(());
        }
        Ok(Self {
            epoch: Epoch(u32::from_str_radix(&text[..8], 16).map_err(|_| ())?),
            lsn: Lsn(u64::from_str_radix(&text[9..25], 16).map_err(|_| ())?),
            ordinal: u32::from_str_radix(&text[26..], 16).map_err(|_| ())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_goes_round_and_sorts() {
        let a = Sequence { epoch: Epoch(7), lsn: Lsn(0x9), ordinal: 0xffff_ffff };
        let b = Sequence { epoch: Epoch(7), lsn: Lsn(0x10), ordinal: 0 };
        assert_eq!(a.to_string(), "00000007.0000000000000009.ffffffff");
        assert_eq!(a.to_string().parse(), Ok(a));
        assert!(a < b && a.to_string() < b.to_string());
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            "x",
            "00000007.0000000000000009.fffffff",
            "00000007-0000000000000009-ffffffff",
            "00000007.000000000000000G.ffffffff",
            "+0000007.0000000000000009.ffffffff",
            "0000000é.000000000000009.ffffffff",
        ] {
            assert_eq!(text.parse::<Sequence>(), Err(()), "{text}");
        }
    }

    #[test]
    fn lsn_reads_and_prints_as_postgres_does() {
        assert_eq!("16/B374D848".parse(), Ok(Lsn(0x16_B374_D848)));
        assert_eq!(Lsn(0x16_B374_D848).to_string(), "16/B374D848");
    }
}
