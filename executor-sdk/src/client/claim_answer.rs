//! Reader of a claim's answer that bounds the memory it takes.

use apiary_proto::v1;
use bytes::Bytes;
use prost::Message;
use tonic::Status;

use crate::limits::{BATCH_DOCUMENTS_MAX, SLOTS_MAX};

/// A `ClaimResponse` whose leases and answers are only counted: a vector of `()` takes no memory.
#[derive(Clone, PartialEq, Message)]
struct Counts {
    #[prost(message, repeated, tag = "1")]
    leases: Vec<()>,
    #[prost(message, repeated, tag = "3")]
    answers: Vec<()>,
}

/// Reads a claim's answer, after counting its leases and answers: two bytes on the wire become a lease of hundreds of bytes in memory,
/// so that an answer within the message bound could still fill gigabytes.
pub(super) fn decode(message: Bytes) -> Result<v1::ClaimResponse, Status> {
    let unreadable = |error: prost::DecodeError| Status::out_of_range(format!("a claim's answer: {error}"));
    let Counts { leases, answers } = Counts::decode(message.clone()).map_err(unreadable)?;
    for (count, parts, most) in
        [(leases.len(), "leases", SLOTS_MAX), (answers.len(), "answers to results", BATCH_DOCUMENTS_MAX)]
    {
        if count > most {
            return Err(Status::out_of_range(format!("a claim's answer of {count} {parts}, the most is {most}")));
        }
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
        for bomb in [[10, 0], [26, 0]] {
            assert_eq!(decode(bomb.repeat(8 << 20).into()).unwrap_err().code(), tonic::Code::OutOfRange);
        }
    }

    #[test]
    fn an_answer_that_is_no_message_is_an_error() {
        assert!(decode(Bytes::from_static(&[10, 200])).is_err());
    }
}
