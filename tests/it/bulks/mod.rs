//! `BulkService`.

mod get_bulk;
mod list_bulks;
mod start_bulk;
mod stop_bulk;

use std::time::Duration;

use apiary_executor_sdk::{Client, v1};
use apiary_identity::{Envelope, KeyPair};
use apiary_tests::eventually_within;
use uuid::Uuid;

/// Longest time of a bulk action, also if another broker must take it over.
const PATIENCE: Duration = Duration::from_secs(120);

/// Builds a request with a new id.
fn order(action: &str, filter: v1::ProcessFilter) -> v1::StartBulkRequest {
    v1::StartBulkRequest {
        bulk_id: Uuid::now_v7().to_string(),
        action: action.to_owned(),
        filter: Some(filter),
        reason: "spring cleaning".to_owned(),
        dry_run: false,
    }
}

/// Builds the filter for all processes in these states.
fn in_states(states: &[v1::ProcessState]) -> v1::ProcessFilter {
    v1::ProcessFilter { states: states.iter().map(|state| (*state).into()).collect(), ..Default::default() }
}

/// Submits `count` processes of one type; returns their ids, in order.
async fn submit_many(user: &Client, key: &KeyPair, executor_type: &str, count: usize) -> Vec<Uuid> {
    let specs: Vec<_> = (0..count).map(|_| user.spec(executor_type, "f")).collect();
    for part in specs.chunks(1000) {
        let sealed: Vec<_> = part.iter().map(|spec| Envelope::seal(key, spec).unwrap()).collect();
        let answers = user.submit_batch(&sealed).await.unwrap();
        assert!(answers.iter().all(|answer| answer.process.is_some()), "{:?}", answers[0]);
    }
    specs.into_iter().map(|spec| spec.process_id).collect()
}

/// Waits until a bulk action is finished.
async fn through(client: &Client, bulk_id: &str) -> v1::Bulk {
    eventually_within(PATIENCE, "the bulk action is through", async || {
        // The broker may be stopping or starting.
        let bulk = client.get_bulk(bulk_id).await.ok()?;
        (bulk.state == "finished").then_some(bulk)
    })
    .await
}

/// Counts the processes that match.
async fn count(reader: &Client, filter: v1::ProcessFilter) -> usize {
    let (mut found, mut page_token) = (0, String::new());
    loop {
        let request = v1::ListProcessesRequest { filter: Some(filter.clone()), page_size: 1000, page_token };
        let page = reader.list_processes(request).await.unwrap();
        found += page.processes.len();
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return found;
        }
    }
}
