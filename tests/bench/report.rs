//! The figures, for people and for programs.

use std::fmt;

use serde::Serialize;

use crate::idle::Idle;
use crate::machine::Machine;
use crate::memory::Memory;

/// All figures.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) stores: Vec<Figures>,
    pub(crate) memory: Memory,
}

/// Figures of a database.
#[derive(Serialize)]
pub(crate) struct Figures {
    pub(crate) store: &'static str,
    pub(crate) submit_to_start_p50_us: u64,
    pub(crate) submit_to_start_p99_us: u64,
    pub(crate) completed_per_s_one_at_a_time: f64,
    pub(crate) completed_per_s_64_in_flight: f64,
    pub(crate) last_of_100k_waits_late_ms: i64,
    pub(crate) idle: Idle,
}

/// Formatter of a figure.
type Figure = fn(&Figures) -> String;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { cpu, cores, memory_mib, kernel, fsync_p50_us } = &self.machine;
        writeln!(
            f,
            "{cpu}, {cores} cores, {memory_mib} MiB, Linux {kernel}; fsync of a page {fsync_p50_us} us (p50)\n"
        )?;
        writeln!(f, "{:<46}{}", "", columns(&self.stores, |figures| figures.store.to_owned()))?;
        let rows: [(&str, Figure); 10] = [
            ("submit to handler start, idle, p50", |figures| ms(figures.submit_to_start_p50_us)),
            ("submit to handler start, idle, p99", |figures| ms(figures.submit_to_start_p99_us)),
            ("completed, one at a time", |figures| per_s(figures.completed_per_s_one_at_a_time)),
            ("completed, 64 in flight", |figures| per_s(figures.completed_per_s_64_in_flight)),
            ("the last of 100,000 over at once, failed after", |figures| {
                format!("{} ms", figures.last_of_100k_waits_late_ms)
            }),
            ("resident memory, broker, nobody there", |figures| mib(figures.idle.alone_kib)),
            ("resident memory, broker, 10,000 idle polls", |figures| mib(figures.idle.polls_kib)),
            ("resident memory, and 1,000 watches", |figures| mib(figures.idle.watches_kib)),
            ("of one core, broker, 10,000 idle polls", |figures| percent(figures.idle.polls_percent)),
            ("of one core, and 1,000 watches", |figures| percent(figures.idle.watches_percent)),
        ];
        for (name, figure) in rows {
            writeln!(f, "{name:<46}{}", columns(&self.stores, figure))?;
        }
        writeln!(f)?;
        let Memory { bee_kib, broker_kib, broker_100k_waiting_kib } = self.memory;
        for (name, kib) in [
            ("resident memory, bee, 1,000 processes done", bee_kib),
            ("resident memory, broker, 1,000 processes done", broker_kib),
            ("resident memory, broker, 100,000 waiting", broker_100k_waiting_kib),
        ] {
            writeln!(f, "{name:<46}{:>14}", mib(kib))?;
        }
        Ok(())
    }
}

fn columns(stores: &[Figures], figure: impl Fn(&Figures) -> String) -> String {
    stores.iter().map(|figures| format!("{:>14}", figure(figures))).collect()
}

fn ms(us: u64) -> String {
    format!("{}.{:02} ms", us / 1000, us % 1000 / 10)
}

fn mib(kib: u64) -> String {
    format!("{} MiB", kib / 1024)
}

fn percent(percent: f64) -> String {
    format!("{percent:.1} %")
}

fn per_s(rate: f64) -> String {
    format!("{rate:.0} /s")
}
