//! A colony's state as one JSON document of a stated version. `docs/snapshot.schema.json` is its schema.

use std::collections::BTreeMap;

use apiary_proto::v1 as pb;
use serde::Serialize;

/// Version of the document. Fields are added without a new one; a field that changes or leaves makes one.
pub const VERSION: u32 = 1;

/// A colony's state at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// The document's version, [`VERSION`].
    pub version: u32,
    /// The broker's time, in milliseconds since 1970-01-01 UTC.
    pub time_ms: i64,
    /// The broker that answered.
    pub broker: BrokerPart,
    /// The colony.
    pub colony: ColonyPart,
    /// The number of processes in each state that has any.
    pub states: BTreeMap<String, i64>,
    /// The work that waits and could run, by executor type, the longest wait first.
    pub queues: Vec<QueuePart>,
    /// The executors, at most a thousand.
    pub executors: Vec<ExecutorPart>,
    /// True if there are more executors.
    pub has_more_executors: bool,
    /// The pauses.
    pub pauses: Vec<PausePart>,
    /// The limits.
    pub limits: Vec<LimitPart>,
    /// True if nothing needs attention.
    pub healthy: bool,
    /// The conditions that need attention, the worst first.
    pub findings: Vec<FindingPart>,
    /// The webhook adapter of this machine, if it answers.
    pub webhook: Option<WebhookPart>,
}

/// The broker of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BrokerPart {
    /// The id of the instance, new at each start.
    pub id: String,
    /// The version.
    pub version: String,
    /// True if it takes and hands out work.
    pub ready: bool,
}

/// The colony of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ColonyPart {
    /// The id.
    pub id: String,
    /// The name at its broker.
    pub name: String,
}

/// Waiting work of one executor type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueuePart {
    /// The executor type.
    pub executor_type: String,
    /// The number of processes.
    pub waiting: i64,
    /// True if there may be more: they are counted up to a bound.
    pub is_least: bool,
    /// The time for which the first has waited, in milliseconds.
    pub oldest_age_ms: i64,
}

/// An executor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExecutorPart {
    /// The name.
    pub name: String,
    /// The executor type. May be empty.
    pub executor_type: String,
    /// The state: `idle`, `busy`, `draining`, `silent`, `gone`, `pending`, `rejected` or `removed`.
    pub state: String,
    /// The number of processes that it runs.
    pub running: i32,
    /// The number that it runs at once; 0 if it does not say.
    pub slots: i32,
    /// The version, as it says. May be empty.
    pub version: String,
    /// The time for which it has not been heard, in milliseconds; `None` if it never was.
    pub quiet_ms: Option<i64>,
}

/// A pause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PausePart {
    /// The kind: `colony`, `executor_type` or `function`.
    pub kind: String,
    /// The name; empty for the colony.
    pub name: String,
    /// The author.
    pub by: String,
    /// The reason. May be empty.
    pub reason: String,
    /// The start, in milliseconds since 1970-01-01 UTC.
    pub since_ms: i64,
}

/// A limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LimitPart {
    /// The kind.
    pub kind: String,
    /// The key or name, or a prefix with `*`.
    pub pattern: String,
    /// The most that run at once; 0 for no such bound.
    pub running_max: i32,
    /// The most that start in the interval; 0 for no such bound.
    pub rate_count: i32,
    /// The interval, in milliseconds.
    pub interval_ms: i64,
    /// The most that run under one key of it now, as far as the caller may see.
    pub running: i32,
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FindingPart {
    /// The kind: one of `docs/explain.md`.
    pub kind: String,
    /// True if work stands still or failed for good; false for a warning.
    pub critical: bool,
    /// The finding in a sentence, with advice.
    pub text: String,
    /// The thing concerned. May be empty.
    pub subject: String,
    /// The number of processes, executors or occurrences.
    pub count: i64,
    /// The time since which it lasts, in milliseconds since 1970-01-01 UTC; `None` if it has none.
    pub since_ms: Option<i64>,
}

