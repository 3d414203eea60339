//! A stub of Supabase with settable answers, which records its calls and their times.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

use crate::web::{read_request, write_answer};

/// An event in a call of the function that applies events.
#[derive(Clone, Debug)]
pub struct Call {
    /// The event's id.
    pub event: String,
    /// Time of the call's arrival.
    pub asked: Instant,
    /// `true` if the event was accepted.
    pub is_taken: bool,
    /// The header that places the call in a trace.
    pub traceparent: Option<String>,
}

/// A state of record that accepts every event, or refuses all.
pub struct PostgrestStub {
    url: String,
    state: Arc<Mutex<State>>,
    _serving: AbortOnDropHandle<()>,
}

#[derive(Default)]
struct State {
    /// Status line with further headers, and the body, while it refuses.
    refusal: Option<(String, String)>,
    /// `true` if calls get no answer.
    hangs: bool,
    calls: Vec<Call>,
}

impl PostgrestStub {
    /// Starts a server that accepts every event.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&shared)));
            }
        });
        Self { url, state, _serving: AbortOnDropHandle::new(serving) }
    }

    /// Returns the project's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Refuses every call from now on: with this status line and further headers, separated by line ends, and with this
    /// body.
    pub fn refuse(&self, head: &str, body: &str) {
        self.state.lock().unwrap().refusal = Some((head.to_owned(), body.to_owned()));
    }

    /// Answers no call from now on. Calls received meanwhile never get an answer.
    pub fn hang(&self) {
        self.state.lock().unwrap().hangs = true;
    }

    /// Accepts every event from now on.
    pub fn take(&self) {
        let mut state = self.state.lock().unwrap();
        (state.refusal, state.hangs) = (None, false);
    }

    /// Returns the calls so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.state.lock().unwrap().calls.clone()
    }
}

async fn answer(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let Some((head_of_call, body)) = read_request(&mut stream).await else { return };
    let asked = Instant::now();
    let events = events_of(&body);
    if state.lock().unwrap().hangs {
        // Waits until the client closes the connection.
        let _ = stream.read(&mut [0]).await;
        return;
    }
    let refusal = state.lock().unwrap().refusal.clone();
    let is_taken = refusal.is_none();
    let taken = match events.len() {
        0 => json!([{"outcome": "ready", "encoding": "UTF8", "uncertain": 0, "incomplete": 0}]),
        events => Value::from(vec![json!({"outcome": "applied"}); events]),
    };
    let (head, body) = refusal.unwrap_or_else(|| ("200 OK".to_owned(), taken.to_string()));
    let _ = write_answer(&mut stream, &head, &body).await;
    let traceparent = head_of_call.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("traceparent").then(|| value.trim().to_owned())
    });
    let calls = events.into_iter().map(|event| Call { event, asked, is_taken, traceparent: traceparent.clone() });
    state.lock().unwrap().calls.extend(calls);
}

/// Returns the ids of a call's events; none for a probe.
fn events_of(body: &str) -> Vec<String> {
    let arguments: Value = serde_json::from_str(body).unwrap_or_default();
    let changes: Value = serde_json::from_str(arguments["changes"].as_str().unwrap_or_default()).unwrap_or_default();
    let ids = changes.as_array().into_iter().flatten().filter_map(|change| change["event"]["id"].as_str());
    ids.map(str::to_owned).collect()
}
