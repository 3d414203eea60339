//! Traces: spans of work that several parts do, from a webhook to its row, for a collector that speaks OTLP.
//!
//! Off unless [`start`] was called; a span is then a test of one atomic number. The place in a trace, a [`TraceContext`], travels in the
//! signed spec. Spans have names, times, ids and words of the program, and never what is in an event, an argument or a setting. Why this
//! is not the SDK of OpenTelemetry: `docs/adr/0030-traces-without-an-sdk.md`.

mod context;
mod encode;
mod queue;
mod span;
#[cfg(test)]
mod tests;

pub use context::{TraceContext, current, within};
pub use queue::{TraceBatch, TraceQueue, TraceTotals, are_kept, start, totals};
pub use span::{Part, Span};
