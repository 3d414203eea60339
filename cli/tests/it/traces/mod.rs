//! Traces from a webhook to its row, as a collector gets them from the real processes.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up its subject must fail at once")]

mod collector;

use std::process::{Child, Stdio};
use std::sync::Arc;

use apiary_identity::{Clock as _, SystemClock};
use apiary_tests::blocking::eventually;
use apiary_tests::postgrest::PostgrestStub;
use apiary_tests::{Port, http, stripe};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use collector::{Collector, Span};

use crate::local::{Local, command};
use crate::scene::{Scene, run};

const SECRET: &str = "whsec_for_these_traces_only";
/// The sender's place in its trace.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SENDER: &str = "00f067aa0ba902b7";
/// A part of the event, which must be in no span.
const PAYLOAD: &str = "user-7";

/// A process; ended when dropped.
struct Part(Child);

impl Part {
    /// Ends it in order, so that it sends its last spans.
    fn stop(&mut self) {
        kill(Pid::from_raw(i32::try_from(self.0.id()).unwrap()), Signal::SIGTERM).unwrap();
        assert_eq!(eventually("it ends", || self.0.try_wait().unwrap()).code(), Some(0));
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A colony of three parts with a collector.
struct Colony {
    scene: Scene,
    collector: Collector,
    broker: Port,
    webhook: Port,
    id: String,
}

impl Colony {
    fn found() -> Self {
        let (scene, collector) = (Scene::new(), Collector::open());
        let id = scene.new_key("colony.pem");
        let colony = Self { scene, collector, broker: Port::take(), webhook: Port::take(), id };
        let [owner, adapter, finance] =
            ["owner.pem", "adapter.pem", "finance.pem"].map(|file| colony.scene.new_key(file));
        let _broker = colony.start(&["broker"], "owner.pem", &[("APIARY_BROKER_SERVER_OWNER", &owner)]);
        let operate = |arguments: &[&str]| {
            run(colony.scene.command(arguments).envs(colony.variables("owner.pem"))).ok();
        };
        operate(&["doctor", "--only", "broker", "--wait", "30s"]);
        operate(&["colony", "create", "shop", "--id", &colony.id]);
        for (role, name, key) in [("user", "adapter", &adapter), ("executor", "finance", &finance)] {
            let of = ["grant", "add", "--colony-key", "colony.pem", "--key", key, "--role", role, "--name", name];
            operate(&[&of[..], &["--function", "*", "--executor-type", "*"]].concat());
        }
        colony
    }

    fn variables(&self, key: &str) -> Vec<(&'static str, String)> {
        vec![
            ("APIARY_BROKER", format!("http://{}", self.broker.address())),
            ("APIARY_BROKER_LISTEN", self.broker.address().to_string()),
            ("APIARY_WEBHOOK_LISTEN", self.webhook.address().to_string()),
            ("APIARY_COLONY", self.id.clone()),
            ("APIARY_KEY_FILE", key.to_owned()),
            ("APIARY_DATABASE_URL", "sqlite:broker.db".to_owned()),
            ("STRIPE_WEBHOOK_SECRET", SECRET.to_owned()),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", self.collector.address)),
            ("APIARY_TRACES_HEADERS", "x-token=hidden-token".to_owned()),
        ]
    }

    fn start(&self, arguments: &[&str], key: &str, more: &[(&str, &str)]) -> Part {
        let log = std::fs::File::options().create(true).append(true).open(self.scene.path("log")).unwrap();
        let mut command = self.scene.process(arguments);
        command.envs(self.variables(key)).envs(more.iter().copied());
        Part(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }

    /// Posts a signed event, as soon as the adapter listens; returns its answer.
    async fn send(&self, number: usize, traceparent: Option<&str>) -> serde_json::Value {
        let now = SystemClock.now().as_second();
        let body = stripe::subscription_created(number, now).to_string();
        let signature = stripe::signature(SECRET, body.as_bytes(), now);
        let url = format!("http://{}/webhooks/stripe", self.webhook.address());
        apiary_tests::eventually("the adapter answers", async || {
            let request = http().post(&url).header("stripe-signature", &signature).body(body.clone());
            let request = match traceparent {
                Some(text) => request.header("traceparent", text),
                None => request,
            };
            request.send().await.ok()?.json().await.ok()
        })
        .await
    }
}

fn find<'s>(spans: &'s [Span], name: &str) -> &'s Span {
    let found = spans.iter().find(|span| span.name == name && !span.has_failed);
    found.unwrap_or_else(|| panic!("no span `{name}`: {:?}", spans.iter().map(|span| &span.name).collect::<Vec<_>>()))
}

#[test]
fn an_event_is_one_trace_from_its_sender_over_the_spool_to_the_row() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let colony = Colony::found();
    let record = runtime.block_on(PostgrestStub::start());
    let traceparent = format!("00-{TRACE}-{SENDER}-01");

