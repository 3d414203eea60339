//! `apiary status`.

use std::fmt::Write as _;

use apiary_protocol::snapshot::{ExecutorPart, FindingPart, QueuePart, Snapshot};
use clap::Args;

use crate::context::Context;
use crate::exit::{self, Exit, Quiet};
use crate::output::{BAD, GOOD, WARN, counted, hanging, listing, plain, print_line, styled, table, with_place_flags};
use crate::settings::table as settings_table;
use crate::{profile, snapshot};

/// Rows of each list, so that all fits on one screen.
const ROWS_MAX: usize = 6;
/// States of executors that take work.
const PRESENT: [&str; 2] = ["idle", "busy"];

const EXAMPLES: &str = "\
Examples:
  apiary status
  watch -n 5 apiary status
  apiary status --monitor    # for Nagios, Icinga and their like";

/// Show the colony on one screen: broker, processes, queues, executors, findings
///
/// Exits with 0 if nothing needs attention, with 10 if something does, and with 4 if the broker does not answer. With
/// --monitor it prints one line, and exits as monitors expect: 0 all is well, 1 a warning, 2 work stands still or the
/// broker does not answer, 3 it is not known. Needs the right `read`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Print one line, and exit with the codes of monitoring plugins
    #[arg(long)]
    monitor: bool,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let read = async {
        let client = profile::client(&context.settings)?;
        anyhow::Ok(snapshot::read(&client, &context.settings).await?)
    };
    let read = read.await;
    if arguments.monitor {
        let (exit, line) = verdict(&read, address(context));
        print_line(&line)?;
        return exit.map_or(Ok(()), |exit| Err(Quiet(exit).into()));
    }
    let snapshot = read?;
    let address = address(context);
    context.format.print(&snapshot, |snapshot| text(snapshot, &address))?;
    if snapshot.healthy { Ok(()) } else { Err(Quiet(Exit::Attention).into()) }
}

fn address(context: &Context) -> String {
    context.settings.text(&settings_table::BROKER_ADDRESS).unwrap_or_default().to_owned()
}

/// Returns the exit code of a monitoring plugin, which is none for 0, and its line.
fn verdict(read: &anyhow::Result<Snapshot>, address: String) -> (Option<Exit>, String) {
    // The numbers of the plugins' convention, under the names that this program gives them.
    const WARNING: Exit = Exit::Failure;
    const CRITICAL: Exit = Exit::Usage;
    const UNKNOWN: Exit = Exit::Refused;
    match read {
        Ok(snapshot) => {
            let (exit, word) = match (snapshot.healthy, snapshot.findings.iter().any(|finding| finding.critical)) {
                (true, _) => (None, "OK"),
                (false, true) => (Some(CRITICAL), "CRITICAL"),
                (false, false) => (Some(WARNING), "WARNING"),
            };
            let first = snapshot.findings.first();
            let words = first.map_or("nothing needs attention".to_owned(), |first| {
                let more = snapshot.findings.len().saturating_sub(1);
                let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
                format!("{}: {}{more}", first.kind, first.text)
            });
            (exit, format!("APIARY {word} - {}|{}", for_plugin(&words), performance(snapshot)))
        }
        Err(error) if exit::code(error) == Exit::Unreachable => {
            let words = for_plugin(&exit::words(error));
            (Some(CRITICAL), format!("APIARY CRITICAL - no answer from {}: {words}", for_plugin(&address)))
        }
        Err(error) => (Some(UNKNOWN), format!("APIARY UNKNOWN - {}", for_plugin(&exit::words(error)))),
    }
}

/// Removes the mark after which a plugin's line has numbers.
fn for_plugin(words: &str) -> String {
    plain(words).replace('|', "/")
}

/// Formats the numbers of a plugin's line.
fn performance(snapshot: &Snapshot) -> String {
    let count = |state: &str| snapshot.states.get(state).copied().unwrap_or(0);
    let present = snapshot.executors.iter().filter(|one| PRESENT.contains(&one.state.as_str())).count();
    let oldest_ms = snapshot.queues.iter().map(|queue| queue.oldest_age_ms).max().unwrap_or(0);
    format!(
        "waiting={} blocked={} running={} dead_letter={} executors={present} oldest={}s findings={}",
        count("waiting"),
        count("blocked"),
        count("running"),
        count("dead_letter"),
        oldest_ms / 1000,
        snapshot.findings.len()
    )
}

