//! Applies by a call of the function, lists by a read of the table.

use std::sync::Arc;

use apiary_identity::Clock;
use async_trait::async_trait;
use secrecy::SecretString;
use serde::Serialize;

use super::super::answer;
use super::super::change::Change;
use super::super::error::RecordError;
use super::super::record::{Answer, Readiness, Record, Subscription, SubscriptionQuery};
use super::client::PostgrestClient;
use crate::outbound::{Outbound, Retries};

/// Columns of [`Subscription`].
const COLUMNS: &str = "account,livemode,id,customer_id,user_id,status,price_id,product_id,quantity,currency,\
    current_period_start,current_period_end,cancel_at_period_end,cancel_at,canceled_at,ended_at,trial_start,\
    trial_end,pause_collection_behavior,pause_collection_resumes_at,order_uncertain,metadata,checkout_session_id,last_invoice_id,last_invoice_outcome,last_invoice_amount_due,\
    last_invoice_amount_paid,last_invoice_currency,last_invoice_at";

/// Arguments of the function.
#[derive(Serialize)]
struct Arguments<'a> {
    changes: &'a str,
}

/// Customers and subscriptions in a Supabase project.
pub struct PostgrestRecord {
    pub(super) client: PostgrestClient,
    pub(super) outbound: Outbound<RecordError>,
}

impl PostgrestRecord {
    /// Creates a record in the project with this URL, written with its service-role key. Connects at the first call.
    ///
    /// # Errors
    ///
    /// [`RecordError::Setting`] for an invalid URL or key.
    pub fn new(url: &str, service_role_key: &SecretString, clock: Arc<dyn Clock>) -> Result<Self, RecordError> {
        Self::with_retries(url, service_role_key, clock, Retries::default())
    }

    /// Creates a record as [`Self::new`] does, with other retries.
    ///
    /// # Errors
    ///
    /// The errors of [`Self::new`].
    pub fn with_retries(
        url: &str,
        service_role_key: &SecretString,
        clock: Arc<dyn Clock>,
        retries: Retries,
    ) -> Result<Self, RecordError> {
        let client = PostgrestClient::new(url, service_role_key, clock)?;
        Ok(Self { client, outbound: Outbound::new(retries) })
    }

    async fn call_function(&self, document: &str) -> Result<Vec<u8>, RecordError> {
        let arguments = Arguments { changes: document };
        self.outbound.call(|| self.client.rpc("apply_stripe_events", &arguments)).await
    }
}

#[async_trait]
impl Record for PostgrestRecord {
    async fn apply(&self, changes: &[&Change]) -> Result<Vec<Answer>, RecordError> {
        // A call without events would ask whether the record is ready.
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        answer::answers(&self.call_function(&answer::document(changes)?).await?, changes.len())
    }

    async fn subscriptions(&self, query: &SubscriptionQuery) -> Result<Vec<Subscription>, RecordError> {
        let mut filters = vec![
            ("select", COLUMNS.to_owned()),
            ("livemode", format!("is.{}", query.livemode)),
            ("order", "id.asc,account.asc".to_owned()),
            ("limit", query.limit().to_string()),
        ];
        filters.extend(query.account.iter().map(|account| ("account", format!("eq.{account}"))));
        filters.extend(query.customer_id.iter().map(|id| ("customer_id", format!("eq.{id}"))));
        filters.extend(query.after_id.iter().map(|id| ("id", format!("gt.{id}"))));
        let rows = self.outbound.call(|| self.client.select("stripe_subscriptions", &filters)).await?;
        answer::subscriptions(&rows)
    }

    async fn check(&self) -> Result<Readiness, RecordError> {
        answer::ready(&self.call_function(answer::NO_EVENTS).await?)
    }
}
