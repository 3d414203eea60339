//! Reads a webhook's body: raw, complete, and within bounds of size, time and memory.

use std::sync::Arc;
use std::time::Duration;

use apiary_daemon::door::{Bodies, BodyBounds, BodyError, BodyLimits, Connection, HeldBody, Peer, Share};
use axum::body::Body;
use http::request::Parts;

use crate::limits::{
    BODIES_BYTES_MAX, BODY_STALL_MAX, DISCARD_BYTES_MAX, SHARE_BODIES_BYTES_MAX, SMALL_BODY_BYTES_MAX,
    STRANGERS_BODIES_BYTES_MAX,
};
use crate::refusal::Refusal;

/// A reader of webhooks' bodies.
pub(crate) struct WebhookBodies {
    bodies: Bodies,
    bytes_max: usize,
    timeout: Duration,
}

impl WebhookBodies {
    /// Creates a reader of bodies, each with at most so many bytes and within this time.
    pub(crate) fn new(bytes_max: usize, timeout: Duration) -> Self {
        let bodies = Bodies::new(BodyLimits {
            bytes_max: BODIES_BYTES_MAX,
            strangers_bytes_max: STRANGERS_BODIES_BYTES_MAX,
            share_bytes_max: SHARE_BODIES_BYTES_MAX,
            small_bytes_max: SMALL_BODY_BYTES_MAX,
        });
        Self { bodies, bytes_max, timeout }
    }

    /// Returns the bytes of all bodies that are held now.
    pub(super) fn bytes(&self) -> usize {
        self.bodies.bytes()
    }

    /// Reads a complete body.
    pub(super) async fn read(&self, parts: &Parts, body: Body) -> Result<HeldBody, Refusal> {
        let bounds = BodyBounds {
            bytes_max: self.bytes_max,
            discard_bytes_max: DISCARD_BYTES_MAX,
            stall_max: self.timeout.min(BODY_STALL_MAX),
            time_max: self.timeout,
            length: |_| None,
        };
        let share = match connection(parts).filter(|connection| connection.is_known()) {
            Some(connection) => Share::Known(connection.id()),
            None => Share::Stranger(parts.extensions.get().copied().unwrap_or(Peer::Local)),
        };
        let _arriving = connection(parts).map(Connection::suspect);
        self.bodies.read(share, body, bounds).await.map_err(|error| match error {
            BodyError::TooLarge => Refusal::BodyTooLarge(self.bytes_max),
            BodyError::Slow => Refusal::BodySlow(self.timeout),
            BodyError::Broken => Refusal::BodyBroken,
            BodyError::NoRoom => Refusal::Busy,
        })
    }
}

/// Returns the connection of a request.
pub(super) fn connection(parts: &Parts) -> Option<&Arc<Connection>> {
    parts.extensions.get()
}
