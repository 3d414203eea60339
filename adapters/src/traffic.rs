//! Counts events by source and type: what came, where it went, and what went nowhere. The counts are kept in the spool's
//! folder, where only the adapter's user can read them, and continue after a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use apiary_daemon::Throttle;
use apiary_identity::Clock;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::limits::{TRAFFIC_FILE_BYTES_MAX, TRAFFIC_SAVE, TRAFFIC_TYPES_MAX};
use crate::{Destination, RouteTable, SpoolError};

/// Name of the file in the spool's folder.
const FILE: &str = "traffic.json";
/// Types beyond the bound are counted under this name, which no type has.
const OTHERS: &str = "(others)";

/// Events by source and type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficReport {
    /// Start of the counts, in milliseconds since 1970-01-01 UTC.
    pub since_ms: i64,
    /// Time of the last change.
    pub until_ms: i64,
    /// The sources that sent something.
    pub sources: BTreeMap<String, SourceTraffic>,
}

/// Events of one source by type. Types beyond a bound are counted together, as `(others)`.
pub type SourceTraffic = BTreeMap<String, TypeTraffic>;

/// Events of one type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeTraffic {
    /// Deliveries that were answered 2xx; one that is repeated counts again.
    pub events: u64,
    /// Deliveries among them that went nowhere, because no line of the routes says anything about them.
    pub nowhere: u64,
    /// Deliveries among them that were dropped on purpose.
    pub ignored: u64,
    /// The last delivery, in milliseconds since 1970-01-01 UTC.
    pub last_ms: i64,
    /// The last one that went nowhere.
    #[serde(default)]
    pub nowhere_last_ms: Option<i64>,
    /// Targets of the last one that became a process.
    #[serde(default)]
    pub to: Vec<String>,
}

impl TrafficReport {
    /// Reads the counts in a spool's folder; `None` if no adapter has counted anything there yet.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or that no adapter wrote.
    pub fn read(folder: &Path) -> Result<Option<Self>, SpoolError> {
        let path = folder.join(FILE);
        let mut bytes = Vec::new();
        match File::open(&path).and_then(|file| file.take(TRAFFIC_FILE_BYTES_MAX).read_to_end(&mut bytes)) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(SpoolError::io(&path, &error)),
        }
        let problem = "has no counts of a webhook adapter: remove it, and they begin anew".to_owned();
        serde_json::from_slice(&bytes).map(Some).map_err(|_| SpoolError::Foreign { path, problem })
    }
}

/// The counts of a running adapter.
pub(crate) struct Traffic {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    /// Limits the rate of log lines about counts that cannot be written.
    lines: Throttle,
    state: Mutex<State>,
}

struct State {
    report: TrafficReport,
    is_saved: bool,
    /// Source and type of each warning since the start; within the bound on types.
    warned: BTreeSet<(String, String)>,
}

impl Traffic {
    /// Continues the counts in the spool's folder. Counts that cannot be read begin anew.
    pub(crate) fn open(folder: &Path, clock: Arc<dyn Clock>) -> Self {
        let found = TrafficReport::read(folder).unwrap_or_else(|error| {
            tracing::warn!(%error, "the counts of events begin anew");
            None
        });
        let begin = || TrafficReport { since_ms: clock.now_ms(), until_ms: clock.now_ms(), ..TrafficReport::default() };
        let state = Mutex::new(State { report: found.unwrap_or_else(begin), is_saved: false, warned: BTreeSet::new() });
        Self { folder: folder.to_owned(), lines: Throttle::new(clock.clone()), clock, state }
    }

    /// Counts an answered event. Warns of the first of each type that goes nowhere since the start.
    pub(crate) fn count(&self, table: &RouteTable, kind: &str, destination: &Destination<'_>) {
        let now_ms = self.clock.now_ms();
        let is_first = {
            let mut state = self.lock();
            let State { report, is_saved, warned } = &mut *state;
            (report.until_ms, *is_saved) = (now_ms, false);
            let types = report.sources.entry(table.source().to_owned()).or_default();
            let is_counted = types.contains_key(kind) || types.len() < TRAFFIC_TYPES_MAX;
            let name = if is_counted { kind } else { OTHERS };
            types.entry(name.to_owned()).or_default().count(destination, now_ms);
            let is_nowhere = matches!(destination, Destination::Nowhere);
            is_nowhere && warned.insert((table.source().to_owned(), name.to_owned()))
        };
        if is_first {
            tracing::warn!(
                source = table.source(),
                kind,
                "no route for this type: its events are answered 200 and dropped; add `{kind} = EXECUTOR_TYPE/FUNCTION` or \
                 `{kind} = ignore` to `{}` (docs/webhooks.md)",
                table.setting()
            );
        }
    }

    /// Returns the counts.
    pub(crate) fn report(&self) -> TrafficReport {
        self.lock().report.clone()
    }

    /// Writes the counts now and then, until `stop`, and once more at the end.
    pub(crate) async fn keep(&self, stop: &CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(TRAFFIC_SAVE)).await.is_some() {
            self.save();
        }
        self.save();
    }

    /// Writes the counts, if they have changed: a small file, replaced as a whole. A failure loses counts, not events.
    fn save(&self) {
        let report = {
            let mut state = self.lock();
            if std::mem::replace(&mut state.is_saved, true) {
                return;
            }
            state.report.clone()
        };
        if let Err(error) = write(&self.folder, &report) {
            self.lock().is_saved = false;
            if let Some(held_back) = self.lines.pass("save") {
                tracing::warn!(%error, held_back, "the counts of events cannot be written; trying again");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TypeTraffic {
    fn count(&mut self, destination: &Destination<'_>, now_ms: i64) {
        self.events += 1;
        self.last_ms = now_ms;
        match destination {
            Destination::Routed(targets) => self.to = targets.routes().map(ToString::to_string).collect(),
            Destination::Ignored => self.ignored += 1,
            Destination::Nowhere => {
                self.nowhere += 1;
                self.nowhere_last_ms = Some(now_ms);
            }
        }
    }
}

fn write(folder: &Path, report: &TrafficReport) -> std::io::Result<()> {
    let written = folder.join(format!("{FILE}.new"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&written)?;
    file.write_all(&serde_json::to_vec(report)?)?;
    drop(file);
    std::fs::rename(&written, folder.join(FILE))
}
