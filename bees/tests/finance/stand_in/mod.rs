//! Reads at Stripe, against a stand-in for its API.

mod client;
mod fixtures;
mod lists;
mod long;
mod reconcile;
mod repair;

use std::sync::Arc;
use std::time::Duration;

use apiary_bees::finance::reconcile::{Report, Request, run};
use apiary_bees::finance::stripe_api::{StripeApi, StripeConfig, StripeKey};
use apiary_bees::finance::{Change, Record, Writer};
use apiary_bees::outbound::Retries;
use apiary_identity::SystemClock;
use apiary_tests::stripe_api::{StandIn, fixture};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::harness::database::QUICK;
use crate::harness::event::{T0, event};

/// Calls a second that slow no test down.
const RATE: u32 = 10_000;
/// Time limit for one answer, long enough on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(3);

fn api_with(server: &StandIn, key: &str, retries: Retries) -> Arc<StripeApi> {
    let key = StripeKey::read(&SecretString::from(key)).unwrap();
    let config = StripeConfig { url: server.url.clone(), key, rate: RATE, retries, timeout: TIMEOUT };
    Arc::new(StripeApi::new(config, Arc::new(SystemClock)).unwrap())
}

fn api(server: &StandIn) -> Arc<StripeApi> {
    api_with(server, &server.key(), QUICK)
}

fn customer(id: &str, created: i64) -> Value {
    fixture("customer", &json!({"id": id, "created": created, "email": format!("{id}@example.com"), "name": "Łódź"}))
}

fn subscription(id: &str, customer: &str, status: &str, created: i64) -> Value {
    let fields = json!({
        "id": id, "customer": customer, "created": created, "status": status, "cancel_at": null, "canceled_at": null,
        "ended_at": null, "trial_start": null, "trial_end": null, "pause_collection": null, "schedule": null,
    });
    fixture("subscription", &fields)
}

/// Applies an object as its event does, `seconds` after [`T0`].
async fn apply(record: &Arc<dyn Record>, event_type: &str, object: &Value, seconds: i64) {
    let id = format!("evt_{}_{seconds}", object["id"].as_str().unwrap());
    let change = Change::from_event(&event(&id, event_type, T0 + seconds, object)).unwrap();
    Writer::new(Arc::clone(record)).apply(change).await.unwrap();
}

/// Runs until the end, however many runs that takes.
async fn reconcile(stripe: &Arc<StripeApi>, record: &Arc<dyn Record>, request: &Request) -> Report {
    let (mut report, mut request) = (Report::default(), request.clone());
    loop {
        let part = run(stripe, Arc::clone(record), &request, Duration::MAX, || false).await.unwrap();
        assert_eq!(part.stopped, None);
        request.cursor.clone_from(&part.cursor);
        report.add(part, 100);
        if report.finished {
            return report;
        }
    }
}
