//! Calls that go together: what comes while a call is under way goes with the next one.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt as _;
use futures::future::{BoxFuture, join_all};
use tokio::sync::oneshot;

use crate::ClientError;
use crate::limits::{BATCH_BYTES_MAX, BATCH_DOCUMENTS_MAX};

/// Documents of one kind on their way to the broker. One that comes alone goes at once, in a call that its own caller
/// makes; those that come meanwhile go together, one call at a time, in a task.
///
/// Holds no more documents than callers wait: a caller that goes away takes its document along, unless a call with
/// others carries it already.
pub(crate) struct Batcher<I, A> {
    queue: Arc<Mutex<Queue<I, A>>>,
}

/// Answers to a batch, one for each document, in their order.
pub(crate) type Answers<A> = Vec<Result<A, ClientError>>;

/// Returns the answer to each of `count` documents from that to their batch, and asks for one `alone` by its number.
///
/// A failure that can pass is told to all. A final refusal of the whole call says nothing of one document: alone, each
/// gets the answer that it would have had without the others.
pub(super) async fn apart<B, A, F>(
    batch: Result<Vec<B>, ClientError>,
    count: usize,
    read: impl FnMut(B) -> Result<A, ClientError>,
    alone: impl FnMut(usize) -> F,
) -> Answers<A>
where
    A: Clone,
    F: Future<Output = Result<A, ClientError>>,
{
    match batch {
        Ok(answers) => answers.into_iter().map(read).collect(),
        Err(error) if error.is_retryable() => vec![Err(error); count],
        Err(error) => {
            tracing::debug!(%error, documents = count, "a batch was refused: its documents go one by one");
            join_all((0..count).map(alone)).await
        }
    }
}

struct Queue<I, A> {
    /// Documents that wait for the next call, in the order of their arrival.
    waiting: BTreeMap<u64, Waiting<I, A>>,
    /// Number of the next document.
    next: u64,
    /// `true` while a task sends.
    is_sending: bool,
    /// `true` while a caller sends its own document.
    is_one_alone: bool,
}

struct Waiting<I, A> {
    item: I,
    bytes: usize,
    answer: oneshot::Sender<Result<A, ClientError>>,
}

impl<I, A> Default for Batcher<I, A> {
    fn default() -> Self {
        let queue = Queue { waiting: BTreeMap::new(), next: 0, is_sending: false, is_one_alone: false };
        Self { queue: Arc::new(Mutex::new(queue)) }
    }
}

impl<I: Send + 'static, A: Send + 'static> Batcher<I, A> {
    /// Sends a document of this many bytes, alone or with others, and returns its own answer. `call` makes the calls, if
    /// none is under way.
    ///
    /// A caller makes no call but that of its own document alone, and nobody waits for that: it may be polled as rarely
    /// as it likes. Others' calls are made in a task of their own, so that a caller that goes away never cancels them.
    pub(crate) async fn send<C>(&self, item: I, bytes: usize, call: C) -> Result<A, ClientError>
    where
        C: Fn(Vec<I>) -> BoxFuture<'static, Answers<A>> + Send + 'static,
    {
        let answer = match self.enter(item, bytes) {
            Entry::Alone(_alone, item) => {
                let answers = AssertUnwindSafe(call(vec![item])).catch_unwind().await;
                answers.ok().and_then(|mut answers| answers.pop())
            }
            Entry::Among { place, answered, turn } => {
                if let Some(turn) = turn {
                    tokio::spawn(turn.run(call));
                }
                let answer = answered.await.ok();
                drop(place);
                answer
            }
        };
        answer.unwrap_or_else(|| {
            Err(ClientError::Broken("a batch of calls ended without an answer; the log has the reason".to_owned()))
        })
    }

