//! Add logs: in order, within bounds, only by the lease's holder.

use std::collections::BTreeSet;

use apiary_broker::limits::LOG_MESSAGE_BYTES_MAX;
use apiary_store::limits::{LOG_BYTES_MAX, LOG_LINES_MAX};
use apiary_store::model::{GrantKey, LeaseRef, LogBatch, LogFilter, LogLevel, LogLine, NewLogLine, Page};
use apiary_tests::Backend;
use uuid::Uuid;

use crate::tenant::{ALL, LEASE_MS, NOW, Tenant, completion, failure};

on_each_store!(
    lines_are_kept_in_their_order,
    nobody_logs_without_the_lease,
    a_process_logs_so_much_and_no_more,
    its_bytes_are_bounded_too,
    brokers_that_log_for_one_process_at_once_keep_to_its_bounds,
    a_nul_is_made_fit,
);

pub(crate) fn line(message: &str) -> NewLogLine {
    NewLogLine { time_ms: NOW, level: LogLevel::Info, message: message.to_owned(), fields: None }
}

impl Tenant {
    /// Builds lines of a lease of this colony.
    pub(crate) fn batch(&self, lease: LeaseRef, lines: Vec<NewLogLine>) -> LogBatch {
        LogBatch { lease, colony: self.colony.key, lines }
    }

    /// Returns every line of a process, oldest first.
    pub(crate) async fn logs(&self, process_id: Uuid) -> Vec<LogLine> {
        let filter = LogFilter { process_id: Some(process_id), ..LogFilter::default() };
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = Page { size: ALL, after };
            let lines = self.store.list_logs(self.colony.key, &filter, page).await.unwrap();
            let Some(last) = lines.last() else { return all };
            after = Some(last.line);
            all.extend(lines);
        }
    }
}

async fn lines_are_kept_in_their_order(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let (one, two) = (tenant.submit(tenant.process()).await, tenant.submit(tenant.process()).await);
    let leases: Vec<_> = tenant.claim_at(&bee, 2, NOW).await.iter().map(|claimed| bee.lease(claimed)).collect();
    let unknown = LeaseRef { process_id: Uuid::now_v7(), ..leases[0] };
    let fields = NewLogLine { fields: Some("{\"n\":1}".to_owned()), level: LogLevel::Stderr, ..line("b") };
    let batches = [
        tenant.batch(leases[1], vec![line("z"), fields, line("a")]),
        tenant.batch(unknown, vec![line("lost")]),
        tenant.batch(leases[0], (0..500).map(|number| line(&number.to_string())).collect()),
    ];
    assert_eq!(tenant.store.add_logs(&batches, NOW).await.unwrap(), [Some(0), None, Some(0)]);
    let kept = tenant.logs(two).await;
    let words: Vec<_> = kept.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(words, ["z", "b", "a"]);
    assert_eq!((kept[1].level.as_str(), kept[1].fields.as_deref()), ("stderr", Some("{\"n\":1}")));
    assert_eq!((kept[0].executor.as_str(), kept[0].attempt, kept[0].time_ms), ("bee", 1, NOW));
    assert!(kept.is_sorted_by_key(|line| line.line));
    let many: Vec<_> = tenant.logs(one).await.into_iter().map(|line| line.message).collect();
    assert_eq!(many, (0..500).map(|number| number.to_string()).collect::<Vec<_>>());
}

async fn nobody_logs_without_the_lease(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let id = tenant.submit(tenant.process()).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    let wrong = [
        (LeaseRef { attempt: 2, ..lease }, NOW),
        (LeaseRef { executor: GrantKey(lease.executor.0 + 1), ..lease }, NOW),
        (lease, NOW + LEASE_MS),
    ];
    for (token, now_ms) in wrong {
        let batch = [tenant.batch(token, vec![line("no")])];
        assert_eq!(tenant.store.add_logs(&batch, now_ms).await.unwrap(), [None]);
    }
    tenant.store.complete(&[completion(lease, "{}")], NOW).await.unwrap();
    assert_eq!(tenant.store.add_logs(&[tenant.batch(lease, vec![line("no")])], NOW).await.unwrap(), [None]);
    assert!(tenant.logs(id).await.is_empty());
}

async fn a_process_logs_so_much_and_no_more(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let id = tenant.submit(tenant.process()).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    let most = LOG_LINES_MAX - 3;
    let batch = tenant.batch(lease, vec![line("x"); most]);
    assert_eq!(tenant.store.add_logs(&[batch], NOW).await.unwrap(), [Some(0)]);
    let batch = tenant.batch(lease, (0..5).map(|number| line(&number.to_string())).collect());
    assert_eq!(tenant.store.add_logs(&[batch], NOW).await.unwrap(), [Some(2)]);
    // Counted over all attempts.
    tenant.store.fail(&[failure(lease)], NOW).await.unwrap();
    let second = tenant.claim_one(&bee, NOW).await;
    assert_eq!(tenant.store.add_logs(&[tenant.batch(second, vec![line("more")])], NOW).await.unwrap(), [Some(1)]);
    let kept = tenant.logs(id).await;
    assert_eq!((kept.len(), kept[kept.len() - 1].message.as_str()), (LOG_LINES_MAX, "2"));
}

async fn its_bytes_are_bounded_too(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let id = tenant.submit(tenant.process()).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    let long =
        NewLogLine { fields: Some("x".repeat(LOG_MESSAGE_BYTES_MAX)), ..line(&"y".repeat(LOG_MESSAGE_BYTES_MAX)) };
    let fitting = LOG_BYTES_MAX / (2 * LOG_MESSAGE_BYTES_MAX);
    let batch = tenant.batch(lease, vec![long; fitting + 2]);
    assert_eq!(tenant.store.add_logs(&[batch], NOW).await.unwrap(), [Some(2)]);
    assert_eq!(tenant.logs(id).await.len(), fitting);
}

async fn brokers_that_log_for_one_process_at_once_keep_to_its_bounds(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let id = tenant.submit(tenant.process()).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    let batch = [tenant.batch(lease, vec![line("x"); LOG_LINES_MAX / 10])];
    let calls = (0..15).map(|_| tenant.store.add_logs(&batch, NOW));
    let dropped = futures::future::try_join_all(calls).await.unwrap().concat();
    assert_eq!(dropped.iter().filter(|dropped| **dropped == Some(0)).count(), 10);
    let kept = tenant.logs(id).await;
    assert_eq!(kept.iter().map(|line| line.line.0).collect::<BTreeSet<_>>().len(), LOG_LINES_MAX);
}

async fn a_nul_is_made_fit(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let id = tenant.submit(tenant.process()).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    let batch = [tenant.batch(lease, vec![line("a\0b"), line("\u{1f41d} \"quoted\" \\ \n\t")])];
    assert_eq!(tenant.store.add_logs(&batch, NOW).await.unwrap(), [Some(0)]);
    let kept = tenant.logs(id).await;
    assert_eq!((kept[0].message.as_str(), kept[1].message.as_str()), ("a\u{fffd}b", "\u{1f41d} \"quoted\" \\ \n\t"));
}
