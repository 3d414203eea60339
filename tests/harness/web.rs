//! HTTP clients for tests.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

/// Creates a client that uses the server's version of HTTP.
pub fn http() -> reqwest::Client {
    install_tls();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Creates a client that uses HTTP/2 without negotiation, as gRPC does on a plain port.
pub fn http2() -> reqwest::Client {
    install_tls();
    reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap()
}

/// Installs the cryptography of TLS, once per process.
pub fn install_tls() {
    // The error means that another test of this process was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
