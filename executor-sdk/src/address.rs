//! Addresses of brokers.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use http::Uri;

use crate::ClientError;

/// A broker's address: `https://host:port`, `http://host:port` or `unix:/path/to.sock`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// TLS over TCP.
    Https {
        /// A name, or an IP address without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// Plain text over TCP; for the loopback interface.
    Http {
        /// A name, or an IP address without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// A Unix socket, protected by the file system's permissions.
    Unix(PathBuf),
}

impl Address {
    /// Returns `true` if the bytes leave this machine unencrypted.
    pub fn is_exposed(&self) -> bool {
        matches!(self, Self::Http { .. }) && !self.is_local()
    }

    /// Returns `true` if the broker is on this machine.
    pub(crate) fn is_local(&self) -> bool {
        match self {
            Self::Https { host, .. } | Self::Http { host, .. } => is_loopback(host),
            Self::Unix(_) => true,
        }
    }
}

impl FromStr for Address {
    type Err = ClientError;

    fn from_str(text: &str) -> Result<Self, ClientError> {
        // Cut, because a secret may have been pasted here by mistake.
        let shown: String = text.chars().take(100).collect();
        let invalid = |problem: &str| {
            let shown = if shown.contains('@') { "the address" } else { shown.as_str() };
            ClientError::Invalid(format!(
                "{shown}: {problem}; write https://HOST:PORT, http://127.0.0.1:PORT or unix:/PATH"
            ))
        };
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return match path.starts_with('/') {
                true => Ok(Self::Unix(PathBuf::from(path))),
                false => Err(invalid("the socket's path must be absolute")),
            };
        }
        let uri: Uri = text.parse().map_err(|_| invalid("not an address"))?;
        let authority = uri.authority().ok_or_else(|| invalid("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(invalid("must not hold a user name or password"));
        }
        if uri.query().is_some() || !matches!(uri.path(), "" | "/") {
            return Err(invalid("must end after the port"));
        }
        let port = authority.port_u16().filter(|port| *port != 0).ok_or_else(|| invalid("names no port"))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(invalid("names no host"));
        }
        match uri.scheme_str() {
            Some("https") => Ok(Self::Https { host, port }),
            Some("http") => Ok(Self::Http { host, port }),
            _ => Err(invalid("begins with something else than https://, http:// or unix:")),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host, port) = match self {
            Self::Https { host, port } => ("https", host, port),
            Self::Http { host, port } => ("http", host, port),
            Self::Unix(path) => return write!(f, "unix:{}", path.display()),
        };
        match host.contains(':') {
            true => write!(f, "{scheme}://[{host}]:{port}"),
            false => write!(f, "{scheme}://{host}:{port}"),
        }
    }
}

/// Returns `true` for the loopback networks, and for the name `localhost`, which systems resolve to them (RFC 6761,
/// section 6.3).
fn is_loopback(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(ip) => ip.to_canonical().is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        text.parse::<Address>().map(|address| address.to_string()).unwrap_err().to_string()
    }

    #[test]
    fn addresses_print_as_they_were_written() {
        for text in
            ["https://broker.example:7420", "http://127.0.0.1:7420", "http://[::1]:7420", "unix:/run/apiary/api.sock"]
        {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        assert_eq!("unix:///run/a.sock".parse::<Address>().unwrap().to_string(), "unix:/run/a.sock");
        assert_eq!("https://a:1/".parse::<Address>().unwrap().to_string(), "https://a:1");
    }

    #[test]
    fn only_plain_text_beyond_loopback_is_exposed() {
        let exposed = |text: &str| text.parse::<Address>().unwrap().is_exposed();
        for text in ["http://10.0.0.5:1", "http://broker:1", "http://0.0.0.0:1", "http://localhost.evil.example:1"] {
            assert!(exposed(text), "{text}");
        }
        for text in ["http://127.9.9.9:1", "http://LOCALHOST:1", "http://[::1]:1", "http://[::ffff:127.0.0.1]:1"] {
            assert!(!exposed(text), "{text}");
        }
        assert!(!exposed("https://broker:1"));
        assert!(!exposed("unix:/a"));
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_forms_that_are() {
        assert!(refusal("http://host").contains("names no port"));
        assert!(refusal("http://host:0").contains("names no port"));
        assert!(refusal("ftp://host:1").contains("begins with something else"));
        assert!(refusal("http://host:1/path").contains("end after the port"));
        assert!(refusal("http://host:1?q").contains("end after the port"));
        assert!(refusal("unix:relative.sock").contains("absolute"));
        assert!(refusal("host:1").contains("write https://HOST:PORT"));
        assert!(refusal("").contains("not an address"));
    }

    #[test]
    fn a_password_in_an_address_is_refused_and_not_shown() {
        let words = refusal("https://user:hunter2@host:1");
        assert!(words.contains("password") && !words.contains("hunter2"), "{words}");
    }
}
