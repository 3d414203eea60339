//! Hints between brokers on one database: gathered for a moment, grouped by kind, sent in few messages.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use apiary_identity::Id;
use apiary_store::Store;
use apiary_store::model::{ColonyKey, GrantKey, Lane, RevokedGrant};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::engine::notify::peers::Peers;
use crate::engine::notify::wakeups::{Change, Hint, Wakeups};
use crate::engine::passes;
use crate::engine::schemas::catalogue::Catalogue;
use crate::grant_cache::GrantCache;
use crate::limits::{COMMIT_BATCH_MAX, NOTIFY_GATHER};

/// The most lanes, processes or colonies of a message, which keep it below the 8,000 bytes that Postgres allows: a lane has at most 128
/// characters of type, a process 36 of id, a colony 20 digits.
const LANES_PER_MESSAGE: usize = 40;
const CHANGES_PER_MESSAGE: usize = 120;
const COLONIES_PER_MESSAGE: usize = 300;
/// The pause before the next try to listen.
const LISTEN_PAUSE: Duration = Duration::from_secs(1);
/// A revocation is two numbers and a key of 51 characters.
const REVOCATIONS_PER_MESSAGE: usize = 60;

/// A message between brokers.
#[derive(Default, Serialize, Deserialize)]
struct Message {
    broker_id: Uuid,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lanes: Vec<(i64, String)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    changes: Vec<(i64, Uuid)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    colonies: Vec<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    logged: Vec<(i64, Uuid)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    revoked: Vec<(i64, i64, Id)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    announced: Vec<i64>,
}

/// The caches of this broker, to be invalidated when another broker changes the database.
pub(crate) struct Caches {
    /// The cached grants.
    pub(crate) grants: Arc<GrantCache>,
    /// The cached announcements.
    pub(crate) catalogue: Arc<Catalogue>,
}

/// Sends hints to the other brokers, until `stop`.
pub(crate) async fn tell(
    store: &dyn Store,
    broker_id: Uuid,
    hints: &mut mpsc::Receiver<Hint>,
    peers: &Peers,
    stop: &CancellationToken,
) {
    let mut gathered = Vec::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            count = hints.recv_many(&mut gathered, COMMIT_BATCH_MAX) => if count == 0 { return },
        }
        // The same lane or process often comes many times in a moment: waiting turns many notifications into one.
        tokio::time::sleep(NOTIFY_GATHER).await;
        while let Ok(hint) = hints.try_recv() {
            gathered.push(hint);
        }
        if peers.are_none() {
            gathered.clear();
            continue;
        }
        let (count, messages) = (gathered.len(), messages(broker_id, std::mem::take(&mut gathered)));
        let pass = async {
            for message in &messages {
                store.notify(message).await?;
            }
            Ok(())
        };
        if let Err(error) = passes::relay(count, pass).await {
            // The rest of the batch is dropped, too: a retry would only delay newer hints, and no hint is needed for correctness.
            tracing::debug!(%error, "other brokers were not told; their slow poll finds the work");
        }
    }
}

/// The reader of other brokers' hints.
pub(crate) struct HintReader {
    pub(crate) store: Arc<dyn Store>,
    /// The messages; `None` once the store sends no more.
    pub(crate) messages: Option<mpsc::Receiver<String>>,
    pub(crate) broker_id: Uuid,
    pub(crate) wakeups: Wakeups,
    pub(crate) memory: Caches,
    pub(crate) peers: Arc<Peers>,
}

impl HintReader {
    /// Acts on hints. Ends when the store sends no more; the next run begins with a new subscription. Changes that it misses in between
    /// are found by periodic reads.
    pub(crate) async fn run(&mut self) {
        if self.messages.is_none() {
            self.messages = subscribe(&*self.store).await;
            self.wakeups.set_deaf(self.messages.is_none());
        }
        // Without messages there is nothing to do.
        let Some(messages) = &mut self.messages else { return std::future::pending().await };
        while let Some(text) = messages.recv().await {
            if text.is_empty() {
                // A greeting, perhaps this broker's own: the next count finds out.
                self.peers.greeted();
                continue;
            }
            match serde_json::from_str::<Message>(&text) {
                // A broker receives its own messages, too; it acted on these changes when it made them.
                Ok(message) if message.broker_id == self.broker_id => {}
                Ok(message) => {
                    self.peers.heard();
                    heed(message, &self.wakeups, &self.memory);
                }
                // Anybody with access to the database can send a message: it is not a fault of this broker, and must not end the reader.
                Err(_) => {
                    tracing::warn!(
                        bytes = text.len(),
                        "ignored a message from another client of the database: it is no broker's"
                    );
                }
            }
        }
        self.messages = None;
        self.wakeups.set_deaf(true);
    }
}

