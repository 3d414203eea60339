//! Operators' changes: one method for each verb and any number of processes, and the wake-ups
//! afterwards.

use std::collections::HashSet;
use std::sync::Arc;

use apiary_identity::Clock;
use apiary_store::Store;
use apiary_store::model::{Colony, ColonyKey, Effect, Lane, ProcessState, ProcessSummary};
use uuid::Uuid;

use crate::Error;
use crate::engine::Engine;
use crate::engine::notify::wakeups::{Change, Wakeups};

/// Changes to processes by an operator. The verbs are in files of their own.
#[derive(Clone)]
pub(crate) struct Operations {
    pub(in crate::engine) store: Arc<dyn Store>,
    pub(in crate::engine) wakeups: Wakeups,
    pub(in crate::engine) clock: Arc<dyn Clock>,
}

impl Operations {
    pub(in crate::engine) fn new(store: Arc<dyn Store>, wakeups: Wakeups, clock: Arc<dyn Clock>) -> Self {
        Self { store, wakeups, clock }
    }

    /// Wakes polls, watches and sweeps after a change. The change is committed already: if the wake-ups fail, the receivers find it by
    /// themselves in a while, and the call still succeeds.
    pub(in crate::engine) async fn announce(&self, colony: ColonyKey, process_ids: &[Uuid], effects: &[Effect]) {
        let changed: Vec<Uuid> = process_ids
            .iter()
            .zip(effects)
            .filter(|(_, effect)| **effect == Effect::Changed)
            .map(|(process_id, _)| *process_id)
            .collect();
        let summaries = self.store.summaries(&changed).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot notify the watchers of a change at once");
            // Nobody says which lanes have work now.
            self.wakeups.colony(colony);
            Vec::new()
        });
        let mut unfinished = HashSet::new();
        for process in summaries {
            if !process.state.is_finished() {
                unfinished.insert(process.process_id);
            }
            match process.state {
                ProcessState::Waiting => {
                    self.wakeups.work(&Lane { colony, executor_type: process.executor_type });
                    // Its `max_wait` runs: the sweep must wake when that is over.
                    self.wakeups.due_at(self.clock.now_ms());
                }
                ProcessState::Running => self.wakeups.due_at(process.until_ms.unwrap_or(0)),
                _ => {}
            }
        }
        for process_id in changed {
            let change = Change { colony, process_id };
            // A process without a summary was deleted.
            if unfinished.contains(&process_id) { self.wakeups.changed(change) } else { self.wakeups.ended(change) }
        }
    }
}

impl Engine {
    /// Returns an error with advice unless the one process was changed.
    pub(in crate::engine) fn check_effect(
        colony: &Colony,
        process_id: Uuid,
        effects: &[Effect],
        advice: &str,
    ) -> Result<(), Error> {
        match effects {
            [Effect::Changed] => Ok(()),
            [Effect::WrongState(state)] => {
                Err(Error::StateConflict(format!("process {process_id} is `{}`: {advice}", state.as_str())))
            }
            [Effect::HasParents] => Err(Error::StateConflict(format!(
                "process {process_id} waits for its parents to succeed (`apiary process explain` says which): to do it without them, \
                 cancel it and submit it anew"
            ))),
            [Effect::Taken] => Err(Error::Taken(format!(
                "what is to take the place of process {process_id} is there already: make a new UUIDv7 for it"
            ))),
            [Effect::Replaced] => Err(Error::StateConflict(format!(
                "process {process_id} was redriven as another, or is just now: `apiary process show` says as which"
            ))),
            _ => Err(no_process(colony, process_id)),
        }
    }

    /// Returns a process of this colony as it is now.
    pub(in crate::engine) async fn summary(&self, colony: &Colony, process_id: Uuid) -> Result<ProcessSummary, Error> {
        let found = self.store.summaries(&[process_id]).await?.pop();
        found.filter(|process| process.colony == colony.key).ok_or_else(|| no_process(colony, process_id))
    }
}

/// Returns the error for a process that does not exist.
pub(in crate::engine) fn no_process(colony: &Colony, process_id: Uuid) -> Error {
    Error::NotFound(format!("no process {process_id} in colony `{}`", colony.name))
}
