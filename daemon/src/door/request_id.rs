//! Ids of requests, which tie an answer to the lines of the log.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::{Builder, NoContext, Timestamp, Uuid};

use super::limits::REQUEST_ID_CHARS_MAX;

/// The header that carries the id in both directions; in gRPC, the metadata of that name.
const NAME: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request: the client's own, or a new one, made when it is first needed. Most requests of an attacker are never answered,
/// and cost no id. A request has it among its extensions.
#[derive(Clone, Debug, Default)]
pub struct RequestId(Arc<OnceLock<HeaderValue>>);

impl RequestId {
    /// Returns the client's id if it can be used, otherwise one to be made. A client's id is copied: as a part of the head it would
    /// keep the whole head in memory.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let usable = headers.get(NAME).filter(|value| is_usable(value.as_bytes()));
        let copied = usable.and_then(|value| HeaderValue::from_bytes(value.as_bytes()).ok());
        copied.map_or_else(Self::default, |value| Self(Arc::new(value.into())))
    }

    fn value(&self) -> &HeaderValue {
        self.0.get_or_init(|| {
            let mut buffer = Uuid::encode_buffer();
            let text = new().hyphenated().encode_lower(&mut buffer);
            // Hexadecimal digits and hyphens are a header's value.
            HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("none"))
        })
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        self.value().to_str().unwrap_or_default()
    }

    /// Writes the id into the head of an answer.
    pub(super) fn put_into(&self, headers: &mut HeaderMap) {
        headers.insert(NAME, self.value().clone());
    }
}

/// Returns a new UUID of version 7: the time, bits of this process, and a counter (RFC 9562, section 6.2). It must be unique, and
/// anybody may guess it, so it asks the system for random bits only once.
fn new() -> Uuid {
    /// Random bits of this process: 32 as they are, and 48 from which the counter starts.
    static PROCESS: LazyLock<(u32, u64)> = LazyLock::new(|| {
        let (high, low) = Uuid::new_v4().as_u64_pair();
        // Neither end of a UUID of version 4 has fixed bits.
        (u32::try_from(high >> 32).unwrap_or_default(), low)
    });
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let (process, start) = *PROCESS;
    let [_, _, counter @ ..] = start.wrapping_add(COUNT.fetch_add(1, Ordering::Relaxed)).to_be_bytes();
    let mut unique = [0; 10];
    unique[..4].copy_from_slice(&process.to_be_bytes());
    unique[4..].copy_from_slice(&counter);
    let (seconds, nanoseconds) = Timestamp::now(NoContext).to_unix();
    Builder::from_unix_timestamp_millis(seconds * 1000 + u64::from(nanoseconds) / 1_000_000, &unique).into_uuid()
}

/// True for a text that can stand in a line of the log without quotes.
fn is_usable(id: &[u8]) -> bool {
    let may_be_in_it = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    (1..=REQUEST_ID_CHARS_MAX).contains(&id.len()) && id.iter().all(may_be_in_it)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_for(sent: &str) -> String {
        let headers = HeaderMap::from_iter([(NAME, HeaderValue::from_bytes(sent.as_bytes()).unwrap())]);
        RequestId::of(&headers).as_str().to_owned()
    }

    #[test]
    fn a_clients_id_is_kept_if_it_can_stand_in_a_log_line() {
        for usable in ["7", "order-17.retry_2", &"x".repeat(REQUEST_ID_CHARS_MAX)] {
            assert_eq!(id_for(usable), usable);
        }
        for unusable in ["", "two words", "a=b", "caf\u{e9}", "\"", &"x".repeat(REQUEST_ID_CHARS_MAX + 1)] {
            assert_ne!(id_for(unusable), unusable);
        }
    }

    #[test]
    fn a_new_id_is_a_uuid_of_version_7_and_stays() {
        let id = RequestId::of(&HeaderMap::new());
        assert_eq!(id.as_str().parse::<Uuid>().unwrap().get_version_num(), 7);
        assert_eq!(id.clone().as_str(), id.as_str());
        let ids: std::collections::HashSet<Uuid> = (0..10_000).map(|_| new()).collect();
        assert_eq!(ids.len(), 10_000);
    }
}
