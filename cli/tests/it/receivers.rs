//! Receivers of notifications: a mail server and an HTTP server, by hand.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request that an HTTP server got.
#[derive(Clone)]
pub(crate) struct Request {
    path: String,
    head: Vec<String>,
    pub(crate) body: String,
}

impl Request {
    /// Returns a header's value.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.head.iter().find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }
}

#[derive(Default)]
struct HttpState {
    /// Requests that were answered with 200.
    requests: Vec<Request>,
    /// The answers to the next requests, by path.
    faults: HashMap<String, Vec<Fault>>,
    /// Connections that get no answer.
    hanging: Vec<TcpStream>,
}

/// An answer that does not say yes.
#[derive(Clone)]
pub(crate) enum Fault {
    /// 500, with the path in its body, as many servers do.
    Broken,
    /// 429, with this number of seconds to wait.
    Limited(u32),
    /// No answer, on a connection that stays open.
    Hangs,
}

/// An HTTP server that keeps what it got.
pub(crate) struct Receiver {
    address: SocketAddr,
    state: Arc<Mutex<HttpState>>,
}

impl Receiver {
    pub(crate) fn open() -> Self {
        let state = Arc::new(Mutex::new(HttpState::default()));
        let shared = state.clone();
        Self { address: listen(move |stream| answer_http(stream, &shared)), state }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers the next requests for a path with these faults.
    pub(crate) fn fail_next(&self, path: &str, faults: &[Fault]) {
        self.state.lock().unwrap().faults.insert(path.to_owned(), faults.to_vec());
    }

    /// Returns the number of connections that get no answer.
    pub(crate) fn hanging(&self) -> usize {
        self.state.lock().unwrap().hanging.len()
    }

    /// Returns the requests for a path that were answered with 200.
    pub(crate) fn requests(&self, path: &str) -> Vec<Request> {
        self.state.lock().unwrap().requests.iter().filter(|request| request.path == path).cloned().collect()
    }

    /// Returns the bodies of these requests.
    pub(crate) fn bodies(&self, path: &str) -> Vec<String> {
        self.requests(path).into_iter().map(|request| request.body).collect()
    }
}

/// A mail that a server took.
#[derive(Clone)]
pub(crate) struct Mail {
    pub(crate) to: Vec<String>,
    /// Head and body, with soft line breaks undone.
    pub(crate) text: String,
}

/// A mail server that keeps what it got.
pub(crate) struct MailServer {
    address: SocketAddr,
    mails: Arc<Mutex<Vec<Mail>>>,
}

impl MailServer {
    pub(crate) fn open() -> Self {
        let mails = Arc::new(Mutex::new(Vec::new()));
        let shared = mails.clone();
        Self { address: listen(move |stream| serve_mail(stream, &shared)), mails }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap().clone()
    }
}

/// Serves each connection in a thread, until the test's end.
fn listen(serve: impl Fn(TcpStream) -> Option<()> + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            std::thread::spawn(move || serve(stream));
        }
    });
    address
}

/// Answers a request; `None` if the connection breaks before its end.
fn answer_http(mut stream: TcpStream, state: &Mutex<HttpState>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let path = first.split(' ').nth(1)?.to_owned();
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    let mut request = Request { path, head, body: String::new() };
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    reader.take(length).read_to_string(&mut request.body).ok()?;
    let (status, body) = {
        let mut state = state.lock().unwrap();
        let fault = state.faults.get_mut(&request.path).filter(|left| !left.is_empty()).map(|left| left.remove(0));
        match fault {
            Some(Fault::Broken) => ("500 Internal Server Error".to_owned(), format!("no POST to {}", request.path)),
            Some(Fault::Limited(seconds)) => {
                (format!("429 Too Many Requests\r\nretry-after: {seconds}"), "rate_limited".to_owned())
            }
            Some(Fault::Hangs) => {
                state.hanging.push(stream);
                return Some(());
            }
            None => {
                state.requests.push(request);
                ("200 OK".to_owned(), "ok".to_owned())
            }
        }
    };
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").ok()
}

/// Takes mails over a connection; `None` if it breaks.
fn serve_mail(mut stream: TcpStream, mails: &Mutex<Vec<Mail>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut to = Vec::new();
    write!(stream, "220 test ESMTP\r\n").ok()?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        let (verb, rest) = line.split_at(line.len().min(4));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => write!(stream, "250-test\r\n250 8BITMIME\r\n").ok()?,
            "RCPT" => {
                to.push(rest.trim_start_matches(" TO:").to_owned());
                write!(stream, "250 ok\r\n").ok()?;
            }
            "DATA" => {
                write!(stream, "354 go on\r\n").ok()?;
                let text = read_data(&mut reader)?;
                let number = {
                    let mut mails = mails.lock().unwrap();
                    mails.push(Mail { to: std::mem::take(&mut to), text });
                    mails.len()
                };
                write!(stream, "250 queued as {number}\r\n").ok()?;
            }
            "QUIT" => return write!(stream, "221 bye\r\n").ok(),
            _ => write!(stream, "250 ok\r\n").ok()?,
        }
    }
}

fn read_data(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut text = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end_matches(['\r', '\n']) {
            "." => return Some(text),
            line => match line.strip_suffix('=') {
                Some(begun) => text.push_str(begun),
                None => {
                    text.push_str(line);
                    text.push('\n');
                }
            },
        }
    }
}
