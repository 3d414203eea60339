//! Group commit: concurrent writes are gathered and written together. A flush starts at once when the writer is idle, so
//! that one caller alone pays no delay; whoever comes while it runs is in the next.

use std::collections::HashSet;
use std::hash::Hash;

use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

use crate::Error;
use crate::limits::{COMMIT_BATCH_MAX, COMMIT_BYTES_MAX, COMMIT_QUEUE_MAX};
use crate::store::{StoreError, StoreResult};

/// How one kind of write is done in bulk.
#[async_trait::async_trait]
pub(crate) trait Flush: Send + Sync + 'static {
    /// One caller's write.
    type Item: Send + Sync + 'static;
    /// One caller's answer.
    type Answer: Send + 'static;
    /// What two items of one batch must not share.
    type Key: Eq + Hash + Send;

    /// This item's keys.
    fn keys(&self, item: &Self::Item) -> Vec<Self::Key>;

    /// Roughly how many bytes it brings.
    fn bytes(&self, item: &Self::Item) -> usize;

    /// Writes a batch and wakes whom it concerns; answers item by item, in order.
    async fn flush(&self, items: &[Self::Item]) -> StoreResult<Vec<Result<Self::Answer, Error>>>;
}

/// The callers' end of a group committer.
pub(crate) struct Committer<F: Flush> {
    queue: mpsc::Sender<Waiting<F>>,
}

struct Waiting<F: Flush> {
    item: F::Item,
    reply: oneshot::Sender<Result<F::Answer, Error>>,
}

impl<F: Flush> Committer<F> {
    /// Starts the writer. It ends when every caller's end is gone and everything queued is written.
    pub(crate) fn start(tasks: &TaskTracker, flush: F) -> Self {
        let (queue, waiting) = mpsc::channel(COMMIT_QUEUE_MAX);
        tasks.spawn(run(flush, waiting));
        Self { queue }
    }

    /// Hands in a write and waits until it is on disk. A caller that stops waiting does not undo it.
    pub(crate) async fn commit(&self, item: F::Item) -> Result<F::Answer, Error> {
        let (reply, answer) = oneshot::channel();
        self.queue.try_send(Waiting { item, reply }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                Error::Overloaded(format!("{COMMIT_QUEUE_MAX} writes wait for the database"))
            }
            mpsc::error::TrySendError::Closed(_) => Error::Draining,
        })?;
        answer.await.map_err(|_| Error::Internal("the writer ended in the middle of a write; see the log".into()))?
    }
}

async fn run<F: Flush>(flush: F, mut waiting: mpsc::Receiver<Waiting<F>>) {
    let mut queued = Vec::new();
    loop {
        if queued.is_empty() && waiting.recv_many(&mut queued, COMMIT_BATCH_MAX).await == 0 {
            return;
        }
        let (batch, rest) = split(&flush, queued);
        queued = rest;
        write(&flush, batch).await;
    }
}

/// The longest batch from the front without shared keys and within the bounds; and what is left for the next.
fn split<F: Flush>(flush: &F, queued: Vec<Waiting<F>>) -> (Vec<Waiting<F>>, Vec<Waiting<F>>) {
    let (mut batch, mut rest) = (Vec::with_capacity(queued.len()), Vec::new());
    let (mut seen, mut bytes) = (HashSet::new(), 0);
    for waiting in queued {
        let keys = flush.keys(&waiting.item);
        let size = flush.bytes(&waiting.item);
        let fits = batch.is_empty() || bytes + size <= COMMIT_BYTES_MAX;
        // An item behind one with the same key stays behind it, so its keys count as seen either way.
        let fresh = keys.iter().all(|key| !seen.contains(key));
        seen.extend(keys);
        if fits && fresh {
            bytes += size;
            batch.push(waiting);
        } else {
            rest.push(waiting);
        }
    }
    (batch, rest)
}

async fn write<F: Flush>(flush: &F, batch: Vec<Waiting<F>>) {
    let (items, replies): (Vec<_>, Vec<_>) = batch.into_iter().map(|waiting| (waiting.item, waiting.reply)).unzip();
    let answers = match flush.flush(&items).await {
        Ok(answers) => answers,
        // The database dislikes something in the batch: whoever brought it must not take the others along.
        Err(StoreError::Refused(_) | StoreError::Corrupt(_)) if items.len() > 1 => one_by_one(flush, &items).await,
        Err(error) => {
            let error = Error::from(error);
            items.iter().map(|_| Err(error.clone())).collect()
        }
    };
    for (reply, answer) in replies.into_iter().zip(answers) {
        // A caller that is gone does not need its answer.
        let _ = reply.send(answer);
    }
}

async fn one_by_one<F: Flush>(flush: &F, items: &[F::Item]) -> Vec<Result<F::Answer, Error>> {
    let mut answers = Vec::with_capacity(items.len());
    for item in items {
        let answer = match flush.flush(std::slice::from_ref(item)).await {
            Ok(mut answers) => answers.pop().unwrap_or_else(|| Err(Error::Internal("no answer".into()))),
            Err(error) => Err(error.into()),
        };
        answers.push(answer);
    }
    answers
}
