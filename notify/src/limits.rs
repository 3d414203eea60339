//! Bounds of the notifier.

use std::time::Duration;

/// Findings that are followed at once; more are not looked at until others end.
pub const FINDINGS_MAX: usize = 512;
/// Findings in a message; the others go into the next one.
pub const EVENTS_MAX: usize = 20;
/// Messages that wait for a target; beyond it, the oldest is dropped.
pub const QUEUE_MAX: usize = 100;
/// Time after which a message that a target does not take is dropped.
pub const KEPT_MAX: Duration = Duration::from_secs(24 * 3600);
/// Wait after the first failure of a target; each further failure doubles it.
pub const RETRY_WAIT: Duration = Duration::from_secs(2);
/// Longest wait after a failure.
pub const RETRY_WAIT_MAX: Duration = Duration::from_secs(900);
/// Longest wait that a target may ask for.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);
/// Time for one delivery.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(20);
/// Time for one look at what is open.
pub const REPORT_TIMEOUT: Duration = Duration::from_secs(30);
/// Characters from which on a part of a URL is taken for a secret, and is not shown if an answer repeats it.
pub const SECRET_CHARS_MIN: usize = 6;
/// Bytes that are read of an answer.
pub const ANSWER_BYTES_MAX: usize = 4096;
/// Characters of an answer that are shown.
pub const ANSWER_CHARS_MAX: usize = 200;
/// Characters of a finding's text in a message.
pub const TEXT_CHARS_MAX: usize = 1500;
/// Characters of a message in Slack.
pub const SLACK_CHARS_MAX: usize = 12_000;
/// Characters of a message in Discord, which rejects more than 2,000.
pub const DISCORD_CHARS_MAX: usize = 1900;
/// Addresses that a mail goes to.
pub const MAIL_TO_MAX: usize = 20;
/// Bytes of the state's file.
pub const STATE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Period in which messages about one finding, and messages at all, are counted, in milliseconds.
pub const WINDOW_MS: i64 = 3_600_000;
/// Messages within the period that may tell of one finding's beginning; the next says that it comes and goes.
pub const OPENINGS_MAX: usize = 3;
/// Appearances within the period from which on a finding that never lasted is told as one that comes and goes.
pub const APPEARANCES_MAX: usize = 5;
/// Silence of an executor from which on the broker no longer reports it, in milliseconds.
pub const LAPSE_MS: i64 = 24 * 3_600_000;
/// Time after which a finding whose count has grown is told again, in milliseconds.
pub const GROWN_AFTER_MS: i64 = 3_600_000;
