//! Sends the spans of traces to a collector: OTLP over HTTP, in protobuf.

use std::net::IpAddr;
use std::time::Duration;

use apiary_daemon::traces::{self, TraceBatch, TraceQueue, TraceTotals};
use apiary_daemon::{Metrics, Notices, Supervisor, with_causes};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use tokio_util::sync::CancellationToken;

use crate::exit::Fault;
use crate::profile;
use crate::settings::{Setting, Settings, table};

/// Longest wait for a collector's answer.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after a request that failed; spans that come meanwhile wait, or are dropped.
const PAUSE: Duration = Duration::from_secs(5);
/// Longest time that a stop waits for the last request.
const LAST_TIMEOUT: Duration = Duration::from_secs(2);
/// The path of traces below a collector's URL.
const PATH: &str = "v1/traces";
/// Headers besides those of HTTP itself.
const HEADERS_MAX: usize = 16;
/// The notice of a collector that takes no spans.
const TRACES_FAILED: &str = "TRACES_FAILED";

/// The way to the collector.
struct Exporter {
    collector: Collector,
    notices: Notices,
    stop: CancellationToken,
}

/// A collector, as the settings name it.
pub(crate) struct Collector {
    http: Client,
    url: Url,
    queue: TraceQueue,
}

/// A running exporter.
pub(crate) struct Running {
    stop: CancellationToken,
    tasks: Supervisor,
}

/// Reads the settings of the collector, and begins to keep spans for it: the first requests belong to traces, too. `None` if none is
/// set.
pub(crate) fn open(settings: &Settings) -> Result<Option<Collector>, Fault> {
    let Some(text) = settings.text(&table::TRACES_ENDPOINT) else { return Ok(None) };
    let headers = headers(&settings.secrets(&table::TRACES_HEADERS))?;
    let url = endpoint(text, !headers.is_empty())?;
    let http = Client::builder()
        .default_headers(headers)
        .user_agent(concat!("apiary/", env!("CARGO_PKG_VERSION")))
        .timeout(SEND_TIMEOUT)
        // It would take the headers, which are secrets, to another server.
        .redirect(redirect::Policy::none())
        .build()
        .map_err(|error| Fault::failure(format!("the HTTP client of the collector cannot be made: {error}")))?;
    Ok(traces::start(profile::clock()).map(|queue| Collector { http, url, queue }))
}

/// Shows the numbers of spans in these metrics.
pub(crate) fn show(metrics: &Metrics) {
    let of = |outcome: &str| {
        let help = "Spans of traces, by what became of them.";
        metrics.series().counter("apiary_trace_spans_total", help, &[("outcome", outcome)])
    };
    let counters = (of("sent"), of("failed"), of("dropped"));
    metrics.before_scrape(move || {
        let (TraceTotals { sent, failed, dropped }, counters) = (traces::totals(), counters.clone());
        Box::pin(async move {
            counters.0.raise_to(sent);
            counters.1.raise_to(failed);
            counters.2.raise_to(dropped);
        })
    });
}

/// Starts to send spans to an opened collector, if there is one.
pub(crate) fn start(collector: Option<Collector>, supervisor: &Supervisor) -> Option<Running> {
    let collector = collector?;
    tracing::info!(collector = place(&collector.url), "traces are sent");
    let (stop, tasks) = (CancellationToken::new(), supervisor.group());
    let exporter = Exporter { collector, notices: supervisor.notices().clone(), stop: stop.clone() };
    tasks.spawn("traces", stop.clone(), exporter, |exporter| Box::pin(exporter.run()));
    Some(Running { stop, tasks })
}

/// Sends what is left, and stops.
pub(crate) async fn stop(running: Option<Running>) {
    if let Some(Running { stop, tasks }) = running {
        stop.cancel();
        tasks.close();
        tasks.wait().await;
    }
}

impl Exporter {
    async fn run(&mut self) {
        let stop = self.stop.clone();
        loop {
            let batch = tokio::select! {
                () = stop.cancelled() => break,
                batch = self.collector.queue.next() => batch,
            };
            if self.send(batch).await.is_err() {
                stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
            }
        }
        while let Some(batch) = self.collector.queue.rest() {
            let sent = tokio::time::timeout(LAST_TIMEOUT, self.send(batch)).await;
            // A collector that is away must not hold up the end.
            if !matches!(sent, Ok(Ok(()))) {
                return;
            }
        }
    }

