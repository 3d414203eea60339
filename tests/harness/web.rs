//! HTTP for tests: clients, and servers by hand.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Creates a client that uses the server's version of HTTP. It believes no certificate.
pub fn http() -> reqwest::Client {
    builder().build().unwrap()
}

/// Creates a client that uses HTTP/2 without negotiation, as gRPC does on a plain port. It believes no certificate.
pub fn http2() -> reqwest::Client {
    builder().http2_prior_knowledge().build().unwrap()
}

fn builder() -> reqwest::ClientBuilder {
    install_tls();
    // Without an authority: to read those of the system takes a client longer than its request.
    reqwest::Client::builder().no_proxy().tls_certs_only([])
}

/// Reads a request, whose length must be in its head; returns head and body. `None` if the connection ends before.
pub async fn read_request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
            });
            if body.len() >= length.unwrap_or(0) {
                return Some((head.to_owned(), body.to_owned()));
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// Writes an answer, after which the connection is closed. `head` is the status line without the version, and headers.
pub async fn write_answer(stream: &mut TcpStream, head: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    let answer = format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await
}

/// Installs the cryptography of TLS, once per process.
pub fn install_tls() {
    // The error means that another test of this process was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
