//! `apiary process show`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use apiary_executor_sdk::wire::envelope_from_proto;
use apiary_executor_sdk::{Client, v1};
use apiary_identity::{OnFailed, Outcome, Progress, Requirements, Spec};
use clap::Args;
use jiff::SignedDuration;
use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;
use uuid::Uuid;

use super::archived;
use super::requires;
use super::select::Which;
use super::view::{AttemptView, AttributeView, ContentView, HIDDEN, ProcessView};
use crate::context::Context;
use crate::output::{STRONG, hanging, plain, styled};
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary process show 019ab2c4-5d6e-7f80-9123-456789abcdef
  apiary process show latest -o json | jq .output.json";

/// Show one process: its state, arguments, attempts and output
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Id of the process, or `latest`
    #[arg(value_name = "ID", value_parser = Which::read)]
    id: Which,
}

/// A process, as stated by the broker: only `verify` checks its signatures.
#[derive(Serialize)]
pub(super) struct ShowOutput {
    #[serde(flatten)]
    process: ProcessView,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    executor_names: Vec<String>,
    #[serde(skip_serializing_if = "Requirements::is_empty")]
    requires: Requirements,
    #[serde(skip_serializing_if = "Option::is_none")]
    terms: Option<Terms>,
    args: Option<ContentView>,
    output: Option<ContentView>,
    /// Output shown before the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    output_so_far: Option<ContentView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attributes: Vec<AttributeView>,
    attempts: Vec<AttemptView>,
    /// True if the broker keeps arguments, output and attributes from the caller.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    payload_hidden: bool,
}

/// Terms of execution, from the spec.
#[derive(Serialize)]
struct Terms {
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<String>,
    /// Absent if a failed process with the key stays as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    on_failed: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrency_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<jiff::Timestamp>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    parents: BTreeSet<Uuid>,
    /// 0 is no limit.
    max_wait_ms: i64,
    /// 0 is no limit.
    max_exec_ms: i64,
    /// -1 is no limit.
    max_retries: i32,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    env: BTreeMap<String, String>,
}

impl From<&Spec> for Terms {
    fn from(spec: &Spec) -> Self {
        Self {
            idempotency_key: spec.idempotency_key.clone(),
            on_failed: (spec.on_failed != OnFailed::default()).then(|| spec.on_failed.as_str()),
            concurrency_key: spec.concurrency_key.clone(),
            rate_key: spec.rate_key.clone(),
            not_before: spec.not_before,
            parents: spec.parents.clone(),
            max_wait_ms: spec.max_wait_ms,
            max_exec_ms: spec.max_exec_ms,
            max_retries: spec.max_retries,
            env: spec.env.clone(),
        }
    }
}

