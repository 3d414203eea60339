//! Events.

use crate::StoreResult;
use crate::model::{ColonyKey, EventBounds, EventFilter, EventOrder, EventPage, KeyNetwork, NewEvent};

/// The streams of events, one for each colony.
///
/// An event's position is given under a lock of the colony that its transaction keeps until its commit. Positions are therefore in
/// the order of the commits, without a gap, and a reader who has read up to a position misses nothing before it, although others commit at
/// the same moment. Methods that change something take the event of the change, and store it in the same transaction if they
/// changed anything.
#[async_trait::async_trait]
pub trait EventStore: Send + Sync {
    /// Stores events of a colony, in their order.
    async fn add_events(&self, colony: ColonyKey, events: &[NewEvent]) -> StoreResult<()>;

    /// Returns a page of at most `size` events that match. It reads a bounded number of rows, whatever matches: the page may hold fewer
    /// events than asked for, or none, and yet the stream goes on.
    async fn list_events(
        &self,
        colony: ColonyKey,
        filter: &EventFilter,
        order: EventOrder,
        size: i64,
    ) -> StoreResult<EventPage>;

    /// Returns the position of the colony's last event; 0 if there was none.
    async fn last_event(&self, colony: ColonyKey) -> StoreResult<i64>;

    /// Remembers a network of a key; true if it was not known before. The event is stored with it if the key made calls from other
    /// networks: its first network is no news. Of a key [`KEY_NETWORKS_MAX`](crate::limits::KEY_NETWORKS_MAX) networks are remembered,
    /// those that were added last. Of two brokers that add the first networks of a key at the same moment, neither may store an event.
    async fn add_key_network(&self, colony: ColonyKey, network: &KeyNetwork, event: &NewEvent) -> StoreResult<bool>;

    /// Deletes the oldest events of every colony that exceeds a bound; returns the number of deleted ones. Their positions are not given
    /// again.
    async fn forget_events(&self, bounds: &EventBounds) -> StoreResult<u64>;
}
