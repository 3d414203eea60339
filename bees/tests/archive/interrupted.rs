//! A storage that fails at one step of its work, before the step or after it, as a bee that dies there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use apiary_bees::archive::{ArchiveError, Objects};
use async_trait::async_trait;
use bytes::Bytes;

/// A storage that does so many steps, and then fails.
pub(crate) struct Interrupted {
    storage: Arc<dyn Objects>,
    steps: AtomicUsize,
    /// True if the failing step is done, and only its answer is lost.
    is_done: bool,
}

impl Interrupted {
    pub(crate) fn at(storage: Arc<dyn Objects>, step: usize, is_done: bool) -> Arc<Self> {
        Arc::new(Self { storage, steps: AtomicUsize::new(step), is_done })
    }

    async fn step<T>(&self, work: impl Future<Output = Result<T, ArchiveError>>) -> Result<T, ArchiveError> {
        let left = self.steps.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| Some(left.saturating_sub(1)));
        if left.unwrap_or(0) > 0 {
            return work.await;
        }
        if self.is_done {
            work.await?;
        }
        Err(ArchiveError::Storage("killed here".to_owned()))
    }
}

#[async_trait]
impl Objects for Interrupted {
    async fn put_new(&self, name: &str, bytes: Bytes) -> Result<(), ArchiveError> {
        self.step(self.storage.put_new(name, bytes)).await
    }

    async fn get(&self, name: &str) -> Result<Option<Bytes>, ArchiveError> {
        self.step(self.storage.get(name)).await
    }

    async fn list(&self, folder: &str, after: &str) -> Result<Vec<String>, ArchiveError> {
        self.step(self.storage.list(folder, after)).await
    }

    async fn delete(&self, name: &str) -> Result<(), ArchiveError> {
        self.step(self.storage.delete(name)).await
    }
}
