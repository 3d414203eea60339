//! Starting one verb on all processes that match.

use apiary_protocol::EventKind;
use apiary_store::model::{
    Bulk, BulkAction, BulkState, ColonyKey, NewEvent, ProcessCount, ProcessFilter, ProcessState,
};
use uuid::Uuid;

use crate::Error;
use crate::auth::action::Action;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::limits::{BULKS_KEPT, BULKS_RUNNING_MAX};

/// A bulk action to start.
pub(crate) struct BulkOrder {
    /// The caller's choice; the same id again returns the first.
    pub(crate) bulk_id: Uuid,
    /// The change to make.
    pub(crate) action: BulkAction,
    /// The processes to change.
    pub(crate) filter: ProcessFilter,
    /// The reason, in words.
    pub(crate) reason: String,
    /// True to count only.
    pub(crate) dry_run: bool,
}

impl Engine {
    /// Starts a bulk action, which goes on in the background; a dry run only counts the processes.
    pub(crate) async fn start_bulk(
        &self,
        permit: Permit<action::StartBulk>,
        mut order: BulkOrder,
    ) -> Result<Bulk, Error> {
        Self::check_may(&permit, order.action)?;
        let (colony, now_ms) = (permit.colony(), self.clock.now_ms());
        if let Some(known) = self.store.get_bulk(colony.key, order.bulk_id).await? {
            return Ok(known);
        }
        order.filter.states = states(order.action, &order.filter.states)?;
        let has_only_states = order.filter.has_only_states();
        order.filter.submitted_until_ms = Some(order.filter.submitted_until_ms.map_or(now_ms, |ms| ms.min(now_ms)));
        self.check_names(colony, &order.filter).await?;
        let matched = match has_only_states {
            true => self.count_in(colony.key, &order.filter.states).await?,
            false => self.store.count_processes(colony.key, &order.filter).await?,
        };
        let bulk = Bulk {
            bulk_id: order.bulk_id,
            colony: colony.key,
            action: order.action,
            matched: matched.count,
            more_may_match: matched.is_more,
            filter: order.filter,
            reason: order.reason,
            by: permit.actor().to_owned(),
            state: BulkState::Running,
            changed: 0,
            skipped: 0,
            started_at_ms: now_ms,
            ended_at_ms: None,
            after: None,
        };
        let event = permit.event(EventKind::BulkStarted, now_ms);
        let event = NewEvent { subject: subject(&bulk), detail: bulk.reason.clone(), ..event };
        if !order.dry_run && !self.store.start_bulk(&bulk, BULKS_RUNNING_MAX, BULKS_KEPT, Some(&event)).await? {
            if let Some(other) = self.store.get_bulk(colony.key, order.bulk_id).await? {
                return Ok(other);
            }
            let known = self.store.list_bulks(colony.key, BULKS_KEPT).await?;
            let running = known.iter().filter(|one| one.state == BulkState::Running).count();
            return Err(match i64::try_from(running) {
                Ok(running) if running < BULKS_RUNNING_MAX => {
                    Error::Taken("`bulk_id` is taken: make a new UUIDv7 for each".into())
                }
                _ => Error::Overloaded(format!(
                    "{BULKS_RUNNING_MAX} bulk actions of this colony are under way: wait until one has ended, or stop one"
                )),
            });
        }
        if !order.dry_run {
            tracing::info!(
                colony = colony.name, bulk_id = %bulk.bulk_id, action = bulk.action.as_str(), matched = bulk.matched,
                by = bulk.by, "bulk action started"
            );
            self.bulks.notify_one();
        }
        Ok(bulk)
    }

    /// Returns the number of processes in these states, which the counters know.
    async fn count_in(&self, colony: ColonyKey, states: &[ProcessState]) -> Result<ProcessCount, Error> {
        let counts = self.store.count_states(Some(colony)).await?;
        let wanted = counts.iter().filter(|(state, _)| states.contains(state));
        Ok(ProcessCount { count: wanted.map(|(_, count)| count).sum(), is_more: false })
    }

    /// Checks that the permit allows, for any process, what the action does to a single one.
    pub(in crate::engine) fn check_may<A: Action>(permit: &Permit<A>, action: BulkAction) -> Result<(), Error> {
        let lacking = match action {
            BulkAction::Cancel => permit.lacks::<action::Cancel>(),
            BulkAction::Redrive => permit.lacks::<action::Redrive>(),
            BulkAction::Discard => permit.lacks::<action::Discard>(),
            BulkAction::Retry => permit.lacks::<action::Retry>(),
            BulkAction::Delete => permit.lacks::<action::Delete>(),
        };
        match lacking {
            None => Ok(()),
            Some(needed) => Err(Error::NotPermitted(format!("`{}` in bulk needs {needed}", action.as_str()))),
        }
    }
}

/// Returns a bulk action as events name it.
pub(in crate::engine) fn subject(bulk: &Bulk) -> String {
    format!("{} {}", bulk.action.as_str(), bulk.bulk_id)
}

/// Returns the states to search: the given ones, or the default ones of the action.
fn states(action: BulkAction, asked: &[ProcessState]) -> Result<Vec<ProcessState>, Error> {
    let possible = action.states();
    if asked.is_empty() {
        return Ok(action.default_states().to_vec());
    }
    match asked.iter().find(|state| !possible.contains(state)) {
        None => Ok(asked.to_vec()),
        Some(state) => Err(Error::Invalid(format!(
            "`filter.states`: what is `{}` is not there to `{}`; that is for {}",
            state.as_str(),
            action.as_str(),
            possible.iter().map(|state| format!("`{}`", state.as_str())).collect::<Vec<_>>().join(", ")
        ))),
    }
}
