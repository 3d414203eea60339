//! Decides which findings are worth a message. Without I/O and without a clock.

use serde::{Deserialize, Serialize};

use crate::finding::{Finding, Report};
use crate::limits::{APPEARANCES_MAX, EVENTS_MAX, FINDINGS_MAX, GROWN_AFTER_MS, LAPSE_MS, OPENINGS_MAX, WINDOW_MS};
use crate::message::{Change, Event};

/// The kind of a silent executor, whose time to wait is a setting of its own.
const EXECUTOR_SILENT: &str = "EXECUTOR_SILENT";
/// The kind of a broker that is away.
const BROKER_AWAY: &str = "BROKER_AWAY";
/// Kinds whose count is one of things to look at: more of them are news. Of others it is a number of tries.
const GROWING: [&str; 3] = ["DEAD_LETTERS", "FAILED", "PARENT_FAILED"];

/// The times and bounds by which it is decided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Time for which a finding must last, and be over, in milliseconds.
    pub(crate) after_ms: i64,
    /// The same, of a silent executor.
    pub(crate) silent_after_ms: i64,
    /// The same, of a broker that is away.
    pub(crate) away_after_ms: i64,
    /// Messages in an hour.
    pub(crate) messages_per_hour: usize,
}

/// The followed findings, and the times of the last messages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Book {
    entries: Vec<Entry>,
    /// The times of the messages within the last hour.
    sent_ms: Vec<i64>,
}

/// A finding that is open, or was until lately.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) colony: String,
    pub(crate) kind: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) count: i64,
    /// The time since which it lasts.
    pub(crate) since_ms: i64,
    /// The first look that found it, since it was last missing.
    first_ms: i64,
    /// The first look that missed it; `None` while it is open.
    gone_ms: Option<i64>,
    /// The time of the last message that told of it as open; `None` if no message did, or a later one that it is over.
    pub(crate) told_ms: Option<i64>,
    told_count: i64,
    /// The times of the messages that told of a beginning, within the last hour.
    openings: Vec<i64>,
    /// The times of the last appearances.
    appearances: Vec<i64>,
    is_flapping: bool,
}

impl Book {
    /// Notes what is open now.
    pub(crate) fn observe(&mut self, report: &Report, now_ms: i64) {
        let mut is_seen = vec![false; self.entries.len()];
        for finding in &report.findings {
            let is_same = |entry: &Entry| entry.is_of(finding);
            match self.entries.iter().position(is_same) {
                Some(at) => {
                    self.entries[at].see(finding, now_ms);
                    if let Some(seen) = is_seen.get_mut(at) {
                        *seen = true;
                    }
                }
                None if self.entries.len() < FINDINGS_MAX => self.entries.push(Entry::new(finding, now_ms)),
                None => {}
            }
        }
        if !report.is_complete {
            return;
        }
        for (entry, _) in self.entries.iter_mut().zip(is_seen).filter(|(_, is_seen)| !is_seen) {
            entry.gone_ms.get_or_insert(now_ms);
        }
    }

    /// Returns the changes to tell now, at most a message full, and notes that they were told.
    pub(crate) fn due(&mut self, rules: &Rules, now_ms: i64) -> Vec<Event> {
        let recent = |at: &i64| now_ms.saturating_sub(*at) < WINDOW_MS;
        self.sent_ms.retain(recent);
        for entry in &mut self.entries {
            entry.openings.retain(recent);
            entry.appearances.retain(recent);
        }
        let mut events = Vec::new();
        if self.sent_ms.len() < rules.messages_per_hour {
            for entry in &mut self.entries {
                if events.len() == EVENTS_MAX {
                    break;
                }
                events.extend(entry.change(rules, now_ms).map(|change| entry.tell(change, now_ms)));
            }
        }
        // One that was never told and is over is of no interest, unless it may come again soon.
        self.entries.retain(|entry| {
            entry.told_ms.is_some()
                || entry.gone_ms.is_none()
                || !entry.openings.is_empty()
                || !entry.appearances.is_empty()
        });
        if !events.is_empty() {
            self.sent_ms.push(now_ms);
        }
        events
    }

