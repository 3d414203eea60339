//! Tests of pauses of minutes and hours, in paused time: the clock jumps to the end of the next pause whenever nothing
//! is running. Tests must not poll, which would advance the clock while the disk works.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apiary_daemon::{Notices, Supervisor};
use apiary_executor_sdk::limits::sending_time;
use apiary_executor_sdk::{ClientError, SubmitResult, v1};
use apiary_identity::{Clock, Content, Document as _, Id, KeyPair, ManualClock, Spec, SystemClock};
use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Forwarder;
use crate::contact::Contact;
use crate::limits::READY_AFTER_LATE_TIMEOUT;
use crate::spool::Spool;
use crate::stats::Counters;
use crate::{BrokerState, Sink, SinkError, WebhookLimits};

/// A sink that gives scripted answers, then accepts everything; records each submit with its time.
struct Script {
    colony: Id,
    /// Bytes of a spec that arrive in a second.
    bytes_per_s: Option<usize>,
    answers: Mutex<VecDeque<SinkError>>,
    submits: Mutex<Vec<(Instant, Spec)>>,
    count: watch::Sender<usize>,
    /// Number of readiness checks; the answer is yes from the third on.
    questions: watch::Sender<usize>,
}

impl Script {
    fn new(answers: impl IntoIterator<Item = SinkError>) -> Arc<Self> {
        let (colony, answers) = (KeyPair::generate().id(), Mutex::new(answers.into_iter().collect()));
        Arc::new(Self {
            colony,
            bytes_per_s: None,
            answers,
            submits: Mutex::default(),
            count: watch::Sender::new(0),
            questions: watch::Sender::new(0),
        })
    }

    fn keys(&self) -> Vec<String> {
        self.submits.lock().unwrap().iter().map(|(_, spec)| spec.idempotency_key.clone().unwrap()).collect()
    }

    /// Returns the time between consecutive submits.
    fn pauses(&self) -> Vec<Duration> {
        self.submits.lock().unwrap().windows(2).map(|pair| pair[1].0 - pair[0].0).collect()
    }
}

#[async_trait]
impl Sink for Script {
    fn colony(&self) -> Id {
        self.colony
    }

    async fn submit(&self, spec: &Spec) -> Result<SubmitResult, SinkError> {
        self.submits.lock().unwrap().push((Instant::now(), spec.clone()));
        self.count.send_modify(|count| *count += 1);
        if let Some(rate) = self.bytes_per_s {
            let bytes = spec.to_json().unwrap().len();
            tokio::time::sleep(Duration::from_millis((bytes * 1000 / rate).try_into().unwrap())).await;
        }
        match self.answers.lock().unwrap().pop_front() {
            Some(error) => Err(error),
            None => Ok(SubmitResult {
                process_id: spec.process_id,
                existed: false,
                redriven: false,
                state: v1::ProcessState::Waiting,
            }),
        }
    }

    async fn is_ready(&self) -> bool {
        if let Some(rate) = self.bytes_per_s {
            // The question waits behind what a submit has left in the connection.
            tokio::time::sleep(Duration::from_millis((64 * 1024 * 1000 / rate).try_into().unwrap())).await;
        }
        self.questions.send_modify(|questions| *questions += 1);
        *self.questions.borrow() >= 3
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_back_is_noticed_without_an_event() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let script = Script::new([]);
    let spool = spool(folder.path(), script.colony, &*clock, &[]).await;
    let notices = Notices::new(clock.clone());
    let (contact, counters) = (Arc::new(Contact::new(notices.clone())), Arc::new(Counters::default()));
    contact.note(&Err(SinkError::Away("no".to_owned())));
    assert_eq!(notices.list().len(), 1);
    let mut forwarder = Forwarder::new(script.clone(), spool, contact.clone(), counters, clock, notices.clone());
    let stop = CancellationToken::new();
    let forwarding = tokio::spawn({
        let stop = stop.clone();
        async move { forwarder.run(&stop).await }
    });
    script.questions.subscribe().wait_for(|questions| *questions >= 3).await.unwrap();
    assert_eq!(notices.list(), []);
    assert_eq!(contact.state(), BrokerState::Reachable);
    stop.cancel();
    forwarding.await.unwrap();
    assert_eq!(*script.questions.borrow(), 3, "nobody asks any more");
}

fn refused() -> SinkError {
    SinkError::Refused { reason: "NOT_PERMITTED".to_owned(), message: "no".to_owned() }
}

fn unacceptable() -> SinkError {
    SinkError::Unacceptable { reason: "INVALID".to_owned(), message: "no".to_owned() }
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_second(1_700_000_000).unwrap()))
}

