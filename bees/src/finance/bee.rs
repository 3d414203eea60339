//! The executor for Stripe events: one function, `stripe.event`, whose argument is the body of a Stripe webhook.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use apiary_executor_sdk::{Client, Failure, Fault, Work};
use apiary_identity::Clock;
use apiary_settings::{Setting, Values};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::change::Change;
use super::error::RecordError;
use super::limits::SLOTS;
use super::reads::{ReadError, StripeReads};
use super::record::Applied;
use super::stripe::ThinEvent;
use super::writer::Writer;
use super::{examine, reconcile, settings, stripe_api};
use crate::outbound::CallError as _;
use crate::{Bee, BeeError, Build, Check, Finding, Function, Local};

/// The function that it does.
const FUNCTION: &str = "stripe.event";
/// The function that compares Stripe with the state of record.
const RECONCILE: &str = "finance.reconcile";
/// All of its functions.
const FUNCTIONS: [Function; 2] = [
    Function { name: FUNCTION, about: "applies a Stripe event to the state of record", args_schema: EVENT_ARGS },
    Function {
        name: RECONCILE,
        about: "compares Stripe's lists with the state of record, and repairs it if asked",
        args_schema: reconcile::ARGS_SCHEMA,
    },
];
/// No JSON Schema: Stripe passes on halves of characters, which strict readers of JSON refuse. The bee repairs these, and
/// refuses for good what is no event.
const EVENT_ARGS: &str = "";

/// Output of a finished process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Event id, `evt_…`.
    pub event_id: String,
    /// Event type, such as `invoice.paid`.
    pub event_type: String,
    /// Effect on the state of record.
    pub outcome: Applied,
    /// Live or test mode.
    pub livemode: bool,
    /// Customer of the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// Subscription of the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription_id: Option<String>,
    /// Reason why the event was ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The finance bee, with [`SLOTS`] slots.
pub struct Finance;

#[async_trait]
impl Bee for Finance {
    fn name(&self) -> &'static str {
        "finance"
    }

    fn about(&self) -> &'static str {
        "Applies Stripe events to customers, subscriptions and payments"
    }

    fn executor_type(&self) -> &'static str {
        "finance"
    }

    fn functions(&self) -> &'static [Function] {
        &FUNCTIONS
    }

    fn settings(&self) -> &'static [Setting] {
        &settings::ALL
    }

    fn local(&self, folder: &Path) -> Local {
        settings::local(folder)
    }

    fn check_name(&self) -> Option<&'static str> {
        Some("record")
    }

    async fn check(&self, settings: &Values, clock: Arc<dyn Clock>) -> Result<Check, BeeError> {
        settings::check(settings, clock).await
    }

    async fn examine(&self, settings: &Values, clock: Arc<dyn Clock>) -> Vec<Finding> {
        examine::examine(settings, clock).await
    }

    async fn build(&self, client: Client, settings: &Values) -> Result<Build, BeeError> {
        let stripe = stripe_api::open(settings, Arc::clone(client.clock())).map_err(settings::stripe_unusable)?;
        let record = settings::start(settings, Arc::clone(client.clock())).await?;
        let writer = match &stripe {
            Some(stripe) => Writer::new(Arc::clone(&record)).with_reads(Arc::clone(stripe) as Arc<dyn StripeReads>),
            None => Writer::new(Arc::clone(&record)),
        };
        let compared = Arc::clone(&record);
        let executor = self.executor(client).slots(SLOTS).handle(FUNCTION, move |work| {
            let writer = writer.clone();
            async move { apply(&writer, &work).await }
        });
        let executor =
            executor.handle(RECONCILE, move |work| reconcile::handle(stripe.clone(), Arc::clone(&compared), work));
        Ok(Build { executor, close: Box::pin(async move { record.close().await }) })
    }
}

