//! The parts on their stage: two databases on one Postgres, one of them behind a proxy that can be closed.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use apiary_tests::daemon::Daemon;
use apiary_tests::parts::Parts;
use apiary_tests::{Backend, Proxy};
use tempfile::TempDir;

use crate::load::Load;
use crate::watch::{Finished, Watch};

/// Events of the measurement of the greatest rate.
const EVENTS: usize = 5_000;
/// Longest time in which all that was acknowledged must be finished, once nothing more is sent.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(300);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(200);

/// A part that can be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The broker.
    Broker,
    /// The webhook adapter.
    Webhook,
    /// The finance bee.
    Bee,
}

impl Part {
    /// Every part.
    pub(crate) const ALL: [Self; 3] = [Self::Broker, Self::Webhook, Self::Bee];

    /// Returns its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Broker => "broker",
            Self::Webhook => "webhook",
            Self::Bee => "finance",
        }
    }
}

/// The running colony.
pub(crate) struct Stage {
    parts: Parts,
    record_door: Proxy,
    _folder: TempDir,
    // Dropped last: the parts must not outlive their databases.
    broker_database: Backend,
    _record_database: Backend,
}

impl Stage {
    /// Starts broker, adapter and finance bee.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let (broker_database, record_database) = (Backend::postgres().await, Backend::postgres().await);
        let mut record = reqwest::Url::parse(&record_database.url())?;
        let server = format!("{}:{}", record.host_str().context("a host")?, record.port().context("a port")?);
        let record_door = Proxy::to(server).await;
        record.set_host(Some("127.0.0.1"))?;
        record.set_port(Some(record_door.address().port())).ok().context("a port")?;
        let mut parts = Parts::new(folder.path(), &broker_database.url());
        parts.bee.unset("APIARY_FINANCE_SQLITE");
        parts.bee.settings("APIARY_FINANCE_DATABASE_URL", &record);
        parts.bee.settings("APIARY_FINANCE_MIGRATE", "true");
        for part in [&mut parts.broker, &mut parts.webhook, &mut parts.bee] {
            part.settings("APIARY_LOG_LEVEL", "warn");
        }
        parts.start_broker_and_webhook().await;
        parts.bee.start();
        Ok(Self { parts, record_door, _folder: folder, broker_database, _record_database: record_database })
    }

    /// Returns where events are posted.
    pub(crate) fn webhook_address(&self) -> SocketAddr {
        self.parts.webhook_address
    }

    /// Returns the URL of the broker's database.
    pub(crate) fn broker_database(&self) -> String {
        self.broker_database.url()
    }

    /// Returns the process id of a part, while it runs.
    pub(crate) fn pid(&self, part: Part) -> Option<u32> {
        self.daemon(part).pid()
    }

    /// Kills a part as `kill -9` does.
    pub(crate) fn kill(&mut self, part: Part) {
        self.daemon_mut(part).kill();
    }

    /// Starts a part again, as a service manager does.
    pub(crate) fn start_again(&mut self, part: Part) {
        self.daemon_mut(part).start();
    }

    /// Fails, with its last words, if a part ended by itself.
    pub(crate) fn check_running(&mut self, down: Option<Part>) -> anyhow::Result<()> {
        for part in Part::ALL.into_iter().filter(|part| Some(*part) != down) {
            if !self.daemon_mut(part).is_running() {
                bail!("the {} ended by itself:\n{}", part.name(), self.daemon(part).last_words());
            }
        }
        Ok(())
    }

    /// Cuts the bee from its record.
    pub(crate) fn close_record(&self) {
        self.record_door.close();
    }

    /// Lets the bee reach its record again.
    pub(crate) fn open_record(&self) {
        self.record_door.open();
    }

    fn daemon(&self, part: Part) -> &Daemon {
        match part {
            Part::Broker => &self.parts.broker,
            Part::Webhook => &self.parts.webhook,
            Part::Bee => &self.parts.bee,
        }
    }

    fn daemon_mut(&mut self, part: Part) -> &mut Daemon {
        match part {
            Part::Broker => &mut self.parts.broker,
            Part::Webhook => &mut self.parts.webhook,
            Part::Bee => &mut self.parts.bee,
        }
    }
}

/// Measures how many events in a second go all the way, from the post to the written row, when they come as fast as they are taken.
pub(crate) async fn greatest_rate(load: &Load, watch: &mut Watch) -> anyhow::Result<f64> {
    let start = Instant::now();
    load.send_all(EVENTS).await;
    drained(load, watch).await?;
    Ok(f64::from(u32::try_from(EVENTS)?) / start.elapsed().as_secs_f64())
}

/// Waits until everything acknowledged is finished.
pub(crate) async fn drained(load: &Load, watch: &mut Watch) -> anyhow::Result<Finished> {
    let start = Instant::now();
    loop {
        let finished = watch.finished().await?;
        if finished.all() >= load.acknowledged() {
            return Ok(finished);
        }
        if start.elapsed() > DRAIN_TIME_MAX {
            return Ok(finished);
        }
        // A pause between two reads of large tables.
        tokio::time::sleep(LOOK).await;
    }
}
