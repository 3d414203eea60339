//! The function `respond_threat`: pauses, asks the owner to revoke, locks an account; or undoes it.
//!
//! A response takes two processes. The first is a dry run: it looks, and gives a [`Plan`]. The second names the first, and does what the
//! plan says if everything still is as it was then. What is done bears the id of the second process, so that a repeated attempt finds its
//! own work and changes nothing, and so that it can be undone: by a third and fourth process, in the same way.

mod act;
mod desk;
mod plan;
mod request;

use std::sync::Arc;

use apiary_executor_sdk::{Client, Failure, Work};
use apiary_identity::GrantRight;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::settings::Config;
use act::{Fit, act, fit, is_done, observe};
use desk::{ColonyDesk, Desk};
use request::Request;

pub use plan::{Plan, State, Wish};
pub(super) use request::ARGS_SCHEMA;

/// The result of `respond_threat`: of a dry run the plan, else what was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// True if nothing was done.
    pub dry_run: bool,
    /// The plan.
    pub plan: Plan,
    /// The digest of the plan.
    pub digest: String,
    /// True if something was changed, or, of a dry run, would be.
    pub changed: bool,
    /// The state after a response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<State>,
    /// The effect in words.
    pub words: String,
    /// A command that the owner of the colony must run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The way to undo it.
    pub undo: String,
    /// The arguments of the response, of a dry run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Value>,
    /// The time until which the response may be submitted, of a dry run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_until: Option<Timestamp>,
}

/// The process that runs.
#[derive(Clone, Copy, Debug)]
struct Run {
    process_id: Uuid,
    /// True if the submitter may pause things itself. Nobody gets more from this bee than the colony gave them.
    may_pause: bool,
    /// The time for which a dry run holds.
    plan_time: std::time::Duration,
}

/// Runs the function.
pub(super) async fn handle(client: Client, config: Arc<Config>, work: Work) -> Result<Response, Failure> {
    let request: Request = work.json()?;
    let run = Run {
        process_id: work.process_id(),
        may_pause: work.submitter().has_right(GrantRight::Pause),
        plan_time: config.plan_time,
    };
    respond(&ColonyDesk::new(client, config), &request, run).await
}

async fn respond(desk: &dyn Desk, request: &Request, run: Run) -> Result<Response, Failure> {
    let wish = request.wish().map_err(Failure::fatal)?;
    match request.dry_run_id {
        _ if !request.dry_run && !run.may_pause => Err(Failure::fatal(
            "the submitter's grant lacks the right `pause`, which a response needs and a dry run does not: have it submitted by an \
             operator",
        )),
        Some(dry_run) if !request.dry_run => perform(desk, request, &wish, dry_run, run).await,
        None if !request.dry_run => Err(Failure::fatal(
            "a response needs a dry run first: submit the same arguments with `dry_run` true, read its plan, and pass the id of \
             that process as `dry_run_id`",
        )),
        Some(_) => Err(Failure::fatal("`dry_run_id` belongs to a response: pass `dry_run` false with it")),
        None => prepare(desk, request, wish, run).await,
    }
}

/// Makes a plan, and changes nothing.
async fn prepare(desk: &dyn Desk, request: &Request, wish: Wish, run: Run) -> Result<Response, Failure> {
    let now = desk.now();
    let undone = match &wish {
        Wish::Undo { response } => Some(desk.proof(*response).await?.undone(*response).map_err(Failure::fatal)?),
        _ => None,
    };
    let before = observe(desk, undone.as_ref().map_or(&wish, |undone| &undone.wish)).await?;
    let plan = Plan::new(wish, request.reason.clone(), before, undone, now).map_err(Failure::fatal)?;
    let digest = plan.digest();
    let next_until = now.checked_add(run.plan_time).unwrap_or(Timestamp::MAX);
    let next = json!({ "dry_run": false, "dry_run_id": run.process_id, "plan": digest });
    Ok(Response {
        dry_run: true,
        changed: plan.would_change(),
        after: None,
        words: format!("nothing was done; the response would {}", plan.words()),
        command: plan.command(run.process_id),
        undo: plan.undo(None),
        next: Some(request.with(next)),
        next_until: Some(next_until),
        digest,
        plan,
    })
}

/// Does what the plan of a dry run says.
async fn perform(
    desk: &dyn Desk,
    request: &Request,
    wish: &Wish,
    dry_run: Uuid,
    run: Run,
) -> Result<Response, Failure> {
    let proof = desk.proof(dry_run).await?;
    let planned_at = proof.finished_at;
    let plan = proof.plan(dry_run).map_err(Failure::fatal)?;
    check(&plan, request, wish).map_err(Failure::fatal)?;
    let now = observe(desk, plan.subject()).await?;
    let is_begun = match fit(&plan, &now, run.process_id, desk.now()) {
        Fit::Planned => false,
        Fit::Begun => true,
        Fit::Changed => {
            return Err(Failure::fatal(format!(
                "it changed since the dry run: it was {}, and is {}; make another dry run",
                plan.before.words(),
                now.words()
            )));
        }
    };
    // What is done may be recorded at any time; nothing is done late, however late the process, or its next attempt, is delivered.
    if !(is_begun && is_done(&plan, &now, desk.now())) {
        check_age(planned_at, desk.now(), run).map_err(Failure::fatal)?;
        act(desk, &plan, &now, run.process_id).await?;
    }
    let after = observe(desk, plan.subject()).await?;
    let (changed, command) = (is_begun || plan.would_change(), plan.command(run.process_id));
    let digest = plan.digest();
    tracing::warn!(
        process_id = %run.process_id, action = plan.wish.name(), changed, digest, command = command.as_deref(),
        "responded to a threat"
    );
    Ok(Response {
        dry_run: false,
        words: if changed { format!("did {}", plan.words()) } else { format!("nothing to do: {}", plan.words()) },
        undo: plan.undo(Some(run.process_id)),
        after: Some(after),
        next: None,
        next_until: None,
        changed,
        command,
        digest,
        plan,
    })
}

/// Checks that a plan is the one that is asked for.
fn check(plan: &Plan, request: &Request, wish: &Wish) -> Result<(), String> {
    if plan.wish != *wish || plan.reason != request.reason {
        return Err(format!(
            "the dry run planned to {} because of {:?}, which is not what is asked for now: pass the same arguments",
            plan.wish.words(),
            plan.reason
        ));
    }
    let digest = plan.digest();
    if request.plan.as_ref().is_some_and(|asked| *asked != digest) {
        return Err(format!("`plan` is not the digest of the dry run's plan, {digest}"));
    }
    Ok(())
}

/// Checks that a plan is not too old. One of the future is as bad: another bee's clock was wrong.
fn check_age(planned_at: Timestamp, now: Timestamp, run: Run) -> Result<(), String> {
    let age_ms = now.as_millisecond().abs_diff(planned_at.as_millisecond());
    if u128::from(age_ms) > run.plan_time.as_millis() {
        return Err(format!(
            "the dry run is of {planned_at}, more than {} minutes from now (`security.plan_minutes`): make another",
            run.plan_time.as_secs() / 60
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
