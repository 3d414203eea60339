//! The function `analyze_security`: applies the rules to events and to the state of the colony.

use std::collections::HashSet;
use std::sync::Arc;

use apiary_executor_sdk::{Client, Failure, Work};
use apiary_identity::Role;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::evaluate::{Report, evaluate};
use super::fact::{Fact, SubmittedEvent, event_schema, submitted};
use super::hygiene::KnownGrant;
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
/// Kind of the event that a key was used from a network for the first time.
const NEW_NETWORK: &str = "key.new_address";

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
    /// False if there were more events than one run looks at: then the last ones of each kind count.
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
    facts.retain(|fact| fact.kind != NEW_NETWORK || !config.roaming.contains(&fact.name));
    if request.state {
        let (grants, executors) = (colony::grants(&client).await?, colony::executors(&client).await?);
        let concerns = hygiene::concerns(now, config.ages, &grants, &executors, None);
        facts.extend(moved_executors(&facts, &grants));
        facts.extend(hygiene::facts(&concerns, until_ms));
        facts.extend(colony::payments(&client, &config.payment_functions, length_ms, until_ms).await?);
    }
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

/// Returns the new networks of keys that have grants as executors. People move with their laptops every day, machines hardly ever.
fn moved_executors(facts: &[Fact], grants: &[KnownGrant]) -> Vec<Fact> {
    let is_executor = |known: &&KnownGrant| known.grant.role == Role::Executor && !known.is_revoked;
    let keys: HashSet<String> = grants.iter().filter(is_executor).map(|known| known.grant.key.to_string()).collect();
    let moved = facts.iter().filter(|fact| fact.kind == NEW_NETWORK && keys.contains(&fact.key));
    moved.map(|fact| Fact { kind: "state.executor_moved".to_owned(), ..fact.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use apiary_identity::{Grant, KeyPair, Scopes};
    use uuid::Uuid;

    use super::super::fact::Source;
    use super::*;

    #[test]
    fn only_keys_of_executors_are_told_to_have_moved() {
        let key = KeyPair::generate().id();
        let known = |role, is_revoked| {
            let scopes = Scopes { functions: vec!["*".to_owned()], executor_types: vec!["*".to_owned()] };
            let (valid_from, valid_until) = (Timestamp::UNIX_EPOCH, Timestamp::MAX);
            let (name, rights) = ("mail".to_owned(), Vec::new());
            let (colony, grant_id) = (KeyPair::generate().id(), Uuid::new_v4());
            let grant = Grant { colony, grant_id, key, role, name, scopes, rights, valid_from, valid_until };
            KnownGrant { grant, is_revoked }
        };
        let of_key = |kind| Fact { key: key.to_string(), ..Fact::new(kind, 7, Source::Stream(9)) };
        let facts = [of_key(NEW_NETWORK), of_key("refused.scope"), Fact::new(NEW_NETWORK, 8, Source::Stream(10))];
        let moved = moved_executors(&facts, &[known(Role::Executor, false)]);
        assert_eq!(moved, [of_key("state.executor_moved")]);
        assert_eq!(moved_executors(&facts, &[known(Role::Executor, true), known(Role::User, false)]), []);
    }
}
