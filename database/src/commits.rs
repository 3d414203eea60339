//! Evidence that the database can write, from successful and failed commits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Mutex as AsyncMutex;

use crate::limits::FULL_DISK_DOUBT;

/// Time of the last commit that changed something, the best evidence that the database can write, and of failures
/// since. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Commits {
    proof: Arc<Mutex<Proof>>,
    /// Held during a trial write, so that concurrent callers share its result.
    one_at_a_time: Arc<AsyncMutex<()>>,
}

#[derive(Debug, Default)]
struct Proof {
    committed: Option<Instant>,
    /// Time and error of the last failure for want of disk space.
    full: Option<(Instant, String)>,
}

impl Commits {
    /// Checks that work can be committed: there was a commit within `age_max`, or else `write`, which commits a
    /// meaningless row, succeeds. A failure of any write voids earlier evidence. After work failed on a full disk, a
    /// small row may still fit. For some time only a commit of other work counts then, and without one the error is
    /// `full` of the recorded text.
    ///
    /// # Errors
    /// The errors of `write` and of `full`.
    pub async fn prove<E>(
        &self,
        age_max: Duration,
        full: impl Fn(String) -> E,
        write: impl AsyncFnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        if self.is_newer_than(age_max) {
            return Ok(());
        }
        let _one_at_a_time = self.one_at_a_time.lock().await;
        // Checked again: another caller's trial write may have succeeded while this one waited for the lock.
        if self.is_newer_than(age_max) {
            return Ok(());
        }
        match self.doubt() {
            Some(words) => Err(full(words)),
            None => write().await,
        }
    }

    /// Returns true if something was committed within this time.
    #[must_use]
    pub fn is_newer_than(&self, age_max: Duration) -> bool {
        self.lock().committed.is_some_and(|at| at.elapsed() < age_max)
    }

    /// Returns the error of the last work that failed on a full disk, if that was recent.
    pub(crate) fn doubt(&self) -> Option<String> {
        let proof = self.lock();
        proof.full.as_ref().filter(|(at, _)| at.elapsed() < FULL_DISK_DOUBT).map(|(_, words)| words.clone())
    }

    /// Records a commit. `is_proof` marks a small trial write, which does not show that there is room for work.
    pub(crate) fn note(&self, is_proof: bool) {
        if is_proof && self.doubt().is_some() {
            return;
        }
        *self.lock() = Proof { committed: Some(Instant::now()), full: None };
    }

    /// Records a failed write; `full` is the error if work failed on a full disk.
    pub(crate) fn void(&self, full: Option<String>) {
        let mut proof = self.lock();
        proof.committed = None;
        if let Some(words) = full {
            proof.full = Some((Instant::now(), words));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Proof> {
        // No code that can panic runs under the lock.
        self.proof.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    async fn prove(commits: &Commits) -> Result<(), String> {
        commits.prove(LONG, |words| words, async || Err("asked".to_owned())).await
    }

    #[tokio::test]
    async fn a_failure_voids_the_proof_until_something_is_committed() {
        let commits = Commits::default();
        assert_eq!(prove(&commits).await, Err("asked".to_owned()));
        for is_proof in [true, false] {
            commits.note(is_proof);
            assert_eq!(prove(&commits).await, Ok(()));
            commits.void(None);
            assert_eq!(prove(&commits).await, Err("asked".to_owned()));
        }
    }

    #[tokio::test]
    async fn after_work_found_no_room_only_work_is_proof() {
        let commits = Commits::default();
        commits.note(false);
        commits.void(Some("full".to_owned()));
        assert_eq!(prove(&commits).await, Err("full".to_owned()));
        commits.note(true);
        assert_eq!(prove(&commits).await, Err("full".to_owned()), "a small row fits where work does not");
        commits.note(false);
        assert_eq!(prove(&commits).await, Ok(()));
    }
}
