//! Services that refuse everything, and say in their answers all that they were told.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::planted::Forms;

/// Code of a client's question for TLS, in place of the protocol's version.
const SSL_REQUEST: u32 = 80_877_103;

/// A server on a port of its own, until the test's end.
pub(super) struct StandIn {
    pub(super) address: SocketAddr,
    /// Words that it was told and refused: paths, or the words of a client.
    refused: Arc<Mutex<Vec<String>>>,
}

type Refuse = fn(TcpStream, &Mutex<Vec<String>>) -> Option<()>;

impl StandIn {
    /// Starts an HTTP server.
    pub(super) fn http() -> Self {
        Self::start(refuse_http)
    }

    /// Starts a database.
    pub(super) fn postgres() -> Self {
        Self::start(refuse_postgres)
    }

    /// Starts a mail server.
    pub(super) fn smtp() -> Self {
        Self::start(refuse_smtp)
    }

    fn start(refuse: Refuse) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, refused) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let shared = Arc::clone(&refused);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || refuse(stream, &shared));
            }
        });
        Self { address, refused }
    }

    /// Returns true once it refused something with a text in one of these forms.
    pub(super) fn has_refused(&self, forms: &Forms) -> bool {
        self.refused.lock().unwrap().iter().any(|told| !forms.lines_with(told).is_empty())
    }
}

/// Answers 503, with head and body of the request. The head alone has the secrets of Supabase, Stripe and a proxy, the path that of a
/// notification's receiver.
fn refuse_http(mut stream: TcpStream, refused: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut head, mut length) = (String::new(), 0);
    while !head.ends_with("\r\n\r\n") {
        let begin = head.len();
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
        if let Some(value) = head[begin..].to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body).ok()?;
    let told = format!("{head}{}", String::from_utf8_lossy(&body));
    let answer = serde_json::json!({
        "code": "PGRST000", "message": told, "details": told, "hint": told, "error": {"type": "api_error", "message": told},
    });
    refused.lock().unwrap().push(told);
    let answer = answer.to_string();
    let length = answer.len();
    write!(stream, "HTTP/1.1 503 Unavailable\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n")
        .ok()?;
    write!(stream, "connection: close\r\n\r\n{answer}").ok()
}

/// Asks for the password in clear, and refuses it as Postgres does; the detail of the error, which Postgres shows to nobody, has it.
fn refuse_postgres(mut stream: TcpStream, refused: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = stream.try_clone().ok()?;
    let mut startup = read_message(&mut reader)?;
    if startup.starts_with(&SSL_REQUEST.to_be_bytes()) {
        stream.write_all(b"N").ok()?;
        startup = read_message(&mut reader)?;
    }
    stream.write_all(b"R\0\0\0\x08\0\0\0\x03").ok()?;
    reader.read_exact(&mut [0]).ok()?;
    let password = read_message(&mut reader)?;
    let told = String::from_utf8_lossy(&[startup, password].concat()).into_owned();
    let fields = [
        ("S", "FATAL"),
        ("V", "FATAL"),
        ("C", "28P01"),
        ("M", "password authentication failed for user \"planted\""),
        ("D", &told.replace('\0', " ")),
    ];
    let mut error: Vec<u8> = fields.iter().flat_map(|(name, value)| format!("{name}{value}\0").into_bytes()).collect();
    error.push(0);
    refused.lock().unwrap().push(told);
    stream.write_all(b"E").ok()?;
    stream.write_all(&u32::try_from(error.len() + 4).ok()?.to_be_bytes()).ok()?;
    stream.write_all(&error).ok()
}

/// Reads a message of Postgres from its length on.
fn read_message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut message = vec![0; usize::try_from(u32::from_be_bytes(length)).ok()?.checked_sub(4)?];
    stream.read_exact(&mut message).ok()?;
    Some(message)
}

/// Offers to take a password, and answers each command but the first with all that was said.
fn refuse_smtp(mut stream: TcpStream, refused: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    write!(stream, "220 test ESMTP\r\n").ok()?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        refused.lock().unwrap().push(line.clone());
        match line.get(..4).unwrap_or_default().to_ascii_uppercase().as_str() {
            "EHLO" => write!(stream, "250-test\r\n250 AUTH PLAIN LOGIN\r\n").ok()?,
            _ => write!(stream, "535 rejected: {}\r\n", line.trim_end()).ok()?,
        }
    }
}
