//! The executor: one function, `stripe.event`, whose argument is a Stripe event as its webhook brought it.

use std::sync::Arc;

use apiary_executor_sdk::{Client, Executor, ExecutorBuilder, Failure, Work};
use serde::{Deserialize, Serialize};

use super::change::Change;
use super::error::RecordError;
use super::limits::{MENDING_PAUSE, SLOTS};
use super::record::{Applied, Record};
use crate::outbound::CallError as _;

/// The type of executor that applies Stripe events.
pub const EXECUTOR_TYPE: &str = "finance";
/// The function that it does.
pub const FUNCTION: &str = "stripe.event";
/// What it takes. No more than every event has: one of a kind that is not known here is not refused at the door.
const EVENT_ARGS: &str = r#"{
  "type": "object",
  "properties": { "id": { "type": "string" }, "type": { "type": "string" } },
  "required": ["id", "type"]
}"#;

/// What became of an event: a finished process's output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// `evt_…`
    pub event_id: String,
    /// Such as `invoice.paid`.
    pub event_type: String,
    /// What it did.
    pub outcome: Applied,
    /// Live or test mode.
    pub livemode: bool,
    /// The customer that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// The subscription that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription_id: Option<String>,
    /// Why it was ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The finance bee, with [`SLOTS`] slots; name, lease and the rest are for the caller to set. Whoever starts
/// it calls [`Record::check`] first: a bee that cannot write should not claim.
pub fn bee(client: Client, record: Arc<dyn Record>) -> ExecutorBuilder {
    Executor::builder(client)
        .executor_type(EXECUTOR_TYPE)
        .version(env!("CARGO_PKG_VERSION"))
        .slots(SLOTS)
        .function(FUNCTION, "takes a Stripe event into the state of record", EVENT_ARGS)
        .handle(FUNCTION, move |work| {
            let record = Arc::clone(&record);
            async move { apply(record.as_ref(), &work).await }
        })
}

async fn apply(record: &dyn Record, work: &Work) -> Result<Receipt, Failure> {
    // An event that cannot be read today cannot be read tomorrow: it belongs with the failed ones, seen.
    let change = Change::from_event(work.args()).map_err(Failure::fatal)?;
    let outcome = record.apply(&change).await.map_err(|error| failure(&error))?;
    let event = change.event;
    let subscription_id = event.subscription_id.as_deref().unwrap_or("-");
    tracing::info!(event_id = %event.id, event_type = %event.event_type, outcome = outcome.as_str(), subscription_id, "event taken in");
    Ok(Receipt {
        event_id: event.id,
        event_type: event.event_type,
        outcome,
        livemode: event.livemode,
        customer_id: event.customer_id,
        subscription_id: event.subscription_id,
        reason: event.reason,
    })
}

fn failure(error: &RecordError) -> Failure {
    if error.is_about_the_event() {
        return Failure::fatal(error);
    }
    let failure = Failure::retryable(error);
    match error.retry_after() {
        Some(wait) => failure.retry_after(wait),
        None if error.is_retryable() => failure,
        // A wrong key or a missing table is somebody's to mend, and no reason to give a payment up meanwhile.
        None => failure.retry_after(MENDING_PAUSE),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use apiary_executor_sdk::testing;
    use async_trait::async_trait;

    use super::super::record::{Subscription, SubscriptionQuery};
    use super::super::sqlite::SqliteRecord;
    use super::*;

    const EVENT: &str = r#"{"id": "evt_1", "type": "customer.subscription.updated", "created": 1763690000,
        "data": {"object": {"id": "sub_1", "customer": "cus_1", "status": "active"}}}"#;

    fn work(event: &str) -> Work {
        testing::work(FUNCTION).args_bytes(event.to_owned()).build()
    }

    #[tokio::test]
    async fn a_receipt_says_what_an_event_did() {
        let folder = tempfile::tempdir().unwrap();
        let record = SqliteRecord::open(&folder.path().join("finance.db")).await.unwrap();
        let first = apply(&record, &work(EVENT)).await.unwrap();
        assert_eq!(
            serde_json::to_value(&first).unwrap(),
            serde_json::json!({
                "event_id": "evt_1", "event_type": "customer.subscription.updated", "outcome": "applied",
                "livemode": false, "customer_id": "cus_1", "subscription_id": "sub_1",
            })
        );
        assert_eq!(apply(&record, &work(EVENT)).await.unwrap().outcome, Applied::Duplicate);
    }

    #[tokio::test]
    async fn what_is_no_event_is_a_final_failure() {
        let folder = tempfile::tempdir().unwrap();
        let record = SqliteRecord::open(&folder.path().join("finance.db")).await.unwrap();
        for bytes in ["", "null", "{}", "[", r#"{"id": 7}"#] {
            let failure = apply(&record, &work(bytes)).await.unwrap_err();
            assert!(!failure.is_retryable(), "{bytes}");
            assert!(failure.message().contains("submit the webhook's body as it came"), "{}", failure.message());
        }
    }

    /// A state of record that is always away.
    struct Away;

    #[async_trait]
    impl Record for Away {
        async fn apply(&self, _: &Change) -> Result<Applied, RecordError> {
            let retry_after = Some(Duration::from_secs(90));
            Err(RecordError::Unavailable { what: "503".to_owned(), retry_after })
        }
        async fn subscriptions(&self, _: &SubscriptionQuery) -> Result<Vec<Subscription>, RecordError> {
            Ok(Vec::new())
        }
        async fn check(&self) -> Result<(), RecordError> {
            Ok(())
        }
    }

    #[test]
    fn only_what_is_the_events_own_fault_gives_it_up() {
        let what = || "text".to_owned();
        for error in [
            RecordError::KeyRefused { what: what() },
            RecordError::Forbidden { what: what() },
            RecordError::NotInstalled { what: what() },
            RecordError::Damaged { what: what() },
            RecordError::Conflict { code: what(), what: what() },
            RecordError::Answer(what()),
        ] {
            let failure = failure(&error);
            assert!(failure.is_retryable(), "{error}");
            assert!(format!("{failure:?}").contains(&format!("{MENDING_PAUSE:?}")), "{failure:?}");
        }
        assert!(!failure(&RecordError::Refused { code: what(), what: what() }).is_retryable());
    }

    #[tokio::test]
    async fn a_state_of_record_that_is_away_is_a_failure_worth_a_retry() {
        let failure = apply(&Away, &work(EVENT)).await.unwrap_err();
        assert!(failure.is_retryable());
        assert!(format!("{failure:?}").contains("retry_after: Some(90s)"), "{failure:?}");
    }
}
