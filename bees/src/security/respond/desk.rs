//! The outside, as a response needs it: the colony's pauses, grants and signed results, and accounts of Supabase.

use std::sync::Arc;

use apiary_executor_sdk::wire::envelope_from_proto;
use apiary_executor_sdk::{Client, ClientError, Failure, Reason, v1};
use apiary_identity::chain::{verify_result, verify_spec};
use apiary_identity::{Id, OutcomeKind};
use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use super::Response;
use super::plan::{GrantState, PauseKind, PauseState, Plan, Undone, Wish};
use crate::security::colony;
use crate::security::settings::Config;
use crate::security::supabase::{Account, Accounts, Change};

/// The outside, as a response sees it.
#[async_trait]
pub(super) trait Desk: Send + Sync {
    /// Returns the time.
    fn now(&self) -> Timestamp;
    /// Returns the pause of a thing; `None` if it is not paused.
    async fn pause_of(&self, kind: PauseKind, name: &str) -> Result<Option<PauseState>, Failure>;
    /// Pauses a thing, unless it is paused.
    async fn pause(&self, kind: PauseKind, name: &str, reason: &str) -> Result<(), Failure>;
    /// Ends the pause of a thing.
    async fn resume(&self, kind: PauseKind, name: &str) -> Result<(), Failure>;
    /// Returns the grants of a key that are not revoked, in a fixed order.
    async fn grants_of(&self, key: Id) -> Result<Vec<GrantState>, Failure>;
    /// Returns an account.
    async fn account(&self, user_id: Uuid) -> Result<Account, Failure>;
    /// Changes an account.
    async fn change(&self, user_id: Uuid, change: Change) -> Result<(), Failure>;
    /// Returns the signed result of an earlier process of `respond_threat`.
    async fn proof(&self, process_id: Uuid) -> Result<Proof, Failure>;
}

/// The verified result of an earlier process.
pub(super) struct Proof {
    /// The result.
    pub(super) response: Response,
    /// When it was signed, by the clock of the bee that did.
    pub(super) finished_at: Timestamp,
}

impl Proof {
    /// Returns the plan of a dry run.
    pub(super) fn plan(self, process_id: Uuid) -> Result<Plan, String> {
        if !self.response.dry_run {
            return Err(format!("process {process_id} is a response, not a dry run: pass the id of a dry run"));
        }
        if self.response.plan.digest() != self.response.digest {
            return Err(format!("the plan of process {process_id} and its digest do not agree: make another dry run"));
        }
        Ok(self.response.plan)
    }

    /// Returns the response to undo.
    pub(super) fn undone(self, process_id: Uuid) -> Result<Undone, String> {
        let Response { dry_run, plan, .. } = self.response;
        match (dry_run, &plan.wish) {
            (true, _) => Err(format!("process {process_id} is a dry run, which changed nothing")),
            (_, Wish::Undo { .. }) => Err(format!("process {process_id} is an undo: submit the first response again")),
            _ => Ok(Undone { response: process_id, wish: plan.wish, before: plan.before }),
        }
    }
}

/// The colony, and the accounts that the settings name.
pub(super) struct ColonyDesk {
    client: Client,
    config: Arc<Config>,
}

impl ColonyDesk {
    pub(super) fn new(client: Client, config: Arc<Config>) -> Self {
        Self { client, config }
    }

    fn accounts(&self) -> Result<&Accounts, Failure> {
        self.config.accounts.as_ref().ok_or_else(|| {
            Failure::fatal(
                "no Supabase project is set: set `security.supabase_url` and `security.supabase_service_role_key` for the security \
                 bee, and start it again",
            )
        })
    }
}

#[async_trait]
impl Desk for ColonyDesk {
    fn now(&self) -> Timestamp {
        self.client.clock().now()
    }

    async fn pause_of(&self, kind: PauseKind, name: &str) -> Result<Option<PauseState>, Failure> {
        let pauses = self.client.list_pauses().await.map_err(|error| colony::unreadable(error, "read"))?.pauses;
        let found = pauses.into_iter().find(|pause| pause.kind == kind.as_str() && pause.name == name);
        Ok(found.map(|pause| PauseState {
            by: pause.by,
            reason: pause.reason,
            since: Timestamp::from_millisecond(pause.since_ms).unwrap_or(Timestamp::MIN),
        }))
    }

