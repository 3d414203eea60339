//! The checks as the edge calls them: a refusal is noted for the colony's events, with what is known of whoever was refused.

use apiary_identity::{Envelope, Grant, Guard, Id, Outcome, Progress, Revocation, Spec};
use apiary_protocol::{EventKind, Reason};
use apiary_store::model::{GrantRecord, NewEvent};
use serde::Deserialize;
use uuid::Uuid;

use super::action::{self, Action};
use super::caller::{Auth, Caller, End, SignedRequest};
use super::permit::of_call;
use super::{Permit, ServerPermit};
use crate::Error;
use crate::limits::REFUSAL_CLAIM_BYTES_MAX;
use crate::refusals::{Named, kind_of};

/// The side that was refused, as far as the call names it.
#[derive(Default)]
struct Suspect {
    colony: Option<Id>,
    key: Option<Id>,
    /// True if the key's signature held.
    is_proven: bool,
    process_id: Option<Uuid>,
    function: String,
}

/// The names in a document whose signature may be wrong.
#[derive(Default, Deserialize)]
struct Names {
    colony: Option<String>,
    process_id: Option<String>,
    function: Option<String>,
}

impl Suspect {
    fn caller(caller: &Caller) -> Self {
        Self { colony: Some(caller.colony), key: Some(caller.key), is_proven: true, ..Self::default() }
    }

    fn request(signed: &SignedRequest) -> Self {
        Self { colony: Some(signed.request.colony), key: Some(signed.key), is_proven: true, ..Self::default() }
    }

    /// Reads the names out of a refused document. Its signature held, unless the error says otherwise: then the names are what somebody
    /// claims, and are read only from a short document. A document that is too large is refused before its signature is checked, and
    /// nothing of it is read.
    fn signer(envelope: &Envelope, error: &Error) -> Self {
        let (is_proven, bytes_max) = match error.reason() {
            Reason::TooLarge => (false, 0),
            Reason::SignatureInvalid => (false, REFUSAL_CLAIM_BYTES_MAX),
            _ => (true, usize::MAX),
        };
        let names = Some(&envelope.payload).filter(|payload| payload.len() <= bytes_max);
        let names: Names = names.and_then(|payload| serde_json::from_slice(payload).ok()).unwrap_or_default();
        Self {
            colony: names.colony.and_then(|text| text.parse().ok()),
            key: Some(envelope.key_id),
            is_proven,
            process_id: names.process_id.and_then(|text| Uuid::try_parse(&text).ok()),
            function: names.function.filter(|_| is_proven).unwrap_or_default(),
        }
    }
}

impl Auth {
    /// Checks the signature under a call before its message is read: it must name this method and this broker, be recent, and carry an
    /// unused nonce.
    pub(crate) fn request(&self, envelope: &Envelope, method: &str) -> Result<SignedRequest, Error> {
        self.by_signer(envelope, self.check_request(envelope, method))
    }

    /// Checks that a signed request is for this message.
    pub(crate) fn caller(&self, signed: &SignedRequest, message: &[u8]) -> Result<Caller, Error> {
        self.check_message(signed, message).inspect_err(|error| self.note(error, Suspect::request(signed)))
    }

    /// Permits a caller to do `A`, by the policy's table.
    pub(crate) async fn permit<A: Action>(&self, caller: &Caller) -> Result<Permit<A>, Error> {
        self.met(self.by_caller(caller, self.check_permit(caller).await))
    }

    /// Permits a caller to claim work of one executor type. Returns all of the caller's grants that cover it, because an executor may
    /// have one for each function.
    pub(crate) async fn permit_claim(
        &self,
        caller: &Caller,
        executor_type: &str,
    ) -> Result<(Permit<action::Claim>, Vec<GrantRecord>), Error> {
        self.met_with(self.by_caller(caller, self.check_claim(caller, executor_type).await))
    }

    /// Permits an executor to register: one with a grant, or a key that never had one and asks for approval.
    pub(crate) async fn permit_register(
        &self,
        caller: &Caller,
        executor_type: &str,
    ) -> Result<Permit<action::RegisterExecutor>, Error> {
        self.met(self.by_caller(caller, self.check_register(caller, executor_type).await))
    }

    /// Permits the server owner, and no other key, to create a colony.
    pub(crate) fn permit_server_owner(&self, caller: &Caller) -> Result<ServerPermit, Error> {
        self.by_caller(caller, self.check_server_owner(caller))
    }

    /// Permits the revocation of grants: the colony's own signature is the permission.
    pub(crate) async fn permit_revoke_grant(
        &self,
        envelope: &Envelope,
    ) -> Result<(Permit<action::RevokeGrant>, Revocation), Error> {
        self.met_with(self.by_signer(envelope, self.check_revoke_grant(envelope).await))
    }

    /// Permits the submit of this spec: its own signature is the permission.
    pub(crate) async fn permit_submit(&self, envelope: &Envelope) -> Result<(Permit<action::Submit>, Spec), Error> {
        let permitted = self.check_submit(envelope).await;
        // A spec of the future is refused by its id's time, with a reason that other faults of form have, too.
        if let Err(error @ Error::Field { field, .. }) = &permitted
            && field == "process_id"
        {
            self.note_as(EventKind::RefusedTime, error, Suspect::signer(envelope, error));
        }
        self.met_with(self.by_signer(envelope, permitted))
    }

    /// Permits the end of an attempt with this result: its own signature is the permission.
    pub(crate) async fn permit_result<A: Action>(&self, envelope: &Envelope) -> Result<(Permit<A>, Outcome), Error> {
        self.met_with(self.by_signer(envelope, self.check_result(envelope).await))
    }

