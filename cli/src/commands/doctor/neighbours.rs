//! What may run beside: the webhook adapter, the state of record.

use std::time::Duration;

use serde_json::Value;

use super::finding::Finding;
use crate::commands::bee;
use crate::commands::record::show;
use crate::settings::{Settings, table};
use crate::up;

/// How long the adapter may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Asks the webhook adapter on this machine how it is.
pub(super) async fn webhook(settings: &Settings) -> Finding {
    let Ok(address) = up::webhook_address(settings) else {
        return Finding::skipped("webhook", "`webhook.listen` is not set");
    };
    match healthz(&format!("http://{address}/healthz")).await {
        Ok(health) => judge(&address.to_string(), &health),
        // Somebody who said where it is expects it there.
        Err(error) if error.is_connect() && settings.is_set(&table::WEBHOOK_LISTEN) => Finding::bad(
            "webhook",
            format!("no adapter answers at {address}"),
            "start `apiary webhook`, or look at its log",
        ),
        Err(error) if error.is_connect() => Finding::skipped("webhook", format!("no adapter answers at {address}")),
        Err(error) => Finding::bad(
            "webhook",
            format!("what answers at {address} is no webhook adapter: {}", error.without_url()),
            "set `webhook.listen` to the adapter's address",
        ),
    }
}

async fn healthz(url: &str) -> Result<Value, reqwest::Error> {
    let http = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build()?;
    http.get(url).send().await?.error_for_status()?.json().await
}

fn judge(address: &str, health: &Value) -> Finding {
    let number = |name: &str| health["spool"][name].as_u64().unwrap_or(0);
    let (waiting, set_aside) = (number("events"), number("set_aside"));
    let words = format!("the adapter at {address} has {waiting} events in its spool, {set_aside} set aside");
    if health["spool"]["full"] == true || health["spool"]["failing"] == true {
        return Finding::bad("webhook", format!("{words}, and can keep no more"), "look at its log, and at its disk");
    }
    if let Some(reason) = health["broker_refuses"].as_str() {
        return Finding::bad(
            "webhook",
            format!("{words}; the broker refuses it: {reason}"),
            "look at its grant: `apiary grant list`",
        );
    }
    match health["status"].as_str() {
        Some("ok") => Finding::good("webhook", words),
        _ => Finding::warning("webhook", words, "its events wait for the broker, or for somebody to look: see its log"),
    }
}

/// Asks the state of record, if one is set, or if `apiary up` keeps one.
pub(super) async fn record(settings: &Settings) -> Finding {
    let ways = [&table::FINANCE_SUPABASE_URL, &table::FINANCE_DATABASE_URL, &table::FINANCE_SQLITE];
    let is_set = ways.iter().any(|setting| settings.is_set(setting));
    if !is_set && up::record(settings).is_none() {
        return Finding::skipped("record", "no state of record is set here");
    }
    // Looking must not make a file.
    if let (Ok("sqlite"), Some(path)) = (bee::choose(settings), settings.path(&table::FINANCE_SQLITE))
        && !path.exists()
    {
        return Finding::skipped("record", format!("{} is made when the finance bee starts", path.display()));
    }
    let checked = async {
        let record = show::open(settings).await?;
        let checked = record.check().await;
        record.close().await;
        anyhow::Ok(checked?)
    };
    match checked.await {
        Ok(()) => Finding::good("record", "the state of record takes events"),
        Err(error) => Finding::of_error("record", &error),
    }
}
