//! `max_wait` and pauses: only time in which a process could have run counts.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use apiary_store::model::{ExplainRecord, NewProcess, Pause, PauseKind, PauseTarget, ProcessState};
use apiary_tests::Backend;
use uuid::Uuid;

use crate::tenant::{DONE, KIND, NOW, Tenant, completion};

on_each_store!(
    nothing_fails_while_it_is_paused_and_the_rest_of_its_wait_ends_it,
    a_pause_that_is_over_before_the_wait_is_added_to_it,
    pauses_that_overlap_are_counted_once_and_none_is_lost,
    what_comes_to_wait_during_the_pause_counts_from_then,
    only_the_first_resume_adds_anything_and_only_to_what_was_paused,
    a_wait_that_was_over_before_the_pause_ends_after_it,
    resumes_at_once_leave_nothing_standing,
    a_sweep_and_a_resume_at_once_fail_nothing_too_early_and_leave_nothing_standing,
    a_wait_that_no_pause_holds_any_more_is_counted_on_by_any_resume,
    what_is_paused_hides_nothing_that_is_due_behind_it,
    ten_thousand_waits_are_counted_on_with_one_resume,
);

const MAX_WAIT_MS: i64 = 100;
const HOUR_MS: i64 = 3_600_000;

async fn nothing_fails_while_it_is_paused_and_the_rest_of_its_wait_ends_it(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let other = Tenant::in_store(&tenant.store, "orchard").await;
    let bee = tenant.bee("bee").await;
    for what in everything() {
        let (held, elsewhere) = (submit(&tenant, NOW).await, submit(&other, NOW).await);
        let free = tenant.submit(NewProcess { function: "ship".into(), ..hasty(&tenant, NOW) }).await;
        pause(&tenant, &what, NOW + 40).await;
        let mut expired = expire(&tenant, NOW + HOUR_MS - 1).await;
        expired.sort();
        let mut expected = vec![elsewhere];
        expected.extend((what.kind == PauseKind::Function).then_some(free));
        expected.sort();
        assert_eq!(expired, expected, "{what:?}");
        assert_eq!(tenant.store.next_deadline_ms().await.unwrap(), None, "the sweep is not to look for it again");
        assert_eq!(wait(&tenant, held).await, (None, Some(60)));
        resume(&tenant, &what, NOW + HOUR_MS).await;
        assert_eq!(wait(&tenant, held).await, (Some(NOW + HOUR_MS + 60), None));
        assert_eq!(tenant.store.next_deadline_ms().await.unwrap(), Some(NOW + HOUR_MS + 60));
        assert!(expire(&tenant, NOW + HOUR_MS + 59).await.is_empty());
        assert!(expire(&tenant, NOW + HOUR_MS + 60).await.contains(&held));
        // Resumed work can be claimed.
        let again = submit(&tenant, NOW).await;
        pause(&tenant, &what, NOW).await;
        expire(&tenant, NOW + HOUR_MS).await;
        resume(&tenant, &what, NOW + HOUR_MS).await;
        let lease = tenant.claim_one(&bee, NOW + HOUR_MS).await;
        assert_eq!(lease.process_id, again);
        assert_eq!(tenant.store.complete(&[completion(lease, "{}")], NOW + HOUR_MS).await.unwrap(), [DONE]);
    }
}

async fn a_pause_that_is_over_before_the_wait_is_added_to_it(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (held, patient) = (submit(&tenant, NOW).await, tenant.submit(tenant.process()).await);
    for (what, since_ms) in everything().iter().zip([40, 50, 90]) {
        pause(&tenant, what, NOW + since_ms).await;
        resume(&tenant, what, NOW + since_ms + 10).await;
    }
    assert_eq!(wait(&tenant, held).await, (Some(NOW + MAX_WAIT_MS + 30), None));
    assert_eq!(wait(&tenant, patient).await, (None, None), "without a limit there is nothing to count");
}

async fn pauses_that_overlap_are_counted_once_and_none_is_lost(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let [colony, executor_type, function] = everything();
    for sweeps in [false, true] {
        let held = tenant.submit(NewProcess { max_wait_ms: 300, ..hasty(&tenant, NOW) }).await;
        let steps: [(i64, &PauseTarget, bool); 8] = [
            (10, &colony, true),
            (30, &function, true),
            (50, &colony, false),
            (60, &executor_type, true),
            (80, &function, false),
            (100, &executor_type, false),
            (150, &function, true),
            (160, &function, false),
        ];
        for (ms, what, begins) in steps {
            match begins {
                true => pause(&tenant, what, NOW + ms).await,
                false => resume(&tenant, what, NOW + ms).await,
            }
            if sweeps {
                assert!(expire(&tenant, NOW + ms).await.is_empty());
            }
        }
        assert_eq!(wait(&tenant, held).await, (Some(NOW + 300 + 90 + 10), None));
        assert_eq!(expire(&tenant, NOW + 400).await, [held]);
    }
}

