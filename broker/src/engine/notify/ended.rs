//! Processes that ended, until what waits for them was looked at.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use uuid::Uuid;

use crate::limits::ENDED_NOTED_MAX;

/// Processes that others may wait for, and that ended.
#[derive(Default)]
pub(crate) struct Ended {
    noted: Mutex<Noted>,
    more: Notify,
}

#[derive(Default)]
struct Noted {
    process_ids: HashSet<Uuid>,
    /// Set if there were too many to remember: any may have ended.
    any: bool,
}

impl Ended {
    /// This one ended, or may have.
    pub(in crate::engine) fn note(&self, process_id: Uuid) {
        let mut noted = self.noted();
        if noted.process_ids.len() < ENDED_NOTED_MAX {
            noted.process_ids.insert(process_id);
        } else {
            noted.any = true;
        }
        drop(noted);
        self.more.notify_one();
    }

    /// Any of them may have ended.
    pub(in crate::engine) fn note_any(&self) {
        self.noted().any = true;
        self.more.notify_one();
    }

    /// Returns when one was noted since this was last awaited.
    pub(in crate::engine) async fn noted_more(&self) {
        self.more.notified().await;
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        // A panic elsewhere leaves a set that is still one.
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes those noted since the last time; `None` for any.
    pub(in crate::engine) fn take(&self) -> Option<Vec<Uuid>> {
        let noted = std::mem::take(&mut *self.noted());
        (!noted.any).then(|| noted.process_ids.into_iter().collect())
    }
}
