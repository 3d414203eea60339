//! Spans: names, times and attributes of work.

use uuid::Uuid;

use super::context::TraceContext;
use super::queue::{Record, SPANS, now_ns};

/// A part of the program, which a collector shows as a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The adapter.
    Webhook,
    /// The broker.
    Broker,
    /// A bee.
    Bee,
}

impl Part {
    pub(super) fn service(self) -> &'static str {
        match self {
            Self::Webhook => "apiary-webhook",
            Self::Broker => "apiary-broker",
            Self::Bee => "apiary-bee",
        }
    }
}

/// A value of an attribute: words of the program, ids and numbers.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
}

/// The kinds of spans that OTLP has, of which these are used.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Internal = 1,
    Server = 2,
    Client = 3,
}

/// A span in progress; it ends when it is dropped. Does nothing if there is no collector, or no trace to belong to.
#[derive(Debug)]
pub struct Span(Option<Box<Record>>);

impl Span {
    /// Begins a span for a request from outside: in its sender's trace, else in a new one.
    pub fn of_request(part: Part, name: &'static str, parent: Option<TraceContext>) -> Self {
        match SPANS.get() {
            Some(_) => Self::begin(part, name, Kind::Server, parent),
            None => Self(None),
        }
    }

    /// Begins a span in a trace; none without one.
    pub fn within(part: Part, name: &'static str, parent: Option<TraceContext>) -> Self {
        match (parent, SPANS.get()) {
            (Some(_), Some(_)) => Self::begin(part, name, Kind::Internal, parent),
            _ => Self(None),
        }
    }

    /// Begins a span for a call of another service.
    pub fn of_call(part: Part, name: &'static str, parent: Option<TraceContext>) -> Self {
        match (parent, SPANS.get()) {
            (Some(_), Some(_)) => Self::begin(part, name, Kind::Client, parent),
            _ => Self(None),
        }
    }

    fn begin(part: Part, name: &'static str, kind: Kind, parent: Option<TraceContext>) -> Self {
        // A sender that does not record its trace wants nobody's spans in it.
        if parent.is_some_and(|parent| !parent.is_sampled) {
            return Self(None);
        }
        let context = parent.map_or_else(TraceContext::root, |parent| parent.child());
        let parent_id = parent.map(|parent| parent.span_id);
        let start_ns = now_ns();
        Self(Some(Box::new(Record {
            part,
            name,
            kind,
            context,
            parent_id,
            start_ns,
            end_ns: start_ns,
            attributes: Vec::new(),
            has_failed: false,
        })))
    }

    /// Returns the place of this span, for spans below it; `None` if it does nothing.
    pub fn context(&self) -> Option<TraceContext> {
        self.0.as_ref().map(|record| record.context)
    }

    /// Moves its beginning to an earlier time, in milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn since_ms(mut self, ms: i64) -> Self {
        if let Some(record) = &mut self.0 {
            record.start_ns = record.start_ns.min(u64::try_from(ms).unwrap_or(0).saturating_mul(1_000_000));
        }
        self
    }

    /// Adds the process that it belongs to.
    #[must_use]
    pub fn of_process(self, process_id: Uuid) -> Self {
        if self.0.is_some() { self.with("apiary.process_id", process_id) } else { self }
    }

    /// Adds an id or a word of the program. What an event, an argument or a setting has belongs into no span.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl std::fmt::Display) -> Self {
        self.note(name, value);
        self
    }

    /// Adds a number.
    #[must_use]
    pub fn with_number(mut self, name: &'static str, number: i64) -> Self {
        if let Some(record) = &mut self.0 {
            record.attributes.push((name, Value::Integer(number)));
        }
        self
    }

    /// Adds an id or a word that is known only now.
    pub fn note(&mut self, name: &'static str, value: impl std::fmt::Display) {
        if let Some(record) = &mut self.0 {
            record.attributes.push((name, Value::Text(value.to_string())));
        }
    }

    /// Marks it as failed.
    pub fn fail(&mut self) {
        if let Some(record) = &mut self.0 {
            record.has_failed = true;
        }
    }

    /// Ends it, and marks it as failed if the result is an error, which it passes on.
    pub fn end<T, E>(mut self, result: Result<T, E>) -> Result<T, E> {
        if result.is_err() {
            self.fail();
        }
        result
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let (Some(mut record), Some(spans)) = (self.0.take(), SPANS.get()) {
            record.end_ns = now_ns().max(record.start_ns);
            spans.keep(*record);
        }
    }
}
