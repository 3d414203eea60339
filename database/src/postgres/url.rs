//! Strict reader of database URLs. A password with an unencoded `@` must not be read as a host name, looked up in the
//! DNS and printed. No error quotes anything after `://`.

use std::net::IpAddr;
use std::str::FromStr as _;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// Parameters supported by the driver.
const PARAMETERS: [&str; 17] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

/// An error of reading a database URL. Quotes no part of the URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the database URL cannot be read: {0}; write postgres://USER:PASSWORD@HOST:PORT/DATABASE, with special characters in \
     user and password percent-encoded (`@` is %40, `/` is %2F, `:` is %3A, `#` is %23, `?` is %3F, `%` is %25)"
)]
pub struct UrlError(&'static str);

/// Reads a database URL.
///
/// # Errors
/// The problem, without any part of the URL.
pub fn read_url(url: &str) -> Result<PgConnectOptions, UrlError> {
    let url = url.trim();
    let rest = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"));
    check(rest.ok_or(UrlError("it does not begin with postgres://"))?)?;
    // The driver's error may quote the password, so that it is dropped.
    let options = PgConnectOptions::from_str(url).map_err(|_| UrlError("a part of it has no meaning"))?;
    // sqlx sends `extra_float_digits` at start-up, which poolers refuse. No statement here returns a float as text.
    Ok(options.extra_float_digits(None))
}

/// Reads a database URL. Without `sslmode=…`, a connection to another machine must be encrypted; the driver would fall
/// back to plain text.
///
/// # Errors
/// As for [`read_url`].
pub fn read_url_encrypted(url: &str) -> Result<PgConnectOptions, UrlError> {
    let options = read_url(url)?;
    let says = url.contains("sslmode=") || url.contains("ssl-mode=");
    Ok(if says || is_local(&options) { options } else { options.ssl_mode(PgSslMode::Require) })
}

fn is_local(options: &PgConnectOptions) -> bool {
    let host = options.get_host().trim_matches(['[', ']']);
    options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Describes the server, without the password.
pub fn describe(options: &PgConnectOptions) -> String {
    format!(
        "postgres at {}:{}, database `{}`, user `{}`",
        options.get_host(),
        options.get_port(),
        options.get_database().unwrap_or(options.get_username()),
        options.get_username()
    )
}

/// Returns the variables by which libpq's programs connect to the same server: nothing of it is in their arguments.
pub fn environment(options: &PgConnectOptions) -> Vec<(&'static str, String)> {
    let url = options.to_url_lossy();
    let host = options
        .get_socket()
        .map_or_else(|| options.get_host().trim_matches(['[', ']']).to_owned(), |socket| socket.display().to_string());
    let mut variables = vec![
        ("PGHOST", host),
        ("PGPORT", options.get_port().to_string()),
        ("PGUSER", options.get_username().to_owned()),
        ("PGDATABASE", options.get_database().unwrap_or(options.get_username()).to_owned()),
    ];
    variables.extend(url.password().map(|password| ("PGPASSWORD", decoded(password))));
    for (name, value) in url.query_pairs() {
        let variable = match &*name {
            "sslmode" => "PGSSLMODE",
            "sslrootcert" => "PGSSLROOTCERT",
            "sslcert" => "PGSSLCERT",
            "sslkey" => "PGSSLKEY",
            _ => continue,
        };
        // The driver prints a path with a word before it.
        variables.push((variable, value.strip_prefix("file: ").unwrap_or(&value).to_owned()));
    }
    variables
}

/// Decodes `%40` and its like.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Checks the part after `://`: a character that should be encoded must not move the border between password and host.
fn check(rest: &str) -> Result<(), UrlError> {
    if rest.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(UrlError("it holds white space"));
    }
    if rest.contains('#') {
        return Err(UrlError("it holds a bare `#`"));
    }
    check_percent(rest)?;
    let (address, query) = rest.split_once('?').map_or((rest, None), |(address, query)| (address, Some(query)));
    let (authority, path) = address.split_once('/').unwrap_or((address, ""));
    // An unencoded `/` or `?` in a password ends the authority early, so that the rest of the password and the `@` are
    // here.
    if path.contains(['@', '/', ':']) || query.is_some_and(|query| query.contains(['@', '?'])) {
        return Err(UrlError("an `@`, `/`, `:` or `?` stands where it must be encoded"));
    }
    let (user, server) = match authority.split_once('@') {
        Some((_, server)) if server.contains('@') => return Err(UrlError("it holds more than one bare `@`")),
        Some((user, server)) => (Some(user), server),
        None => (None, authority),
    };
    if user.is_some_and(|user| user.is_empty() || user.starts_with(':')) {
        return Err(UrlError("the user's name is missing before the `@`"));
    }
    if user.is_some_and(|user| user.contains(['[', ']'])) {
        return Err(UrlError("a bracket in user or password must be encoded (`[` is %5B, `]` is %5D)"));
    }
    check_server(server)?;
    query.map_or(Ok(()), check_query)
}

fn check_percent(rest: &str) -> Result<(), UrlError> {
    let bytes = rest.as_bytes();
    for (at, _) in rest.match_indices('%') {
        let is_encoded = bytes.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        if !is_encoded {
            return Err(UrlError("a `%` is not followed by two hexadecimal digits"));
        }
    }
    Ok(())
}

/// Checks the host (a name, an address in brackets, or the percent-encoded folder of a socket) and the port.
fn check_server(server: &str) -> Result<(), UrlError> {
    let (host, port) = match server.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']').ok_or(UrlError("a bracket of the host is not closed"))?;
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return Err(UrlError("what stands in brackets is no IPv6 address"));
            }
            ("", if port.is_empty() { None } else { Some(port.strip_prefix(':').unwrap_or("no port")) })
        }
        None => server.split_once(':').map_or((server, None), |(host, port)| (host, Some(port))),
    };
    if !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._%".contains(&byte)) {
        return Err(UrlError("the host is not a name or an address"));
    }
    if port.is_some_and(|port| !port.parse::<u16>().is_ok_and(|port| port > 0)) {
        return Err(UrlError("the port is not a number up to 65535"));
    }
    Ok(())
}

