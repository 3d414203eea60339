//! Runs the demo, from the first key to the last row.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use apiary_adapters::sources::stripe::Stripe;
use apiary_adapters::{Source as _, WebhookConfig};
use apiary_bees::finance::{Record as _, SqliteRecord, SubscriptionQuery, file_in};
use apiary_broker::config::{DoorConfig, ExecutorsConfig, RetentionConfig};
use apiary_executor_sdk::v1::ProcessState;
use apiary_executor_sdk::{Client, v1};
use apiary_identity::Clock;
use apiary_settings::Value;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::poster::Poster;
use super::report::{ExpectedReport, Report};
use super::story;
use crate::commands::bee::Equipment;
use crate::commands::process::verify;
use crate::commands::process::view::{is_finished, state_word};
use crate::exit::Fault;
use crate::output::note;
use crate::profile;
use crate::settings::Settings;
use crate::up::{Config, Folder, LocalColony};

/// Pause between two polls of the processes.
const PAUSE: Duration = Duration::from_millis(50);
/// Processes in one answer of the broker.
const PAGE: i32 = 1000;

/// Runs the demo in `folder`, which must end within `timeout` from the start. The report is complete even if
/// expectations are unmet; these are in the list.
pub(crate) async fn run(folder: &Path, timeout: Duration) -> anyhow::Result<(Report, Vec<String>)> {
    let begun = Instant::now();
    let clock = profile::clock();
    // Not a real secret: it signs the demo's own events, and is deleted with the folder.
    let secret = SecretString::from(format!("whsec_{}", Uuid::new_v4().simple()));
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let webhook = WebhookConfig::new(any_port, Vec::new(), folder.join("spool"));
    let secrets = Value::List(vec![secret.expose_secret().to_owned()]);
    let settings = Settings::defaults().with(vec![(Stripe.secrets(), secrets)], folder);
    let folder = Folder::open(folder)?;
    let config = Config {
        broker: any_port,
        door: DoorConfig::default(),
        retention: RetentionConfig::default(),
        executors: ExecutorsConfig::default(),
        settings,
        equipment: Equipment::default(),
        webhook,
        has_remote_metrics: false,
    };
    let colony = LocalColony::start(folder, config, clock.clone()).await?;
    note(&format!("a colony is up: keys, broker, webhook adapter and bees, after {} ms", begun.elapsed().as_millis()));
    let told = tell(&colony, &secret, clock, begun, timeout).await;
    colony.stop().await;
    told
}

async fn tell(
    colony: &LocalColony,
    secret: &SecretString,
    clock: Arc<dyn Clock>,
    begun: Instant,
    timeout: Duration,
) -> anyhow::Result<(Report, Vec<String>)> {
    let events = story::events(clock.now());
    let mut poster = Poster::new(format!("http://{}/webhooks/stripe", colony.webhook()), clock.clone())?;
    let mut unmet = Vec::new();
    let posts = out_of_order(&events);
    for event in &posts {
        let status = poster.post(&event.body, secret).await?.status;
        if !(200..300).contains(&status) {
            unmet.push(format!("{} was answered {status}", event.id));
        }
    }
    let other = SecretString::from(format!("whsec_{}", Uuid::new_v4().simple()));
    let status = poster.post(&story::forgery(clock.now()).body, &other).await?.status;
    if !matches!(status, 400 | 401) {
        unmet.push(format!("a forged event was answered {status}, expected 400 or 401"));
    }
    note(&format!("posted {} webhooks: out of order, some twice, one forged ({status})", poster.posted));

    let left = timeout.saturating_sub(begun.elapsed());
    let succeeded = match tokio::time::timeout(left, finished(colony.operator(), events.len())).await {
        Ok(states) => states?.get(&ProcessState::Succeeded).copied().unwrap_or(0),
        Err(_) => return Err(Fault::failure(format!("not every event was applied after {timeout:?}")).into()),
    };
    let record = SqliteRecord::open(&file_in(colony.folder().path())).await.context("the state of record")?;
    let subscriptions = record.subscriptions(&SubscriptionQuery::all(false)).await;
    record.close().await;
    let chain = chain_of_newest(colony.operator()).await?;
    let report = Report {
        events_posted: poster.posted,
        events_refused: poster.refused,
        events_duplicate: poster.duplicates,
        processes_succeeded: succeeded,
        subscriptions: subscriptions.context("the state of record")?,
        chain_verified: chain.verified,
        elapsed_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        chain: Some(chain),
    };
    unmet.extend(report.unmet(&ExpectedReport { events: events.len(), posts: posts.len() + 1, refused: 1 }));
    Ok((report, unmet))
}

/// Reorders events as networks do: neighbours swapped, every third event twice, and the first one once more at the end.
fn out_of_order(events: &[story::Event]) -> Vec<&story::Event> {
    let swapped = events.chunks(2).flat_map(|pair| pair.iter().rev());
    let mut posts: Vec<_> = swapped
        .enumerate()
        .flat_map(|(place, event)| std::iter::repeat_n(event, if place % 3 == 0 { 2 } else { 1 }))
        .collect();
    posts.extend(events.first());
    posts
}

/// Waits until `wanted` processes are finished and none is running; returns their number by state.
async fn finished(client: &Client, wanted: usize) -> anyhow::Result<BTreeMap<ProcessState, usize>> {
    loop {
        let request = v1::ListProcessesRequest { page_size: PAGE, ..Default::default() };
        let page = client.list_processes(request).await?;
        let mut states = BTreeMap::new();
        for process in &page.processes {
            *states.entry(process.state()).or_default() += 1;
        }
        if page.processes.len() >= wanted && states.keys().all(|state| is_finished(*state)) {
            for (state, count) in states.iter().filter(|(state, _)| **state != ProcessState::Succeeded) {
                note(&format!("{count} processes ended as {}", state_word(*state)));
            }
            return Ok(states);
        }
        sleep(PAUSE).await;
    }
}

async fn chain_of_newest(client: &Client) -> anyhow::Result<verify::Verdict> {
    let request = v1::ListProcessesRequest { page_size: 1, ..Default::default() };
    let newest = client.list_processes(request).await?.processes.pop();
    let process_id = newest.context("there is no process")?.process_id.parse()?;
    verify::verify(client, process_id).await
}