/// Creates a spool that holds these events.
async fn spool(folder: &Path, colony: Id, clock: &dyn Clock, keys: &[&str]) -> Arc<Spool> {
    let tasks = Supervisor::new(Arc::new(SystemClock));
    let spool = Spool::open(&folder.join("spool"), colony, &WebhookLimits::default(), &tasks).await.unwrap();
    for key in keys {
        let mut spec = Spec::new(colony, "finance", "stripe.event", clock.now());
        spec.idempotency_key = Some((*key).to_owned());
        spool.append(&spec, clock.now_ms()).await.unwrap();
    }
    Arc::new(spool)
}

/// Adds an event of this many bytes to the line.
async fn append_large(spool: &Spool, colony: Id, clock: &ManualClock, key: &str, bytes: usize) {
    let mut spec = Spec::new(colony, "finance", "stripe.event", clock.now());
    spec.idempotency_key = Some(key.to_owned());
    let spec = spec.with_args(Content::from_bytes(&vec![b'x'; bytes]));
    spool.append(&spec, clock.now_ms()).await.unwrap();
}

/// Forwards until this many events were submitted.
async fn forward(script: &Arc<Script>, spool: &Arc<Spool>, clock: Arc<ManualClock>, submits: usize) {
    let notices = Notices::new(clock.clone());
    let (contact, counters) = (Arc::new(Contact::new(notices.clone())), Arc::new(Counters::default()));
    let mut forwarder = Forwarder::new(script.clone(), spool.clone(), contact, counters, clock, notices);
    let stop = CancellationToken::new();
    let forwarding = tokio::spawn({
        let stop = stop.clone();
        async move { forwarder.run(&stop).await }
    });
    script.count.subscribe().wait_for(|count| *count >= submits).await.unwrap();
    stop.cancel();
    forwarding.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn while_the_broker_is_away_it_is_asked_every_few_seconds() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let script = Script::new((0..12).map(|_| SinkError::Away("no".to_owned())));
    let spool = spool(folder.path(), script.colony, &*clock, &["a"]).await;
    forward(&script, &spool, clock, 13).await;
    let pauses = script.pauses();
    assert_eq!(pauses.len(), 12);
    let about = |pause: Duration, ms: u64| pause.abs_diff(Duration::from_millis(ms)) < Duration::from_millis(10);
    let doubling = [100, 200, 400, 800, 1600, 3200, 5000, 5000];
    assert!(pauses.iter().zip(doubling).all(|(pause, ms)| about(*pause, ms)), "{pauses:?}");
    assert!(about(pauses[11], 5000), "{pauses:?}");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_refuses_is_asked_for_ever_and_no_event_is_set_aside_for_it() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let script = Script::new((0..50).map(|_| refused()));
    let spool = spool(folder.path(), script.colony, &*clock, &["a", "b"]).await;
    forward(&script, &spool, clock, 52).await;
    assert!(script.keys()[..51].iter().all(|key| key == "a"), "in order");
    assert!(script.pauses()[49] >= Duration::from_secs(60), "{:?}", script.pauses());
    assert_eq!(spool.totals().set_aside_events, 0);
}

