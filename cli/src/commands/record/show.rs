//! `apiary record show`.

use std::sync::Arc;

use anyhow::Context as _;
use apiary_bees::finance::limits::PAGE_MAX;
use apiary_bees::finance::{self, Finance, Record, Subscription, SubscriptionQuery};
use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::object;
use crate::arguments::{OPEN, whole};
use crate::context::Context;
use crate::exit::{Exit, Fault};
use crate::output::{Format, note, table};
use crate::settings::Settings;
use crate::{profile, up};

const EXAMPLES: &str = "\
Examples:
  apiary record show
  apiary record show cus_demo_ada
  apiary record show --customer cus_demo_ada --json | jq '.[].status'
  SUPABASE_URL=https://….supabase.co SUPABASE_SERVICE_ROLE_KEY=… apiary record show --mode live --all

Shows the state of record that is set, as for `apiary bee finance`; else that of `apiary up`.";

/// Show the subscriptions in the state of record, by id; or all of one customer or subscription
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A customer with its subscriptions, or a subscription with its customer, every column
    #[arg(value_name = "CUSTOMER|SUBSCRIPTION", conflicts_with_all = ["customer", "limit", "all"])]
    id: Option<String>,
    /// Only subscriptions of this customer, cus_…
    #[arg(long, value_name = "ID")]
    customer: Option<String>,
    /// Only subscriptions of this Stripe mode
    #[arg(long, value_enum)]
    mode: Option<Mode>,
    /// Largest number of subscriptions
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = whole::<u32>(1, OPEN))]
    limit: u32,
    /// All subscriptions
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Print JSON with every column; the same as --output json
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Live mode: real money
    Live,
    /// Stripe's test mode
    Test,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let format = if arguments.json { Format::Json } else { context.format };
    let record = open(&context.settings).await?;
    if let Some(id) = &arguments.id {
        let modes = modes(arguments.mode);
        let found = object::read(record.as_ref(), &modes, id).await;
        record.close().await;
        return format.print(&found?, object::text);
    }
    let found = read(record.as_ref(), arguments).await;
    record.close().await;
    let (subscriptions, is_cut) = found.context("the state of record")?;
    format.print(&subscriptions, |subscriptions| match subscriptions.is_empty() {
        true => "no subscriptions".to_owned(),
        false => text(subscriptions),
    })?;
    if is_cut && format == Format::Text {
        note(&format!("there are more than {}: --limit N or --all shows them", subscriptions.len()));
    }
    Ok(())
}

/// Reads the requested rows, page by page; true if there are more.
async fn read(record: &dyn Record, arguments: &Arguments) -> anyhow::Result<(Vec<Subscription>, bool)> {
    let limit = if arguments.all { usize::MAX } else { usize::try_from(arguments.limit)? };
    let mut found: Vec<Subscription> = Vec::new();
    for livemode in modes(arguments.mode) {
        let mut query = SubscriptionQuery::all(livemode);
        query.customer_id.clone_from(&arguments.customer);
        loop {
            let page = record.subscriptions(&query).await?;
            let is_last = page.len() < usize::try_from(PAGE_MAX)?;
            query.after_id = page.last().map(|row| row.id.clone());
            found.extend(page);
            if found.len() > limit {
                found.truncate(limit);
                return Ok((found, true));
            }
            if is_last {
                break;
            }
        }
    }
    Ok((found, false))
}

/// Returns the modes to read, as the value of `livemode`.
fn modes(only: Option<Mode>) -> Vec<bool> {
    let modes = [Mode::Live, Mode::Test].into_iter().filter(|mode| only.is_none_or(|wanted| wanted == *mode));
    modes.map(|mode| mode == Mode::Live).collect()
}

/// Opens the configured state of record; else that of `apiary up`. Never creates a file.
pub(crate) async fn open(settings: &Settings) -> anyhow::Result<Arc<dyn Record>> {
    let values = up::bee_values(&Finance, settings);
    if let Some(path) = finance::file(&values).filter(|path| !path.exists()) {
        let words = format!("no state of record at {}", path.display());
        return Err(Fault::new(Exit::NotFound, words).hint("the finance bee creates it when it starts").into());
    }
    Ok(finance::open(&values, profile::clock()).await?)
}

/// Formats subscriptions as a table.
pub(crate) fn text(subscriptions: &[Subscription]) -> String {
    const HEAD: [&str; 9] =
        ["subscription", "mode", "customer", "user", "status", "price", "quantity", "period until", "last invoice"];
    table(&HEAD, subscriptions.iter().map(row))
}

fn row(row: &Subscription) -> Vec<String> {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let day = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| at.strftime("%Y-%m-%d").to_string());
    vec![
        row.id.clone(),
        if row.livemode { "live" } else { "test" }.to_owned(),
        text(&row.customer_id),
        text(&row.user_id),
        text(&row.status),
        text(&row.price_id),
        row.quantity.map_or_else(|| "-".to_owned(), |quantity| quantity.to_string()),
        day(row.current_period_end),
        text(&row.last_invoice_outcome),
    ]
}
