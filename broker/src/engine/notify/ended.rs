//! Ended processes whose children still have to be checked.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use uuid::Uuid;

use crate::limits::ENDED_NOTED_MAX;

/// Processes that ended, and that others may wait for.
#[derive(Default)]
pub(crate) struct EndedProcesses {
    noted: Mutex<PendingEnds>,
    more: Notify,
}

#[derive(Default)]
struct PendingEnds {
    process_ids: HashSet<Uuid>,
    /// True if there were too many to remember: any process may have ended.
    has_overflowed: bool,
}

impl EndedProcesses {
    /// Notes that this process ended, or may have ended.
    pub(in crate::engine) fn note(&self, process_id: Uuid) {
        let mut noted = self.noted();
        if noted.process_ids.len() < ENDED_NOTED_MAX {
            noted.process_ids.insert(process_id);
        } else {
            noted.has_overflowed = true;
        }
        drop(noted);
        self.more.notify_one();
    }

    /// Notes that any process may have ended.
    pub(in crate::engine) fn note_any(&self) {
        self.noted().has_overflowed = true;
        self.more.notify_one();
    }

    /// Completes when a process was noted since this was last awaited.
    pub(in crate::engine) async fn noted_more(&self) {
        self.more.notified().await;
    }

    fn noted(&self) -> MutexGuard<'_, PendingEnds> {
        // A panic elsewhere leaves a valid set.
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the processes noted since the last call; `None` if there were too many, and all have to be checked.
    pub(in crate::engine) fn take(&self) -> Option<Vec<Uuid>> {
        let noted = std::mem::take(&mut *self.noted());
        (!noted.has_overflowed).then(|| noted.process_ids.into_iter().collect())
    }
}
