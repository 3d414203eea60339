//! What takes minutes and hours, in a time that passes by itself.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a helper fails the test")]

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apiary_executor_sdk::{Submitted, v1};
use apiary_identity::{Clock, Document as _, Id, KeyPair, ManualClock, Spec};
use async_trait::async_trait;
use jiff::Timestamp;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Forwarder;
use crate::contact::Contact;
use crate::spool::Spool;
use crate::stats::Counters;
use crate::{Sink, SinkError, WebhookLimits};

/// Answers as it was told, then takes everything; remembers what came and when.
struct Script {
    colony: Id,
    answers: Mutex<VecDeque<SinkError>>,
    submits: Mutex<Vec<(Instant, Spec)>>,
}

impl Script {
    fn new(answers: impl IntoIterator<Item = SinkError>) -> Arc<Self> {
        let (colony, answers) = (KeyPair::generate().id(), Mutex::new(answers.into_iter().collect()));
        Arc::new(Self { colony, answers, submits: Mutex::default() })
    }

    fn keys(&self) -> Vec<String> {
        self.submits.lock().unwrap().iter().map(|(_, spec)| spec.idempotency_key.clone().unwrap()).collect()
    }

    /// The time between one submit and the next.
    fn pauses(&self) -> Vec<Duration> {
        self.submits.lock().unwrap().windows(2).map(|pair| pair[1].0 - pair[0].0).collect()
    }
}

#[async_trait]
impl Sink for Script {
    fn colony(&self) -> Id {
        self.colony
    }

    async fn submit(&self, spec: &Spec) -> Result<Submitted, SinkError> {
        self.submits.lock().unwrap().push((Instant::now(), spec.clone()));
        match self.answers.lock().unwrap().pop_front() {
            Some(error) => Err(error),
            None => Ok(Submitted { process_id: spec.process_id, existed: false, state: v1::ProcessState::Waiting }),
        }
    }
}

fn failed() -> SinkError {
    SinkError::Failed { reason: "INTERNAL".to_owned(), message: "no".to_owned() }
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

/// A spool with these events in it.
async fn spool(folder: &Path, colony: Id, clock: &dyn Clock, keys: &[&str]) -> Arc<Spool> {
    let spool = Spool::open(&folder.join("spool"), colony, &WebhookLimits::default()).await.unwrap();
    for key in keys {
        let mut spec = Spec::new(colony, "finance", "stripe.event", clock.now());
        spec.idempotency_key = Some((*key).to_owned());
        spool.append(&spec, clock.now_ms()).await.unwrap();
    }
    Arc::new(spool)
}

/// Forwards until a condition holds.
async fn forward_until(script: &Arc<Script>, spool: &Arc<Spool>, clock: Arc<ManualClock>, holds: impl Fn() -> bool) {
    let (contact, counters) = (Arc::default(), Arc::<Counters>::default());
    let contact: Arc<Contact> = contact;
    let forwarder = Forwarder::new(script.clone(), spool.clone(), contact, counters, clock);
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    tasks.spawn(forwarder.run(stop.clone()));
    tasks.close();
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(100 * 3600), "not within a hundred hours: {:?}", script.keys());
        sleep(Duration::from_millis(10)).await;
    }
    stop.cancel();
    tasks.wait().await;
}

#[tokio::test(start_paused = true)]
async fn while_the_broker_is_away_it_is_asked_every_few_seconds() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let script = Script::new((0..12).map(|_| SinkError::Away("no".to_owned())));
    let spool = spool(folder.path(), script.colony, &*clock, &["a"]).await;
    forward_until(&script, &spool, clock, || !spool.totals().has_waiting()).await;
    let pauses = script.pauses();
    assert_eq!(pauses.len(), 12);
    assert!(pauses[0] >= Duration::from_millis(100) && pauses[0] < Duration::from_secs(1), "{pauses:?}");
    assert!(pauses[2] > pauses[1] && pauses[1] > pauses[0], "{pauses:?}");
    assert!(pauses[11] >= Duration::from_secs(5) && pauses[11] < Duration::from_secs(7), "{pauses:?}");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_refuses_is_asked_for_ever_and_no_event_is_set_aside_for_it() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let script = Script::new((0..50).map(|_| refused()));
    let spool = spool(folder.path(), script.colony, &*clock, &["a", "b"]).await;
    forward_until(&script, &spool, clock, || !spool.totals().has_waiting()).await;
    assert_eq!(script.keys().len(), 52);
    assert!(script.keys()[..51].iter().all(|key| key == "a"), "in order");
    assert!(script.pauses()[49] >= Duration::from_secs(60), "{:?}", script.pauses());
    assert_eq!(spool.totals().set_aside_events, 0);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_fails_again_and_again_makes_way_and_gets_another_chance() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let script = Script::new((0..10).map(|_| failed()));
    let spool = spool(folder.path(), script.colony, &*clock, &["a", "b", "c"]).await;
    forward_until(&script, &spool, clock, || script.keys().len() == 13).await;
    let mut order = vec!["a"; 10];
    order.extend(["b", "c", "a"]);
    assert_eq!(script.keys(), order);
    assert!(*script.pauses().last().unwrap() > Duration::from_secs(3000), "the chance comes within the hour");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_not_acceptable_makes_way_at_once_and_is_kept() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let script = Script::new([unacceptable()]);
    let spool = spool(folder.path(), script.colony, &*clock, &["a", "b"]).await;
    forward_until(&script, &spool, clock, || script.keys().len() >= 2).await;
    assert_eq!(script.keys()[..2], ["a", "b"]);
    assert!(script.pauses()[0] < Duration::from_millis(100), "{:?}", script.pauses());
}

#[tokio::test(start_paused = true)]
async fn a_spec_that_waited_for_months_is_stamped_anew() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let script = Script::new([]);
    let spool = spool(folder.path(), script.colony, &*clock, &["a"]).await;
    clock.advance(Duration::from_secs(90 * 24 * 3600));
    forward_until(&script, &spool, clock.clone(), || !spool.totals().has_waiting()).await;
    let submits = script.submits.lock().unwrap();
    let spec = &submits[0].1;
    assert_eq!(spec.made_at(), Some(clock.now()));
    assert!(spec.submit_by > clock.now());
    assert_eq!(spec.check(), Ok(()));
}