    // The broker is away: the event goes to the spool first.
    let mut webhook = colony.start(&["webhook"], "adapter.pem", &[]);
    let answer = runtime.block_on(colony.send(7, Some(&traceparent)));
    assert_eq!(answer["outcome"], "spooled", "{answer}");
    let mut broker = colony.start(&["broker"], "owner.pem", &[]);
    let supabase = [("SUPABASE_URL", record.url()), ("SUPABASE_SERVICE_ROLE_KEY", "sb_secret_hidden-key")];
    let mut bee = colony.start(&["bee", "finance"], "finance.pem", &supabase);
    let call = eventually("the row is written", || record.calls().first().cloned());
    bee.stop();
    webhook.stop();
    broker.stop();

    let spans: Vec<Span> = colony.collector.spans().into_iter().filter(|span| span.trace == TRACE).collect();
    for (service, names) in [
        ("apiary-webhook", &["receive", "spool", "wait in spool", "submit"][..]),
        ("apiary-broker", &["commit", "wait"]),
        ("apiary-bee", &["claim", "run", "write row", "complete"]),
    ] {
        for name in names {
            assert_eq!(find(&spans, name).service, service, "{name}");
        }
    }
    let receive = find(&spans, "receive");
    assert_eq!((receive.parent.as_str(), receive.attributes["apiary.source"].as_str()), (SENDER, "stripe"));
    for span in spans.iter().filter(|span| span.name != "receive") {
        let parent = spans.iter().find(|parent| parent.id == span.parent);
        let expected = if span.name == "write row" { "run" } else { "receive" };
        assert_eq!(parent.map(|parent| parent.name.as_str()), Some(expected), "{span:?}");
        assert!(span.start_ns <= span.end_ns && span.end_ns < receive.start_ns + 600_000_000_000, "{span:?}");
    }
    // Each step begins when the one before it has begun, whatever process it is in.
    let order = ["receive", "spool", "commit", "run", "write row", "complete"].map(|name| find(&spans, name).start_ns);
    assert!(order.is_sorted(), "{order:?}");
    let process = &find(&spans, "commit").attributes["apiary.process_id"];
    assert_eq!(*process, find(&spans, "complete").attributes["apiary.process_id"]);

    let write = find(&spans, "write row");
    assert_eq!(call.traceparent, Some(format!("00-{TRACE}-{}-01", write.id)), "Supabase is told its place");
    let heads = colony.collector.heads();
    assert!(heads.iter().all(|head| head.starts_with("POST /v1/traces ") && head.contains("x-token: hidden-token")));
    for text in [PAYLOAD, SECRET, "hidden-key", "hidden-token"] {
        assert!(!colony.collector.was_told(text), "`{text}` is in a span");
    }
    assert!(!colony.scene.read("log").contains("hidden-"), "{}", colony.scene.read("log"));
}

