//! How many connections there are from where.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

/// Counts connections by address, those with IPv6 by network of 64 bits: whoever has one address
/// of it has them all.
#[derive(Debug, Default)]
pub(crate) struct Addresses(HashMap<IpAddr, usize>);

impl Addresses {
    /// Counts one more, unless there are that many.
    pub(crate) fn add(&mut self, address: IpAddr, limit: usize) -> bool {
        let count = self.0.entry(network(address)).or_insert(0);
        let free = *count < limit;
        *count += usize::from(free);
        if *count == 0 {
            self.0.remove(&network(address));
        }
        free
    }

    pub(crate) fn remove(&mut self, address: IpAddr) {
        let network = network(address);
        if let Some(count) = self.0.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(&network);
            }
        }
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let mask = u128::MAX << 64;
            IpAddr::V6(Ipv6Addr::from(u128::from(address) & mask))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::Addresses;

    #[test]
    fn each_address_has_its_own_count() {
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let mut addresses = Addresses::default();
        for here in ["192.0.2.1", "::ffff:192.0.2.1"] {
            assert!(addresses.add(address(here), 2));
        }
        assert!(!addresses.add(address("192.0.2.1"), 2));
        assert!(addresses.add(address("192.0.2.2"), 2));
        addresses.remove(address("192.0.2.1"));
        assert!(addresses.add(address("192.0.2.1"), 2));
        assert!(addresses.add(address("2001:db8::1"), 1));
        assert!(!addresses.add(address("2001:db8::2"), 1));
        assert!(addresses.add(address("2001:db8:0:1::1"), 1));
        assert!(!addresses.add(address("192.0.2.9"), 0));
        for gone in ["192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::9", "2001:db8:0:1::"] {
            addresses.remove(address(gone));
        }
        assert!(addresses.0.is_empty());
    }
}
