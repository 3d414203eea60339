//! Buffer of a handler's reports, log lines and attributes until they are sent. Nothing here waits, and everything is
//! bounded, because a handler may produce more than a broker accepts.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use apiary_identity::{Clock, Content};
use apiary_proto::v1;
use apiary_protocol::{AttributeKind, LogLevel};
use tokio::sync::Notify;

use crate::limits::{
    ATTRIBUTES_MAX, LOG_BATCH_BYTES, LOG_BATCH_LINES, LOG_BUFFER_BYTES_MAX, LOG_BUFFER_LINES_MAX, LOG_CALL_BYTES_MAX,
    LOG_CALL_LINES_MAX, LOG_FIELDS_BYTES_MAX, LOG_MESSAGE_BYTES_MAX,
};

/// The handler's latest report.
#[derive(Clone, Default)]
pub(crate) struct LatestReport {
    pub(crate) percent: Option<f64>,
    pub(crate) message: Option<String>,
    pub(crate) output: Option<Content>,
    /// `None` once it was sent: the broker keeps it apart from later reports.
    pub(crate) checkpoint: Option<Content>,
}

/// Reports, log lines and attributes that wait to be sent.
pub(crate) struct Journal {
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    /// Notified when there is something to send.
    pub(crate) some: Notify,
    /// Notified when there is enough to send at once.
    pub(crate) much: Notify,
}

#[derive(Default)]
struct State {
    said: LatestReport,
    is_news: bool,
    lines: VecDeque<v1::NewLogLine>,
    line_bytes: usize,
    dropped: u64,
    attributes: BTreeMap<(&'static str, String), String>,
    takes_no_lines: bool,
    is_closed: bool,
}

impl Journal {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { state: Mutex::default(), clock, some: Notify::new(), much: Notify::new() }
    }

    /// Changes the report.
    pub(crate) fn say(&self, change: impl FnOnce(&mut LatestReport)) {
        let mut state = self.lock();
        if !state.is_closed {
            change(&mut state.said);
            state.is_news = true;
            self.some.notify_one();
        }
    }

    /// Sets an attribute; returns `false` if more wait than a process may have.
    pub(crate) fn attach(&self, kind: AttributeKind, key: &str, value: &str) -> bool {
        let mut state = self.lock();
        let key = (kind.as_str(), key.to_owned());
        if !state.is_closed && (state.attributes.len() < ATTRIBUTES_MAX || state.attributes.contains_key(&key)) {
            state.attributes.insert(key, value.to_owned());
            self.some.notify_one();
            return true;
        }
        // After the end of the attempt, values are discarded without an error: a clone of the work may still set some.
        state.is_closed
    }

    /// Adds a log line, or several if its text is too long for one.
    pub(crate) fn log(&self, level: LogLevel, message: &str, fields: Option<String>) {
        let time_ms = self.clock.now_ms();
        let mut fields = fields.map(fitting);
        let mut rest = message;
        loop {
            let (piece, more) = rest.split_at(rest.floor_char_boundary(LOG_MESSAGE_BYTES_MAX));
            self.note(v1::NewLogLine {
                time_ms,
                level: level.as_str().to_owned(),
                message: piece.replace('\0', "\u{fffd}"),
                fields: fields.take().unwrap_or_default(),
            });
            rest = more;
            if rest.is_empty() {
                return;
            }
        }
    }

    fn note(&self, line: v1::NewLogLine) {
        let mut state = self.lock();
        if state.is_closed || state.takes_no_lines {
            return;
        }
        state.line_bytes += bytes_of(&line);
        state.lines.push_back(line);
        state.drop_beyond_bounds();
        if state.lines.len() >= LOG_BATCH_LINES || state.line_bytes >= LOG_BATCH_BYTES {
            self.much.notify_one();
        }
        self.some.notify_one();
    }

    /// Takes the report to send, if it has changed.
    pub(crate) fn take_said(&self) -> Option<LatestReport> {
        let mut state = self.lock();
        if !std::mem::take(&mut state.is_news) {
            return None;
        }
        let checkpoint = state.said.checkpoint.take();
        Some(LatestReport { checkpoint, ..state.said.clone() })
    }

