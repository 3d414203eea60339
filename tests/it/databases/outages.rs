//! A state of record that answers with errors for a while: events wait for it only as long as necessary, and as long as
//! it requests; no retry is spent.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use apiary_executor_sdk::Client;
use apiary_executor_sdk::v1::{GetProcessResponse, ProcessState};
use apiary_identity::{Clock as _, Content, SystemClock};
use apiary_tests::daemon::Daemon;
use apiary_tests::{Backend, PostgrestStub, TestColony, eventually_within, stripe};
use uuid::Uuid;

use super::finance_bee;

/// Events of an outage.
const EVENTS: usize = 8;
/// The length of an outage.
const OUTAGE: Duration = Duration::from_secs(2);
/// Longest time of any step on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A colony with a finance bee whose state of record is a stub.
struct Scene {
    _colony: TestColony,
    user: Client,
    reader: Client,
    record: PostgrestStub,
    bee: Daemon,
    _folder: tempfile::TempDir,
    events: usize,
}

impl Scene {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let record = PostgrestStub::start().await;
        let colony = TestColony::start(Backend::sqlite().await).await;
        let (user, reader) = (colony.user("adapter").await, colony.reader().await);
        let settings = [("SUPABASE_URL", record.url()), ("SUPABASE_SERVICE_ROLE_KEY", "sb_secret_of_this_test_only")];
        let bee = finance_bee(&colony, folder.path(), &settings).await;
        let mut scene = Self { _colony: colony, user, reader, record, bee, _folder: folder, events: 0 };
        let first = scene.submit(1, 0).await;
        scene.wait_until_applied(&first).await;
        scene
    }

    /// Submits events without retries.
    async fn submit(&mut self, events: usize, max_exec_ms: i64) -> Vec<Uuid> {
        let mut submitted = Vec::new();
        for _ in 0..events {
            let event = stripe::subscription_created(self.events, SystemClock.now().as_second()).to_string();
            self.events += 1;
            let mut spec = self.user.spec("finance", "stripe.event").with_args(Content::from_bytes(event.as_bytes()));
            (spec.max_retries, spec.max_exec_ms) = (0, max_exec_ms);
            submitted.push(self.user.submit(&spec).await.unwrap().process_id);
        }
        submitted
    }

    async fn wait_until_applied(&self, processes: &[Uuid]) {
        for process_id in processes {
            eventually_within(PATIENCE, "the event is applied", async || {
                (self.process(*process_id).await.process?.state() == ProcessState::Succeeded).then_some(())
            })
            .await;
        }
    }

    /// Waits until each of these was put off this many times because of its surroundings.
    async fn wait_until_put_off(&self, processes: &[Uuid], times: usize) {
        for process_id in processes {
            eventually_within(PATIENCE, "the event is put off", async || {
                let attempts = self.process(*process_id).await.attempts;
                (attempts.iter().filter(|attempt| attempt.outcome == "surroundings").count() >= times).then_some(())
            })
            .await;
        }
    }

    async fn process(&self, process_id: Uuid) -> GetProcessResponse {
        self.reader.get_process(process_id).await.unwrap()
    }

    /// Waits until the record has received this many calls after the first `seen`.
    async fn wait_for_calls(&self, seen: usize, calls: usize) {
        eventually_within(PATIENCE, "the record is asked", async || {
            (self.record.calls().len() >= seen + calls).then_some(())
        })
        .await;
    }

    /// Returns the times of the calls for each event, after the first `seen` calls.
    fn calls(&self, seen: usize) -> BTreeMap<String, Vec<Instant>> {
        let mut by_event = BTreeMap::<_, Vec<_>>::new();
        for call in self.record.calls().into_iter().skip(seen) {
            by_event.entry(call.event).or_default().push(call.asked);
        }
        by_event
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_seconds_of_errors_put_no_event_off() {
    let mut scene = Scene::start().await;
    for (head, body) in [
        ("500 Internal Server Error", ""),
        ("503 Service Unavailable", r#"{"code":"PGRST002","message":"schema cache"}"#),
        ("402 Payment Required", "<html>over quota</html>"),
        ("429 Too Many Requests\r\nretry-after: 0", "slow down"),
        ("502 Bad Gateway", "<html>nginx</html>"),
    ] {
        let seen = scene.record.calls().len();
        scene.record.refuse(head, body);
        let processes = scene.submit(EVENTS, 0).await;
        // The bee makes one call at a time, for all events that wait.
        scene.wait_for_calls(seen, 1).await;
        // The outage, of two seconds.
        tokio::time::sleep(OUTAGE).await;
        scene.record.take();
        scene.wait_until_applied(&processes).await;
        for process_id in processes {
            // A bee that holds back its calls for a minute would have released its events after ten seconds.
            let attempts = scene.process(process_id).await.attempts;
            let outcomes: Vec<_> = attempts.iter().map(|attempt| attempt.outcome.as_str()).collect();
            assert_eq!(outcomes, ["succeeded"], "{head}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_asks_for_time_gets_it_and_no_more() {
    let asked = Duration::from_secs(3);
    let mut scene = Scene::start().await;
    for head in ["429 Too Many Requests", "503 Service Unavailable"] {
        let seen = scene.record.calls().len();
        scene.record.refuse(&format!("{head}\r\nretry-after: {}", asked.as_secs()), "slow down");
        let processes = scene.submit(EVENTS, 0).await;
        scene.wait_for_calls(seen, 1).await;
        scene.record.take();
        scene.wait_until_applied(&processes).await;
        for (event, calls) in scene.calls(seen) {
            assert!(calls.windows(2).all(|pair| pair[1] - pair[0] >= asked), "{head}, {event}: {calls:?}");
        }
        for process_id in processes {
            assert_eq!(scene.process(process_id).await.attempts.len(), 1, "{head}: it was not put off");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_asks_for_minutes_is_not_asked_before() {
    let mut scene = Scene::start().await;
    let (seen, asked_ms) = (scene.record.calls().len(), 120_000);
    scene.record.refuse("429 Too Many Requests\r\nretry-after: 120", "slow down");
    let begin_ms = SystemClock.now_ms();
    let processes = scene.submit(1, 0).await;
    scene.wait_until_put_off(&processes, 1).await;
    let process = scene.process(processes[0]).await.process.unwrap();
    assert_eq!((process.blocked_cause.as_str(), process.retries_spent), ("surroundings", 0));
    assert!(process.state_until_ms >= begin_ms + asked_ms, "{} {begin_ms}", process.state_until_ms);
    assert_eq!(scene.record.calls().len(), seen + 1);
}

/// Events without retries survive a refused key: a key revoked on Friday evening must not cost Saturday's payments.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_refused_costs_no_event_however_often_it_is_tried() {
    let mut scene = Scene::start().await;
    for (head, body) in [
        ("401 Unauthorized", r#"{"message":"Invalid API key"}"#),
        ("404 Not Found", r#"{"code":"PGRST202","message":"no function"}"#),
    ] {
        scene.record.refuse(head, body);
        let processes = scene.submit(2, 0).await;
        scene.wait_until_put_off(&processes, 4).await;
        let health = scene.reader.get_health().await.unwrap();
        assert!(health.findings.iter().any(|finding| finding.kind == "WAITS_ON_SURROUNDINGS"), "{health:?}");
        scene.record.take();
        scene.wait_until_applied(&processes).await;
        for process_id in processes {
            assert_eq!(scene.process(process_id).await.process.unwrap().retries_spent, 0, "{head}");
        }
    }
    let words = scene.bee.words();
    assert!(words.contains("WARN") && words.contains("a service that it needs is out of order"), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_hangs_gives_events_back_before_their_time_is_over() {
    let mut scene = Scene::start().await;
    scene.record.hang();
    let processes = scene.submit(2, 4_000).await;
    scene.wait_until_put_off(&processes, 2).await;
    scene.record.take();
    scene.wait_until_applied(&processes).await;
    for process_id in processes {
        let found = scene.process(process_id).await;
        assert_eq!(found.process.unwrap().retries_spent, 0);
        assert!(found.attempts.iter().all(|attempt| attempt.outcome != "exec_time_exceeded"));
    }
}
