//! Every call and every page × every caller × every way to get it wrong, compared with a table of the test's own.

use std::collections::BTreeSet;

use apiary_executor_sdk::wire::{BytesCodec, envelope_to_proto};
use apiary_identity::{Envelope, Id, KeyPair, Request};
use apiary_proto::METHODS;
use apiary_protocol::details::Details;
use apiary_tests::{Backend, TestColony};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::{StreamExt as _, stream};
use http::uri::PathAndQuery;
use prost::Message as _;
use serde_json::Value;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use uuid::Uuid;

use super::callers::{Caller, Standing, everybody};
use super::messages::{Trial, document_message, has_document, method, reason_inside, signed_message, spec};
use super::table::{CALLS, PAGES};

/// Calls under way at once.
const AT_ONCE: usize = 64;
/// Answers after the question who calls: the messages of most calls are empty.
const PASSED: [&str; 7] = ["OK", "INVALID", "NOT_FOUND", "LEASE_LOST", "TAKEN", "STATE_CONFLICT", "OVERLOADED"];
const TRIALS: [Trial; 7] =
    [Trial::Good, Trial::WrongKey, Trial::Stale, Trial::Future, Trial::Replayed, Trial::WrongColony, Trial::OutOfScope];

/// A broker with two colonies.
struct Scene {
    channels: Vec<Channel>,
    http: reqwest::Client,
    base: String,
    broker_id: String,
    colony: Id,
    second: Id,
}

/// A call or a page, its row, and how it is called.
struct Attempt<'a> {
    path: &'static str,
    row: &'static str,
    caller: &'a Caller,
    trial: Trial,
}

