//! Conversions between the wire's messages and the types of `apiary_identity`.

mod bytes_codec;

use apiary_identity::{Envelope, Offer, Signature};
use apiary_proto::v1;

use crate::ClientError;
pub use bytes_codec::BytesCodec;

/// Converts an envelope for the wire.
pub fn envelope_to_proto(envelope: &Envelope) -> v1::Envelope {
    v1::Envelope {
        payload_type: envelope.payload_type.clone(),
        payload: envelope.payload.clone(),
        key_id: envelope.key_id.to_string(),
        signature: envelope.signature.to_bytes(),
    }
}

/// Converts an envelope from the wire. It is untrusted until it is verified.
pub fn envelope_from_proto(envelope: &v1::Envelope) -> Result<Envelope, ClientError> {
    let signature = Signature::from_bytes(envelope.signature.clone())
        .map_err(|error| ClientError::Answer(format!("an envelope's signature: {error}")))?;
    let key_id =
        envelope.key_id.parse().map_err(|error| ClientError::Answer(format!("an envelope's key id: {error}")))?;
    Ok(Envelope { payload_type: envelope.payload_type.clone(), payload: envelope.payload.clone(), key_id, signature })
}

/// Converts an offer for the wire.
pub fn offer_to_proto(offer: &Offer) -> v1::Offer {
    v1::Offer {
        cpu: offer.cpu.map(|cpu| cpu.to_string()).unwrap_or_default(),
        memory: offer.memory.map(|memory| memory.to_string()).unwrap_or_default(),
        gpus: offer.gpus.unwrap_or_default(),
        gpu_memory: offer.gpu_memory.map(|memory| memory.to_string()).unwrap_or_default(),
        location: offer.location.clone().unwrap_or_default(),
        tags: offer.tags.iter().cloned().collect(),
    }
}

#[cfg(test)]
mod tests {
    use apiary_identity::KeyPair;
    use bytes::Bytes;

    use super::*;

    #[test]
    fn an_envelope_survives_the_wire() {
        let key = KeyPair::generate();
        let envelope = Envelope::sign(&key, "application/x", Bytes::from_static(b"{}"));
        let wire = envelope_to_proto(&envelope);
        assert_eq!(envelope_from_proto(&wire).unwrap(), envelope);
    }

    #[test]
    fn an_envelope_with_half_a_signature_is_no_envelope() {
        let envelope = v1::Envelope { signature: Bytes::from_static(&[1; 32]), ..Default::default() };
        let words = envelope_from_proto(&envelope).unwrap_err().to_string();
        assert!(words.contains("this one has 32"), "{words}");
    }
}
