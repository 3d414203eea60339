//! How an executor is put together.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use apiary_daemon::{Notices, Supervisor};
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

/// How an executor is put together; [`build`](Self::build) checks it all at once.
#[must_use = "an executor does nothing before it is built and run"]
pub struct ExecutorBuilder {
    client: Client,
    settings: Settings,
    guard: Guard,
    handlers: Vec<(String, Handler)>,
    notices: Notices,
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
        let notices = Notices::new(Arc::clone(client.clock()));
        Self { client, settings, guard: Guard::default(), handlers: Vec::new(), notices }
    }

    /// Which kind of work it claims; its grant must name the type.
    pub fn executor_type(mut self, executor_type: impl Into<String>) -> Self {
        self.settings.executor_type = executor_type.into();
        self
    }

    /// Its own name, as in its grant. A spec may be aimed at executors by name, and an executor that does not
    /// know its own refuses such work, because nobody but the broker says that it is meant.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = Some(name.into());
        self
    }

    /// Its version, for people who look at the colony's executors.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.settings.version = version.into();
        self
    }

    /// Announces what a function does, and what its arguments must be, as JSON Schema (draft 2020-12; `""` means anything).
    /// The broker then shows it in its catalogue, and refuses specs whose arguments do not fit before anybody claims them. It
    /// says nothing about what the handler gets: arguments may come by another broker, so the handler checks them.
    /// Functions with a handler and without this are announced by their name.
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

    /// How many works it does at the same time: 1 to 1000, 4 if not set.
    pub fn slots(mut self, slots: usize) -> Self {
        self.settings.slots = slots;
        self
    }

    /// What it has, for work that requires something: cpu, memory, GPUs, a place, tags. Of cpu and memory it is not limited if
    /// they are left out; GPUs, place and tags it does not have if they are. The same is offered for each slot, as if it had
    /// no other work: an executor whose slots share a machine offers each its part.
    pub fn offer(mut self, offer: Offer) -> Self {
        self.settings.offer = offer;
        self
    }

    /// How long a lease lasts without renewal: 1 second to 1 hour, 30 seconds if not set. It is renewed in the
    /// background each third of this; it is how long work stays put after its executor died.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = lease;
        self
    }

    /// How long handlers may go on after the signal to stop; 30 seconds if not set.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.settings.drain_timeout = timeout;
        self
    }

    /// Holds work against this guard before a handler sees it; [`Guard::default`] if not set. What it refuses is
    /// refused for good, because no other attempt would have other arguments.
    pub fn guard(mut self, guard: Guard) -> Self {
        self.guard = guard;
        self
    }

    /// Adds what an operator should know of to these notices, which others may share; to its own if not set.
    pub fn notices(mut self, notices: Notices) -> Self {
        self.notices = notices;
        self
    }

    /// How often it asks for the colony's rules, which are held against work besides this guard: 10 milliseconds to 1 hour, 60
    /// seconds if not set. It is how long work that the colony has just forbidden may still be done.
    pub fn guard_refresh(mut self, refresh: Duration) -> Self {
        self.settings.guard_refresh = refresh;
        self
    }

    /// Does `function` with this handler.
    pub fn handle<H, F, O>(mut self, function: impl Into<String>, handler: H) -> Self
    where
        H: Fn(Work) -> F + Send + Sync + 'static,
        F: Future<Output = Result<O, Failure>> + Send + 'static,
        O: IntoOutput,
    {
        self.handlers.push((function.into(), of_work(handler)));
        self
    }

    /// Does `function` with this handler, which gets its arguments from JSON. Arguments that do not fit are a
    /// fatal failure, which the handler does not see.
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

    /// The executor, ready to run.
    ///
    /// # Errors
    ///
    /// [`ClientError::Invalid`] for a setting out of bounds, no handler, or two for one function.
    pub fn build(self) -> Result<Executor, ClientError> {
        let Self { client, settings, guard, handlers, notices } = self;
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
        Ok(Executor { client, settings, guard, handlers: by_function, tasks: Supervisor::new(notices) })
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
