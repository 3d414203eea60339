//! Documents: what can be inside an envelope.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::limits::{DOCUMENT_BYTES_MAX, DURATION_MAX_MS};
use crate::{DocumentError, strict};

/// A JSON document that somebody signs. Unknown fields are refused: a misspelt option must not be a
/// silent default.
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

    /// Checks the document and prints it, once, for signing.
    fn to_json(&self) -> Result<Vec<u8>, DocumentError> {
        self.check()?;
        let json = serde_json::to_vec(self).map_err(|error| DocumentError::json(&error))?;
        check_size(&json)?;
        Ok(json)
    }
}

/// Checks that a document is no larger than any may be.
pub(crate) fn check_size(json: &[u8]) -> Result<(), DocumentError> {
    if json.len() <= DOCUMENT_BYTES_MAX {
        return Ok(());
    }
    Err(DocumentError::TooLarge { found: json.len(), limit: DOCUMENT_BYTES_MAX })
}

/// Checks text that is kept and shown: at most so many bytes, and without the NUL that no Postgres text can hold.
pub(crate) fn check_text(field: &'static str, text: &str, bytes_max: usize) -> Result<(), DocumentError> {
    if text.len() > bytes_max {
        return Err(DocumentError::field(field, format!("has {} bytes, the most is {bytes_max}", text.len())));
    }
    if text.contains('\0') {
        return Err(DocumentError::field(field, "holds a NUL character, which cannot be kept: leave it out"));
    }
    Ok(())
}

/// Returns the text as every document may hold it: cut where a character ends if it is too long, and a NUL replaced.
pub fn cut_text(text: &str, bytes_max: usize) -> String {
    let mut text = text.replace('\0', "\u{fffd}");
    text.truncate(text.floor_char_boundary(bytes_max));
    text
}

/// Checks a duration in milliseconds; 0 is allowed and means what the field says.
pub(crate) fn check_duration_ms(field: &'static str, ms: i64) -> Result<(), DocumentError> {
    if (0..=DURATION_MAX_MS).contains(&ms) {
        return Ok(());
    }
    Err(DocumentError::field(field, format!("is 0 to {DURATION_MAX_MS} milliseconds (ten years); got {ms}")))
}

/// Checks that a validity has not ended before it begins.
pub(crate) fn check_order(field: &'static str, from: Timestamp, until: Timestamp) -> Result<(), DocumentError> {
    if from < until {
        return Ok(());
    }
    Err(DocumentError::field(field, format!("must be later than {from}; got {until}")))
}
