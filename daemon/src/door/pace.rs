//! Fair scheduling of connections: few bytes per turn, and delayed turns for connections that bring many requests.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, Take};
use tokio::time::{Sleep, sleep};

use super::Connection;
use super::limits::{PAUSE_IN_CROWD, TURN_BYTES_MAX};
use super::requests::Requests;
use super::serve::Duplex;

/// A stream that yields to other tasks after [`TURN_BYTES_MAX`] bytes. A connection's task otherwise reads for as long
/// as there are bytes, and thousands of empty requests fit into the system's buffer: every other connection would wait
/// for all of them.
pub(super) struct YieldingStream<S>(Take<S>);

impl<S: Duplex> YieldingStream<S> {
    pub(super) fn new(stream: S) -> Self {
        Self(stream.take(TURN_BYTES_MAX))
    }
}

/// Turns of one connection. While too many requests are queued, a stranger's connection that brought more than one in
/// its last turn is delayed: a hundred small requests cost more than a large one, and a client with one must not wait
/// for hundreds of others.
pub(super) struct Turns {
    connection: Arc<Connection>,
    requests: Arc<Requests>,
    begun: u64,
    brings_many: bool,
}

impl Turns {
    pub(super) fn new(connection: Arc<Connection>, requests: Arc<Requests>) -> Self {
        Self { connection, requests, begun: 0, brings_many: false }
    }

    /// Polls the connection's future in its turns.
    pub(super) async fn take<F: Future>(mut self, serving: F) -> F::Output {
        let mut serving = pin!(serving);
        let mut pause = pin!(None::<Sleep>);
        poll_fn(|context| {
            loop {
                if let Some(pausing) = pause.as_mut().as_pin_mut() {
                    ready!(pausing.poll(context));
                    pause.set(None);
                }
                if self.may_begin() {
                    return serving.as_mut().poll(context);
                }
                // A sleep and not a yield: a task that is ready again at once keeps the others of its thread waiting.
                pause.set(Some(sleep(PAUSE_IN_CROWD)));
            }
        })
        .await
    }

    fn may_begin(&mut self) -> bool {
        // A connection that is being closed is polled without delay, so that it ends and frees its memory.
        if self.connection.is_known() || self.connection.gave_way() {
            return true;
        }
        let begun = self.connection.begun();
        if begun > self.begun {
            self.brings_many = begun - self.begun > 1;
            self.begun = begun;
        }
        !(self.brings_many && self.requests.is_crowded())
    }
}

impl<S: Duplex> AsyncRead for YieldingStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.0.limit() == 0 {
            self.0.set_limit(TURN_BYTES_MAX);
            // Wakes itself at once, so that it runs again behind all tasks that are ready now.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let read = Pin::new(&mut self.0).poll_read(context, buffer);
        // The task yields here anyway, so that the next bytes are a new turn.
        if read.is_pending() {
            self.0.set_limit(TURN_BYTES_MAX);
        }
        read
    }
}

impl<S: Duplex> AsyncWrite for YieldingStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(self.0.get_mut()).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.0.get_mut()).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.0.get_mut()).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.0.get_mut()).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.get_ref().is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::connections::ConnectionSlot;
    use super::super::connections::tests::{connections, peer};
    use super::super::limits::REQUESTS_QUEUED_MAX;
    use super::super::requests::RequestRoom;
    use super::*;

    #[tokio::test]
    async fn others_have_a_turn_between_few_bytes() {
        const TURNS: usize = 10;
        let bytes = vec![b'x'; TURNS * usize::try_from(TURN_BYTES_MAX).unwrap()];
        let (ours, mut theirs) = tokio::io::duplex(bytes.len());
        tokio::io::AsyncWriteExt::write_all(&mut theirs, &bytes).await.unwrap();
        drop(theirs);
        let turns = Arc::new(AtomicUsize::new(0));
        let counted = turns.clone();
        let other = tokio::spawn(async move {
            loop {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        });
        let mut read = Vec::new();
        YieldingStream::new(ours).read_to_end(&mut read).await.unwrap();
        other.abort();
        assert_eq!(read, bytes, "and not a byte is lost");
        assert!(turns.load(Ordering::Relaxed) >= TURNS - 1, "{turns:?} turns");
    }

    #[tokio::test]
    async fn whoever_brings_many_requests_waits_in_a_crowd() {
        let connections = connections(10, 10);
        let [crowd, one, many] = [1, 2, 3].map(|last| connections.open(peer(last), false).unwrap());
        let requests = Arc::new(Requests::default());
        let begin = |room: &ConnectionSlot| requests.begin(room.connection(), room.connection().peer(), 0);
        let queued: Vec<_> = (0..=REQUESTS_QUEUED_MAX).map(|_| begin(&crowd)).collect();
        let turns = |room: &ConnectionSlot| Turns::new(room.connection().clone(), requests.clone());
        let (mut of_one, mut of_many) = (turns(&one), turns(&many));
        let _request = one.connection().begin();
        let _requests = [(); 2].map(|()| many.connection().begin());
        assert!(of_one.may_begin() && !of_many.may_begin());
        queued.iter().flatten().for_each(RequestRoom::start);
        assert!(of_many.may_begin(), "all have had their turn");
        let _refused = [(); 2].map(|()| begin(&crowd));
        crowd.connection().give_way();
        assert!(of_one.may_begin() && of_many.may_begin());
    }
}
