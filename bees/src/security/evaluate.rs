//! The judgement: applies the rules to facts. Pure, and the same for the same input.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::fact::{Fact, Source};
use super::limits::{EVIDENCE_MAX, REASONS_MAX, SUBJECTS_SCORED_MAX};
use super::rules::{self, Measure, Only, Per, RULES, Rule};

const MINUTE_MS: i64 = 60_000;
/// The name of the colony's own key in events.
const COLONY_NAME: &str = "colony";

/// A risk score with its reasons.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// 0 to 100.
    pub score: u32,
    /// The score in a word.
    pub level: Level,
    /// The reasons, the heaviest first; at most 100.
    pub reasons: Vec<Reason>,
    /// The number of reasons that are not listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: usize,
}

/// A score in a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Below 10.
    #[default]
    None,
    /// From 10 on.
    Low,
    /// From 30 on.
    Medium,
    /// From 60 on.
    High,
    /// From 85 on.
    Critical,
}

/// A reason of a score.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The rule's name.
    pub rule: String,
    /// Points, of 100.
    pub points: u32,
    /// The side that it is about: a key, an address or a function; empty for the whole colony.
    pub subject: String,
    /// The name of the key's grant, if one is known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The number in the window.
    pub count: u64,
    /// The number from which on it is a reason.
    pub threshold: u64,
    /// The first event of the window.
    pub first: Timestamp,
    /// The last event of the window.
    pub last: Timestamp,
    /// The reason in words.
    pub words: String,
    /// The remedy.
    pub advice: String,
    /// Positions in the colony's stream of the first events of the window.
    pub events: Vec<i64>,
    /// The number of events in the window that come from the arguments, and not from the colony.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub submitted: usize,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Thresholds of rules that are not the rules' own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thresholds(BTreeMap<&'static str, u64>);

impl Thresholds {
    /// Reads entries such as `failed-signatures=20`. A rule with the threshold `off` is never a reason.
    ///
    /// # Errors
    ///
    /// The entry that cannot be meant.
    pub fn read<T: AsRef<str>>(entries: &[T]) -> Result<Self, String> {
        let mut thresholds = BTreeMap::new();
        for entry in entries {
            let entry = entry.as_ref().trim();
            let (name, number) = entry
                .split_once('=')
                .ok_or_else(|| format!("`{entry}` is no threshold: write one such as failed-signatures=20"))?;
            let Some(rule) = rules::find(name.trim()) else {
                let names: Vec<_> = RULES.iter().map(|rule| rule.name).collect();
                return Err(format!("`{}` is no rule: there are {}", name.trim(), names.join(", ")));
            };
            let number = match number.trim() {
                "off" => u64::MAX,
                digits => digits
                    .parse()
                    .ok()
                    .filter(|number| *number > 0)
                    .ok_or_else(|| format!("`{entry}`: the threshold is a number from 1 on, or `off`"))?,
            };
            if thresholds.insert(rule.name, number).is_some() {
                return Err(format!("`{}` has two thresholds: keep one", rule.name));
            }
        }
        Ok(Self(thresholds))
    }

    fn of(&self, rule: &Rule) -> u64 {
        self.0.get(rule.name).copied().unwrap_or(rule.threshold)
    }
}

/// Applies every rule.
pub fn evaluate(facts: &[Fact], thresholds: &Thresholds) -> Report {
    let mut facts: Vec<&Fact> = facts.iter().collect();
    facts.sort_by_key(|fact| (fact.time_ms, fact.source));
    let mut reasons = Vec::new();
    for rule in &RULES {
        reasons.extend(reasons_of(rule, &facts, thresholds.of(rule)));
    }
    // Stable: reasons with equal points stay in the order of the rules and subjects.
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.points));
    let score = score(&reasons);
    let more = reasons.len().saturating_sub(REASONS_MAX);
    reasons.truncate(REASONS_MAX);
    Report { score, level: Level::of(score), reasons, more }
}

fn reasons_of(rule: &Rule, facts: &[&Fact], threshold: u64) -> Vec<Reason> {
    let mut groups: BTreeMap<&str, Vec<&Fact>> = BTreeMap::new();
    for fact in facts.iter().filter(|fact| rule.counts(fact)) {
        if let Some(subject) = rule.per.of(fact) {
            groups.entry(subject).or_default().push(fact);
        }
    }
    let worst = |(subject, facts): (&str, Vec<&Fact>)| reason(rule, subject, &facts, threshold);
    groups.into_iter().filter_map(worst).collect()
}

