//! Events: who changed what in the colony, and who was refused.

mod list;
mod watch;

use apiary_executor_sdk::{Client, v1};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::arguments::{Past, uuid};
use crate::context::Context;

/// Show who changed what in the colony, and who was refused. Needs the right `read_events`, or the colony's key
#[derive(Subcommand)]
pub(crate) enum Command {
    List(list::Arguments),
    Watch(watch::Arguments),
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::List(arguments) => list::run(&arguments, context).await,
            Self::Watch(arguments) => watch::run(&arguments, context).await,
        }
    }
}

/// A filter on events, from the command line.
#[derive(Args)]
struct Filter {
    /// Only of this kind, such as `grant.added`, or of all kinds of a noun, such as `grant` or `refused`
    #[arg(long, value_name = "KIND", default_value = "", hide_default_value = true)]
    kind: String,
    /// Only about this process
    #[arg(long, value_name = "ID", value_parser = uuid)]
    process: Option<Uuid>,
    /// Only of the key with this id
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    key: String,
    /// Only about this function
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    function: String,
    /// Only of the request with this id, as the log of the broker has it
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    request: String,
    /// Only of this RPC, such as `AddGrant`, or this page, such as `/v1/processes`
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    method: String,
    /// Only since then: a time (RFC 3339), or a time back from now, such as 2h
    #[arg(long, value_name = "WHEN", value_parser = Past::read)]
    since: Option<Past>,
    /// Only before then: a time (RFC 3339), or a time back from now, such as 10m
    #[arg(long, value_name = "WHEN", value_parser = Past::read)]
    until: Option<Past>,
}

impl Filter {
    fn request(&self, client: &Client) -> v1::ListEventsRequest {
        let now = client.clock().now();
        let ms = |past: Option<Past>| past.map_or(0, |past| past.at(now).as_millisecond().max(1));
        v1::ListEventsRequest {
            process_id: self.process.map(|id| id.to_string()).unwrap_or_default(),
            key_id: self.key.clone(),
            function: self.function.clone(),
            request_id: self.request.clone(),
            method: self.method.clone(),
            kind: self.kind.clone(),
            since_ms: ms(self.since),
            until_ms: ms(self.until),
            ..Default::default()
        }
    }

    fn is_empty(&self) -> bool {
        let texts = [&self.kind, &self.key, &self.function, &self.request, &self.method];
        texts.iter().all(|text| text.is_empty())
            && self.process.is_none()
            && self.since.is_none()
            && self.until.is_none()
    }
}

/// An event as shown. Empty text means that there is none.
#[derive(Serialize)]
struct EventView {
    position: i64,
    time: Option<Timestamp>,
    kind: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    method: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    key_id: String,
    is_proven: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    address: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    process_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    function: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    request_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    subject: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
    count: i64,
}

impl From<v1::Event> for EventView {
    fn from(event: v1::Event) -> Self {
        Self {
            position: event.position,
            time: Timestamp::from_millisecond(event.time_ms).ok(),
            kind: event.kind,
            method: event.method,
            reason: event.reason,
            key_id: event.key_id,
            is_proven: event.is_proven,
            name: event.name,
            address: event.address,
            process_id: event.process_id,
            function: event.function,
            request_id: event.request_id,
            subject: event.subject,
            detail: event.detail,
            count: event.count,
        }
    }
}

/// Characters of a key's id that a table shows: `ed25519:` and enough to tell keys apart.
const KEY_CHARS: usize = 16;

impl EventView {
    fn time(&self) -> String {
        self.time.map(|time| format!("{time:.0}")).unwrap_or_default()
    }

    /// Formats the one who acted. A key whose signature was not verified is only claimed.
    fn who(&self) -> String {
        let key: String = self.key_id.chars().take(KEY_CHARS).collect();
        match (self.name.is_empty(), key.is_empty(), self.is_proven) {
            (false, ..) => self.name.clone(),
            (true, true, _) => "-".to_owned(),
            (true, false, true) => key,
            (true, false, false) => format!("claims {key}"),
        }
    }

    /// Formats the thing that it is about.
    fn what(&self) -> String {
        let parts = [&self.subject, &self.function, &self.process_id];
        parts.into_iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(" ")
    }

    /// Formats the kind, with the number of times.
    fn kind(&self) -> String {
        if self.count > 1 { format!("{} x{}", self.kind, self.count) } else { self.kind.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_proved_nothing_is_only_claimed() {
        let event =
            v1::Event { key_id: "ed25519:0123456789abcdef".into(), count: 3, kind: "k".into(), ..Default::default() };
        let view = EventView::from(event.clone());
        assert_eq!((view.who().as_str(), view.kind().as_str()), ("claims ed25519:01234567", "k x3"));
        let proven = v1::Event { is_proven: true, ..event.clone() };
        assert_eq!(EventView::from(proven).who(), "ed25519:01234567");
        assert_eq!(EventView::from(v1::Event { name: "ada".into(), ..event }).who(), "ada");
    }
}
