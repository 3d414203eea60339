//! Conditions for the operator: logged once per cause and then rarely, counted, and listed in the health report.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use apiary_identity::Clock;

use crate::metrics::Gauges;
use crate::{HeldBack, Metrics, Throttle};

/// Conditions kept at once. Beyond it, new ones are counted under [`OVERFLOW`], so that a hostile stream of causes
/// fills neither the memory nor the health page.
const NOTICES_MAX: usize = 256;
/// Interval after which a lasting condition is logged again, in milliseconds.
const REPEAT_AFTER_MS: i64 = 600_000;
/// Maximum number of characters of a text.
const TEXT_CHARS_MAX: usize = 1024;
/// The kind under which conditions beyond the bound are counted.
const OVERFLOW: &str = "TOO_MANY_NOTICES";

/// A condition that lasts, or that occurred and was not resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The kind, in capitals, for programs; `docs/explain.md` lists them.
    pub kind: &'static str,
    /// The thing concerned: a task, an event, a server. May be empty.
    pub subject: String,
    /// The last occurrence in a sentence, ending in advice.
    pub text: String,
    /// Occurrences since the first.
    pub count: u64,
    /// The first occurrence, in milliseconds since 1970-01-01 UTC.
    pub since_ms: i64,
    /// The last occurrence, in milliseconds since 1970-01-01 UTC.
    pub last_ms: i64,
}

/// The conditions of one running part. Clones share them.
#[derive(Clone)]
pub struct Notices(Arc<NoticeState>);

struct NoticeState {
    clock: Arc<dyn Clock>,
    /// Throttle of the log lines about conditions that come and go.
    lines: Throttle,
    open: Mutex<BTreeMap<(&'static str, String), OpenNotice>>,
}

struct OpenNotice {
    notice: Notice,
    logged_ms: i64,
    /// `true` if its beginning was logged, so that its end is logged, too.
    is_logged: bool,
}

/// A log line about a condition.
struct Line {
    kind: &'static str,
    subject: String,
    count: u64,
    /// Suppressed lines like this one.
    held_back: HeldBack,
}

impl Notices {
    /// Creates an empty set of conditions.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let lines = Throttle::new(Arc::clone(&clock));
        Self(Arc::new(NoticeState { clock, lines, open: Mutex::default() }))
    }

    /// Shows the number of open conditions by kind in each scrape.
    pub(crate) fn count_in(&self, metrics: &Metrics) {
        const NAME: &str = "apiary_notices";
        const HELP: &str = "Open conditions that an operator should know of, by kind.";
        metrics.series().announce_gauge(NAME, HELP, &["kind"]);
        let registry = metrics.series().clone();
        let gauges = Gauges::new(std::ops::Add::add, move |kind| registry.gauge(NAME, HELP, &[("kind", kind)]));
        let notices = Arc::downgrade(&self.0);
        metrics.before_scrape(move || {
            if let Some(notices) = notices.upgrade().map(Self) {
                let open = notices.list();
                gauges.replace(open.iter().map(|notice| (notice.kind, 1.0)));
            }
            Box::pin(std::future::ready(()))
        });
    }

    /// Records an occurrence. Logs a warning for the first one of a kind and subject, and at most every ten minutes
    /// after that; of one that comes and goes, the first few within ten minutes.
    pub fn raise(&self, kind: &'static str, subject: impl Into<String>, text: impl Into<String>) {
        let (subject, text) = (subject.into(), clipped(&text.into()));
        if let Some(Line { kind, subject, count, held_back }) = self.count(kind, subject, &text, true) {
            // Logged outside the lock, so that a slow log does not block other callers.
            tracing::warn!(kind, subject, count, held_back, "{text}");
        }
    }

    /// Records an occurrence that the caller has already logged.
    pub fn record(&self, kind: &'static str, subject: impl Into<String>, text: impl Into<String>) {
        self.count(kind, subject.into(), &clipped(&text.into()), false);
    }

