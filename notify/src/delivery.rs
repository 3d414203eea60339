//! The queue of messages that a target has yet to take.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::limits::{KEPT_MAX, QUEUE_MAX, RETRY_WAIT, RETRY_WAIT_MAX};
use crate::message::Message;

/// Messages for one target, the oldest first: a later one waits for an earlier one, so that "resolved" never overtakes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Queue {
    messages: VecDeque<Message>,
    /// Failures since the last success.
    failures: u32,
    /// The time of the next try.
    next_ms: i64,
}

impl Queue {
    /// Adds a message; returns the number of old ones that were dropped for it.
    pub(crate) fn push(&mut self, message: Message) -> usize {
        self.messages.push_back(message);
        let surplus = self.messages.len().saturating_sub(QUEUE_MAX);
        self.messages.drain(..surplus).count()
    }

    /// Drops messages that are too old; returns their number.
    pub(crate) fn drop_old(&mut self, now_ms: i64) -> usize {
        let before = self.messages.len();
        self.messages.retain(|message| now_ms.saturating_sub(message.made_ms) < millis(KEPT_MAX));
        before - self.messages.len()
    }

    /// Returns the message to send now, if its time has come.
    pub(crate) fn due(&self, now_ms: i64) -> Option<&Message> {
        self.messages.front().filter(|_| now_ms >= self.next_ms)
    }

    /// Returns the number of messages.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Notes that the target took a message. It may have been dropped meanwhile.
    pub(crate) fn taken(&mut self, id: Uuid) {
        (self.failures, self.next_ms) = (0, 0);
        self.messages.pop_front_if(|message| message.id == id);
    }

    /// Notes that the target did not take it; the next try is after a wait that doubles each time, or that it asked for.
    pub(crate) fn failed(&mut self, now_ms: i64, asked: Option<Duration>) {
        let doubled = RETRY_WAIT.saturating_mul(1 << self.failures.min(16)).min(RETRY_WAIT_MAX);
        self.failures = self.failures.saturating_add(1);
        self.next_ms = now_ms.saturating_add(millis(asked.unwrap_or(doubled)));
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(made_ms: i64) -> Message {
        Message::new("test", made_ms, Vec::new())
    }

    #[test]
    fn the_wait_after_failures_doubles_up_to_a_bound_and_a_success_ends_it() {
        let mut queue = Queue::default();
        queue.push(message(0));
        queue.push(message(1));
        let mut now_ms = 0;
        let mut waits = Vec::new();
        for _ in 0..10 {
            queue.failed(now_ms, None);
            waits.push((queue.next_ms - now_ms) / 1000);
            assert!(queue.due(queue.next_ms - 1).is_none());
            now_ms = queue.next_ms;
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 512, 900]);
        assert_eq!(queue.due(now_ms).map(|message| message.made_ms), Some(0));
        queue.taken(Uuid::new_v4());
        assert_eq!(queue.len(), 2, "another message was taken");
        let id = queue.due(now_ms).unwrap().id;
        queue.taken(id);
        assert_eq!(queue.due(now_ms).map(|message| message.made_ms), Some(1));
        queue.failed(now_ms, Some(Duration::from_secs(30)));
        assert_eq!(queue.next_ms, now_ms + 30_000);
    }

    #[test]
    fn a_queue_has_bounds_in_number_and_age() {
        let mut queue = Queue::default();
        let dropped: usize = (0..QUEUE_MAX + 5).map(|_| queue.push(message(1000))).sum();
        assert_eq!((dropped, queue.len()), (5, QUEUE_MAX));
        assert_eq!(queue.drop_old(millis(KEPT_MAX)), 0);
        assert_eq!(queue.drop_old(millis(KEPT_MAX) + 1000), QUEUE_MAX);
    }
}
