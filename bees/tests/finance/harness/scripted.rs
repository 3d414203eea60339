//! An HTTP server that gives the answers that it was told to give, one after the other.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
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
        let request = read(&mut stream).await;
        requests.lock().unwrap().push(request);
        answer = answers.pop_front().unwrap_or(answer);
        match &answer {
            Answer::Http(head, body) => {
                let length = body.len();
                let reply = format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
                stream.write_all(reply.as_bytes()).await.unwrap();
            }
            Answer::Silence => silent.push(stream),
            Answer::Close => {}
        }
    }
}

async fn read(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        if stream.read_buf(&mut bytes).await.unwrap() == 0 {
            return text;
        }
    }
}
