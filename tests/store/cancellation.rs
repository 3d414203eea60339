//! Cancelled callers: nothing is half-done, and nothing stays open.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use apiary_store::model::{ProcessState, SubmitResult};
use apiary_tests::{Backend, eventually};

use crate::tenant::{NOW, Tenant, at, completion};

on_each_store!(a_caller_that_goes_away_leaves_nothing_half_done);

/// Polls a call up to `polls` times, yielding in between, then drops it. Returns `true` if it was finished.
async fn cut_short<F: Future>(call: F, polls: usize) -> bool {
    let mut call = pin!(call);
    for _ in 0..polls {
        let finished = std::future::poll_fn(|context| match call.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending => Poll::Ready(false),
        })
        .await;
        if finished {
            return true;
        }
        // Time for the database's answer, so that calls are dropped at every await.
        std::thread::sleep(std::time::Duration::from_micros(150));
        tokio::task::yield_now().await;
    }
    false
}

async fn a_caller_that_goes_away_leaves_nothing_half_done(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    for polls in (0..40).chain((40..400).step_by(40)) {
        let process = tenant.process();
        let process_id = process.process_id;
        cut_short(tenant.store.submit(std::slice::from_ref(&process), NOW), polls).await;
        // The same submit again is safe and shows whether the first was stored. The dropped call may still be
        // finishing.
        let answers = tenant.store.submit(std::slice::from_ref(&process), NOW).await.unwrap();
        assert!(!matches!(answers[0], SubmitResult::IdTaken), "{answers:?}");
        assert_eq!(tenant.state(process_id).await, ProcessState::Waiting);

        let slots = [bee.slot(1)];
        let lane = tenant.lane();
        cut_short(tenant.store.claim(&lane, &slots, &at(NOW)), polls).await;
        // A dropped claim either never happened or made a lease, which the sweep will find.
        let state = eventually("the process is in one state", async || {
            let claimed = tenant.claim_at(&bee, 1, NOW).await;
            let state = tenant.state(process_id).await;
            (!claimed.is_empty() || state == ProcessState::Running).then_some(state)
        })
        .await;
        assert_eq!(state, ProcessState::Running);

        let lease = tenant.store.leases(&[process_id]).await.unwrap().remove(0);
        assert_eq!(lease.attempt, 1);
        let token = apiary_store::model::LeaseRef { process_id, attempt: 1, executor: lease.executor };
        let completions = [completion(token, "{}")];
        cut_short(tenant.store.complete(&completions, NOW), polls).await;
        eventually("the process has succeeded", async || {
            tenant.store.complete(&completions, NOW).await.unwrap();
            (tenant.state(process_id).await == ProcessState::Succeeded).then_some(())
        })
        .await;
        assert_eq!(tenant.store.attempts(process_id).await.unwrap().len(), 1);
    }
}
