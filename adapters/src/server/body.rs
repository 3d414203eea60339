//! Reading a body: raw, whole, and within bounds of size, time and memory.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::limits::{BODIES_BYTES_MAX, DISCARD_BYTES_MAX};
use crate::refusal::Refusal;

/// What a permit of the semaphore stands for.
const UNIT_BYTES: usize = 1024;

/// Reads bodies, and bounds what all of them together hold of the memory.
pub(crate) struct Bodies {
    memory: Arc<Semaphore>,
    bytes_max: usize,
    timeout: Duration,
}

/// A body, and its share of the memory.
#[derive(Debug)]
pub(super) struct RawBody {
    pub(super) bytes: Bytes,
    _share: OwnedSemaphorePermit,
}

impl Bodies {
    pub(crate) fn new(bytes_max: usize, timeout: Duration) -> Self {
        Self { memory: Arc::new(Semaphore::new(BODIES_BYTES_MAX / UNIT_BYTES)), bytes_max, timeout }
    }

    /// Reads a body; all of it, waiting for memory included, within the time that a body has.
    pub(super) async fn read(&self, headers: &HeaderMap, body: Body) -> Result<RawBody, Refusal> {
        let declared = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if declared.is_some_and(|length| length > self.bytes_max.saturating_add(DISCARD_BYTES_MAX)) {
            return Err(Refusal::BodyTooLarge(self.bytes_max));
        }
        let share = self.share(declared);
        let share = timeout(self.timeout, share).await.map_err(|_| Refusal::Busy)??;
        let bytes = timeout(self.timeout, self.collect(body)).await;
        let bytes = bytes.map_err(|_| Refusal::BodySlow(self.timeout))??;
        Ok(RawBody { bytes, _share: share })
    }

    async fn share(&self, declared: Option<usize>) -> Result<OwnedSemaphorePermit, Refusal> {
        let bytes = declared.unwrap_or(self.bytes_max).min(self.bytes_max);
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        self.memory.clone().acquire_many_owned(units).await.map_err(|_| Refusal::Busy)
    }

    async fn collect(&self, mut body: Body) -> Result<Bytes, Refusal> {
        let (mut collected, mut seen) = (BytesMut::new(), 0_usize);
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| Refusal::BodyBroken)?.into_data() else { continue };
            seen = seen.saturating_add(data.len());
            if seen <= self.bytes_max {
                collected.extend_from_slice(&data);
            } else if seen <= self.bytes_max.saturating_add(DISCARD_BYTES_MAX) {
                // Read on, a little: a client that still sends when the connection closes gets a reset, and no answer.
                collected = BytesMut::new();
            } else {
                break;
            }
        }
        if seen > self.bytes_max {
            return Err(Refusal::BodyTooLarge(self.bytes_max));
        }
        Ok(collected.freeze())
    }
}
