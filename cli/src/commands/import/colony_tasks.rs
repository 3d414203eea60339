//! `apiary import colony-tasks`.

use std::path::{Path, PathBuf};

use apiary_adapters::legacy::{
    Import, ImportEnd, LegacyError, LegacyFile, LegacyTable, Mapping, Report, RowStatus, Source,
};
use apiary_identity::KeyPair;
use clap::Args;
use tokio::io::BufReader;

use super::{secret_file, view};
use crate::arguments::whole;
use crate::context::Context;
use crate::exit::{Exit, Fault};
use crate::output::Progress;
use crate::profile;
use crate::settings::{Settings, table};

const EXAMPLES: &str = "\
Examples:
  apiary import colony-tasks --source shop --postgres-url-file legacy.url --dry-run
  APIARY_IMPORT_DATABASE_URL=postgres://… apiary import colony-tasks --source shop \\
      --executor-type worker
  psql -Atc 'SELECT row_to_json(t) FROM colony_tasks t' | \\
      apiary import colony-tasks --source shop --executor-type worker --file - -o json";

/// Submit the pending rows of a `colony_tasks` table or its dump; safe to repeat
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Name of the table, part of each row's idempotency key: always give the same table the same name, and different
    /// tables different names
    #[arg(long, value_name = "NAME")]
    source: String,
    /// A dump: JSON lines, or a JSON array; `-` is standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// A file, readable by its owner only, with the URL of the table's Postgres; or set APIARY_IMPORT_DATABASE_URL
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    postgres_url_file: Option<PathBuf>,
    /// Schema of the table; if not given, the role's search path
    #[arg(long, value_name = "NAME", conflicts_with = "file")]
    schema: Option<String>,
    /// Executor type of rows that name none
    #[arg(long, value_name = "TYPE")]
    executor_type: Option<String>,
    /// Function of rows that name none
    #[arg(long, value_name = "NAME")]
    function: Option<String>,
    /// Only rows with this value in the column `colony`
    #[arg(long, value_name = "NAME")]
    from_colony: Option<String>,
    /// Also rows that are running or assigned; stop the older workers first, or the work may be done twice
    #[arg(long)]
    include_running: bool,
    /// Do not fail because of rows with an unknown status
    #[arg(long)]
    skip_unknown: bool,
    /// Number of concurrent submits, 1 to 64; with more than one, neighbouring rows may change places in the queue
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole::<u8>(1, 64))]
    parallel: u8,
    /// Send nothing, and print what would be submitted
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let mapping = arguments.mapping().map_err(fault)?;
    let settings = &context.settings;
    let import = if arguments.dry_run {
        // A dump can be examined before there is a colony: the id in specs that are never sent does not matter.
        let colony = settings.id(&table::COLONY).unwrap_or_else(|| KeyPair::generate().id());
        Import::dry_run(mapping.clone(), colony, profile::clock())
    } else {
        Import::new(mapping.clone(), profile::client(settings)?).parallel(arguments.parallel.into())
    };
    let source = arguments.open(settings, &mapping).await?;
    let progress = Progress::start("importing", context.format);
    let ended = import.run(source).await;
    drop(progress);
    context.format.print(&ended.report, view::text)?;
    judge(ended, arguments.skip_unknown)
}

impl Arguments {
    fn mapping(&self) -> Result<Mapping, LegacyError> {
        let mut mapping = Mapping::new(&self.source)?;
        mapping.executor_type = self.executor_type.clone();
        mapping.function = self.function.clone();
        mapping.from_colony = self.from_colony.clone();
        mapping.include_running = self.include_running;
        Ok(mapping)
    }

    async fn open(&self, settings: &Settings, mapping: &Mapping) -> anyhow::Result<Source> {
        if let Some(path) = &self.file {
            return Ok(dump(path).await?.into());
        }
        let url = match &self.postgres_url_file {
            Some(path) => Some(secret_file::read(path)?),
            None => settings.secret(&table::IMPORT_DATABASE_URL),
        };
        let url = url.ok_or_else(|| {
            Fault::usage("no source of the rows is given")
                .hint("give --file DUMP, or --postgres-url-file FILE, or set APIARY_IMPORT_DATABASE_URL")
        })?;
        Ok(LegacyTable::open(&url, self.schema.as_deref(), mapping).await.map_err(fault)?.into())
    }
}

async fn dump(path: &Path) -> anyhow::Result<LegacyFile> {
    let path = if path == Path::new("-") { Path::new("/dev/stdin") } else { path };
    let file = tokio::fs::File::open(path).await;
    let file = file.map_err(|error| Fault::new(Exit::NotFound, format!("{}: {error}", path.display())))?;
    Ok(LegacyFile::new(BufReader::new(file)))
}

/// Converts the result to an exit code: success only if the source was read to its end and no row stayed undecided.
fn judge(ended: ImportEnd, skip_unknown: bool) -> anyhow::Result<()> {
    if let Some(error) = ended.cut_short {
        let context = format!("the import ended after {} rows", ended.report.rows);
        return Err(fault(error).context(context));
    }
    let report = ended.report;
    let mut words = Vec::new();
    if report.failed > 0 {
        words.push(format!("{} could not be imported", report.failed));
    }
    if report.unknown > 0 && !skip_unknown {
        words.push(format!("{} with an unknown status ({})", report.unknown, unknown(&report)));
    }
    if words.is_empty() {
        return Ok(());
    }
    let hint = match report.failed {
        0 => "--skip-unknown ignores them",
        _ => "the next run imports repaired rows, and none twice",
    };
    Err(Fault::failure(format!("of the rows, {}", words.join(", and "))).hint(hint).into())
}

/// Lists the unknown statuses, as many as fit into a line.
fn unknown(report: &Report) -> String {
    const NAMES_MAX: usize = 5;
    let names = report.statuses.iter().filter(|count| count.action == RowStatus::Unknown.word());
    let mut names: Vec<String> = names.map(|count| format!("`{}`", count.status)).collect();
    if names.len() > NAMES_MAX {
        names.truncate(NAMES_MAX);
        names.push("…".to_owned());
    }
    names.join(", ")
}

fn fault(error: LegacyError) -> anyhow::Error {
    let exit = match error {
        LegacyError::Broker(error) => return error.into(),
        LegacyError::Setting(_) => Exit::Usage,
        LegacyError::NoTable(_) => Exit::NotFound,
        LegacyError::Unavailable(_) => Exit::Unreachable,
        LegacyError::Unreadable(_) => Exit::Failure,
    };
    Fault::new(exit, error.to_string()).into()
}