    /// Sends spans once. A repeat might show them twice, and a trace with a gap is no loss of work.
    async fn send(&self, batch: TraceBatch) -> Result<(), ()> {
        let Collector { http, url, .. } = &self.collector;
        let request = http.post(url.clone()).header(CONTENT_TYPE, "application/x-protobuf").body(batch.body.clone());
        let problem = match request.send().await {
            Ok(answer) if answer.status().is_success() => {
                batch.count_sent();
                self.notices.resolve(TRACES_FAILED, "");
                return Ok(());
            }
            Ok(answer) => format!("it answers HTTP {}", answer.status()),
            Err(error) if error.is_timeout() => format!("no answer within {} s", SEND_TIMEOUT.as_secs()),
            Err(error) => with_causes(&error.without_url()),
        };
        batch.count_failed();
        let text = format!(
            "the collector at {} takes no traces: {problem}; check `traces.endpoint` and `traces.headers`; nothing else \
             waits for it",
            place(url)
        );
        self.notices.raise(TRACES_FAILED, "", text);
        Err(())
    }
}

/// Returns the server of a URL, without what may be secret in it.
fn place(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
}

/// Reads the collector's URL, and adds the path of traces, as OpenTelemetry has it.
fn endpoint(text: &str, has_headers: bool) -> Result<Url, Fault> {
    let wrong = |problem: &str| {
        let setting = table::TRACES_ENDPOINT.key;
        Fault::usage(format!("`{setting}` {problem}"))
            .hint("set it to the collector's URL, such as http://127.0.0.1:4318")
    };
    let mut url = Url::parse(text.trim()).map_err(|error| wrong(&format!("is no URL ({error})")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("holds a user or password, which belong into `traces.headers`"));
    }
    match url.scheme() {
        "https" => {}
        "http" if !has_headers || is_loopback(&url) => {}
        "http" => {
            return Err(wrong("is not encrypted, and `traces.headers` would be readable on the way: use https://"));
        }
        _ => return Err(wrong("is neither https nor http")),
    }
    url.set_query(None);
    url.set_fragment(None);
    let path = format!("{}/{PATH}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Reads the headers, each `NAME=VALUE`, and marks them, so that no log prints them.
fn headers(entries: &[SecretString]) -> Result<HeaderMap, Fault> {
    let wrong = |number: usize| entry_fault(&table::TRACES_HEADERS, number);
    if entries.len() > HEADERS_MAX {
        return Err(Fault::usage(format!("`{}` has more than {HEADERS_MAX} entries", table::TRACES_HEADERS.key)));
    }
    let mut headers = HeaderMap::new();
    for (index, entry) in entries.iter().enumerate() {
        let number = index + 1;
        let (name, value) = entry.expose_secret().split_once('=').ok_or_else(|| wrong(number))?;
        let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| wrong(number))?;
        let mut value = HeaderValue::from_str(value.trim()).map_err(|_| wrong(number))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// Describes an entry that cannot be used, without its text, which is a secret.
fn entry_fault(setting: &Setting, number: usize) -> Fault {
    Fault::usage(format!("`{}` has an invalid entry {number}", setting.key))
        .hint("write each as NAME=VALUE, such as authorization=Bearer …")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_traces_is_added_to_the_collectors_url() {
        for (url, whole) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("http://collector:4318/", "http://collector:4318/v1/traces"),
            (" https://otlp.example/otlp?a=b ", "https://otlp.example/otlp/v1/traces"),
        ] {
            assert_eq!(endpoint(url, false).map(String::from).map_err(|error| error.to_string()), Ok(whole.to_owned()));
        }
    }

    #[test]
    fn a_url_that_cannot_be_used_is_named_and_its_password_is_not() {
        for (url, has_headers, words) in [
            ("collector:4318", false, "neither https nor http"),
            ("4318", false, "is no URL"),
            ("http://u:hunter2@collector:4318", false, "`traces.headers`"),
            ("http://collector:4318", true, "not encrypted"),
        ] {
            let error = endpoint(url, has_headers).unwrap_err().to_string();
            assert!(error.contains("`traces.endpoint`") && error.contains(words), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(endpoint("http://[::1]:4318", true).is_ok());
    }

    #[test]
    fn headers_are_read_and_a_wrong_one_is_named_by_its_number() {
        let read =
            |entries: &[&str]| headers(&entries.iter().map(|entry| SecretString::from(*entry)).collect::<Vec<_>>());
        let found = read(&["authorization=Bearer a=b", "x-team = bees"]).unwrap();
        assert_eq!((found["authorization"].as_bytes(), found["x-team"].as_bytes()), (&b"Bearer a=b"[..], &b"bees"[..]));
        assert!(found.values().all(HeaderValue::is_sensitive));
        for wrong in ["hunter2", "a b=hunter2", "a=hunter2\u{7f}"] {
            let error = read(&["x=y", wrong]).unwrap_err().to_string();
            assert!(error.contains("invalid entry 2") && !error.contains("hunter2"), "{error}");
        }
    }
}
