//! The proof that the database can write, from commits and from failures of commits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Mutex as AsyncMutex;

use crate::limits::FULL_DISK_DOUBT;

/// Memory of the last commit that changed something, the best proof that the database can write, and of what has failed since.
/// Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Commits {
    proof: Arc<Mutex<Proof>>,
    /// Held by whoever proves that writing works: those who come meanwhile share what came of it.
    one_at_a_time: Arc<AsyncMutex<()>>,
}

#[derive(Debug, Default)]
struct Proof {
    committed: Option<Instant>,
    /// When work last found no room, and the words for it.
    full: Option<(Instant, String)>,
}

impl Commits {
    /// Makes sure that work can be committed: something was within `age_max`, or else `write`, which commits a row of no meaning,
    /// succeeds. A failure of any write voids what was proved before it. Where work found no room, a small row may still fit: for
    /// a time only other work is proof, and without it the answer is what `full` makes of the words.
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
        if self.is_newer_than(age_max) {
            return Ok(());
        }
        match self.doubt() {
            Some(words) => Err(full(words)),
            None => write().await,
        }
    }

    fn is_newer_than(&self, age_max: Duration) -> bool {
        self.lock().committed.is_some_and(|at| at.elapsed() < age_max)
    }

    /// Returns the words of the last work that found no room, if that was a moment ago.
    pub(crate) fn doubt(&self) -> Option<String> {
        let proof = self.lock();
        proof.full.as_ref().filter(|(at, _)| at.elapsed() < FULL_DISK_DOUBT).map(|(_, words)| words.clone())
    }

    /// Records a commit: of work, or of something small that `is_proof` and nothing else.
    pub(crate) fn note(&self, is_proof: bool) {
        if is_proof && self.doubt().is_some() {
            return;
        }
        *self.lock() = Proof { committed: Some(Instant::now()), full: None };
    }

    /// Records that something could not be written; with the words where it was work that found no room.
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
