//! Ids of requests, which tie an answer to the lines of the log.

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use super::limits::REQUEST_ID_CHARS_MAX;

/// The header that carries the id in both directions; in gRPC, the metadata of that name.
const NAME: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request: the client's own, or a new one. A request has it among its extensions.
#[derive(Clone, Debug)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// Returns the client's id if it can be used, otherwise a new one. A client's id is copied: as a part of the head it would keep
    /// the whole head in memory.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let usable = headers.get(NAME).filter(|value| is_usable(value.as_bytes()));
        usable.and_then(|value| HeaderValue::from_bytes(value.as_bytes()).ok()).map_or_else(Self::new, Self)
    }

    fn new() -> Self {
        let mut buffer = Uuid::encode_buffer();
        let text = Uuid::now_v7().hyphenated().encode_lower(&mut buffer);
        // Hexadecimal digits and hyphens are a header's value.
        Self(HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("none")))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// Writes the id into the head of an answer.
    pub(super) fn put_into(self, headers: &mut HeaderMap) {
        headers.insert(NAME, self.0);
    }
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
    fn a_new_id_is_a_uuid_of_version_7() {
        let ids = [RequestId::of(&HeaderMap::new()), RequestId::of(&HeaderMap::new())];
        let [first, second] = ids.map(|id| id.as_str().parse::<Uuid>().unwrap());
        assert_eq!(first.get_version_num(), 7);
        assert!(first < second, "in order of time");
    }
}