/// A webhook adapter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WebhookPart {
    /// The address.
    pub address: String,
    /// The state: `ok` or `degraded`.
    pub status: String,
    /// Events that wait in the spool.
    pub spool_events: u64,
    /// Events that the broker refused.
    pub set_aside: u64,
}

/// The answers that a snapshot is made of.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// The broker.
    pub broker: pb::ConnectResponse,
    /// True if the broker takes and hands out work.
    pub ready: bool,
    /// The colony, with its counts.
    pub colony: pb::GetColonyResponse,
    /// The health.
    pub health: pb::GetHealthResponse,
    /// The first page of executors.
    pub executors: pb::ListExecutorsResponse,
    /// The pauses.
    pub pauses: Vec<pb::PauseRecord>,
    /// The limits.
    pub limits: Vec<pb::LimitRecord>,
}

/// Kinds of findings about work that stands still or failed for good.
const CRITICAL: [&str; 6] =
    ["BROKER_NOT_READY", "TASK_FAILED", "UNATTENDED_TYPE", "WAITS_ON_SURROUNDINGS", "DEAD_LETTERS", "PARENT_FAILED"];

impl Snapshot {
    /// Makes a snapshot of a broker's answers.
    pub fn of(answers: Answers) -> Self {
        let Answers { broker, ready, colony, health, executors, pauses, limits } = answers;
        let now_ms = broker.time_ms;
        let named = colony.colony.unwrap_or_default();
        Self {
            version: VERSION,
            time_ms: now_ms,
            broker: BrokerPart { id: broker.broker_id, version: broker.version, ready },
            colony: ColonyPart { id: named.colony_id, name: named.name },
            states: colony.state_counts.into_iter().map(|one| (one.state, one.count)).collect(),
            queues: health.waiting.into_iter().map(|waiting| queue(waiting, now_ms)).collect(),
            has_more_executors: !executors.next_page_token.is_empty(),
            executors: executors.executors.into_iter().map(|one| executor(one, now_ms)).collect(),
            pauses: pauses.into_iter().map(pause).collect(),
            limits: limits.into_iter().map(limit).collect(),
            healthy: health.healthy,
            findings: health.findings.into_iter().map(finding).collect(),
            webhook: None,
        }
    }
}

fn queue(waiting: pb::WaitingWork, now_ms: i64) -> QueuePart {
    QueuePart {
        executor_type: waiting.executor_type,
        waiting: waiting.count,
        is_least: waiting.is_least,
        oldest_age_ms: now_ms.saturating_sub(waiting.since_ms).max(0),
    }
}

fn executor(one: pb::Executor, now_ms: i64) -> ExecutorPart {
    ExecutorPart {
        name: one.name,
        executor_type: one.executor_type,
        state: one.state,
        running: one.running,
        slots: one.slots,
        version: one.version,
        quiet_ms: (one.last_heard_ms > 0).then(|| now_ms.saturating_sub(one.last_heard_ms).max(0)),
    }
}

fn pause(one: pb::PauseRecord) -> PausePart {
    PausePart { kind: one.kind, name: one.name, by: one.by, reason: one.reason, since_ms: one.since_ms }
}

fn limit(one: pb::LimitRecord) -> LimitPart {
    let running = one.uses.iter().map(|usage| usage.running).max().unwrap_or(0);
    let limit = one.limit.unwrap_or_default();
    LimitPart {
        kind: limit.kind,
        pattern: limit.pattern,
        running_max: limit.running_max,
        rate_count: limit.rate_count,
        interval_ms: limit.interval_ms,
        running,
    }
}