    /// Lets a document go alone if no call is under way. Otherwise adds it to those that wait, with the turn to send them
    /// if no task has it.
    fn enter(&self, item: I, bytes: usize) -> Entry<I, A> {
        let mut queue = lock(&self.queue);
        if !queue.is_sending && !std::mem::replace(&mut queue.is_one_alone, true) {
            drop(queue);
            return Entry::Alone(Alone(Arc::clone(&self.queue)), item);
        }
        let (answer, answered) = oneshot::channel();
        let number = queue.next;
        queue.next += 1;
        queue.waiting.insert(number, Waiting { item, bytes, answer });
        let is_first = !std::mem::replace(&mut queue.is_sending, true);
        drop(queue);
        let turn = is_first.then(|| Turn { queue: Arc::clone(&self.queue), is_over: false });
        Entry::Among { place: Place { queue: Arc::clone(&self.queue), number }, answered, turn }
    }
}

/// First step of a document: sent by its caller, or queued.
enum Entry<I, A> {
    /// No call is under way.
    Alone(Alone<I, A>, I),
    /// Place among those that wait for the next call, and perhaps the turn to make it.
    Among { place: Place<I, A>, answered: oneshot::Receiver<Result<A, ClientError>>, turn: Option<Turn<I, A>> },
}

/// Mark of a caller that sends its own document, taken back when its call ends or is dropped.
struct Alone<I, A>(Arc<Mutex<Queue<I, A>>>);

impl<I, A> Drop for Alone<I, A> {
    fn drop(&mut self) {
        lock(&self.0).is_one_alone = false;
    }
}

/// A caller's place in the queue, given up when the caller goes away.
struct Place<I, A> {
    queue: Arc<Mutex<Queue<I, A>>>,
    number: u64,
}

impl<I, A> Drop for Place<I, A> {
    fn drop(&mut self) {
        let gone = lock(&self.queue).waiting.remove(&self.number);
        drop(gone);
    }
}

/// The right to send what waits, held by one task at a time.
struct Turn<I, A> {
    queue: Arc<Mutex<Queue<I, A>>>,
    is_over: bool,
}

impl<I, A> Turn<I, A> {
    /// Sends until nothing waits.
    async fn run(mut self, call: impl Fn(Vec<I>) -> BoxFuture<'static, Answers<A>>) {
        while let Some((items, callers)) = self.take() {
            for (caller, answer) in callers.into_iter().zip(call(items).await) {
                // Fails for a caller that has gone away, which needs no answer.
                let _ = caller.send(answer);
            }
            // Lets the callers that were answered now bring their next documents, which go with those that wait already.
            // Otherwise a lone document and all the others would take turns forever.
            tokio::task::yield_now().await;
        }
    }

    /// Takes the documents of the next call; `None` if nothing waits, and then the turn is over.
    #[expect(clippy::type_complexity, reason = "a pair of lists, taken apart at once")]
    fn take(&mut self) -> Option<(Vec<I>, Vec<oneshot::Sender<Result<A, ClientError>>>)> {
        let mut queue = lock(&self.queue);
        let (mut items, mut callers, mut bytes) = (Vec::new(), Vec::new(), 0_usize);
        while items.len() < BATCH_DOCUMENTS_MAX
            && let Some(first) = queue.waiting.first_entry()
        {
            bytes = bytes.saturating_add(first.get().bytes);
            // A document that is too large for any batch goes alone.
            if bytes > BATCH_BYTES_MAX && !items.is_empty() {
                break;
            }
            let Waiting { item, answer, .. } = first.remove();
            items.push(item);
            callers.push(answer);
        }
        self.is_over = items.is_empty();
        queue.is_sending = !self.is_over;
        (!self.is_over).then_some((items, callers))
    }
}

impl<I, A> Drop for Turn<I, A> {
    /// After a panic, or in a runtime that ends: tells everybody who waits, by dropping their senders, and leaves the
    /// turn to the next caller.
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut queue = lock(&self.queue);
        queue.is_sending = false;
        let waiting = std::mem::take(&mut queue.waiting);
        drop(queue);
        drop(waiting);
    }
}

