//! An HTTP server that gives the answers that it was told to give, one after the other.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use apiary_tests::web::{read_request, write_answer};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

/// A scripted answer.
#[derive(Clone)]
pub(crate) enum Answer {
    /// Status line and headers, without the last empty line; and a body.
    Http(&'static str, &'static str),
    /// Reads the request, then says nothing and keeps the connection open.
    Silence,
    /// Reads the request, then closes the connection.
    Close,
}

/// The server; it stops when dropped. After its last answer it repeats that one.
pub(crate) struct Scripted {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
    _serving: AbortOnDropHandle<()>,
}

impl Scripted {
    pub(crate) async fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let serving = serve(listener, answers.into_iter().collect(), Arc::clone(&requests));
        Self { url, requests, _serving: AbortOnDropHandle::new(tokio::spawn(serving)) }
    }

    /// The requests so far: head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(listener: TcpListener, mut answers: VecDeque<Answer>, requests: Arc<Mutex<Vec<String>>>) {
    let mut silent = Vec::new();
    let mut answer = Answer::Close;
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (head, body) = read_request(&mut stream).await.unwrap_or_default();
        requests.lock().unwrap().push(format!("{head}\r\n\r\n{body}"));
        answer = answers.pop_front().unwrap_or(answer);
        match &answer {
            Answer::Http(head, body) => write_answer(&mut stream, head, body).await.unwrap(),
            Answer::Silence => silent.push(stream),
            Answer::Close => {}
        }
    }
}