async fn apply(writer: &Writer, work: &Work) -> Result<Receipt, Failure> {
    // Fatal, because a retry reads the same bytes: the process fails at once, and the operator sees it among the failed
    // ones.
    let change = match Change::from_event(work.args()) {
        Ok(change) => change,
        Err(error) => match ThinEvent::read(work.args()) {
            Some(thin) => of_thin_event(writer, &thin).await?,
            None => return Err(Failure::fatal(error)),
        },
    };
    let event = change.event.clone();
    let outcome = within(work.spec().max_exec_ms, writer.apply(change)).await.map_err(|error| failure(&error))?;
    let subscription_id = event.subscription_id.as_deref().unwrap_or("-");
    tracing::info!(event_id = %event.id, event_type = %event.event_type, outcome = outcome.as_str(), subscription_id, "event applied");
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

/// Reads the object of a thin event at Stripe.
async fn of_thin_event(writer: &Writer, thin: &ThinEvent) -> Result<Change, Failure> {
    let (Some(reads), Some(related)) = (writer.reads(), &thin.related_object) else {
        return Err(Failure::fatal(thin.refusal()));
    };
    let account = thin.context.as_deref().unwrap_or_default();
    match reads.object(account, thin.livemode, &related.kind, &related.id).await {
        Ok(object) => Change::from_event(&thin.with(&object)).map_err(Failure::fatal),
        Err(ReadError::Unavailable { what, retry_after }) => Err(failure(&RecordError::Stripe { what, retry_after })),
        // The key's fault or that of something on the way, not the event's: it waits for the repair.
        Err(error @ ReadError::Refused(_)) => {
            Err(failure(&RecordError::Stripe { what: error.to_string(), retry_after: None }))
        }
        Err(error @ ReadError::NotFound(_)) => Err(Failure::fatal(error)),
    }
}

/// Ends a call after three quarters of `max_exec`, in time to give the work back: an attempt that reaches `max_exec`
/// spends a retry, and an unresponsive state of record is not the event's fault. If the call commits all the same, the
/// next attempt gets [`Applied::Duplicate`].
async fn within<T>(max_exec_ms: i64, call: impl Future<Output = Result<T, RecordError>>) -> Result<T, RecordError> {
    let Some(most) = u64::try_from(max_exec_ms).ok().filter(|ms| *ms > 0) else { return call.await };
    let limit = Duration::from_millis(most / 4 * 3);
    let hangs = |_| RecordError::unavailable(format!("no answer within {} ms", limit.as_millis()));
    tokio::time::timeout(limit, call).await.map_err(hangs)?
}

fn failure(error: &RecordError) -> Failure {
    let failure = match error.fault() {
        // A conflict depends on stored rows, which may change: retried, as often as the spec says.
        Fault::Document if matches!(error, RecordError::Conflict { .. }) => Failure::retryable(error),
        Fault::Document => Failure::fatal(error),
        // Contention that outlasts the call's own retries is not the event's fault: the attempt spends no retry.
        Fault::Surroundings | Fault::Again => {
            Failure::surroundings(error.cause(), format!("{error}{}", error.consequence()))
        }
    };
    match error.retry_after() {
        Some(wait) => failure.retry_after(wait),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use apiary_executor_sdk::testing;

    use super::super::reads::StripeReads;
    use super::super::record::{Answer, Readiness, Record, Subscription, SubscriptionQuery};
    use super::super::rows::{IdQuery, Row, RowQuery, Rows, StoredId};
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
        let record = Writer::new(Arc::new(record));
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
        let record = Writer::new(Arc::new(record));
        for bytes in ["", "null", "{}", "[", r#"{"id": 7}"#] {
            let failure = apply(&record, &work(bytes)).await.unwrap_err();
            assert!(!failure.is_retryable(), "{bytes}");
            assert!(failure.message().contains("submit the webhook's body as it came"), "{}", failure.message());
        }
    }

    #[tokio::test]
    async fn a_thin_event_is_a_final_failure_that_names_the_fix_as_long_as_nothing_reads_at_stripe() {
        let folder = tempfile::tempdir().unwrap();
        let record = SqliteRecord::open(&folder.path().join("finance.db")).await.unwrap();
        let thin = r#"{"id": "evt_1", "object": "v2.core.event", "type": "v1.customer.subscription.updated",
            "created": "2026-11-20T06:20:52.246Z", "livemode": false, "context": null,
            "related_object": {"id": "sub_1", "type": "subscription", "url": "/v1/subscriptions/sub_1"}}"#;
        let failure = apply(&Writer::new(Arc::new(record)), &work(thin)).await.unwrap_err();
        assert!(!failure.is_retryable());
        for words in ["thin event", "finance.stripe_secret_key", "snapshot"] {
            assert!(failure.message().contains(words), "{}", failure.message());
        }
    }

    /// A Stripe that knows one subscription.
    struct Reads;

    #[async_trait]
    impl StripeReads for Reads {
        async fn object(&self, _: &str, _: bool, kind: &str, id: &str) -> Result<serde_json::Value, ReadError> {
            Ok(serde_json::json!({"id": id, "object": kind, "customer": "cus_1", "status": "active"}))
        }
    }

    #[tokio::test]
    async fn the_object_of_a_thin_event_is_read_at_stripe() {
        let folder = tempfile::tempdir().unwrap();
        let record = SqliteRecord::open(&folder.path().join("finance.db")).await.unwrap();
        let writer = Writer::new(Arc::new(record)).with_reads(Arc::new(Reads));
        let thin = r#"{"id": "evt_1", "object": "v2.core.event", "type": "v1.customer.subscription.updated",
            "created": "2026-11-20T06:20:52.246Z", "related_object": {"id": "sub_1", "type": "subscription"}}"#;
        let receipt = apply(&writer, &work(thin)).await.unwrap();
        assert_eq!((receipt.outcome, receipt.subscription_id.as_deref()), (Applied::Applied, Some("sub_1")));
    }

    /// A state of record that is never available.
    struct Away;

    #[async_trait]
    impl Record for Away {
        async fn apply(&self, _: &[&Change]) -> Result<Vec<Answer>, RecordError> {
            let retry_after = Some(Duration::from_secs(90));
            Err(RecordError::Unavailable { what: "503".to_owned(), retry_after })
        }
        async fn subscriptions(&self, _: &SubscriptionQuery) -> Result<Vec<Subscription>, RecordError> {
            Ok(Vec::new())
        }
        async fn check(&self) -> Result<Readiness, RecordError> {
            Ok(Readiness::default())
        }
    }

    #[async_trait]
    impl Rows for Away {
        async fn rows(&self, _: &RowQuery) -> Result<Vec<Row>, RecordError> {
            Ok(Vec::new())
        }
        async fn ids(&self, _: &IdQuery) -> Result<Vec<StoredId>, RecordError> {
            Ok(Vec::new())
        }
        async fn events(&self, _: &str) -> Result<Vec<Row>, RecordError> {
            Ok(Vec::new())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_record_that_hangs_is_given_up_on_while_the_event_can_still_be_given_back() {
        let start = tokio::time::Instant::now();
        let error = within(8_000, std::future::pending::<Result<(), RecordError>>()).await.unwrap_err();
        assert_eq!(failure(&error).cause(), Some("record-unavailable"), "it spends no retry");
        assert_eq!(start.elapsed(), Duration::from_secs(6), "three quarters of the attempt");
        for none in [0, -1] {
            assert_eq!(within(none, std::future::ready(Ok(7))).await.unwrap(), 7);
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
            RecordError::Contended { code: what() },
            RecordError::Dropped { what: what() },
            RecordError::unavailable(what()),
            RecordError::Answer(what()),
            RecordError::Setting(what()),
            RecordError::Encoding(what()),
            RecordError::Stripe { what: what(), retry_after: None },
        ] {
            assert_eq!(failure(&error).cause(), Some(error.cause()), "it spends no retry: {error}");
        }
        let conflict = failure(&RecordError::Conflict { code: what(), what: what() });
        assert!(conflict.is_retryable() && conflict.cause().is_none(), "{conflict:?}");
        assert!(!failure(&RecordError::Refused { code: what(), what: what() }).is_retryable());
    }

    #[tokio::test]
    async fn a_state_of_record_that_is_away_is_waited_for_as_long_as_it_asks() {
        let failure = apply(&Writer::new(Arc::new(Away)), &work(EVENT)).await.unwrap_err();
        assert_eq!(failure.cause(), Some("record-unavailable"));
        assert_eq!(failure.message(), "the state of record is unavailable: 503; retrying");
        assert_eq!(failure.earliest(), Some(Duration::from_secs(90)));
    }
}
