//! Recorded events, for `apiary webhook where`.

use apiary_adapters::Source as _;
use apiary_adapters::sources::stripe::Stripe;
use apiary_bees::finance::rows::Row;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::open;
use crate::settings::Settings;

/// A recorded event as shown, without what was received.
#[derive(Serialize)]
pub(crate) struct RecordedEvent {
    pub(crate) id: String,
    #[serde(rename = "type")]
    kind: String,
    /// Connected account; empty for one's own.
    pub(crate) account: String,
    pub(crate) livemode: bool,
    created: Option<Timestamp>,
    pub(crate) received_at: Option<Timestamp>,
    pub(crate) object_type: String,
    pub(crate) object_id: String,
    pub(crate) outcome: String,
    pub(crate) reason: String,
}

impl RecordedEvent {
    /// Reads a row of any back-end, each of which has its own form of times and booleans.
    fn read(row: &Row) -> Self {
        let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let at = |name: &str| text(name).parse().ok();
        Self {
            id: text("id"),
            kind: text("type"),
            account: text("account"),
            livemode: row.get("livemode").is_some_and(|live| *live == Value::Bool(true) || live.as_i64() == Some(1)),
            created: at("created"),
            received_at: at("received_at"),
            object_type: text("object_type"),
            object_id: text("object_id"),
            outcome: text("outcome"),
            reason: text("reason"),
        }
    }
}

/// Returns the events with this id, of any account and mode; none for a source other than Stripe, whose events alone are
/// recorded.
pub(crate) async fn events(source: Option<&str>, id: &str, settings: &Settings) -> anyhow::Result<Vec<RecordedEvent>> {
    if source.is_some_and(|source| source != Stripe.name()) {
        return Ok(Vec::new());
    }
    let record = open(settings).await?;
    let found = record.events(id).await;
    record.close().await;
    Ok(found?.iter().map(RecordedEvent::read).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_shown_alike_whatever_keeps_it() {
        let read = |livemode: Value, at: &str| {
            let row = json!({
                "id": "evt_1", "type": "invoice.paid", "account": "", "livemode": livemode, "created": at, "received_at": at,
                "object_type": "invoice", "object_id": "in_1", "outcome": "applied", "reason": null,
            });
            serde_json::to_value(RecordedEvent::read(row.as_object().unwrap())).unwrap()
        };
        let of_sqlite = read(json!(1), "2026-12-01T16:31:07.411Z");
        assert_eq!(of_sqlite, read(json!(true), "2026-12-01T16:31:07.411+00:00"));
        assert_eq!((&of_sqlite["livemode"], &of_sqlite["reason"]), (&json!(true), &json!("")));
        assert_eq!(read(json!(0), "")["livemode"], json!(false));
    }
}
