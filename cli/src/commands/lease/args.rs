//! `apiary lease args`.

use anyhow::Context as _;
use clap::Args;

use super::file::Which;
use crate::context::Context;
use crate::output::print_bytes;

const EXAMPLES: &str = "\
Examples:
  apiary lease args --lease lease.json > args.json
  apiary lease args --lease lease.json | jq -r .customer";

/// Print the arguments, in exactly the bytes that were signed. Nothing is sent
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: Which,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let held = arguments.which.open(context, &[])?;
    // The base64 of arguments other than JSON was checked when the document was opened.
    print_bytes(&held.spec.args().to_bytes().context("the arguments")?)
}
