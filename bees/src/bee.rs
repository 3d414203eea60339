//! The contract between a bee and the program that runs it.

use std::error::Error;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use apiary_executor_sdk::{Client, Executor, ExecutorBuilder};
use apiary_identity::{Clock, Scopes};
use apiary_settings::{Setting, SettingError, Value, Values};
use async_trait::async_trait;

/// A bee that ships with Apiary. Each one in [`ALL`](crate::ALL) can be run by `apiary bee NAME`, runs in `apiary up` with a key
/// and a grant of its own, and stands in completions, manual pages and documents. `docs/adding-a-bee.md` adds one.
///
/// A bee has no state: [`build`](Self::build) opens what it works with, each time that it is started.
#[async_trait]
pub trait Bee: Send + Sync {
    /// The argument of `apiary bee`; also the first part of its settings' names and, unless somebody chooses another, the
    /// executor's name. In `apiary up` its grant has this name, and its key is `keys/NAME.pem`. Lower-case letters, digits and `-`.
    fn name(&self) -> &'static str;

    /// Returns what it does, in one line without its full stop.
    fn about(&self) -> &'static str;

    /// Returns the type of executor that it is.
    fn executor_type(&self) -> &'static str;

    /// Returns every function that it does; [`build`](Self::build) adds a handler for each.
    fn functions(&self) -> &'static [Function];

    /// Returns its settings, each named `NAME.…`. They are read from the file, the environment and the flags like all others, and
    /// stand in `apiary config show` and `docs/configuration.md`.
    fn settings(&self) -> &'static [Setting] {
        &[]
    }

    /// Returns the scopes of the grant that it needs: its functions, for its type of executor.
    fn scopes(&self) -> Scopes {
        let functions = self.functions().iter().map(|function| function.name.to_owned()).collect();
        Scopes { functions, executor_types: vec![self.executor_type().to_owned()] }
    }

    /// Returns the settings that the data folder of `apiary up` decides. For a bee that keeps nothing in files there are none.
    fn local(&self, _folder: &Path) -> Local {
        Local::default()
    }

    /// Returns the name of its check in `apiary doctor`; `None` if it works with nothing that could be looked at.
    fn check_name(&self) -> Option<&'static str> {
        None
    }

    /// Looks at what it works with, for `apiary doctor`: only if it has a [name](Self::check_name) for it. Changes nothing, and makes
    /// no file.
    ///
    /// # Errors
    ///
    /// What is wrong, and what to do.
    async fn check(&self, _settings: &Values, _clock: Arc<dyn Clock>) -> Result<Check, BeeError> {
        Ok(Check::Skipped("there is nothing to look at".to_owned()))
    }

    /// Opens what it works with, and adds its handlers to [`executor`](Self::executor). Nothing is claimed before it returns, so
    /// what nobody can work with is an error here; what comes back by itself is a warning in the log, and its work is retried.
    ///
    /// # Errors
    ///
    /// [`BeeError::Unavailable`] is tried again by whoever starts the bee; the others end the start.
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
    /// Settings with their values there, which override the user's.
    pub set: Vec<(&'static Setting, Value)>,
    /// Settings that name a place outside the folder; `apiary up` reports that they are not used.
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
