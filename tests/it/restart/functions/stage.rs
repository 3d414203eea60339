//! The stage of the tests that Node runs: a real broker behind a proxy, a table, and an executor, moved by commands over
//! HTTP.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use apiary_executor_sdk::v1::{ListProcessesRequest, ProcessState};
use apiary_identity::{Clock as _, Content, Document as _, Envelope, Outcome, Spec, SystemClock};
use apiary_tests::colony::{claim, spec_digest};
use apiary_tests::web::{read_request, write_answer};
use apiary_tests::{Proxy, eventually_within};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::table::Table;
use apiary_tests::parts::Parts;

/// Processes that one claim takes.
const CLAIMED_MAX: i32 = 100;

/// The signing secret of the endpoint, for the functions and for the webhook adapter.
pub(super) const SECRET: &str = "whsec_only_for_these_tests";

/// Parts of the stage.
pub(super) struct Stage {
    pub(super) parts: Parts,
    pub(super) proxy: Proxy,
    pub(super) table: Table,
    listener: TcpListener,
}

impl Stage {
    /// Starts broker, proxy and table.
    pub(super) async fn start(folder: &Path, database_url: &str) -> Self {
        let mut parts = Parts::new(folder, database_url);
        parts.webhook.settings("STRIPE_WEBHOOK_SECRET", SECRET);
        parts.start_broker_and_webhook().await;
        let proxy = Proxy::to(parts.broker_address.to_string()).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { parts, proxy, table: Table::start().await, listener }
    }

    /// Returns the address for commands.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap())
    }

    /// Executes commands, one after the other, for as long as this is polled.
    pub(super) async fn serve(&mut self) {
        loop {
            let (mut stream, _) = self.listener.accept().await.unwrap();
            let Some((head, _)) = read_request(&mut stream).await else { continue };
            let command = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let answer = self.execute(&command).await;
            let _ = write_answer(&mut stream, "200 OK", &answer.to_string()).await;
        }
    }

    async fn execute(&mut self, command: &str) -> Value {
        match command {
            "/kill" => self.parts.broker.kill(),
            "/start" => {
                self.parts.broker.start();
                self.parts.broker.ready().await;
            }
            "/stand-still" => self.parts.broker.signal(Signal::SIGSTOP),
            "/go-on" => self.parts.broker.signal(Signal::SIGCONT),
            "/swallow-answers" => self.proxy.mute(),
            "/pass-answers" => self.proxy.open(),
            "/processes" => return json!(self.processes().await),
            "/work" => self.work().await,
            "/table" => return json!(self.table.inserts()),
            other => panic!("there is no command {other}"),
        }
        Value::Null
    }

    /// Returns the ids of all processes, by the idempotency key in their spec.
    pub(super) async fn processes(&self) -> BTreeMap<String, Vec<String>> {
        let reader = self.parts.client(&self.parts.colony);
        let (mut by_key, mut page_token) = (BTreeMap::<_, Vec<_>>::new(), String::new());
        loop {
            let request = ListProcessesRequest { page_size: 1000, page_token, ..Default::default() };
            let page = reader.list_processes(request).await.unwrap();
            for process in page.processes {
                let whole = reader.get_process(process.process_id.parse().unwrap()).await.unwrap();
                let spec = Spec::from_json(&whole.spec.unwrap().payload).unwrap();
                by_key.entry(spec.idempotency_key.unwrap()).or_default().push(process.process_id);
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return by_key;
            }
        }
    }

    /// Does all work that waits, as a bee that stores events in the same table, until everything is done.
    async fn work(&self) {
        let bee = self.parts.client(&self.parts.finance);
        eventually_within(Duration::from_secs(60), "all events are applied", async || {
            for lease in claim(&bee, "finance", CLAIMED_MAX, Duration::ZERO).await {
                let spec = Spec::from_json(&lease.spec.as_ref().unwrap().payload).unwrap();
                let event = serde_json::from_slice(&spec.args().to_bytes().unwrap()).unwrap();
                self.table.insert(spec.idempotency_key.as_ref().unwrap(), event);
                let result = Outcome::succeeded(
                    self.parts.colony.id(),
                    spec.process_id,
                    lease.attempt,
                    spec_digest(&lease),
                    SystemClock.now(),
                    Content::default(),
                );
                bee.complete(&Envelope::seal(&self.parts.finance, &result).unwrap()).await.unwrap();
            }
            self.unfinished().await.is_empty().then_some(())
        })
        .await;
    }

    /// Returns the ids of processes that have not succeeded.
    pub(super) async fn unfinished(&self) -> Vec<String> {
        let reader = self.parts.client(&self.parts.colony);
        let (mut unfinished, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListProcessesRequest { page_size: 1000, page_token, ..Default::default() };
            let page = reader.list_processes(request).await.unwrap();
            let open = page.processes.into_iter().filter(|process| process.state() != ProcessState::Succeeded);
            unfinished.extend(open.map(|process| process.process_id));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return unfinished;
            }
        }
    }
}
