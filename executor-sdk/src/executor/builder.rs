//! Builder of executors.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use apiary_daemon::Supervisor;
use apiary_identity::Offer;
use apiary_identity::limits::NAME_CHARS_MAX;
use serde::de::DeserializeOwned;

use super::{Executor, Function, Settings};
use crate::guard::Guard;
use crate::handler::{Handler, of_json, of_work};
use crate::limits::{
    DRAIN_TIMEOUT, GUARD_REFRESH, GUARD_REFRESH_MAX, GUARD_REFRESH_MIN, LEASE_DEFAULT, LEASE_MAX, LEASE_MIN,
    SLOTS_DEFAULT, SLOTS_MAX,
};
use crate::{Client, ClientError, Failure, IntoOutput, Work};

/// Builder of an executor; [`build`](Self::build) checks all settings.
#[must_use = "an executor does nothing before it is built and run"]
pub struct ExecutorBuilder {
    client: Client,
    settings: Settings,
    guard: Guard,
    handlers: Vec<(String, Handler)>,
    supervisor: Supervisor,
}

impl ExecutorBuilder {
    pub(super) fn new(client: Client) -> Self {
        let settings = Settings {
            executor_type: String::new(),
            name: None,
            version: String::new(),
            functions: BTreeMap::new(),
            slots: SLOTS_DEFAULT,
            offer: Offer::default(),
            lease: LEASE_DEFAULT,
            drain_timeout: DRAIN_TIMEOUT,
            guard_refresh: GUARD_REFRESH,
        };
        let supervisor = Supervisor::new(Arc::clone(client.clock()));
        Self { client, settings, guard: Guard::default(), handlers: Vec::new(), supervisor }
    }

    /// Sets the executor type whose work is claimed; the grant must cover it.
    pub fn executor_type(mut self, executor_type: impl Into<String>) -> Self {
        self.settings.executor_type = executor_type.into();
        self
    }

