//! Signature checks, and the permits that follow from them.

use std::sync::Arc;
use std::time::Instant;

use apiary_daemon::door::identify_caller;
use apiary_identity::{
    Clock, Document, Envelope, Grant, Guard, Id, Nonce, Outcome, OutcomeKind, Progress, Request, Revocation, Role,
    Spec, chain,
};
use apiary_store::model::{Colony, GrantRecord};
use uuid::Uuid;

use super::action::{self, Action};
use super::policy::{Extent, Ground, extent, needed};
use super::replay::Replay;
use super::{Permit, PermitHolder, ServerPermit};
use crate::Error;
use crate::addresses::KeyAddresses;
use crate::grant_cache::GrantCache;
use crate::limits::CLOCK_SKEW_MS_MAX;
use crate::metrics::BrokerMetrics;
use crate::refusals::Refusals;

/// A caller whose signature under this very call was checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    /// The key that signed.
    pub(crate) key: Id,
    /// The colony that the call is about.
    pub(crate) colony: Id,
    /// The nonce to use up; `None` if the message itself is the signed document.
    nonce: Option<Nonce>,
}

impl Caller {
    /// Returns a caller, and shows it in the call's span.
    fn new(key: Id, colony: Id, nonce: Option<Nonce>) -> Self {
        identify_caller(colony, key);
        Self { key, colony, nonce }
    }
}

/// A checked signature under a call whose message has not been read yet.
pub(crate) struct SignedRequest {
    pub(super) key: Id,
    pub(super) request: Request,
}

/// Permission to end an attempt, with its signed outcome.
pub(crate) enum End {
    /// A success.
    Complete(Permit<action::Complete>, Outcome),
    /// Any other outcome.
    Fail(Permit<action::Fail>, Outcome),
}

/// Checks signatures and makes permits.
pub(crate) struct Auth {
    pub(super) grants: Arc<GrantCache>,
    pub(super) clock: Arc<dyn Clock>,
    broker_id: Uuid,
    server_owner: Option<Id>,
    window_ms: i64,
    replay: Replay,
    pub(super) refusals: Arc<Refusals>,
    metrics: Arc<BrokerMetrics>,
    pub(super) addresses: Arc<KeyAddresses>,
}

impl Auth {
    pub(crate) fn new(
        grants: Arc<GrantCache>,
        clock: Arc<dyn Clock>,
        broker_id: Uuid,
        server_owner: Option<Id>,
        window_ms: i64,
        refusals: Arc<Refusals>,
        metrics: Arc<BrokerMetrics>,
        addresses: Arc<KeyAddresses>,
    ) -> Self {
        let replay = Replay::new(window_ms);
        Self { grants, clock, broker_id, server_owner, window_ms, replay, refusals, metrics, addresses }
    }

    /// Checks the signature of a document, and reads it.
    fn open<D: Document>(&self, envelope: &Envelope) -> Result<D, Error> {
        let begun = Instant::now();
        let opened = envelope.open();
        self.metrics.verified(begun.elapsed());
        Ok(opened?)
    }

    /// Checks the signature under a call before its message is read: it must name this method and this broker, be recent, and carry an
    /// unused nonce.
    pub(super) fn check_request(&self, envelope: &Envelope, method: &str) -> Result<SignedRequest, Error> {
        let request: Request = self.open(envelope)?;
        if request.broker_id != self.broker_id.to_string() {
            return Err(Error::BrokerUnknown);
        }
        if request.method != method {
            return Err(Error::SignatureInvalid(format!(
                "the request was signed for `{}`, not for `{method}`",
                request.method
            )));
        }
        // Age before nonce: the nonce of an older request may be forgotten already, so the memory could no longer detect a repeat.
        let now = self.clock.now();
        let distance_ms = now.as_millisecond().saturating_sub(request.time.as_millisecond());
        if distance_ms.saturating_abs() > self.window_ms {
            return Err(Error::RequestStale {
                signed_at: request.time.to_string(),
                now: now.to_string(),
                window_ms: self.window_ms,
            });
        }
        // Only looked up here: the message may turn out to be another one, and the caller may have no permission.
        self.replay.check(envelope.key_id, request.nonce)?;
        // Before the message is read: lines about that say whose it is.
        identify_caller(request.colony, envelope.key_id);
        Ok(SignedRequest { key: envelope.key_id, request })
    }

