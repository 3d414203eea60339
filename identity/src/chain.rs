//! The chain of trust, from the colony's key down: colony → grant → spec, and colony → grant → result.
//!
//! A compromised broker can send an executor any bytes. Bytes that pass these checks were signed by a key to which the
//! colony granted that right; all others give a [`BrokenLink`] that names the failed check.

use jiff::Timestamp;

use crate::{
    Document, Envelope, EnvelopeError, Grant, Guard, Id, Outcome, OutcomeKind, Progress, Revocation, Role, Spec,
};

/// Failed checks of the chain, each with the link that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokenLink {
    /// The grant is not what the colony signed.
    #[error("grant: {0}")]
    Grant(EnvelopeError),
    /// The grant is signed, but by another key than the colony's.
    #[error("grant: signed by {signer}, not by the colony {colony}")]
    GrantForeign {
        /// The signer.
        signer: Id,
        /// The colony, whose signature is required.
        colony: Id,
    },
    /// The grant is signed by this colony, but made for another.
    #[error("grant: made for colony {0}")]
    GrantElsewhere(Id),
    /// The grant gives its key another role than the one needed.
    #[error("grant: `{name}` is {found}, and this needs {needed}")]
    GrantRole {
        /// The grant's name.
        name: String,
        /// The grant's role.
        found: &'static str,
        /// The role needed.
        needed: &'static str,
    },
    /// The grant was not in force.
    #[error("grant: `{name}` is valid from {valid_from} until {valid_until}, and this is of {moment}")]
    GrantExpired {
        /// The grant's name.
        name: String,
        /// Start of its validity, included.
        valid_from: Timestamp,
        /// End of its validity, not included.
        valid_until: Timestamp,
        /// Time of its use.
        moment: Timestamp,
    },
    /// The grant does not cover this work.
    #[error("grant: `{name}` does not cover function `{function}` for executor type `{executor_type}`")]
    GrantScope {
        /// The grant's name.
        name: String,
        /// The function asked for.
        function: String,
        /// The executor type asked for.
        executor_type: String,
    },
    /// The spec is not what its submitter signed.
    #[error("spec: {0}")]
    Spec(EnvelopeError),
    /// The spec is signed, but not by the key that the grant names.
    #[error("spec: signed by {signer}, and the grant is for {granted}")]
    SpecSigner {
        /// The signer.
        signer: Id,
        /// The key that the grant names.
        granted: Id,
    },
    /// The spec is for another colony.
    #[error("spec: made for colony {0}")]
    SpecForeign(Id),
    /// The result is not what its executor signed.
    #[error("result: {0}")]
    Result(EnvelopeError),
    /// The result is signed, but not by the key that the grant names.
    #[error("result: signed by {signer}, and the grant is for {granted}")]
    ResultSigner {
        /// The signer.
        signer: Id,
        /// The key that the grant names.
        granted: Id,
    },
    /// The result belongs to another process, attempt or spec; the text is the field that differs.
    #[error("result: its `{0}` is not that of the work it is shown with")]
    ResultElsewhere(&'static str),
    /// The progress is not what its executor signed.
    #[error("progress: {0}")]
    Progress(EnvelopeError),
    /// The progress is signed, but not by the key that the grant names.
    #[error("progress: signed by {signer}, and the grant is for {granted}")]
    ProgressSigner {
        /// The signer.
        signer: Id,
        /// The key that the grant names.
        granted: Id,
    },
    /// The progress belongs to another process, attempt or spec; the text is the field that differs.
    #[error("progress: its `{0}` is not that of the work it is shown with")]
    ProgressElsewhere(&'static str),
    /// A revocation or guard is not what the colony signed.
    #[error("{what}: {error}")]
    Statement {
        /// `revocation` or `guard`.
        what: &'static str,
        /// The fault.
        error: EnvelopeError,
    },
    /// A revocation or guard is signed, but by another key than the colony's.
    #[error("{what}: signed by {signer}, not by the colony {colony}")]
    StatementForeign {
        /// `revocation` or `guard`.
        what: &'static str,
        /// The signer.
        signer: Id,
        /// The colony, whose signature is required.
        colony: Id,
    },
    /// A revocation or guard is signed by this colony, but made for another.
    #[error("{what}: made for colony {colony}")]
    StatementElsewhere {
        /// `revocation` or `guard`.
        what: &'static str,
        /// The colony that it names.
        colony: Id,
    },
}

/// A spec whose chain was checked, with the grant that permits it.
#[derive(Clone, Debug)]
pub struct VerifiedSpec {
    /// The function to run.
    pub spec: Spec,
    /// The submitter's grant.
    pub grant: Grant,
}

/// Checks a grant: signed by this colony, for this colony.
pub fn verify_grant(colony: &Id, grant: &Envelope) -> Result<Grant, BrokenLink> {
    let signer = grant.key_id;
    if signer != *colony {
        return Err(BrokenLink::GrantForeign { signer, colony: *colony });
    }
    let grant: Grant = grant.open_known().map_err(BrokenLink::Grant)?;
    if grant.colony != *colony {
        return Err(BrokenLink::GrantElsewhere(grant.colony));
    }
    Ok(grant)
}

/// Checks a revocation: signed by this colony, for this colony.
pub fn verify_revocation(colony: &Id, revocation: &Envelope) -> Result<Revocation, BrokenLink> {
    statement("revocation", colony, revocation, |revocation: &Revocation| revocation.colony)
}

/// Checks a guard: signed by this colony, for this colony. The caller compares versions: an old guard still verifies.
pub fn verify_guard(colony: &Id, guard: &Envelope) -> Result<Guard, BrokenLink> {
    statement("guard", colony, guard, |guard: &Guard| guard.colony)
}

/// Checks a spec and the grant under it. The grant must have been in force when the spec was made.
pub fn verify_spec(colony: &Id, grant: &Envelope, spec: &Envelope) -> Result<VerifiedSpec, BrokenLink> {
    let grant = verify_grant(colony, grant)?;
    // The signature is checked against the key named in the envelope; `permits` then requires that key to be the
    // grant's.
    let opened: Spec = spec.open().map_err(BrokenLink::Spec)?;
    permits(colony, &grant, spec.key_id, &opened)?;
    Ok(VerifiedSpec { spec: opened, grant })
}

/// Checks that a verified grant lets `signer` submit this verified spec.
pub fn permits(colony: &Id, grant: &Grant, signer: Id, spec: &Spec) -> Result<(), BrokenLink> {
    if grant.key != signer {
        return Err(BrokenLink::SpecSigner { signer, granted: grant.key });
    }
    if spec.colony != *colony {
        return Err(BrokenLink::SpecForeign(spec.colony));
    }
    // Executors may submit too: a child's spec is signed by the executor that wants it done.
    covers(grant, &spec.executor_type, &spec.function)?;
    // A checked spec always has a time; without one it would count as made before every grant.
    in_force(grant, spec.made_at().unwrap_or(Timestamp::MIN))
}

/// An executor's signed statement about its work: a result, or progress.
#[derive(Clone, Copy, Debug)]
pub struct WorkStatement<'a> {
    /// The executor type that the work is for.
    pub executor_type: &'a str,
    /// The function to run.
    pub function: &'a str,
    /// `true` if the statement says that the function was run, wholly or in part.
    pub says_done: bool,
    /// Time of the statement, by the executor's clock.
    pub at: Timestamp,
}

