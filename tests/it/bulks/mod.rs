//! Bulk actions: one verb on all processes that match.

mod get;
mod list;
mod start;
mod stop;

use apiary_executor_sdk::{Client, v1};
use apiary_tests::eventually;
use uuid::Uuid;

/// A bulk action on all that match.
fn order(action: &str, filter: v1::ProcessFilter) -> v1::StartBulkRequest {
    v1::StartBulkRequest {
        bulk_id: Uuid::now_v7().to_string(),
        action: action.to_owned(),
        filter: Some(filter),
        reason: "a test".to_owned(),
        dry_run: false,
    }
}

/// All of one executor type.
fn of_type(executor_type: &str) -> v1::ProcessFilter {
    v1::ProcessFilter { executor_type: executor_type.to_owned(), ..Default::default() }
}

/// The bulk action once it is through.
async fn through(client: &Client, bulk_id: &str) -> v1::Bulk {
    eventually("it is through", async || {
        Some(client.get_bulk(bulk_id).await.unwrap()).filter(|bulk| bulk.state == "finished")
    })
    .await
}
