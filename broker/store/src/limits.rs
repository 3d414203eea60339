//! Bounds of what is stored, and of one statement's work. Those of the calls are in the broker's own `limits.rs`.

use std::time::Duration;

pub use apiary_protocol::limits::ATTRIBUTES_MAX;

/// The most processes that one pass takes from a lane, for all its polls together: their specs are in memory at once, at most 1 MiB
/// each as a rule.
pub const CLAIM_PASS_COUNT_MAX: usize = 256;
/// Waiting processes that a claim reads at once.
pub const CLAIM_PAGE_MAX: usize = 1000;
/// Waiting processes that a claim walks past in one transaction; it goes on from there in the next, so that other transactions do not
/// wait long for its locks.
pub const CLAIM_SCAN_ROWS_MAX: i64 = 10_000;
/// Keys at their limit that a claim's next read leaves out; processes of further keys are checked one by one.
pub const CLAIM_KEYS_MAX: i64 = 10_000;
/// Sorts of work without a suitable poll that a claim's next read leaves out; processes of further sorts are checked one by one.
pub const CLAIM_REFUSED_MAX: usize = 128;
/// Sorts of work for which a claim remembers the suitable polls.
pub const CLAIM_SORTS_MAX: usize = 1000;
/// Names and prefixes of functions by which a claim narrows its reads; beyond it, all functions are read.
pub const CLAIM_PATTERNS_MAX: usize = 1000;
/// Pauses of one colony.
pub const PAUSES_MAX: i64 = 1000;
/// Limits of one colony.
pub const LIMITS_MAX: i64 = 1000;
/// Holds on the history of one colony.
pub const RETENTION_HOLDS_MAX: i64 = 16;
/// The greatest count, rate or burst of a limit.
pub const LIMIT_COUNT_MAX: i32 = 1_000_000;
/// The longest interval of a rate, in milliseconds: a day.
pub const LIMIT_INTERVAL_MS_MAX: i64 = 86_400_000;
/// Keys and names that are read to find those.
pub const LIMIT_USES_READ: i64 = 10_000;
/// The grace time of a running process that a limit cancels, in milliseconds.
pub const LIMIT_GRACE_MS: i64 = 30_000;
/// Processes of one key that one submit cancels.
pub const LIMIT_CANCELS_MAX: i64 = 500;
/// Digests of documents in signature batches that are remembered, so that a claim need not read them: 64 bytes of memory each.
pub const SIGNED_DIGESTS_REMEMBERED_MAX: usize = 65_536;
/// Changes of the numbers of processes, one for each statement and state, from which on they are added up.
pub const COUNT_CHANGES_MAX: i64 = 1_000;
/// Longest time after a broker's last commit in which it adds them up.
pub const COUNT_CHANGES_AGE_MAX: Duration = Duration::from_secs(4);
/// Log lines that one process may have; further lines are dropped, and counted.
pub const LOG_LINES_MAX: usize = 10_000;
/// Bytes of messages and fields that the log lines of one process may have.
pub const LOG_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Processes, the newest first, that one page of a list reads to find those that match; a count of those that match reads as many.
pub const LIST_ROWS_MAX: i64 = 2_000;
/// Processes in the wanted states, or with the wanted labels, up to which a page is made of these alone, wherever they are in the list.
pub const LIST_FEW_MAX: i64 = 200;
/// Running or blocked processes, of all colonies, that are read to find those of one colony.
pub const LIST_AROUND_MAX: i64 = 5_000;
/// The most attempts of one process that are shown: the last ones.
pub const ATTEMPTS_MAX: i64 = 100;
/// Processes that are counted ahead of one that is explained; beyond it the explanation says "more than".
pub const EXPLAIN_AHEAD_MAX: i64 = 10_000;
/// Finished processes, the last ones, whose runs tell how long a process waits.
pub const EXPLAIN_RUNS_MAX: i64 = 1_000;
/// Failed parents that the colony's health reports.
pub const FAILED_PARENTS_SHOWN: i64 = 20;
/// Failures, the latest of each state, and blocked processes, those blocked longest, that the colony's health searches for such parents.
pub const FAILED_PARENTS_SCANNED: i64 = 1_000;
/// Processes that wait for a failed one, counted by the colony's health; beyond it says "at least".
pub const HEALTH_CHILDREN_MAX: i64 = 500;
/// Dead letters and failures that the colony's health counts, of each; beyond it says "at least".
pub const HEALTH_COUNT_MAX: i64 = 1_000;
/// Processes that wait for their surroundings, counted by the colony's health.
pub const HEALTH_WAITS_MAX: i64 = 1_000;
/// Causes of such waits that the colony's health reports.
pub const HEALTH_CAUSES_MAX: i64 = 20;
/// Lanes that are read to report waiting work.
pub const HEALTH_LANES_MAX: i64 = 10_000;
/// Waiting processes that are counted for it, shared evenly among the lanes; beyond its share it says "at least".
pub const HEALTH_ROWS_MAX: i64 = 5_000;
/// Bytes of each name in an event: of its RPC, key, function, request and subject.
pub const EVENT_NAME_BYTES_MAX: usize = 256;
/// Bytes of the words of an event.
pub const EVENT_TEXT_BYTES_MAX: usize = 512;
/// Networks that are remembered of one key; beyond it the oldest are forgotten.
pub const KEY_NETWORKS_MAX: i64 = 64;
/// Events that one page reads to find those that match.
pub const EVENTS_SCANNED_MAX: i64 = 10_000;
