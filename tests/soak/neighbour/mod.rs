//! Apiary beside a CI runner: the time of a job that wants the whole machine, alone and with a colony at work next to it.

mod groups;
mod job;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use apiary_identity::{Clock as _, SystemClock};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::load::Load;
use crate::stage::{self, Part, Stage};
use crate::watch::Watch;
use groups::{Groups, figure};
pub(crate) use job::work;

/// Jobs in each condition; the median counts.
const ROUNDS: usize = 5;
/// Time of one job alone, which sets its size.
const JOB: Duration = Duration::from_secs(6);
/// Rates in a second: hardly anything, and 8.6 million events a day.
const RATES: [f64; 2] = [10.0, 100.0];
/// Growth of the job's time in percent beside a colony that has nothing to do.
const IDLE_PERCENT_MAX: f64 = 3.0;
/// The same at ten events in a second.
const LOW_PERCENT_MAX: f64 = 5.0;

/// The colony during a job.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Condition {
    /// Stopped parts.
    Stopped,
    /// Nothing to do.
    Idle,
    /// Events come at this rate, in a second.
    Busy(f64),
    /// The same, but its parts are in no group.
    Loose(f64),
}

/// Times and figures of one condition.
struct Measured {
    condition: Condition,
    times: Vec<Duration>,
    mean_ms: Option<f64>,
}

/// Measures, prints a table, and says whether it holds.
pub(crate) async fn run() -> anyhow::Result<bool> {
    let groups = Groups::create()?;
    let stage = Stage::start().await?;
    groups.enter_all(&stage).await?;
    let load = Arc::new(Load::to(stage.webhook_address()));
    let mut watch = Watch::connect(&stage).await?;
    let greatest = stage::greatest_rate(&load, &mut watch).await?;
    let size = job::size(JOB)?;
    println!("greatest rate {greatest:.0}/s; a job of {size} rounds");

    let rates = RATES.into_iter().chain([greatest / 2.0, greatest]);
    let busy = rates.map(Condition::Busy).chain([Condition::Loose(greatest)]);
    let conditions: Vec<_> = [Condition::Stopped, Condition::Idle].into_iter().chain(busy).collect();
    let mut all: Vec<_> =
        conditions.into_iter().map(|condition| Measured { condition, times: Vec::new(), mean_ms: None }).collect();
    for _ in 0..ROUNDS {
        for measured in &mut all {
            measured.add(&groups, &stage, &load, &mut watch, size).await?;
        }
    }
    Ok(shown(&all, &groups))
}

impl Measured {
    async fn add(
        &mut self,
        groups: &Groups,
        stage: &Stage,
        load: &Arc<Load>,
        watch: &mut Watch,
        size: u64,
    ) -> anyhow::Result<()> {
        match self.condition {
            Condition::Loose(_) => groups.leave(stage)?,
            _ => groups.enter(stage)?,
        }
        if self.condition == Condition::Stopped {
            signal(stage, Signal::SIGSTOP)?;
        }
        let rate = match self.condition {
            Condition::Busy(rate) | Condition::Loose(rate) => Some(rate),
            Condition::Stopped | Condition::Idle => None,
        };
        let from_ms = SystemClock.now().as_millisecond();
        let sending = rate.map(|rate| tokio::spawn(Arc::clone(load).keep_up(rate, JOB * 4)));
        let group = groups.job();
        let took = tokio::task::spawn_blocking(move || job::run(size, &group)).await?;
        if self.condition == Condition::Stopped {
            signal(stage, Signal::SIGCONT)?;
        }
        self.times.push(took?);
        if let Some(sending) = sending {
            sending.abort();
            stage::drained(load, watch).await?;
            self.mean_ms = watch.mean_since(from_ms).await?;
        }
        Ok(())
    }

    fn median(&self) -> f64 {
        let mut times = self.times.clone();
        times.sort();
        times.get(times.len() / 2).map_or(0.0, Duration::as_secs_f64)
    }
}

fn shown(all: &[Measured], groups: &Groups) -> bool {
    let alone = all.first().map_or(0.0, Measured::median);
    // What the parts may take of a machine on which all others are busy: their slice's weight against one other slice.
    let weight = figure(groups::SLICE, "CPUWeight");
    let share = 100.0 * weight / groups::OTHERS_WEIGHT;
    println!("{:<44}{:>9}{:>9}  {:>22}", "colony", "job, s", "more, %", "submit to end, mean ms");
    let mut holds = true;
    for measured in all {
        let more = 100.0 * (measured.median() / alone - 1.0);
        let (name, must) = match measured.condition {
            Condition::Stopped => ("stopped".to_owned(), None),
            Condition::Idle => ("nothing to do".to_owned(), Some(IDLE_PERCENT_MAX)),
            Condition::Busy(rate) if rate <= RATES[0] => (format!("{rate:.0} events/s"), Some(LOW_PERCENT_MAX)),
            Condition::Busy(rate) => (format!("{rate:.0} events/s"), None),
            Condition::Loose(rate) => (format!("{rate:.0} events/s, without the units' weights"), None),
        };
        let mean = measured.mean_ms.map_or("-".to_owned(), |mean| format!("{mean:.0}"));
        let word = match must {
            Some(must) if more <= must => format!("held: ≤ {must} %"),
            Some(must) => format!("MISSED: ≤ {must} %"),
            None => String::new(),
        };
        holds &= must.is_none_or(|must| more <= must);
        println!("{name:<44}{:>9.2}{more:>9.1}  {mean:>22}  {word}", measured.median());
    }
    println!(
        "the parts' slice weighs {weight} to the others' {}: at most {share:.0} % more by them",
        groups::OTHERS_WEIGHT
    );
    for (part, bytes) in groups.memory_peaks() {
        println!("greatest memory of the group {part}: {:.1} MiB", bytes / 1024.0 / 1024.0);
    }
    holds
}

fn signal(stage: &Stage, signal: Signal) -> anyhow::Result<()> {
    for part in Part::ALL {
        let pid = stage.pid(part).with_context(|| format!("the {} runs", part.name()))?;
        kill(Pid::from_raw(i32::try_from(pid)?), signal)?;
    }
    Ok(())
}
