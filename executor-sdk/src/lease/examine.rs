//! What a lease must be before anybody works on it. Pure: bytes in, verdict out.

use std::fmt;

use apiary_identity::chain::{VerifiedSpec, verify_progress, verify_spec};
use apiary_identity::{Grant, Id, OutcomeKind, Spec};
use apiary_proto::v1;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::Client;
use crate::error::clipped;
use crate::guard::{Call, Guard, Refusal};
use crate::wire::envelope_from_proto;

/// Whom a lease must be for.
#[derive(Clone, Debug)]
pub struct Claimant<'a> {
    /// Its executor type.
    pub executor_type: &'a str,
    /// Its own name, as in its grant. Work that is aimed at executors by name is refused by one that does not know its own,
    /// because nobody but the broker says that it is meant.
    pub name: Option<&'a str>,
    /// The functions that it does; `None` for whatever is asked of it.
    pub functions: Option<Vec<&'a str>>,
}

/// Work that may be done. Everything in it was signed by somebody to whom the colony gave the right to ask for it, but for
/// `attempt` and `retries_left`, which the broker counts.
#[derive(Clone)]
pub struct VerifiedLease {
    /// What is to be done.
    pub spec: Spec,
    /// Who asked for it: the colony's grant to the spec's signer.
    pub submitter: Grant,
    /// The arguments, byte by byte as they were submitted.
    pub args: Bytes,
    /// The attempt's number, from 1.
    pub attempt: i32,
    /// How many attempts may follow this one; `None` for no limit.
    pub retries_left: Option<u32>,
    /// When the attempt must have ended, renewed or not: the spec's `max_exec_ms` from now.
    pub deadline: Option<Timestamp>,
    /// What an earlier attempt left, signed by an executor of this colony that may do this work.
    pub checkpoint: Option<Bytes>,
}

impl fmt::Debug for VerifiedLease {
    /// Without arguments and environment: they may be somebody's secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { spec, attempt, .. } = self;
        write!(f, "VerifiedLease({} of {}, attempt {attempt})", spec.function, spec.process_id)
    }
}

/// Why work is not done.
#[derive(Clone, Debug)]
pub struct Rejection {
    kind: OutcomeKind,
    words: String,
    rule: Option<String>,
}

impl Rejection {
    /// How the attempt ends because of it.
    pub fn kind(&self) -> OutcomeKind {
        self.kind
    }

    /// The reason, for people.
    pub fn words(&self) -> &str {
        &self.words
    }

    /// The guard's rule, where it was the guard that refused.
    pub fn rule(&self) -> Option<&str> {
        self.rule.as_deref()
    }
}

/// Checks everything: the chain of signatures from the client's colony, that the lease hands out what was signed, that it is
/// for the claimant, that the claimant does it, and that the guard has nothing against it.
///
/// # Errors
///
/// The first thing that is wrong. [`reject`](super::reject) tells the broker.
pub fn examine(
    client: &Client,
    claimant: &Claimant<'_>,
    guard: &Guard,
    lease: &v1::Lease,
) -> Result<VerifiedLease, Rejection> {
    let colony = client.colony();
    let VerifiedSpec { spec, grant } = verify(&colony, lease)?;
    is_ours(claimant, &lease.process_id, &spec)?;
    // Checked when the document was opened, so it is base64 if it is not JSON.
    let args: Bytes = spec.args().to_bytes().map_err(|error| refused(format!("spec: {error}")))?;
    if !claimant.does(&spec.function) {
        return Err(claimant.without(&spec));
    }
    let call = Call { executor_type: Some(&spec.executor_type), function: &spec.function, args: &args };
    guard.check(&call).map_err(|refusal| guarded(&refusal))?;
    let max_exec = SignedDuration::from_millis(spec.max_exec_ms);
    Ok(VerifiedLease {
        args,
        submitter: grant,
        attempt: lease.attempt,
        retries_left: u32::try_from(lease.retries_left).ok(),
        deadline: (!max_exec.is_zero()).then(|| client.clock().now().saturating_add(max_exec).ok()).flatten(),
        checkpoint: checkpoint(&colony, lease)?,
        spec,
    })
}

