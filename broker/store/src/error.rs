//! What a store can answer besides yes.

/// Why a store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, is overloaded, or broke off: the same call may succeed later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The database cannot do its work until somebody mends something: a right, a setting, its files. Says nothing about the call.
    #[error("the database cannot do its work: {0}")]
    Trouble(String),
    /// The database cannot be opened as it is configured: the URL, the password, the file. Only when a store is made.
    #[error("{0}")]
    Open(String),
    /// An id or name belongs to something else.
    #[error("{0}")]
    Taken(String),
    /// What the database holds is not what was put there.
    #[error("the database holds something that was not put there: {0}")]
    Corrupt(String),
    /// The schema is not the one that this broker was built for.
    #[error("{0}")]
    Schema(String),
    /// The database refused a statement because of what is in it.
    #[error("the database refused a statement: {0}")]
    Refused(String),
}
