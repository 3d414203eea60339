//! The registry of one running part.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use prometheus::{CounterVec, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder};
use tokio::time::{Instant, timeout};

use super::process::Process;
use super::{Counter, Gauge, Histogram, Total};

/// Bounds of histograms of times, in seconds: from a signature's check to a long poll.
const SECONDS: [f64; 16] =
    [0.000_05, 0.000_1, 0.000_25, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 600.0];
/// Bounds of histograms of how many.
const NUMBERS: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1024.0];
/// Longest time that a scrape waits for what must be read first; then it shows the numbers of before.
const REFRESH_TIME_MAX: Duration = Duration::from_secs(2);
/// Time in which scrapes get the same text, so that many of them cost no more than one.
const SCRAPE_EVERY: Duration = Duration::from_millis(250);

const NO_LABELS: [&str; 0] = [];

type Refresh = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// The metrics of one running part. Clones share them.
#[derive(Clone)]
pub struct Metrics {
    series: SeriesTable,
    scrapes: Arc<Scrapes>,
}

/// All series of a part. Whatever is done before a scrape may own it, unlike the [`Metrics`], which own what is done.
#[derive(Clone, Default)]
pub struct SeriesTable(Arc<Table>);

#[derive(Default)]
struct Table {
    registry: Registry,
    families: Mutex<BTreeMap<&'static str, Family>>,
}

struct Scrapes {
    refreshes: Mutex<Vec<Arc<Refresh>>>,
    process: Process,
    /// True if other machines may scrape, too.
    is_open: AtomicBool,
    scraped: tokio::sync::Mutex<Option<(Instant, Arc<str>)>>,
}

/// All series of one name.
#[derive(Clone)]
struct Family {
    help: &'static str,
    series: Series,
}

#[derive(Clone)]
enum Series {
    Counters(IntCounterVec),
    Totals(CounterVec),
    Gauges(GaugeVec),
    Histograms(HistogramVec),
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Creates a registry that shows the process itself: its version, processor time, memory and open files.
    pub fn new() -> Self {
        let series = SeriesTable::default();
        let process = Process::new(&series);
        let scrapes = Scrapes {
            refreshes: Mutex::default(),
            process,
            is_open: AtomicBool::new(false),
            scraped: tokio::sync::Mutex::default(),
        };
        Self { series, scrapes: Arc::new(scrapes) }
    }

    /// Returns the series, for owners that a scrape calls.
    pub fn series(&self) -> &SeriesTable {
        &self.series
    }

    /// Has this done before each scrape. It must not own the metrics, or neither would ever end.
    pub fn before_scrape(&self, refresh: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static) {
        lock(&self.scrapes.refreshes).push(Arc::new(Box::new(refresh)));
    }

    /// Lets other machines scrape, too.
    pub fn open_to_all(&self, is_open: bool) {
        self.scrapes.is_open.store(is_open, Ordering::Relaxed);
    }

    pub(super) fn is_open(&self) -> bool {
        self.scrapes.is_open.load(Ordering::Relaxed)
    }

    /// Returns all metrics in Prometheus' text format, ordered by name.
    pub async fn scrape(&self) -> Arc<str> {
        // Whoever comes meanwhile waits for this text.
        let mut scraped = self.scrapes.scraped.lock().await;
        if let Some((at, text)) = &*scraped
            && at.elapsed() < SCRAPE_EVERY
        {
            return text.clone();
        }
        self.scrapes.process.refresh();
        let refreshes = lock(&self.scrapes.refreshes).clone();
        join_all(refreshes.iter().map(|refresh| timeout(REFRESH_TIME_MAX, refresh()))).await;
        let text: Arc<str> = self.series.text().into();
        *scraped = Some((Instant::now(), text.clone()));
        text
    }
}

impl SeriesTable {
    /// Returns the counter of a name and its labels, each a name and a value. The same again is the same counter.
    pub fn counter(&self, name: &'static str, help: &'static str, labels: &[(&str, &str)]) -> Counter {
        let (names, values) = split(labels);
        let made = |opts| IntCounterVec::new(opts, &names).map(Series::Counters);
        Counter(match self.series(name, help, made) {
            Some(Series::Counters(series)) => series.get_metric_with_label_values(&values).ok(),
            _ => None,
        })
    }

