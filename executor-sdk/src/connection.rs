//! The connection under a client: made when first needed, made again whenever it broke.

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::GeneralPurposeConfig;
use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use http_body_util::BodyExt as _;
use http_body_util::combinators::MapFrame;
use tonic::body::Body;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tower::ServiceExt as _;
use tower::util::MapResponse;

use crate::limits::{CONNECT_TIMEOUT, HEADER_BYTES_MAX, KEEPALIVE};
use crate::{Address, ClientConfig, ClientError};

/// A channel whose answers cannot trip the gRPC library.
pub(crate) type Connection = MapResponse<Channel, fn(http::Response<Body>) -> http::Response<Guarded>>;
type Guarded = MapFrame<Body, fn(Frame<Bytes>) -> Frame<Bytes>>;

/// Prepares a connection; nothing is sent before the first call.
pub(crate) fn open(config: &ClientConfig) -> Result<Connection, ClientError> {
    let address = &config.address;
    if address.is_exposed() && !config.allow_plaintext {
        return Err(ClientError::Invalid(format!(
            "{address}: plain text would leave this machine; use https://, or allow it (`allow_plaintext`)"
        )));
    }
    if tokio::runtime::Handle::try_current().is_err() {
        return Err(ClientError::Invalid("a client needs a Tokio runtime: make it inside of one".to_owned()));
    }
    let invalid = |error: tonic::transport::Error| {
        use std::error::Error as _;
        let cause = error.source().map(|source| format!(": {source}")).unwrap_or_default();
        ClientError::Invalid(format!("{address}: {error}{cause}; check the address and the certificates"))
    };
    let target = match address {
        Address::Unix(path) => format!("unix://{}", path.display()),
        other => other.to_string(),
    };
    let mut endpoint = Endpoint::from_shared(target)
        .map_err(invalid)?
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .keep_alive_while_idle(true)
        .http2_max_header_list_size(HEADER_BYTES_MAX);
    if matches!(address, Address::Https { .. }) {
        endpoint = endpoint.tls_config(tls(config)).map_err(invalid)?;
    }
    let guard: fn(http::Response<Body>) -> http::Response<Guarded> = guard_response;
    Ok(endpoint.connect_lazy().map_response(guard))
}

fn tls(config: &ClientConfig) -> ClientTlsConfig {
    let tls = ClientTlsConfig::new().timeout(CONNECT_TIMEOUT);
    let tls = match &config.ca_pem {
        Some(pem) => tls.ca_certificate(Certificate::from_pem(pem)),
        None => tls.with_native_roots(),
    };
    match &config.client_identity {
        Some(identity) => tls.identity(Identity::from_pem(&identity.certificate_pem, identity.key_pem.as_bytes())),
        None => tls,
    }
}

/// tonic panics on a `grpc-status-details-bin` that is not base64, and a broken-into broker must not be able
/// to end a bee with one header. Such a header is dropped, where tonic would see it: in head and trailers.
fn guard_response(mut response: http::Response<Body>) -> http::Response<Guarded> {
    drop_bad_details(response.headers_mut());
    let guard: fn(Frame<Bytes>) -> Frame<Bytes> = guard_frame;
    response.map(|body| body.map_frame(guard))
}

fn guard_frame(mut frame: Frame<Bytes>) -> Frame<Bytes> {
    if let Some(trailers) = frame.trailers_mut() {
        drop_bad_details(trailers);
    }
    frame
}

fn drop_bad_details(headers: &mut HeaderMap) {
    const DETAILS: &str = "grpc-status-details-bin";
    // Padded or not, as tonic reads it.
    const BASE64: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    if headers.get(DETAILS).is_some_and(|value| BASE64.decode(value.as_bytes()).is_err()) {
        headers.remove(DETAILS);
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[tokio::test]
    async fn details_that_would_trip_the_grpc_library_are_dropped_in_head_and_trailers() {
        for (value, stays) in [("AAEC", true), ("AA==", true), ("AA", true), ("", true), ("!", false)] {
            let name = HeaderName::from_static("grpc-status-details-bin");
            let headers = HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
            let body =
                http_body_util::Empty::<Bytes>::new().with_trailers(std::future::ready(Some(Ok(headers.clone()))));
            let mut response = http::Response::new(Body::new(body));
            *response.headers_mut() = headers;
            let response = guard_response(response);
            assert_eq!(response.headers().is_empty(), !stays);
            let trailers = response.into_body().collect().await.unwrap().trailers().cloned().unwrap();
            assert_eq!(trailers.is_empty(), !stays);
        }
    }
}
