//! Reader of a claim's answer that bounds the memory it takes.

use apiary_proto::v1;
use bytes::Bytes;
use prost::Message;
use tonic::Status;

use crate::limits::SLOTS_MAX;

/// A `ClaimResponse` whose leases are only counted: a vector of `()` takes no memory.
#[derive(Clone, PartialEq, Message)]
struct LeaseCount {
    #[prost(message, repeated, tag = "1")]
    leases: Vec<()>,
}

/// Reads a claim's answer, after counting its leases: two bytes on the wire become a lease of hundreds of bytes in memory,
/// so that an answer within the message bound could still fill gigabytes.
pub(super) fn decode(message: Bytes) -> Result<v1::ClaimResponse, Status> {
    let unreadable = |error: prost::DecodeError| Status::out_of_range(format!("a claim's answer: {error}"));
    let count = LeaseCount::decode(message.clone()).map_err(unreadable)?.leases.len();
    if count > SLOTS_MAX {
        return Err(Status::out_of_range(format!("a claim's answer of {count} leases, the most is {SLOTS_MAX}")));
    }
    v1::ClaimResponse::decode(message).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(leases: usize) -> v1::ClaimResponse {
        let lease = v1::Lease { process_id: "p".to_owned(), spec: Some(v1::Envelope::default()), ..Default::default() };
        v1::ClaimResponse { leases: vec![lease; leases], drain: true, answers: Vec::new() }
    }

    #[test]
    fn an_answer_is_read_as_it_was_written() {
        let answer = answer(SLOTS_MAX);
        assert_eq!(decode(answer.encode_to_vec().into()).unwrap(), answer);
    }

    #[test]
    fn an_answer_of_too_many_leases_is_refused_before_they_are_made() {
        let words = decode(answer(SLOTS_MAX + 1).encode_to_vec().into()).unwrap_err();
        assert!(words.message().contains("1001 leases"), "{words}");
        // Sixteen mebibytes of empty leases: gigabytes, if they were allocated.
        let bomb = [10, 0].repeat(8 << 20);
        assert_eq!(decode(bomb.into()).unwrap_err().code(), tonic::Code::OutOfRange);
    }

    #[test]
    fn an_answer_that_is_no_message_is_an_error() {
        assert!(decode(Bytes::from_static(&[10, 200])).is_err());
    }
}
