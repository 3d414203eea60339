//! The frame around a unary call's message, and checks of the message before it is decoded.

use bytes::{Buf as _, Bytes};

use crate::Error;
use crate::limits::MESSAGE_FIELDS_MAX;

/// A gRPC frame starts with one byte for compression and four for the length.
pub(super) const FRAME_BYTES: usize = 5;

/// Returns the length of the frame that begins with these bytes.
pub(super) fn framed_length(bytes: &[u8]) -> Option<usize> {
    let mut frame = bytes.get(1..FRAME_BYTES)?;
    Some(usize::try_from(frame.get_u32()).unwrap_or(usize::MAX).saturating_add(FRAME_BYTES))
}

/// Signed documents in the message of a call whose other fields are small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DocumentField {
    /// The field's number.
    pub(super) number: u64,
    /// The most bytes of all other fields together, which may hold many small parts.
    pub(super) others_bytes_max: usize,
}

/// Rejects a body that is not one frame, or whose message has more fields than any acceptable one. Decoded, a field of two
/// bytes takes a hundred: a message within its bound could fill the memory. So could parts of fields, except documents, which have none.
pub(super) fn check<'b>(
    pieces: impl Iterator<Item = &'b [u8]> + Clone,
    documents: Option<DocumentField>,
) -> Result<(), Error> {
    let bytes: usize = pieces.clone().map(<[u8]>::len).sum();
    let mut reader = Reader { pieces, piece: &[] };
    let head: Option<Vec<u8>> = (0..FRAME_BYTES).map(|_| reader.byte()).collect();
    let Some(head) = head else { return Err(Error::Invalid("the call has no message".into())) };
    if head.first() != Some(&0) {
        // Compressed: the decoder rejects it unread.
        return Ok(());
    }
    if framed_length(&head) != Some(bytes) {
        return Err(Error::Invalid("the call has more or less than one message".into()));
    }
    let (mut fields, mut others) = (0, 0_u64);
    while let Some((number, bytes)) = reader.field() {
        fields += 1;
        if let Some(documents) = documents.filter(|documents| documents.number != number) {
            others = others.saturating_add(bytes);
            if others > documents.others_bytes_max as u64 {
                return Err(Error::TooLarge(format!(
                    "the message has more than {} bytes beside its documents",
                    documents.others_bytes_max
                )));
            }
        }
        if fields > MESSAGE_FIELDS_MAX {
            return Err(Error::TooLarge(format!(
                "the message has more than {MESSAGE_FIELDS_MAX} fields, the most that a call has: send fewer in each"
            )));
        }
    }
    Ok(())
}

/// Returns the message of a signed call, out of its frame.
pub(super) fn message(body: &Bytes) -> Result<Bytes, Error> {
    if body.first().is_some_and(|compression| *compression != 0) {
        return Err(Error::Invalid("signed messages are sent uncompressed".into()));
    }
    Ok(body.slice(FRAME_BYTES.min(body.len())..))
}

/// A reader of fields that skips their contents.
struct Reader<'b, I> {
    pieces: I,
    piece: &'b [u8],
}

impl<'b, I: Iterator<Item = &'b [u8]>> Reader<'b, I> {
    fn byte(&mut self) -> Option<u8> {
        while self.piece.is_empty() {
            self.piece = self.pieces.next()?;
        }
        let (first, rest) = self.piece.split_first()?;
        self.piece = rest;
        Some(*first)
    }

    fn skip(&mut self, bytes: u64) -> Option<()> {
        let mut left = usize::try_from(bytes).ok()?;
        while left > self.piece.len() {
            left -= self.piece.len();
            self.piece = self.pieces.next()?;
        }
        self.piece = self.piece.get(left..)?;
        Some(())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// Reads one field; returns its number and the bytes of its contents. `None` at the end, and where only the decoder can name the fault.
    fn field(&mut self) -> Option<(u64, u64)> {
        let tag = self.varint()?;
        let bytes = match tag & 7 {
            0 => {
                self.varint()?;
                8
            }
            1 => 8,
            2 => self.varint()?,
            // The beginning and the end of a group.
            3 | 4 => 0,
            5 => 4,
            _ => return None,
        };
        if tag & 7 != 0 {
            self.skip(bytes)?;
        }
        Some((tag >> 3, bytes))
    }
}

#[cfg(test)]
mod tests {
    use apiary_proto::v1 as pb;
    use prost::Message as _;

    use super::*;

    fn framed(message: &[u8]) -> Vec<u8> {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        [&[0], length.as_slice(), message].concat()
    }

    /// In pieces of several sizes: fields lie across their ends.
    fn checked(body: &[u8]) -> Result<(), Error> {
        let whole = check(std::iter::once(body), None);
        for size in [1, 3, 16] {
            assert_eq!(check(body.chunks(size), None).is_ok(), whole.is_ok(), "in pieces of {size}");
        }
        whole
    }

    #[test]
    fn a_message_of_countless_fields_is_refused_before_it_is_decoded() {
        let batch =
            |count: usize| pb::SubmitBatchRequest { specs: vec![pb::Envelope::default(); count] }.encode_to_vec();
        assert!(checked(&framed(&batch(MESSAGE_FIELDS_MAX))).is_ok());
        for countless in
            [batch(MESSAGE_FIELDS_MAX + 1), vec![0x0b; 5000], vec![0x08; 10_000], [0x0d, 0, 0, 0, 0].repeat(5000)]
        {
            assert!(matches!(checked(&framed(&countless)), Err(Error::TooLarge(_))), "{:x?}", &countless[..5]);
        }
    }

    #[test]
    fn large_fields_count_once() {
        let envelope = pb::Envelope { payload: vec![0x0a; 100_000].into(), ..pb::Envelope::default() };
        assert!(checked(&framed(&pb::SubmitRequest { spec: Some(envelope) }.encode_to_vec())).is_ok());
        // What is cut short is for the decoder.
        assert!(checked(&framed(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1])).is_ok());
    }

    #[test]
    fn beside_documents_little_is_accepted() {
        let documents = Some(DocumentField { number: 9, others_bytes_max: 1000 });
        let claim = |tags: usize, results: usize| {
            let offer = pb::Offer { tags: vec![String::new(); tags], ..pb::Offer::default() };
            let result = pb::Envelope { payload: vec![0; 5000].into(), ..pb::Envelope::default() };
            let results = vec![result; results];
            framed(&pb::ClaimRequest { offer: Some(offer), results, ..pb::ClaimRequest::default() }.encode_to_vec())
        };
        assert!(check(std::iter::once(&*claim(400, 3)), documents).is_ok());
        let refused = check(std::iter::once(&*claim(600, 0)), documents);
        assert!(matches!(refused, Err(Error::TooLarge(_))), "two bytes on the wire are a text in memory");
    }

    #[test]
    fn a_call_has_one_message() {
        assert!(checked(&framed(b"")).is_ok());
        let twice = [framed(b"\x0a\0"), framed(b"\x0a\0")].concat();
        for body in [b"".as_slice(), &[0, 0, 0], &[0, 0, 0, 0, 9, 1], &twice] {
            assert!(matches!(checked(body), Err(Error::Invalid(_))), "{body:x?}");
        }
    }
}