    /// Checks that a signed request is for this message. The nonce is used up later, with the permit: strangers, who can sign as much
    /// as they like, must not fill the memory of nonces.
    pub(super) fn check_message(&self, signed: &SignedRequest, message: &[u8]) -> Result<Caller, Error> {
        let SignedRequest { key, request } = signed;
        if request.message_sha256 != Request::digest(message) {
            return Err(Error::SignatureInvalid(
                "the message is not the one that was signed: hash the protobuf bytes exactly as they are sent".into(),
            ));
        }
        Ok(Caller::new(*key, request.colony, Some(request.nonce)))
    }

    /// True if the signer of a request has a grant in force, or is an owner. If the database cannot be asked, the signer counts as
    /// unknown; the call itself then reports the failure.
    pub(crate) async fn knows(&self, signed: &SignedRequest) -> bool {
        let key = signed.key;
        if self.server_owner == Some(key) {
            return true;
        }
        let Ok(colony) = self.grants.colony(&signed.request.colony).await else { return false };
        let now = self.clock.now();
        let is_granted = self.grants.find(&colony, &key, |grant| grant.grant.is_valid_at(now));
        key == colony.id || is_granted.await.is_ok_and(|grant| grant.is_some())
    }

    /// Uses up the nonce of a call that is permitted otherwise.
    fn once(&self, caller: &Caller) -> Result<(), Error> {
        // A signed document has no nonce: its ids make a repeat harmless.
        let Some(nonce) = caller.nonce else { return Ok(()) };
        self.replay.admit(caller.key, nonce, self.clock.now_ms())
    }

    /// Permits a caller to do `A`, by the policy's table.
    pub(super) async fn check_permit<A: Action>(&self, caller: &Caller) -> Result<Permit<A>, Error> {
        let colony = self.colony_of(caller).await?;
        // The colony's own key comes first: it needs no grant, so nothing is read.
        if caller.key == colony.id && A::CALL.grounds().contains(&Ground::ColonyOwner) {
            self.once(caller)?;
            return Ok(Permit::new(colony, PermitHolder::ColonyOwner));
        }
        match self.widest_grant::<A>(&colony, caller).await? {
            Some(grant) => {
                // Only after a grant was found: see `check_message`.
                self.once(caller)?;
                Ok(Permit::new(colony, PermitHolder::Granted(Box::new(grant))))
            }
            None => Err(Error::NotPermitted(format!("this needs {}, in force now", needed(A::CALL.need())))),
        }
    }

    /// Returns the caller's grant that permits most of `A`; of several alike, the oldest.
    async fn widest_grant<A: Action>(&self, colony: &Colony, caller: &Caller) -> Result<Option<GrantRecord>, Error> {
        let now = self.clock.now();
        let extent = |grant: &GrantRecord| {
            Some(&grant.grant).filter(|grant| grant.is_valid_at(now)).and_then(|grant| extent(A::CALL, grant))
        };
        self.grants.find_greatest(colony, &caller.key, extent, &Extent::WHOLE).await
    }

    /// Permits a caller to claim work of one executor type. Returns all of the caller's grants that cover it, because an executor may
    /// have one for each function.
    pub(super) async fn check_claim(
        &self,
        caller: &Caller,
        executor_type: &str,
    ) -> Result<(Permit<action::Claim>, Vec<GrantRecord>), Error> {
        let colony = self.colony_of(caller).await?;
        let now = self.clock.now();
        // Only the executor type is checked here. The functions are matched process by process, under the grant that covers each.
        let suits = |grant: &GrantRecord| {
            let grant = &grant.grant;
            grant.role == Role::Executor && grant.is_valid_at(now) && grant.scopes.cover_executor_type(executor_type)
        };
        let grants = self.grants.find_all(&colony, &caller.key, suits).await?;
        match grants.first() {
            Some(first) => {
                self.once(caller)?;
                Ok((Permit::new(colony, PermitHolder::Granted(Box::new(first.clone()))), grants))
            }
            None => Err(Error::NotPermitted(format!(
                "claiming needs an executor's grant for executor type `{executor_type}`, in force now"
            ))),
        }
    }

