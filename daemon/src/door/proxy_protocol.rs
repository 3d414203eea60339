//! The PROXY protocol, versions 1 and 2: a header before all other bytes, in which a proxy names the client of the
//! connection. Read only from trusted proxies.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::limits::{PROXY_BINARY_BYTES_MAX, PROXY_LINE_BYTES_MAX};

/// Bytes needed to distinguish both versions from TLS and HTTP, whose first message is longer.
const START_BYTES: usize = 6;
const LINE_START: &[u8; START_BYTES] = b"PROXY ";
const BINARY_START: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// The beginning of a connection from a proxy.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Opening {
    /// The client; `None` if the header names none, or the connection is the proxy's own.
    pub(super) address: Option<IpAddr>,
    /// Bytes already read that belong to no PROXY header.
    pub(super) rest: Vec<u8>,
}

/// Reads a PROXY header, if there is one.
///
/// # Errors
///
/// A header that is incomplete, too long, or violates the protocol.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Opening> {
    let mut start = [0; START_BYTES];
    stream.read_exact(&mut start).await?;
    if start == *LINE_START {
        return Ok(Opening { address: read_line(stream).await?, rest: Vec::new() });
    }
    if start == BINARY_START[..START_BYTES] {
        return Ok(Opening { address: read_binary(stream).await?, rest: Vec::new() });
    }
    Ok(Opening { address: None, rest: start.to_vec() })
}

