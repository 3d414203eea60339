//! The rules: what is counted, for whom, within which time, and from which number on it is a reason for the risk score.
//!
//! To add a rule, add a row, a test of its hits and one of false alarms in `bees/tests/security`, and a row in `docs/security-bee.md`.
//! A threshold is changed for a colony by the setting `security.thresholds`.

/// A rule.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Name, as in reports and in `security.thresholds`.
    pub name: &'static str,
    /// Kinds of events that count.
    pub kinds: &'static [&'static str],
    /// The events that count, of these kinds.
    pub only: Only,
    /// The number that is compared with the threshold.
    pub measure: Measure,
    /// The side for which it is counted.
    pub per: Per,
    /// The window of time, in minutes: any window of this length counts.
    pub minutes: i64,
    /// The least number that is a reason.
    pub threshold: u64,
    /// Points of the score, of 100. Ten times the threshold makes it half as much again.
    pub weight: u32,
    /// The reason, in words that follow the number.
    pub words: &'static str,
    /// The remedy.
    pub advice: &'static str,
}

/// A condition on events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Only {
    /// Every event.
    All,
    /// Events of the colony's own key.
    ColonyKey,
    /// Events of any other key.
    OtherKeys,
    /// Events with neither key nor address: what the broker counts together beyond its bounds.
    Nameless,
}

/// A way of counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// The number of times that it happened: the sum of the events' counts.
    Times,
    /// The number of different things that were tried: calls and functions.
    Things,
    /// The number of different keys.
    Keys,
}

/// A side for which events are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// A key, by its id.
    Key,
    /// An address.
    Address,
    /// A function.
    Function,
    /// The whole colony.
    Colony,
}

use Measure::{Keys, Things, Times};
use Only::{All, ColonyKey, Nameless, OtherKeys};

/// Writes a row of the table.
const fn rule(
    name: &'static str,
    kinds: &'static [&'static str],
    (measure, per): (Measure, Per),
    (minutes, threshold, weight): (i64, u64, u32),
    words: &'static str,
    advice: &'static str,
) -> Rule {
    Rule { name, kinds, only: All, measure, per, minutes, threshold, weight, words, advice }
}

impl Rule {
    const fn only(self, only: Only) -> Self {
        Self { only, ..self }
    }
}

const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;

/// Every refusal of a call. What exceeds the broker's bounds has neither key nor address, and only counts here.
const REFUSALS: [&str; 9] = [
    "refused.signature",
    "refused.unknown_key",
    "refused.revoked",
    "refused.expired",
    "refused.scope",
    "refused.time",
    "refused.replay",
    "refused.rate",
    "refused.size",
];

