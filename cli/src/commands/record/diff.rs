//! `apiary record diff`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use apiary_bees::finance::reconcile::{Difference, Finding, Report, Request, check, run_whole};
use apiary_bees::finance::stripe_api::{self, Kind, StripeApi};
use apiary_bees::finance::{Finance, Record};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};

use super::show;
use crate::arguments::{Past, whole};
use crate::context::Context;
use crate::exit::{Exit, Fault, Quiet};
use crate::output::{Format, Progress, note, plain, table};
use crate::settings::Settings;
use crate::{profile, up};

/// Most differences that are listed.
const SHOWN_MAX: i64 = 500;
/// Time between two notes on how far a comparison has come.
const NOTE_PAUSE: Duration = Duration::from_secs(60);
/// Advice on rows that Stripe lacks.
const UNKNOWN: &str = "rows unknown to Stripe: deleted there without an event that says so, such as test data, or of another \
    account. The state of record never deletes a row, so a repair leaves them; docs/record.md has the statements that do";

const EXAMPLES: &str = "\
Examples:
  apiary record diff
  apiary record diff cus_NffrFeUfNV2Hib sub_1MowQVLkdIwHu7ix
  apiary record diff --kind subscriptions --since 2026-11-01T00:00:00Z --json | jq '.differences[].id'

Reads with `finance.stripe_secret_key`, in its mode, and changes nothing. Exits with 1 if something differs.
`finance.reconcile`, a function of the finance bee, repairs.";

/// Compare the state of record with Stripe, as both are now
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Ids of objects to compare, of any kind; all objects if none is given
    #[arg(value_name = "ID", conflicts_with_all = ["kind", "since"])]
    ids: Vec<String>,
    /// Only this kind; may be given several times
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(Kind::ALL.map(Kind::as_str)).map(|name| kind(&name)))]
    kind: Vec<Option<Kind>>,
    /// Only objects created at Stripe from this time on: RFC 3339, or back from now, such as 2h
    #[arg(long, value_name = "TIME", value_parser = Past::read)]
    since: Option<Past>,
    /// The connected account, acct_…; the key's own if absent
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Most differences to list; all are counted
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = whole::<u32>(0, SHOWN_MAX))]
    show: u32,
    /// Print JSON; the same as --output json
    #[arg(long)]
    json: bool,
}

fn kind(name: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| kind.as_str() == name)
}

async fn compare(arguments: &Arguments, context: &Context) -> anyhow::Result<Report> {
    let stripe = stripe(&context.settings)?;
    let record = show::open(&context.settings).await?;
    let request = Request {
        kinds: arguments.kind.iter().flatten().copied().collect(),
        since: arguments.since.map(|since| since.at(profile::clock().now())),
        account: arguments.account.clone(),
        show: arguments.show,
        ..Request::default()
    };
    let format = if arguments.json { Format::Json } else { context.format };
    let progress = Progress::start("comparing with Stripe", format);
    let report = match arguments.ids.is_empty() {
        true => everything(&stripe, &record, &request, &progress).await,
        false => Ok(check(&stripe, Arc::clone(&record), &request, &arguments.ids).await?),
    };
    record.close().await;
    report
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let report = compare(arguments, context).await.context("the comparison")?;
    let format = if arguments.json { Format::Json } else { context.format };
    format.print(&report, text)?;
    for skipped in &report.skipped {
        note(&format!("{} were not compared: {}", skipped.kind, skipped.why));
    }
    for skipped in &report.rows_skipped {
        note(&format!("not all rows of {} were looked for at Stripe: {}", skipped.kind, skipped.why));
    }
    if report.differences.iter().any(|difference| difference.finding == Finding::Unknown) {
        note(UNKNOWN);
    }
    if let Some(stopped) = &report.stopped {
        return Err(Fault::failure(format!("not everything was compared: {stopped}")).into());
    }
    if report.open() > 0 { Err(Quiet(Exit::Failure).into()) } else { Ok(()) }
}

/// Compares every list, and the rows that it lacks; shows how far it is, and tells it from time to time.
async fn everything(
    stripe: &Arc<StripeApi>,
    record: &Arc<dyn Record>,
    request: &Request,
    progress: &Progress,
) -> anyhow::Result<Report> {
    let mut told = Instant::now();
    let report = run_whole(stripe, Arc::clone(record), request, |report| {
        let read: u64 = report.kinds.values().map(|counts| counts.read).sum();
        progress.set(read, None);
        if told.elapsed() >= NOTE_PAUSE {
            progress.note(&format!("compared {read} objects, going on"));
            told = Instant::now();
        }
    });
    Ok(report.await?)
}

fn stripe(settings: &Settings) -> anyhow::Result<Arc<StripeApi>> {
    let values = up::bee_values(&Finance, settings);
    let opened = stripe_api::open(&values, profile::clock()).map_err(|error| Fault::usage(error.to_string()))?;
    let missing = || {
        Fault::usage("no key for Stripe is set")
            .hint("set STRIPE_SECRET_KEY or `finance.stripe_secret_key`; docs/stripe.md lists the rights that it needs")
    };
    Ok(opened.ok_or_else(missing)?)
}

fn text(report: &Report) -> String {
    const HEAD: [&str; 7] = ["kind", "at Stripe", "same", "missing", "different", "unknown", "failed"];
    let counts = report.kinds.iter().map(|(kind, counts)| {
        let numbers = [counts.read, counts.same, counts.missing, counts.different, counts.unknown, counts.failed];
        std::iter::once(kind.to_string()).chain(numbers.map(|number| number.to_string())).collect()
    });
    let mut text = table(&HEAD, counts);
    if !report.differences.is_empty() {
        text = format!(
            "{}\n\n{}",
            text.trim_end(),
            table(&["object", "finding", "columns"], report.differences.iter().map(row))
        );
    }
    text
}

fn row(difference: &Difference) -> Vec<String> {
    let finding = match difference.finding {
        Finding::Missing => "missing in the record",
        Finding::Different => "different",
        Finding::Unknown => "unknown to Stripe",
        Finding::Failed => "failed",
    };
    let what = difference.what.as_deref().map_or_else(|| difference.fields.join(", "), plain);
    vec![difference.id.clone(), finding.to_owned(), what]
}