async fn what_comes_to_wait_during_the_pause_counts_from_then(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let [colony, ..] = everything();
    let redriven = submit(&tenant, NOW).await;
    assert_eq!(expire(&tenant, NOW + MAX_WAIT_MS).await, [redriven]);
    let start = NOW + 200;
    pause(&tenant, &colony, start).await;
    let submitted = submit(&tenant, start + 50).await;
    tenant.store.redrive(tenant.colony.key, &[redriven], start + 60, None).await.unwrap();
    for sweep in [false, true] {
        if sweep {
            assert!(expire(&tenant, start + HOUR_MS).await.is_empty());
            assert_eq!(wait(&tenant, submitted).await, (None, Some(MAX_WAIT_MS)));
        }
        let end = start + if sweep { HOUR_MS } else { 80 };
        resume(&tenant, &colony, end).await;
        assert_eq!(wait(&tenant, submitted).await, (Some(end + MAX_WAIT_MS), None));
        assert_eq!(wait(&tenant, redriven).await, (Some(end + MAX_WAIT_MS), None));
        pause(&tenant, &colony, end).await;
    }
}

async fn only_the_first_resume_adds_anything_and_only_to_what_was_paused(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let what = named(PauseKind::Function, "ship");
    let (held, free) = (
        tenant.submit(NewProcess { function: "ship".into(), ..hasty(&tenant, NOW) }).await,
        submit(&tenant, NOW).await,
    );
    pause(&tenant, &what, NOW + 10).await;
    resume(&tenant, &what, NOW + 30).await;
    for what in everything().iter().chain([&what]) {
        assert!(!tenant.store.resume(tenant.colony.key, what, NOW + 70, None).await.unwrap());
    }
    assert_eq!(wait(&tenant, held).await, (Some(NOW + MAX_WAIT_MS + 20), None));
    assert_eq!(wait(&tenant, free).await, (Some(NOW + MAX_WAIT_MS), None));
}

async fn a_wait_that_was_over_before_the_pause_ends_after_it(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let [colony, ..] = everything();
    let late = submit(&tenant, NOW).await;
    pause(&tenant, &colony, NOW + MAX_WAIT_MS + 5).await;
    assert!(expire(&tenant, NOW + MAX_WAIT_MS + 10).await.is_empty(), "nothing fails while it is paused");
    resume(&tenant, &colony, NOW + HOUR_MS).await;
    assert_eq!(expire(&tenant, NOW + HOUR_MS).await, [late]);
}

async fn resumes_at_once_leave_nothing_standing(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    for round in 0..15 {
        let held = submit(&tenant, NOW).await;
        for (what, since_ms) in everything().iter().zip([40, 50, 60]) {
            pause(&tenant, what, NOW + since_ms).await;
        }
        if round % 2 == 0 {
            expire(&tenant, NOW + HOUR_MS).await;
        }
        let everything = everything();
        let resumes = everything.iter().map(|what| tenant.store.resume(tenant.colony.key, what, NOW + HOUR_MS, None));
        futures::future::try_join_all(resumes).await.unwrap();
        assert_eq!(wait(&tenant, held).await, (Some(NOW + HOUR_MS + 60), None), "round {round}");
        assert_eq!(expire(&tenant, NOW + HOUR_MS + 60).await, [held]);
    }
}

async fn a_sweep_and_a_resume_at_once_fail_nothing_too_early_and_leave_nothing_standing(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let [colony, ..] = everything();
    for round in 0..15 {
        let (mut held, mut late) = (Vec::new(), BTreeSet::new());
        for _ in 0..20 {
            held.push(submit(&tenant, NOW).await);
            // Expired before the pause: due as soon as the pause ends, so that a sweep that began earlier sees it due
            // and paused.
            late.insert(tenant.submit(NewProcess { max_wait_ms: 10, ..hasty(&tenant, NOW) }).await);
        }
        pause(&tenant, &colony, NOW + 40).await;
        let sweeps = (0..4).map(async |_| {
            let mut expired = Vec::new();
            for _ in 0..5 {
                expired.extend(tenant.store.expire_waiting(NOW + HOUR_MS, 5).await.unwrap());
            }
            expired
        });
        let (expired, resumed) = tokio::join!(
            futures::future::join_all(sweeps),
            tenant.store.resume(tenant.colony.key, &colony, NOW + HOUR_MS, None)
        );
        assert!(resumed.unwrap());
        let mut expired: BTreeSet<Uuid> = expired.concat().into_iter().map(|(process_id, _)| process_id).collect();
        expired.extend(expire(&tenant, NOW + HOUR_MS).await);
        assert_eq!(expired, late, "round {round}");
        for one in &held {
            assert_eq!(wait(&tenant, *one).await, (Some(NOW + HOUR_MS + 60), None), "round {round}");
        }
        assert_eq!(expire(&tenant, NOW + HOUR_MS + 60).await.len(), held.len());
    }
}

