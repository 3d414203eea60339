//! Group commit: concurrent writes are gathered and written together. A flush starts at once when the writer is idle, so
//! that a single caller has no delay; writes that come during a flush are in the next.

use std::collections::HashSet;
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use apiary_daemon::Supervisor;
use apiary_store::{StoreError, StoreResult};
use futures::FutureExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::engine::passes;
use crate::limits::{COMMIT_BATCH_MAX, COMMIT_BYTES_MAX, COMMIT_QUEUE_BYTES_MAX, COMMIT_QUEUE_MAX};
use crate::metrics::FlushMetrics;

/// A kind of write that can be done in bulk.
#[async_trait::async_trait]
pub(crate) trait Flush: Send + Sync + 'static {
    /// The write of a caller.
    type Item: Send + Sync + 'static;
    /// The answer to a caller.
    type Answer: Send + 'static;
    /// A key that two items of one batch must not share.
    type Key: Eq + Hash + Send;

    /// Returns the item's keys.
    fn keys(&self, item: &Self::Item) -> Vec<Self::Key>;

    /// Returns roughly the number of bytes of an item.
    fn bytes(&self, item: &Self::Item) -> usize;

    /// Writes a batch and sends the wake-ups; answers item by item, in order.
    async fn flush(&self, items: &[Self::Item]) -> StoreResult<Vec<Result<Self::Answer, Error>>>;
}

/// The callers' end of a group committer.
pub(crate) struct Committer<F: Flush> {
    flush: Arc<F>,
    queue: mpsc::Sender<Waiting<F>>,
    /// The bytes that may still be queued.
    room: Arc<Semaphore>,
}

struct Waiting<F: Flush> {
    item: F::Item,
    reply: oneshot::Sender<Result<F::Answer, Error>>,
    /// The item's share of the queue's bytes, until it is written.
    room: OwnedSemaphorePermit,
}

impl<F: Flush> Committer<F> {
    /// Starts the writer. It ends when every caller's end is gone, or `finish` is cancelled, and everything queued is
    /// written.
    pub(crate) fn start(tasks: &Supervisor, name: &'static str, flush: F, finish: &CancellationToken) -> Self {
        let (queue, waiting) = mpsc::channel(COMMIT_QUEUE_MAX);
        let (flush, stop) = (Arc::new(flush), finish.child_token());
        let measured = Measured { name, metrics: FlushMetrics::new(tasks.metrics().series(), name) };
        let writer = Writer { measured, flush: flush.clone(), waiting, queued: Vec::new(), stop: stop.clone() };
        tasks.spawn(name, stop, writer, |writer| Box::pin(writer.run()));
        Self { flush, queue, room: Arc::new(Semaphore::new(COMMIT_QUEUE_BYTES_MAX)) }
    }

    /// Queues a write; the returned future waits until it is on disk. A caller that stops waiting does not undo it.
    pub(crate) fn commit(&self, item: F::Item) -> impl Future<Output = Result<F::Answer, Error>> + Send + use<F> {
        // Not an `async fn`, whose future would keep the room for the item while it waits.
        let queued = self.queue(item);
        async move {
            let ended = |_| Error::Internal("the writer ended in the middle of a write; see the log".into());
            queued?.await.map_err(ended)?
        }
    }

    fn queue(&self, item: F::Item) -> Result<oneshot::Receiver<Result<F::Answer, Error>>, Error> {
        let bytes = u32::try_from(self.flush.bytes(&item)).unwrap_or(u32::MAX);
        // Never waits for room: a caller that waits here would hide the overload and hold its memory all the same.
        let room = self
            .room
            .clone()
            .try_acquire_many_owned(bytes)
            .map_err(|_| Error::Overloaded(format!("{COMMIT_QUEUE_BYTES_MAX} bytes wait for the database")))?;
        let (reply, answer) = oneshot::channel();
        self.queue.try_send(Waiting { item, reply, room }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                Error::Overloaded(format!("{COMMIT_QUEUE_MAX} writes wait for the database"))
            }
            mpsc::error::TrySendError::Closed(_) => Error::Draining,
        })?;
        Ok(answer)
    }
}

/// The writer's end. Its queue outlives a panic; the callers of the batch then get an error.
struct Writer<F: Flush> {
    measured: Measured,
    flush: Arc<F>,
    waiting: mpsc::Receiver<Waiting<F>>,
    /// Writes that were received, and not yet written.
    queued: Vec<Waiting<F>>,
    stop: CancellationToken,
}

/// The writer's name, and the numbers of its commits.
struct Measured {
    name: &'static str,
    metrics: FlushMetrics,
}

