//! The notifier beside a part: what it looks at, and its start.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use apiary_adapters::{BROKER_AWAY, SpoolReader};
use apiary_broker::{AttentionReader, Condition};
use apiary_daemon::Supervisor;
use apiary_executor_sdk::Client;
use apiary_notify::{COLONIES, Finding, NotifyConfig, Opened, Report, STATE_FOLDER, Source};

use crate::profile;
use crate::settings::Settings;

/// Kind of the finding about a spool that takes no events.
const SPOOL_FULL: &str = "SPOOL_FULL";

/// Opens the notifier of a part; `None` if the settings name no target.
pub(crate) fn open(settings: &Settings, part: &str) -> anyhow::Result<Option<Opened>> {
    Ok(NotifyConfig::read(settings)?.map(|config| Opened::open(config, part)).transpose()?)
}

/// Does the same for a part with a data folder of its own.
pub(crate) fn open_in(settings: &Settings, part: &str, folder: &Path) -> anyhow::Result<Option<Opened>> {
    let Some(config) = NotifyConfig::read(settings)? else { return Ok(None) };
    let config = if settings.is_set(&STATE_FOLDER) { config } else { config.in_folder(folder) };
    Ok(Some(Opened::open(config, part)?))
}

/// The parts in this process that a notifier looks at.
#[derive(Default)]
pub(crate) struct Watched {
    supervisors: Vec<Supervisor>,
    broker: Option<(AttentionReader, bool)>,
    spool: Option<SpoolReader>,
    upstream: Option<Upstream>,
}

/// The broker that a part calls, and since when it is away.
struct Upstream {
    client: Client,
    away_since_ms: Mutex<Option<i64>>,
    /// True if the part does nothing without its broker.
    is_vital: bool,
}

impl Watched {
    /// Adds a supervisor, with its notices.
    pub(crate) fn tasks(mut self, supervisor: &Supervisor) -> Self {
        self.supervisors.push(supervisor.clone());
        self
    }

    /// Adds a broker, with the notices of its supervisor, and its colonies if the settings want them.
    pub(crate) fn broker(mut self, reader: AttentionReader, settings: &Settings) -> Self {
        self.broker = Some((reader, settings.flag(&COLONIES)));
        self
    }

    /// Adds the spool of a webhook adapter.
    pub(crate) fn spool(mut self, reader: SpoolReader) -> Self {
        self.spool = Some(reader);
        self
    }

    /// Adds the broker that the part calls.
    pub(crate) fn upstream(mut self, client: Client, is_vital: bool) -> Self {
        self.upstream = Some(Upstream { client, away_since_ms: Mutex::default(), is_vital });
        self
    }

    /// Starts an opened notifier, if there is one.
    pub(crate) fn start(self, opened: Option<Opened>, supervisor: &Supervisor) -> Option<apiary_notify::Running> {
        opened.map(|opened| opened.start(Arc::new(self), supervisor, profile::clock()))
    }
}

/// Stops a notifier, if there is one.
pub(crate) async fn stop(running: Option<apiary_notify::Running>) {
    if let Some(running) = running {
        running.stop().await;
    }
}

#[async_trait::async_trait]
impl Source for Watched {
    async fn report(&self) -> Report {
        let is_well = self.supervisors.iter().all(Supervisor::is_up);
        let mut report = Report { is_well, is_complete: true, findings: Vec::new() };
        if let Some((reader, with_colonies)) = &self.broker {
            let attention = reader.read(*with_colonies).await;
            report.is_well &= attention.is_well;
            report.is_complete &= attention.is_complete;
            report.findings.extend(attention.conditions.into_iter().map(finding));
        }
        for supervisor in &self.supervisors {
            report.findings.extend(supervisor.notices().list().iter().map(Finding::of_notice));
        }
        if let Some(spool) = &self.spool
            && !spool.takes_events().await
        {
            report.is_well = false;
            report.findings.push(spool_full());
        }
        if let Some(upstream) = &self.upstream {
            upstream.report(&mut report).await;
        }
        report
    }
}

impl Upstream {
    async fn report(&self, report: &mut Report) {
        // One that answers that it is not ready reports that itself.
        let error = self.client.is_ready().await.err();
        let now_ms = self.client.clock().now_ms();
        let mut since = self.away_since_ms.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(error) = error else {
            *since = None;
            return;
        };
        let since_ms = *since.get_or_insert(now_ms);
        report.is_well &= !self.is_vital;
        // The adapter has a notice of its own while events wait.
        if report.findings.iter().any(|finding| finding.kind == BROKER_AWAY) {
            return;
        }
        report.findings.push(Finding {
            colony: String::new(),
            kind: BROKER_AWAY.to_owned(),
            subject: String::new(),
            text: format!(
                "{error}: start the broker, or see its log; if it runs, check `broker.address` and the network"
            ),
            count: 1,
            since_ms: Some(since_ms),
        });
    }
}

fn finding(condition: Condition) -> Finding {
    let Condition { colony, kind, subject, text, count, since_ms } = condition;
    Finding { colony, kind: kind.to_owned(), subject, text, count, since_ms }
}

fn spool_full() -> Finding {
    Finding {
        colony: String::new(),
        kind: SPOOL_FULL.to_owned(),
        subject: String::new(),
        text: "the spool takes no more events, and their senders are told to try again later: see the adapter's log, make room on \
               its disk, or bring the broker back"
            .to_owned(),
        count: 1,
        since_ms: None,
    }
}