/// Every rule, in the order of reports with equal points: name and kinds; what is counted, and for whom; minutes, threshold and weight;
/// the words after the number; what to do.
#[rustfmt::skip]
pub const RULES: [Rule; 26] = [
    // Attacks on signatures and keys.
    rule("failed-signatures", &["refused.signature"], (Times, Per::Address), (10, 5, 40),
        "calls with a wrong signature",
        "find out whose address it is; if it is nobody's, block it before the broker"),
    rule("forged-key", &["refused.signature"], (Times, Per::Key), (HOUR, 20, 30),
        "calls that claim this key and whose signature is wrong",
        "the key itself is not lost: look at the addresses, or for a damaged client"),
    rule("unknown-keys", &["refused.unknown_key"], (Keys, Per::Address), (HOUR, 4, 30),
        "keys without a grant",
        "somebody tries keys: find out whose address it is"),
    rule("revoked-key", &["refused.revoked"], (Times, Per::Key), (HOUR, 3, 30),
        "calls with a revoked key",
        "stop what still uses it; if nobody of yours does, the key was copied"),
    rule("expired-key", &["refused.expired"], (Times, Per::Key), (HOUR, 3, 10),
        "calls with a key whose grant is over",
        "add a grant, or stop what uses the key"),
    rule("replays", &["refused.replay"], (Times, Per::Key), (10, 3, 40),
        "requests that were used before",
        "somebody records and repeats requests: look at proxies on the way, and use TLS"),
    rule("stale-requests", &["refused.time"], (Times, Per::Key), (HOUR, 10, 10),
        "documents that were signed too long ago or in the future",
        "set the clock of that machine (NTP); if it is right, documents are held back or repeated"),
    // A key in other hands.
    rule("colony-key-elsewhere", &["key.new_address"], (Times, Per::Key), (DAY, 1, 45),
        "new networks from which the colony's own key was used",
        "if it was not you, the colony's key is stolen: docs/operations.md says what to do").only(ColonyKey),
    rule("roaming-key", &["key.new_address"], (Times, Per::Key), (2 * HOUR, 3, 35),
        "new networks from which the key was used",
        "ask its holder; if they did not travel, revoke the key").only(OtherKeys),
    rule("executor-elsewhere", &["state.executor_moved"], (Times, Per::Key), (DAY, 1, 25),
        "new networks from which an executor's key was used",
        "if you did not move it, its key was copied: revoke it"),
    // Limits of grants.
    rule("scope-probing", &["refused.scope"], (Things, Per::Key), (HOUR, 4, 45),
        "different calls and functions that its grant does not permit",
        "somebody tries what the key may do: ask its holder, or revoke it"),
    rule("scope-refusals", &["refused.scope"], (Times, Per::Key), (HOUR, 60, 15),
        "calls that its grant does not permit",
        "a program asks again and again: give it the scope or right, or stop it"),
    rule("guard-refusals", &["refused.work"], (Times, Per::Function), (HOUR, 3, 40),
        "processes that executors refused",
        "read the reason (`apiary process show`), and ask whoever submitted them"),
    rule("newcomers", &["executor.asked"], (Keys, Per::Address), (HOUR, 4, 20),
        "keys that ask for approval as executors",
        "approve none that you did not expect (`apiary executor list`)"),
    // Abuse.
    rule("rate-abuse", &["refused.rate"], (Times, Per::Address), (10, 100, 30),
        "calls beyond the bounds of the broker",
        "slow that client down, or set a limit (`apiary limit set`)"),
    rule("refusal-flood", &REFUSALS, (Times, Per::Colony), (10, 1000, 30),
        "refused calls together, from however many addresses",
        "block the addresses before the broker; look at the reasons beside this one, which a flood may be meant to hide"),
    rule("nameless-refusals", &REFUSALS, (Times, Per::Colony), (10, 3, 20),
        "refused calls that the broker did not tell one by one",
        "see who else was refused in these minutes: somebody may hide what they try in a crowd").only(Nameless),
    rule("oversized", &["refused.size"], (Times, Per::Address), (HOUR, 10, 10),
        "documents that are too large",
        "find out which program sends them"),
    rule("mass-changes", &["process.cancelled", "process.deleted", "process.discarded", "bulk.started"], (Times, Per::Key), (10, 50, 30),
        "processes cancelled, deleted or discarded, or bulk actions",
        "ask the holder of the key"),
    rule("grant-burst", &["grant.added"], (Times, Per::Colony), (HOUR, 20, 25),
        "grants added",
        "compare them with what you meant to add (`apiary grant list`)"),
    // Payments.
    rule("failing-payments", &["payment.failed"], (Times, Per::Function), (DAY, 10, 25),
        "processes of payments that failed",
        "read why (`apiary process list --state failed`)"),
    rule("card-testing", &["payment.declined"], (Times, Per::Address), (HOUR, 10, 35),
        "payments that were declined",
        "stolen cards are tried: block the address, or turn on the payment provider's checks"),
    rule("set-aside-payments", &["payment.set_aside", "webhook.set_aside"], (Times, Per::Function), (DAY, 1, 15),
        "events of payments that were set aside",
        "mend the cause, then redrive (`apiary process redrive`), or `apiary spool retry`"),
    // Neglect.
    rule("grant-ends", &["state.grant_ends"], (Times, Per::Key), (DAY, 1, 5),
        "grants that end soon",
        "add the next one (`apiary grant add`)"),
    rule("old-key", &["state.key_old"], (Times, Per::Key), (DAY, 1, 5),
        "keys past their age",
        "rotate it: docs/operations.md says how"),
    rule("silent-executor", &["state.executor_silent"], (Times, Per::Key), (DAY, 1, 8),
        "executors that were not heard for long",
        "start it, or revoke its grant"),
];

/// Returns the rule of this name.
pub fn find(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn rules_are_distinct_and_within_bounds() {
        let names: BTreeSet<_> = RULES.iter().map(|rule| rule.name).collect();
        assert_eq!(names.len(), RULES.len());
        for rule in &RULES {
            assert!((1..=60).contains(&rule.weight) && rule.threshold > 0 && rule.minutes > 0, "{}", rule.name);
            assert!(!rule.kinds.is_empty() && !rule.words.is_empty() && !rule.advice.is_empty(), "{}", rule.name);
            assert!(rule.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{}", rule.name);
        }
    }

    #[test]
    fn the_page_lists_every_rule() {
        const PAGE: &str = include_str!("../../../docs/security-bee.md");
        for Rule { name, threshold, minutes, weight, .. } in &RULES {
            let time = match minutes {
                minutes if minutes % DAY == 0 => format!("{} h", minutes / HOUR),
                minutes if minutes % HOUR == 0 => format!("{} h", minutes / HOUR),
                minutes => format!("{minutes} min"),
            };
            let cells = format!("| {threshold} | {time} | {weight} |");
            let row = PAGE.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
            let row = row.unwrap_or_else(|| panic!("{name} is not in docs/security-bee.md"));
            assert!(row.ends_with(&cells), "{row} should end with {cells}");
        }
    }
}