    /// Permits an executor to register: one with a grant, or a key that never had one and asks for approval.
    pub(super) async fn check_register(
        &self,
        caller: &Caller,
        executor_type: &str,
    ) -> Result<Permit<action::RegisterExecutor>, Error> {
        let colony = self.colony_of(caller).await?;
        let now = self.clock.now();
        let is_executor = |grant: &GrantRecord| grant.grant.role == Role::Executor;
        let suits = |grant: &GrantRecord| {
            is_executor(grant) && grant.grant.is_valid_at(now) && grant.grant.scopes.cover_executor_type(executor_type)
        };
        if let Some(grant) = self.grants.find(&colony, &caller.key, suits).await? {
            self.once(caller)?;
            return Ok(Permit::new(colony, PermitHolder::Granted(Box::new(grant))));
        }
        if caller.key == colony.id {
            return Err(Error::NotPermitted("the colony's own key is no executor's: make one for the executor".into()));
        }
        // A key that had a grant does not wait for approval again: the owner who ended the grant decides, not the queue of strangers.
        let grants = self.grants.of_key(&colony, &caller.key).await?;
        match grants.iter().rfind(|grant| is_executor(grant)) {
            // The nonce is not used up: strangers sign as much as they like, and registering the same again changes nothing.
            None => Ok(Permit::new(colony, PermitHolder::Stranger(caller.key))),
            Some(grant) => Err(Error::NotPermitted(match grant.revoked_from_ms {
                Some(_) => format!("`{}` was removed: ask the colony's owner for a new grant", grant.grant.name),
                None => format!(
                    "the grant of `{}` does not cover executor type `{executor_type}` now: ask the colony's owner",
                    grant.grant.name
                ),
            })),
        }
    }

    /// Permits the revocation of grants: the colony's own signature is the permission.
    pub(super) async fn check_revoke_grant(
        &self,
        envelope: &Envelope,
    ) -> Result<(Permit<action::RevokeGrant>, Revocation), Error> {
        let colony = self.signing_colony::<Revocation>(envelope, "revocations").await?;
        let revocation = chain::verify_revocation(&colony.id, envelope)?;
        let ahead_ms = revocation.from.as_millisecond().saturating_sub(self.clock.now_ms());
        if ahead_ms > CLOCK_SKEW_MS_MAX {
            return Err(Error::field(
                "from",
                format!(
                    "is more than {} s ahead of the broker's clock: a revocation holds at once, so send it when it is to",
                    CLOCK_SKEW_MS_MAX / 1000
                ),
            ));
        }
        Ok((owners_permit(colony), revocation))
    }

    /// Permits the server owner, and no other key, to create a colony.
    pub(super) fn check_server_owner(&self, caller: &Caller) -> Result<ServerPermit, Error> {
        match self.server_owner {
            Some(owner) if owner == caller.key => {
                self.once(caller)?;
                Ok(ServerPermit::new(caller.key))
            }
            Some(_) => Err(Error::NotPermitted("colonies are created with the server owner's key".into())),
            None => Err(Error::NotPermitted(
                "this broker has no server owner: set `broker.server_owner` to the id of the key that may create colonies"
                    .into(),
            )),
        }
    }

    /// Permits the submit of this spec: its own signature is the permission.
    pub(super) async fn check_submit(&self, envelope: &Envelope) -> Result<(Permit<action::Submit>, Spec), Error> {
        let spec: Spec = self.open(envelope)?;
        identify_caller(spec.colony, envelope.key_id);
        let now = self.clock.now();
        // After `submit_by` the id of a deleted process may be forgotten: the same spec would then make the process again.
        if spec.submit_by < now {
            return Err(Error::SubmitByOver { submit_by: spec.submit_by.to_string(), now: now.to_string() });
        }
        let made_at_ms = spec.made_at().map_or(i64::MAX, |made_at| made_at.as_millisecond());
        if made_at_ms > now.as_millisecond() + CLOCK_SKEW_MS_MAX {
            return Err(Error::field(
                "process_id",
                format!(
                    "is of a time more than {} s after the broker's clock ({now}): set the submitter's clock (NTP)",
                    CLOCK_SKEW_MS_MAX / 1000
                ),
            ));
        }
        let colony = self.grants.colony(&spec.colony).await?;
        // A key may have several grants; any of them that covers this very spec is enough.
        let fits = |grant: &GrantRecord| {
            grant.grant.is_valid_at(now)
                && extent(action::Submit::CALL, &grant.grant).is_some()
                && chain::permits(&colony.id, &grant.grant, envelope.key_id, &spec).is_ok()
        };
        match self.grants.find(&colony, &envelope.key_id, fits).await? {
            Some(grant) => Ok((Permit::new(colony, PermitHolder::Granted(Box::new(grant))), spec)),
            None => Err(self.why_not(&colony, envelope, &spec).await?),
        }
    }