/// Returns the reason of the worst window, the earliest of several; `None` if none reaches the threshold.
fn reason(rule: &Rule, subject: &str, facts: &[&Fact], threshold: u64) -> Option<Reason> {
    let mut window = Window::new(rule.measure);
    let mut worst: Option<(u64, Range<usize>)> = None;
    for (place, fact) in facts.iter().enumerate() {
        window.add(fact, rule.minutes.saturating_mul(MINUTE_MS));
        let count = window.count();
        if count >= threshold && worst.as_ref().is_none_or(|(most, _)| count > *most) {
            // Its place, and no copy: the worst window of a flood grows with every event.
            let end = place.saturating_add(1);
            worst = Some((count, end.saturating_sub(window.facts.len())..end));
        }
    }
    let (count, range) = worst?;
    let facts = facts.get(range)?;
    let time = |fact: Option<&&Fact>| {
        fact.and_then(|fact| Timestamp::from_millisecond(fact.time_ms).ok()).unwrap_or(Timestamp::UNIX_EPOCH)
    };
    let position = |fact: &&Fact| match fact.source {
        Source::Stream(position) => Some(position),
        _ => None,
    };
    let name = facts.iter().find(|fact| rule.per == Per::Key && !fact.name.is_empty());
    Some(Reason {
        rule: rule.name.to_owned(),
        points: points(rule.weight, count, threshold),
        subject: subject.to_owned(),
        name: name.map(|fact| fact.name.clone()).unwrap_or_default(),
        count,
        threshold,
        first: time(facts.first()),
        last: time(facts.last()),
        words: words(rule, subject, count),
        advice: rule.advice.to_owned(),
        events: facts.iter().filter_map(position).take(EVIDENCE_MAX).collect(),
        submitted: facts.iter().filter(|fact| matches!(fact.source, Source::Submitted(_))).count(),
    })
}

fn words(rule: &Rule, subject: &str, count: u64) -> String {
    let side = match rule.per {
        Per::Key => format!(" (key {subject})"),
        Per::Address => format!(" (address {subject})"),
        Per::Function => format!(" (function `{subject}`)"),
        Per::Colony => String::new(),
    };
    format!("{count} {}{side}", rule.words)
}

/// Returns the points of a number: the weight, and half as much again from ten times the threshold on.
fn points(weight: u32, count: u64, threshold: u64) -> u32 {
    let is_much = count / 10 >= threshold;
    (if is_much { weight * 3 / 2 } else { weight }).min(95)
}

/// Combines the points as independent risks: the score is what is left of 100 after each took its part of the rest. Of one rule only the
/// heaviest few subjects count, so that many small neglects do not look like an attack.
fn score(reasons: &[Reason]) -> u32 {
    let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
    let mut rest_ppm: u64 = 1_000_000;
    for reason in reasons {
        let subjects = counted.entry(&reason.rule).or_default();
        if *subjects < SUBJECTS_SCORED_MAX {
            *subjects += 1;
            rest_ppm = rest_ppm * u64::from(100 - reason.points.min(100)) / 100;
        }
    }
    u32::try_from((1_000_000 - rest_ppm).div_ceil(10_000)).unwrap_or(100).min(100)
}

impl Level {
    /// Returns the word for a score.
    pub fn of(score: u32) -> Self {
        match score {
            0..10 => Self::None,
            10..30 => Self::Low,
            30..60 => Self::Medium,
            60..85 => Self::High,
            _ => Self::Critical,
        }
    }
}

impl Rule {
    fn counts(&self, fact: &Fact) -> bool {
        let is_owner = fact.name == COLONY_NAME;
        self.kinds.contains(&fact.kind.as_str())
            && match self.only {
                Only::All => true,
                Only::ColonyKey => is_owner,
                Only::OtherKeys => !is_owner,
                Only::Nameless => fact.key.is_empty() && fact.address.is_empty(),
            }
    }
}

impl Per {
    /// Returns the side of a fact; `None` if it names none.
    fn of(self, fact: &Fact) -> Option<&str> {
        let side = match self {
            Self::Key => &fact.key,
            Self::Address => &fact.address,
            Self::Function => &fact.function,
            Self::Colony => return Some(""),
        };
        Some(side.as_str()).filter(|side| !side.is_empty())
    }
}

/// A window of time that moves over the facts of one side.
struct Window<'f> {
    measure: Measure,
    facts: VecDeque<&'f Fact>,
    times: u64,
    /// The different values in the window, with their numbers.
    values: BTreeMap<(&'f str, &'f str), usize>,
}

