//! An address of a network, `inet` or `cidr`, in Postgres' order.

use std::cmp::Ordering;
use std::net::IpAddr;

/// `192.168.1.0/24`: an address, and how many of its bits name the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Address {
    address: IpAddr,
    bits: u32,
}

impl Address {
    /// Reads Postgres' text, in which the bits are left out where they are all.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(most), |bits| bits.parse().ok()).filter(|bits| *bits <= most)?;
        Some(Self { address, bits })
    }

    /// The address as 128 bits, the first ones of which count.
    fn number(self) -> u128 {
        match self.address {
            IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
            IpAddr::V6(address) => address.to_bits(),
        }
    }

    /// The network that both name, then the one that names less of it first, then the rest of the address.
    /// <https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/network.c>, `network_cmp_internal`
    pub(super) fn cmp(&self, other: &Self) -> Ordering {
        let common = u128::MAX.checked_shl(128 - self.bits.min(other.bits)).unwrap_or_default();
        let (this, that) = (self.number(), other.number());
        (self.address.is_ipv6().cmp(&other.address.is_ipv6()))
            .then_with(|| (this & common).cmp(&(that & common)))
            .then_with(|| self.bits.cmp(&other.bits))
            .then_with(|| this.cmp(&that))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_come_before_what_is_in_them() {
        let texts = ["0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16", "10.0.0.1/16", "10.0.0.0", "192.168.1.1", "::/0", "::1"];
        let addresses: Vec<Address> = texts.iter().map(|text| Address::read(text).unwrap()).collect();
        assert!(addresses.is_sorted_by(|a, b| a.cmp(b) == Ordering::Less), "{addresses:?}");
        assert_eq!(Address::read("10.0.0.1/33"), None);
    }
}