    /// Returns a counter in parts of one, without labels.
    pub fn total(&self, name: &'static str, help: &'static str) -> Total {
        let made = |opts| CounterVec::new(opts, &NO_LABELS).map(Series::Totals);
        Total(match self.series(name, help, made) {
            Some(Series::Totals(series)) => series.get_metric_with_label_values(&NO_LABELS).ok(),
            _ => None,
        })
    }

    /// Returns the gauge of a name and its labels.
    pub fn gauge(&self, name: &'static str, help: &'static str, labels: &[(&str, &str)]) -> Gauge {
        let (names, values) = split(labels);
        let made = |opts| GaugeVec::new(opts, &names).map(Series::Gauges);
        Gauge(match self.series(name, help, made) {
            Some(Series::Gauges(series)) => series.get_metric_with_label_values(&values).ok(),
            _ => None,
        })
    }

    /// Returns the histogram of a name and its labels: of times if the name ends in `_seconds`, else of numbers.
    pub fn histogram(&self, name: &'static str, help: &'static str, labels: &[(&str, &str)]) -> Histogram {
        let (names, values) = split(labels);
        let bounds: &[f64] = if name.ends_with("_seconds") { &SECONDS } else { &NUMBERS };
        let made = |opts: Opts| {
            let opts = HistogramOpts { common_opts: opts, buckets: bounds.to_vec() };
            HistogramVec::new(opts, &names).map(Series::Histograms)
        };
        Histogram(match self.series(name, help, made) {
            Some(Series::Histograms(series)) => series.get_metric_with_label_values(&values).ok(),
            _ => None,
        })
    }

    /// Announces a metric that has no series yet, so that a scrape shows it: a counter whose labels come later.
    pub fn announce_counter(&self, name: &'static str, help: &'static str, labels: &[&str]) {
        self.series(name, help, |opts| IntCounterVec::new(opts, labels).map(Series::Counters));
    }

    /// Announces gauges whose labels come later.
    pub fn announce_gauge(&self, name: &'static str, help: &'static str, labels: &[&str]) {
        self.series(name, help, |opts| GaugeVec::new(opts, labels).map(Series::Gauges));
    }

    fn text(&self) -> String {
        let gathered = self.0.registry.gather();
        let mut text = TextEncoder::new().encode_to_string(&gathered).unwrap_or_default();
        // The library leaves out what has no series yet.
        for (name, family) in lock(&self.0.families).iter() {
            if !gathered.iter().any(|shown| shown.name() == *name) {
                let kind = family.series.kind();
                // Writing to a string does not fail.
                let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} {kind}", family.help);
            }
        }
        text
    }

    fn series(
        &self,
        name: &'static str,
        help: &'static str,
        make: impl FnOnce(Opts) -> prometheus::Result<Series>,
    ) -> Option<Series> {
        let mut families = lock(&self.0.families);
        if let Some(family) = families.get(name) {
            return Some(family.series.clone());
        }
        let made = make(Opts::new(name, help)).and_then(|series| {
            self.0.registry.register(series.collector())?;
            Ok(series)
        });
        match made {
            Ok(series) => {
                families.insert(name, Family { help, series: series.clone() });
                Some(series)
            }
            // A name that Prometheus does not take: a fault of the program, which must not end the part.
            Err(error) => {
                tracing::error!(%error, name, "a metric cannot be shown; report it as a fault");
                None
            }
        }
    }
}

impl Series {
    fn collector(&self) -> Box<dyn prometheus::core::Collector> {
        match self.clone() {
            Self::Counters(series) => Box::new(series),
            Self::Totals(series) => Box::new(series),
            Self::Gauges(series) => Box::new(series),
            Self::Histograms(series) => Box::new(series),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Counters(_) | Self::Totals(_) => "counter",
            Self::Gauges(_) => "gauge",
            Self::Histograms(_) => "histogram",
        }
    }
}

fn split<'l>(labels: &[(&'l str, &'l str)]) -> (Vec<&'l str>, Vec<&'l str>) {
    labels.iter().copied().unzip()
}

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    // Valid after a panic: nothing is left half-changed.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