#[tokio::test(start_paused = true)]
async fn events_that_the_broker_refuses_cost_those_behind_them_one_round_trip_each() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let reasons = ["ARGS_REFUSED", "LIMIT_UNKNOWN", "INTERNAL", "TOO_LARGE", "TAKEN", "SOMETHING_LATER"];
    let refusal = |reason: &str| ClientError::Refused {
        reason: reason.into(),
        message: "no".to_owned(),
        retryable: false,
        retry_after: None,
        request_id: None,
    };
    let script = Script::new(reasons.map(|reason| refusal(reason).into()));
    let spool = spool(folder.path(), script.colony, &*clock, &["a", "b", "c", "d", "e", "f", "good"]).await;
    forward(&script, &spool, clock, 7).await;
    assert_eq!(script.keys(), ["a", "b", "c", "d", "e", "f", "good"]);
    assert!(script.pauses().iter().all(|pause| pause.is_zero()), "{:?}", script.pauses());
    assert_eq!(spool.totals().set_aside_events, 6);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_not_acceptable_makes_way_at_once_and_is_kept() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let script = Script::new([unacceptable()]);
    let spool = spool(folder.path(), script.colony, &*clock, &["a", "b"]).await;
    forward(&script, &spool, clock, 3).await;
    assert_eq!(script.keys(), ["a", "b", "a"]);
    assert_eq!(script.pauses(), [Duration::ZERO, Duration::from_secs(60)], "its next chance comes after a minute");
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_gets_its_chances_less_often_the_older_it_is() {
    for (age_s, pause_s) in [(600, 600), (86_400, 3600)] {
        let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
        let script = Script::new([unacceptable()]);
        let spool = spool(folder.path(), script.colony, &*clock, &["a"]).await;
        clock.advance(Duration::from_secs(age_s));
        forward(&script, &spool, clock, 2).await;
        assert_eq!(script.pauses(), [Duration::from_secs(pause_s)], "{age_s}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_spec_that_waited_for_months_is_stamped_anew() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let script = Script::new([]);
    let spool = spool(folder.path(), script.colony, &*clock, &["a"]).await;
    clock.advance(Duration::from_secs(90 * 24 * 3600));
    forward(&script, &spool, clock.clone(), 1).await;
    let submits = script.submits.lock().unwrap();
    let spec = &submits[0].1;
    assert_eq!(spec.made_at(), Some(clock.now()));
    assert!(spec.submit_by > clock.now());
    assert_eq!(spec.check(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_large_event_has_the_time_that_a_slow_connection_needs() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let script = Arc::new(Script { bytes_per_s: Some(20 * 1024), ..Arc::into_inner(Script::new([])).unwrap() });
    let spool = spool(folder.path(), script.colony, &*clock, &[]).await;
    append_large(&spool, script.colony, &clock, "large", 700_000).await;
    append_large(&spool, script.colony, &clock, "small", 10).await;
    forward(&script, &spool, clock, 2).await;
    assert_eq!(script.keys(), ["large", "small"], "at the first try");
    assert!(script.pauses()[0] > Duration::from_secs(40), "{:?}", script.pauses());
    assert_eq!(spool.totals().set_aside_events, 0);
}

#[tokio::test(start_paused = true)]
async fn a_large_event_that_never_arrives_makes_way_if_the_broker_is_there() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let script = Arc::new(Script { bytes_per_s: Some(6 * 1024), ..Arc::into_inner(Script::new([])).unwrap() });
    // It is ready from the third question on.
    script.questions.send_replace(2);
    let spool = spool(folder.path(), script.colony, &*clock, &[]).await;
    append_large(&spool, script.colony, &clock, "large", 1_000_000).await;
    append_large(&spool, script.colony, &clock, "small", 10).await;
    forward(&script, &spool, clock, 2).await;
    assert_eq!(script.keys(), ["large", "small"]);
    let bound = Duration::from_secs(10) + sending_time(usize::MAX) + READY_AFTER_LATE_TIMEOUT;
    assert!(script.pauses()[0] > Duration::from_secs(50) && script.pauses()[0] <= bound, "{:?}", script.pauses());
    let aside = spool.list_set_aside().await.unwrap().remove(0);
    assert_eq!((aside.idempotency_key.as_str(), aside.reason.as_str()), ("large", "TOO_SLOW"));
    assert!(aside.message.contains("the connection is slow"), "{}", aside.message);
}
