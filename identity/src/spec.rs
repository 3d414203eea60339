//! Specs: requests for work, signed as a whole by the submitter.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::content::{self, Content};
use crate::document::{check_duration_ms, check_text};
use crate::limits::{
    EXECUTOR_NAMES_MAX, LIMIT_KEY_BYTES_MAX, MAP_ENTRIES_MAX, PARENTS_MAX, PRIORITY_MAX, RETRIES_MAX, SUBMIT_BY_MAX,
    VALUE_BYTES_MAX,
};
use crate::name::check_name;
use crate::{Document, DocumentError, Id, Requirements, strict, time};

/// A process as its submitter wants it. Every duration is in milliseconds.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The colony.
    pub colony: Id,
    /// UUIDv7, chosen by the submitter; its timestamp is the time of the spec's making.
    #[serde(deserialize_with = "strict::uuid")]
    pub process_id: Uuid,
    /// Deadline for submission, at most 30 days after `process_id`'s time. It makes a replay harmless even after the
    /// process was deleted.
    #[serde(deserialize_with = "time::time")]
    pub submit_by: Timestamp,
    /// The function to run.
    pub function: String,
    /// The type of executor that runs it.
    pub executor_type: String,
    /// Names of the only executors that may run it; empty for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub executor_names: Vec<String>,
    /// The arguments, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "content::present")]
    args: Option<Box<RawValue>>,
    /// The arguments, as base64 of any bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    args_base64: Option<String>,
    /// Between −50000 and 50000; each step outweighs one day of waiting.
    #[serde(default, skip_serializing_if = "is_default")]
    pub priority: i32,
    /// Requirements on the executor.
    #[serde(default, skip_serializing_if = "Requirements::is_empty", deserialize_with = "strict::object")]
    pub requires: Requirements,
    /// Processes with the same key run at most so many at a time, if the colony limits the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency_key: Option<String>,
    /// Processes with the same key start at most so often, if the colony limits the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_key: Option<String>,
    /// Labels to filter by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "strict::map")]
    pub labels: BTreeMap<String, String>,
    /// Variables for the executor.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "strict::map")]
    pub env: BTreeMap<String, String>,
    /// Longest wait for a claim, from the time the process can run, pauses not counted; it fails afterwards. 0 means no
    /// limit.
    #[serde(default, skip_serializing_if = "is_default")]
    pub max_wait_ms: i64,
    /// Longest duration of one attempt, even if its lease is renewed; 0 means no limit.
    #[serde(default, skip_serializing_if = "is_default")]
    pub max_exec_ms: i64,
    /// Number of attempts after the first; −1 means no limit.
    #[serde(default = "Spec::default_max_retries")]
    pub max_retries: i32,
    /// Waits between attempts.
    #[serde(default, deserialize_with = "strict::object")]
    pub backoff: Backoff,
    /// Earliest start.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "time::optional_time")]
    pub not_before: Option<Timestamp>,
    /// Processes of the colony that must succeed before this one starts. It is cancelled once one of them cannot
    /// succeed any more.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty", deserialize_with = "strict::uuids")]
    pub parents: BTreeSet<Uuid>,
    /// Key by which a later spec of the same function returns this process instead of a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Time for which the key is remembered; 0 means not at all.
    #[serde(default = "Spec::default_idempotency_retention_ms")]
    pub idempotency_retention_ms: i64,
    /// Handling of an earlier process of the same submitter, function and idempotency key that failed or is a dead
    /// letter.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_failed: OnFailed,
    /// W3C Trace Context `traceparent` of the submitter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// Handling of a failed process or dead letter when a later spec has its idempotency key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailed {
    /// Returns the process unchanged.
    #[default]
    Keep,
    /// Puts the process back in the queue, with all its retries.
    Redrive,
}

/// Exponential back-off: retry n waits `first_ms · factor^(n−1)`, at most `most_ms`, less a random part of up to
/// `jitter` of it, so that many failures do not retry at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Backoff {
    /// Wait before the first retry.
    pub first_ms: i64,
    /// Growth from one retry to the next, 1 to 100.
    pub factor: f64,
    /// The longest wait.
    pub most_ms: i64,
    /// Random part, from 0 (none) to 1 (the wait may be anything down to 0).
    pub jitter: f64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first_ms: 1000, factor: 2.0, most_ms: 3_600_000, jitter: 0.2 }
    }
}

