//! Checks the optional parts: the webhook adapter, and what the bees work with.

use std::time::Duration;

use apiary_adapters::{BROKER_AWAY, BROKER_REFUSES, EVENTS_SET_ASIDE, SIGNATURES_REFUSED};
use apiary_bees::{ALL, Check};
use jiff::{SignedDuration, Timestamp, Unit};
use serde_json::Value;

use super::finding::Finding;
use crate::output::counted;
use crate::settings::{Settings, table};
use crate::{profile, up};

/// Types in the finding about events without a route.
const NOWHERE_NAMED_MAX: usize = 5;
/// Time limit for the adapter's answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Checks the webhook adapter on this machine.
pub(super) async fn webhook(settings: &Settings) -> Vec<Finding> {
    let Ok(address) = up::webhook_address(settings) else {
        return vec![Finding::skipped("webhook", "`webhook.listen` is not set")];
    };
    let finding = match healthz(&format!("http://{address}/healthz")).await {
        Ok(health) => return judge(&address.to_string(), &health),
        // An unreachable adapter is a fault only if its address was set.
        Err(error) if error.is_connect() && settings.is_set(&table::WEBHOOK_LISTEN) => Finding::bad(
            "webhook",
            format!("no adapter answers at {address}"),
            "start `apiary webhook`, or see its log",
        ),
        Err(error) if error.is_connect() => Finding::skipped("webhook", format!("no adapter answers at {address}")),
        Err(error) => Finding::bad(
            "webhook",
            format!("the server at {address} is not a webhook adapter: {}", error.without_url()),
            "set `webhook.listen` to the adapter's address",
        ),
    };
    vec![finding]
}

/// Reads the health page of an adapter.
pub(crate) async fn healthz(url: &str) -> Result<Value, reqwest::Error> {
    let http = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build()?;
    http.get(url).send().await?.error_for_status()?.json().await
}

/// Converts the adapter's health to findings: one for its state, and one for each notice.
fn judge(address: &str, health: &Value) -> Vec<Finding> {
    let number = |name: &str| health["spool"][name].as_u64().unwrap_or(0);
    let (waiting, set_aside) = (number("events"), number("set_aside"));
    let events = number_of(waiting, "event", "events");
    let words = format!("the adapter at {address} has {events} in its spool, {set_aside} set aside");
    let mut findings = vec![if health["spool"]["full"] == true || health["spool"]["failing"] == true {
        Finding::bad("webhook", format!("{words}, and cannot store more"), "see its log, and check its disk")
    } else {
        Finding::good("webhook", words)
    }];
    if set_aside > 0 {
        findings.push(of_set_aside(set_aside, number("set_aside_oldest_age_ms")));
    }
    let nowhere = health["without_route"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !nowhere.is_empty() {
        findings.push(of_nowhere(nowhere));
    }
    let notices = health["notices"].as_array().into_iter().flatten();
    // The count of set-aside events has a finding of its own, with more detail.
    findings.extend(notices.filter(|notice| notice["kind"] != EVENTS_SET_ASIDE).map(of_notice));
    findings
}

fn number_of(count: u64, one: &str, many: &str) -> String {
    counted(i64::try_from(count).unwrap_or(i64::MAX), one, many)
}

fn of_set_aside(events: u64, oldest_age_ms: u64) -> Finding {
    let oldest = i64::try_from(oldest_age_ms).map(SignedDuration::from_millis).unwrap_or_default();
    let oldest = oldest.round(Unit::Second).unwrap_or(oldest);
    let (events, came) = match events {
        1 => ("one event".to_owned(), "it came"),
        events => (format!("{events} events"), "the oldest came"),
    };
    Finding::warning(
        "webhook",
        format!("the broker rejected {events}, set aside in the adapter's spool; {came} {oldest:#} ago"),
        "`apiary spool list` shows the events and reasons; after the repair, run `apiary spool retry --all`",
    )
}

/// Names the types that came and went nowhere.
fn of_nowhere(types: &[Value]) -> Finding {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let named: Vec<String> = types
        .iter()
        .take(NOWHERE_NAMED_MAX)
        .map(|one| format!("{} of {} ({})", text(&one["type"]), text(&one["source"]), one["events"]))
        .collect();
    let more = if types.len() > NOWHERE_NAMED_MAX { " and more" } else { "" };
    Finding::warning(
        "webhook",
        format!("events of these types came and went nowhere: {}{more}", named.join(", ")),
        "`apiary webhook routes` shows all; route them, or write `TYPE = ignore` (docs/webhooks.md)",
    )
}

/// Converts a notice of the adapter to a finding.
fn of_notice(notice: &Value) -> Finding {
    let text = |name: &str| notice[name].as_str().unwrap_or_default();
    let (kind, cause) = (text("kind"), text("cause"));
    let since = notice["since_ms"].as_i64().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let since = since.map(|since| format!(" since {since:.0}")).unwrap_or_default();
    let times = number_of(notice["count"].as_u64().unwrap_or(1), "time", "times");
    let advice = if text("remedy").is_empty() { "see the adapter's log" } else { text("remedy") };
    match kind {
        BROKER_REFUSES => {
            Finding::bad("webhook", format!("the broker rejects the adapter{since}: {cause}, {times}"), advice)
        }
        BROKER_AWAY if !matches!(cause, "" | "UNREACHABLE") => Finding::warning(
            "webhook",
            format!("the broker answers the adapter with {cause}{since}, tried {times}; its events wait"),
            advice,
        ),
        BROKER_AWAY => Finding::warning(
            "webhook",
            format!("the adapter gets no answer from its broker{since}, tried {times}; its events wait"),
            advice,
        ),
        SIGNATURES_REFUSED => Finding::warning(
            "webhook",
            format!("requests of `{cause}` fail their signature{since}, and none has passed"),
            advice,
        ),
        kind => Finding::warning("webhook", format!("the adapter reports {kind}{since}, {times}"), advice),
    }
}

/// Runs the check of each bee that has one.
pub(super) async fn bees(settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    for bee in ALL {
        let Some(name) = bee.check_name() else { continue };
        findings.push(match bee.check(&up::bee_values(*bee, settings), profile::clock()).await {
            Ok(Check::Good(words)) => Finding::good(name, words),
            Ok(Check::Skipped(words)) => Finding::skipped(name, words),
            Err(error) => Finding::of_error(name, &error.into()),
        });
    }
    findings
}
