//! Conditions of a broker that need attention, for the notifier in the same process.

use std::sync::Weak;

use futures::future::BoxFuture;

use crate::engine::{Attention, Engine, Finding};

/// A reader of a broker's conditions. It does not keep the broker running.
#[derive(Clone)]
pub struct AttentionReader(Weak<Engine>);

/// The conditions of a broker and of its colonies.
#[derive(Clone, Debug, Default)]
pub struct BrokerAttention {
    /// True if the broker takes and hands out work.
    pub is_well: bool,
    /// True if all that was asked for could be read.
    pub is_complete: bool,
    /// The conditions, the broker's own first.
    pub conditions: Vec<Condition>,
}

/// A condition that needs attention.
#[derive(Clone, Debug)]
pub struct Condition {
    /// The colony's name; empty for a condition of the broker itself.
    pub colony: String,
    /// The kind: one of `docs/explain.md`.
    pub kind: &'static str,
    /// The name that it is about. May be empty.
    pub subject: String,
    /// The condition in a sentence, with advice.
    pub text: String,
    /// The number of processes, executors or occurrences.
    pub count: i64,
    /// The time since which it lasts, if known, in milliseconds since 1970-01-01 UTC.
    pub since_ms: Option<i64>,
}

impl AttentionReader {
    pub(crate) fn new(engine: Weak<Engine>) -> Self {
        Self(engine)
    }

    /// Reads the conditions: of the broker, and of its first thousand colonies if they are wanted. A stopped broker is not well.
    pub fn read(&self, with_colonies: bool) -> BoxFuture<'_, BrokerAttention> {
        // Boxed, so that it is compiled here.
        Box::pin(async move {
            let Some(engine) = self.0.upgrade() else { return BrokerAttention::default() };
            let Attention { is_well, is_complete, found } = engine.attention(with_colonies).await;
            BrokerAttention { is_well, is_complete, conditions: found.into_iter().map(condition).collect() }
        })
    }
}

fn condition((colony, finding): (String, Finding)) -> Condition {
    let Finding { kind, text, subject, count, since_ms } = finding;
    Condition { colony, kind, subject, text, count, since_ms }
}
