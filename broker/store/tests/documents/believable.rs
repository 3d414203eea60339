//! Made-up documents like those that colonies sign: webhooks, rows of a state of record, security scans, archives, reports.

use apiary_identity::{
    Backoff, Content, Digest, Document as _, KeyPair, OnFailed, Outcome, OutcomeKind, Progress, Spec,
};
use jiff::{SignedDuration, Timestamp};
use rand::RngExt as _;
use rand::SeedableRng as _;
use rand::prelude::StdRng;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::content;

/// Second in which the first document is made: 1 November 2026.
const START: i64 = 1_793_491_200;

/// Maker of documents. The same seed makes the same documents.
pub(crate) struct Maker {
    pub(crate) random: StdRng,
}

impl Maker {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: StdRng::seed_from_u64(seed) }
    }

    /// Returns a document of any kind, of a colony of its own: what colonies have in common is what all their documents share.
    pub(crate) fn document(&mut self) -> Vec<u8> {
        match self.random.random_range(0..10) {
            0..5 => self.spec(),
            5..9 => self.result(),
            _ => self.progress(),
        }
    }

    /// Returns a spec.
    pub(crate) fn spec(&mut self) -> Vec<u8> {
        let (executor_type, function, args) = content::work(self);
        let colony = KeyPair::from_seed(&self.random.random()).id();
        let now = self.now();
        let mut spec = Spec::new(colony, executor_type, function, now).with_args(Content::from_bytes(args.as_bytes()));
        spec.process_id = self.id_at(now);
        if self.one_in(2) {
            spec.submit_by = now.saturating_add(SignedDuration::from_hours(24 * 7)).unwrap();
        }
        if let Ok(event) = serde_json::from_str::<Value>(&args)
            && event["object"] == "event"
        {
            let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
            spec.labels = [
                ("stripe_event".to_owned(), text("id")),
                ("stripe_type".to_owned(), text("type")),
                ("livemode".to_owned(), event["livemode"].to_string()),
            ]
            .into();
            spec.idempotency_key = Some(format!("stripe:live::{}", text("id")));
            spec.on_failed = OnFailed::Redrive;
            (spec.max_exec_ms, spec.max_retries) = (30_000, 20);
        } else if self.one_in(2) {
            self.options(&mut spec);
        }
        spec.to_json().unwrap()
    }

    fn options(&mut self, spec: &mut Spec) {
        let label = self.choose(&["team", "project", "environment", "customer", "tenant", "run"]).to_owned();
        let value = self.choose(&["production", "staging", "nightly", "platform", "billing", "security"]).to_owned();
        spec.labels = [(label, value)].into();
        spec.priority = self.choose(&["0", "0", "1", "5", "-1", "100"]).parse().unwrap();
        spec.max_exec_ms = self.choose(&["0", "30000", "60000", "300000", "3600000"]).parse().unwrap();
        spec.max_wait_ms = self.choose(&["0", "0", "60000", "3600000", "86400000"]).parse().unwrap();
        spec.max_retries = self.choose(&["3", "5", "0", "10", "-1"]).parse().unwrap();
        if self.one_in(4) {
            spec.backoff = Backoff { first_ms: 5000, factor: 3.0, most_ms: 60_000, jitter: 0.5 };
        }
        if self.one_in(3) {
            spec.idempotency_key = Some(self.hex(16));
        }
        if self.one_in(4) {
            spec.concurrency_key = Some(format!("customer:{}", self.name()));
        }
        if self.one_in(6) {
            spec.rate_key = Some("api".to_owned());
        }
        if self.one_in(6) {
            spec.parents = [self.id()].into();
        }
        if self.one_in(4) {
            spec.traceparent = Some(format!("00-{}-{}-01", self.hex(16), self.hex(8)));
        }
    }

    /// Returns a result, every sixth of a failure.
    pub(crate) fn result(&mut self) -> Vec<u8> {
        let colony = KeyPair::from_seed(&self.random.random()).id();
        let (process_id, digest, now) = (self.id(), Digest(self.random.random()), self.now());
        let outcome = if self.one_in(6) {
            let (kind, words) = content::failure(self);
            Outcome::failed(colony, process_id, 1, digest, now, kind, &words)
        } else {
            let output = content::output(self);
            let attempt = if self.one_in(8) { 2 } else { 1 };
            let output = Content::from_bytes(output.as_bytes());
            Outcome::succeeded(colony, process_id, attempt, digest, now, output)
        };
        assert_ne!(outcome.outcome, OutcomeKind::Cancelled);
        outcome.to_json().unwrap()
    }

    /// Returns a progress document, half of them with a checkpoint.
    pub(crate) fn progress(&mut self) -> Vec<u8> {
        let colony = KeyPair::from_seed(&self.random.random()).id();
        let (process_id, digest, now) = (self.id(), Digest(self.random.random()), self.now());
        let number = self.random.random_range(1..40);
        let mut progress = Progress::new(colony, process_id, 1, digest, number, now);
        progress.percent = Some(f64::from(self.random.random_range(0..100_u8)));
        let (done, all) = (self.random.random_range(1..9000), self.random.random_range(9000..99_000));
        progress = progress.with_message(&format!("{done} of {all} rows"));
        if self.one_in(2) {
            let checkpoint = json!({ "cursor": self.hex(12), "offset": done, "page": number, "done": done });
            progress = progress.with_checkpoint(Content::from_bytes(checkpoint.to_string().as_bytes()));
        }
        progress.to_json().unwrap()
    }

    /// Returns a time within a year of the start.
    pub(crate) fn now(&mut self) -> Timestamp {
        let millisecond = START * 1000 + self.random.random_range(0..365 * 86_400_000_i64);
        Timestamp::from_millisecond(millisecond).unwrap()
    }

    pub(crate) fn second(&mut self) -> i64 {
        START + self.random.random_range(0..365 * 86_400)
    }

    pub(crate) fn id(&mut self) -> Uuid {
        let now = self.now();
        self.id_at(now)
    }

    fn id_at(&mut self, now: Timestamp) -> Uuid {
        let random: [u8; 10] = self.random.random();
        uuid::Builder::from_unix_timestamp_millis(now.as_millisecond().unsigned_abs(), &random).into_uuid()
    }

    pub(crate) fn one_in(&mut self, count: u32) -> bool {
        self.random.random_ratio(1, count)
    }

    pub(crate) fn choose<'a>(&mut self, among: &[&'a str]) -> &'a str {
        among[self.random.random_range(0..among.len())]
    }

    /// Returns so many random bytes in hexadecimal digits.
    pub(crate) fn hex(&mut self, bytes: usize) -> String {
        (0..bytes).map(|_| format!("{:02x}", self.random.random::<u8>())).collect()
    }

    /// Returns an id with a prefix, as Stripe makes them.
    pub(crate) fn stripe(&mut self, prefix: &str) -> String {
        const LETTERS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        let tail = (0..14).map(|_| char::from(LETTERS[self.random.random_range(0..LETTERS.len())]));
        format!("{prefix}_1Q{}", tail.collect::<String>())
    }

    /// Returns a name of no meaning, of three to nine letters.
    pub(crate) fn name(&mut self) -> String {
        let length = self.random.random_range(3..10);
        (0..length).map(|_| char::from(b'a' + self.random.random_range(0..26_u8))).collect()
    }

    /// Returns a sentence of so many words of business and engineering.
    pub(crate) fn sentence(&mut self, words: usize) -> String {
        (0..words).map(|_| self.choose(&content::WORDS)).collect::<Vec<_>>().join(" ")
    }
}
