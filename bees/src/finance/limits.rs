//! Every bound of the finance bee, in one place.

use std::time::Duration;

/// Bytes of an event that is read at all; the largest argument that a spec carries inline.
pub const EVENT_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of an event that is kept whole in `stripe_events`; a larger one is applied, and its `payload` is null.
pub const PAYLOAD_BYTES_MAX: usize = 256 * 1024;
/// Characters of an id; Stripe documents 255.
pub const ID_CHARS_MAX: usize = 255;
/// Metadata entries of one object that are kept (Stripe's own bound).
pub const METADATA_ENTRIES_MAX: usize = 50;
/// Characters of a metadata key that is kept (Stripe's own bound).
pub const METADATA_KEY_CHARS_MAX: usize = 40;
/// Characters of a metadata value that is kept (Stripe's own bound).
pub const METADATA_VALUE_CHARS_MAX: usize = 500;
/// Characters of an e-mail address, a name or another short text that is kept; the rest is cut off.
pub const TEXT_CHARS_MAX: usize = 1000;
/// Subscriptions in one answer.
pub const PAGE_MAX: u32 = 1000;

/// How long a call that writes may take.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a call that reads may take.
pub const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may take to come about.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of an answer that is read.
pub const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Connections to a Postgres: as many events as a bee applies at once.
pub const POSTGRES_CONNECTIONS_MAX: u32 = 8;
/// Events that a bee applies at once.
pub const SLOTS: usize = 8;
/// The longest that a service may ask to be left alone (`Retry-After`).
pub(crate) const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);
