//! Builder of the rows of objects that are told by their own events alone.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::EventError;
use super::event::Occurrence;
use super::field::{Reference, object_id, reference, short_text, timestamp};
use super::metadata::Metadata;
use crate::finance::change::ObjectChange;
use crate::finance::version;

/// A row under construction: columns are added by name.
pub(super) struct Columns(Map<String, Value>);

impl Columns {
    pub(super) fn new() -> Self {
        Self(Map::new())
    }

    pub(super) fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a text for people, shortened.
    pub(super) fn text(self, name: &str, value: Option<&str>) -> Self {
        self.set(name, short_text(value))
    }

    /// Adds the id behind a reference.
    pub(super) fn id(self, name: &'static str, value: Option<&Reference>) -> Result<Self, EventError> {
        Ok(self.set(name, reference(name, value)?))
    }

    /// Adds a time in seconds since 1970.
    pub(super) fn time(self, name: &'static str, seconds: Option<i64>) -> Result<Self, EventError> {
        Ok(self.set(name, timestamp(name, seconds)?.map(|at: Timestamp| at.to_string())))
    }

    /// Adds metadata, and the user id in them.
    pub(super) fn metadata(self, metadata: Metadata) -> Self {
        let user_id = metadata.user_id();
        let entries: Map<String, Value> = metadata.0.into_iter().map(|(key, value)| (key, value.into())).collect();
        self.set("metadata", entries).set("metadata_user_id", user_id)
    }

    /// Finishes the row of an object in this table.
    pub(super) fn row(
        self,
        event: &Occurrence,
        table: &'static str,
        id: &str,
        is_final: bool,
    ) -> Result<ObjectChange, EventError> {
        Ok(ObjectChange {
            table,
            account: event.account.clone(),
            livemode: event.livemode,
            id: object_id("data.object.id", id)?,
            state_version: version::of_state(event, is_final),
            order_uncertain: false,
            order_open: false,
            columns: self.0,
        })
    }
}
