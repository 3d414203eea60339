//! `apiary process submit`.

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

use apiary_executor_sdk::v1::{ListLogsRequest, Process, ProcessState};
use apiary_executor_sdk::wire::envelope_from_proto;
use apiary_executor_sdk::{Client, SubmitResult};
use apiary_identity::limits::{CONTENT_BYTES_MAX, PRIORITY_MAX, RETRIES_MAX};
use apiary_identity::{Content, OnFailed, Spec};
use clap::{Args, ValueEnum};
use serde::Serialize;
use uuid::Uuid;

use super::follow::{Observation, follow};
use super::logs::LineView;
use super::requires::Requires;
use super::show;
use super::view::{ProcessView, is_finished, state_word};
use crate::arguments::{TimeArgument, duration, millis, pair, uuid, whole};
use crate::context::Context;
use crate::exit::Fault;
use crate::output::{note, plain};
use crate::{files, profile};

/// Time without an end after which a waiting user is told the reasons.
const QUIET_FOR: Duration = Duration::from_secs(2);

const EXAMPLES: &str = "\
Examples:
  apiary process submit --type echo --function echo --args '{\"hello\":\"world\"}' --wait
  apiary process submit --type finance --function stripe.event --args-file event.json \\
      --idempotency-key evt_123 --label source=replay --max-retries 5
  apiary process submit --type render --function still --cpu 4 --memory 10Gi --gpus 1 --tag cuda
  apiary process submit --type echo --function count --args '{\"to\":10,\"ms\":500}' --follow
  apiary process submit --type archive --function close --after ID --after OTHER_ID
  date | apiary process submit --type echo --function echo --args-file -";

/// Sign a spec and submit it; prints the process's id
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Executor type for the process
    #[arg(long = "type", value_name = "TYPE")]
    executor_type: String,
    /// Function to run
    #[arg(long)]
    function: String,
    /// Arguments, as JSON
    #[arg(long, value_name = "JSON", conflicts_with = "args_file")]
    args: Option<String>,
    /// A file with the arguments, any bytes; `-` is standard input
    #[arg(long, value_name = "FILE")]
    args_file: Option<PathBuf>,
    /// Priority, -50000 to 50000; each step outweighs one day of waiting
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_parser = whole::<i32>((-PRIORITY_MAX).into(), PRIORITY_MAX.into()))]
    priority: i32,
    /// Number of attempts after the first; -1 is no limit
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = whole::<i32>(-1, RETRIES_MAX.into()))]
    max_retries: Option<i32>,
    /// Time limit for one attempt, such as 5m; 0 is no limit
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    max_exec: Option<Duration>,
    /// Time limit for being claimed, after which the process fails; pauses do not count
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    max_wait: Option<Duration>,
    /// Earliest start: a time (RFC 3339), or a time from now, such as 5m
    #[arg(long, value_name = "WHEN", value_parser = TimeArgument::read)]
    not_before: Option<TimeArgument>,
    /// A parent: the process starts only after this one has succeeded; may be given several times
    #[arg(long = "after", value_name = "ID", value_parser = uuid)]
    parents: Vec<Uuid>,
    /// Idempotency key: a later spec of the same function with the same key returns this process
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Treatment of your process with the same idempotency key, if it failed or is a dead letter
    #[arg(long, value_name = "WORD", value_enum, default_value_t = OnFailedWord::Keep, requires = "idempotency_key")]
    on_failed: OnFailedWord,
    /// Concurrency key: processes with the same key run one at a time, or as many as `apiary limit` permits
    #[arg(long, value_name = "KEY")]
    concurrency_key: Option<String>,
    /// Rate key: processes with the same key start only as fast as `apiary limit` permits
    #[arg(long, value_name = "KEY")]
    rate_key: Option<String>,
    /// A label, for finding the process again; may be given several times
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = pair)]
    labels: Vec<(String, String)>,
    /// An environment variable for the executor; may be given several times
    #[arg(long = "env", value_name = "KEY=VALUE", value_parser = pair)]
    env: Vec<(String, String)>,
    /// Only for executors with this name; may be given several times
    #[arg(long = "executor", value_name = "NAME")]
    executor_names: Vec<String>,
    /// Wait until the process is finished, and show it with its output; fails if it failed. Needs the right `read_own`
    #[arg(long)]
    wait: bool,
    /// Same as --wait, and meanwhile show log lines and progress
    #[arg(long)]
    follow: bool,
    /// Longest wait
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "5m")]
    timeout: Duration,
    // Last, because all later options would appear under its heading.
    #[command(flatten)]
    requires: Requires,
}