/// Checks that a verified grant lets its key sign this statement: an executor's grant, in force at that time, that
/// covers the function if the function was run. The broker calls this before it stores a statement and the verifier
/// calls it afterwards, so that every stored statement can be verified.
pub fn may_state(grant: &Grant, statement: &WorkStatement<'_>) -> Result<(), BrokenLink> {
    if grant.role != Role::Executor {
        return Err(BrokenLink::GrantRole { name: grant.name.clone(), found: grant.role.as_str(), needed: "executor" });
    }
    in_force(grant, statement.at)?;
    // Any executor of the type may report that it cannot run a function. A grant for the function is needed to have run
    // it.
    if statement.says_done { covers(grant, statement.executor_type, statement.function) } else { Ok(()) }
}

/// Checks a result, the executor's grant, and that the result answers this spec in this attempt. [`verify_spec`] checks
/// the submitter.
pub fn verify_result(
    colony: &Id,
    grant: &Envelope,
    spec: &Envelope,
    attempt: i32,
    result: &Envelope,
) -> Result<Outcome, BrokenLink> {
    let grant = verify_grant(colony, grant)?;
    let outcome: Outcome = result.open().map_err(BrokenLink::Result)?;
    if grant.key != result.key_id {
        return Err(BrokenLink::ResultSigner { signer: result.key_id, granted: grant.key });
    }
    let asked: Spec = spec.open().map_err(BrokenLink::Spec)?;
    let statement = WorkStatement {
        executor_type: &asked.executor_type,
        function: &asked.function,
        says_done: outcome.outcome == OutcomeKind::Succeeded,
        at: outcome.finished_at,
    };
    may_state(&grant, &statement)?;
    // A refusal reports that the bytes received differ from the bytes submitted. It carries the digest of those
    // received.
    let is_of_the_spec = outcome.outcome == OutcomeKind::Refused || outcome.spec_digest == spec.digest();
    // The executor's signature alone is no proof: a broker could show a real result of other work in this one's place.
    let belongs = [
        ("colony", outcome.colony == *colony),
        ("process_id", outcome.process_id == asked.process_id),
        ("attempt", outcome.attempt == attempt),
        ("spec_digest", is_of_the_spec),
        ("executor_type", grant.scopes.cover_executor_type(&asked.executor_type)),
        ("executor_names", asked.executor_names.is_empty() || asked.executor_names.contains(&grant.name)),
    ];
    match belongs.iter().find(|(_, holds)| !holds) {
        Some((what, _)) => Err(BrokenLink::ResultElsewhere(what)),
        None => Ok(outcome),
    }
}