async fn subscribe(store: &dyn Store) -> Option<mpsc::Receiver<String>> {
    loop {
        match store.listen().await {
            Ok(messages) => return messages,
            Err(error) => tracing::debug!(%error, "cannot listen to other brokers yet; trying again"),
        }
        tokio::time::sleep(LISTEN_PAUSE).await;
    }
}

fn heed(message: Message, wakeups: &Wakeups, memory: &Caches) {
    for (colony, executor_type) in message.lanes {
        wakeups.hear(&Hint::Work(Lane { colony: ColonyKey(colony), executor_type }));
    }
    for (colony, process_id) in message.changes {
        wakeups.hear(&Hint::Change(Change { colony: ColonyKey(colony), process_id }));
    }
    for colony in message.colonies {
        wakeups.hear(&Hint::Colony(ColonyKey(colony)));
    }
    for (colony, process_id) in message.logged {
        wakeups.hear(&Hint::Logged(Change { colony: ColonyKey(colony), process_id }));
    }
    for (key, colony, grantee) in message.revoked {
        memory.grants.revoked(&[RevokedGrant { key: GrantKey(key), colony: ColonyKey(colony), grantee }]);
        memory.catalogue.forget(ColonyKey(colony));
    }
    for colony in message.announced {
        memory.grants.forget_colony(ColonyKey(colony));
        memory.catalogue.forget(ColonyKey(colony));
    }
}

fn messages(broker_id: Uuid, hints: Vec<Hint>) -> Vec<String> {
    // Sets, because one gathering often has the same lane or process many times.
    let (mut lanes, mut changes, mut colonies) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut logged = BTreeSet::new();
    let (mut revoked, mut announced) = (BTreeSet::new(), BTreeSet::new());
    for hint in hints {
        match hint {
            Hint::Work(lane) => {
                lanes.insert((lane.colony.0, lane.executor_type));
            }
            Hint::Change(change) => {
                changes.insert((change.colony.0, change.process_id));
            }
            Hint::Colony(colony) => {
                colonies.insert(colony.0);
            }
            Hint::Logged(change) => {
                logged.insert((change.colony.0, change.process_id));
            }
            Hint::Revoked(grant) => {
                revoked.insert((grant.key.0, grant.colony.0, grant.grantee));
            }
            Hint::Announced(colony) => {
                announced.insert(colony.0);
            }
        }
    }
    let message = || Message { broker_id, ..Message::default() };
    // Revocations first: calls that must end come before calls that may begin.
    let all = parts(revoked, REVOCATIONS_PER_MESSAGE)
        .map(|revoked| Message { revoked, ..message() })
        .chain(parts(announced, COLONIES_PER_MESSAGE).map(|announced| Message { announced, ..message() }))
        .chain(parts(lanes, LANES_PER_MESSAGE).map(|lanes| Message { lanes, ..message() }))
        .chain(parts(changes, CHANGES_PER_MESSAGE).map(|changes| Message { changes, ..message() }))
        .chain(parts(colonies, COLONIES_PER_MESSAGE).map(|colonies| Message { colonies, ..message() }))
        .chain(parts(logged, CHANGES_PER_MESSAGE).map(|logged| Message { logged, ..message() }));
    // Numbers, ids and checked names: serializing them cannot fail.
    all.filter_map(|message| serde_json::to_string(&message).ok()).collect()
}

/// Splits a set into lists of at most `most` items.
fn parts<T: Clone>(set: BTreeSet<T>, most: usize) -> impl Iterator<Item = Vec<T>> {
    let all: Vec<T> = set.into_iter().collect();
    all.chunks(most).map(<[T]>::to_vec).collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_fits_into_what_postgres_allows() {
        let grantee = apiary_identity::KeyPair::generate().id();
        let hints = (0..1000_i64)
            .flat_map(|number| {
                let lane = Lane { colony: ColonyKey(i64::MAX - number), executor_type: "x".repeat(128) };
                let change = Change {
                    colony: ColonyKey(i64::MAX - number),
                    process_id: Uuid::from_u128(u128::from(number.unsigned_abs())),
                };
                let revoked = RevokedGrant { key: GrantKey(i64::MAX - number), colony: ColonyKey(i64::MAX), grantee };
                let colony = ColonyKey(i64::MIN + number);
                [
                    Hint::Work(lane),
                    Hint::Change(change),
                    Hint::Colony(colony),
                    Hint::Revoked(revoked),
                    Hint::Announced(colony),
                ]
            })
            .collect();
        let messages = messages(Uuid::max(), hints);
        assert!(messages.len() > 2);
        assert!(messages.iter().all(|message| message.len() < 7900), "{:?}", messages.iter().map(String::len).max());
    }

    #[test]
    fn the_same_hint_is_told_once() {
        let lane = Lane { colony: ColonyKey(1), executor_type: "finance".into() };
        let messages = messages(Uuid::nil(), vec![Hint::Work(lane.clone()), Hint::Work(lane)]);
        assert_eq!(messages.len(), 1);
        assert_eq!(messages[0].matches("finance").count(), 1);
    }
}
