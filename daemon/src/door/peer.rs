//! The peer of a connection or request, by its address, and the proxies trusted to name it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

use super::limits::TRUSTED_PROXIES_MAX;

/// Bits of an IPv6 address that count: a customer usually has at least a /64 network of its own.
const V6_NETWORK_BITS: u32 = 64;

/// The other side of a connection. Of an IPv6 address, only the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Peer {
    /// A process on this machine, over a Unix socket that only its owner may open.
    Local,
    /// An address.
    Address(IpAddr),
}

/// The proxies whose statement of the client's address is trusted.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl Peer {
    /// Returns the peer at an address.
    pub fn of(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> V6_NETWORK_BITS << V6_NETWORK_BITS)),
            v4 => v4,
        })
    }

    /// Returns true for a process on this machine. Of IPv6's `::1`, only the network is left, which no other address has.
    pub fn is_this_machine(self) -> bool {
        match self {
            Self::Local => true,
            Self::Address(IpAddr::V4(address)) => address.is_loopback(),
            Self::Address(IpAddr::V6(network)) => network.is_unspecified(),
        }
    }
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Local => f.write_str("this machine"),
            Self::Address(address) => address.fmt(f),
        }
    }
}

impl TrustedProxies {
    /// Reads a list of addresses and networks, such as `10.0.0.0/8`.
    ///
    /// # Errors
    ///
    /// The entry that is neither, with advice.
    pub fn parse<T: AsRef<str>>(entries: &[T]) -> Result<Self, String> {
        if entries.len() > TRUSTED_PROXIES_MAX {
            return Err(format!("has more than {TRUSTED_PROXIES_MAX} entries: name networks instead of addresses"));
        }
        let network = |entry: &T| {
            let entry = entry.as_ref().trim();
            let network = entry.parse::<IpNet>().or_else(|_| entry.parse::<IpAddr>().map(IpNet::from));
            let network = network.map_err(|_| {
                format!("`{entry}` is no address or network: write one such as 10.1.2.3, 10.0.0.0/8 or fd00::/8")
            })?;
            if network.prefix_len() == 0 {
                return Err(format!("`{entry}` would believe everybody: name the proxy's own addresses"));
            }
            Ok(network)
        };
        entries.iter().map(network).collect::<Result<_, _>>().map(Self)
    }

    /// Returns `true` if the address is a trusted proxy's.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Returns the client for whom a trusted proxy forwards a request: the last address that is not itself a trusted
    /// proxy's. `None` if the headers have none, or disagree.
    pub fn forwarded_for(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let x_forwarded = self.last_stranger(values(headers, X_FORWARDED_FOR).rev().map(address));
        let forwarded = self.last_stranger(values(headers, FORWARDED).rev().map(|entry| address(for_of(entry)?)));
        match (headers.contains_key(X_FORWARDED_FOR), headers.contains_key(FORWARDED)) {
            (true, false) => x_forwarded,
            (false, true) => forwarded,
            // A proxy appends to one of the two headers and passes the client's other one on. Which one cannot be
            // known, so that only an address in both counts.
            (true, true) => x_forwarded.filter(|address| forwarded == Some(*address)),
            (false, false) => None,
        }
    }

    fn last_stranger(&self, from_the_end: impl Iterator<Item = Option<IpAddr>>) -> Option<IpAddr> {
        for entry in from_the_end {
            // Entries before an unreadable one may be forged by the client.
            let address = entry?;
            if !self.contains(address) {
                return Some(address);
            }
        }
        None
    }
}

const X_FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED: &str = "forwarded";

/// Returns `true` if the request has a forwarding header.
pub(crate) fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.contains_key(X_FORWARDED_FOR) || headers.contains_key(FORWARDED)
}

/// Returns the entries of all lines of a list header, in order.
fn values<'h>(headers: &'h HeaderMap, name: &str) -> impl DoubleEndedIterator<Item = &'h str> {
    let lines: Vec<&str> = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or("?")).collect();
    lines.into_iter().flat_map(|line| line.split(',').collect::<Vec<_>>())
}

/// Returns the `for` parameter of an element of `Forwarded` (RFC 7239).
fn for_of(element: &str) -> Option<&str> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| value.trim().trim_matches('"'))
    })
}

/// Reads an address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|with_port| with_port.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn the_last_address_that_no_trusted_proxy_has_is_the_peer() {
        let proxies = TrustedProxies::parse(&["10.0.0.0/8", "fd00::1"]).unwrap();
        type Headers<'a> = &'a [(&'a str, &'a str)];
        let table: [(Headers<'_>, Option<&str>); 13] = [
            (&[("x-forwarded-for", "198.51.100.7")], Some("198.51.100.7")),
            // Entries written by the client are further to the left, and are not trusted.
            (&[("x-forwarded-for", "1.1.1.1, 198.51.100.7")], Some("198.51.100.7")),
            (&[("x-forwarded-for", "198.51.100.7, 10.2.3.4")], Some("198.51.100.7")),
            (&[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "198.51.100.7")], Some("198.51.100.7")),
            (&[("x-forwarded-for", "198.51.100.7:4711")], Some("198.51.100.7")),
            (&[("x-forwarded-for", "[2001:db8::7]:4711, fd00::1")], Some("2001:db8::7")),
            (&[("forwarded", "for=\"[2001:db8::7]:4711\";proto=https, for=10.1.1.1")], Some("2001:db8::7")),
            (&[("forwarded", "proto=https;For=198.51.100.7")], Some("198.51.100.7")),
            (&[("x-forwarded-for", "198.51.100.7, unknown")], None),
            (&[("forwarded", "for=_hidden")], None),
            (&[("x-forwarded-for", "")], None),
            (&[("x-forwarded-for", "198.51.100.7"), ("forwarded", "for=1.1.1.1")], None),
            (&[], None),
        ];
        for (lines, wanted) in table {
            let wanted = wanted.map(|address| address.parse().unwrap());
            assert_eq!(proxies.forwarded_for(&headers(lines)), wanted, "{lines:?}");
        }
    }

    #[test]
    fn a_list_of_proxies_names_what_it_cannot_read() {
        assert!(TrustedProxies::parse(&["10.1.2.3", "fd00::/8", " 192.0.2.0/24 "]).is_ok());
        for wrong in ["example.com", "10.0.0.0/33", "10.0.0.1:80", "", "0.0.0.0/0", "::/0"] {
            assert!(TrustedProxies::parse(&[wrong]).unwrap_err().contains(&format!("`{wrong}`")), "{wrong}");
        }
        let proxies = TrustedProxies::parse(&["127.0.0.0/8"]).unwrap();
        assert!(proxies.contains("::ffff:127.0.0.1".parse().unwrap()), "IPv4 as IPv6 writes it");
    }

    #[test]
    fn one_ipv6_network_is_one_peer() {
        let peer = |text: &str| Peer::of(text.parse().unwrap());
        assert_eq!(peer("2001:db8::1"), peer("2001:db8::ffff:1"));
        assert_ne!(peer("2001:db8::1"), peer("2001:db8:0:1::1"));
        assert_eq!(peer("::ffff:192.0.2.1"), peer("192.0.2.1"));
    }
}
