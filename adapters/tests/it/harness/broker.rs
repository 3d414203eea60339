//! A broker that does as it is told, and behaves as the real one where it matters: the same idempotency key gives the
//! same process.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use apiary_adapters::{Sink, SinkError};
use apiary_executor_sdk::{SubmitResult, v1};
use apiary_identity::{Id, KeyPair, Spec};
use async_trait::async_trait;

/// Behaviour of the test broker.
#[derive(Clone, Copy, Debug)]
enum Mood {
    Takes,
    IsAway,
    /// Answers that it can take nothing for now.
    IsUnready,
    /// Takes it, and says so never: the answer gets lost.
    Hangs,
    Refuses,
}

/// The broker.
pub(crate) struct Broker {
    colony: Id,
    state: Mutex<State>,
}

struct State {
    mood: Mood,
    unacceptable: HashSet<String>,
    order: Vec<String>,
    specs: HashMap<String, Spec>,
    submits: u64,
}

impl Broker {
    /// Creates a broker that accepts everything, for a new colony.
    pub(crate) fn new() -> Arc<Self> {
        Self::of(KeyPair::generate().id())
    }

    /// Creates a broker that accepts everything, for this colony.
    pub(crate) fn of(colony: Id) -> Arc<Self> {
        let state = State {
            mood: Mood::Takes,
            unacceptable: HashSet::new(),
            order: Vec::new(),
            specs: HashMap::new(),
            submits: 0,
        };
        Arc::new(Self { colony, state: Mutex::new(state) })
    }

    /// Creates an unreachable broker, for a new colony.
    pub(crate) fn away() -> Arc<Self> {
        let broker = Self::new();
        broker.goes_away();
        broker
    }

    pub(crate) fn goes_away(&self) {
        self.state.lock().unwrap().mood = Mood::IsAway;
    }

    pub(crate) fn is_unready(&self) {
        self.state.lock().unwrap().mood = Mood::IsUnready;
    }

    pub(crate) fn hangs(&self) {
        self.state.lock().unwrap().mood = Mood::Hangs;
    }

    pub(crate) fn refuses(&self) {
        self.state.lock().unwrap().mood = Mood::Refuses;
    }

    pub(crate) fn is_back(&self) {
        self.state.lock().unwrap().mood = Mood::Takes;
    }

    /// From now on, the broker does not accept the event with this id.
    pub(crate) fn does_not_accept(&self, id: &str) {
        self.state.lock().unwrap().unacceptable.insert(key(id));
    }

    pub(crate) fn accepts_all(&self) {
        self.state.lock().unwrap().unacceptable.clear();
    }

    /// The ids of the events that became processes, in their order.
    pub(crate) fn events(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let id = |key: &String| state.specs[key].labels["stripe_event"].clone();
        state.order.iter().map(id).collect()
    }

    /// The spec of an event.
    pub(crate) fn spec(&self, id: &str) -> Spec {
        self.state.lock().unwrap().specs[&key(id)].clone()
    }

    /// The specs of all processes, in their order.
    pub(crate) fn specs(&self) -> Vec<Spec> {
        let state = self.state.lock().unwrap();
        state.order.iter().map(|key| state.specs[key].clone()).collect()
    }

    /// Returns the number of submits.
    pub(crate) fn submits(&self) -> u64 {
        self.state.lock().unwrap().submits
    }
}

/// The idempotency key of a live event of one's own account.
fn key(id: &str) -> String {
    format!("stripe:live::{id}")
}

#[async_trait]
impl Sink for Broker {
    fn colony(&self) -> Id {
        self.colony
    }

    async fn submit(&self, spec: &Spec) -> Result<SubmitResult, SinkError> {
        let (submitted, mood) = {
            let mut state = self.state.lock().unwrap();
            state.submits += 1;
            let key = spec.idempotency_key.clone().unwrap();
            let no = |reason: &str| (reason.to_owned(), "no".to_owned());
            match state.mood {
                Mood::IsAway => return Err(SinkError::Away("nobody listens there".to_owned())),
                Mood::IsUnready => {
                    let (reason, message) = no("UNAVAILABLE");
                    return Err(SinkError::Unready { reason, message });
                }
                Mood::Refuses => {
                    let (reason, message) = no("NOT_PERMITTED");
                    return Err(SinkError::Refused { reason, message });
                }
                Mood::Takes | Mood::Hangs => {}
            }
            if state.unacceptable.contains(&key) {
                let (reason, message) = no("INVALID");
                return Err(SinkError::Unacceptable { reason, message });
            }
            let existed = state.specs.contains_key(&key);
            if !existed {
                state.order.push(key.clone());
                state.specs.insert(key.clone(), spec.clone());
            }
            let process_id = state.specs[&key].process_id;
            (SubmitResult { process_id, existed, redriven: false, state: v1::ProcessState::Waiting }, state.mood)
        };
        if matches!(mood, Mood::Hangs) {
            std::future::pending::<()>().await;
        }
        Ok(submitted)
    }

    async fn is_ready(&self) -> bool {
        matches!(self.state.lock().unwrap().mood, Mood::Takes)
    }
}
