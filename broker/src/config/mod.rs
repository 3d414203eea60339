//! The broker's settings. Their sources (file, environment, flags) are read by the command line; their values are checked here,
//! before a port opens.

mod executors;
mod listen;
mod retention;
mod store;

use apiary_identity::Id;

pub use executors::ExecutorsConfig;
pub use listen::{DoorConfig, ListenConfig, TlsConfig};
pub use retention::RetentionConfig;
pub use store::StoreConfig;

use crate::StartError;

/// All settings of a broker.
#[derive(Clone, Debug)]
pub struct Config {
    /// The addresses and sockets.
    pub listen: ListenConfig,
    /// The database.
    pub store: StoreConfig,
    /// True to bring the database's schema up to date at the start; otherwise an old schema is rejected.
    pub migrate: bool,
    /// The key that may create colonies; `None` for no such key.
    pub server_owner: Option<Id>,
    /// The times after which executors count as silent or gone.
    pub executors: ExecutorsConfig,
    /// The retention times of finished processes.
    pub retention: RetentionConfig,
}

impl Config {
    /// Checks every setting.
    pub fn check(&self) -> Result<(), StartError> {
        self.listen.check()?;
        self.executors.check()?;
        self.retention.check()?;
        self.store.check()
    }
}