    /// Returns the findings that are open, as far as the last look shows.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.gone_ms.is_none())
    }
}

impl Entry {
    fn new(finding: &Finding, now_ms: i64) -> Self {
        Self {
            colony: finding.colony.clone(),
            kind: finding.kind.clone(),
            subject: finding.subject.clone(),
            text: finding.text.clone(),
            count: finding.count,
            since_ms: finding.since_ms.unwrap_or(now_ms),
            first_ms: now_ms,
            gone_ms: None,
            told_ms: None,
            told_count: 0,
            openings: Vec::new(),
            appearances: vec![now_ms],
            is_flapping: false,
        }
    }

    fn is_of(&self, finding: &Finding) -> bool {
        (&self.kind, &self.subject, &self.colony) == (&finding.kind, &finding.subject, &finding.colony)
    }

    fn see(&mut self, finding: &Finding, now_ms: i64) {
        self.text.clone_from(&finding.text);
        self.count = finding.count;
        if self.gone_ms.take().is_some() {
            // It may have been away for less time than it takes until that is told: then it never ended.
            if self.told_ms.is_none() {
                (self.first_ms, self.since_ms) = (now_ms, finding.since_ms.unwrap_or(now_ms));
            }
            self.appearances.push(now_ms);
            let surplus = self.appearances.len().saturating_sub(APPEARANCES_MAX);
            self.appearances.drain(..surplus);
        }
    }

    /// Returns the change to tell, if there is one.
    fn change(&self, rules: &Rules, now_ms: i64) -> Option<Change> {
        let for_ms = |since_ms: i64| now_ms.saturating_sub(since_ms);
        match (self.told_ms, self.gone_ms) {
            (Some(_), Some(gone_ms)) => {
                let wait_ms = if self.is_flapping { WINDOW_MS } else { rules.after_ms };
                // The broker reports an executor for a day: no end was seen.
                let is_lapsed = self.kind == EXECUTOR_SILENT && gone_ms.saturating_sub(self.since_ms) >= LAPSE_MS;
                (for_ms(gone_ms) >= wait_ms).then_some(if is_lapsed { Change::Lapsed } else { Change::Resolved })
            }
            (Some(told_ms), None) => {
                let has_grown = GROWING.contains(&self.kind.as_str()) && self.count > self.told_count;
                (has_grown && !self.is_flapping && for_ms(told_ms) >= GROWN_AFTER_MS).then_some(Change::Grew)
            }
            (None, None) if self.appearances.len() >= APPEARANCES_MAX => Some(Change::Flapping),
            (None, None) => {
                let (since_ms, wait_ms) = match self.kind.as_str() {
                    EXECUTOR_SILENT => (self.since_ms, rules.silent_after_ms),
                    BROKER_AWAY => (self.since_ms, rules.away_after_ms),
                    _ => (self.first_ms, rules.after_ms),
                };
                let change = if self.openings.len() < OPENINGS_MAX { Change::Opened } else { Change::Flapping };
                (for_ms(since_ms) >= wait_ms).then_some(change)
            }
            (None, Some(_)) => None,
        }
    }

    /// Notes that a change is told, and returns it.
    fn tell(&mut self, change: Change, now_ms: i64) -> Event {
        match change {
            Change::Resolved | Change::Lapsed => (self.told_ms, self.is_flapping) = (None, false),
            Change::Grew | Change::Test => (self.told_ms, self.told_count) = (Some(now_ms), self.count),
            Change::Opened | Change::Flapping => {
                (self.told_ms, self.told_count) = (Some(now_ms), self.count);
                self.is_flapping = change == Change::Flapping;
                self.openings.push(now_ms);
            }
        }
        Event {
            change,
            colony: self.colony.clone(),
            kind: self.kind.clone(),
            subject: self.subject.clone(),
            text: self.text.clone(),
            count: self.count,
            since_ms: self.since_ms,
        }
    }
}

#[cfg(test)]
mod tests;
