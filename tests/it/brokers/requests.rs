//! Ids of requests, and the line of the log at the end of each call, as a real broker writes them.

use std::sync::Arc;

use apiary_executor_sdk::{Client, ClientConfig, ClientError};
use apiary_identity::{KeyPair, SystemClock};
use apiary_proto::health::HealthCheckRequest;
use apiary_proto::health::health_client::HealthClient;
use apiary_tests::daemon::Daemon;
use apiary_tests::{Port, eventually, http, http2};
use serde_json::Value;
use tonic::{Code, Status};

/// A broker on SQLite that logs everything as JSON.
struct Scene {
    port: Port,
    owner: KeyPair,
    broker: Daemon,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn start() -> Self {
        let (folder, port, owner) = (tempfile::tempdir().unwrap(), Port::take(), KeyPair::generate());
        let mut broker = Daemon::new("broker", &["broker"], folder.path(), Some(port.address()))
            .set("APIARY_BROKER_LISTEN", port.address())
            .set("APIARY_BROKER_DATABASE_URL", format!("sqlite:{}", folder.path().join("apiary.db").display()))
            .set("APIARY_BROKER_SERVER_OWNER", owner.id())
            .set("APIARY_LOG_LEVEL", "trace")
            .set("APIARY_LOG_FORMAT", "json");
        broker.start();
        broker.ready().await;
        Self { port, owner, broker, _folder: folder }
    }

    fn config(&self) -> ClientConfig {
        ClientConfig::new(format!("http://{}", self.port.address()).parse().unwrap())
    }

    fn client(&self) -> Client {
        Client::new(&self.config(), self.owner.id(), self.owner.clone(), Arc::new(SystemClock)).unwrap()
    }

    /// The ends of all calls so far whose spans have this field.
    fn ended(&self, field: &str, value: &str) -> Vec<Value> {
        let words = self.broker.words();
        let lines = words.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["message"] == "call ended" && line["span"][field] == value).collect()
    }

    /// Waits for a line in a span of this kind.
    async fn line_in(&self, message: &str, span: &str, field: &str, value: &str) -> Value {
        eventually(&format!("a line in {span}{{{field}={value}}}"), async || {
            let words = self.broker.words();
            let mut lines = words.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            lines
                .find(|line| line["message"] == message && line["span"]["name"] == span && line["span"][field] == value)
        })
        .await
    }

    /// Waits for the end of a call with this id.
    async fn end_of(&self, id: &str) -> Value {
        let ended = eventually("the call's end is logged", async || {
            Some(self.ended("request_id", id)).filter(|ended| !ended.is_empty())
        });
        let ended = ended.await;
        assert_eq!(ended.len(), 1, "{ended:?}");
        assert_eq!(ended[0]["level"], "DEBUG");
        assert!(ended[0]["duration_ms"].as_f64().unwrap() > 0.0, "{}", ended[0]);
        ended[0].clone()
    }
}

fn id_in(headers: &reqwest::header::HeaderMap) -> String {
    let ids: Vec<_> = headers.get_all("x-request-id").iter().collect();
    assert_eq!(ids.len(), 1, "{headers:?}");
    ids[0].to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_a_request_id_and_the_log_has_one_line_with_it() {
    let scene = Scene::start().await;
    let url = |path: &str| format!("http://{}{path}", scene.port.address());
    let own = http().get(url("/healthz")).header("x-request-id", "order-17").send().await.unwrap();
    assert_eq!(id_in(own.headers()), "order-17");
    let line = scene.end_of("order-17").await;
    assert_eq!(
        (&line["span"]["method"], &line["status"], &line["bytes"]),
        (&"/healthz".into(), &"200".into(), &3.into())
    );
    assert_eq!(line["span"]["peer"], "127.0.0.1");

    let bad = http().get(url("/nowhere")).header("x-request-id", "two words").send().await.unwrap();
    let id = id_in(bad.headers());
    assert_eq!(id.parse::<uuid::Uuid>().unwrap().get_version_num(), 7);
    let line = scene.end_of(&id).await;
    assert_eq!((&line["span"]["method"], &line["status"]), (&"unknown".into(), &"404".into()));

    let submit = http2().post(url("/apiary.v1.ProcessService/Submit")).header("content-type", "application/grpc");
    let refused = submit.body(&[0, 0, 0, 0, 0][..]).send().await.unwrap();
    assert_eq!(Status::from_header_map(refused.headers()).unwrap().code(), Code::InvalidArgument);
    let line = scene.end_of(&id_in(refused.headers())).await;
    assert_eq!((&line["span"]["method"], &line["status"]), (&"Submit".into(), &"INVALID_ARGUMENT".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calls_lines_say_whose_it_is_and_its_last_line_comes_with_its_end() {
    let scene = Scene::start().await;
    let client = scene.client();
    client.create_colony("shop").await.unwrap();
    let shown = &scene.owner.id().to_string()[..16];
    let line = eventually("the call's end is logged", async || scene.ended("method", "CreateColony").pop()).await;
    assert_eq!(line["status"], "OK", "{line}");
    assert_eq!((&line["span"]["colony"], &line["span"]["key"]), (&shown.into(), &shown.into()));

    let stranger = KeyPair::generate();
    let stranger = Client::new(&scene.config(), stranger.id(), stranger, Arc::new(SystemClock)).unwrap();
    let error = stranger.create_colony("other").await.unwrap_err();
    let ClientError::Refused { request_id: Some(id), .. } = error else { panic!("{error}") };
    assert_eq!(scene.end_of(&id).await["status"], "PERMISSION_DENIED");

    let channel = tonic::transport::Endpoint::from_shared(format!("http://{}", scene.port.address())).unwrap();
    let mut health = HealthClient::new(channel.connect().await.unwrap());
    let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap();
    let id = watch.metadata().get("x-request-id").unwrap().to_str().unwrap().to_owned();
    assert!(watch.get_mut().message().await.unwrap().is_some());
    assert_eq!(scene.ended("request_id", &id), Vec::<Value>::new(), "it goes on");
    drop(watch);
    assert_eq!(scene.end_of(&id).await["status"], "CANCELLED");
}

#[tokio::test(flavor = "multi_thread")]
async fn passes_and_statements_have_spans_and_a_line_at_their_ends() {
    let scene = Scene::start().await;
    let client = scene.client();
    client.create_colony("shop").await.unwrap();
    let sweep = scene.line_in("pass ended", "sweep", "kind", "leases").await;
    assert!(sweep["duration_ms"].is_number(), "{sweep}");
    let statement = scene.line_in("statement ended", "statement", "file", "colonies/create").await;
    let spans: Vec<_> = statement["spans"].as_array().unwrap().iter().map(|span| &span["name"]).collect();
    assert_eq!(spans, ["rpc", "statement"], "{statement}");
    assert_eq!(statement["spans"][0]["method"], "CreateColony");
}