fn finding(one: pb::HealthFinding) -> FindingPart {
    FindingPart {
        critical: CRITICAL.contains(&one.kind.as_str()),
        kind: one.kind,
        text: one.text,
        subject: one.subject,
        count: one.count,
        since_ms: (one.since_ms > 0).then_some(one.since_ms),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answers() -> Answers {
        let colony = pb::Colony { colony_id: "ed25519:c".to_owned(), name: "meadow".to_owned(), created_at_ms: 1 };
        let counts = vec![pb::StateCount { state: "waiting".to_owned(), count: 3 }];
        let waiting =
            pb::WaitingWork { executor_type: "finance".to_owned(), count: 3, is_least: false, since_ms: 40_000 };
        let dead = pb::HealthFinding {
            kind: "DEAD_LETTERS".to_owned(),
            text: "1 dead letter".to_owned(),
            subject: String::new(),
            count: 1,
            since_ms: 50_000,
        };
        let executor = pb::Executor {
            name: "bee".to_owned(),
            executor_type: "finance".to_owned(),
            state: "busy".to_owned(),
            running: 2,
            slots: 8,
            last_heard_ms: 99_000,
            ..pb::Executor::default()
        };
        let kept = pb::Limit {
            kind: "function".to_owned(),
            pattern: "a.*".to_owned(),
            running_max: 5,
            ..pb::Limit::default()
        };
        let uses = vec![pb::LimitUse { running: 4, ..pb::LimitUse::default() }];
        Answers {
            broker: pb::ConnectResponse {
                broker_id: "b".to_owned(),
                version: "0.1.0".to_owned(),
                time_ms: 100_000,
                ..pb::ConnectResponse::default()
            },
            ready: true,
            colony: pb::GetColonyResponse { colony: Some(colony), state_counts: counts },
            health: pb::GetHealthResponse { healthy: false, findings: vec![dead], waiting: vec![waiting] },
            executors: pb::ListExecutorsResponse { executors: vec![executor], next_page_token: String::new() },
            pauses: vec![pb::PauseRecord {
                kind: "colony".to_owned(),
                by: "ada".to_owned(),
                since_ms: 9,
                ..pb::PauseRecord::default()
            }],
            limits: vec![pb::LimitRecord { limit: Some(kept), uses, ..pb::LimitRecord::default() }],
        }
    }

    #[test]
    fn the_documents_shape_is_that_of_its_version() {
        assert_eq!(
            serde_json::to_value(Snapshot::of(answers())).unwrap(),
            json!({
                "version": 1,
                "time_ms": 100_000,
                "broker": { "id": "b", "version": "0.1.0", "ready": true },
                "colony": { "id": "ed25519:c", "name": "meadow" },
                "states": { "waiting": 3 },
                "queues": [{ "executor_type": "finance", "waiting": 3, "is_least": false, "oldest_age_ms": 60_000 }],
                "executors": [{
                    "name": "bee", "executor_type": "finance", "state": "busy", "running": 2, "slots": 8,
                    "version": "", "quiet_ms": 1000,
                }],
                "has_more_executors": false,
                "pauses": [{ "kind": "colony", "name": "", "by": "ada", "reason": "", "since_ms": 9 }],
                "limits": [{
                    "kind": "function", "pattern": "a.*", "running_max": 5, "rate_count": 0, "interval_ms": 0,
                    "running": 4,
                }],
                "healthy": false,
                "findings": [{
                    "kind": "DEAD_LETTERS", "critical": true, "text": "1 dead letter", "subject": "", "count": 1,
                    "since_ms": 50_000,
                }],
                "webhook": null,
            })
        );
    }

    #[cfg(feature = "schema")]
    #[test]
    fn the_document_is_valid_by_its_schema() {
        let schema: serde_json::Value = serde_json::from_str(include_str!("../../docs/snapshot.schema.json")).unwrap();
        let mut schemas = boon::Schemas::new();
        let mut compiler = boon::Compiler::new();
        compiler.add_resource("snapshot.json", schema).unwrap();
        let index = compiler.compile("snapshot.json", &mut schemas).unwrap();
        let document = serde_json::to_value(Snapshot::of(answers())).unwrap();
        schemas.validate(&document, index).unwrap();
        let mut extra = document.clone();
        extra["version"] = json!(2);
        assert!(schemas.validate(&extra, index).is_err());
    }
}
