//! The reference's `max_wait`: it ends unclaimed processes, and stands still under a pause.

use apiary_store::model::{Pause, PauseTarget, ProcessState};
use uuid::Uuid;

use super::{Place, Process, Reference};
use crate::standstill::Pauses;

impl Process {
    /// Returns the deadline of its `max_wait`, if it is counted now; and the rest of it, if it stands still.
    pub(super) fn wait(&self, pauses: &Pauses, now_ms: i64) -> (Option<i64>, Option<i64>) {
        let Place::Queue { stands_still } = self.place else { return (None, None) };
        if self.spec.max_wait_ms == 0 {
            return (None, None);
        }
        // The deadline stopped counting when the earliest current pause began.
        let at_ms = pauses.since_ms(&self.spec).map_or(now_ms, |paused_ms| paused_ms.max(self.since_ms));
        let left_ms = self.spec.max_wait_ms - pauses.counted_ms(&self.spec, self.since_ms, at_ms);
        if stands_still { (None, Some(left_ms)) } else { (Some(at_ms + left_ms), None) }
    }
}

impl Reference {
    pub(crate) fn expire_waiting(&mut self, now_ms: i64) -> Vec<Uuid> {
        let mut expired = Vec::new();
        for process in self.processes.values_mut() {
            let (deadline_ms, _) = process.wait(&self.pauses, now_ms);
            if deadline_ms.is_none_or(|deadline_ms| deadline_ms > now_ms) {
                continue;
            }
            if self.pauses.since_ms(&process.spec).is_some() {
                process.place = Place::Queue { stands_still: true };
                continue;
            }
            let reason = "nobody claimed it within its max_wait".to_owned();
            process.finish(ProcessState::Failed, Some(reason), now_ms);
            expired.push(process.spec.process_id);
        }
        expired
    }

    pub(crate) fn pause(&mut self, pause: &Pause) -> bool {
        self.pauses.pause(pause)
    }

    pub(crate) fn resume(&mut self, what: &PauseTarget, now_ms: i64) -> bool {
        let ended = self.pauses.resume(what, now_ms);
        for process in self.processes.values_mut() {
            let Place::Queue { stands_still } = &mut process.place else { continue };
            if !what.covers(&process.spec.executor_type, &process.spec.function) {
                continue;
            }
            match (ended, self.pauses.since_ms(&process.spec)) {
                (_, None) => *stands_still = false,
                // The ended pause is not recorded any more, although it began before the other one.
                (Some(since_ms), Some(still_ms)) => *stands_still |= since_ms.max(process.since_ms) < still_ms,
                (None, Some(_)) => {}
            }
        }
        ended.is_some()
    }

    /// Returns the deadlines or remaining waits of waiting processes, in the order of ids.
    pub(crate) fn waits(&self, now_ms: i64) -> Vec<(Uuid, Option<i64>, Option<i64>)> {
        let waiting = self.processes.values().filter(|process| process.state() == ProcessState::Waiting);
        let wait = |process: &Process| {
            let (deadline_ms, left_ms) = process.wait(&self.pauses, now_ms);
            (process.spec.process_id, deadline_ms, left_ms)
        };
        waiting.map(wait).collect()
    }
}