    async fn pause(&self, kind: PauseKind, name: &str, reason: &str) -> Result<(), Failure> {
        let request =
            v1::PauseRequest { kind: kind.as_str().to_owned(), name: name.to_owned(), reason: reason.to_owned() };
        let answer = self.client.pause(request).await.map_err(unpermitted)?;
        // Somebody else was faster, and theirs stays.
        match answer.pause.filter(|pause| pause.reason != reason) {
            Some(other) => Err(Failure::fatal(format!("`{}` paused it meanwhile: make another dry run", other.by))),
            None => Ok(()),
        }
    }

    async fn resume(&self, kind: PauseKind, name: &str) -> Result<(), Failure> {
        let request = v1::ResumeRequest { kind: kind.as_str().to_owned(), name: name.to_owned() };
        self.client.resume(request).await.map(drop).map_err(unpermitted)
    }

    async fn grants_of(&self, key: Id) -> Result<Vec<GrantState>, Failure> {
        let known = colony::grants(&self.client).await?;
        let of_key = known.into_iter().filter(|known| known.grant.key == key && !known.is_revoked);
        let mut grants: Vec<_> = of_key
            .map(|known| GrantState {
                grant_id: known.grant.grant_id,
                name: known.grant.name,
                role: known.grant.role.as_str().to_owned(),
                valid_until: known.grant.valid_until,
            })
            .collect();
        grants.sort();
        Ok(grants)
    }

    async fn account(&self, user_id: Uuid) -> Result<Account, Failure> {
        Ok(self.accounts()?.get(user_id).await?)
    }

    async fn change(&self, user_id: Uuid, change: Change) -> Result<(), Failure> {
        self.accounts()?.change(user_id, change).await?;
        Ok(())
    }

    async fn proof(&self, process_id: Uuid) -> Result<Proof, Failure> {
        let answer = self.client.get_process(process_id).await.map_err(|error| match error.is(&Reason::NotFound) {
            true => Failure::fatal(format!("there is no process {process_id}: pass the id of a dry run")),
            false => colony::unreadable(error, "read"),
        })?;
        read_proof(&self.client.colony(), process_id, &answer).map_err(Failure::fatal)
    }
}

/// Reads the result of a process, and trusts the broker with nothing: spec and result must be signed by keys to which the colony granted
/// this function.
fn read_proof(colony: &Id, process_id: Uuid, answer: &v1::GetProcessResponse) -> Result<Proof, String> {
    if answer.payload_hidden {
        return Err(format!(
            "the signed result of process {process_id} is hidden from this bee, which did not run it: grant it `view_payloads`"
        ));
    }
    let broken = |error: &dyn std::fmt::Display| format!("process {process_id} does not hold: {error}");
    if answer.payload_hidden {
        return Err(format!(
            "the broker does not show process {process_id} to this bee, because another key ran it: give the security bee's grant the \
             right `view_payloads`, or make another dry run"
        ));
    }
    let envelope = |wire: &Option<v1::Envelope>| {
        let wire = wire.as_ref().ok_or_else(|| format!("process {process_id} has no signed result yet"))?;
        envelope_from_proto(wire).map_err(|error| broken(&error))
    };
    let (grant, spec) = (envelope(&answer.submitter_grant)?, envelope(&answer.spec)?);
    let verified = verify_spec(colony, &grant, &spec).map_err(|error| broken(&error))?;
    if verified.spec.process_id != process_id || verified.spec.function != "respond_threat" {
        return Err(format!("process {process_id} is none of `respond_threat`"));
    }
    let last = answer.attempts.iter().rev().find(|attempt| attempt.result.is_some());
    let last = last.ok_or_else(|| format!("process {process_id} has no signed result yet: wait until it succeeded"))?;
    let (executor, result) = (envelope(&last.executor_grant)?, envelope(&last.result)?);
    let outcome = verify_result(colony, &executor, &spec, last.attempt, &result).map_err(|error| broken(&error))?;
    if outcome.outcome != OutcomeKind::Succeeded {
        return Err(format!("process {process_id} did not succeed"));
    }
    let output = outcome.output().to_bytes().map_err(|error| broken(&error))?;
    let response = serde_json::from_slice(&output).map_err(|error| broken(&error))?;
    Ok(Proof { response, finished_at: outcome.finished_at })
}

/// Converts the error of an act. A missing right is final: nobody expects it to be done hours later.
fn unpermitted(error: ClientError) -> Failure {
    match error.is(&Reason::NotPermitted) {
        true => Failure::fatal(format!("the security bee's grant does not permit this: {error}")),
        false => error.into(),
    }
}
