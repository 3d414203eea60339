//! Checks the broker: whether it answers, its clock, and the rights of this key.

use apiary_adapters::OutboxConfig;
use apiary_executor_sdk::v1::{GetHealthResponse, HealthFinding};
use apiary_executor_sdk::{Client, ClientError, Reason};
use apiary_identity::{Grant, KeyPair};
use jiff::SignedDuration;

use super::finding::Finding;
use crate::commands::grant::list;
use crate::commands::webhook;
use crate::profile;
use crate::settings::Settings;

/// Share of the tolerated clock difference from which on it is reported, as a divisor: half of it.
const CLOCK_DISTANCE_SHARE: i64 = 2;
/// Kind of the finding for a broker that is not ready.
const NOT_READY: &str = "BROKER_NOT_READY";
/// Kind of the finding for a grant that ends soon.
const GRANTS_END: &str = "GRANTS_END";
/// Remaining validity below which a grant is reported.
const EXPIRES_SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Examines the broker, with this key if there is one.
pub(crate) async fn examine(settings: &Settings, key: Option<KeyPair>) -> Vec<Finding> {
    let colony = profile::colony(settings).ok();
    // Reachability can be examined without a colony or a key of one's own.
    let stranger = KeyPair::generate();
    let known = colony.is_some() && key.is_some();
    let client = profile::client_as(settings, colony.unwrap_or(stranger.id()), key.unwrap_or(stranger));
    let client = match client {
        Ok(client) => client,
        Err(error) => return vec![Finding::of_error("broker", &error)],
    };
    let before_ms = client.clock().now_ms();
    let answer = match client.connect().await {
        Ok(answer) => answer,
        Err(error @ ClientError::Unreachable { .. }) => {
            return vec![Finding::bad(
                "broker",
                error.to_string(),
                "start `apiary up` or `apiary broker`, or see its log",
            )];
        }
        Err(error) => return vec![Finding::of_error("broker", &error.into())],
    };
    let now_ms = client.clock().now_ms();
    let words = format!("version {} at {}, {} ms away", answer.version, client.address(), now_ms - before_ms);
    let mut findings = vec![
        readiness(&client, words, known).await,
        clock(answer.time_ms.saturating_sub(before_ms.midpoint(now_ms)), answer.request_window_ms),
    ];
    if known {
        findings.extend(colony_and_grants(&client, settings).await);
    }
    findings
}

/// Reports whether a reachable broker is ready; if not, with the reason from the health of a known colony.
async fn readiness(client: &Client, words: String, known: bool) -> Finding {
    match client.is_ready().await {
        Ok(true) => Finding::good("broker", words),
        Ok(false) => {
            let told = if known { client.get_health().await.ok() } else { None };
            let told = told.and_then(|health| health.findings.into_iter().find(|finding| finding.kind == NOT_READY));
            let reason = told.map_or_else(
                || "the broker is not ready for work: see its /readyz and its log".to_owned(),
                |finding| finding.text,
            );
            Finding::bad(
                "broker",
                format!("{words}: {reason}"),
                "repair the fault; the broker recovers without a restart",
            )
        }
        Err(error) => Finding::of_error("broker", &error.into()),
    }
}

fn clock(distance_ms: i64, window_ms: i64) -> Finding {
    let words = format!("{distance_ms} ms from the broker's, the most is {window_ms} ms");
    match distance_ms.saturating_abs() {
        distance if distance > window_ms => {
            Finding::bad("clock", words, "set this machine's clock, or the broker's (NTP)")
        }
        distance if distance > window_ms / CLOCK_DISTANCE_SHARE => {
            Finding::warning("clock", words, "set this machine's clock, or the broker's (NTP)")
        }
        _ => Finding::good("clock", words),
    }
}

async fn colony_and_grants(client: &Client, settings: &Settings) -> Vec<Finding> {
    match client.get_colony().await {
        Ok(answer) => {
            let name = answer.colony.map(|colony| colony.name).unwrap_or_default();
            let mut findings = vec![Finding::good("colony", format!("`{name}` is known to the broker"))];
            let health = client.get_health().await;
            let told = health.iter().flat_map(|answer| &answer.findings).filter(|finding| finding.kind == GRANTS_END);
            let ends_told: Vec<String> = told.map(|finding| finding.subject.clone()).collect();
            findings.extend(of_health(health));
            findings.extend(grants(client, &ends_told, settings).await);
            findings
        }
        Err(error) if error.is(&Reason::NotPermitted) => {
            vec![Finding::skipped("grants", "this key lacks the right `read`, so its other rights cannot be shown")]
        }
        Err(error) if error.is(&Reason::ColonyUnknown) => {
            vec![Finding::bad("colony", error.to_string(), "`apiary colony create`, with the server owner's key")]
        }
        Err(error) => vec![Finding::of_error("colony", &error.into())],
    }
}