    /// Permits the end of an attempt with this result, as a success or a failure according to its outcome.
    pub(crate) async fn permit_end(&self, envelope: &Envelope) -> Result<End, Error> {
        let end = self.by_signer(envelope, self.check_end(envelope).await);
        match &end {
            Ok(End::Complete(permit, _)) => self.meet(permit),
            Ok(End::Fail(permit, _)) => self.meet(permit),
            Err(_) => {}
        }
        end
    }

    /// Permits this progress report: its own signature is the permission.
    pub(crate) async fn permit_report(&self, envelope: &Envelope) -> Result<(Permit<action::Report>, Progress), Error> {
        self.met_with(self.by_signer(envelope, self.check_report(envelope).await))
    }

    /// Permits this grant: the colony's own signature is the permission.
    pub(crate) async fn permit_add_grant(
        &self,
        envelope: &Envelope,
    ) -> Result<(Permit<action::AddGrant>, Grant), Error> {
        self.met_with(self.by_signer(envelope, self.check_add_grant(envelope).await))
    }

    /// Permits a change of the colony's rules: the colony's own signature is the permission.
    pub(crate) async fn permit_set_guard(
        &self,
        envelope: &Envelope,
    ) -> Result<(Permit<action::SetGuard>, Guard), Error> {
        self.met_with(self.by_signer(envelope, self.check_set_guard(envelope).await))
    }

    /// Notes the refusal of a call whose signature was checked, if it was refused, and passes its outcome on.
    pub(crate) fn by_caller<T>(&self, caller: &Caller, outcome: Result<T, Error>) -> Result<T, Error> {
        outcome.inspect_err(|error| self.note(error, Suspect::caller(caller)))
    }

    /// Notes the refusal of a call before anything of it was checked, and passes its error on.
    pub(crate) fn unread(&self, signed: Option<&SignedRequest>, error: Error) -> Error {
        self.note(&error, signed.map(Suspect::request).unwrap_or_default());
        error
    }

    /// Notes the address of a call that was permitted, and passes its outcome on.
    fn met<A: Action>(&self, permitted: Result<Permit<A>, Error>) -> Result<Permit<A>, Error> {
        permitted.inspect(|permit| self.meet(permit))
    }

    fn met_with<A: Action, T>(&self, permitted: Result<(Permit<A>, T), Error>) -> Result<(Permit<A>, T), Error> {
        permitted.inspect(|(permit, _)| self.meet(permit))
    }

    fn meet<A: Action>(&self, permit: &Permit<A>) {
        // A key without a grant is told by its request for approval.
        if !permit.is_strangers() {
            self.addresses.note(permit.colony().key, permit.key(), |kind, now_ms| permit.event(kind, now_ms));
        }
    }

    fn by_signer<T>(&self, envelope: &Envelope, outcome: Result<T, Error>) -> Result<T, Error> {
        outcome.inspect_err(|error| {
            if kind_of(error).is_some() {
                self.note(error, Suspect::signer(envelope, error));
            }
        })
    }

    fn note(&self, error: &Error, suspect: Suspect) {
        if let Some(kind) = kind_of(error) {
            self.note_as(kind, error, suspect);
        }
    }

    fn note_as(&self, kind: EventKind, error: &Error, suspect: Suspect) {
        let event = NewEvent {
            reason: error.reason().as_str().to_owned(),
            key: suspect.key,
            is_proven: suspect.is_proven,
            process_id: suspect.process_id,
            function: suspect.function,
            detail: error.to_string(),
            ..of_call(kind, self.clock.now_ms())
        };
        let colony = match suspect.colony {
            Some(id) if self.grants.remembers_colony(&id) => Named::Known(id),
            other => Named::Claimed(other),
        };
        self.refusals.note(colony, event);
    }
}

#[cfg(test)]
mod tests {
    use apiary_identity::{Clock as _, KeyPair, SystemClock};

    use super::*;

    #[test]
    fn little_is_read_of_what_nobody_proved() {
        let (colony, key) = (KeyPair::generate().id(), KeyPair::generate());
        let spec = Spec::new(colony, "t", "charge", SystemClock.now());
        let envelope = Envelope::seal(&key, &spec).unwrap();
        let read = |envelope: &Envelope, error: Error| {
            let suspect = Suspect::signer(envelope, &error);
            assert_eq!(suspect.key, Some(key.id()));
            (suspect.colony, suspect.process_id, suspect.function, suspect.is_proven)
        };
        let (id, none) = (Some(spec.process_id), String::new());
        let proven = read(&envelope, Error::NotPermitted(String::new()));
        assert_eq!(proven, (Some(colony), id, "charge".to_owned(), true));
        let future = read(&envelope, Error::field("process_id", "is of the future"));
        assert_eq!(future, (Some(colony), id, "charge".to_owned(), true), "its signature held");
        let forged = || Error::SignatureInvalid(String::new());
        assert_eq!(read(&envelope, forged()), (Some(colony), id, none.clone(), false));
        assert_eq!(read(&envelope, Error::TooLarge(String::new())), (None, None, none.clone(), false));
        let mut long = envelope.payload.to_vec();
        long.resize(REFUSAL_CLAIM_BYTES_MAX + 1, b' ');
        let long = Envelope { payload: long.into(), ..envelope };
        assert_eq!(read(&long, forged()), (None, None, none, false));
        assert!(read(&long, Error::NotPermitted(String::new())).3);
    }
}