fn check_query(query: &str) -> Result<(), UrlError> {
    let name = |part: &str| part.split('=').next().unwrap_or_default().to_owned();
    let is_known = |part: &str| PARAMETERS.contains(&name(part).as_str()) || name(part).starts_with("options[");
    // Unknown parameters are refused, although the driver ignores them: part of a password may be here.
    if query.split('&').filter(|part| !part.is_empty()).all(is_known) {
        Ok(())
    } else {
        Err(UrlError("a parameter after the `?` is not known here, for example sslmode, sslrootcert or options"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_as_they_are_written_are_read() {
        for (url, server) in [
            (
                "postgres://ada:pa%40ss@db.example:5433/meadow",
                "postgres at db.example:5433, database `meadow`, user `ada`",
            ),
            (" postgresql://ada@[::1]/m?sslmode=require ", "postgres at [::1]:5432, database `m`, user `ada`"),
            ("postgres://ada:a:b@10.0.0.1/m", "postgres at 10.0.0.1:5432, database `m`, user `ada`"),
            ("postgres://ada@db/m?options=-c%20geqo%3Doff", "postgres at db:5432, database `m`, user `ada`"),
        ] {
            assert_eq!(read_url(url).map(|options| describe(&options)).as_deref(), Ok(server), "{url}");
        }
        assert!(read_url("postgres://ada@%2Fvar%2Frun%2Fpostgresql/m").unwrap().get_socket().is_some());
    }

    #[test]
    fn programs_of_libpq_get_the_same_server() {
        let variables = |url: &str| {
            let given = environment(&read_url(url).unwrap());
            move |name: &str| given.iter().find(|(variable, _)| *variable == name).map(|(_, value)| value.clone())
        };
        let away =
            variables("postgres://ada:p%40%25s+%C3%A9@db.example:5433/meadow?sslmode=verify-full&sslrootcert=/ca.pem");
        for (name, value) in [
            ("PGHOST", "db.example"),
            ("PGPORT", "5433"),
            ("PGUSER", "ada"),
            ("PGDATABASE", "meadow"),
            ("PGPASSWORD", "p@%s+é"),
            ("PGSSLMODE", "verify-full"),
            ("PGSSLROOTCERT", "/ca.pem"),
        ] {
            assert_eq!(away(name).as_deref(), Some(value), "{name}");
        }
        let here = variables("postgres://ada@%2Fvar%2Frun%2Fpostgresql/m");
        assert_eq!(here("PGHOST").as_deref(), Some("/var/run/postgresql"));
        assert_eq!(here("PGPASSWORD"), None);
        assert_eq!(variables("postgres://ada@[::1]/m")("PGHOST").as_deref(), Some("::1"));
    }

    #[test]
    fn a_url_that_leaves_the_machine_is_encrypted_unless_it_says_otherwise() {
        let mode = |url: &str| format!("{:?}", read_url_encrypted(url).unwrap().get_ssl_mode());
        assert_eq!(mode("postgres://u:p@db.example/d"), "Require");
        assert_eq!(mode("postgres://u:p@db.example/d?sslmode=disable"), "Disable");
        for local in ["127.0.0.1", "localhost", "[::1]", "%2Fvar%2Frun%2Fpostgresql"] {
            assert_eq!(mode(&format!("postgres://u:p@{local}/d")), "Prefer", "{local}");
        }
    }

    #[test]
    fn a_url_in_which_a_password_could_be_taken_for_something_else_is_refused_without_showing_any_of_it() {
        for password in [
            "s3c@ret",
            "s3c/ret",
            "s3c?ret",
            "s3c#ret",
            "s3c%ret",
            "s3c ret",
            "@s3cret",
            "s3c@ret@",
            "s3c[ret",
            "1/s3c@ret",
        ] {
            for url in [
                format!("postgres://ada:{password}@db.example/meadow"),
                format!("postgresql://ada:{password}@db.example:5432/meadow?sslmode=require"),
            ] {
                let error = read_url(&url).unwrap_err();
                for words in [error.to_string(), format!("{error:?}")] {
                    for part in ["s3c", "ret", "ada", "db.example", "meadow"].iter().filter(|part| **part != "ret") {
                        assert!(!words.contains(part), "{url}: {words}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_no_postgres_url_is_refused_without_showing_any_of_it() {
        for url in [
            "",
            "s3cret",
            "postgres:s3cret",
            "postgres:/ada:s3cret@db/m",
            "mysql://ada:s3cret@db/m",
            "postgres://ada:s3cret",
            "postgres://ada:s3cret/meadow",
            "postgres://:s3cret@db/m",
            "postgres://ada@db:s3cret/m",
            "postgres://ada@db:99999/s3cret",
            "postgres://ada@db/m?pasword=s3cret",
            "postgres://ada@db/m?s3cret",
            "postgres://ada@db/m?sslmode=s3cret",
            "postgres://ada@db/m?port=s3cret",
            "postgres://ada@[s3cret]/m",
        ] {
            let error = read_url(url).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{url}: {error}");
        }
    }
}
