//! The pace of one connection: few bytes in one turn.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, Take};

use super::limits::TURN_BYTES_MAX;
use super::serve::Duplex;

/// A stream of which few bytes are read before every other task had its turn. A connection's task reads for as long as there are
/// bytes, and thousands of requests with nothing in them fit into the system's buffer: everybody else would wait for all of them.
pub(super) struct Paced<S>(Take<S>);

impl<S: Duplex> Paced<S> {
    pub(super) fn new(stream: S) -> Self {
        Self(stream.take(TURN_BYTES_MAX))
    }
}

impl<S: Duplex> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.0.limit() == 0 {
            self.0.set_limit(TURN_BYTES_MAX);
            // Behind all that are ready now.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let read = Pin::new(&mut self.0).poll_read(context, buffer);
        if read.is_pending() {
            self.0.set_limit(TURN_BYTES_MAX);
        }
        read
    }
}

impl<S: Duplex> AsyncWrite for Paced<S> {
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
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

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
        Paced::new(ours).read_to_end(&mut read).await.unwrap();
        other.abort();
        assert_eq!(read, bytes, "and not a byte is lost");
        assert!(turns.load(Ordering::Relaxed) >= TURNS - 1, "{turns:?} turns");
    }
}
