//! Room for what processes say while they run, on its way into the database. Executors may say much at once, and a committer
//! counts items, not bytes: what does not fit is refused, and comes again.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Error;
use crate::limits::REPORTED_BYTES_MAX;

/// So many bytes, for all callers together.
pub(crate) struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(REPORTED_BYTES_MAX)))
    }
}

impl Room {
    /// Takes room for so many bytes, until the permit is dropped.
    pub(crate) fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Error> {
        let wanted = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.0.clone().try_acquire_many_owned(wanted).map_err(|_| {
            Error::Overloaded(format!("{REPORTED_BYTES_MAX} bytes of progress and log lines wait for the database"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_until_something_is_written() {
        let room = Room::default();
        let first = room.take(REPORTED_BYTES_MAX - 10).unwrap();
        assert!(room.take(10).is_ok());
        assert!(matches!(room.take(11), Err(Error::Overloaded(_))));
        drop(first);
        assert!(room.take(11).is_ok());
    }
}