    /// Sets the executor's name, as in its grant. A spec may be aimed at executors by name. An executor without a name
    /// refuses such work, because only the untrusted broker says that it is meant.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = Some(name.into());
        self
    }

    /// Sets the version, which is shown in the list of executors.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.settings.version = version.into();
        self
    }

    /// Announces a function with its description and the JSON Schema of its arguments (draft 2020-12; `""` means
    /// anything). The broker shows it in its catalogue, and refuses specs whose arguments do not fit before they are
    /// queued. The handler must still check its arguments, because the broker is not trusted to do so. Functions with a
    /// handler and without this are announced by name only.
    pub fn function(
        mut self,
        name: impl Into<String>,
        description: impl Into<String>,
        args_schema: impl Into<String>,
    ) -> Self {
        let function = Function { description: description.into(), args_schema: args_schema.into() };
        self.settings.functions.insert(name.into(), function);
        self
    }

    /// Sets the number of works at the same time: 1 to 1000, 4 if not set.
    pub fn slots(mut self, slots: usize) -> Self {
        self.settings.slots = slots;
        self
    }

    /// Sets the resources offered to work with requirements: cpu, memory, GPUs, location, tags. Absent cpu and memory
    /// mean no limit; absent GPUs, location and tags mean none. The offer is for each slot, as if there were no other
    /// work: an executor whose slots share a machine offers each its share.
    pub fn offer(mut self, offer: Offer) -> Self {
        self.settings.offer = offer;
        self
    }

    /// Sets the length of a lease without renewal: 1 second to 1 hour, 30 seconds if not set. It is renewed in the
    /// background each third of this. After a crash of the executor, its work waits for this time before another
    /// executor gets it.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = lease;
        self
    }

    /// Sets the time for which handlers may continue after the signal to stop; 30 seconds if not set.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.settings.drain_timeout = timeout;
        self
    }

    /// Sets the guard that checks work before a handler sees it; [`Guard::default`] if not set. A refusal is final,
    /// because another attempt would have the same arguments.
    pub fn guard(mut self, guard: Guard) -> Self {
        self.guard = guard;
        self
    }

    /// Sets the supervisor under which the loops run, and whose notices get what the operator should know of; one of its
    /// own if not set.
    pub fn supervisor(mut self, supervisor: &Supervisor) -> Self {
        self.supervisor = supervisor.group();
        self
    }

    /// Sets the interval at which the colony's rules are read, which apply in addition to the guard: 10 milliseconds to
    /// 1 hour, 60 seconds if not set. Work that the colony has just forbidden may still run for this long.
    pub fn guard_refresh(mut self, refresh: Duration) -> Self {
        self.settings.guard_refresh = refresh;
        self
    }

    /// Adds the handler of a function.
    pub fn handle<H, F, O>(mut self, function: impl Into<String>, handler: H) -> Self
    where
        H: Fn(Work) -> F + Send + Sync + 'static,
        F: Future<Output = Result<O, Failure>> + Send + 'static,
        O: IntoOutput,
    {
        self.handlers.push((function.into(), of_work(handler)));
        self
    }

    /// Adds the handler of a function whose arguments are read from JSON. Arguments that do not fit are a fatal
    /// failure, and the handler is not called.
    pub fn handle_json<T, H, F, O>(mut self, function: impl Into<String>, handler: H) -> Self
    where
        T: DeserializeOwned,
        H: Fn(T, Work) -> F + Send + Sync + 'static,
        F: Future<Output = Result<O, Failure>> + Send + 'static,
        O: IntoOutput,
    {
        self.handlers.push((function.into(), of_json(handler)));
        self
    }

    /// Builds the executor.
    ///
    /// # Errors
    ///
    /// [`ClientError::Invalid`] for a setting out of bounds, no handler, or two for one function.
    pub fn build(self) -> Result<Executor, ClientError> {
        let Self { client, settings, guard, handlers, supervisor: tasks } = self;
        check(&settings).map_err(ClientError::Invalid)?;
        let mut by_function = BTreeMap::new();
        for (function, handler) in handlers {
            if by_function.insert(function.clone(), handler).is_some() {
                return Err(ClientError::Invalid(format!("`{function}` has two handlers: remove one")));
            }
        }
        if by_function.is_empty() {
            return Err(ClientError::Invalid("no handler: say what to do with `.handle(\"function\", …)`".to_owned()));
        }
        if let Some(function) = settings.functions.keys().find(|function| !by_function.contains_key(*function)) {
            return Err(ClientError::Invalid(format!("`{function}` is announced and has no handler: add one")));
        }
        Ok(Executor { client, settings, guard, handlers: by_function, tasks })
    }
}

fn check(settings: &Settings) -> Result<(), String> {
    let Settings { executor_type, slots, lease, guard_refresh, .. } = settings;
    if executor_type.is_empty() || executor_type.len() > NAME_CHARS_MAX {
        return Err(format!(
            "the executor type has 1 to {NAME_CHARS_MAX} characters: say which work to claim with \
             `.executor_type(\"…\")`"
        ));
    }
    if !(1..=SLOTS_MAX).contains(slots) {
        return Err(format!("an executor has 1 to {SLOTS_MAX} slots; got {slots}"));
    }
    settings.offer.check().map_err(|error| format!("the offer: {error}"))?;
    if !(LEASE_MIN..=LEASE_MAX).contains(lease) {
        return Err(format!("a lease lasts {LEASE_MIN:?} to {LEASE_MAX:?}; got {lease:?}"));
    }
    if !(GUARD_REFRESH_MIN..=GUARD_REFRESH_MAX).contains(guard_refresh) {
        return Err(format!(
            "the colony's rules are asked for every {GUARD_REFRESH_MIN:?} to {GUARD_REFRESH_MAX:?}; got {guard_refresh:?}"
        ));
    }
    Ok(())
}
