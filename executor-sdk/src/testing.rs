//! Tests of bees: work made by hand, without a broker, and waits for conditions.
//!
//! ```
//! use apiary_executor_sdk::{Failure, Work, testing};
//!
//! async fn greet(work: Work) -> Result<String, Failure> {
//!     let name: String = work.json()?;
//!     Ok(format!("Hello, {name}!"))
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let greeting = greet(testing::work("greet").args("Ada").build()).await.unwrap();
//! assert_eq!(greeting, "Hello, Ada!");
//!
//! let failure = greet(testing::work("greet").args(7).build()).await.unwrap_err();
//! assert!(!failure.is_retryable());
//! # });
//! ```

mod eventually;

use std::collections::BTreeMap;
use std::sync::Arc;

use apiary_identity::{Content, Grant, KeyPair, Role, Scopes, Spec, SystemClock};
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::Work;
use crate::journal::Journal;
use crate::work::Parts;

pub use eventually::{Check, PATIENCE, blocking, eventually, eventually_within};

/// Creates work for this function: a first attempt, without arguments, submitted by a user named `tester`.
pub fn work(function: &str) -> WorkBuilder {
    WorkBuilder {
        function: function.to_owned(),
        args: Bytes::new(),
        env: BTreeMap::new(),
        labels: BTreeMap::new(),
        attempt: 1,
        checkpoint: None,
        cancellation: CancellationToken::new(),
    }
}

/// Builder of work made by hand.
#[must_use = "call `build`"]
pub struct WorkBuilder {
    function: String,
    args: Bytes,
    env: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
    attempt: i32,
    checkpoint: Option<Bytes>,
    cancellation: CancellationToken,
}

impl WorkBuilder {
    /// Sets arguments in JSON, for example made with `serde_json::json!`.
    pub fn args(self, args: impl Into<Value>) -> Self {
        self.args_bytes(args.into().to_string())
    }

    /// Sets arguments of any bytes.
    pub fn args_bytes(mut self, args: impl Into<Bytes>) -> Self {
        self.args = args.into();
        self
    }

    /// Adds an environment variable.
    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.env.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Adds a label.
    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.labels.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Sets the attempt's number.
    pub fn attempt(mut self, attempt: i32) -> Self {
        self.attempt = attempt;
        self
    }

    /// Sets the checkpoint of an earlier attempt.
    pub fn checkpoint(mut self, checkpoint: impl Into<Bytes>) -> Self {
        self.checkpoint = Some(checkpoint.into());
        self
    }

    /// Cancels the work when this token is cancelled.
    pub fn cancelled_by(mut self, cancellation: CancellationToken) -> Self {
        self.cancellation = cancellation;
        self
    }

    /// Builds the work, as a handler receives it.
    pub fn build(self) -> Work {
        let colony = KeyPair::generate().id();
        let made_at = Timestamp::constant(1_800_000_000, 0);
        let mut spec = Spec::new(colony, "test", &self.function, made_at).with_args(Content::from_bytes(&self.args));
        (spec.env, spec.labels) = (self.env, self.labels);
        let submitter = Grant {
            colony,
            grant_id: Uuid::nil(),
            key: KeyPair::generate().id(),
            role: Role::User,
            name: "tester".to_owned(),
            scopes: Scopes { functions: vec!["*".to_owned()], executor_types: vec!["*".to_owned()] },
            rights: Vec::new(),
            valid_from: Timestamp::MIN,
            valid_until: Timestamp::MAX,
        };
        Work::new(Parts {
            spec,
            args: self.args,
            submitter,
            attempt: self.attempt,
            retries_left: None,
            deadline: None,
            cancellation: self.cancellation,
            checkpoint: self.checkpoint,
            journal: Arc::new(Journal::new(Arc::new(SystemClock))),
        })
    }
}
