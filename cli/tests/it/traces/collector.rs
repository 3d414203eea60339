//! A stand-in for a collector of traces, which reads OTLP's protobuf by the numbers of its fields.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A span as the collector got it.
#[derive(Clone, Debug, Default)]
pub(super) struct Span {
    pub(super) service: String,
    pub(super) name: String,
    pub(super) trace: String,
    pub(super) id: String,
    /// The id of the span above it; empty at the beginning of a trace.
    pub(super) parent: String,
    pub(super) start_ns: u64,
    pub(super) end_ns: u64,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) has_failed: bool,
}

#[derive(Default)]
struct State {
    spans: Vec<Span>,
    heads: Vec<String>,
    bodies: Vec<u8>,
}

/// A collector, until the test's end.
pub(super) struct Collector {
    pub(super) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Collector {
    /// Starts one that takes every span.
    pub(super) fn open() -> Self {
        Self::start(take)
    }

    /// Starts one that answers nothing.
    pub(super) fn silent() -> Self {
        Self::start(|stream, state| {
            let head = read(&stream)?.0;
            state.lock().unwrap().heads.push(head);
            // Waits until the other side gives up.
            (&stream).read(&mut [0]).ok().map(drop)
        })
    }

    fn start(serve: fn(TcpStream, &Mutex<State>) -> Option<()>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, state) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(State::default())));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { address, state }
    }

    /// Returns the spans so far.
    pub(super) fn spans(&self) -> Vec<Span> {
        self.state.lock().unwrap().spans.clone()
    }

    /// Returns the heads of all requests.
    pub(super) fn heads(&self) -> Vec<String> {
        self.state.lock().unwrap().heads.clone()
    }

    /// Returns true if a request's body had this text.
    pub(super) fn was_told(&self, text: &str) -> bool {
        self.state.lock().unwrap().bodies.windows(text.len()).any(|part| part == text.as_bytes())
    }
}

fn take(mut stream: TcpStream, state: &Mutex<State>) -> Option<()> {
    let (head, body) = read(&stream)?;
    {
        let mut state = state.lock().unwrap();
        state.spans.extend(spans(&body));
        state.heads.push(head);
        state.bodies.extend(body);
    }
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").ok()
}

/// Reads a request; `None` if it has no end.
fn read(stream: &TcpStream) -> Option<(String, Vec<u8>)> {
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
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}

/// A field of a message: its number, and its bytes or its number's value.
enum Field<'b> {
    Bytes(u64, &'b [u8]),
    Number(u64, u64),
}

/// Takes a message apart.
fn fields(mut bytes: &[u8]) -> Vec<Field<'_>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let number = key >> 3;
        fields.push(match key & 7 {
            0 => Field::Number(number, varint(&mut bytes)),
            1 => Field::Number(number, u64::from_le_bytes(taken(&mut bytes, 8).try_into().unwrap())),
            2 => {
                let length = usize::try_from(varint(&mut bytes)).unwrap();
                Field::Bytes(number, taken(&mut bytes, length))
            }
            5 => Field::Number(number, u32::from_le_bytes(taken(&mut bytes, 4).try_into().unwrap()).into()),
            other => unreachable!("OTLP has no field of wire type {other}"),
        });
    }
    fields
}

fn taken<'b>(bytes: &mut &'b [u8], length: usize) -> &'b [u8] {
    let (taken, rest) = bytes.split_at(length);
    *bytes = rest;
    taken
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = taken(bytes, 1)[0];
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return value;
        }
    }
}

/// Returns all messages in this field.
fn messages(bytes: &[u8], wanted: u64) -> Vec<&[u8]> {
    let of = |field| match field {
        Field::Bytes(number, bytes) if number == wanted => Some(bytes),
        _ => None,
    };
    fields(bytes).into_iter().filter_map(of).collect()
}

/// Returns the spans of an `ExportTraceServiceRequest`.
fn spans(request: &[u8]) -> Vec<Span> {
    let mut spans = Vec::new();
    for resource_spans in messages(request, 1) {
        let resource = messages(resource_spans, 1)[0];
        let service = attributes(messages(resource, 1))["service.name"].clone();
        for scope_spans in messages(resource_spans, 2) {
            spans.extend(
                messages(scope_spans, 2).into_iter().map(|bytes| Span { service: service.clone(), ..span(bytes) }),
            );
        }
    }
    spans
}

fn span(bytes: &[u8]) -> Span {
    let mut span = Span { attributes: attributes(messages(bytes, 9)), ..Span::default() };
    for field in fields(bytes) {
        match field {
            Field::Bytes(1, id) => span.trace = hex::encode(id),
            Field::Bytes(2, id) => span.id = hex::encode(id),
            Field::Bytes(4, id) => span.parent = hex::encode(id),
            Field::Bytes(5, name) => span.name = String::from_utf8(name.to_vec()).unwrap(),
            Field::Bytes(15, status) => {
                span.has_failed = fields(status).iter().any(|field| matches!(field, Field::Number(3, 2)));
            }
            Field::Number(7, time) => span.start_ns = time,
            Field::Number(8, time) => span.end_ns = time,
            _ => {}
        }
    }
    span
}

fn attributes(pairs: Vec<&[u8]>) -> BTreeMap<String, String> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let value = |bytes: &[u8]| match fields(bytes).into_iter().next() {
        Some(Field::Bytes(1, bytes)) => text(bytes),
        Some(Field::Number(3, number)) => number.to_string(),
        _ => String::new(),
    };
    pairs.into_iter().map(|pair| (text(messages(pair, 1)[0]), value(messages(pair, 2)[0]))).collect()
}
