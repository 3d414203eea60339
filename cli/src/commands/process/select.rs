//! Selects processes: the filters of `list` and `watch`, and `latest` in place of an id.

use apiary_executor_sdk::v1::ProcessState;
use apiary_executor_sdk::{Client, v1};
use apiary_identity::{Clock as _, SystemClock};
use clap::{Args, ValueEnum};
use uuid::Uuid;

use crate::arguments::{Past, given, pair};
use crate::exit::{Exit, Fault};

/// Filters, all of which must match.
#[derive(Args)]
pub(crate) struct Filter {
    /// Only processes in this state; may be given several times
    #[arg(long = "state", value_enum)]
    states: Vec<StateWord>,
    /// Only processes for this executor type
    #[arg(long = "type", value_name = "TYPE", value_parser = given)]
    executor_type: Option<String>,
    /// Only processes of this function
    #[arg(long, value_parser = given)]
    function: Option<String>,
    /// Only processes with this label; may be given several times
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = pair)]
    labels: Vec<(String, String)>,
    /// Only processes of this submitter
    #[arg(long, value_name = "NAME", value_parser = given)]
    submitter: Option<String>,
    /// Only processes run, or last run, by this executor
    #[arg(long, value_name = "NAME", value_parser = given)]
    executor: Option<String>,
    /// Only processes submitted since: a time such as 2026-11-21T10:00:00Z, or a time back from now such as 90s, 2h or
    /// 7d
    #[arg(long, value_name = "TIME", value_parser = Past::read)]
    since: Option<Past>,
    /// Only processes submitted before: a time, or a time back from now
    #[arg(long, value_name = "TIME", value_parser = Past::read)]
    until: Option<Past>,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum StateWord {
    Waiting,
    Blocked,
    Running,
    Succeeded,
    Failed,
    Cancelled,
    DeadLetter,
}

/// A process id, or the newest process.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Which {
    /// The process with this id.
    Id(Uuid),
    /// The process submitted last.
    Latest,
}

impl Filter {
    /// Converts the filters to the protocol's.
    pub(crate) fn to_proto(&self) -> v1::ProcessFilter {
        v1::ProcessFilter {
            states: self.states.iter().map(|state| i32::from(state.to_proto())).collect(),
            executor_type: self.executor_type.clone().unwrap_or_default(),
            function: self.function.clone().unwrap_or_default(),
            labels: self.labels.iter().cloned().collect(),
            submitter: self.submitter.clone().unwrap_or_default(),
            executor: self.executor.clone().unwrap_or_default(),
            submitted_from_ms: self.since.map_or(0, |since| since.at(SystemClock.now()).as_millisecond()),
            submitted_until_ms: self.until.map_or(0, |until| until.at(SystemClock.now()).as_millisecond()),
        }
    }

    /// Returns true if no filter is given.
    pub(crate) fn is_empty(&self) -> bool {
        self.to_proto() == v1::ProcessFilter::default()
    }
}

impl StateWord {
    fn to_proto(self) -> ProcessState {
        match self {
            Self::Waiting => ProcessState::Waiting,
            Self::Blocked => ProcessState::Blocked,
            Self::Running => ProcessState::Running,
            Self::Succeeded => ProcessState::Succeeded,
            Self::Failed => ProcessState::Failed,
            Self::Cancelled => ProcessState::Cancelled,
            Self::DeadLetter => ProcessState::DeadLetter,
        }
    }
}

impl Which {
    /// Parses an id, or `latest`.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        if text == "latest" {
            return Ok(Self::Latest);
        }
        text.parse().map(Self::Id).map_err(|_| "expected a process id (a UUID), or `latest`".to_owned())
    }

    /// Returns the id; asks the broker for the newest.
    pub(crate) async fn find(self, client: &Client) -> anyhow::Result<Uuid> {
        if let Self::Id(id) = self {
            return Ok(id);
        }
        let mut request = v1::ListProcessesRequest { page_size: 1, ..Default::default() };
        loop {
            let newest = client.list_processes(request.clone()).await?;
            if let Some(process) = newest.processes.first() {
                return Ok(process.process_id.parse()?);
            }
            // A key that sees only its own processes gets empty pages while others' are newer.
            request.page_token = newest.next_page_token;
            if request.page_token.is_empty() {
                let words = "there is no process yet that this key sees: `apiary process submit` creates one";
                return Err(Fault::new(Exit::NotFound, words).into());
            }
        }
    }
}