/// Converts the colony's health to findings.
fn of_health(health: Result<GetHealthResponse, ClientError>) -> Vec<Finding> {
    match health {
        Ok(answer) if answer.findings.is_empty() => {
            vec![Finding::good("health", "nothing needs attention: no dead letters, no stuck work")]
        }
        Ok(answer) => {
            let warning = |finding: HealthFinding| {
                Finding::warning("health", format!("{}: {}", finding.kind, finding.text), "`apiary colony health`")
            };
            answer.findings.into_iter().map(warning).collect()
        }
        Err(error) => vec![Finding::of_error("health", &error.into())],
    }
}

/// Examines the key's own grants. The ends of the grants named in `ends_told` are in the colony's health already.
async fn grants(client: &Client, ends_told: &[String], settings: &Settings) -> Vec<Finding> {
    let (grants, broken) = match list::all(client).await {
        Ok(all) => all,
        Err(error) => return vec![Finding::of_error("grants", &error)],
    };
    if let Some(first) = broken.first() {
        return vec![Finding::bad(
            "grants",
            format!("{} are not what the colony signed: {first}", broken.len()),
            "`apiary grant list`",
        )];
    }
    let mut findings = vec![of_key(client, ends_told, &grants)];
    findings.extend(of_routes(client, &grants, settings));
    findings
}

/// Names the routes of the configured sources, and the functions of the outbox, that no grant in the colony covers.
fn of_routes(client: &Client, grants: &[list::ListOutput], settings: &Settings) -> Option<Finding> {
    let receivers = match webhook::receivers(settings) {
        Ok(receivers) => receivers,
        Err(error) => return Some(Finding::of_error("grants", &error)),
    };
    let outbox = match OutboxConfig::read(settings) {
        Ok(outbox) => outbox,
        Err(error) => return Some(Finding::of_error("grants", &error.into())),
    };
    let missing = webhook::uncovered(&receivers, outbox.as_ref(), grants, client.clock().now());
    (!missing.is_empty()).then(|| {
        Finding::bad(
            "grants",
            format!("no grant covers these routes of webhooks and functions of the outbox: {}", missing.join(", ")),
            "`apiary grant add` for the adapter's key, with the executor type and function",
        )
    })
}

/// Examines the grants of the client's key.
fn of_key(client: &Client, ends_told: &[String], grants: &[list::ListOutput]) -> Finding {
    let now = client.clock().now();
    let mine = grants.iter().filter(|known| known.grant.key == client.id());
    let (revoked, mine): (Vec<_>, Vec<_>) = mine.partition(|known| known.revoked_from.is_some());
    if mine.is_empty() && !revoked.is_empty() {
        return Finding::bad("grants", "this key's are revoked", "make a new key, and `apiary grant add` for it");
    }
    let mine: Vec<&Grant> = mine.into_iter().map(|known| &known.grant).collect();
    if mine.is_empty() && client.id() != client.colony() {
        return Finding::bad("grants", "this key has none", "`apiary grant add`, with the colony's key");
    }
    let (valid, over): (Vec<&Grant>, Vec<&Grant>) = mine.iter().partition(|grant| grant.is_valid_at(now));
    let is_told = valid.iter().any(|grant| ends_told.contains(&grant.name));
    let latest = valid.iter().map(|grant| grant.valid_until).max();
    match latest {
        Some(until) if until.duration_since(now) < EXPIRES_SOON && !is_told => Finding::warning(
            "grants",
            format!("this key's ends {until:.0}"),
            "`apiary grant add` makes the next one, at any time",
        ),
        Some(until) => Finding::good("grants", format!("this key has {}, until {until:.0}", valid.len())),
        None if client.id() == client.colony() => Finding::good("grants", "the colony's own key needs none"),
        None => Finding::bad(
            "grants",
            format!("{} of this key, none in force", over.len()),
            "`apiary grant add`, with the colony's key",
        ),
    }
}
