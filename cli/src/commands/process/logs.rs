//! `apiary process logs`.

use apiary_executor_sdk::{Client, LogLevel, v1};
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::follow::{Observation, follow};
use super::select::Which;
use super::view::HIDDEN;
use crate::arguments::{Level, Past, whole};
use crate::context::Context;
use crate::output::{BAD, STRONG, WARN, plain, styled};
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary process logs latest --follow
  apiary process logs 019ab2c4-5d6e-7f80-9123-456789abcdef --last 20 --level error
  apiary process logs --executor echo --since 10m --grep 'out of memory'
  apiary process logs latest -o json | jq -r 'select(.fields.rows > 100).message'";

/// Lines in one answer of the broker.
const PAGE: i32 = 1000;

/// Show the log of a process, or of the whole colony
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Id of the process, or `latest`; without one, the whole colony
    #[arg(value_name = "ID", value_parser = Which::read)]
    id: Option<Which>,
    /// Show further lines as they arrive, until the process is finished
    #[arg(long, short, requires = "id")]
    follow: bool,
    /// Only lines since then: a time (RFC 3339), or a time back from now, such as 10m
    #[arg(long, value_name = "WHEN", value_parser = Past::read)]
    since: Option<Past>,
    /// Only the last N matching lines, 1 to 1000
    #[arg(long, value_name = "N", value_parser = whole::<i32>(1, 1000))]
    last: Option<i32>,
    /// Only lines of this level
    #[arg(long, value_enum)]
    level: Option<Level>,
    /// Only lines that contain this text; a to z match A to Z
    #[arg(long, value_name = "TEXT")]
    grep: Option<String>,
    /// Only lines of executors with this name
    #[arg(long, value_name = "NAME")]
    executor: Option<String>,
}

/// A log line, as stated by the broker.
#[derive(Serialize)]
pub(super) struct LineView {
    line: i64,
    process_id: String,
    attempt: i32,
    executor: String,
    time: Option<Timestamp>,
    level: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Box<RawValue>>,
    /// True if the broker keeps message and fields from the caller.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    payload_hidden: bool,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let client = profile::client(&context.settings)?;
    let request = arguments.request(&client);
    let show = |line: v1::LogLine| context.format.print(&LineView::from(line), LineView::text);
    let Some(which) = arguments.id else {
        let many = |line: v1::LogLine| context.format.print(&LineView::from(line), LineView::text_with_process);
        return list(&client, request, many).await;
    };
    let process_id = which.find(&client).await?;
    if !arguments.follow {
        return list(&client, v1::ListLogsRequest { process_id: process_id.to_string(), ..request }, show).await;
    }
    let wanted = request.clone();
    follow(&client, process_id, request, |seen| match seen {
        Observation::Line(line) if matches(&wanted, &line) => show(line),
        Observation::Line(_) | Observation::Process(_) => Ok(()),
    })
    .await?;
    Ok(())
}

async fn list(
    client: &Client,
    mut request: v1::ListLogsRequest,
    show: impl Fn(v1::LogLine) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    loop {
        let page = client.list_logs(request.clone()).await?;
        page.lines.into_iter().try_for_each(&show)?;
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok(());
        }
    }
}

/// Returns true if a line from the stream matches the filter, by the same rules as the broker's list.
fn matches(wanted: &v1::ListLogsRequest, line: &v1::LogLine) -> bool {
    let text = wanted.text.to_ascii_lowercase();
    (wanted.executor.is_empty() || line.executor == wanted.executor)
        && (wanted.level.is_empty() || line.level == wanted.level)
        && line.time_ms >= wanted.since_ms
        && line.message.to_ascii_lowercase().contains(&text)
}

impl Arguments {
    fn request(&self, client: &Client) -> v1::ListLogsRequest {
        let since = self.since.map(|since| since.at(client.clock().now()));
        v1::ListLogsRequest {
            process_id: String::new(),
            executor: self.executor.clone().unwrap_or_default(),
            since_ms: since.map_or(0, |at| at.as_millisecond().max(0)),
            level: self.level.map(|level| LogLevel::from(level).as_str().to_owned()).unwrap_or_default(),
            text: self.grep.clone().unwrap_or_default(),
            last: self.last.unwrap_or_default(),
            page_size: PAGE,
            page_token: String::new(),
        }
    }
}

impl From<v1::LogLine> for LineView {
    fn from(line: v1::LogLine) -> Self {
        Self {
            line: line.line,
            process_id: line.process_id,
            attempt: line.attempt,
            executor: line.executor,
            time: Timestamp::from_millisecond(line.time_ms).ok(),
            level: line.level,
            message: line.message,
            fields: serde_json::from_str(&line.fields).ok(),
            payload_hidden: line.payload_hidden,
        }
    }
}

impl LineView {
    /// Formats the line.
    pub(super) fn text(&self) -> String {
        let time = self.time.map(|time| time.to_string()).unwrap_or_default();
        let level = match self.level.as_str() {
            "error" => styled(BAD, "error "),
            "warn" => styled(WARN, "warn  "),
            level => styled(STRONG, &plain(&format!("{level:<6}"))),
        };
        let fields = self.fields.as_ref().map(|fields| format!(" {}", plain(fields.get()))).unwrap_or_default();
        let message = if self.payload_hidden { HIDDEN } else { &self.message };
        format!("{} {level} {}{fields}", plain(&time), plain(message))
    }

    /// Formats the line with its process.
    fn text_with_process(&self) -> String {
        format!("{} {} {}", plain(&self.process_id), plain(&self.executor), self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_comes_by_itself_is_matched_as_the_broker_matches() {
        let line = v1::LogLine {
            executor: "bee".into(),
            level: "warn".into(),
            time_ms: 10,
            message: "Out of Memory".into(),
            ..Default::default()
        };
        let all = v1::ListLogsRequest::default;
        for (wanted, expected) in [
            (all(), true),
            (v1::ListLogsRequest { text: "of mem".into(), level: "warn".into(), since_ms: 10, ..all() }, true),
            (v1::ListLogsRequest { text: "of%".into(), ..all() }, false),
            (v1::ListLogsRequest { level: "info".into(), ..all() }, false),
            (v1::ListLogsRequest { executor: "be".into(), ..all() }, false),
            (v1::ListLogsRequest { since_ms: 11, ..all() }, false),
        ] {
            assert_eq!(matches(&wanted, &line), expected, "{wanted:?}");
        }
    }

    #[test]
    fn a_line_cannot_rewrite_the_terminal() {
        let line = v1::LogLine {
            level: "\u{1b}[2J".into(),
            message: "a\u{1b}[1Ab".into(),
            fields: "{\"a\":\n1}".into(),
            ..Default::default()
        };
        let text = LineView::from(line).text();
        let rewriting = ["\u{1b}[1A", "\u{1b}[2J", "\n"];
        assert!(!rewriting.iter().any(|control| text.contains(control)), "{text:?}");
    }
}
