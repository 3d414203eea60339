//! Figures, and the sheet on which the letters write them.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::goals::{Goal, Verdict};
use crate::letter::{Letter, Store};
use crate::meter::{Costs, Rate};

/// The unit of a figure.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    PerSecond,
    Microseconds,
    Milliseconds,
    Bytes,
    Kibibytes,
    /// Percent of one core.
    Percent,
    Count,
}

/// Another figure of the same run to which a figure is compared.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Reference {
    pub(crate) name: &'static str,
    pub(crate) value: f64,
}

/// A measured figure.
#[derive(Clone, Serialize)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: Unit,
    #[serde(flatten)]
    pub(crate) costs: Option<Costs>,
    pub(crate) reference: Option<Reference>,
    pub(crate) goal: Option<Goal>,
}

impl Figure {
    /// Creates a figure without goal.
    pub(crate) fn new(name: impl Into<String>, value: f64, unit: Unit) -> Self {
        Self { name: name.into(), value, unit, costs: None, reference: None, goal: None }
    }

    /// Creates the figure of a rate, with its costs.
    pub(crate) fn rate(name: impl Into<String>, rate: Rate) -> Self {
        Self { costs: Some(rate.costs), ..Self::new(name, rate.per_s, Unit::PerSecond) }
    }

    /// Adds what the figure is compared to, if that was measured.
    pub(crate) fn beside(mut self, name: &'static str, value: Option<f64>) -> Self {
        self.reference = value.map(|value| Reference { name, value });
        self
    }

    /// Adds the goal.
    pub(crate) fn with_goal(mut self, goal: Goal) -> Self {
        self.goal = Some(goal);
        self
    }

    /// Returns the ratio to the reference.
    pub(crate) fn ratio(&self) -> Option<f64> {
        self.reference.map(|reference| self.value / reference.value)
    }

    /// Compares the figure with its goal; `None` without a goal, or without the reference that it needs.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        let goal = self.goal?;
        Some(goal.judge(if goal.of_reference { self.ratio()? } else { self.value }))
    }
}

/// A line of the report.
#[derive(Clone, Serialize)]
pub(crate) struct Line {
    pub(crate) letter: Letter,
    pub(crate) store: Store,
    #[serde(flatten)]
    pub(crate) figure: Figure,
    ratio: Option<f64>,
    pub(crate) verdict: Option<Verdict>,
}

/// Lines that all letters have written so far, also those of a letter that failed later.
pub(crate) type Lines = Arc<Mutex<Vec<Line>>>;

/// The sheet of a letter on a database.
pub(crate) struct Sheet {
    pub(crate) store: Store,
    letter: Letter,
    lines: Lines,
}

impl Sheet {
    /// Creates the sheet of a letter.
    pub(crate) fn new(letter: Letter, store: Store, lines: Lines) -> Self {
        Self { store, letter, lines }
    }

    /// Writes a figure, and shows it at once: some letters take minutes.
    pub(crate) fn add(&self, figure: Figure) {
        let (letter, store) = (self.letter, self.store);
        eprintln!("{letter} {store}: {} {}", figure.name, figure.shown());
        let (ratio, verdict) = (figure.ratio(), figure.verdict());
        let line = Line { letter, store, figure, ratio, verdict };
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}
