//! HTTP clients for tests.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

/// A client that speaks whatever the server does.
pub fn http() -> reqwest::Client {
    install_tls();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// A client that speaks HTTP/2 without asking, as gRPC does on a plain port.
pub fn http2() -> reqwest::Client {
    install_tls();
    reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap()
}

/// Chooses the cryptography of TLS, once a process.
pub fn install_tls() {
    // Another test of this process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
