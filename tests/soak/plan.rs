//! The course of a run: a kill of each part and an outage of the record, at fixed shares of its time.

use std::ops::Range;
use std::time::{Duration, Instant};

use crate::load::Load;
use crate::samples::Sample;
use crate::stage::{Part, Stage};
use crate::watch::Watch;

/// Samples in a run, but no more often than every ten seconds.
const SAMPLES: u32 = 360;
const INTERVAL_MIN: Duration = Duration::from_secs(10);
/// Time after which a killed part is started again, as the units say (`RestartSec=5`).
const DOWN: Duration = Duration::from_secs(5);
/// Time without the record.
const OUTAGE: Duration = Duration::from_secs(60);
/// Time after an incident in which what gathered meanwhile may still be late.
const RECOVERY: Duration = Duration::from_secs(60);
/// Shares of the time, in percent, at which parts are killed, and the record goes.
const KILLS: [(u32, Part); 3] = [(20, Part::Bee), (35, Part::Broker), (50, Part::Webhook)];
const OUTAGE_AT: u32 = 65;

/// An incident: it happens to the colony, and ends.
#[derive(Clone, Debug)]
pub(crate) struct Incident {
    pub(crate) what: Trouble,
    /// From the start of the run.
    pub(crate) time: Range<Duration>,
}

/// A kind of incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// A part was killed, and is down for a while.
    Killed(Part),
    /// The record cannot be reached.
    NoRecord,
}

impl Trouble {
    /// Returns it in words.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Killed(part) => format!("{} killed", part.name()),
            Self::NoRecord => format!("record away for {} s", OUTAGE.as_secs()),
        }
    }
}

/// The incidents of a run, and how often it is looked at.
pub(crate) struct Plan {
    pub(crate) incidents: Vec<Incident>,
    pub(crate) interval: Duration,
    pub(crate) time: Duration,
}

impl Plan {
    /// Makes the plan of a run of this time.
    pub(crate) fn of(time: Duration) -> Self {
        let at = |percent: u32| time * percent / 100;
        let kill = |(percent, part)| Incident { what: Trouble::Killed(part), time: at(percent)..at(percent) + DOWN };
        let mut incidents: Vec<_> = KILLS.into_iter().map(kill).collect();
        incidents.push(Incident { what: Trouble::NoRecord, time: at(OUTAGE_AT)..at(OUTAGE_AT) + OUTAGE });
        Self { incidents, interval: (time / SAMPLES).max(INTERVAL_MIN), time }
    }

    /// True if what ends at this time from the start may be late because of the outage.
    pub(crate) fn is_outage(&self, at: Duration) -> bool {
        self.incidents
            .iter()
            .filter(|incident| incident.what == Trouble::NoRecord)
            .any(|incident| (incident.time.start..incident.time.end + RECOVERY).contains(&at))
    }
}

/// Runs the plan, and samples meanwhile.
pub(crate) async fn run(
    plan: &Plan,
    stage: &mut Stage,
    load: &Load,
    watch: &mut Watch,
    start: Instant,
) -> anyhow::Result<Vec<Sample>> {
    let mut samples = Vec::new();
    let (mut moments, mut next_sample) = (moments(plan), plan.interval);
    let mut down = None;
    watch.begin();
    while start.elapsed() < plan.time {
        let moment = moments.first().copied();
        let wake = moment.map_or(next_sample, |(at, ..)| at.min(next_sample)).min(plan.time);
        // The course of the run.
        tokio::time::sleep_until((start + wake).into()).await;
        if let Some((at, what, begins)) = moment.filter(|(at, ..)| *at <= start.elapsed()) {
            moments.remove(0);
            down = happen(stage, what, begins);
            println!("{:>6} s: {}{}", at.as_secs(), what.words(), if begins { "" } else { ": over" });
        }
        if start.elapsed() >= next_sample {
            next_sample += plan.interval;
            stage.check_running(down)?;
            samples.push(Sample::take(start.elapsed(), stage, load, watch).await?);
        }
    }
    Ok(samples)
}

/// Begins or ends an incident; returns the part that is down.
fn happen(stage: &mut Stage, what: Trouble, begins: bool) -> Option<Part> {
    match (what, begins) {
        (Trouble::Killed(part), true) => {
            stage.kill(part);
            return Some(part);
        }
        (Trouble::Killed(part), false) => stage.start_again(part),
        (Trouble::NoRecord, true) => stage.close_record(),
        (Trouble::NoRecord, false) => stage.open_record(),
    }
    None
}

/// Returns beginnings and ends in the order of their time.
fn moments(plan: &Plan) -> Vec<(Duration, Trouble, bool)> {
    let both =
        |incident: &Incident| [(incident.time.start, incident.what, true), (incident.time.end, incident.what, false)];
    let mut moments: Vec<_> = plan.incidents.iter().flat_map(both).collect();
    moments.sort_by_key(|(at, ..)| *at);
    moments
}