/// Treatment of a process that failed before.
#[derive(Clone, Copy, ValueEnum)]
enum OnFailedWord {
    /// The process stays failed
    Keep,
    /// The process is retried, with all its retries
    Redrive,
}

/// Progress of a process, as stated by the broker.
#[derive(Serialize)]
struct ProgressView<'a> {
    process_id: &'a str,
    percent: Option<f64>,
    progress: &'a str,
}

#[derive(Serialize)]
struct Answer {
    process_id: String,
    existed: bool,
    redriven: bool,
    state: String,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let content = arguments.content()?;
    let client = profile::client(&context.settings)?;
    let spec = arguments.spec(&client, content);
    let submitted = client.submit(&spec).await?;
    let met = meeting(&client, &spec, submitted).await;
    if arguments.wait || arguments.follow {
        // Printed at once on standard error, for users who stop waiting; standard output is for the result.
        let met = met.map_or(String::new(), |met| format!(": {met}"));
        note(&format!("process {}{met}", submitted.process_id));
        return wait(arguments, context, &client, submitted).await;
    }
    let answer = Answer {
        process_id: submitted.process_id.to_string(),
        existed: submitted.existed,
        redriven: submitted.redriven,
        state: state_word(submitted.state),
    };
    if let Some(met) = met {
        note(&met);
    }
    if is_finished(submitted.state) && submitted.state != ProcessState::Succeeded {
        note(&format!("it is {}: `apiary process explain {}` says why", answer.state, answer.process_id));
    }
    context.format.print(&answer, |answer| answer.process_id.clone())
}

/// Describes the existing process that the spec met, if there was one, and whose arguments are in use.
async fn meeting(client: &Client, spec: &Spec, submitted: SubmitResult) -> Option<String> {
    if !submitted.existed {
        return None;
    }
    let met = match submitted.redriven {
        true => "it had failed before, and is retried, with all its retries",
        false => "it existed before: the same spec, or another with its idempotency key",
    };
    // The answer does not contain the stored spec, and not every key may read it.
    let kept = client.get_process(submitted.process_id).await.ok().and_then(|process| process.spec);
    let kept: Option<Spec> = kept.and_then(|kept| envelope_from_proto(&kept).ok()?.open().ok());
    let bytes = |spec: &Spec| spec.args().to_bytes().ok();
    let whose = match kept.map(|kept| bytes(&kept) == bytes(spec)) {
        Some(true) => "",
        Some(false) => {
            "; its arguments differ from these and stay as they are: submit these with another idempotency key"
        }
        None => "; its arguments stay as they are: submit others with another idempotency key",
    };
    Some(format!("{met}; nothing new was submitted{whose}"))
}

async fn wait(
    arguments: &Arguments,
    context: &Context,
    client: &Client,
    submitted: SubmitResult,
) -> anyhow::Result<()> {
    let process_id = submitted.process_id;
    let finished = async {
        match arguments.follow {
            true => follow_shown(context, client, process_id).await,
            false => Ok(client.wait_until_finished(process_id).await?),
        }
    };
    let finished = async {
        tokio::select! {
            finished = finished => finished,
            never = tell_what_holds(client, process_id) => match never {},
        }
    };
    let finished = tokio::time::timeout(arguments.timeout, finished).await;
    let process = finished.map_err(|_| {
        Fault::failure(format!("process {process_id} is not finished after {:?}", arguments.timeout)).hint(format!(
            "it goes on: `apiary process watch {process_id}`; why: `apiary process explain {process_id}`"
        ))
    })??;
    let shown = show::read(client, process_id).await?;
    context.format.print(&shown, show::text)?;
    match process.state() {
        ProcessState::Succeeded => Ok(()),
        state => Err(Fault::failure(format!("process {process_id} ended as {}", state_word(state))).into()),
    }
}

