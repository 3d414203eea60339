//! The message of each call: the least one that gets as far as the question who calls.

use apiary_executor_sdk::v1;
use apiary_executor_sdk::wire::envelope_to_proto;
use apiary_identity::{
    Clock as _, Content, Digest, Document, Envelope, Guard, Id, KeyPair, Outcome, OutcomeKind, Progress, Role, Spec,
    SystemClock,
};
use apiary_tests::grant_document;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use prost::Message;
use uuid::Uuid;

use super::callers::revocation;

/// The function of all grants.
pub(super) const FUNCTION: &str = "f";
/// The executor type of all grants.
pub(super) const TYPE: &str = "t";
/// A function and type of no grant.
const ELSEWHERE: &str = "elsewhere";

/// A way to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trial {
    /// A correct call.
    Good,
    /// Without a signature.
    Unsigned,
    /// With the signature of another key than the one that is named.
    WrongKey,
    /// Signed an hour ago.
    Stale,
    /// Signed in an hour.
    Future,
    /// For the second time.
    Replayed,
    /// For another colony.
    WrongColony,
    /// For a function and executor type that no grant covers.
    OutOfScope,
}

impl Trial {
    /// Returns the time at which the caller signs.
    pub(super) fn time(self) -> Timestamp {
        let now = SystemClock.now();
        match self {
            Self::Stale => now - SignedDuration::from_hours(1),
            Self::Future => now + SignedDuration::from_hours(1),
            _ => now,
        }
    }

    fn scope(self) -> (&'static str, &'static str) {
        if self == Self::OutOfScope { (ELSEWHERE, ELSEWHERE) } else { (TYPE, FUNCTION) }
    }

    /// Signs a document, with the wrong key if that is the trial.
    pub(super) fn seal<D: Document>(self, key: &KeyPair, document: &D) -> Envelope {
        match self {
            Self::WrongKey => {
                let mut envelope = Envelope::seal(&KeyPair::generate(), document).unwrap();
                envelope.key_id = key.id();
                envelope
            }
            _ => Envelope::seal(key, document).unwrap(),
        }
    }
}

/// Returns an introduction of an executor.
pub(super) fn registration(executor_type: &str) -> v1::RegisterExecutorRequest {
    v1::RegisterExecutorRequest { executor_type: executor_type.into(), name: "x".into(), ..Default::default() }
}

/// Returns the message of a call whose signature is beside it.
pub(super) fn signed_message(path: &str, trial: Trial) -> Bytes {
    let (executor_type, _) = trial.scope();
    match method(path) {
        "Claim" => encoded(&v1::ClaimRequest { executor_type: executor_type.into(), ..Default::default() }),
        "RegisterExecutor" => encoded(&registration(executor_type)),
        // Not a watch of everything, which would not end.
        "Watch" => encoded(&v1::WatchRequest { process_id: "x".into(), ..Default::default() }),
        _ => Bytes::new(),
    }
}

/// Returns true if the call carries a signed document of its own.
pub(super) fn has_document(path: &str) -> bool {
    matches!(
        method(path),
        "Submit"
            | "SubmitBatch"
            | "Complete"
            | "Fail"
            | "EndBatch"
            | "Report"
            | "AddGrant"
            | "RevokeGrant"
            | "SetGuard"
    )
}

/// Returns the message of a call that carries a signed document.
pub(super) fn document_message(path: &str, trial: Trial, colony: Id, key: &KeyPair) -> Bytes {
    if trial == Trial::Unsigned {
        return match method(path) {
            // A list with a document that says nothing.
            "SubmitBatch" => encoded(&v1::SubmitBatchRequest { specs: vec![v1::Envelope::default()] }),
            "EndBatch" => encoded(&v1::EndBatchRequest { results: vec![v1::Envelope::default()] }),
            _ => Bytes::new(),
        };
    }
    let document = envelope_to_proto(&document(path, trial, colony, key));
    match method(path) {
        "Submit" => encoded(&v1::SubmitRequest { spec: Some(document) }),
        "SubmitBatch" => encoded(&v1::SubmitBatchRequest { specs: vec![document] }),
        "Complete" => encoded(&v1::CompleteRequest { result: Some(document) }),
        "Fail" => encoded(&v1::FailRequest { result: Some(document) }),
        "EndBatch" => encoded(&v1::EndBatchRequest { results: vec![document] }),
        "Report" => encoded(&v1::ReportRequest { progress: Some(document) }),
        "AddGrant" => encoded(&v1::AddGrantRequest { grant: Some(document) }),
        "RevokeGrant" => encoded(&v1::RevokeGrantRequest { revocation: Some(document) }),
        "SetGuard" => encoded(&v1::SetGuardRequest { guard: Some(document) }),
        other => panic!("{other} carries no document"),
    }
}

fn document(path: &str, trial: Trial, colony: Id, key: &KeyPair) -> Envelope {
    let (time, digest) = (trial.time(), Digest::of("application/json", b"{}"));
    let outcome = |kind| Outcome::failed(colony, Uuid::now_v7(), 1, digest, time, kind, "no");
    match method(path) {
        "Submit" | "SubmitBatch" => trial.seal(key, &spec(trial, colony)),
        "Complete" | "EndBatch" => {
            let output = Content::default();
            trial.seal(key, &Outcome::succeeded(colony, Uuid::now_v7(), 1, digest, time, output))
        }
        "Fail" => trial.seal(key, &outcome(OutcomeKind::FailedFinal)),
        "Report" => trial.seal(key, &Progress::new(colony, Uuid::now_v7(), 1, digest, 1, time)),
        "AddGrant" => {
            let (owner, member) = (KeyPair::generate(), KeyPair::generate());
            let mut grant = grant_document(&owner, &member, "new", Role::User, (&["*"], &["*"]), &[]);
            grant.colony = colony;
            trial.seal(key, &grant)
        }
        "RevokeGrant" => {
            let mut revocation = revocation(colony, KeyPair::generate().id());
            revocation.from = time;
            trial.seal(key, &revocation)
        }
        _ => trial.seal(key, &Guard { colony, version: 1, made_at: time, rules: Vec::new() }),
    }
}

/// Returns a spec; a stale one may not be submitted any more.
pub(super) fn spec(trial: Trial, colony: Id) -> Spec {
    let (executor_type, function) = trial.scope();
    let mut spec = Spec::new(colony, executor_type, function, trial.time());
    if trial == Trial::Stale {
        spec.submit_by = trial.time() + SignedDuration::from_mins(1);
    }
    spec
}

/// Returns the reason for which a document in a list was refused.
pub(super) fn reason_inside(path: &str, answer: &Bytes) -> Option<String> {
    let reason = match method(path) {
        "SubmitBatch" => v1::SubmitBatchResponse::decode(answer.clone()).unwrap().answers[0].reason.clone(),
        "EndBatch" => v1::EndBatchResponse::decode(answer.clone()).unwrap().answers[0].reason.clone(),
        _ => String::new(),
    };
    Some(reason).filter(|reason| !reason.is_empty())
}

fn encoded(message: &impl Message) -> Bytes {
    message.encode_to_vec().into()
}

/// Returns the name of a call's method.
pub(super) fn method(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}