impl Spec {
    /// Creates a spec with default options: submission within a day, three retries.
    pub fn new(colony: Id, executor_type: &str, function: &str, now: Timestamp) -> Self {
        let millisecond = u64::try_from(now.as_millisecond()).unwrap_or(0);
        let stamp = uuid::Timestamp::from_unix(
            uuid::NoContext,
            millisecond / 1000,
            u32::try_from(millisecond % 1000).unwrap_or(0) * 1_000_000,
        );
        Self {
            colony,
            process_id: Uuid::new_v7(stamp),
            submit_by: now.saturating_add(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MAX),
            function: function.to_owned(),
            executor_type: executor_type.to_owned(),
            executor_names: Vec::new(),
            args: None,
            args_base64: None,
            priority: 0,
            requires: Requirements::default(),
            concurrency_key: None,
            rate_key: None,
            labels: BTreeMap::new(),
            env: BTreeMap::new(),
            max_wait_ms: 0,
            max_exec_ms: 0,
            max_retries: Self::default_max_retries(),
            backoff: Backoff::default(),
            not_before: None,
            parents: BTreeSet::new(),
            idempotency_key: None,
            idempotency_retention_ms: Self::default_idempotency_retention_ms(),
            on_failed: OnFailed::default(),
            traceparent: None,
        }
    }

    /// Sets the arguments.
    #[must_use]
    pub fn with_args(mut self, args: Content) -> Self {
        (self.args, self.args_base64) = (args.json, args.base64);
        self
    }

    /// Returns the arguments.
    pub fn args(&self) -> Content {
        Content { json: self.args.clone(), base64: self.args_base64.clone() }
    }

    /// Returns the time of the spec's making, which is inside `process_id`.
    pub fn made_at(&self) -> Option<Timestamp> {
        let (seconds, nanoseconds) = self.process_id.get_timestamp()?.to_unix();
        Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanoseconds).ok()?).ok()
    }

    fn default_max_retries() -> i32 {
        3
    }

    fn default_idempotency_retention_ms() -> i64 {
        30 * 24 * 3600 * 1000
    }

    fn check_times(&self) -> Result<(), DocumentError> {
        let made_at = match self.made_at() {
            Some(made_at) if is_version_7(&self.process_id) => made_at,
            _ => {
                return Err(DocumentError::field(
                    "process_id",
                    "is a UUID of version 7 (RFC 9562), made before the year 10000",
                ));
            }
        };
        let open = self.submit_by.duration_since(made_at);
        if open.is_negative() || open.unsigned_abs() > SUBMIT_BY_MAX {
            return Err(DocumentError::field(
                "submit_by",
                format!(
                    "lies between the time in `process_id` ({made_at}) and 30 days after it; got {}",
                    self.submit_by
                ),
            ));
        }
        check_duration_ms("max_wait_ms", self.max_wait_ms)?;
        check_duration_ms("max_exec_ms", self.max_exec_ms)?;
        check_duration_ms("idempotency_retention_ms", self.idempotency_retention_ms)
    }

    fn check_parents(&self) -> Result<(), DocumentError> {
        if self.parents.len() > PARENTS_MAX {
            return Err(DocumentError::field(
                "parents",
                format!("lists {} processes, the most is {PARENTS_MAX}", self.parents.len()),
            ));
        }
        if self.parents.contains(&self.process_id) {
            return Err(DocumentError::field("parents", "lists the process itself, which would never start"));
        }
        Ok(())
    }

    fn check_maps(&self) -> Result<(), DocumentError> {
        for (field, map) in [("labels", &self.labels), ("env", &self.env)] {
            if map.len() > MAP_ENTRIES_MAX {
                return Err(DocumentError::field(
                    field,
                    format!("has {} entries, the most is {MAP_ENTRIES_MAX}", map.len()),
                ));
            }
            for (key, value) in map {
                check_name(field, key)?;
                check_text(field, value, VALUE_BYTES_MAX)?;
            }
        }
        Ok(())
    }
}

