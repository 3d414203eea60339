//! Documents: what can be inside an envelope.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::DocumentError;
use crate::limits::{DOCUMENT_BYTES_MAX, DURATION_MAX_MS};

/// A JSON document that somebody signs. Unknown fields are refused: a misspelt option must not be a
/// silent default.
pub trait Document: Serialize + DeserializeOwned {
    /// The DSSE payload type.
    const PAYLOAD_TYPE: &'static str;

    /// Checks every bound that the fields' types do not express.
    fn check(&self) -> Result<(), DocumentError>;

    /// Reads a document and checks it.
    fn from_json(json: &[u8]) -> Result<Self, DocumentError> {
        if json.len() > DOCUMENT_BYTES_MAX {
            return Err(DocumentError::TooLarge { found: json.len(), limit: DOCUMENT_BYTES_MAX });
        }
        let document: Self = serde_json::from_slice(json).map_err(|error| DocumentError::Json(error.to_string()))?;
        document.check()?;
        Ok(document)
    }

    /// Checks the document and prints it, once, for signing.
    fn to_json(&self) -> Result<Vec<u8>, DocumentError> {
        self.check()?;
        let json = serde_json::to_vec(self).map_err(|error| DocumentError::Json(error.to_string()))?;
        if json.len() > DOCUMENT_BYTES_MAX {
            return Err(DocumentError::TooLarge { found: json.len(), limit: DOCUMENT_BYTES_MAX });
        }
        Ok(json)
    }
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
