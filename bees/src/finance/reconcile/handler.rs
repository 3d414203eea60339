//! The function `finance.reconcile`.

use std::sync::Arc;
use std::time::Duration;

use apiary_executor_sdk::{Failure, Fault, Work};

use super::args::Request;
use super::report::Report;
use super::run::{ReconcileError, run};
use crate::finance::record::Record;
use crate::finance::stripe_api::{StripeApi, StripeError};
use crate::outbound::CallError as _;

/// Runs the function. Without a key it fails for good: waiting would not help whoever asked.
pub(in crate::finance) async fn handle(
    stripe: Option<Arc<StripeApi>>,
    record: Arc<dyn Record>,
    work: Work,
) -> Result<Report, Failure> {
    let request: Request = work.json()?;
    let stripe = stripe.ok_or_else(|| {
        Failure::fatal(
            "no key for Stripe is set: set `finance.stripe_secret_key` (STRIPE_SECRET_KEY) for the finance bee, with \
             the rights that docs/stripe.md lists, and start it again",
        )
    })?;
    let time = time(work.spec().max_exec_ms);
    let ended = run(&stripe, record, &request, time, || work.is_cancelled()).await;
    let report = ended.map_err(|error| failure(&error))?;
    let (finished, open) = (report.finished, report.open());
    tracing::info!(finished, open, repair = report.repair, stopped = report.stopped.as_deref(), "reconciled");
    Ok(report)
}

/// Returns the time for a run: half of the attempt's, so that the page in progress can end.
fn time(max_exec_ms: i64) -> Duration {
    match u64::try_from(max_exec_ms) {
        Ok(most @ 1..) => Duration::from_millis(most / 2),
        _ => Duration::MAX,
    }
}

fn failure(error: &ReconcileError) -> Failure {
    let (failure, wait) = match error {
        ReconcileError::Request(_) => (Failure::fatal(error), None),
        ReconcileError::Stripe(StripeError::Setting(_) | StripeError::Refused { .. } | StripeError::TooLarge(_)) => {
            (Failure::fatal(error), None)
        }
        ReconcileError::Stripe(StripeError::Missing { .. } | StripeError::Account { .. }) => {
            (Failure::fatal(error), None)
        }
        ReconcileError::Stripe(stripe) => (Failure::surroundings(stripe.cause(), error), stripe.retry_after()),
        ReconcileError::Record(record) if record.fault() == Fault::Document => (Failure::fatal(error), None),
        ReconcileError::Record(record) => (Failure::surroundings(record.cause(), error), record.retry_after()),
    };
    match wait {
        Some(wait) => failure.retry_after(wait),
        None => failure,
    }
}