impl Terms {
    /// Returns the terms that differ from the defaults, as names and values.
    fn lines(&self) -> Vec<(&'static str, String)> {
        let key = |key: &Option<String>| key.clone().unwrap_or_default();
        let span = |ms: i64| if ms == 0 { String::new() } else { format!("{:#}", SignedDuration::from_millis(ms)) };
        vec![
            ("idempotency", key(&self.idempotency_key)),
            ("on failed", self.on_failed.unwrap_or_default().to_owned()),
            ("concurrency", key(&self.concurrency_key)),
            ("rate", key(&self.rate_key)),
            ("after", self.parents.iter().map(Uuid::to_string).collect::<Vec<_>>().join(" ")),
            ("max wait", span(self.max_wait_ms)),
            ("max exec", span(self.max_exec_ms)),
            ("max retries", if self.max_retries < 0 { "no limit".to_owned() } else { self.max_retries.to_string() }),
            ("env", self.env.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")),
        ]
    }
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let client = profile::client(&context.settings)?;
    let process_id = arguments.id.find(&client).await?;
    let answer = archived::get_process(&client, &context.settings, process_id).await?;
    context.format.print(&shown(answer), text)
}

/// Reads a process.
pub(super) async fn read(client: &Client, process_id: Uuid) -> anyhow::Result<ShowOutput> {
    Ok(shown(client.get_process(process_id).await?))
}

fn shown(answer: v1::GetProcessResponse) -> ShowOutput {
    let spec = answer.spec.as_ref().and_then(opened);
    let output = answer.attempts.last().and_then(|attempt| output(attempt.result.as_ref()?));
    ShowOutput {
        args: spec.as_ref().and_then(|spec| ContentView::of(&spec.args())),
        terms: spec.as_ref().map(Terms::from),
        executor_names: spec.as_ref().map(|spec| spec.executor_names.clone()).unwrap_or_default(),
        requires: spec.map(|spec| spec.requires).unwrap_or_default(),
        output_so_far: if output.is_some() { None } else { answer.progress.as_ref().and_then(output_so_far) },
        output,
        attributes: answer.attributes.into_iter().map(AttributeView::from).collect(),
        attempts: answer.attempts.iter().map(AttemptView::from).collect(),
        payload_hidden: answer.payload_hidden,
        process: answer.process.unwrap_or_default().into(),
    }
}

fn opened(envelope: &v1::Envelope) -> Option<Spec> {
    envelope_from_proto(envelope).ok()?.open().ok()
}

fn output(envelope: &v1::Envelope) -> Option<ContentView> {
    let outcome: Outcome = envelope_from_proto(envelope).ok()?.open().ok()?;
    ContentView::of(&outcome.output())
}

/// Formats a process's state in a line.
pub(super) fn line(process: &ProcessView) -> String {
    let until = match (process.cancel_deadline, process.state_until) {
        (Some(deadline), _) => format!(", being cancelled, until {deadline} at the latest"),
        (None, Some(until)) => format!(" until {until}"),
        (None, None) => String::new(),
    };
    plain(&format!("{} {}{until}", process.process_id, process.state))
}

fn output_so_far(envelope: &v1::Envelope) -> Option<ContentView> {
    let progress: Progress = envelope_from_proto(envelope).ok()?.open().ok()?;
    ContentView::of(&progress.output()?)
}

/// Formats all fields.
pub(super) fn text(shown: &ShowOutput) -> String {
    let process = &shown.process;
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            let head = format!("{name:<12} ");
            let _ = writeln!(text, "{}", hanging(&styled(STRONG, &head), head.width(), &plain(&value)));
        }
    };
    let moment = |at: Option<jiff::Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    line("process", process.process_id.clone());
    line("function", format!("{} for {}", process.function, process.executor_type));
    line("state", format!("{} since {}", process.state, moment(process.state_since)));
    line("until", moment(process.state_until));
    line("waits for", process.blocked_cause.clone());
    line("cancelled", process.cancel_deadline.map(|at| format!("ends at {at} at the latest")).unwrap_or_default());
    line("ended by", process.ended_by.clone());
    line("reason", process.reason.clone());
    line("progress", process.progress_line());
    line("submitted", format!("{} by {}", moment(process.submitted_at), process.submitter));
    line("priority", if process.priority == 0 { String::new() } else { process.priority.to_string() });
    let labels: Vec<String> = process.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    line("labels", labels.join(" "));
    line("executors", shown.executor_names.join(" "));
    line("requires", requires::line(&shown.requires));
    for (name, value) in shown.terms.iter().flat_map(Terms::lines) {
        line(name, value);
    }
    line("payloads", if shown.payload_hidden { HIDDEN.to_owned() } else { String::new() });
    line("args", shown.args.as_ref().map(ContentView::line).unwrap_or_default());
    for attempt in &shown.attempts {
        let ended = moment(attempt.ended_at);
        let reason = if attempt.reason.is_empty() { String::new() } else { format!(": {}", attempt.reason) };
        line(
            &format!("attempt {}", attempt.attempt),
            format!("{} by {} {ended}{reason}", attempt.outcome, attempt.executor),
        );
    }
    for attribute in &shown.attributes {
        line(&attribute.kind, format!("{} = {}", plain(&attribute.key), attribute.value));
    }
    line("so far", shown.output_so_far.as_ref().map(ContentView::line).unwrap_or_default());
    line("output", shown.output.as_ref().map(ContentView::line).unwrap_or_default());
    text
}
