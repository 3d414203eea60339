//! The report, for people and for programs.

use std::fmt;

use serde::Serialize;

use crate::figure::{Figure, Line, Unit};
use crate::goals::{Goal, Verdict};
use crate::letter::{Letter, Store};
use crate::machine::Machine;
use crate::meter::Costs;

/// Width of the names of figures.
const NAME: usize = 52;

/// A run.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    /// Path of the program that ran as broker.
    pub(crate) broker: String,
    pub(crate) lines: Vec<Line>,
    pub(crate) failures: Vec<Failure>,
}

/// A letter that failed.
#[derive(Serialize)]
pub(crate) struct Failure {
    pub(crate) letter: Letter,
    pub(crate) store: Store,
    pub(crate) words: String,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { cpu, cores, memory_mib, kernel, fsync_p50_us, load } = &self.machine;
        writeln!(
            f,
            "{cpu}, {cores} cores, {memory_mib} MiB, Linux {kernel}; fsync of a page {fsync_p50_us} us (p50); load {load} \
             at the start"
        )?;
        writeln!(f, "broker: {}", self.broker)?;
        let mut group = None;
        for line in &self.lines {
            if group != Some((line.letter, line.store)) {
                group = Some((line.letter, line.store));
                heading(f, line)?;
            }
            row(f, line)?;
        }
        for Failure { letter, store, words } in &self.failures {
            writeln!(f, "\n{letter} on {store} failed: {words}")?;
        }
        Ok(())
    }
}

fn heading(f: &mut fmt::Formatter<'_>, line: &Line) -> fmt::Result {
    writeln!(f, "\n{} on {}: {}", line.letter, line.store, line.letter.title())?;
    writeln!(
        f,
        "{:<NAME$}{:>12}{:>10}{:>10}{:>9}{:>8}{:>7}{:>7}  {:<32}{:>9}{:>9}",
        "", "measured", "broker us", "client us", "pg us", "WAL B", "stmts", "writes", "of", "must", "aim"
    )
}

fn row(f: &mut fmt::Formatter<'_>, line: &Line) -> fmt::Result {
    let figure = &line.figure;
    let measured = format!("{:<NAME$}{:>12}{}", figure.name, figure.shown(), costs(figure.costs));
    let reference = figure.reference.zip(figure.ratio());
    let of = reference.map(|(reference, ratio)| format!("{:.1} % of {}", ratio * 100.0, reference.name));
    let bound = |choose: fn(&Goal) -> f64| figure.goal.map(|goal| bound(figure.unit, &goal, choose(&goal)));
    let verdict = match line.verdict {
        Some(Verdict::Aim) => "aim",
        Some(Verdict::Must) => "must",
        Some(Verdict::Missed) => "MISSED",
        None => "",
    };
    let (must, aim) = (bound(|goal| goal.must), bound(|goal| goal.aim));
    let text = format!(
        "{measured}  {:<32}{:>9}{:>9}  {verdict}",
        of.unwrap_or_default(),
        must.unwrap_or_default(),
        aim.unwrap_or_default()
    );
    writeln!(f, "{}", text.trim_end())
}

fn costs(costs: Option<Costs>) -> String {
    let Some(Costs { broker_us, client_us, postgres_us, wal_bytes, statements, writes }) = costs else {
        return format!("{:>51}", "");
    };
    let cell = |value: Option<f64>, width: usize, digits: usize| {
        let text = value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"));
        format!("{text:>width$}")
    };
    [
        cell(broker_us, 10, 0),
        cell(Some(client_us), 10, 0),
        cell(postgres_us, 9, 0),
        cell(wal_bytes, 8, 0),
        cell(statements, 7, 2),
        cell(writes, 7, 2),
    ]
    .concat()
}

fn bound(unit: Unit, goal: &Goal, value: f64) -> String {
    let sign = goal.sign();
    match goal.of_reference {
        true => format!("{sign}{:.0} %", value * 100.0),
        false => format!("{sign}{}", shown(value, unit)),
    }
}

impl Figure {
    /// Returns value and unit, for people.
    pub(crate) fn shown(&self) -> String {
        shown(self.value, self.unit)
    }
}

fn shown(value: f64, unit: Unit) -> String {
    match unit {
        Unit::PerSecond => format!("{value:.0}/s"),
        Unit::Microseconds if value < 1000.0 => format!("{value:.1} us"),
        Unit::Microseconds => format!("{:.1} ms", value / 1000.0),
        Unit::Milliseconds => format!("{value:.0} ms"),
        Unit::Bytes => format!("{value:.0} B"),
        Unit::Kibibytes => format!("{:.0} MiB", value / 1024.0),
        Unit::Percent => format!("{value:.1} %"),
        Unit::Count => format!("{value:.0}"),
    }
}
