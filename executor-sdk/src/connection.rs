//! The connection of a client: opened when first needed, and reopened whenever it breaks.

mod dial;
mod proxy;
mod tls;

use std::sync::Arc;

use apiary_identity::Clock;
use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::GeneralPurposeConfig;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode, Uri};
use http_body::Frame;
use http_body_util::BodyExt as _;
use http_body_util::combinators::MapFrame;
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint};
use tower::ServiceExt as _;
use tower::util::MapResponse;

use crate::limits::{CONNECT_TIMEOUT, HEADER_BYTES_MAX, KEEPALIVE};
use crate::{Address, ClientConfig, ClientError};

pub(crate) use dial::Diagnosis;
use dial::Dialer;

/// A channel whose answers cannot make the gRPC library panic.
pub(crate) type Connection = MapResponse<Channel, fn(http::Response<Body>) -> http::Response<CheckedBody>>;
type CheckedBody = MapFrame<Body, fn(Frame<Bytes>) -> Frame<Bytes>>;

/// Prepares a connection; nothing is sent before the first call. The diagnosis has the reason of the last failure to
/// connect.
pub(crate) fn open(config: &ClientConfig, clock: &Arc<dyn Clock>) -> Result<(Connection, Diagnosis), ClientError> {
    let address = &config.address;
    if address.is_exposed() && !config.allow_plaintext {
        return Err(ClientError::Invalid(format!(
            "{address}: plain text would leave this machine; use https://, or allow it (`allow_plaintext`)"
        )));
    }
    if tokio::runtime::Handle::try_current().is_err() {
        return Err(ClientError::Invalid("a client needs a Tokio runtime: make it inside of one".to_owned()));
    }
    let diagnosis = Diagnosis::default();
    let channel = match address {
        Address::Unix(path) => {
            endpoint(address, format!("unix://{}", path.display()))?.connect_timeout(CONNECT_TIMEOUT).connect_lazy()
        }
        Address::Https { .. } | Address::Http { .. } => {
            let dialer = Dialer::new(config, clock, diagnosis.clone())?;
            let origin: Uri = address.to_string().parse().map_err(|error| invalid(address, &error))?;
            // The dialer does TLS. With https in this address, the library would expect its own TLS connector.
            let endpoint = endpoint(address, format!("http://{}", dialer.authority()))?.origin(origin);
            endpoint.connect_with_connector_lazy(tower::service_fn(move |_: Uri| dialer.clone().connect()))
        }
    };
    let guard: fn(http::Response<Body>) -> http::Response<CheckedBody> = guard_response;
    Ok((channel.map_response(guard), diagnosis))
}

fn endpoint(address: &Address, target: String) -> Result<Endpoint, ClientError> {
    let endpoint = Endpoint::from_shared(target).map_err(|error| invalid(address, &error))?;
    Ok(endpoint
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .keep_alive_while_idle(true)
        .http2_max_header_list_size(HEADER_BYTES_MAX))
}

fn invalid(address: &Address, error: &dyn std::error::Error) -> ClientError {
    let cause = error.source().map(|source| format!(": {source}")).unwrap_or_default();
    ClientError::Invalid(format!("{address}: {error}{cause}; check the address"))
}

/// Removes dangerous headers, and turns answers that are not gRPC into a readable status.
fn guard_response(response: http::Response<Body>) -> http::Response<CheckedBody> {
    let mut response = if is_grpc(response.headers()) { response } else { away(response.status()) };
    drop_bad_details(response.headers_mut());
    let guard: fn(Frame<Bytes>) -> Frame<Bytes> = guard_frame;
    response.map(|body| body.map_frame(guard))
}

fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// Makes the status for an HTTP page, which a proxy sends if it cannot reach the broker. The gRPC library's own error
/// for it would be unclear.
fn away(status: StatusCode) -> http::Response<Body> {
    let words = format!("an HTTP proxy answered {} with a page", status.as_u16());
    tonic::Status::unavailable(words).into_http()
}

/// Drops an invalid `grpc-status-details-bin` from the trailers. tonic panics on one that is not base64, and a
/// compromised broker must not be able to crash a bee with a header. The response's head is checked by
/// [`guard_response`].
fn guard_frame(mut frame: Frame<Bytes>) -> Frame<Bytes> {
    if let Some(trailers) = frame.trailers_mut() {
        drop_bad_details(trailers);
    }
    frame
}

fn drop_bad_details(headers: &mut HeaderMap) {
    const DETAILS: &str = "grpc-status-details-bin";
    // With or without padding, as tonic accepts it.
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

    #[test]
    fn an_answer_that_is_no_grpc_means_that_the_broker_is_away() {
        for (status, content_type) in
            [(502, Some("text/html")), (504, None), (404, Some("application/json")), (200, None)]
        {
            let mut page = http::Response::new(Body::empty());
            *page.status_mut() = StatusCode::from_u16(status).unwrap();
            page.headers_mut().extend(content_type.map(|value| (CONTENT_TYPE, HeaderValue::from_static(value))));
            let guarded = guard_response(page);
            let read = tonic::Status::from_header_map(guarded.headers()).unwrap();
            assert_eq!(read.code(), tonic::Code::Unavailable);
            assert_eq!(read.message(), format!("an HTTP proxy answered {status} with a page"));
        }
    }

    #[tokio::test]
    async fn details_that_would_trip_the_grpc_library_are_dropped_in_head_and_trailers() {
        for (value, stays) in [("AAEC", true), ("AA==", true), ("AA", true), ("", true), ("!", false)] {
            let name = HeaderName::from_static("grpc-status-details-bin");
            let headers = HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
            let body =
                http_body_util::Empty::<Bytes>::new().with_trailers(std::future::ready(Some(Ok(headers.clone()))));
            let mut response = http::Response::new(Body::new(body));
            *response.headers_mut() = headers;
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            let response = guard_response(response);
            assert_eq!(response.headers().len() == 1, !stays);
            let trailers = response.into_body().collect().await.unwrap().trailers().cloned().unwrap();
            assert_eq!(trailers.is_empty(), !stays);
        }
    }
}