fn text(snapshot: &Snapshot, address: &str) -> String {
    let mut text = head(snapshot, address);
    let _ = write!(text, "\n\n{}", listing(facts(snapshot)));
    if !snapshot.queues.is_empty() {
        let _ = write!(text, "\n\n{}", queues(&snapshot.queues));
    }
    if !snapshot.findings.is_empty() {
        let _ = write!(text, "\n\n{}", findings(&snapshot.findings));
    }
    text
}

fn head(snapshot: &Snapshot, address: &str) -> String {
    let open = i64::try_from(snapshot.findings.len()).unwrap_or(i64::MAX);
    let open = counted(open, "thing needs attention", "things need attention");
    let mark = match (snapshot.healthy, snapshot.findings.iter().any(|finding| finding.critical)) {
        (true, _) => styled(GOOD, "nothing needs attention"),
        (false, true) => styled(BAD, &open),
        (false, false) => styled(WARN, &open),
    };
    let readiness = if snapshot.broker.ready { "ready" } else { "not ready" };
    let (name, version) = (plain(&snapshot.colony.name), plain(&snapshot.broker.version));
    format!("colony `{name}`: {mark}\nbroker {version} at {address}, {readiness}")
}

fn facts(snapshot: &Snapshot) -> Vec<(String, String)> {
    let states: Vec<String> = snapshot.states.iter().map(|(state, count)| format!("{count} {state}")).collect();
    let states = if states.is_empty() { "none".to_owned() } else { states.join(", ") };
    let mut facts = vec![("processes".to_owned(), states), ("executors".to_owned(), executors(&snapshot.executors))];
    if !snapshot.pauses.is_empty() {
        let names = snapshot.pauses.iter().map(|pause| format!("{} {}", pause.kind, pause.name).trim().to_owned());
        facts.push(("paused".to_owned(), names.take(ROWS_MAX).collect::<Vec<_>>().join(", ")));
    }
    if !snapshot.limits.is_empty() {
        facts.push(("limits".to_owned(), snapshot.limits.len().to_string()));
    }
    if let Some(webhook) = &snapshot.webhook {
        let words = format!(
            "{} at {}: {} in the spool, {} set aside",
            webhook.status, webhook.address, webhook.spool_events, webhook.set_aside
        );
        facts.push(("webhook".to_owned(), words));
    }
    facts
}

/// Counts executors by state, and names those that are not there.
fn executors(executors: &[ExecutorPart]) -> String {
    let mut counts = std::collections::BTreeMap::<&str, usize>::new();
    executors.iter().for_each(|one| *counts.entry(one.state.as_str()).or_default() += 1);
    if counts.is_empty() {
        return "none".to_owned();
    }
    let counts: Vec<String> = counts.into_iter().map(|(state, count)| format!("{count} {state}")).collect();
    let is_lost = |one: &&ExecutorPart| ["silent", "gone"].contains(&one.state.as_str());
    let lost: Vec<&str> = executors.iter().filter(is_lost).take(ROWS_MAX).map(|one| one.name.as_str()).collect();
    let lost = if lost.is_empty() { String::new() } else { format!(" (not heard: {})", lost.join(", ")) };
    format!("{}{lost}", counts.join(", "))
}

fn queues(queues: &[QueuePart]) -> String {
    let row = |queue: &QueuePart| {
        let least = if queue.is_least { "at least " } else { "" };
        vec![queue.executor_type.clone(), format!("{least}{}", queue.waiting), age(queue.oldest_age_ms)]
    };
    let shown = table(&["waiting for", "processes", "oldest"], queues.iter().take(ROWS_MAX).map(row));
    match queues.len().saturating_sub(ROWS_MAX) {
        0 => shown,
        more => format!("{shown}\nand {more} more types"),
    }
}

fn findings(findings: &[FindingPart]) -> String {
    let shown: Vec<String> = findings
        .iter()
        .take(ROWS_MAX)
        .map(|finding| {
            let style = if finding.critical { BAD } else { WARN };
            let columns = finding.kind.chars().count() + 2;
            let head = format!("{}  ", styled(style, &plain(&finding.kind)));
            hanging(&head, columns, &with_place_flags(&plain(&finding.text)))
        })
        .collect();
    match findings.len().saturating_sub(ROWS_MAX) {
        0 => shown.join("\n"),
        more => {
            format!("{}\n{}", shown.join("\n"), with_place_flags(&format!("and {more} more: `apiary colony health`")))
        }
    }
}

/// Formats an age in its largest unit.
pub(crate) fn age(ms: i64) -> String {
    match ms / 1000 {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}
