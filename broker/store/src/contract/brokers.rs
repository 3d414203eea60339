//! Messages between brokers.

use crate::StoreResult;

/// Messages between the brokers that share a database.
#[async_trait::async_trait]
pub trait BrokerStore: Send + Sync {
    /// Sends a message of at most 7,900 bytes to all brokers on this database, this one included. Does nothing on a database that only
    /// one broker uses. Delivery is not guaranteed: a message is a hint.
    async fn notify(&self, message: &str) -> StoreResult<()>;

    /// Returns the messages that brokers send from now on, those of this broker included; an empty one is the greeting of a broker that
    /// begins to listen. `None` if messages cannot arrive: only one
    /// broker uses the database, or a connection pooler stands in between and no direct URL is set.
    async fn listen(&self) -> StoreResult<Option<tokio::sync::mpsc::Receiver<String>>>;

    /// Returns the number of brokers that listen, this one included if it does; `None` on a database that only one broker uses.
    async fn count_listeners(&self) -> StoreResult<Option<i64>>;
}
