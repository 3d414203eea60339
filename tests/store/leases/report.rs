//! Report: the last progress, the last checkpoint, only by the lease's holder.

use apiary_store::model::{GrantKey, LeaseEnd, LeaseRef, Report, ReportResult};
use apiary_tests::Backend;
use bytes::Bytes;
use uuid::Uuid;

use crate::tenant::{LEASE_MS, NOW, Tenant, completion, failure, signature};

on_each_store!(
    the_newest_number_stays_whichever_comes_last,
    what_a_report_leaves_out_stays_within_an_attempt,
    a_checkpoint_outlives_later_reports_and_the_attempt,
    nobody_reports_without_the_lease,
    a_report_and_the_end_of_the_attempt_agree_who_was_first,
    a_nul_in_the_words_keeps_no_other_out,
);

pub(crate) fn report(lease: LeaseRef, number: i64) -> Report {
    Report {
        lease,
        number,
        percent: Some(f64::from(u8::try_from(number).unwrap())),
        message: Some(format!("step {number}")),
        has_checkpoint: false,
        payload: Bytes::from(format!("report {number}")),
        signature: signature(7),
    }
}

async fn the_newest_number_stays_whichever_comes_last(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let id = tenant.submit(tenant.process()).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    assert!(tenant.store.progress(id).await.unwrap().is_none());
    assert_eq!(tenant.store.report(&[report(lease, 2)], NOW).await.unwrap(), [ReportResult::Kept]);
    for older in [1, 2] {
        assert_eq!(tenant.store.report(&[report(lease, older)], NOW).await.unwrap(), [ReportResult::Older]);
    }
    let kept = tenant.store.progress(id).await.unwrap().unwrap();
    assert_eq!(
        (kept.executor, kept.payload, kept.signature),
        (bee.grant, Bytes::from("report 2"), signature(7).as_bytes().to_vec())
    );
    assert_eq!(tenant.store.report(&[report(lease, 3)], NOW).await.unwrap(), [ReportResult::Kept]);
    let shown = tenant.summary(id).await;
    assert_eq!((shown.percent, shown.progress.as_deref()), (Some(3.0), Some("step 3")));
    // A batch has its answers in the same order.
    let other = tenant.submit(tenant.process()).await;
    let second = tenant.claim_one(&bee, NOW).await;
    let unknown = LeaseRef { process_id: Uuid::now_v7(), attempt: 1, executor: bee.grant };
    let batch = [report(second, 1), report(unknown, 1), report(lease, 3), report(LeaseRef { attempt: 9, ..lease }, 9)];
    let expected = [ReportResult::Kept, ReportResult::Lost, ReportResult::Older];
    assert_eq!(tenant.store.report(&batch[..3], NOW).await.unwrap(), expected);
    assert_eq!(tenant.store.report(&batch[3..], NOW).await.unwrap(), [ReportResult::Lost]);
    assert_eq!(tenant.store.progress(other).await.unwrap().unwrap().payload, "report 1");
}

async fn what_a_report_leaves_out_stays_within_an_attempt(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let id = tenant.submit(tenant.process()).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    tenant.store.report(&[report(lease, 1)], NOW).await.unwrap();
    tenant.store.report(&[Report { percent: None, ..report(lease, 2) }], NOW).await.unwrap();
    tenant.store.report(&[Report { message: None, ..report(lease, 3) }], NOW).await.unwrap();
    let shown = tenant.summary(id).await;
    assert_eq!((shown.percent, shown.progress.as_deref()), (Some(3.0), Some("step 2")));
    tenant.store.fail(&[failure(lease)], NOW).await.unwrap();
    let second = tenant.claim_one(&bee, NOW).await;
    let shown = tenant.summary(id).await;
    assert_eq!(
        (shown.percent, shown.progress.as_deref()),
        (None, Some("step 2")),
        "the next attempt is not as far yet"
    );
    // The next attempt counts from 1 again, without any fields of the first.
    let first = Report { percent: None, message: None, ..report(second, 1) };
    assert_eq!(tenant.store.report(&[first], NOW).await.unwrap(), [ReportResult::Kept]);
    let shown = tenant.summary(id).await;
    assert_eq!((shown.percent, shown.progress.as_deref()), (None, None));
}

async fn a_checkpoint_outlives_later_reports_and_the_attempt(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (bee, other) = (tenant.bee("bee").await, tenant.bee("other").await);
    let id = tenant.submit(tenant.process()).await;
    let without = tenant.submit(tenant.process()).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    tenant.store.report(&[Report { has_checkpoint: true, ..report(lease, 1) }], NOW).await.unwrap();
    tenant.store.report(&[report(lease, 2)], NOW).await.unwrap();
    tenant.store.fail(&[failure(lease)], NOW).await.unwrap();
    let second = tenant.claim_one(&other, NOW).await;
    assert_eq!((second.process_id, second.attempt), (id, 2));
    tenant.store.report(&[report(second, 1)], NOW).await.unwrap();
    let asked = [id, without, Uuid::now_v7()];
    let sizes = tenant.store.checkpoint_sizes(&asked).await.unwrap();
    assert_eq!(sizes.len(), 1);
    assert_eq!((sizes[0].process_id, sizes[0].executor, sizes[0].bytes), (id, bee.grant, "report 1".len()));
    let kept = tenant.store.checkpoints(&asked).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].executor, &kept[0].payload[..]), (bee.grant, &b"report 1"[..]));
    let newer = Report { has_checkpoint: true, ..report(second, 2) };
    tenant.store.report(&[newer], NOW).await.unwrap();
    let kept = tenant.store.checkpoints(&[id]).await.unwrap();
    assert_eq!((kept[0].executor, &kept[0].payload[..]), (other.grant, &b"report 2"[..]));
    assert!(tenant.store.checkpoints(&[]).await.unwrap().is_empty());
}

async fn nobody_reports_without_the_lease(backend: Backend) {
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
        assert_eq!(tenant.store.report(&[report(token, 1)], now_ms).await.unwrap(), [ReportResult::Lost]);
    }
    tenant.store.complete(&[completion(lease, "{}")], NOW).await.unwrap();
    assert_eq!(tenant.store.report(&[report(lease, 1)], NOW).await.unwrap(), [ReportResult::Lost]);
    assert!(tenant.store.progress(id).await.unwrap().is_none());
}

async fn a_report_and_the_end_of_the_attempt_agree_who_was_first(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    for _ in 0..30 {
        let id = tenant.submit(tenant.process()).await;
        let lease = tenant.claim_one(&bee, NOW).await;
        let (reports, completions) = ([report(lease, 1)], [completion(lease, "{}")]);
        let (reported, completed) =
            tokio::join!(tenant.store.report(&reports, NOW), tenant.store.complete(&completions, NOW));
        assert_eq!(completed.unwrap(), [LeaseEnd::Done]);
        let kept = tenant.store.progress(id).await.unwrap().is_some();
        assert_eq!(reported.unwrap() == [ReportResult::Kept], kept);
    }
}

async fn a_nul_in_the_words_keeps_no_other_out(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let id = tenant.submit(tenant.process()).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    let odd = Report { message: Some("a\0b".to_owned()), ..report(lease, 1) };
    assert_eq!(tenant.store.report(&[odd], NOW).await.unwrap(), [ReportResult::Kept]);
    assert_eq!(tenant.summary(id).await.progress.as_deref(), Some("a\u{fffd}b"));
}
