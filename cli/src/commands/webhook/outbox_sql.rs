//! `apiary webhook outbox-sql`.

use apiary_adapters::outbox::OUTBOX_SQL;
use clap::Args;

use crate::output::print_line;

const EXAMPLES: &str = "\
Examples:
  apiary webhook outbox-sql | psql \"$DATABASE_URL\" -v ON_ERROR_STOP=1 -1
  apiary webhook outbox-sql > supabase/migrations/$(date -u +%Y%m%d%H%M%S)_outbox.sql";

/// Print the SQL that makes an outbox in a database of yours
///
/// It makes the table `apiary.outbox` and the function `apiary.enqueue`, by which jobs are committed together with rows
/// of your own. Running it again does no harm, and brings the table of an earlier version up to date.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Arguments) -> anyhow::Result<()> {
    print_line(OUTBOX_SQL.trim_end())
}
