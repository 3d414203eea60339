//! `apiary config show`.

use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::output::{Format, note, table};
use crate::settings::table::TABLE;

const EXAMPLES: &str = "\
Examples:
  apiary config show
  apiary config show --changed -o json | jq '.[] | select(.origin == \"APIARY_COLONY\")'";

/// Show every setting's value and its source; secrets are hidden
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Only settings that were set
    #[arg(long)]
    changed: bool,
}

#[derive(Serialize)]
struct Row {
    key: &'static str,
    value: Option<String>,
    origin: Option<String>,
    secret: bool,
    kind: String,
    variable: String,
    used_by: &'static str,
    help: &'static str,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let settings = &context.settings;
    let shown = TABLE.iter().filter(|setting| !arguments.changed || settings.is_set(setting));
    let rows: Vec<Row> = shown
        .map(|setting| Row {
            key: setting.key,
            value: settings.shown(setting),
            origin: settings.origin(setting).map(ToString::to_string),
            secret: setting.secret,
            kind: setting.kind.word(),
            variable: setting.variable(),
            used_by: setting.used_by,
            help: setting.help,
        })
        .collect();
    context.format.print(&rows, |rows| text(rows))?;
    if context.format == Format::Text {
        match settings.file() {
            Some(path) => note(&format!("file: {}", path.display())),
            None => note("file: none"),
        }
    }
    Ok(())
}

fn text(rows: &[Row]) -> String {
    let cells = rows.iter().map(|row| {
        vec![
            row.key.to_owned(),
            row.value.clone().unwrap_or_else(|| "-".to_owned()),
            row.origin.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    });
    table(&["setting", "value", "from"], cells)
}
