//! The function `analyze_security`: applies the rules to events and to the state of the colony.

use std::sync::Arc;

use apiary_executor_sdk::{Client, Failure, Work};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::evaluate::{Report, evaluate};
use super::fact::{SubmittedEvent, event_schema, submitted};
use super::limits::HOURS_MAX;
use super::settings::Config;
use super::{colony, hygiene};

/// JSON Schema of the arguments.
pub(super) const ARGS_SCHEMA: &str = concat!(
    r#"{
  "type": "object",
  "properties": {
    "hours": { "type": "integer", "minimum": 1, "maximum": 720 },
    "until": { "type": ["string", "null"] },
    "events": {
      "type": "array",
      "maxItems": 2000,
      "items": "#,
    event_schema!(),
    r#"
    },
    "stream": { "type": "boolean" },
    "state": { "type": "boolean" }
  },
  "additionalProperties": false
}"#
);

const HOUR_MS: i64 = 3_600_000;

/// The arguments.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Request {
    /// Hours to look back.
    hours: u32,
    /// The end of the time; now if absent.
    until: Option<Timestamp>,
    /// Events in addition to those of the colony.
    events: Vec<SubmittedEvent>,
    /// True to read the colony's events.
    stream: bool,
    /// True to look at grants, executors and payments.
    state: bool,
}

impl Default for Request {
    fn default() -> Self {
        Self { hours: 24, until: None, events: Vec::new(), stream: true, state: true }
    }
}

/// The result of `analyze_security`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Analysis {
    /// The beginning of the time.
    pub from: Timestamp,
    /// The end of the time.
    pub until: Timestamp,
    /// The number of events and findings that were looked at.
    pub looked_at: usize,
    /// The position up to which the colony's stream was read; 0 if it was not.
    pub read_to: i64,
    /// False if there were more events than one run looks at: then the last ones count.
    pub is_complete: bool,
    /// The score with its reasons.
    #[serde(flatten)]
    pub report: Report,
}

/// Runs the function.
pub(super) async fn handle(client: Client, config: Arc<Config>, work: Work) -> Result<Analysis, Failure> {
    let request: Request = work.json()?;
    if !(1..=HOURS_MAX).contains(&request.hours) {
        return Err(Failure::fatal(format!("`hours` is {}: expected 1 to {HOURS_MAX}", request.hours)));
    }
    let now = client.clock().now();
    let until = request.until.unwrap_or(now);
    let until_ms = until.as_millisecond();
    let length_ms = i64::from(request.hours).saturating_mul(HOUR_MS);
    let from_ms = until_ms.saturating_sub(length_ms);
    let mut facts = submitted(request.events).map_err(Failure::fatal)?;
    facts.retain(|fact| (from_ms..=until_ms).contains(&fact.time_ms));
    let (mut read_to, mut is_complete) = (0, true);
    if request.stream {
        let part = colony::events(&client, from_ms, until_ms.saturating_add(1)).await?;
        (read_to, is_complete) = (part.read_to, part.is_complete);
        facts.extend(part.facts);
    }
    if request.state {
        let (grants, executors) = (colony::grants(&client).await?, colony::executors(&client).await?);
        let concerns = hygiene::concerns(now, config.ages, &grants, &executors, None);
        facts.extend(hygiene::facts(&concerns, until_ms));
        facts.extend(colony::payments(&client, &config.payment_functions, length_ms, until_ms).await?);
    }
    facts.retain(|fact| fact.kind != "key.new_address" || !config.roaming.contains(&fact.name));
    let report = evaluate(&facts, &config.thresholds);
    tracing::info!(score = report.score, reasons = report.reasons.len(), facts = facts.len(), "security analyzed");
    Ok(Analysis {
        from: Timestamp::from_millisecond(from_ms).unwrap_or(Timestamp::MIN),
        until,
        looked_at: facts.len(),
        read_to,
        is_complete,
        report,
    })
}