impl<F: Flush> Writer<F> {
    async fn run(&mut self) {
        loop {
            if self.queued.is_empty() {
                tokio::select! {
                    count = self.waiting.recv_many(&mut self.queued, COMMIT_BATCH_MAX) => if count == 0 {
                        // No caller is left, with or without `stop`.
                        return self.stop.cancel();
                    },
                    // Queued writes can still be received; new ones are rejected.
                    () = self.stop.cancelled(), if !self.waiting.is_closed() => self.waiting.close(),
                }
            }
            // Writes that came during the last batch are added to what it left: otherwise a single repeat of a key
            // would cost everybody a commit.
            while self.queued.len() < COMMIT_BATCH_MAX
                && let Ok(more) = self.waiting.try_recv()
            {
                self.queued.push(more);
            }
            let (batch, rest) = split(&*self.flush, std::mem::take(&mut self.queued));
            self.queued = rest;
            write(&self.measured, &*self.flush, batch).await;
        }
    }
}

/// Splits off the longest batch from the front without shared keys and within the bounds; returns it, and the rest.
fn split<F: Flush>(flush: &F, queued: Vec<Waiting<F>>) -> (Vec<Waiting<F>>, Vec<Waiting<F>>) {
    let (mut batch, mut rest) = (Vec::with_capacity(queued.len()), Vec::new());
    let (mut seen, mut bytes) = (HashSet::new(), 0);
    for waiting in queued {
        let keys = flush.keys(&waiting.item);
        let size = flush.bytes(&waiting.item);
        // An item beyond the bound on its own must still be written, alone.
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

async fn write<F: Flush>(measured: &Measured, flush: &F, batch: Vec<Waiting<F>>) {
    // The room is given back when the batch is written.
    let (items, replies): (Vec<_>, Vec<_>) =
        batch.into_iter().map(|waiting| (waiting.item, (waiting.reply, waiting.room))).unzip();
    let answers = match flush_safely(measured, flush, &items).await {
        Ok(answers) => answers,
        // The database rejects some item of the batch: the others must not fail with it.
        Err(StoreError::Refused(_) | StoreError::Corrupt(_) | StoreError::Trouble(_)) if items.len() > 1 => {
            one_by_one(measured, flush, &items).await
        }
        // With an unavailable database, one try for each item would only cost as many timeouts.
        Err(error) => {
            let error = Error::from(error);
            items.iter().map(|_| Err(error.clone())).collect()
        }
    };
    for ((reply, _), answer) in replies.into_iter().zip(answers) {
        // A caller that is gone does not need its answer.
        let _ = reply.send(answer);
    }
}

/// Catches a panic of one batch, which must not end the writer: every later write would be rejected, and no caller would know why.
async fn flush_safely<F: Flush>(
    measured: &Measured,
    flush: &F,
    items: &[F::Item],
) -> StoreResult<Vec<Result<F::Answer, Error>>> {
    let flushed = AssertUnwindSafe(flush.flush(items)).catch_unwind();
    let answered = async {
        flushed.await.unwrap_or_else(|_| Err(StoreError::Refused("the writer failed in the middle of a batch".into())))
    };
    let begun = Instant::now();
    let answers = passes::commit(measured.name, items.len(), answered).await;
    measured.metrics.flushed(items.len(), begun.elapsed(), answers.is_ok());
    answers
}

async fn one_by_one<F: Flush>(measured: &Measured, flush: &F, items: &[F::Item]) -> Vec<Result<F::Answer, Error>> {
    let mut answers = Vec::with_capacity(items.len());
    for item in items {
        let answer = match flush_safely(measured, flush, std::slice::from_ref(item)).await {
            Ok(mut answers) => answers.pop().unwrap_or_else(|| Err(Error::Internal("no answer".into()))),
            Err(error) => Err(error.into()),
        };
        answers.push(answer);
    }
    answers
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use apiary_identity::SystemClock;

    use super::*;

    /// Brings its batch into trouble.
    const TROUBLE: u32 = 13;

    /// Keeps what it is given, a batch for each turn that it is given; 0 panics.
    #[derive(Clone)]
    struct Book {
        turns: Arc<Semaphore>,
        batches: Arc<Mutex<Vec<Vec<u32>>>>,
    }

    #[async_trait::async_trait]
    impl Flush for Book {
        type Item = u32;
        type Answer = u32;
        type Key = u32;

        fn keys(&self, item: &u32) -> Vec<u32> {
            vec![*item]
        }

        /// A large number has as many bytes; a small one, one.
        fn bytes(&self, item: &u32) -> usize {
            usize::try_from(*item).unwrap_or(1).max(1)
        }

        async fn flush(&self, items: &[u32]) -> StoreResult<Vec<Result<u32, Error>>> {
            self.turns.acquire().await.map_err(|error| StoreError::Unavailable(error.to_string()))?.forget();
            assert!(!items.contains(&0), "zero");
            if items.contains(&TROUBLE) {
                return Err(StoreError::Trouble("no".to_owned()));
            }
            self.batches.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(items.to_vec());
            Ok(items.iter().map(|item| Ok(*item)).collect())
        }
    }

    struct Scene {
        book: Book,
        tasks: Supervisor,
        finish: CancellationToken,
        committer: Committer<Book>,
    }

    fn scene(turns: usize) -> Scene {
        let book = Book { turns: Arc::new(Semaphore::new(turns)), batches: Arc::default() };
        let (tasks, finish) = (Supervisor::new(Arc::new(SystemClock)), CancellationToken::new());
        let committer = Committer::start(&tasks, "writer", book.clone(), &finish);
        tasks.close();
        Scene { book, tasks, finish, committer }
    }

    #[tokio::test]
    async fn who_comes_while_a_batch_is_written_is_in_the_next_also_beside_a_repeated_key() {
        let scene = scene(0);
        let mut first = Box::pin(async { tokio::join!(scene.committer.commit(1), scene.committer.commit(1)) });
        assert!(futures::poll!(&mut first).is_pending());
        // The writer has taken both, and waits for its turn with the first of them.
        while scene.committer.queue.capacity() < COMMIT_QUEUE_MAX {
            tokio::task::yield_now().await;
        }
        let mut later = Box::pin(async { tokio::join!(scene.committer.commit(2), scene.committer.commit(3)) });
        assert!(futures::poll!(&mut later).is_pending());
        scene.book.turns.add_permits(2);
        let _ = tokio::time::timeout(Duration::from_secs(10), async { tokio::join!(first, later) }).await.unwrap();
        assert_eq!(*scene.book.batches.lock().unwrap(), [vec![1], vec![1, 2, 3]]);
    }

    #[tokio::test]
    async fn bytes_that_do_not_fit_are_refused_until_what_waits_is_written() {
        let scene = scene(0);
        let half = u32::try_from(COMMIT_QUEUE_BYTES_MAX / 2).unwrap();
        let mut queued =
            Box::pin(async { tokio::join!(scene.committer.commit(half), scene.committer.commit(half - 10)) });
        assert!(futures::poll!(&mut queued).is_pending());
        assert!(matches!(scene.committer.commit(11).await, Err(Error::Overloaded(_))));
        // A caller that left leaves its bytes where they are.
        assert!(futures::poll!(Box::pin(scene.committer.commit(10))).is_pending());
        assert!(matches!(scene.committer.commit(10).await, Err(Error::Overloaded(_))));
        scene.book.turns.add_permits(10);
        assert!(queued.await.0.is_ok());
        assert_eq!(scene.committer.commit(half).await.unwrap(), half);
    }

    #[tokio::test]
    async fn a_panic_refuses_the_one_who_brought_it_and_the_writer_goes_on() {
        let scene = scene(10);
        let (bad, good) = tokio::join!(scene.committer.commit(0), scene.committer.commit(1));
        assert!(matches!(bad, Err(Error::Internal(_))), "{bad:?}");
        assert_eq!(good.unwrap(), 1);
        assert_eq!(scene.committer.commit(2).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn what_the_database_dislikes_takes_nothing_else_along() {
        let scene = scene(10);
        let (bad, good) = tokio::join!(scene.committer.commit(TROUBLE), scene.committer.commit(1));
        assert!(matches!(bad, Err(Error::Unavailable(_))), "{bad:?}");
        assert_eq!(good.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_writer_that_dies_answers_what_it_had_in_hand_and_goes_on_with_its_queue() {
        let scene = scene(0);
        let mut in_hand = Box::pin(scene.committer.commit(1));
        assert!(futures::poll!(&mut in_hand).is_pending());
        while scene.committer.queue.capacity() < COMMIT_QUEUE_MAX {
            tokio::task::yield_now().await;
        }
        let mut queued = Box::pin(scene.committer.commit(2));
        assert!(futures::poll!(&mut queued).is_pending());
        scene.tasks.sabotage("writer");
        assert!(matches!(in_hand.await, Err(Error::Internal(_))), "it is not left without an answer");
        scene.book.turns.add_permits(1);
        assert_eq!(queued.await.unwrap(), 2);
    }

    #[tokio::test]
    async fn at_the_end_what_is_queued_is_written_and_nothing_more_is_taken() {
        let scene = scene(0);
        let mut queued = Box::pin(async { tokio::join!(scene.committer.commit(1), scene.committer.commit(2)) });
        assert!(futures::poll!(&mut queued).is_pending());
        scene.finish.cancel();
        scene.book.turns.add_permits(10);
        let (one, two) = queued.await;
        assert_eq!((one.unwrap(), two.unwrap()), (1, 2));
        // It ends although a caller's end is still there.
        tokio::time::timeout(Duration::from_secs(10), scene.tasks.wait()).await.unwrap();
        assert!(matches!(scene.committer.commit(3).await, Err(Error::Draining)));
    }
}
