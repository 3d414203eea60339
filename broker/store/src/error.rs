//! The errors of a store.

/// The error of a store, by the remedy: call again, repair the database, or change the request.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, is overloaded, or broke off: the same call may succeed later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The database cannot do its work until an operator repairs something: a right, a setting, its files. The call itself may be fine.
    #[error("the database cannot do its work: {0}")]
    Trouble(String),
    /// The database cannot be opened as configured: the URL, the password, the file. Only when a store is opened or starts to listen.
    #[error("{0}")]
    Open(String),
    /// The id or name, or a newer version, is taken by something else.
    #[error("{0}")]
    Taken(String),
    /// The database holds something that this broker did not write, or altered data.
    #[error("the database holds something that was not put there: {0}")]
    Corrupt(String),
    /// The schema is not the one that this broker was built for.
    #[error("{0}")]
    Schema(String),
    /// The database refused a statement because of its contents: repeating the call fails again.
    #[error("the database refused a statement: {0}")]
    Refused(String),
}
