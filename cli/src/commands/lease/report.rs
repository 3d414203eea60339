//! `apiary lease report`.

use std::path::PathBuf;

use apiary_identity::Content;
use clap::Args;

use super::content;
use super::file::Which;
use crate::arguments::number;
use crate::context::Context;
use crate::exit::Fault;

const EXAMPLES: &str = "\
Examples:
  apiary lease report --lease lease.json --percent 40 --message 'frame 4 of 10'
  apiary lease report --lease lease.json --checkpoint '{\"frame\":4}'
  apiary lease report --lease lease.json --checkpoint-file state.bin --output-file so-far.png";

/// Report progress, output so far, and a checkpoint; signed
///
/// Omitted values stay as last reported, except the output so far: watchers see only that of the last report. A later
/// attempt gets the last checkpoint with its lease.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: Which,
    /// Progress in percent, 0 to 100
    #[arg(long, value_name = "P", value_parser = number)]
    percent: Option<f64>,
    /// Current activity; only the first 1,024 bytes are shown
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,
    /// Checkpoint for the next attempt, as JSON
    #[arg(long, value_name = "JSON", conflicts_with = "checkpoint_file")]
    checkpoint: Option<String>,
    /// A file with the checkpoint for the next attempt, any bytes; `-` is standard input
    #[arg(long, value_name = "FILE")]
    checkpoint_file: Option<PathBuf>,
    /// Output so far, as JSON
    #[arg(long, value_name = "JSON", conflicts_with = "output_file")]
    output_json: Option<String>,
    /// A file with the output so far, any bytes; `-` is standard input
    #[arg(long, value_name = "FILE")]
    output_file: Option<PathBuf>,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    if let Some(percent) = arguments.percent
        && !(0.0..=100.0).contains(&percent)
    {
        return Err(Fault::usage(format!("--percent is 0 to 100; got {percent}")).into());
    }
    let (checkpoint_file, output_file) = (arguments.checkpoint_file.as_deref(), arguments.output_file.as_deref());
    let held = arguments.which.open(context, &[checkpoint_file, output_file])?;
    let checkpoint = content::read("checkpoint", arguments.checkpoint.as_deref(), checkpoint_file)?;
    let output = content::read("output-json", arguments.output_json.as_deref(), output_file)?;
    if arguments.percent.is_none() && arguments.message.is_none() && checkpoint.is_none() && output.is_none() {
        return Err(Fault::usage("nothing to report: give --percent, --message, --checkpoint or --output-json").into());
    }
    if checkpoint.as_ref().is_some_and(|content| content.is_empty()) {
        return Err(Fault::usage("an empty checkpoint counts as none: use at least `null`").into());
    }
    // The clock numbers the reports, because the program keeps no state between two calls: a later report has a higher
    // number.
    let number = held.client.clock().now().as_microsecond().max(1);
    let progress = held.subject.progress(&held.client, number, |mut progress| {
        progress.percent = arguments.percent;
        if let Some(message) = &arguments.message {
            progress = progress.with_message(&message.replace('\0', " "));
        }
        if let Some(output) = output {
            progress = progress.with_output(Content::from_bytes(&output));
        }
        match checkpoint {
            Some(checkpoint) => progress.with_checkpoint(Content::from_bytes(&checkpoint)),
            None => progress,
        }
    })?;
    Ok(held.client.report(&progress).await?)
}
