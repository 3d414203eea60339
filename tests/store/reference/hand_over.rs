//! The reference's hand-over of new work to polls that wait.

use apiary_store::matching::hand_over::HandOver;
use apiary_store::model::{ClaimSlot, Lane, NewProcess, ProcessState, SubmitResult};

use super::{Got, Reference};

impl Reference {
    pub(crate) fn submit_leased(
        &mut self,
        batch: &[NewProcess],
        lane: &Lane,
        slots: &[ClaimSlot],
        now_ms: i64,
    ) -> (Vec<SubmitResult>, Vec<Got>) {
        // Tested by itself, without a store.
        let hand_over = HandOver::of(lane, slots, batch);
        let is_empty = !self.processes.values().any(|process| process.state() == ProcessState::Waiting);
        let is_open = is_empty && self.pauses.are_none();
        let (mut answers, mut got) = (self.submit(batch, now_ms), Vec::new());
        for (spec, answer) in batch.iter().zip(&mut answers) {
            let process = self.processes.get_mut(&spec.process_id).filter(|_| is_open);
            if let Some(taker) = hand_over.as_ref().and_then(|hand_over| hand_over.taker(spec.process_id))
                && let Some(process) = process
                && *answer == (SubmitResult::New { state: ProcessState::Waiting })
            {
                got.push((taker.slot, spec.process_id, 1, 0, process.lease(taker.executor, taker.lease_ms, now_ms)));
                *answer = SubmitResult::New { state: ProcessState::Running };
            }
        }
        got.sort();
        (answers, got)
    }
}
