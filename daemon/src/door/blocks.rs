//! Memory of a request's body: blocks of one size, which leave no uncounted memory in the allocator.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::limits::BLOCK_BYTES;

/// A body's bytes in the order of arrival. Announced bytes are not reserved in advance: the process would keep the
/// memory, uncounted, once part of it was used. Blocks of one size fit into the gaps of freed ones.
#[derive(Default)]
pub struct Blocks {
    blocks: VecDeque<Vec<u8>>,
    bytes: usize,
}

impl Blocks {
    /// Returns the bytes, block by block.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.blocks.iter().map(Vec::as_slice)
    }

    /// Returns the first block's bytes.
    pub(super) fn beginning(&self) -> &[u8] {
        self.blocks.front().map_or(&[], Vec::as_slice)
    }

    pub(super) fn extend(&mut self, mut bytes: &[u8]) {
        self.bytes += bytes.len();
        while !bytes.is_empty() {
            let has_room = self.blocks.back().is_some_and(|block| block.len() < BLOCK_BYTES);
            if !has_room {
                self.blocks.push_back(Vec::new());
            }
            let Some(block) = self.blocks.back_mut() else { return };
            let (part, rest) = bytes.split_at(bytes.len().min(BLOCK_BYTES - block.len()));
            block.extend_from_slice(part);
            bytes = rest;
        }
    }

    /// Joins the blocks of a complete body.
    pub fn join(mut self) -> Bytes {
        if self.blocks.len() <= 1 {
            return self.blocks.pop_front().unwrap_or_default().into();
        }
        let mut joined = Vec::with_capacity(self.bytes);
        // Each block is freed once copied, so that the body is never in memory twice as a whole.
        while let Some(block) = self.blocks.pop_front() {
            joined.extend_from_slice(&block);
        }
        joined.into()
    }
}

/// Yields block by block, each freed as soon as its reader drops it.
impl Body for Blocks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(block) = self.blocks.pop_front() else { return Poll::Ready(None) };
        self.bytes -= block.len();
        Poll::Ready(Some(Ok(Frame::data(block.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.blocks.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes as u64)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn the_bytes_are_the_same_in_one_piece_and_one_after_the_other() {
        for bytes in [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 5 * BLOCK_BYTES + 7] {
            let all: Vec<u8> = (0..=250).cycle().take(bytes).collect();
            let filled = || {
                let mut blocks = Blocks::default();
                all.chunks(1000).for_each(|chunk| blocks.extend(chunk));
                blocks
            };
            assert_eq!(filled().size_hint().exact(), Some(bytes as u64));
            assert_eq!(filled().join(), all, "{bytes}");
            assert_eq!(filled().collect().await.unwrap().to_bytes(), all, "{bytes}");
        }
    }

    #[test]
    fn a_body_holds_hardly_more_memory_than_bytes() {
        let mut blocks = Blocks::default();
        for bytes in 1..300_000 {
            blocks.extend(b"x");
            let held: usize = blocks.blocks.iter().map(Vec::capacity).sum();
            assert!(held <= bytes + BLOCK_BYTES / 2 + 8, "{held} for {bytes}");
        }
    }
}
