//! Measures how fast one finance bee writes: `cargo run --release -p apiary-bees --example finance_speed -- [EVENTS]`.
//!
//! `DATABASE_URL` is a Postgres (its migrations are applied), or `SUPABASE_URL` and `SUPABASE_SERVICE_ROLE_KEY` a project.
//! Through the REST API it also measures a bare loop of bulk upserts of the same rows, 64 events in each.

use std::sync::Arc;
use std::time::Instant;

use apiary_bees::finance::{Change, PostgresRecord, PostgrestRecord, Record, Writer, limits};
use apiary_identity::{Clock as _, SystemClock};
use reqwest::header::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Fallible<()> {
    let events: usize = std::env::args().nth(1).map_or(Ok(10_000), |count| count.parse())?;
    let second = SystemClock.now().as_second();
    let changes: Vec<Change> =
        (0..events).map(|n| Change::from_event(event(n, second).as_bytes())).collect::<Result<_, _>>()?;
    if let Ok(url) = std::env::var("SUPABASE_URL") {
        let key = SecretString::from(std::env::var("SUPABASE_SERVICE_ROLE_KEY")?);
        let record = PostgrestRecord::new(&url, &key, Arc::new(SystemClock))?;
        for _ in 0..3 {
            let bare = bare_loop(&url, &key, &changes).await?;
            let bee =
                write(Arc::new(PostgrestRecord::new(&url, &key, Arc::new(SystemClock))?), &again(&changes)?).await?;
            println!("bare loop {bare:.0}/s, bee {bee:.0}/s: {:.0} %", bee / bare * 100.0);
        }
        record.close().await;
        return Ok(());
    }
    let record = PostgresRecord::new(&SecretString::from(std::env::var("DATABASE_URL")?))?;
    record.migrate().await?;
    println!("bee {:.0}/s", write(Arc::new(record), &changes).await?);
    Ok(())
}

/// An update of a subscription; each has four.
fn event(number: usize, second: i64) -> String {
    let (sub, round) = (number / 4, i64::try_from(number % 4).unwrap_or(0));
    json!({
        "id": format!("evt_{second}x{number}"), "object": "event", "api_version": "2026-09-30.endive",
        "created": second + round, "livemode": false, "type": "customer.subscription.updated",
        "data": {"object": {
            "id": format!("sub_{second}x{sub}"), "object": "subscription", "customer": format!("cus_{second}x{sub}"),
            "status": "active", "metadata": {"user_id": format!("user-{sub}")}, "cancel_at_period_end": false,
            "description": "x".repeat(1500),
            "items": {"object": "list", "data": [{"id": "si_1", "quantity": 1 + round,
                "current_period_start": second, "current_period_end": second + 2_592_000,
                "price": {"id": "price_pro", "product": "prod_pro", "currency": "eur", "unit_amount": 1900}}]},
        }},
    })
    .to_string()
}

/// The same events with new ids.
fn again(changes: &[Change]) -> Fallible<Vec<Change>> {
    let salt = SystemClock.now().as_nanosecond();
    let renamed = changes.iter().map(|change| {
        let text =
            change.event.payload.replace("evt_", &format!("evt_{salt}_")).replace("sub_", &format!("sub_{salt}_"));
        Change::from_event(text.replace("cus_", &format!("cus_{salt}_")).as_bytes())
    });
    Ok(renamed.collect::<Result<_, _>>()?)
}

/// Writes as the bee does, from as many callers as it has slots; returns events per second.
async fn write(record: Arc<dyn Record>, changes: &[Change]) -> Fallible<f64> {
    let (writer, start) = (Writer::new(record), Instant::now());
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..limits::SLOTS {
        let own: Vec<Change> = changes.iter().skip(caller).step_by(limits::SLOTS).cloned().collect();
        let writer = writer.clone();
        callers.spawn(async move {
            for change in own {
                writer.apply(change).await?;
            }
            Ok::<_, apiary_bees::finance::RecordError>(())
        });
    }
    while let Some(done) = callers.join_next().await {
        done??;
    }
    Ok(rate(changes.len(), start))
}

fn rate(events: usize, start: Instant) -> f64 {
    u32::try_from(events).map_or(f64::MAX, f64::from) / start.elapsed().as_secs_f64()
}

/// Upserts customers, subscriptions and events in bulk, one call after the other; returns events per second.
async fn bare_loop(url: &str, key: &SecretString, changes: &[Change]) -> Fallible<f64> {
    let mut headers = HeaderMap::new();
    headers.insert("apikey", HeaderValue::from_str(key.expose_secret())?);
    headers.insert("prefer", HeaderValue::from_static("resolution=merge-duplicates,return=minimal"));
    let http = reqwest::Client::builder().default_headers(headers).build()?;
    let start = Instant::now();
    for batch in again(changes)?.chunks(limits::SLOTS) {
        for (table, part) in
            [("stripe_customers", "customer"), ("stripe_subscriptions", "subscription"), ("stripe_events", "event")]
        {
            let rows = rows(batch, part)?;
            let url = format!("{url}/rest/v1/{table}?on_conflict=account,livemode,id");
            let answer = http.post(url).json(&rows).send().await?;
            if !answer.status().is_success() {
                return Err(answer.text().await?.into());
            }
        }
    }
    Ok(rate(changes.len(), start))
}

/// Rows of a batch, each once.
fn rows(batch: &[Change], part: &str) -> Fallible<Vec<Value>> {
    let mut rows = std::collections::BTreeMap::new();
    for change in batch {
        let mut row = serde_json::to_value(change)?[part].clone();
        if let Some(columns) = row.as_object_mut() {
            columns.remove("items");
            if part == "event" {
                columns.insert("outcome".to_owned(), json!("applied"));
            }
        }
        rows.insert(row["id"].to_string(), row);
    }
    Ok(rows.into_values().collect())
}
