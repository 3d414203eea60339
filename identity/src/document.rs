//! Documents: the payloads of envelopes.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::limits::{DOCUMENT_BYTES_MAX, DURATION_MAX_MS};
use crate::{DocumentError, strict};

/// A JSON document that is signed. Unknown fields are refused: a misspelt option must not become a silent default.
pub trait Document: Serialize + DeserializeOwned {
    /// The DSSE payload type.
    const PAYLOAD_TYPE: &'static str;

    /// Checks every bound that the fields' types do not express.
    fn check(&self) -> Result<(), DocumentError>;

    /// Reads a document and checks it.
    fn from_json(json: &[u8]) -> Result<Self, DocumentError> {
        check_size(json)?;
        let mut reader = serde_json::Deserializer::from_slice(json);
        let document: Self = strict::object(&mut reader)
            .and_then(|document| reader.end().map(|()| document))
            .map_err(|error| DocumentError::json(&error))?;
        document.check()?;
        Ok(document)
    }

    /// Checks the document and prints it for signing. These bytes are what is signed, and they are never printed again.
    fn to_json(&self) -> Result<Vec<u8>, DocumentError> {
        self.check()?;
        let json = serde_json::to_vec(self).map_err(|error| DocumentError::json(&error))?;
        check_size(&json)?;
        Ok(json)
    }
}

/// Checks a document's size against [`DOCUMENT_BYTES_MAX`].
pub(crate) fn check_size(json: &[u8]) -> Result<(), DocumentError> {
    if json.len() <= DOCUMENT_BYTES_MAX {
        return Ok(());
    }
    Err(DocumentError::TooLarge { found: json.len(), limit: DOCUMENT_BYTES_MAX })
}

/// Checks stored text: at most `bytes_max` bytes, and no NUL, which a Postgres text cannot hold.
pub(crate) fn check_text(field: &'static str, text: &str, bytes_max: usize) -> Result<(), DocumentError> {
    if text.len() > bytes_max {
        return Err(DocumentError::field(field, format!("has {} bytes, the most is {bytes_max}", text.len())));
    }
    if text.contains('\0') {
        return Err(DocumentError::field(field, "holds a NUL character, which cannot be kept: leave it out"));
    }
    Ok(())
}

/// Returns the text within a document's bounds: cut at a character's end if too long, each NUL replaced by U+FFFD.
pub fn cut_text(text: &str, bytes_max: usize) -> String {
    let mut text = text.replace('\0', "\u{fffd}");
    text.truncate(text.floor_char_boundary(bytes_max));
    text
}

/// Checks a duration in milliseconds; 0 is allowed and has the meaning that the field's documentation gives.
pub(crate) fn check_duration_ms(field: &'static str, ms: i64) -> Result<(), DocumentError> {
    if (0..=DURATION_MAX_MS).contains(&ms) {
        return Ok(());
    }
    Err(DocumentError::field(field, format!("is 0 to {DURATION_MAX_MS} milliseconds (ten years); got {ms}")))
}

/// Checks that a validity ends after it begins.
pub(crate) fn check_order(field: &'static str, from: Timestamp, until: Timestamp) -> Result<(), DocumentError> {
    if from < until {
        return Ok(());
    }
    Err(DocumentError::field(field, format!("must be later than {from}; got {until}")))
}
