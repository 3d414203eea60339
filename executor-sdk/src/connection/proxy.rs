//! HTTP proxies: the choice of the proxy, and tunnels through it (CONNECT; RFC 9110, section 9.3.6).

use std::fmt;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::dial::Fault;
use crate::limits::PROXY_ANSWER_BYTES_MAX;
use crate::{Address, ClientError, Proxy};

/// A proxy between this process and its broker.
#[derive(Clone)]
pub(super) struct Hop {
    /// The proxy's address, without user and password.
    pub(super) uri: Uri,
    authorization: Option<http::HeaderValue>,
    /// The setting or environment variable that names it.
    origin: &'static str,
}

impl Hop {
    /// Chooses the proxy for an address, if there is one. Addresses on this machine need none.
    pub(super) fn choose(
        proxy: &Proxy,
        address: &Address,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, ClientError> {
        let port = match address {
            Address::Unix(_) => return Ok(None),
            Address::Https { port, .. } | Address::Http { port, .. } => *port,
        };
        if address.is_local() {
            return Ok(None);
        }
        let set = |name: &&'static str| Some((*name, variable(name).filter(|value| !value.trim().is_empty())?));
        let (origin, url, bypass) = match proxy {
            Proxy::Direct => return Ok(None),
            Proxy::Url(url) => ("broker.proxy", url.clone(), String::new()),
            Proxy::Environment => {
                // In a CGI program, `HTTP_PROXY` is the request's `Proxy:` header, which an attacker chooses.
                let is_cgi = variable("REQUEST_METHOD").is_some();
                let names: &[&'static str] = match address {
                    Address::Https { .. } => &["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"],
                    _ if is_cgi => &["http_proxy", "ALL_PROXY", "all_proxy"],
                    _ => &["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"],
                };
                let Some((name, url)) = names.iter().find_map(set) else { return Ok(None) };
                (name, url, ["NO_PROXY", "no_proxy"].iter().find_map(set).map(|(_, list)| list).unwrap_or_default())
            }
        };
        let target: Uri =
            address.to_string().parse().map_err(|_| ClientError::Invalid(format!("{address}: not an address")))?;
        let found = |list: String| Matcher::builder().all(url.trim().to_owned()).no(list).build().intercept(&target);
        // The value is not quoted: it may contain a password.
        let wrong = |problem: &str| {
            ClientError::Invalid(format!(
                "{origin} {problem}; write http://HOST:PORT, or set `broker.proxy` to `none` to go without a proxy"
            ))
        };
        let intercept = found(String::new()).ok_or_else(|| wrong("is not the address of a proxy"))?;
        // Part of a password with an unencoded `@` would be read as the host's name, be printed, and be looked up in
        // the DNS.
        let at = intercept.uri().authority().map_or("", |authority| authority.as_str());
        if at.contains('@')
            || (at.rsplit(']').next().is_some_and(|end| end.contains(':')) && intercept.uri().port_u16().is_none())
        {
            return Err(wrong("is not the address of a proxy (write `%40` for an `@` in a password)"));
        }
        if intercept.uri().scheme_str().is_some_and(|scheme| scheme.starts_with("socks")) {
            return Err(wrong("names a SOCKS proxy, and only HTTP proxies are supported"));
        }
        if found(bypassed(&bypass, port)).is_none() {
            return Ok(None);
        }
        let mut authorization = intercept.basic_auth().cloned();
        if let Some(value) = &mut authorization {
            value.set_sensitive(true);
        }
        Ok(Some(Self { uri: intercept.uri().clone(), authorization, origin }))
    }

    /// Requests a tunnel to a host, over a connection to the proxy.
    pub(super) async fn tunnel<C>(&self, connection: &mut C, authority: &str) -> Result<(), Fault>
    where
        C: AsyncRead + AsyncWrite + Unpin,
    {
        let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n").into_bytes();
        if let Some(authorization) = &self.authorization {
            request.extend_from_slice(b"Proxy-Authorization: ");
            request.extend_from_slice(authorization.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        let broke =
            |error: std::io::Error| self.fault(&format!("broke off ({error})"), "try again, or ask who runs it");
        connection.write_all(&request).await.map_err(broke)?;
        match status(connection).await.map_err(broke)? {
            Some(200..=299) => Ok(()),
            Some(407) if self.authorization.is_some() => {
                let advice = format!("check the user and password in {}", self.origin);
                Err(self.fault("answered 407: it does not accept the user and password", &advice))
            }
            Some(407) => {
                let advice = format!("write them into {}: http://USER:PASSWORD@HOST:PORT", self.origin);
                Err(self.fault("answered 407: it wants a user and password", &advice))
            }
            Some(status) => Err(self.fault(
                &format!("answered {status} to CONNECT {authority}"),
                "ask who runs it to allow this, or name the host in NO_PROXY",
            )),
            None => Err(self.fault("does not answer in HTTP", &format!("check {}", self.origin))),
        }
    }

    /// Makes an error caused by this proxy.
    pub(super) fn fault(&self, problem: &str, advice: &str) -> Fault {
        Fault::new(format!("the proxy at {} (from {}) {problem}; {advice}", self.shown(), self.origin))
    }

    fn shown(&self) -> &str {
        self.uri.authority().map_or("", http::uri::Authority::as_str)
    }
}

impl fmt::Debug for Hop {
    /// Prints no user and no password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hop({} from {})", self.shown(), self.origin)
    }
}

/// Translates `NO_PROXY` for the matcher: `*.example.com` becomes `.example.com`, and an entry with a port counts for
/// that port only.
fn bypassed(list: &str, port: u16) -> String {
    let entries = list.split([',', ' ']).filter_map(|entry| {
        let entry = entry.trim();
        let entry = entry.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(entry);
        match entry.rsplit_once(':') {
            // An IPv6 address without brackets has several colons and no port.
            Some((name, number)) if !name.contains(':') || name.ends_with(']') => {
                let fits = number.parse() == Ok(port);
                fits.then(|| name.trim_start_matches('[').trim_end_matches(']').to_owned())
            }
            _ => Some(entry.trim_start_matches('[').trim_end_matches(']').to_owned()),
        }
    });
    entries.collect::<Vec<_>>().join(",")
}

/// Reads exactly the head of the answer, because the bytes after it are the broker's. Returns `None` if it is not HTTP.
async fn status<C: AsyncRead + Unpin>(connection: &mut C) -> std::io::Result<Option<u16>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && !head.ends_with(b"\n\n") {
        if head.len() >= PROXY_ANSWER_BYTES_MAX || (head.len() == 5 && !head.starts_with(b"HTTP/")) {
            return Ok(None);
        }
        head.push(connection.read_u8().await?);
    }
    let text = String::from_utf8_lossy(&head);
    let status = text.split(' ').nth(1).map(|word| word.trim_end());
    Ok(status.and_then(|word| word.get(..3)?.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(address: &str, proxy: &Proxy, variables: &[(&str, &str)]) -> Result<Option<String>, ClientError> {
        let variable =
            |name: &str| variables.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned());
        let hop = Hop::choose(proxy, &address.parse()?, variable)?;
        Ok(hop.map(|hop| format!("{} {}", hop.origin, hop.shown())))
    }

    #[test]
    fn the_environment_names_the_proxy_for_the_kind_of_address() {
        for (address, variables, wanted) in [
            ("https://b.example:1", &[("HTTPS_PROXY", "http://p:8080")][..], Some("HTTPS_PROXY p:8080")),
            ("https://b.example:1", &[("https_proxy", "http://u:w@p:8080/")], Some("https_proxy p:8080")),
            ("https://b.example:1", &[("https_proxy", "p:8080")], Some("https_proxy p:8080")),
            ("https://b.example:1", &[("HTTP_PROXY", "http://p:1")], None),
            ("https://b.example:1", &[("ALL_PROXY", "http://p:1")], Some("ALL_PROXY p:1")),
            (
                "https://b.example:1",
                &[("ALL_PROXY", "http://p:1"), ("https_proxy", "http://q:2")],
                Some("https_proxy q:2"),
            ),
            ("https://b.example:1", &[("HTTPS_PROXY", " "), ("all_proxy", "http://p:1")], Some("all_proxy p:1")),
            ("http://b.example:1", &[("http_proxy", "http://p:1")], Some("http_proxy p:1")),
            ("http://b.example:1", &[("HTTPS_PROXY", "http://p:1")], None),
            ("http://b.example:1", &[("HTTP_PROXY", "http://p:1"), ("REQUEST_METHOD", "GET")], None),
            ("https://b.example:1", &[], None),
        ] {
            assert_eq!(chosen(address, &Proxy::Environment, variables).unwrap().as_deref(), wanted, "{variables:?}");
        }
    }

    #[test]
    fn what_stays_on_this_machine_and_what_is_listed_needs_no_proxy() {
        for (address, list) in [
            ("https://localhost:1", ""),
            ("https://127.0.0.1:1", ""),
            ("https://[::1]:1", ""),
            ("unix:/run/broker.sock", ""),
            ("https://b.example:1", "*"),
            ("https://b.example:1", "other, b.example"),
            ("https://B.Example:1", "b.example"),
            ("https://x.b.example:1", "b.example"),
            ("https://x.b.example:1", ".b.example"),
            ("https://x.b.example:1", "*.b.example"),
            ("https://b.example:7420", "b.example:7420"),
            ("https://10.1.2.3:1", "10.0.0.0/8"),
            ("https://10.1.2.3:1", "10.1.2.3"),
            ("https://[fd00::5]:1", "fd00::/8"),
            ("https://[fd00::5]:9", "[fd00::5]:9"),
        ] {
            let variables = [("HTTPS_PROXY", "http://p:8080"), ("no_proxy", list)];
            assert_eq!(chosen(address, &Proxy::Environment, &variables).unwrap(), None, "{address} {list}");
        }
        for (address, list) in [
            ("https://b.example:1", "example.com"),
            ("https://notb.example:1", "b.example"),
            ("https://b.example:1", "b.example:7420"),
            ("https://11.1.2.3:1", "10.0.0.0/8"),
            ("https://b.example:1", "localhost,127.0.0.1"),
        ] {
            let variables = [("HTTPS_PROXY", "http://p:8080"), ("NO_PROXY", list)];
            assert!(chosen(address, &Proxy::Environment, &variables).unwrap().is_some(), "{address} {list}");
        }
    }

    #[test]
    fn the_setting_is_stronger_than_the_environment() {
        let variables = [("HTTPS_PROXY", "http://p:8080"), ("NO_PROXY", "*")];
        assert_eq!(chosen("https://b.example:1", &Proxy::Direct, &variables[..1]).unwrap(), None);
        let set = Proxy::Url("http://mine:3128".to_owned());
        assert_eq!(chosen("https://b.example:1", &set, &variables).unwrap().as_deref(), Some("broker.proxy mine:3128"));
    }

    #[test]
    fn what_is_no_http_proxy_is_refused_by_the_name_of_its_variable_alone() {
        for value in [
            "socks5://u:hunter2@p:1",
            "ftp://u:hunter2@p:1",
            "http://u:hunter2@p:x",
            "http://u:p@hunter2@h:1",
            "http:// hunter2",
        ] {
            let error = chosen("https://b.example:1", &Proxy::Environment, &[("HTTPS_PROXY", value)]).unwrap_err();
            let words = error.to_string();
            assert!(words.contains("HTTPS_PROXY") && words.contains("http://HOST:PORT"), "{words}");
            assert!(!words.contains("hunter2"), "{words}");
        }
    }

    #[tokio::test]
    async fn the_head_of_an_answer_is_read_to_its_end_and_no_further() {
        for (answer, wanted) in [
            ("HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n", Some(200)),
            ("HTTP/1.0 407 \r\n\r\n", Some(407)),
            ("HTTP/1.1 403\r\n\r\n", Some(403)),
            ("HTTP/1.1 what\r\n\r\n", None),
            ("SSH-2.0-OpenSSH\r\n\r\n", None),
        ] {
            let bytes = format!("{answer}the broker's");
            let mut connection = bytes.as_bytes();
            assert_eq!(status(&mut connection).await.unwrap(), wanted, "{answer}");
            if wanted.is_some() {
                assert_eq!(connection, b"the broker's");
            }
        }
        let endless = vec![b'x'; 100_000];
        let endless = [b"HTTP/1.1 200 ", endless.as_slice()].concat();
        assert_eq!(status(&mut endless.as_slice()).await.unwrap(), None);
    }
}
