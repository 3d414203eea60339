//! Reads a colony's state: the broker's answers, and the webhook adapter of this machine.

use apiary_executor_sdk::{Client, ClientError, v1};
use apiary_protocol::snapshot::{Answers, Snapshot, WebhookPart};

use crate::commands::doctor;
use crate::settings::Settings;
use crate::up;

/// Executors in a snapshot.
const EXECUTORS_MAX: i32 = 1000;

/// Reads the state of the client's colony. Needs the right `read`.
pub(crate) async fn read(client: &Client, settings: &Settings) -> Result<Snapshot, ClientError> {
    let broker = client.connect().await?;
    let executors = v1::ListExecutorsRequest { page_size: EXECUTORS_MAX, ..v1::ListExecutorsRequest::default() };
    let (ready, colony, health, executors, pauses, limits) = tokio::try_join!(
        client.is_ready(),
        client.get_colony(),
        client.get_health(),
        client.list_executors(executors),
        client.list_pauses(),
        client.list_limits(),
    )?;
    let mut snapshot =
        Snapshot::of(Answers { broker, ready, colony, health, executors, pauses: pauses.pauses, limits });
    snapshot.webhook = webhook(settings).await;
    Ok(snapshot)
}

/// Returns the state of the adapter; `None` if none answers.
async fn webhook(settings: &Settings) -> Option<WebhookPart> {
    let address = up::webhook_address(settings).ok()?.to_string();
    let health = doctor::healthz(&format!("http://{address}/healthz")).await.ok()?;
    let number = |name: &str| health["spool"][name].as_u64().unwrap_or(0);
    Some(WebhookPart {
        status: health["status"].as_str()?.to_owned(),
        spool_events: number("events"),
        set_aside: number("set_aside"),
        address,
    })
}