impl OnFailed {
    const ALL: [Self; 2] = [Self::Keep, Self::Redrive];

    /// Returns the word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Redrive => "redrive",
        }
    }
}

impl Serialize for OnFailed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for OnFailed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        strict::word(deserializer, &Self::ALL, Self::as_str)
    }
}

impl Backoff {
    fn check(&self) -> Result<(), DocumentError> {
        check_duration_ms("backoff.first_ms", self.first_ms)?;
        check_duration_ms("backoff.most_ms", self.most_ms)?;
        if !(1.0..=100.0).contains(&self.factor) {
            return Err(DocumentError::field("backoff.factor", format!("is 1 to 100; got {}", self.factor)));
        }
        if !(0.0..=1.0).contains(&self.jitter) {
            return Err(DocumentError::field("backoff.jitter", format!("is 0 to 1; got {}", self.jitter)));
        }
        Ok(())
    }
}

impl Document for Spec {
    const PAYLOAD_TYPE: &'static str = "application/vnd.apiary.spec.v1+json";

    fn check(&self) -> Result<(), DocumentError> {
        self.check_times()?;
        check_name("function", &self.function)?;
        check_name("executor_type", &self.executor_type)?;
        if self.executor_names.len() > EXECUTOR_NAMES_MAX {
            return Err(DocumentError::field(
                "executor_names",
                format!("lists {} names, the most is {EXECUTOR_NAMES_MAX}", self.executor_names.len()),
            ));
        }
        self.executor_names.iter().try_for_each(|name| check_name("executor_names", name))?;
        self.args().check("args", "args_base64")?;
        if !(-PRIORITY_MAX..=PRIORITY_MAX).contains(&self.priority) {
            return Err(DocumentError::field(
                "priority",
                format!("is −{PRIORITY_MAX} to {PRIORITY_MAX}; got {}", self.priority),
            ));
        }
        if !(-1..=RETRIES_MAX).contains(&self.max_retries) {
            return Err(DocumentError::field(
                "max_retries",
                format!("is 0 to {RETRIES_MAX}, or −1 for no limit; got {}", self.max_retries),
            ));
        }
        self.requires.check()?;
        check_limit_key("concurrency_key", self.concurrency_key.as_deref())?;
        check_limit_key("rate_key", self.rate_key.as_deref())?;
        self.check_maps()?;
        self.check_parents()?;
        self.backoff.check()?;
        for (field, value) in [("idempotency_key", &self.idempotency_key), ("traceparent", &self.traceparent)] {
            if let Some(value) = value {
                check_text(field, value, VALUE_BYTES_MAX)?;
                if value.is_empty() {
                    return Err(DocumentError::field(field, "is empty: leave it out instead"));
                }
            }
        }
        if self.on_failed == OnFailed::Redrive && self.idempotency_key.is_none() {
            return Err(DocumentError::field(
                "on_failed",
                "is `redrive` without an `idempotency_key`, by which the failed process is found: add one",
            ));
        }
        Ok(())
    }
}

impl fmt::Debug for Spec {
    /// Prints the identifying fields, without the values of arguments and variables, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spec")
            .field("colony", &self.colony)
            .field("process_id", &self.process_id)
            .field("function", &self.function)
            .field("executor_type", &self.executor_type)
            .field("args", &self.args())
            .field("env", &self.env.keys())
            .finish_non_exhaustive()
    }
}

/// Checks a concurrency or rate key. `*` is refused, because it marks a prefix in the keys of limits.
fn check_limit_key(field: &'static str, key: Option<&str>) -> Result<(), DocumentError> {
    let Some(key) = key else { return Ok(()) };
    if key.is_empty() {
        return Err(DocumentError::field(field, "is empty: leave it out instead"));
    }
    if key.contains('*') || key.contains(char::is_control) {
        return Err(DocumentError::field(
            field,
            "holds `*`, which is for limits alone, or a control character: take another key",
        ));
    }
    check_text(field, key, LIMIT_KEY_BYTES_MAX)
}

fn is_version_7(id: &Uuid) -> bool {
    id.get_version_num() == 7 && id.get_variant() == uuid::Variant::RFC4122
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