/// Checks an earlier attempt's progress, from which attempt number `attempt` may continue: the executor's grant, in
/// force when the progress was made, and that it was made for this spec.
pub fn verify_progress(
    colony: &Id,
    grant: &Envelope,
    spec: &Envelope,
    attempt: i32,
    progress: &Envelope,
) -> Result<Progress, BrokenLink> {
    let grant = verify_grant(colony, grant)?;
    let left: Progress = progress.open().map_err(BrokenLink::Progress)?;
    if grant.key != progress.key_id {
        return Err(BrokenLink::ProgressSigner { signer: progress.key_id, granted: grant.key });
    }
    let asked: Spec = spec.open().map_err(BrokenLink::Spec)?;
    let statement =
        WorkStatement { executor_type: &asked.executor_type, function: &asked.function, says_done: true, at: left.at };
    may_state(&grant, &statement)?;
    let belongs = [
        ("colony", left.colony == *colony && asked.colony == *colony),
        ("process_id", left.process_id == asked.process_id),
        ("attempt", left.attempt < attempt),
        ("spec_digest", left.spec_digest == spec.digest()),
        ("executor_names", asked.executor_names.is_empty() || asked.executor_names.contains(&grant.name)),
    ];
    match belongs.iter().find(|(_, holds)| !holds) {
        Some((what, _)) => Err(BrokenLink::ProgressElsewhere(what)),
        None => Ok(left),
    }
}

/// Opens a statement that only the colony may sign.
fn statement<D: Document>(
    what: &'static str,
    colony: &Id,
    envelope: &Envelope,
    spoken_of: fn(&D) -> Id,
) -> Result<D, BrokenLink> {
    let signer = envelope.key_id;
    if signer != *colony {
        return Err(BrokenLink::StatementForeign { what, signer, colony: *colony });
    }
    let said: D = envelope.open().map_err(|error| BrokenLink::Statement { what, error })?;
    let spoken_of = spoken_of(&said);
    if spoken_of != *colony {
        return Err(BrokenLink::StatementElsewhere { what, colony: spoken_of });
    }
    Ok(said)
}

fn covers(grant: &Grant, executor_type: &str, function: &str) -> Result<(), BrokenLink> {
    if grant.scopes.cover(executor_type, function) {
        return Ok(());
    }
    Err(BrokenLink::GrantScope {
        name: grant.name.clone(),
        function: function.to_owned(),
        executor_type: executor_type.to_owned(),
    })
}

fn in_force(grant: &Grant, moment: Timestamp) -> Result<(), BrokenLink> {
    if grant.is_valid_at(moment) {
        return Ok(());
    }
    Err(BrokenLink::GrantExpired {
        name: grant.name.clone(),
        valid_from: grant.valid_from,
        valid_until: grant.valid_until,
        moment,
    })
}
