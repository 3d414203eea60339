//! The request of OTLP in protobuf, as far as it is used: `opentelemetry/proto/collector/trace/v1/trace_service.proto`, whose numbers of
//! fields are stable.

use prost::{Enumeration, Message, Oneof};

use super::queue::Record;
use super::span::{Part, Value};

#[derive(Clone, PartialEq, Message)]
struct ExportTraceServiceRequest {
    #[prost(message, repeated, tag = "1")]
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeSpans {
    #[prost(message, optional, tag = "1")]
    scope: Option<InstrumentationScope>,
    #[prost(message, repeated, tag = "2")]
    spans: Vec<Span>,
}

#[derive(Clone, PartialEq, Message)]
struct InstrumentationScope {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
}

#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    span_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(int32, tag = "6")]
    kind: i32,
    #[prost(fixed64, tag = "7")]
    start_time_unix_nano: u64,
    #[prost(fixed64, tag = "8")]
    end_time_unix_nano: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<KeyValue>,
    #[prost(message, optional, tag = "15")]
    status: Option<Status>,
    #[prost(fixed32, tag = "16")]
    flags: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(enumeration = "StatusCode", tag = "3")]
    code: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
enum StatusCode {
    Unset = 0,
    Ok = 1,
    Error = 2,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(oneof = "Any", tags = "1, 3")]
    value: Option<Any>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Any {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(int64, tag = "3")]
    Integer(i64),
}

/// Returns the body of the request for these spans: one resource for each part that has any.
pub(super) fn request(records: &[Record]) -> Vec<u8> {
    let of = |part: Part| -> Option<ResourceSpans> {
        let spans: Vec<Span> = records.iter().filter(|record| record.part == part).map(span).collect();
        (!spans.is_empty()).then(|| resource_spans(part, spans))
    };
    let resource_spans = [Part::Webhook, Part::Broker, Part::Bee].into_iter().filter_map(of).collect();
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

fn resource_spans(part: Part, spans: Vec<Span>) -> ResourceSpans {
    let version = env!("CARGO_PKG_VERSION");
    let attributes = [("service.name", part.service()), ("service.version", version)];
    let attributes = attributes.iter().map(|(name, text)| key_value(name, &Value::Text((*text).to_owned()))).collect();
    let scope = InstrumentationScope { name: "apiary".to_owned(), version: version.to_owned() };
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans }];
    ResourceSpans { resource: Some(Resource { attributes }), scope_spans }
}

fn span(record: &Record) -> Span {
    let code = if record.has_failed { StatusCode::Error } else { StatusCode::Unset };
    Span {
        trace_id: record.context.trace_id.to_vec(),
        span_id: record.context.span_id.to_vec(),
        parent_span_id: record.parent_id.map(|id| id.to_vec()).unwrap_or_default(),
        name: record.name.to_owned(),
        kind: record.kind as i32,
        start_time_unix_nano: record.start_ns,
        end_time_unix_nano: record.end_ns,
        attributes: record.attributes.iter().map(|(name, value)| key_value(name, value)).collect(),
        status: Some(Status { code: code.into() }),
        flags: u32::from(record.context.is_sampled),
    }
}

fn key_value(name: &str, value: &Value) -> KeyValue {
    let value = match value {
        Value::Text(text) => Any::Text(text.clone()),
        Value::Integer(number) => Any::Integer(*number),
    };
    KeyValue { key: name.to_owned(), value: Some(AnyValue { value: Some(value) }) }
}