    /// Permits the end of an attempt with this result: its own signature is the permission.
    pub(super) async fn check_result<A: Action>(&self, envelope: &Envelope) -> Result<(Permit<A>, Outcome), Error> {
        let outcome: Outcome = self.open(envelope)?;
        let caller = Caller::new(envelope.key_id, outcome.colony, None);
        Ok((self.check_permit(&caller).await?, outcome))
    }

    /// Permits the end of an attempt with this result, as a success or a failure according to its outcome.
    pub(super) async fn check_end(&self, envelope: &Envelope) -> Result<End, Error> {
        let outcome: Outcome = self.open(envelope)?;
        let caller = Caller::new(envelope.key_id, outcome.colony, None);
        Ok(match outcome.outcome {
            OutcomeKind::Succeeded => End::Complete(self.check_permit(&caller).await?, outcome),
            _ => End::Fail(self.check_permit(&caller).await?, outcome),
        })
    }

    /// Permits this progress report: its own signature is the permission.
    pub(super) async fn check_report(&self, envelope: &Envelope) -> Result<(Permit<action::Report>, Progress), Error> {
        let progress: Progress = self.open(envelope)?;
        let caller = Caller::new(envelope.key_id, progress.colony, None);
        Ok((self.check_permit(&caller).await?, progress))
    }

    /// Permits this grant: the colony's own signature is the permission.
    pub(super) async fn check_add_grant(
        &self,
        envelope: &Envelope,
    ) -> Result<(Permit<action::AddGrant>, Grant), Error> {
        let colony = self.signing_colony::<Grant>(envelope, "grants").await?;
        let grant = chain::verify_grant(&colony.id, envelope)?;
        Ok((owners_permit(colony), grant))
    }

    /// Permits a change of the colony's rules: the colony's own signature is the permission.
    pub(super) async fn check_set_guard(
        &self,
        envelope: &Envelope,
    ) -> Result<(Permit<action::SetGuard>, Guard), Error> {
        let colony = self.signing_colony::<Guard>(envelope, "guards").await?;
        let guard = chain::verify_guard(&colony.id, envelope)?;
        Ok((owners_permit(colony), guard))
    }

    /// Returns the colony whose own key signed a document of this type; the signature itself is still to be checked.
    async fn signing_colony<D: Document>(&self, envelope: &Envelope, documents: &str) -> Result<Colony, Error> {
        // Checked first: a document of another type would otherwise be reported as one signed by the wrong key.
        if envelope.payload_type != D::PAYLOAD_TYPE {
            return Err(envelope.open::<D>().err().map_or(Error::Unsigned, Error::from));
        }
        self.grants.colony(&envelope.key_id).await.map_err(|error| match error {
            // With a wrong signature, the key is only claimed.
            Error::ColonyUnknown(id) => envelope.open::<D>().err().map_or_else(
                || {
                    Error::NotPermitted(format!(
                        "{documents} are signed by a colony's own key, and `{id}` is none here"
                    ))
                },
                Error::from,
            ),
            other => other,
        })
    }

    async fn colony_of(&self, caller: &Caller) -> Result<Colony, Error> {
        self.grants.colony(&caller.colony).await
    }

    /// Returns the reason why no grant permits the spec: the failing check of the grant that comes closest.
    async fn why_not(&self, colony: &Colony, envelope: &Envelope, spec: &Spec) -> Result<Error, Error> {
        let grants = self.grants.of_key(colony, &envelope.key_id).await?;
        // A revoked grant explains a rejection only if the key has no other.
        let Some(grant) = grants.iter().find(|grant| grant.revoked_from_ms.is_none()).or(grants.first()) else {
            return Ok(Error::NotPermitted(format!(
                "the key {} has no grant in colony `{}`",
                envelope.key_id, colony.name
            )));
        };
        if grant.revoked_from_ms.is_some() {
            return Ok(Error::NotPermitted(format!("the grant of `{}` was revoked", grant.grant.name)));
        }
        if !grant.grant.is_valid_at(self.clock.now()) {
            return Ok(Error::NotPermitted(format!(
                "the grant of `{}` is valid from {} until {}",
                grant.grant.name, grant.grant.valid_from, grant.grant.valid_until
            )));
        }
        match chain::permits(&colony.id, &grant.grant, envelope.key_id, spec) {
            Err(link) => Ok(link.into()),
            Ok(()) => Ok(Error::NotPermitted("no grant of this key covers the spec".into())),
        }
    }
}

/// Returns the permit of a colony's own key, whose signature was checked.
fn owners_permit<A: Action>(colony: Colony) -> Permit<A> {
    identify_caller(colony.id, colony.id);
    Permit::new(colony, PermitHolder::ColonyOwner)
}
