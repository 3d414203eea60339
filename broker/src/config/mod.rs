//! What a broker is told at its start. Where the values come from (file, environment, flags) is the command line's business;
//! what they may be is checked here, before a port opens.

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

/// Everything that a broker can be told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens.
    pub listen: ListenConfig,
    /// Where it keeps things.
    pub store: StoreConfig,
    /// Whether to bring the database's schema up to date at the start; otherwise an old schema is refused.
    pub migrate: bool,
    /// Whose key may create colonies; nobody's if absent.
    pub server_owner: Option<Id>,
    /// How long executors may not be heard.
    pub executors: ExecutorsConfig,
    /// How long finished processes are kept.
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
