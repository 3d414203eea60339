//! Verification of a lease before its work is run. Does no I/O.

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

/// The executor that holds a lease.
#[derive(Clone, Debug)]
pub struct Claimant<'a> {
    /// Executor type.
    pub executor_type: &'a str,
    /// Name, as in the grant. Without a name, work aimed at executors by name is refused, because only the untrusted
    /// broker says that this one is meant.
    pub name: Option<&'a str>,
    /// Functions that it runs; `None` for all.
    pub functions: Option<Vec<&'a str>>,
}

/// Verified work. Everything in it was signed by a key to which the colony granted that right, except `attempt` and
/// `retries_left`, which the broker counts.
#[derive(Clone)]
pub struct VerifiedLease {
    /// The signed request.
    pub spec: Spec,
    /// The colony's grant to the spec's signer.
    pub submitter: Grant,
    /// The arguments, byte by byte as they were submitted.
    pub args: Bytes,
    /// The attempt's number, from 1.
    pub attempt: i32,
    /// Number of attempts that may follow this one; `None` for no limit.
    pub retries_left: Option<u32>,
    /// Latest end of the attempt, even if its lease is renewed: the spec's `max_exec_ms` from now.
    pub deadline: Option<Timestamp>,
    /// Checkpoint of an earlier attempt, signed by an executor of this colony that may run this work.
    pub checkpoint: Option<Bytes>,
}

impl fmt::Debug for VerifiedLease {
    /// Prints no arguments and no environment, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { spec, attempt, .. } = self;
        write!(f, "VerifiedLease({} of {}, attempt {attempt})", spec.function, spec.process_id)
    }
}

/// The reason why work is not run.
#[derive(Clone, Debug)]
pub struct Rejection {
    kind: OutcomeKind,
    words: String,
    rule: Option<String>,
}

impl Rejection {
    /// Returns the kind of result that ends the attempt.
    pub fn kind(&self) -> OutcomeKind {
        self.kind
    }

    /// Returns the reason, for people.
    pub fn words(&self) -> &str {
        &self.words
    }

    /// Returns the guard's rule, if the guard refused.
    pub fn rule(&self) -> Option<&str> {
        self.rule.as_deref()
    }
}

/// Verifies a lease completely: the chain of signatures from the client's colony, that the lease hands out the signed
/// process, that it is for the claimant, that the claimant runs its function, and that the guard does not refuse it.
///
/// # Errors
///
/// The first failed check. [`reject`](super::reject) reports it to the broker.
pub fn examine(
    client: &Client,
    claimant: &Claimant<'_>,
    guard: &Guard,
    lease: &v1::Lease,
) -> Result<VerifiedLease, Rejection> {
    let colony = client.colony();
    let VerifiedSpec { spec, grant } = verify(&colony, lease)?;
    is_ours(claimant, &lease.process_id, &spec)?;
    // Cannot fail: the arguments were checked when the document was opened.
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

/// Verifies an earlier attempt's checkpoint. An invalid one ends this attempt, as a forged spec does: an attacker may
/// want the work to continue from another state, and to continue without the checkpoint could be their aim.
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
    // The broker could hand out a real spec under another process's id, and have its result filed there.
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

    /// Makes the rejection of work whose function the claimant does not run.
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
