//! Drains of executors.

use apiary_protocol::EventKind;
use apiary_store::model::{ExecutorFilter, Lane, NewEvent, Page};

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::presence::roster::ExecutorView;
use crate::limits::PAGE_SIZE_MAX;

impl Engine {
    /// Drains all executors of a name, or ends the drain. They finish the work that they have.
    pub(crate) async fn drain_executor(
        &self,
        permit: Permit<action::DrainExecutor>,
        name: &str,
        drain: bool,
    ) -> Result<Vec<ExecutorView>, Error> {
        let colony = permit.colony();
        let filter = ExecutorFilter { name: Some(name.to_owned()), ..ExecutorFilter::default() };
        let page = Page { size: i64::from(PAGE_SIZE_MAX), after: None };
        if self.executors(colony, &filter, Page { size: 1, after: None }).await?.is_empty() {
            return Err(Error::NotFound(format!("no executor `{name}` in colony `{}`: list them", colony.name)));
        }
        let (now_ms, kind) = match drain {
            true => (self.clock.now_ms(), EventKind::ExecutorDrained),
            false => (self.clock.now_ms(), EventKind::ExecutorUndrained),
        };
        let event = NewEvent { subject: name.to_owned(), ..permit.event(kind, now_ms) };
        if drain {
            self.store.drain_executor(colony.key, name, permit.actor(), now_ms, Some(&event)).await?;
        } else {
            self.store.undrain_executor(colony.key, name, Some(&event)).await?;
        }
        tracing::info!(colony = colony.name, name, draining = drain, by = permit.actor(), "executor drain changed");
        let executors = self.executors(colony, &filter, page).await?;
        for view in executors.iter().filter(|view| !view.record.executor_type.is_empty()) {
            // Its polls were not woken by the work that came during the drain.
            self.wakeups.work(&Lane { colony: colony.key, executor_type: view.record.executor_type.clone() });
        }
        Ok(executors)
    }
}