#[test]
fn without_a_sender_a_trace_begins_at_the_adapter_and_an_unsampled_one_is_only_passed_on() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let colony = Colony::found();
    let record = runtime.block_on(PostgrestStub::start());
    let mut broker = colony.start(&["broker"], "owner.pem", &[]);
    let mut webhook = colony.start(&["webhook"], "adapter.pem", &[]);
    let supabase = [("SUPABASE_URL", record.url()), ("SUPABASE_SERVICE_ROLE_KEY", "sb_secret_hidden-key")];
    let mut bee = colony.start(&["bee", "finance"], "finance.pem", &supabase);
    let unsampled = format!("00-{TRACE}-{SENDER}-00");
    for (number, traceparent) in [(1, None), (2, Some(unsampled.as_str())), (3, Some("00-malformed"))] {
        let answer = runtime.block_on(colony.send(number, traceparent));
        assert_eq!(answer["event"], format!("evt_test{number:08}"), "{answer}");
        // Events that come together are written by one call, which has one place in one trace.
        eventually("its row is written", || (record.calls().len() == number).then_some(()));
    }
    let calls = record.calls();
    bee.stop();
    webhook.stop();
    broker.stop();

    let spans = colony.collector.spans();
    assert!(spans.iter().all(|span| span.trace != TRACE), "{spans:?}");
    let begun: Vec<&Span> = spans.iter().filter(|span| span.name == "receive").collect();
    assert_eq!(begun.len(), 2, "{begun:?}");
    for begin in begun {
        assert_eq!(begin.parent, "");
        let of_trace: Vec<Span> = spans.iter().filter(|span| span.trace == begin.trace).cloned().collect();
        assert_eq!(find(&of_trace, "write row").trace, begin.trace);
    }
    let passed_on = calls.iter().find(|call| call.event == "evt_test00000002").unwrap();
    assert_eq!(passed_on.traceparent, Some(unsampled));
}

#[test]
fn a_collector_that_answers_nothing_slows_nothing() {
    let (scene, collector) = (Scene::new(), Arc::new(Collector::silent()));
    let stderr = std::fs::File::create(scene.path("up.log")).unwrap();
    let mut up = command(&scene.path("data"));
    up.env("APIARY_TRACES_ENDPOINT", format!("http://{}", collector.address)).stderr(stderr);
    let local = Local::spawn(&scene, &mut up);
    let send = |kind: &str| {
        let sent = local.run(&["webhook", "send", kind, "-o", "json"]).json();
        assert_eq!(sent["outcome"], "submitted", "{sent}");
    };
    send("customer.subscription.created");
    eventually("the collector is asked", || (!collector.heads().is_empty()).then_some(()));
    let begun = std::time::Instant::now();
    send("customer.subscription.updated");
    eventually("the row is written", || {
        let rows = local.run(&["record", "show", "--all", "--json"]).json();
        (rows.as_array().is_some_and(|rows| !rows.is_empty())).then_some(())
    });
    // The exporter itself waits ten seconds for an answer.
    assert!(begun.elapsed().as_secs() < 8, "{:?}", begun.elapsed());
    let (code, words) = local.stop();
    assert_eq!(code, Some(0), "{words}");
}

#[test]
fn a_collector_that_cannot_be_used_is_named_before_anything_starts() {
    let scene = Scene::new();
    for (variables, words) in [
        (&[("APIARY_TRACES_ENDPOINT", "collector:4318")][..], "`traces.endpoint` is neither https nor http"),
        (
            &[("APIARY_TRACES_ENDPOINT", "http://collector:4318"), ("APIARY_TRACES_HEADERS", "token=hidden")],
            "`traces.endpoint` is not encrypted",
        ),
        (
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c.example"), ("OTEL_EXPORTER_OTLP_HEADERS", "hidden")],
            "`traces.headers` has an invalid entry 1",
        ),
    ] {
        let error = scene.run_with(variables, &["up"]).fails_with(2);
        assert!(error.contains(words) && !error.contains("hidden"), "{error}");
    }
}