impl<'f> Window<'f> {
    fn new(measure: Measure) -> Self {
        Self { measure, facts: VecDeque::new(), times: 0, values: BTreeMap::new() }
    }

    /// Adds the next fact, and removes those that are a window older.
    fn add(&mut self, fact: &'f Fact, length_ms: i64) {
        while let Some(first) =
            self.facts.front().filter(|first| fact.time_ms.saturating_sub(first.time_ms) >= length_ms)
        {
            self.times = self.times.saturating_sub(first.count);
            let value = self.value(first);
            if let Some(number) = self.values.get_mut(&value) {
                *number -= 1;
                if *number == 0 {
                    self.values.remove(&value);
                }
            }
            self.facts.pop_front();
        }
        self.times = self.times.saturating_add(fact.count);
        *self.values.entry(self.value(fact)).or_default() += 1;
        self.facts.push_back(fact);
    }

    fn value(&self, fact: &'f Fact) -> (&'f str, &'f str) {
        match self.measure {
            Measure::Times => ("", ""),
            Measure::Things => (&fact.method, &fact.function),
            Measure::Keys => (&fact.key, ""),
        }
    }

    fn count(&self) -> u64 {
        match self.measure {
            Measure::Times => self.times,
            Measure::Things | Measure::Keys => u64::try_from(self.values.len()).unwrap_or(u64::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(time_ms: i64, address: &str, count: u64) -> Fact {
        Fact { address: address.to_owned(), count, ..Fact::new("refused.signature", time_ms, Source::Stream(time_ms)) }
    }

    #[test]
    fn nothing_is_no_risk() {
        assert_eq!(evaluate(&[], &Thresholds::default()), Report::default());
    }

    #[test]
    fn only_what_lies_within_a_window_is_counted_together() {
        let apart: Vec<_> = (0..6).map(|number| refused(number * 10 * MINUTE_MS, "a", 1)).collect();
        assert_eq!(evaluate(&apart, &Thresholds::default()).reasons, []);
        let close: Vec<_> = (0..6).map(|number| refused(number * MINUTE_MS, "a", 1)).collect();
        let report = evaluate(&close, &Thresholds::default());
        let reason = &report.reasons[0];
        assert_eq!((reason.rule.as_str(), reason.count, reason.subject.as_str()), ("failed-signatures", 6, "a"));
        assert_eq!((report.score, report.level), (40, Level::Medium));
        assert_eq!(reason.events, [0, 60_000, 120_000, 180_000, 240_000]);
        assert_eq!(reason.words, "6 calls with a wrong signature (address a)");
    }

    #[test]
    fn the_order_of_the_facts_does_not_matter() {
        let mut facts: Vec<_> = (0..50)
            .zip(["a", "b", "c"].into_iter().cycle())
            .map(|(number, side)| refused(number * 7000, side, 2))
            .collect();
        let report = evaluate(&facts, &Thresholds::default());
        facts.reverse();
        assert_eq!(evaluate(&facts, &Thresholds::default()), report);
        assert!(!report.reasons.is_empty());
    }

    #[test]
    fn a_flood_weighs_more_and_no_score_exceeds_a_hundred() {
        assert_eq!(evaluate(&[refused(0, "a", 5)], &Thresholds::default()).score, 40);
        assert_eq!(evaluate(&[refused(0, "a", 50)], &Thresholds::default()).score, 60);
        let many: Vec<_> = (0..100).map(|number| refused(0, &format!("address {number}"), 500)).collect();
        let report = evaluate(&many, &Thresholds::default());
        assert_eq!((report.reasons.len(), report.more), (100, 1));
        assert_eq!(
            (report.score, report.level),
            (97, Level::Critical),
            "three subjects of a rule count, and the flood"
        );
    }

    #[test]
    fn a_threshold_of_the_settings_replaces_the_rules_own() {
        let facts = [refused(0, "a", 5)];
        for (entries, expected) in
            [(vec![], 40), (vec!["failed-signatures=6"], 0), (vec![" failed-signatures = off "], 0)]
        {
            assert_eq!(evaluate(&facts, &Thresholds::read(&entries).unwrap()).score, expected, "{entries:?}");
        }
        for (entries, words) in [
            (vec!["weather=1"], "no rule"),
            (vec!["replays"], "no threshold"),
            (vec!["replays=0"], "a number from 1 on"),
            (vec!["replays=4", "replays=5"], "two thresholds"),
        ] {
            let error = Thresholds::read(&entries).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
