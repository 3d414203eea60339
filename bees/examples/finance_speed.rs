//! Measures how fast one finance bee writes, and its memory:
//! `cargo run --release -p apiary-bees --example finance_speed -- [EVENTS]`.
//!
//! `DATABASE_URL` is a Postgres (its migrations are applied), or `SUPABASE_URL` and `SUPABASE_SERVICE_ROLE_KEY` a project.
//! Through the REST API it also measures a bare loop of bulk upserts of the same rows, 64 events in each. Events are read from
//! their bytes as they are written, as the bee does. The memory is the largest resident set of this process during the
//! bee's part, events included.

use std::sync::Arc;
use std::time::Instant;

use apiary_bees::finance::{Change, PostgresRecord, PostgrestRecord, Record, Writer, limits};
use apiary_identity::{Clock as _, SystemClock};
use reqwest::header::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Rounds, because a machine's rates change from minute to minute.
const ROUNDS: usize = 3;

#[tokio::main]
async fn main() -> Fallible<()> {
    let events: usize = std::env::args().nth(1).map_or(Ok(10_000), |count| count.parse())?;
    if let Ok(url) = std::env::var("SUPABASE_URL") {
        let key = SecretString::from(std::env::var("SUPABASE_SERVICE_ROLE_KEY")?);
        // First, because it sets up TLS for the whole process.
        let record = Arc::new(PostgrestRecord::new(&url, &key, Arc::new(SystemClock))?);
        for _ in 0..ROUNDS {
            let bare = bare_loop(&url, &key, events).await?;
            let bee = bee(Arc::<PostgrestRecord>::clone(&record), events).await?;
            println!("bare loop {bare:.0}/s, bee {bee:.0}/s: {:.0} %", bee / bare * 100.0);
        }
        return Ok(());
    }
    let record = Arc::new(PostgresRecord::new(&SecretString::from(std::env::var("DATABASE_URL")?))?);
    record.migrate().await?;
    for _ in 0..ROUNDS {
        println!("bee {:.0}/s", bee(Arc::<PostgresRecord>::clone(&record), events).await?);
    }
    record.close().await;
    Ok(())
}

/// Updates of subscriptions, each of which has four.
#[derive(Clone, Copy)]
struct Events {
    /// A number that no other run has, for ids.
    salt: i128,
    second: i64,
}

impl Events {
    fn new() -> Self {
        let now = SystemClock.now();
        Self { salt: now.as_nanosecond(), second: now.as_second() }
    }

    fn change(self, number: usize) -> Result<Change, apiary_bees::finance::EventError> {
        let Self { salt, second } = self;
        let (sub, round) = (number / 4, i64::try_from(number % 4).unwrap_or(0));
        let event = json!({
            "id": format!("evt_{salt}x{number}"), "object": "event", "api_version": "2026-09-30.endive",
            "created": second + round, "livemode": false, "type": "customer.subscription.updated",
            "data": {"object": {
                "id": format!("sub_{salt}x{sub}"), "object": "subscription", "customer": format!("cus_{salt}x{sub}"),
                "status": "active", "metadata": {"user_id": format!("user-{sub}")}, "cancel_at_period_end": false,
                "description": "x".repeat(1500),
                "items": {"object": "list", "data": [{"id": "si_1", "quantity": 1 + round,
                    "current_period_start": second, "current_period_end": second + 2_592_000,
                    "price": {"id": "price_pro", "product": "prod_pro", "currency": "eur", "unit_amount": 1900}}]},
            }},
        });
        Change::from_event(event.to_string().as_bytes())
    }
}

/// Writes as the bee does, from as many callers as it has slots; prints the memory, and returns events per second.
async fn bee(record: Arc<dyn Record>, events: usize) -> Fallible<f64> {
    forget_memory();
    let (writer, made, start) = (Writer::new(record), Events::new(), Instant::now());
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..limits::SLOTS {
        let writer = writer.clone();
        callers.spawn(async move {
            for number in (caller..events).step_by(limits::SLOTS) {
                writer.apply(made.change(number)?).await?;
            }
            Fallible::Ok(())
        });
    }
    while let Some(done) = callers.join_next().await {
        done??;
    }
    let rate = rate(events, start);
    println!("bee: largest resident set {}", memory());
    Ok(rate)
}

/// Resets the largest resident set, where the system lets a process do so.
fn forget_memory() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown".to_owned(), |size| size.trim().to_owned())
}

fn rate(events: usize, start: Instant) -> f64 {
    u32::try_from(events).map_or(f64::MAX, f64::from) / start.elapsed().as_secs_f64()
}

/// Upserts customers, subscriptions and events in bulk, one call after the other; returns events per second.
async fn bare_loop(url: &str, key: &SecretString, events: usize) -> Fallible<f64> {
    let mut headers = HeaderMap::new();
    headers.insert("apikey", HeaderValue::from_str(key.expose_secret())?);
    headers.insert("prefer", HeaderValue::from_static("resolution=merge-duplicates,return=minimal"));
    let http = reqwest::Client::builder().default_headers(headers).build()?;
    let (made, start) = (Events::new(), Instant::now());
    for first in (0..events).step_by(limits::SLOTS) {
        let batch: Vec<Change> =
            (first..events.min(first + limits::SLOTS)).map(|n| made.change(n)).collect::<Result<_, _>>()?;
        for (table, part) in
            [("stripe_customers", "customer"), ("stripe_subscriptions", "subscription"), ("stripe_events", "event")]
        {
            let rows = rows(&batch, part)?;
            let url = format!("{url}/rest/v1/{table}?on_conflict=account,livemode,id");
            let answer = http.post(url).json(&rows).send().await?;
            if !answer.status().is_success() {
                return Err(answer.text().await?.into());
            }
        }
    }
    Ok(rate(events, start))
}

/// Rows of a batch, each once.
fn rows(batch: &[Change], part: &str) -> Fallible<Vec<Value>> {
    let mut rows = std::collections::BTreeMap::new();
    for change in batch {
        let mut row = serde_json::to_value(change)?[part].take();
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