/// Reports why nothing happens, after a short silence, and again after each change of the reasons.
async fn tell_what_holds(client: &Client, process_id: Uuid) -> Infallible {
    let mut told = Vec::new();
    loop {
        tokio::time::sleep(QUIET_FOR).await;
        // A missing answer is reported by the other requests to the broker.
        let Ok(answer) = client.explain(process_id).await else { continue };
        let is_held = answer
            .process
            .is_some_and(|process| matches!(process.state(), ProcessState::Waiting | ProcessState::Blocked));
        let mut reasons = if is_held { answer.reasons } else { Vec::new() };
        if reasons.len() > 1 {
            // The position in the queue means nothing while another reason holds the process.
            reasons.retain(|reason| reason.kind != "QUEUED");
        }
        // The texts count down; the kinds and subjects change only with the reasons.
        let named: Vec<_> = reasons.iter().map(|reason| (reason.kind.clone(), reason.subjects.clone())).collect();
        if named != told {
            reasons.iter().for_each(|reason| note(&format!("not running: {}", plain(&reason.text))));
            told = named;
        }
    }
}

/// Shows log lines and progress until the process is finished.
async fn follow_shown(context: &Context, client: &Client, process_id: Uuid) -> anyhow::Result<Process> {
    let mut told = String::new();
    follow(client, process_id, ListLogsRequest::default(), |seen| match seen {
        Observation::Line(line) => context.format.print(&LineView::from(line), LineView::text),
        Observation::Process(process) => {
            let view = ProcessView::from(*process);
            let now = view.progress_line();
            if now == told || now.is_empty() {
                return Ok(());
            }
            told = now;
            let progress =
                ProgressView { process_id: &view.process_id, percent: view.percent, progress: &view.progress };
            context.format.print(&progress, |_| plain(&told))
        }
    })
    .await
}

impl Arguments {
    fn spec(&self, client: &Client, content: Content) -> Spec {
        let mut spec = client.spec(&self.executor_type, &self.function).with_args(content);
        spec.priority = self.priority;
        if let Some(max_retries) = self.max_retries {
            spec.max_retries = max_retries;
        }
        spec.max_exec_ms = self.max_exec.map_or(0, millis);
        spec.max_wait_ms = self.max_wait.map_or(0, millis);
        spec.not_before = self.not_before.map(|moment| moment.at(client.clock().now()));
        spec.parents = self.parents.iter().copied().collect();
        spec.idempotency_key = self.idempotency_key.clone();
        spec.on_failed = match self.on_failed {
            OnFailedWord::Keep => OnFailed::Keep,
            OnFailedWord::Redrive => OnFailed::Redrive,
        };
        spec.concurrency_key = self.concurrency_key.clone();
        spec.rate_key = self.rate_key.clone();
        spec.labels = self.labels.iter().cloned().collect();
        spec.env = self.env.iter().cloned().collect();
        spec.executor_names = self.executor_names.clone();
        spec.requires = self.requires.requirements();
        spec
    }

    fn content(&self) -> anyhow::Result<Content> {
        if let Some(json) = &self.args {
            serde_json::from_str::<serde::de::IgnoredAny>(json).map_err(|error| {
                Fault::usage(format!("--args is not JSON: {error}")).hint("use --args-file for other bytes")
            })?;
            return Ok(Content::from_bytes(json.trim().as_bytes()));
        }
        match &self.args_file {
            Some(path) => Ok(Content::from_bytes(&files::read(path, CONTENT_BYTES_MAX, "a spec's arguments have")?)),
            None => Ok(Content::default()),
        }
    }
}
