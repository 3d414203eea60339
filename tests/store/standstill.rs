//! The reference's pauses, with their times. `max_wait` is counted millisecond by millisecond.

use apiary_store::model::{NewProcess, Pause, PauseTarget};

/// All current and earlier pauses.
#[derive(Default)]
pub(crate) struct Pauses(Vec<Span>);

struct Span {
    what: PauseTarget,
    since_ms: i64,
    until_ms: Option<i64>,
}

impl Span {
    fn covers(&self, spec: &NewProcess) -> bool {
        let names = [("colony", ""), ("executor_type", &*spec.executor_type), ("function", &*spec.function)];
        names.contains(&(self.what.kind.as_str(), &self.what.name))
    }
}

impl Pauses {
    /// Adds a pause; returns `true` if it existed already.
    pub(crate) fn pause(&mut self, pause: &Pause) -> bool {
        let existed = self.0.iter().any(|span| span.what == pause.what && span.until_ms.is_none());
        if !existed {
            self.0.push(Span { what: pause.what.clone(), since_ms: pause.since_ms, until_ms: None });
        }
        existed
    }

    /// Returns true if nothing is paused.
    pub(crate) fn are_none(&self) -> bool {
        self.0.iter().all(|span| span.until_ms.is_some())
    }

    /// Ends a pause; returns its start, if there was one.
    pub(crate) fn resume(&mut self, what: &PauseTarget, now_ms: i64) -> Option<i64> {
        let span = self.0.iter_mut().find(|span| span.what == *what && span.until_ms.is_none())?;
        span.until_ms = Some(now_ms);
        Some(span.since_ms)
    }

    /// Returns the start of the earliest current pause that covers the process.
    pub(crate) fn since_ms(&self, spec: &NewProcess) -> Option<i64> {
        self.0.iter().filter(|span| span.until_ms.is_none() && span.covers(spec)).map(|span| span.since_ms).min()
    }

    /// Returns the part of this time during which the process was not paused.
    pub(crate) fn counted_ms(&self, spec: &NewProcess, from_ms: i64, to_ms: i64) -> i64 {
        let is_paused = |ms: i64| {
            let then = |span: &Span| span.since_ms <= ms && span.until_ms.is_none_or(|until_ms| ms < until_ms);
            self.0.iter().any(|span| then(span) && span.covers(spec))
        };
        (from_ms..to_ms).map(|ms| i64::from(!is_paused(ms))).sum()
    }
}