    /// Counts an occurrence; returns the line to log, if one is wanted and there were not too many like it.
    fn count(&self, kind: &'static str, subject: String, text: &str, is_to_log: bool) -> Option<Line> {
        let now_ms = self.0.clock.now_ms();
        let (mut kind, mut subject) = (kind, subject);
        let mut open = self.lock();
        if open.len() >= NOTICES_MAX && !open.contains_key(&(kind, subject.clone())) {
            (kind, subject) = (OVERFLOW, String::new());
        }
        let pass = |kind, subject: &str| if is_to_log { self.0.lines.pass(&format!("{kind} {subject}")) } else { None };
        match open.entry((kind, subject.clone())) {
            Entry::Vacant(entry) => {
                let text = text.to_owned();
                let notice =
                    Notice { kind, subject: subject.clone(), text, count: 1, since_ms: now_ms, last_ms: now_ms };
                let held_back = pass(kind, &subject);
                entry.insert(OpenNotice { notice, logged_ms: now_ms, is_logged: !is_to_log || held_back.is_some() });
                held_back.map(|held_back| Line { kind, subject, count: 1, held_back })
            }
            Entry::Occupied(mut entry) => {
                let open = entry.get_mut();
                open.notice.count = open.notice.count.saturating_add(1);
                open.notice.last_ms = now_ms;
                open.notice.text = text.to_owned();
                if now_ms.saturating_sub(open.logged_ms) < REPEAT_AFTER_MS {
                    return None;
                }
                // Set even if the throttle suppresses the line, so that the next try is an interval later and not at
                // each occurrence.
                open.logged_ms = now_ms;
                let held_back = pass(kind, &subject)?;
                open.is_logged = true;
                Some(Line { kind, subject, count: open.notice.count, held_back })
            }
        }
    }

    /// Ends a condition. Logs the end if its beginning was logged.
    pub fn resolve(&self, kind: &'static str, subject: &str) {
        let ended = self.lock().remove(&(kind, subject.to_owned()));
        if let Some(OpenNotice { notice, is_logged: true, .. }) = ended {
            tracing::info!(kind, subject, count = notice.count, "resolved");
        }
    }

    /// Returns the open conditions, ordered by kind and subject.
    pub fn list(&self) -> Vec<Notice> {
        self.lock().values().map(|open| open.notice.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(&'static str, String), OpenNotice>> {
        // No code that can panic runs under the lock, and a poisoned map would be complete all the same.
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the text, cut to its bound and without control characters, which could rewrite a terminal or a log.
fn clipped(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;
    use std::time::Duration;

    use apiary_identity::ManualClock;
    use jiff::Timestamp;

    use super::*;

    fn notices() -> (Arc<ManualClock>, Notices) {
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        (clock.clone(), Notices::new(clock))
    }

    #[test]
    fn occurrences_of_one_cause_are_counted_in_one_notice() {
        let (clock, notices) = notices();
        notices.raise("RECORD_AWAY", "supabase", "first");
        clock.advance(Duration::from_secs(5));
        notices.raise("RECORD_AWAY", "supabase", "second\u{1b}[2J");
        let listed = notices.list();
        assert_eq!(listed.len(), 1);
        assert_eq!((listed[0].count, listed[0].since_ms, listed[0].last_ms), (2, 0, 5000));
        assert_eq!(listed[0].text, "second [2J");
    }

    #[test]
    fn a_resolved_condition_is_gone() {
        let (_, notices) = notices();
        notices.raise("RECORD_AWAY", "supabase", "away");
        notices.resolve("RECORD_AWAY", "supabase");
        assert_eq!(notices.list(), []);
    }

    #[test]
    fn a_condition_that_comes_and_goes_does_not_fill_the_log() {
        let (clock, notices) = notices();
        let is_logged = || {
            let line = notices.count("BROKER_AWAY", String::new(), "away", true);
            notices.resolve("BROKER_AWAY", "");
            clock.advance(Duration::from_millis(10));
            line
        };
        assert_eq!((0..1000).filter_map(|_| is_logged()).count(), 5);
        let other = notices.count("BROKER_REFUSES", "NOT_PERMITTED".to_owned(), "refused", true);
        assert!(other.is_some(), "another cause is not hidden");
        clock.advance(Duration::from_secs(600));
        assert_eq!(is_logged().unwrap().held_back, NonZeroU64::new(995));
    }

    #[test]
    fn causes_past_the_bound_are_counted_together() {
        let (_, notices) = notices();
        for number in 0..NOTICES_MAX + 10 {
            notices.raise("EVENT_FAILED", number.to_string(), "failed");
        }
        let listed = notices.list();
        assert_eq!(listed.len(), NOTICES_MAX + 1);
        assert!(listed.iter().any(|notice| notice.kind == OVERFLOW && notice.count == 10));
    }
}