async fn a_wait_that_no_pause_holds_any_more_is_counted_on_by_any_resume(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let [colony, ..] = everything();
    let held = submit(&tenant, NOW).await;
    pause(&tenant, &colony, NOW + 40).await;
    expire(&tenant, NOW + HOUR_MS).await;
    backend.execute("DELETE FROM pauses").await;
    assert!(!tenant.store.resume(tenant.colony.key, &colony, NOW + HOUR_MS, None).await.unwrap());
    assert_eq!(wait(&tenant, held).await, (Some(NOW + HOUR_MS + 60), None));
}

async fn what_is_paused_hides_nothing_that_is_due_behind_it(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    pause(&tenant, &named(PauseKind::Function, "ship"), NOW).await;
    let mut free = Vec::new();
    for number in 0..40 {
        let function = if number % 4 == 3 { "charge" } else { "ship" };
        let process = NewProcess { function: function.into(), max_wait_ms: 1 + number, ..hasty(&tenant, NOW) };
        let process_id = tenant.submit(process).await;
        free.extend((function == "charge").then_some(process_id));
    }
    let mut expired = Vec::new();
    for size in [4, 4, 2, 0] {
        let some = tenant.store.expire_waiting(NOW + 100, 4).await.unwrap();
        assert_eq!(some.len(), size, "no more than it is told, and fewer only if nothing more is due");
        expired.extend(some.into_iter().map(|(process_id, _)| process_id));
    }
    assert_eq!(expired, free);
    assert_eq!(tenant.store.next_deadline_ms().await.unwrap(), None);
}

async fn ten_thousand_waits_are_counted_on_with_one_resume(backend: Backend) {
    const COUNT: usize = 10_000;
    /// Bound well below the 30 s after which a caller gives up, on a busy machine.
    const LONGEST: Duration = Duration::from_secs(10);
    let tenant = Tenant::on(&backend).await;
    let [colony, ..] = everything();
    for _ in 0..COUNT / 500 {
        let batch: Vec<NewProcess> = (0..500).map(|_| hasty(&tenant, NOW)).collect();
        tenant.store.submit(&batch, NOW).await.unwrap();
    }
    // Once while the waits are counted, and once after all of them stand still.
    for end in [NOW + 60, NOW + HOUR_MS] {
        pause(&tenant, &colony, end - 20).await;
        let began = Instant::now();
        assert!(tenant.store.expire_waiting(end - 1, 500).await.unwrap().is_empty());
        let swept = began.elapsed();
        resume(&tenant, &colony, end).await;
        let took = began.elapsed() - swept;
        println!("{COUNT} waits: the sweep took {swept:?}, the resume {took:?}");
        assert!(took < LONGEST, "{took:?}");
        if end == NOW + 60 {
            let next_ms = tenant.store.next_deadline_ms().await.unwrap();
            assert_eq!(next_ms, Some(NOW + MAX_WAIT_MS + 20));
            backend.execute(&format!("UPDATE queue SET wait_deadline_ms = {}", end + HOUR_MS / 2)).await;
        }
    }
    let expired = tenant.store.expire_waiting(NOW + 2 * HOUR_MS, 20_000).await.unwrap();
    assert_eq!(expired.len(), COUNT);
}

fn hasty(tenant: &Tenant, now_ms: i64) -> NewProcess {
    NewProcess { max_wait_ms: MAX_WAIT_MS, submitted_at_ms: now_ms, ..tenant.process() }
}

async fn submit(tenant: &Tenant, now_ms: i64) -> Uuid {
    tenant.submit(hasty(tenant, now_ms)).await
}

/// Returns the deadline of a wait, or the rest of one that stands still.
async fn wait(tenant: &Tenant, process_id: Uuid) -> (Option<i64>, Option<i64>) {
    let kept: ExplainRecord = tenant.store.explain(tenant.colony.key, process_id, 0).await.unwrap().unwrap();
    assert_eq!(kept.summary.state, ProcessState::Waiting);
    (kept.wait_deadline_ms, kept.wait_left_ms)
}

async fn expire(tenant: &Tenant, now_ms: i64) -> Vec<Uuid> {
    let expired = tenant.store.expire_waiting(now_ms, 100).await.unwrap();
    expired.into_iter().map(|(process_id, _)| process_id).collect()
}

async fn pause(tenant: &Tenant, what: &PauseTarget, since_ms: i64) {
    let pause = Pause { what: what.clone(), by: "ada".to_owned(), reason: String::new(), since_ms };
    let (_, existed) = tenant.store.pause(tenant.colony.key, &pause, None).await.unwrap().unwrap();
    assert!(!existed, "it was not paused");
}

async fn resume(tenant: &Tenant, what: &PauseTarget, now_ms: i64) {
    assert!(tenant.store.resume(tenant.colony.key, what, now_ms, None).await.unwrap(), "it was paused");
}

/// Returns each pause that covers the tests' processes.
fn everything() -> [PauseTarget; 3] {
    [named(PauseKind::Colony, ""), named(PauseKind::ExecutorType, KIND), named(PauseKind::Function, "validate_revenue")]
}

fn named(kind: PauseKind, name: &str) -> PauseTarget {
    PauseTarget { kind, name: name.to_owned() }
}