fn verify(colony: &Id, lease: &v1::Lease) -> Result<VerifiedSpec, Rejection> {
    let envelope = |name, envelope: &Option<v1::Envelope>| match envelope {
        Some(envelope) => envelope_from_proto(envelope).map_err(|error| refused(format!("{name}: {error}"))),
        None => Err(refused(format!("{name}: the broker sent none"))),
    };
    let grant = envelope("grant", &lease.submitter_grant)?;
    let spec = envelope("spec", &lease.spec)?;
    verify_spec(colony, &grant, &spec).map_err(|link| refused(link.to_string()))
}

/// What an earlier attempt left. One that does not verify ends this attempt, as a forged spec does: somebody between that
/// executor and this one wants the work to go on from something else, and going on without it could be just what they want.
fn checkpoint(colony: &Id, lease: &v1::Lease) -> Result<Option<Bytes>, Rejection> {
    let Some(checkpoint) = &lease.checkpoint else { return Ok(None) };
    let envelope = |name: &str, envelope: Option<&v1::Envelope>| match envelope {
        Some(envelope) => envelope_from_proto(envelope).map_err(|error| refused(format!("{name}: {error}"))),
        None => Err(refused(format!("{name}: the broker sent none"))),
    };
    let progress = envelope("checkpoint", Some(checkpoint))?;
    let grant = envelope("grant of the checkpoint's signer", lease.checkpoint_grant.as_ref())?;
    let spec = envelope("spec", lease.spec.as_ref())?;
    let left = verify_progress(colony, &grant, &spec, lease.attempt, &progress)
        .map_err(|link| refused(format!("checkpoint: {link}")))?;
    let content = left.checkpoint().ok_or_else(|| refused("checkpoint: the progress carries none".to_owned()))?;
    content.to_bytes().map(Some).map_err(|error| refused(format!("checkpoint: {error}")))
}

fn is_ours(claimant: &Claimant<'_>, handed_out: &str, spec: &Spec) -> Result<(), Rejection> {
    if Uuid::parse_str(handed_out) != Ok(spec.process_id) {
        return Err(refused(format!(
            "spec: signed for process {}, handed out as {}",
            spec.process_id,
            clipped(handed_out, 64)
        )));
    }
    if spec.executor_type != claimant.executor_type {
        let (theirs, ours) = (&spec.executor_type, claimant.executor_type);
        return Err(refused(format!("spec: signed for executor type `{theirs}`, handed to one of type `{ours}`")));
    }
    match claimant.name {
        _ if spec.executor_names.is_empty() => Ok(()),
        Some(name) if spec.executor_names.iter().any(|meant| meant == name) => Ok(()),
        Some(name) => Err(refused(format!("spec: aimed at {}, handed to `{name}`", spec.executor_names.join(", ")))),
        None => Err(refused(format!(
            "spec: aimed at {}, handed to an executor that does not know its own name: give it its name",
            spec.executor_names.join(", ")
        ))),
    }
}

impl Claimant<'_> {
    fn does(&self, function: &str) -> bool {
        self.functions.as_ref().is_none_or(|known| known.contains(&function))
    }

    /// The rejection of work that it does not do.
    pub(crate) fn without(&self, spec: &Spec) -> Rejection {
        let words = format!(
            "no handler for function `{}`: executors of type `{}` here do {}",
            spec.function,
            spec.executor_type,
            self.functions.as_deref().unwrap_or_default().join(", ")
        );
        Rejection { kind: OutcomeKind::FailedFinal, words, rule: None }
    }
}

fn refused(words: String) -> Rejection {
    Rejection { kind: OutcomeKind::Refused, words, rule: None }
}

fn guarded(refusal: &Refusal) -> Rejection {
    Rejection { kind: OutcomeKind::Refused, words: refusal.to_string(), rule: Some(refusal.rule().to_owned()) }
}
