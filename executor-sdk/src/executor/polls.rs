//! The length of polls, shortened if a proxy cuts long ones.

use std::time::Duration;

use tokio::time::Instant;

use crate::limits::{CLAIM_EMPTY_MIN, CLAIM_WAIT, CLAIM_WAIT_MIN, CLAIM_WAIT_SHORT_FOR};

/// The length of a claim's wait for work. A proxy with a short time-out ends polls that the broker would still answer,
/// which looks like an unreachable broker.
#[derive(Default)]
pub(super) struct Polls {
    short: Option<Short>,
}

struct Short {
    wait: Duration,
    since: Instant,
}

impl Polls {
    /// Returns the length of the next poll.
    pub(super) fn wait(&mut self, now: Instant) -> Duration {
        if self.short.as_ref().is_some_and(|short| now.duration_since(short.since) >= CLAIM_WAIT_SHORT_FOR) {
            self.short = None;
        }
        self.short.as_ref().map_or(CLAIM_WAIT, |short| short.wait)
    }

    /// Records a poll that ended without an answer. Returns `true` if the next poll is shorter and may be sent at once;
    /// `false` if the broker counts as unreachable: it never was there, or polls already have their minimum length.
    pub(super) fn cut(&mut self, asked_at: Instant, now: Instant) -> bool {
        let (lasted, wait) = (now.duration_since(asked_at), self.wait(now));
        // The client's own time-out comes after the poll's end, and says nothing about a proxy.
        if lasted < CLAIM_EMPTY_MIN || lasted > wait || wait <= CLAIM_WAIT_MIN {
            return false;
        }
        // Well below the time-out that cut this one.
        self.short = Some(Short { wait: (lasted * 2 / 3).max(CLAIM_WAIT_MIN), since: now });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poll_that_is_cut_makes_the_next_one_shorter_for_a_while() {
        let (mut polls, start) = (Polls::default(), Instant::now());
        assert_eq!(polls.wait(start), CLAIM_WAIT);
        let cut_at = start + Duration::from_secs(6);
        assert!(polls.cut(start, cut_at));
        assert_eq!(polls.wait(cut_at), Duration::from_secs(4));
        assert_eq!(polls.wait(cut_at + CLAIM_WAIT_SHORT_FOR), CLAIM_WAIT);
    }

    #[test]
    fn polls_get_no_shorter_than_their_bound_and_a_broker_that_is_away_is_not_asked_without_a_pause() {
        let (mut polls, start) = (Polls::default(), Instant::now());
        assert!(!polls.cut(start, start + Duration::from_millis(20)), "it never came through");
        assert_eq!(polls.wait(start), CLAIM_WAIT);
        let mut cuts = 0;
        while polls.cut(start, start + Duration::from_millis(550)) {
            cuts += 1;
            assert!(cuts < 10);
        }
        assert_eq!(polls.wait(start), CLAIM_WAIT_MIN);
    }
}
