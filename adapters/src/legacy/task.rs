//! A row's task, and its conversion to a spec.

use std::collections::BTreeMap;

use apiary_identity::{Content, Document as _, Id, Spec};
use jiff::Timestamp;
use uuid::{ContextV7, Uuid};

use super::limits::RETENTION_MS;

/// A row that is to be submitted.
#[derive(Debug)]
pub(super) struct Task {
    /// The row's id at the older queue.
    pub(super) id: String,
    /// Status in the older queue.
    pub(super) status: String,
    /// Function.
    pub(super) function: String,
    /// Executor type.
    pub(super) executor_type: String,
    /// The arguments.
    pub(super) args: Content,
    /// Priority.
    pub(super) priority: i32,
    /// Attempts after the first, if the row says.
    pub(super) max_retries: Option<i32>,
    /// Earliest start.
    pub(super) not_before: Option<Timestamp>,
    /// Key that is the same for every import of the row.
    pub(super) idempotency_key: String,
    /// Further values of the row, for finding the process again.
    pub(super) labels: BTreeMap<String, String>,
    /// Names of columns and command keys that the spec omits.
    pub(super) left_out: Vec<String>,
}

impl Task {
    /// Builds the spec, with a new process id. Ids from one `context` ascend, also within a millisecond: the broker
    /// orders processes that it received at the same time by id.
    pub(super) fn spec(&self, colony: Id, now: Timestamp, context: &ContextV7) -> Result<Spec, String> {
        let mut spec = Spec::new(colony, &self.executor_type, &self.function, now).with_args(self.args.clone());
        spec.process_id = ascending(now, context);
        spec.priority = self.priority;
        if let Some(max_retries) = self.max_retries {
            spec.max_retries = max_retries;
        }
        spec.not_before = self.not_before;
        spec.labels = self.labels.clone();
        spec.idempotency_key = Some(self.idempotency_key.clone());
        spec.idempotency_retention_ms = RETENTION_MS;
        spec.check().map_err(|error| error.to_string())?;
        Ok(spec)
    }
}

fn ascending(now: Timestamp, context: &ContextV7) -> Uuid {
    let seconds = u64::try_from(now.as_second()).unwrap_or(0);
    let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(context, seconds, nanoseconds))
}
