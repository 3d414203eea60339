//! Messages between brokers.

use crate::StoreResult;

/// Messages between the brokers that share a database.
#[async_trait::async_trait]
pub trait BrokerStore: Send + Sync {
    /// Tells the other brokers on this database something, at most 7,900 bytes; nothing where there are none. A hint:
    /// it may get lost.
    async fn notify(&self, message: &str) -> StoreResult<()>;

    /// What other brokers (and this one) tell from now on; `None` where there are none.
    async fn listen(&self) -> StoreResult<Option<tokio::sync::mpsc::Receiver<String>>>;
}
