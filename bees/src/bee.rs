//! The interface between a bee and the program that runs it.

use std::error::Error;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use apiary_executor_sdk::{Client, Executor, ExecutorBuilder};
use apiary_identity::{Clock, GrantRight, Scopes};
use apiary_settings::{Setting, SettingError, Value, Values};
use async_trait::async_trait;

/// A bee that ships with Apiary. `apiary bee NAME` runs any bee of [`ALL`](crate::ALL), and `apiary up` runs all of them, each
/// with its own key and grant. `docs/adding-a-bee.md` adds one.
///
/// A bee has no state: [`build`](Self::build) opens its files and connections at each start.
#[async_trait]
pub trait Bee: Send + Sync {
    /// Returns the name, of lower-case letters and digits: the argument of `apiary bee`, the first part of the settings' names
    /// (`NAME.…`), and the default name of the executor. In `apiary up` the grant has this name, and the key is `keys/NAME.pem`.
    fn name(&self) -> &'static str;

    /// Returns a description: one line without its full stop.
    fn about(&self) -> &'static str;

    /// Returns the executor type.
    fn executor_type(&self) -> &'static str;

    /// Returns all functions; [`build`](Self::build) adds a handler for each.
    fn functions(&self) -> &'static [Function];

    /// Returns all settings. They are read from the file, the environment and the flags, and documented in
    /// `docs/configuration.md`.
    fn settings(&self) -> &'static [Setting] {
        &[]
    }

    /// Returns the scopes of the grant that the bee needs: all functions, for the executor type.
    fn scopes(&self) -> Scopes {
        let functions = self.functions().iter().map(|function| function.name.to_owned()).collect();
        Scopes { functions, executor_types: vec![self.executor_type().to_owned()] }
    }

    /// Returns the rights of the grant that the bee needs beyond its role.
    fn rights(&self) -> &'static [GrantRight] {
        &[]
    }

    /// Returns the settings that `apiary up` replaces, so that the bee's files are in its data folder.
    fn local(&self, _folder: &Path) -> Local {
        Local::default()
    }

    /// Returns the name of the check in `apiary doctor`; `None` for a bee without a check.
    fn check_name(&self) -> Option<&'static str> {
        None
    }

    /// Checks the bee's files and services for `apiary doctor`, if the check has a [name](Self::check_name). Changes nothing, and
    /// creates no file.
    ///
    /// # Errors
    ///
    /// Names the fault, and what to do.
    async fn check(&self, _settings: &Values, _clock: Arc<dyn Clock>) -> Result<Check, BeeError> {
        Ok(Check::Skipped("there is nothing to look at".to_owned()))
    }

    /// Examines everything that the bee needs, for `apiary bee NAME --check`: one finding each, with what to do about a
    /// fault. Changes nothing.
    async fn examine(&self, settings: &Values, clock: Arc<dyn Clock>) -> Vec<Finding> {
        let Some(name) = self.check_name() else { return Vec::new() };
        vec![Finding::of_check(name, self.check(settings, clock).await)]
    }

    /// Opens the bee's files and connections, and adds its handlers to [`executor`](Self::executor). The bee claims no work before
    /// this returns, so a fault that a person must repair is an error here. A service that may recover is only a warning: work
    /// is retried until then.
    ///
    /// # Errors
    ///
    /// After [`BeeError::Unavailable`] the caller tries again; other errors end the start.
    async fn build(&self, client: Client, settings: &Values) -> Result<Build, BeeError>;

    /// Returns an executor with type, version and functions, and without handlers.
    fn executor(&self, client: Client) -> ExecutorBuilder {
        let executor = Executor::builder(client).executor_type(self.executor_type()).version(env!("CARGO_PKG_VERSION"));
        self.functions().iter().fold(executor, |executor, Function { name, about, args_schema }| {
            executor.function(*name, *about, *args_schema)
        })
    }
}

/// A function of a bee.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// Name for submitting and granting.
    pub name: &'static str,
    /// The effect, in one line without a full stop.
    pub about: &'static str,
    /// The JSON Schema of its arguments; empty for any bytes.
    pub args_schema: &'static str,
}

/// Settings of a bee that `apiary up` decides, because it keeps everything in one folder.
#[derive(Default)]
pub struct Local {
    /// Settings with their values in the folder; they replace all others.
    pub set: Vec<(&'static Setting, Value)>,
    /// Settings that name a place outside the folder; `apiary up` reports that they are unused.
    pub unused: &'static [Setting],
}

impl Local {
    /// Returns true if the settings name another place than the folder.
    pub fn is_overruled(&self, settings: &Values) -> bool {
        self.set.iter().map(|(setting, _)| *setting).chain(self.unused).any(|setting| settings.is_set(setting))
    }
}

/// The result of a check that found no fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// The state of a service that works.
    Good(String),
    /// The reason why there is nothing to check yet.
    Skipped(String),
}

/// A finding of an [examination](Bee::examine).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The examined thing, in a word.
    pub check: &'static str,
    /// The verdict.
    pub verdict: Verdict,
    /// The state of the examined thing.
    pub words: String,
    /// The remedy.
    pub advice: Option<String>,
}

/// Verdict of an examination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No fault.
    Good,
    /// Works, but needs attention.
    Warning,
    /// Faulty: the bee cannot do its work.
    Bad,
    /// Not examined.
    Skipped,
}

impl Finding {
    /// Creates a finding without advice.
    pub fn new(check: &'static str, verdict: Verdict, words: impl Into<String>) -> Self {
        Self { check, verdict, words: words.into(), advice: None }
    }

    /// Adds advice.
    #[must_use]
    pub fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Creates a finding from the outcome of a check.
    pub fn of_check(check: &'static str, outcome: Result<Check, BeeError>) -> Self {
        match outcome {
            Ok(Check::Good(words)) => Self::new(check, Verdict::Good, words),
            Ok(Check::Skipped(words)) => Self::new(check, Verdict::Skipped, words),
            Err(BeeError::Setting(error)) => {
                let advice = error.hint().map(str::to_owned);
                Self { advice, ..Self::new(check, Verdict::Bad, error.to_string()) }
            }
            Err(error) => Self::new(check, Verdict::Bad, error.to_string()),
        }
    }
}

/// A bee that can run once it has its name, slots and guard.
pub struct Build {
    /// The executor, with all handlers.
    pub executor: ExecutorBuilder,
    /// Closing of the bee's connections. Awaited after the executor has ended.
    pub close: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl From<ExecutorBuilder> for Build {
    /// Builds a bee without resources to close.
    fn from(executor: ExecutorBuilder) -> Self {
        Self { executor, close: Box::pin(async {}) }
    }
}

/// The reason why a bee cannot start, or the fault that a check found. Never shows a secret.
#[derive(Debug, thiserror::Error)]
pub enum BeeError {
    /// A missing or invalid setting.
    #[error("{0}")]
    Setting(#[from] SettingError),
    /// A full disk, or an unavailable service: another try may succeed without a repair.
    #[error("{what}")]
    Unavailable {
        /// The unavailable thing.
        what: String,
        /// The underlying error.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A fault that needs a repair.
    #[error("{what}")]
    Failed {
        /// The faulty thing.
        what: String,
        /// The underlying error.
        source: Box<dyn Error + Send + Sync>,
    },
}
