//! The arguments of `finance.reconcile`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::finance::stripe_api::{Kind, PAGE_SIZE_MAX};

/// Most differences that a report lists.
const SHOWN_MAX: u32 = 500;
/// Longest time of a run, in seconds.
const SECONDS_MAX: u32 = 3600;

/// JSON Schema of the arguments.
pub(in crate::finance) const ARGS_SCHEMA: &str = r#"{
  "type": "object",
  "properties": {
    "kinds": {
      "type": "array",
      "items": {
        "enum": [
          "customers", "subscriptions", "invoices", "payment_intents", "refunds", "disputes", "schedules"
        ]
      }
    },
    "since": { "type": ["string", "null"] },
    "account": { "type": ["string", "null"] },
    "repair": { "type": "boolean" },
    "page_size": { "type": "integer", "minimum": 1, "maximum": 100 },
    "show": { "type": "integer", "minimum": 0, "maximum": 500 },
    "seconds": { "type": "integer", "minimum": 1, "maximum": 3600 },
    "cursor": { "type": ["object", "null"] }
  },
  "additionalProperties": false
}"#;

/// A request to compare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Kinds to compare; empty for all that the state of record keeps.
    pub kinds: Vec<Kind>,
    /// Only objects created at Stripe from this time on.
    pub since: Option<Timestamp>,
    /// The connected account, `acct_…`; the key's own if absent.
    pub account: Option<String>,
    /// True to write what differs.
    pub repair: bool,
    /// Objects on a page.
    pub page_size: u32,
    /// Most differences in the report; all are counted.
    pub show: u32,
    /// Time after which the run ends with a cursor, in seconds. The page in progress is finished.
    pub seconds: u32,
    /// The place to go on from: the cursor of the last run's report.
    pub cursor: Option<Cursor>,
}

/// A place in the lists of Stripe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// The kind in progress; those before it are done.
    pub kind: Kind,
    /// The last object that was compared.
    pub after: Option<String>,
    /// Second of that object's creation: the place if the object itself is deleted meanwhile.
    pub created_s: Option<i64>,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            kinds: Vec::new(),
            since: None,
            account: None,
            repair: false,
            page_size: PAGE_SIZE_MAX,
            show: 20,
            seconds: 60,
            cursor: None,
        }
    }
}

impl Request {
    /// Returns the kinds, each once, in the order of [`Kind::ALL`].
    pub(super) fn kinds(&self) -> Vec<Kind> {
        Kind::ALL.into_iter().filter(|kind| self.kinds.is_empty() || self.kinds.contains(kind)).collect()
    }

    /// Checks the bounds.
    pub(super) fn check(&self) -> Result<(), String> {
        let within = |name: &str, value: u32, least: u32, most: u32| match (least..=most).contains(&value) {
            true => Ok(()),
            false => Err(format!("`{name}` is {value}: expected {least} to {most}")),
        };
        within("page_size", self.page_size, 1, PAGE_SIZE_MAX)?;
        within("show", self.show, 0, SHOWN_MAX)?;
        within("seconds", self.seconds, 1, SECONDS_MAX)?;
        match &self.cursor {
            Some(cursor) if !self.kinds().contains(&cursor.kind) => Err(format!(
                "`cursor` is in {}, which `kinds` leaves out: keep the arguments of the first run",
                cursor.kind
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_without_anything_only_compares() {
        let request: Request = serde_json::from_str("{}").unwrap();
        assert_eq!((request.repair, request.kinds().len()), (false, Kind::ALL.len()));
        assert!(request.check().is_ok());
    }

    #[test]
    fn what_is_out_of_bounds_is_named() {
        for (json, words) in [
            (r#"{"page_size": 0}"#, "`page_size` is 0"),
            (r#"{"seconds": 4000}"#, "`seconds` is 4000"),
            (r#"{"kinds": ["refunds"], "cursor": {"kind": "customers"}}"#, "`cursor` is in customers"),
        ] {
            let error = serde_json::from_str::<Request>(json).unwrap().check().unwrap_err();
            assert!(error.contains(words), "{error}");
        }
        assert!(serde_json::from_str::<Request>(r#"{"repairs": true}"#).is_err());
    }
}
