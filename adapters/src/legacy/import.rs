//! Submits the rows of a source to the broker.

use std::sync::Arc;
use std::time::Duration;

use apiary_executor_sdk::{Client, ClientError, Reason, SubmitResult, retry};
use apiary_identity::{Clock, Id, Spec};
use futures::StreamExt as _;
use uuid::ContextV7;

use super::error::LegacyError;
use super::fields::Fields;
use super::limits::{BROKER_PATIENCE, PARALLEL_MAX};
use super::mapping::{self, Mapping};
use super::report::Report;
use super::source::{Found, Page, Source};
use super::status::RowStatus;
use super::task::Task;

/// An import, ready to run.
pub struct Import {
    mapping: Mapping,
    colony: Id,
    clock: Arc<dyn Clock>,
    broker: Option<Client>,
    parallel: usize,
    patience: Duration,
    context: ContextV7,
    report: Report,
}

/// Result of an import.
#[derive(Debug)]
pub struct ImportEnd {
    /// Counts and tasks up to the end.
    pub report: Report,
    /// Error that ended the import early. The import can be run again: rows already submitted are recognised.
    pub cut_short: Option<LegacyError>,
}

impl Import {
    /// Creates an import that submits through this client.
    pub fn new(mapping: Mapping, broker: Client) -> Self {
        let (colony, clock) = (broker.colony(), Arc::clone(broker.clock()));
        Self { broker: Some(broker), ..Self::dry_run(mapping, colony, clock) }
    }

    /// Creates an import that sends nothing and reports what it would submit.
    pub fn dry_run(mapping: Mapping, colony: Id, clock: Arc<dyn Clock>) -> Self {
        let report = Report { source: mapping.source().to_owned(), ..Report::default() };
        Self {
            mapping,
            colony,
            clock,
            broker: None,
            parallel: 1,
            patience: Duration::ZERO,
            context: ContextV7::new(),
            report,
        }
    }

    /// Sets the number of concurrent submits, from 1 to [`PARALLEL_MAX`]. With more than one, neighbouring rows may
    /// change places in the queue.
    #[must_use]
    pub fn parallel(mut self, submits: usize) -> Self {
        self.parallel = submits.clamp(1, PARALLEL_MAX);
        self
    }

    /// Imports every row of the source, in order.
    pub async fn run(mut self, mut source: Source) -> ImportEnd {
        self.report.dry_run = self.broker.is_none();
        let cut_short = loop {
            let page = match source.next_page().await {
                Ok(Some(page)) => page,
                Ok(None) => break None,
                Err(error) => break Some(error),
            };
            if let Err(error) = self.take(page).await {
                break Some(error.into());
            }
            // Retries only after the first page: a broker that never answered may have a wrong address, and that should
            // fail at once.
            self.patience = BROKER_PATIENCE;
            tracing::info!(rows = self.report.rows, submitted = self.report.submitted, "a page of rows was imported");
        };
        self.report.statuses.sort_by(|one, other| one.status.cmp(&other.status));
        ImportEnd { report: self.report, cut_short }
    }

    async fn take(&mut self, page: Page) -> Result<(), ClientError> {
        self.report.rows += page.total();
        for (status, rows) in page.counted {
            let row_status = RowStatus::of(&status);
            self.report.count(&status, row_status, self.mapping.submits(row_status), rows);
        }
        self.report.count_other_colony(page.other_colony);
        let planned: Vec<(Task, Spec)> = page.rows.into_iter().filter_map(|row| self.plan(row)).collect();
        match self.broker.clone() {
            Some(broker) => self.submit(&broker, planned).await,
            None => {
                planned.into_iter().for_each(|(task, _)| self.report.list(task, None));
                Ok(())
            }
        }
    }

    /// Converts a row to a task and its spec; `None` if the row is counted only, or is wrong.
    fn plan(&mut self, row: Found) -> Option<(Task, Spec)> {
        let id = row.fields.as_ref().ok().and_then(|fields| mapping::id(fields).ok().flatten());
        // The id finds the row again also in the table; the position holds only for this dump.
        let place = id.unwrap_or(row.place);
        match row.fields.and_then(|fields| self.task(&fields)) {
            Ok(task) => task,
            Err(problem) => {
                self.report.fail(&place, &problem);
                None
            }
        }
    }

    /// Counts a row, and converts it if its status is to be submitted.
    fn task(&mut self, row: &Fields) -> Result<Option<(Task, Spec)>, String> {
        if !self.mapping.is_ours(row)? {
            self.report.count_other_colony(1);
            return Ok(None);
        }
        let status = Mapping::status(row)?;
        let row_status = RowStatus::of(&status);
        let submits = self.mapping.submits(row_status);
        self.report.count(&status, row_status, submits, 1);
        if !submits {
            return Ok(None);
        }
        let task = self.mapping.task(row)?;
        let spec = task.spec(self.colony, self.clock.now(), &self.context)?;
        self.report.plan(&task);
        Ok(Some((task, spec)))
    }

    /// Submits in order. A rejected row does not stop the others; an unavailable broker, or one that rejects this
    /// caller, ends the import.
    async fn submit(&mut self, broker: &Client, planned: Vec<(Task, Spec)>) -> Result<(), ClientError> {
        let patience = self.patience;
        let submits = planned.into_iter().map(|(task, spec)| async move {
            let submitted = retry(patience, || broker.submit(&spec)).await;
            (task, submitted)
        });
        let mut answers = futures::stream::iter(submits).buffered(self.parallel);
        while let Some((task, submitted)) = answers.next().await {
            self.note(task, submitted)?;
        }
        Ok(())
    }

    fn note(&mut self, task: Task, submitted: Result<SubmitResult, ClientError>) -> Result<(), ClientError> {
        match submitted {
            Ok(submitted) => self.report.list(task, Some(submitted)),
            Err(error) if is_about_the_row(&error) => self.report.fail(&task.id, &error.to_string()),
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Returns true if the error concerns this row alone, so that other rows may succeed. The reasons are those of
/// `docs/errors.md`. A grant may cover one function and not another; an unknown colony or key is unknown for every row.
fn is_about_the_row(error: &ClientError) -> bool {
    match error {
        ClientError::Invalid(_) => true,
        ClientError::Refused { reason, retryable: false, .. } => {
            !matches!(reason, Reason::Unsigned | Reason::SignatureInvalid | Reason::ColonyUnknown)
        }
        _ => false,
    }
}
