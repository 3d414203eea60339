//! The judgement on a run.

use std::fmt;

use crate::plan::Plan;
use crate::samples::Sample;
use crate::stage::Part;
use crate::watch::Finished;

/// Percent of the acknowledged events that must succeed.
const SUCCEEDED_PERCENT_MIN: f64 = 99.0;
/// Mean time from submit to end in milliseconds, outside the outage.
const MEAN_MS_MAX: f64 = 5_000.0;
/// Growth that counts as flat, of the last quarter against the second one.
const GROWTH_MAX: f64 = 1.25;
/// Growth in KiB that counts as flat, whatever its share.
const GROWTH_KIB: f64 = 8.0 * 1024.0;
/// Dead rows that count as flat, whatever their share: what vacuum leaves in tables of this size.
const DEAD_ROWS: f64 = 50_000.0;

/// Figures with their bounds.
pub(crate) struct Verdict(Vec<Line>);

struct Line {
    what: String,
    measured: String,
    must: String,
    holds: bool,
}

impl Verdict {
    /// True if every figure is within its bound.
    pub(crate) fn holds(&self) -> bool {
        self.0.iter().all(|line| line.holds)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Line { what, measured, must, holds } in &self.0 {
            let word = if *holds { "held" } else { "MISSED" };
            writeln!(formatter, "{what:<52}{measured:>22}  {must:<28}{word}")?;
        }
        Ok(())
    }
}

/// Judges a run.
pub(crate) fn judge(plan: &Plan, samples: &[Sample], acknowledged: usize, finished: &Finished) -> Verdict {
    let mut lines = Vec::new();
    let mut line = |what: &str, measured: String, must: String, holds| {
        lines.push(Line { what: what.to_owned(), measured, must, holds });
    };
    let succeeded = percent(finished.succeeded, acknowledged);
    let must = format!("≥ {SUCCEEDED_PERCENT_MIN} %");
    line("acknowledged events that succeeded", format!("{succeeded:.3} %"), must, succeeded >= SUCCEEDED_PERCENT_MIN);
    let twice = finished.all().saturating_sub(acknowledged);
    line("processes beyond the acknowledged events", twice.to_string(), "0".to_owned(), twice == 0);
    let mean = mean_ms(plan, samples);
    let must = format!("< {MEAN_MS_MAX} ms");
    line("submit to end, mean outside the outage", format!("{mean:.0} ms"), must, mean < MEAN_MS_MAX);
    for (index, part) in Part::ALL.into_iter().enumerate() {
        let of = |sample: &Sample| sample.memory_kib.get(index).copied().flatten().map(kib);
        let (early, late) = (quarter(samples, 1, of), quarter(samples, 3, of));
        let measured = format!("{:.1} → {:.1} MiB", early / 1024.0, late / 1024.0);
        let holds = late <= early * GROWTH_MAX || late - early <= GROWTH_KIB;
        line(&format!("memory of the {}", part.name()), measured, "flat".to_owned(), holds);
    }
    let dead = |sample: &Sample| i32::try_from(sample.reading.dead_rows).ok().map(f64::from);
    let (early, late) = (quarter(samples, 1, dead), quarter(samples, 3, dead));
    let holds = late <= early * GROWTH_MAX || late <= DEAD_ROWS;
    line("dead rows", format!("{early:.0} → {late:.0}"), "flat".to_owned(), holds);
    Verdict(lines)
}

fn percent(part: usize, whole: usize) -> f64 {
    let number = |count: usize| u32::try_from(count).map_or(f64::NAN, f64::from);
    100.0 * number(part) / number(whole)
}

fn kib(value: u64) -> f64 {
    u32::try_from(value).map_or(f64::NAN, f64::from)
}

/// Returns the mean over all processes that ended outside the outage.
fn mean_ms(plan: &Plan, samples: &[Sample]) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for sample in samples.iter().filter(|sample| !plan.is_outage(sample.at)) {
        let ended = u32::try_from(sample.reading.ended.succeeded).map_or(f64::NAN, f64::from);
        sum += sample.reading.mean_ms.unwrap_or(0.0) * ended;
        count += ended;
    }
    sum / count
}

/// Returns the mean of a figure over a quarter of the run, the first being 0.
fn quarter(samples: &[Sample], number: usize, of: impl Fn(&Sample) -> Option<f64>) -> f64 {
    let (from, to) = (samples.len() * number / 4, samples.len() * (number + 1) / 4);
    let values: Vec<f64> = samples.get(from..to).unwrap_or_default().iter().filter_map(of).collect();
    values.iter().sum::<f64>() / u32::try_from(values.len()).map_or(f64::NAN, f64::from)
}
