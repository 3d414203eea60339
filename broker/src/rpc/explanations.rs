//! Encoding of explanations and findings.

use apiary_proto::v1 as pb;
use apiary_store::model::{ExplainReason, WaitingType};

use super::encode;
use crate::engine::{ExecutorExplanation, Explanation, Finding, Health};

/// Encodes the reasons for a process's state.
pub(super) fn explanation(explanation: Explanation) -> pb::ExplainResponse {
    pb::ExplainResponse {
        process: Some(encode::process(explanation.process)),
        reasons: explanation.reasons.into_iter().map(reason).collect(),
        queue_position: explanation.queue_position.unwrap_or(0),
        estimated_wait_ms: explanation.estimated_wait_ms.unwrap_or(-1),
        is_least: explanation.is_least,
    }
}

fn reason(reason: ExplainReason) -> pb::ExplainedReason {
    pb::ExplainedReason {
        kind: reason.kind.to_owned(),
        text: reason.text,
        subjects: reason.subjects,
        process_ids: reason.process_ids.into_iter().map(|id| id.to_string()).collect(),
        time_ms: reason.time_ms.unwrap_or(0),
        used: reason.used,
        limit: reason.limit,
    }
}

/// Encodes the reasons why an executor gets no work.
pub(super) fn executor_explanation(explanation: ExecutorExplanation) -> pb::ExplainExecutorResponse {
    let reason = |(executor_type, reason): (String, ExplainReason)| pb::ExecutorReason {
        kind: reason.kind.to_owned(),
        text: reason.text,
        executor_type,
        count: reason.used,
    };
    pb::ExplainExecutorResponse {
        executors: explanation.executors.into_iter().map(encode::executor).collect(),
        reasons: explanation.reasons.into_iter().map(reason).collect(),
    }
}

/// Encodes the findings of a colony, and what waits there.
pub(super) fn health(health: Health) -> pb::GetHealthResponse {
    let Health { findings, waiting } = health;
    let finding = |finding: Finding| pb::HealthFinding {
        kind: finding.kind.to_owned(),
        text: finding.text,
        subject: finding.subject,
        count: finding.count,
        since_ms: finding.since_ms.unwrap_or(0),
    };
    let waiting_work = |waiting: WaitingType| pb::WaitingWork {
        executor_type: waiting.executor_type,
        count: waiting.count,
        is_least: waiting.is_cut,
        since_ms: waiting.since_ms,
    };
    pb::GetHealthResponse {
        healthy: findings.is_empty(),
        findings: findings.into_iter().map(finding).collect(),
        waiting: waiting.into_iter().map(waiting_work).collect(),
    }
}