/// The expected answer.
#[derive(Debug)]
enum Expected {
    /// Any of [`PASSED`].
    Passes,
    Answers(&'static str),
}

// Requirements R2, R4, R5.
#[tokio::test(flavor = "multi_thread")]
async fn everybody_may_do_what_the_table_says_and_no_more() {
    let colony = TestColony::start(Backend::sqlite().await).await;
    let scene = Scene::new(&colony).await;
    let callers = everybody(&colony).await;
    let attempts = attempts(&callers);
    let count = attempts.len();
    let tried = stream::iter(attempts.into_iter().enumerate()).map(|(number, attempt)| {
        let scene = &scene;
        async move { scene.fault(number, &attempt).await }
    });
    let faults: Vec<String> = tried.buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect().await;
    eprintln!("{count} calls");
    assert!(faults.is_empty(), "{} of {count}:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn every_call_has_a_row() {
    let calls: BTreeSet<_> = METHODS.iter().copied().collect();
    let rows: BTreeSet<_> = CALLS.iter().map(|(path, _)| *path).collect();
    assert_eq!(calls, rows, "write the row of each call into tests/it/policy/table.rs");
    assert_eq!(rows.len(), CALLS.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_has_a_row() {
    let colony = TestColony::start(Backend::sqlite().await).await;
    // The answer about a page that is near to none lists all.
    let url = format!("http://{}/{}", colony.address(), "no-such-page-".repeat(4));
    let answer: Value = apiary_tests::http().get(url).send().await.unwrap().json().await.unwrap();
    let words = answer["error"]["message"].as_str().unwrap().rsplit("the pages are ").next().unwrap();
    let pages: BTreeSet<_> = words.split(", ").map(|page| page.trim_matches('`')).collect();
    assert_eq!(pages, PAGES.iter().map(|(path, _)| *path).collect(), "write the row of each page, too");
}

fn attempts(callers: &[Caller]) -> Vec<Attempt<'_>> {
    let mut attempts = Vec::new();
    let rows = CALLS.iter().chain(PAGES).filter(|(path, _)| *path != "/grpc.health.v1.Health/Watch");
    for &(path, row) in rows {
        for caller in callers {
            let usual = caller.standing == Standing::Good;
            let trials = TRIALS.iter().copied().filter(|trial| usual || *trial == Trial::Good);
            attempts.extend(trials.map(|trial| Attempt { path, row, caller, trial }));
        }
        // Without a signature, everybody is the same.
        attempts.push(Attempt { path, row, caller: &callers[0], trial: Trial::Unsigned });
    }
    attempts
}

impl Attempt<'_> {
    fn is_page(&self) -> bool {
        PAGES.iter().any(|(path, _)| *path == self.path)
    }

    fn submits(&self) -> bool {
        matches!(method(self.path), "Submit" | "SubmitBatch" | "processes")
    }

    fn expected(&self) -> Expected {
        use Expected::{Answers, Passes};
        let may = self.caller.is_in(self.row);
        if self.row == "anybody" {
            return Passes;
        }
        let by_right = || if may { Passes } else { Answers("NOT_PERMITTED") };
        if has_document(self.path) || self.path == "/v1/processes" {
            return match self.trial {
                Trial::Unsigned if self.is_page() || self.path.ends_with("Batch") => Answers("SIGNATURE_INVALID"),
                Trial::Unsigned => Answers("INVALID"),
                Trial::WrongKey => Answers("SIGNATURE_INVALID"),
                Trial::Stale if self.submits() => Answers("SUBMIT_BY_OVER"),
                Trial::Future if self.submits() => Answers("INVALID"),
                // A revocation holds at once.
                Trial::Future if method(self.path) == "RevokeGrant" && may => Answers("INVALID"),
                Trial::WrongColony => Answers("NOT_PERMITTED"),
                Trial::OutOfScope if self.submits() => Answers("NOT_PERMITTED"),
                _ if self.submits() && may => Answers("OK"),
                // What was signed once is harmless twice, and a result has no age.
                _ => by_right(),
            };
        }
        let registers = method(self.path) == "RegisterExecutor";
        let is_newcomer = registers && self.caller.is_in("newcomer");
        match self.trial {
            Trial::Unsigned => Answers("UNSIGNED"),
            Trial::WrongKey => Answers("SIGNATURE_INVALID"),
            Trial::Stale | Trial::Future => Answers("REQUEST_STALE"),
            // A stranger's requests are not remembered: strangers sign as much as they like.
            Trial::Replayed if may && !is_newcomer => Answers("REQUEST_REPLAYED"),
            // The server owner is outside every colony, and everybody is new in another.
            Trial::WrongColony if registers || may && method(self.path) == "CreateColony" => Passes,
            Trial::WrongColony => Answers("NOT_PERMITTED"),
            Trial::OutOfScope if method(self.path) == "Claim" || registers && !is_newcomer => Answers("NOT_PERMITTED"),
            _ => by_right(),
        }
    }
}

impl Scene {
    async fn new(colony: &TestColony) -> Self {
        let second = KeyPair::generate();
        colony.client_for(second.id(), &colony.server_owner).create_colony("second").await.unwrap();
        let mut channels = Vec::new();
        for _ in 0..8 {
            channels.push(colony.channel().await);
        }
        Self {
            channels,
            http: apiary_tests::http(),
            base: format!("http://{}", colony.address()),
            broker_id: colony.client(&colony.key).connect().await.unwrap().broker_id,
            colony: colony.key.id(),
            second: second.id(),
        }
    }

    /// Makes the attempt; returns the difference from what is expected.
    async fn fault(&self, number: usize, attempt: &Attempt<'_>) -> Option<String> {
        let colony = if attempt.trial == Trial::WrongColony { self.second } else { self.colony };
        let answer = match attempt.is_page() {
            true => self.page(attempt, colony).await,
            false => self.call(&self.channels[number % self.channels.len()], attempt, colony).await,
        };
        let expected = attempt.expected();
        let fits = match expected {
            Expected::Passes => PASSED.contains(&answer.as_str()),
            Expected::Answers(reason) => reason == answer,
        };
        let Attempt { path, caller, trial, .. } = attempt;
        let words =
            || format!("{path} as {} ({:?}), {trial:?}: {answer}, not {expected:?}", caller.name, caller.standing);
        (!fits).then(words)
    }

    async fn call(&self, channel: &Channel, attempt: &Attempt<'_>, colony: Id) -> String {
        let Attempt { path, caller, trial, .. } = attempt;
        let (message, signature) = if has_document(path) {
            (document_message(path, *trial, colony, &caller.key), None)
        } else {
            let message = signed_message(path, *trial);
            let signature = self.signature(path, attempt, colony, &message);
            (message, signature.map(|envelope| envelope_to_proto(&envelope).encode_to_vec()))
        };
        let send = async || {
            let mut request = tonic::Request::new(message.clone());
            if let Some(signature) = &signature {
                request.metadata_mut().insert_bin("apiary-request-bin", MetadataValue::from_bytes(signature));
            }
            let mut grpc = tonic::client::Grpc::new(channel.clone());
            grpc.ready().await.unwrap();
            match grpc.unary(request, PathAndQuery::from_static(path), BytesCodec).await {
                Ok(answer) => reason_inside(path, answer.get_ref()).unwrap_or_else(|| "OK".to_owned()),
                Err(status) => Details::of(&status).map_or_else(|| status.to_string(), |details| details.reason),
            }
        };
        if *trial == Trial::Replayed {
            send().await;
        }
        send().await
    }

    async fn page(&self, attempt: &Attempt<'_>, colony: Id) -> String {
        let Attempt { path, caller, trial, .. } = attempt;
        let target = path.replace("{id}", &Uuid::now_v7().to_string());
        let request = match *path {
            "/v1/processes" => {
                let body = match trial {
                    Trial::Unsigned => b"{}".to_vec(),
                    _ => trial.seal(&caller.key, &spec(*trial, colony)).to_json(),
                };
                self.http.post(format!("{}{target}", self.base)).body(body)
            }
            _ => {
                let request = self.http.get(format!("{}{target}", self.base));
                match self.signature(&format!("GET {target}"), attempt, colony, b"") {
                    Some(envelope) => request.header("apiary-request", STANDARD.encode(envelope.to_json())),
                    None => request,
                }
            }
        };
        let send = async || {
            let answer = request.try_clone().unwrap().send().await.unwrap();
            if answer.status().is_success() {
                return "OK".to_owned();
            }
            let body: Value = answer.json().await.unwrap();
            body["error"]["reason"].as_str().unwrap().to_owned()
        };
        if *trial == Trial::Replayed {
            send().await;
        }
        send().await
    }

    /// Signs a call; `None` if it is to be unsigned.
    fn signature(&self, method: &str, attempt: &Attempt<'_>, colony: Id, message: &[u8]) -> Option<Envelope> {
        let request = Request::new(method, colony, &self.broker_id, attempt.trial.time(), message);
        (attempt.trial != Trial::Unsigned).then(|| attempt.trial.seal(&attempt.caller.key, &request))
    }
}
