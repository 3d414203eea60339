//! Stand-in.
use apiary_identity::{Document, DocumentError, Id};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Stand-in.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardDocument {
    /// c
    pub colony: Id,
    /// v
    pub version: i64,
    /// m
    pub made_at: Timestamp,
    /// r
    pub rules: Vec<GuardRule>,
}
/// r
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardRule {
    /// n
    pub name: String,
    /// e
    pub executor_type: String,
    /// f
    pub function: String,
    /// s
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Box<RawValue>>,
    /// d
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<FieldPattern>,
    /// a
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<FieldPattern>,
}
/// p
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldPattern {
    /// f
    pub field: String,
    /// p
    pub pattern: String,
}
impl Document for GuardDocument {
    const PAYLOAD_TYPE: &'static str = "application/vnd.apiary.guard.v1+json";
    fn check(&self) -> Result<(), DocumentError> {
        Ok(())
    }
}

/// x
pub fn rules_from_json(json: &[u8]) -> Result<Vec<GuardRule>, DocumentError> {
    serde_json::from_slice(json).map_err(|e| DocumentError::Json(e.to_string()))
}
