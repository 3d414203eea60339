//! What a lease must be before a handler sees its work. Pure: bytes in, verdict out.

use std::sync::Arc;

use apiary_identity::chain::{VerifiedSpec, verify_progress, verify_spec};
use apiary_identity::{Digest, OutcomeKind, Spec};
use apiary_proto::v1;
use bytes::Bytes;
use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Context, Settings};
use crate::Work;
use crate::guard::{Call, Refusal};
use crate::handler::Handler;
use crate::journal::Journal;
use crate::wire::{digest_as_received, envelope_from_proto};
use crate::work::Parts;

/// Work that may be done, and by what.
pub(super) struct Sound {
    pub(super) work: Work,
    pub(super) handler: Handler,
}

/// Why work is not done.
#[derive(Debug)]
pub(super) struct Rejection {
    pub(super) kind: OutcomeKind,
    pub(super) words: String,
    /// The guard's rule, where it was the guard that refused.
    pub(super) rule: Option<String>,
}

/// The digest that a result about this lease names, whatever its envelope is.
pub(super) fn spec_digest(context: &Context, lease: &v1::Lease) -> Digest {
    match &lease.spec {
        Some(spec) => digest_as_received(spec, context.client.id()),
        None => digest_as_received(&v1::Envelope::default(), context.client.id()),
    }
}

/// Checks everything: the chain of signatures, that the lease hands out what was signed, that it is for us,
/// that we can do it, and that the guard has nothing against it.
pub(super) fn examine(context: &Context, process_id: Uuid, lease: &v1::Lease) -> Result<Sound, Rejection> {
    let VerifiedSpec { spec, grant } = verify(context, lease)?;
    is_ours(&context.settings, process_id, &spec)?;
    // Checked when the document was opened, so it is base64 if it is not JSON.
    let args: Bytes = spec.args().to_bytes().map_err(|error| refused(format!("spec: {error}")))?;
    let handler = context.handlers.get(&spec.function).ok_or_else(|| no_handler(context, &spec))?;
    let call = Call { executor_type: Some(&spec.executor_type), function: &spec.function, args: &args };
    context.rules.guard().check(&call).map_err(|refusal| guarded(&refusal))?;
    let max_exec = SignedDuration::from_millis(spec.max_exec_ms);
    let deadline = (!max_exec.is_zero()).then(|| context.client.clock().now().saturating_add(max_exec).ok()).flatten();
    let checkpoint = checkpoint(context, lease)?;
    let journal = Arc::new(Journal::new(Arc::clone(context.client.clock())));
    let work = Work::new(Parts {
        args,
        submitter: grant,
        attempt: lease.attempt,
        retries_left: u32::try_from(lease.retries_left).ok(),
        deadline,
        cancellation: CancellationToken::new(),
        checkpoint,
        journal,
        spec,
    });
    Ok(Sound { work, handler: Arc::clone(handler) })
}

fn verify(context: &Context, lease: &v1::Lease) -> Result<VerifiedSpec, Rejection> {
    let envelope = |name, envelope: &Option<v1::Envelope>| match envelope {
        Some(envelope) => envelope_from_proto(envelope).map_err(|error| refused(format!("{name}: {error}"))),
        None => Err(refused(format!("{name}: the broker sent none"))),
    };
    let grant = envelope("grant", &lease.submitter_grant)?;
    let spec = envelope("spec", &lease.spec)?;
    verify_spec(&context.client.colony(), &grant, &spec).map_err(|link| refused(link.to_string()))
}

/// What an earlier attempt left. One that does not verify ends this attempt, as a forged spec does: somebody between that
/// executor and this one wants the work to go on from something else, and going on without it could be just what they want.
fn checkpoint(context: &Context, lease: &v1::Lease) -> Result<Option<Bytes>, Rejection> {
    let Some(checkpoint) = &lease.checkpoint else { return Ok(None) };
    let envelope = |name: &str, envelope: Option<&v1::Envelope>| match envelope {
        Some(envelope) => envelope_from_proto(envelope).map_err(|error| refused(format!("{name}: {error}"))),
        None => Err(refused(format!("{name}: the broker sent none"))),
    };
    let progress = envelope("checkpoint", Some(checkpoint))?;
    let grant = envelope("grant of the checkpoint's signer", lease.checkpoint_grant.as_ref())?;
    let spec = envelope("spec", lease.spec.as_ref())?;
    let left = verify_progress(&context.client.colony(), &grant, &spec, lease.attempt, &progress)
        .map_err(|link| refused(format!("checkpoint: {link}")))?;
    let content = left.checkpoint().ok_or_else(|| refused("checkpoint: the progress carries none".to_owned()))?;
    content.to_bytes().map(Some).map_err(|error| refused(format!("checkpoint: {error}")))
}

fn is_ours(settings: &Settings, process_id: Uuid, spec: &Spec) -> Result<(), Rejection> {
    if spec.process_id != process_id {
        return Err(refused(format!("spec: signed for process {}, handed out as {process_id}", spec.process_id)));
    }
    if spec.executor_type != settings.executor_type {
        let (theirs, ours) = (&spec.executor_type, &settings.executor_type);
        return Err(refused(format!("spec: signed for executor type `{theirs}`, handed to one of type `{ours}`")));
    }
    match &settings.name {
        _ if spec.executor_names.is_empty() => Ok(()),
        Some(name) if spec.executor_names.contains(name) => Ok(()),
        Some(name) => Err(refused(format!("spec: aimed at {}, handed to `{name}`", spec.executor_names.join(", ")))),
        None => Err(refused(format!(
            "spec: aimed at {}, handed to an executor that does not know its own name: give it its name",
            spec.executor_names.join(", ")
        ))),
    }
}

fn no_handler(context: &Context, spec: &Spec) -> Rejection {
    let known: Vec<&str> = context.handlers.keys().map(String::as_str).collect();
    let words = format!(
        "no handler for function `{}`: executors of type `{}` here do {}",
        spec.function,
        spec.executor_type,
        known.join(", ")
    );
    Rejection { kind: OutcomeKind::FailedFinal, words, rule: None }
}

fn refused(words: String) -> Rejection {
    Rejection { kind: OutcomeKind::Refused, words, rule: None }
}

fn guarded(refusal: &Refusal) -> Rejection {
    Rejection { kind: OutcomeKind::Refused, words: refusal.to_string(), rule: Some(refusal.rule().to_owned()) }
}