fn lock<I, A>(queue: &Mutex<Queue<I, A>>) -> MutexGuard<'_, Queue<I, A>> {
    // Valid after a panic: no change of the queue leaves it half-changed.
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::Semaphore;

    use super::*;
    use crate::testing::eventually;

    /// A broker that answers each number with its double, records the calls, and holds each until it may go on.
    #[derive(Clone)]
    struct Double {
        batcher: Arc<Batcher<u64, u64>>,
        calls: Arc<Mutex<Vec<Vec<u64>>>>,
        permits: Arc<Semaphore>,
    }

    impl Double {
        fn held() -> Self {
            Self { batcher: Arc::default(), calls: Arc::default(), permits: Arc::new(Semaphore::new(0)) }
        }

        fn free() -> Self {
            let double = Self::held();
            double.permits.close();
            double
        }

        async fn send(&self, number: u64, bytes: usize) -> Result<u64, ClientError> {
            let double = self.clone();
            let call = move |numbers: Vec<u64>| double.clone().answer(numbers).boxed();
            self.batcher.send(number, bytes, call).await
        }

        async fn answer(self, numbers: Vec<u64>) -> Answers<u64> {
            self.calls.lock().unwrap().push(numbers.clone());
            match self.permits.acquire().await {
                Ok(permit) => permit.forget(),
                // No call ends before others can run.
                Err(_) => tokio::task::yield_now().await,
            }
            assert!(!numbers.contains(&13), "an unlucky number");
            let refusal = || ClientError::Invalid("seven".to_owned());
            numbers.into_iter().map(|number| if number == 7 { Err(refusal()) } else { Ok(2 * number) }).collect()
        }

        fn spawn(&self, number: u64) -> tokio::task::JoinHandle<Result<u64, ClientError>> {
            let double = self.clone();
            tokio::spawn(async move { double.send(number, 1).await })
        }

        fn calls(&self) -> Vec<Vec<u64>> {
            self.calls.lock().unwrap().clone()
        }

        fn waiting(&self) -> usize {
            lock(&self.batcher.queue).waiting.len()
        }
    }

    #[tokio::test]
    async fn one_alone_goes_at_once_and_what_comes_meanwhile_goes_together() {
        let double = Double::held();
        let first = double.spawn(0);
        eventually("the first call", async || double.calls() == [[0]]).await;
        let second = double.spawn(1);
        eventually("the second call", async || double.calls() == [[0], [1]]).await;
        let others: Vec<_> = (2..=9).map(|number| double.spawn(number)).collect();
        eventually("eight wait", async || double.waiting() == 8).await;
        double.permits.close();
        assert_eq!((first.await.unwrap().unwrap(), second.await.unwrap().unwrap()), (0, 2));
        let answers: Vec<_> = join_all(others).await.into_iter().map(|answer| answer.unwrap().ok()).collect();
        let expected: Vec<_> = (2..=9).map(|number| (number != 7).then_some(2 * number)).collect();
        assert_eq!(answers, expected, "one is refused, and no other");
        assert_eq!(double.calls(), [vec![0], vec![1], (2..=9).collect()]);
        assert_eq!(double.send(4, 1).await.unwrap(), 8, "a later one finds nobody who sends");
    }

    #[tokio::test]
    async fn producers_that_wait_for_their_answers_go_together_and_not_in_turns() {
        let double = Double::free();
        let producers = (0..32_u64).map(|producer| {
            let double = double.clone();
            async move {
                for round in 0..50 {
                    let number = 100 + producer * 50 + round;
                    assert_eq!(double.send(number, 1).await.unwrap(), 2 * number);
                }
            }
        });
        join_all(producers).await;
        let (calls, mut sent) = (double.calls().len(), double.calls().concat());
        sent.sort_unstable();
        assert_eq!(sent, (100..1700).collect::<Vec<_>>(), "each exactly once");
        assert!(calls <= 52, "{calls} calls for 50 rounds");
    }

    #[tokio::test]
    async fn a_batch_keeps_to_its_bounds() {
        let double = Double::held();
        let large = BATCH_BYTES_MAX / 2;
        let sizes = [1, large, large, 1, 3 * large, 1];
        let sends = sizes.iter().zip(20..).map(|(bytes, number)| double.send(number, *bytes));
        let many = (100..1601).map(|number| double.send(number, 1));
        double.permits.close();
        let (some, more) = tokio::join!(join_all(sends), join_all(many));
        assert!(some.iter().chain(&more).all(Result::is_ok));
        let lengths: Vec<_> = double.calls().iter().map(Vec::len).collect();
        // The first goes alone, those whose sizes exceed the bound go apart; the rest fills two calls.
        assert_eq!(lengths, [1, 2, 1, 1, 1000, 502]);
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_takes_along_what_was_not_sent_and_cancels_nothing() {
        let double = Double::held();
        let alone = double.spawn(1);
        eventually("the first call", async || double.calls() == [[1]]).await;
        let first = double.spawn(2);
        eventually("the second call", async || double.calls() == [[1], [2]]).await;
        let (second, third) = (double.spawn(3), double.spawn(4));
        eventually("two wait", async || double.waiting() == 2).await;
        for caller in [alone, first, second] {
            caller.abort();
        }
        eventually("one waits", async || double.waiting() == 1).await;
        double.permits.add_permits(2);
        assert_eq!(third.await.unwrap().unwrap(), 8);
        assert_eq!(double.calls(), [[1], [2], [4]], "a call of the task is not cancelled with its caller");
    }

    #[tokio::test]
    async fn a_caller_that_is_not_polled_holds_nobody_up() {
        let double = Double::held();
        let mut first = Box::pin(double.send(0, 1));
        assert!(futures::poll!(&mut first).is_pending());
        assert_eq!(double.calls(), [[0]], "without a task");
        double.permits.close();
        for number in 1..4 {
            assert_eq!(double.send(number, 1).await.unwrap(), 2 * number);
        }
        assert_eq!(first.await.unwrap(), 0);
    }

    #[test]
    fn a_caller_dropped_outside_of_its_runtime_leaves_its_place_to_the_next() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let double = Double::held();
        let mut first = Box::pin(double.send(1, 1));
        runtime.block_on(async { assert!(futures::poll!(&mut first).is_pending()) });
        drop(first);
        let mut second = Box::pin(double.send(2, 1));
        runtime.block_on(async { assert!(futures::poll!(&mut second).is_pending()) });
        assert_eq!(double.calls(), [[1], [2]], "without a task");
    }

    #[tokio::test]
    async fn a_caller_that_waits_too_long_leaves_the_others_in_place() {
        let double = Double::held();
        let (alone, first) = (double.spawn(0), double.spawn(1));
        eventually("two calls", async || double.calls() == [[0], [1]]).await;
        let patient = double.spawn(3);
        eventually("the patient one waits", async || double.waiting() == 1).await;
        tokio::time::timeout(Duration::from_millis(1), double.send(2, 1)).await.unwrap_err();
        double.permits.close();
        for (caller, answer) in [(alone, 0), (first, 2), (patient, 6)] {
            assert_eq!(caller.await.unwrap().unwrap(), answer);
        }
        assert_eq!(double.calls(), [[0], [1], [3]]);
    }

    #[tokio::test]
    async fn a_panic_is_told_to_all_who_wait_and_the_next_one_starts_anew() {
        let double = Double::held();
        let (alone, unlucky) = (double.spawn(0), double.spawn(13));
        eventually("two calls", async || double.calls() == [[0], [13]]).await;
        let waiting = double.spawn(1);
        eventually("one waits", async || double.waiting() == 1).await;
        double.permits.close();
        assert_eq!(alone.await.unwrap().unwrap(), 0);
        for caller in [unlucky, waiting] {
            assert!(matches!(caller.await.unwrap(), Err(ClientError::Broken(_))));
        }
        assert!(matches!(double.send(13, 1).await, Err(ClientError::Broken(_))), "alone, too");
        assert_eq!(double.send(2, 1).await.unwrap(), 4);
    }

    #[test]
    fn a_runtime_that_ends_leaves_nobody_waiting() {
        let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (double, first, second) = (Double::held(), runtime(), runtime());
        for number in [0, 1] {
            let sent = double.clone();
            first.spawn(async move { sent.send(number, 1).await });
            second.block_on(eventually("the call", async || double.calls().last() == Some(&vec![number])));
        }
        let waits = double.clone();
        let waiting = second.spawn(async move { waits.send(2, 1).await });
        second.block_on(eventually("one waits", async || double.waiting() == 1));
        drop(first);
        assert!(second.block_on(waiting).unwrap().is_err());
        double.permits.close();
        assert_eq!(second.block_on(double.send(3, 1)).unwrap(), 6);
    }
}