    /// Puts back a report that could not be sent. A newer checkpoint takes precedence.
    pub(crate) fn unsaid(&self, said: LatestReport) {
        let mut state = self.lock();
        if state.said.checkpoint.is_none() {
            state.said.checkpoint = said.checkpoint;
        }
        state.is_news = true;
        self.some.notify_one();
    }

    /// Takes the oldest lines, as many as a call may carry. If lines were dropped, the first line gives their number.
    pub(crate) fn take_lines(&self) -> Vec<v1::NewLogLine> {
        let mut state = self.lock();
        let mut taken = Vec::new();
        if state.dropped > 0 && !state.takes_no_lines {
            let message = format!("{} lines were dropped here: more was logged than could be sent", state.dropped);
            let level = LogLevel::Warn.as_str().to_owned();
            taken.push(v1::NewLogLine { time_ms: self.clock.now_ms(), level, message, fields: String::new() });
            state.dropped = 0;
        }
        let mut bytes = 0;
        while taken.len() < LOG_CALL_LINES_MAX
            && let Some(next) = state.lines.front()
            && (taken.is_empty() || bytes + bytes_of(next) <= LOG_CALL_BYTES_MAX)
        {
            bytes += bytes_of(next);
            taken.extend(state.lines.pop_front());
        }
        state.line_bytes = state.line_bytes.saturating_sub(bytes);
        taken
    }

    /// Puts back lines that could not be sent, before newer ones.
    pub(crate) fn unsent(&self, lines: Vec<v1::NewLogLine>) {
        let mut state = self.lock();
        for line in lines.into_iter().rev() {
            state.line_bytes += bytes_of(&line);
            state.lines.push_front(line);
        }
        state.drop_beyond_bounds();
        self.some.notify_one();
    }

    /// Discards all lines from now on, because the broker stores no more lines of this process.
    pub(crate) fn take_no_lines(&self) {
        let mut state = self.lock();
        state.takes_no_lines = true;
        state.lines.clear();
        state.line_bytes = 0;
    }

    /// Takes the attributes to send, as many as a call may carry.
    pub(crate) fn take_attributes(&self, most: usize) -> Vec<v1::NewAttribute> {
        let mut state = self.lock();
        let mut taken = Vec::new();
        while taken.len() < most
            && let Some(((kind, key), value)) = state.attributes.pop_first()
        {
            taken.push(v1::NewAttribute { kind: kind.to_owned(), key, value });
        }
        taken
    }

    /// Puts back attributes that could not be sent; newer values stay.
    pub(crate) fn unattached(&self, attributes: Vec<v1::NewAttribute>) {
        let mut state = self.lock();
        for attribute in attributes {
            let kind = AttributeKind::ALL.into_iter().find(|kind| kind.as_str() == attribute.kind);
            if let Some(kind) = kind {
                state.attributes.entry((kind.as_str(), attribute.key)).or_insert(attribute.value);
            }
        }
        self.some.notify_one();
    }

    /// Returns `true` if nothing waits to be sent.
    pub(crate) fn is_empty(&self) -> bool {
        let state = self.lock();
        !state.is_news && state.lines.is_empty() && state.dropped == 0 && state.attributes.is_empty()
    }

    /// Discards everything from now on, because the work has ended.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Valid after a panic: every change is complete or not made.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Drops the oldest lines beyond the bounds: the last lines are those that explain a failure.
    fn drop_beyond_bounds(&mut self) {
        while self.lines.len() > LOG_BUFFER_LINES_MAX || self.line_bytes > LOG_BUFFER_BYTES_MAX {
            let Some(oldest) = self.lines.pop_front() else { return };
            self.line_bytes = self.line_bytes.saturating_sub(bytes_of(&oldest));
            self.dropped += 1;
        }
    }
}

fn bytes_of(line: &v1::NewLogLine) -> usize {
    line.message.len() + line.fields.len()
}

/// Replaces fields that are too large by their size, so that the line can still be sent.
fn fitting(fields: String) -> String {
    if fields.len() <= LOG_FIELDS_BYTES_MAX {
        return fields;
    }
    format!("{{\"fields_dropped_bytes\":{}}}", fields.len())
}

