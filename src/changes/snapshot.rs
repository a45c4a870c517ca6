//! Which transactions does a statement see? `pg_current_snapshot()`, read and asked.

/// A snapshot: what was running when it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// All before it had ended.
    pub(super) xmin: u64,
    /// None from it on had begun.
    pub(super) xmax: u64,
    /// What was running in between, in order.
    running: Vec<u64>,
}

impl Snapshot {
    /// Reads Postgres' text, `xmin:xmax:xip,xip`.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ':');
        let xmin = parts.next()?.parse().ok()?;
        let xmax = parts.next()?.parse().ok()?;
        let list = parts.next()?;
        let mut running: Vec<u64> =
            list.split(',').filter(|xid| !xid.is_empty()).map(|xid| xid.parse().ok()).collect::<Option<_>>()?;
        running.sort_unstable();
        Some(Self { xmin, xmax, running })
    }

    /// Whether it sees what this transaction, which has committed, did.
    pub(super) fn sees(&self, xid: u64) -> bool {
        xid < self.xmin || (xid < self.xmax && self.running.binary_search(&xid).is_err())
    }

    /// The transactions before this one, which has ended, that were still running.
    pub(super) fn running_before(&self, xid: u64) -> impl Iterator<Item = u64> {
        self.running.iter().copied().filter(move |running| *running < xid)
    }
}

/// The 64-bit id nearest to `reference` of which the log gives the lower half.
pub(super) fn widen(xid: u32, reference: u64) -> u64 {
    let distance = xid.wrapping_sub(reference as u32) as i32;
    reference.saturating_add_signed(i64::from(distance))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_what_had_ended() {
        let snapshot = Snapshot::read("100:104:100,102").unwrap();
        let seen: Vec<u64> = (98..106).filter(|xid| snapshot.sees(*xid)).collect();
        assert_eq!(seen, [98, 99, 101, 103]);
        assert!(Snapshot::read("7:7:").unwrap().running.is_empty());
        assert_eq!(Snapshot::read("7:x:"), None);
    }

    #[test]
    fn ids_are_widened_across_the_wrap() {
        assert_eq!(widen(5, 0x1_ffff_fff0), 0x2_0000_0005);
        assert_eq!(widen(0xffff_fff0, 0x2_0000_0005), 0x1_ffff_fff0);
        assert_eq!(widen(7, 3), 7);
    }
}
