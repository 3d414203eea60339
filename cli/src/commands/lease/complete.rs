//! `apiary lease complete`.

use std::path::PathBuf;

use clap::Args;

use super::content;
use super::ending::{self, EndedView};
use super::file::Which;
use crate::context::Context;

const EXAMPLES: &str = "\
Examples:
  apiary lease complete --lease lease.json --output-json '{\"pages\":12}'
  apiary lease complete --lease lease.json --output-file page.pdf
  date | apiary lease complete --lease lease.json --output-file -";

/// End the attempt with success: sign its result, and deliver it
///
/// While the broker is unavailable, the same result is sent again, for up to a minute.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: Which,
    /// Output, as JSON
    #[arg(long, value_name = "JSON", conflicts_with = "output_file")]
    output_json: Option<String>,
    /// A file with the output, any bytes; `-` is standard input
    #[arg(long, value_name = "FILE")]
    output_file: Option<PathBuf>,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let held = arguments.which.open(context, &[arguments.output_file.as_deref()])?;
    let output = content::read("output-json", arguments.output_json.as_deref(), arguments.output_file.as_deref())?;
    let signed = held.subject.succeeded(&held.client, &output.unwrap_or_default())?;
    let view = ending::send(&held, &signed).await?;
    context.format.print(&view, EndedView::text)
}
