//! Observing the thing that a response is about, and acting on it. Each step may be repeated: an attempt can end between any two.

use apiary_executor_sdk::Failure;
use jiff::Timestamp;
use uuid::Uuid;

use super::desk::Desk;
use super::plan::{Plan, State, Undone, Wish, mark};
use crate::security::limits::LOCK_TOLERANCE_MS;
use crate::security::supabase::{Account, Change};

/// The relation of a state to a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// Unchanged since the plan was made.
    Planned,
    /// This process has begun already, or is done.
    Begun,
    /// Changed by somebody else.
    Changed,
}

/// Reads the state of the thing that a wish is about.
pub(super) async fn observe(desk: &dyn Desk, wish: &Wish) -> Result<State, Failure> {
    Ok(match wish {
        Wish::Pause { kind, name } => State::Pause(desk.pause_of(*kind, name).await?),
        Wish::Revoke { key_id } => State::Grants(desk.grants_of(*key_id).await?),
        Wish::LockAccount { user_id, .. } => {
            let account = desk.account(*user_id).await?;
            // A lock that is over is none.
            State::Account(Account { banned_until: account.locked_until(desk.now()), ..account })
        }
        Wish::Undo { .. } => return Err(Failure::fatal("an undo is not undone: repeat the response")),
    })
}

/// Compares the state with the plan's.
pub(super) fn fit(plan: &Plan, now: &State, process_id: Uuid, at: Timestamp) -> Fit {
    if *now == plan.before {
        return Fit::Planned;
    }
    let is_begun = match (&plan.undone, now) {
        (None, State::Grants(_)) => return Fit::Planned,
        (None, now) => now.bears(process_id),
        // Half undone: the lock is off, and the mark still there; or wholly.
        (Some(undone), State::Account(account)) => {
            let is_over = plan.before.bears(undone.response) && account.response.is_none();
            (is_over || account.response == Some(undone.response)) && is_restored(account, undone, at)
        }
        (Some(undone), State::Pause(None)) => plan.before.bears(undone.response),
        (Some(_), State::Grants(_)) => true,
        (Some(_), State::Pause(Some(_))) => false,
    };
    if is_begun { Fit::Begun } else { Fit::Changed }
}

/// Returns true if nothing is left to do of a plan that this process has begun.
pub(super) fn is_done(plan: &Plan, now: &State, at: Timestamp) -> bool {
    match (&plan.wish, now) {
        (Wish::LockAccount { .. }, State::Account(account)) => plan
            .until
            .is_none_or(|until| until <= at || account.banned_until.is_some_and(|banned| is_near(banned, until))),
        (Wish::Undo { response }, now) => !now.bears(*response),
        _ => true,
    }
}

/// Does what the plan says and is not done yet.
pub(super) async fn act(desk: &dyn Desk, plan: &Plan, now: &State, process_id: Uuid) -> Result<(), Failure> {
    match (&plan.wish, now) {
        (Wish::Pause { kind, name }, State::Pause(None)) => {
            desk.pause(*kind, name, &format!("{}{}", plan.reason, mark(process_id))).await
        }
        (Wish::LockAccount { user_id, .. }, State::Account(account)) => {
            lock(desk, *user_id, account, plan.until, process_id).await
        }
        (Wish::Undo { .. }, now) => match &plan.undone {
            Some(undone) if now.bears(undone.response) => undo(desk, undone, now).await,
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Names the response at the account first: whoever finds a lock knows whose it is.
async fn lock(
    desk: &dyn Desk,
    user_id: Uuid,
    account: &Account,
    until: Option<Timestamp>,
    process_id: Uuid,
) -> Result<(), Failure> {
    let until = until.ok_or_else(|| Failure::fatal("the plan of a lock has no end: make another dry run"))?;
    if account.response != Some(process_id) {
        desk.change(user_id, Change::Mark(Some(process_id))).await?;
    } else if account.banned_until.is_some_and(|banned| is_near(banned, until)) {
        return Ok(());
    }
    desk.change(user_id, Change::Lock(seconds_until(until, desk.now()))).await
}

async fn undo(desk: &dyn Desk, undone: &Undone, now: &State) -> Result<(), Failure> {
    match (&undone.wish, now) {
        (Wish::Pause { kind, name }, State::Pause(Some(_))) => desk.resume(*kind, name).await,
        (Wish::LockAccount { user_id, .. }, State::Account(_)) => {
            // The mark goes last: until then a repeated attempt knows that the lock was this response's.
            match undone.locked_before(desk.now()) {
                Some(until) => desk.change(*user_id, Change::Lock(seconds_until(until, desk.now()))).await?,
                None => desk.change(*user_id, Change::Unlock).await?,
            }
            desk.change(*user_id, Change::Mark(None)).await
        }
        _ => Ok(()),
    }
}

impl Undone {
    /// Returns the end of the lock that there was before the response, if it lasts.
    fn locked_before(&self, now: Timestamp) -> Option<Timestamp> {
        match &self.before {
            State::Account(account) => account.locked_until(now),
            _ => None,
        }
    }
}

fn is_restored(account: &Account, undone: &Undone, now: Timestamp) -> bool {
    match (account.locked_until(now), undone.locked_before(now)) {
        (None, None) => true,
        (Some(until), Some(before)) => is_near(until, before),
        _ => false,
    }
}

fn is_near(one: Timestamp, other: Timestamp) -> bool {
    one.as_millisecond().abs_diff(other.as_millisecond()) <= LOCK_TOLERANCE_MS.unsigned_abs()
}

fn seconds_until(until: Timestamp, now: Timestamp) -> i64 {
    until.as_second().saturating_sub(now.as_second()).max(1)
}