#[cfg(test)]
mod tests {
    use apiary_identity::SystemClock;

    use super::*;

    fn journal() -> Journal {
        Journal::new(Arc::new(SystemClock))
    }

    #[test]
    fn what_is_said_is_taken_once_and_a_later_word_replaces_an_earlier_one() {
        let journal = journal();
        assert!(journal.take_said().is_none());
        journal.say(|said| said.percent = Some(1.0));
        journal.say(|said| said.percent = Some(2.0));
        assert_eq!(journal.take_said().unwrap().percent, Some(2.0));
        assert!(journal.take_said().is_none() && journal.is_empty());
    }

    #[test]
    fn a_checkpoint_that_could_not_be_sent_goes_again_unless_there_is_a_newer_one() {
        let journal = journal();
        let bytes = |said: &LatestReport| said.checkpoint.as_ref().map(|content| content.to_bytes().unwrap());
        journal.say(|said| said.checkpoint = Some(Content::from_bytes(b"1")));
        let said = journal.take_said().unwrap();
        journal.unsaid(said);
        let said = journal.take_said().unwrap();
        assert_eq!(bytes(&said).unwrap(), "1");
        journal.say(|said| said.checkpoint = Some(Content::from_bytes(b"2")));
        journal.unsaid(said);
        assert_eq!(bytes(&journal.take_said().unwrap()).unwrap(), "2");
        journal.say(|said| said.percent = Some(3.0));
        assert!(bytes(&journal.take_said().unwrap()).is_none(), "one that was sent is not sent again");
    }

    #[test]
    fn the_oldest_lines_are_dropped_and_counted() {
        let journal = journal();
        for number in 0..LOG_BUFFER_LINES_MAX + 5 {
            journal.log(LogLevel::Info, &number.to_string(), None);
        }
        let first = journal.take_lines();
        assert_eq!(first.len(), LOG_CALL_LINES_MAX);
        assert!(first[0].message.starts_with("5 lines were dropped"), "{}", first[0].message);
        assert_eq!((first[0].level.as_str(), first[1].message.as_str()), ("warn", "5"));
    }

    #[test]
    fn memory_is_bounded_in_bytes_too_also_by_lines_that_come_back() {
        let journal = journal();
        let long = "x".repeat(LOG_MESSAGE_BYTES_MAX);
        for _ in 0..3 * LOG_BUFFER_BYTES_MAX / LOG_MESSAGE_BYTES_MAX {
            journal.log(LogLevel::Stdout, &long, None);
        }
        let back = journal.take_lines();
        assert!(back.iter().map(bytes_of).sum::<usize>() <= LOG_CALL_BYTES_MAX + 100);
        for _ in 0..LOG_BUFFER_BYTES_MAX / LOG_MESSAGE_BYTES_MAX {
            journal.log(LogLevel::Stdout, &long, None);
        }
        journal.unsent(back);
        let state = journal.lock();
        assert!(state.line_bytes <= LOG_BUFFER_BYTES_MAX);
        assert_eq!(state.line_bytes, state.lines.iter().map(bytes_of).sum::<usize>());
    }

    #[test]
    fn a_text_too_long_for_a_line_becomes_several_and_no_letter_is_cut() {
        let journal = journal();
        let text = "\u{1f41d}".repeat(LOG_MESSAGE_BYTES_MAX / 4 + 1) + "\0";
        journal.log(LogLevel::Info, &text, Some("{}".to_owned()));
        let lines = journal.take_lines();
        let told: String = lines.iter().map(|line| line.message.as_str()).collect();
        assert_eq!(told, text.replace('\0', "\u{fffd}"));
        assert_eq!((lines.len(), lines[0].fields.as_str(), lines[1].fields.as_str()), (2, "{}", ""));
        journal.log(LogLevel::Info, "", None);
        assert_eq!(journal.take_lines().len(), 1, "an empty line is a line");
    }

    #[test]
    fn after_the_end_nothing_is_noted() {
        let journal = journal();
        journal.close();
        journal.log(LogLevel::Info, "late", None);
        journal.say(|said| said.percent = Some(1.0));
        assert!(journal.attach(AttributeKind::Out, "k", "v"));
        assert!(journal.is_empty());
    }
}
