//! Executors as shown.

use std::fmt::Write as _;

use apiary_executor_sdk::v1;
use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use serde::Serialize;

use crate::output::{plain, table};

/// An executor as shown.
#[derive(Serialize)]
pub(super) struct ExecutorView {
    name: String,
    executor_type: String,
    key: String,
    state: String,
    running: i32,
    /// Number of processes that it runs at the same time; absent if not announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    slots: Option<i32>,
    last_heard: Option<Timestamp>,
    registered_at: Option<Timestamp>,
    granted_until: Option<Timestamp>,
    #[serde(skip_serializing_if = "String::is_empty")]
    version: String,
    offer: OfferView,
    functions: Vec<FunctionView>,
}

#[derive(Default, Serialize)]
struct OfferView {
    #[serde(skip_serializing_if = "String::is_empty")]
    cpu: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    memory: String,
    gpus: u32,
    #[serde(skip_serializing_if = "String::is_empty")]
    gpu_memory: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    location: String,
    tags: Vec<String>,
}

/// An announced function.
#[derive(Serialize)]
pub(crate) struct FunctionView {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) description: String,
    /// The schema as JSON; or as text, if it is not JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) args_schema: Option<serde_json::Value>,
}

impl From<v1::AnnouncedFunction> for FunctionView {
    fn from(function: v1::AnnouncedFunction) -> Self {
        let v1::AnnouncedFunction { name, description, args_schema } = function;
        let schema = |text: String| serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text));
        Self { name, description, args_schema: Some(args_schema).filter(|text| !text.is_empty()).map(schema) }
    }
}

impl From<v1::Executor> for ExecutorView {
    fn from(executor: v1::Executor) -> Self {
        let v1::Offer { cpu, memory, gpus, gpu_memory, location, tags } = executor.offer.unwrap_or_default();
        Self {
            name: executor.name,
            executor_type: executor.executor_type,
            key: executor.key_id,
            state: executor.state,
            running: executor.running,
            slots: Some(executor.slots).filter(|slots| *slots > 0),
            last_heard: moment(executor.last_heard_ms),
            registered_at: moment(executor.registered_at_ms),
            granted_until: moment(executor.granted_until_ms),
            version: executor.version,
            offer: OfferView { cpu, memory, gpus, gpu_memory, location, tags },
            functions: executor.functions.into_iter().map(FunctionView::from).collect(),
        }
    }
}

impl ExecutorView {
    /// Formats all fields.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{} ({})\n", plain(&self.name), plain(&self.key));
        let mut line = |name: &str, value: &str| {
            if !value.is_empty() {
                let _ = writeln!(text, "{name:<14} {}", plain(value));
            }
        };
        line("type", &self.executor_type);
        line("state", &self.state);
        line("running", &self.running());
        line("last heard", &seen(self.last_heard));
        line("registered", &seen(self.registered_at));
        line("granted until", &self.granted_until.map(second).unwrap_or_default());
        line("version", &self.version);
        line("offers", &self.offer.words());
        for function in &self.functions {
            let schema = function.args_schema.as_ref().map(|schema| format!(" {schema}")).unwrap_or_default();
            let does = if function.description.is_empty() { "" } else { ": " };
            line("function", &format!("{}{does}{}{schema}", function.name, function.description));
        }
        text
    }

    /// Formats the number of running processes and of slots.
    fn running(&self) -> String {
        self.slots.map_or_else(|| self.running.to_string(), |slots| format!("{} of {slots}", self.running))
    }
}

impl OfferView {
    fn words(&self) -> String {
        let part = |name: &str, value: &str| (!value.is_empty()).then(|| format!("{name} {value}"));
        let gpus = if self.gpus > 0 { self.gpus.to_string() } else { String::new() };
        [
            part("cpu", &self.cpu),
            part("memory", &self.memory),
            part("gpus", &gpus),
            part("gpu memory", &self.gpu_memory),
            part("location", &self.location),
            part("tags", &self.tags.join(" ")),
        ]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
    }
}

/// Formats executors as a table.
pub(super) fn text(executors: &[ExecutorView]) -> String {
    if executors.is_empty() {
        return "no such executor: executors appear after a grant or a registration".to_owned();
    }
    let cells = executors.iter().map(|executor| {
        vec![
            executor.name.clone(),
            executor.executor_type.clone(),
            executor.state.clone(),
            executor.running(),
            seen(executor.last_heard),
            executor.version.clone(),
            executor.key.clone(),
        ]
    });
    table(&["name", "type", "state", "running", "last heard", "version", "key"], cells)
}

fn moment(ms: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(ms).ok().filter(|_| ms > 0)
}

fn seen(moment: Option<Timestamp>) -> String {
    moment.map_or_else(|| "never".to_owned(), second)
}

fn second(moment: Timestamp) -> String {
    let rounding = TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Trunc);
    moment.round(rounding).unwrap_or(moment).to_string()
}