async fn read_line(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<IpAddr>> {
    let mut line = Vec::with_capacity(PROXY_LINE_BYTES_MAX);
    // Byte by byte: the bytes after the line belong to the next reader.
    while !line.ends_with(b"\r\n") {
        if START_BYTES + line.len() >= PROXY_LINE_BYTES_MAX {
            return Err(wrong("a line without an end"));
        }
        line.push(stream.read_u8().await?);
    }
    let line = std::str::from_utf8(&line[..line.len() - 2]).map_err(|_| wrong("a line that is no text"))?;
    let words: Vec<&str> = line.split(' ').collect();
    let (source, destination) = match words[..] {
        ["UNKNOWN", ..] => return Ok(None),
        [family @ ("TCP4" | "TCP6"), source, destination, source_port, destination_port] => {
            // The standard library's parser accepts `+80`, which the protocol does not allow.
            let ports =
                [source_port, destination_port].map(|port| port.parse::<u16>().is_ok() && !port.starts_with('+'));
            if ports != [true, true] {
                return Err(wrong("a port that is no number"));
            }
            let address = |text: &str| match family {
                "TCP4" => text.parse::<Ipv4Addr>().map(IpAddr::from),
                _ => text.parse::<Ipv6Addr>().map(IpAddr::from),
            };
            (address(source), address(destination))
        }
        _ => return Err(wrong("a line of another form")),
    };
    match (source, destination) {
        (Ok(source), Ok(_)) => Ok(Some(source)),
        _ => Err(wrong("an address that is none")),
    }
}

async fn read_binary(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<IpAddr>> {
    let mut start = [0; BINARY_START.len() - START_BYTES];
    stream.read_exact(&mut start).await?;
    if start != BINARY_START[START_BYTES..] {
        return Err(wrong("a signature of another form"));
    }
    let (command, family) = (stream.read_u8().await?, stream.read_u8().await?);
    let length = usize::from(stream.read_u16().await?);
    if length > PROXY_BINARY_BYTES_MAX {
        return Err(wrong("more bytes than addresses and a few additions have"));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    match (command, family >> 4) {
        // LOCAL: the proxy's own connection, such as a health check. PROXY with an unspecified or Unix family has no
        // address.
        (0x20, _) | (0x21, 0 | 3) => Ok(None),
        (0x21, 1) => Ok(Some(octets::<4>(&body, 12)?.into())),
        (0x21, 2) => Ok(Some(octets::<16>(&body, 36)?.into())),
        _ => Err(wrong("a version, command or family that is not known")),
    }
}

/// Returns the source address, the first of the two addresses and two ports.
fn octets<const N: usize>(body: &[u8], least: usize) -> io::Result<[u8; N]> {
    let whole = body.len() >= least;
    body.first_chunk().copied().filter(|_| whole).ok_or_else(|| wrong("fewer bytes than its addresses have"))
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the PROXY header has {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [BINARY_START.as_slice(), &[command, family], &length, body].concat()
    }

    async fn address(bytes: &[u8]) -> io::Result<Option<String>> {
        let mut stream = [bytes, b"next"].concat();
        let mut reader = stream.as_mut_slice() as &[u8];
        let opening = read(&mut reader).await?;
        assert_eq!(reader, b"next", "what follows stays");
        Ok(opening.address.map(|address| address.to_string()))
    }

    #[tokio::test]
    async fn both_versions_tell_the_source() {
        let four = [198, 51, 100, 7, 10, 0, 0, 1, 0x12, 0x34, 0, 80];
        let mut six = [0_u8; 36];
        six[..4].copy_from_slice(&[0x20, 1, 0xd, 0xb8]);
        six[15] = 7;
        let table = [
            (b"PROXY TCP4 198.51.100.7 10.0.0.1 4660 80\r\n".to_vec(), Some("198.51.100.7")),
            (b"PROXY TCP6 2001:db8::7 ::1 4660 80\r\n".to_vec(), Some("2001:db8::7")),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (b"PROXY UNKNOWN ffff::1 what ever 1\r\n".to_vec(), None),
            (binary(0x21, 0x11, &four), Some("198.51.100.7")),
            (binary(0x21, 0x11, &[four.as_slice(), &[4, 0, 1, 0]].concat()), Some("198.51.100.7")),
            (binary(0x21, 0x21, &six), Some("2001:db8::7")),
            (binary(0x20, 0, &[]), None),
            (binary(0x21, 0x31, &[0; 216]), None),
        ];
        for (bytes, wanted) in table {
            assert_eq!(address(&bytes).await.unwrap().as_deref(), wanted, "{}", String::from_utf8_lossy(&bytes));
        }
    }

    #[tokio::test]
    async fn a_connection_without_a_header_keeps_its_first_bytes() {
        let mut reader = b"PRI * HTTP/2.0\r\n".as_slice();
        let opening = read(&mut reader).await.unwrap();
        assert_eq!((opening.address, opening.rest.as_slice()), (None, b"PRI * ".as_slice()));
    }

    #[tokio::test]
    async fn hostile_headers_are_refused() {
        let long = [b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat();
        let table = [
            b"PROXY TCP4 198.51.100.7 10.0.0.1 4660\r\n".to_vec(),
            b"PROXY TCP4 2001:db8::7 ::1 4660 80\r\n".to_vec(),
            b"PROXY TCP6 198.51.100.7 10.0.0.1 1 1\r\n".to_vec(),
            b"PROXY TCP4 198.51.100.7 10.0.0.1 65536 80\r\n".to_vec(),
            b"PROXY TCP4 198.51.100.7 10.0.0.1 -1 80\r\n".to_vec(),
            b"PROXY TCP4  198.51.100.7 10.0.0.1 1 80\r\n".to_vec(),
            b"PROXY TCP4 198.51.100.7 10.0.0.1 1 80 \r\n".to_vec(),
            b"PROXY \r\n".to_vec(),
            b"PROXY \xff\xfe\r\n".to_vec(),
            long,
            binary(0x21, 0x11, &[1, 2, 3]),
            binary(0x21, 0x21, &[0; 35]),
            binary(0x22, 0x11, &[0; 12]),
            binary(0x11, 0x11, &[0; 12]),
            binary(0x21, 0x41, &[0; 12]),
            binary(0x21, 0x11, &[0; PROXY_BINARY_BYTES_MAX + 1]),
            b"\r\n\r\n\0\r\nQUIX\n\x21\x11\0\0".to_vec(),
        ];
        for bytes in table {
            let mut reader = bytes.as_slice();
            assert!(read(&mut reader).await.is_err(), "{}", String::from_utf8_lossy(&bytes));
        }
    }
}
