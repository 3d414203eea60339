//! A cache of announced functions, kept for a few seconds, so that a submit that cannot work is rejected early
//! and no submit pays a database read for the check.
//!
//! The rule: if executors that may do the function, and were heard recently, announce it, the arguments must match one of
//! their schemas. An announcement without a schema accepts anything. A function that no executor announces is accepted,
//! because one may still come. The check is a courtesy to the submitter: the executor's own check is the one that counts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use apiary_identity::{Clock, Spec};
use apiary_store::Store;
use apiary_store::model::{AnnouncedFunction, Colony, ColonyKey};
use serde_json::Value;

use crate::Error;
use crate::engine::presence::last_seen::LastSeenTable;
use crate::engine::presence::roster::ExecutorGrants;
use crate::engine::schemas::args_schema::ArgsSchema;
use crate::engine::schemas::cache::{Purpose, SchemaCache};
use crate::limits::{ARGS_CHECKED_BYTES_MAX, CATALOGUE_AGE_MAX, CATALOGUE_ROWS_MAX, COLONIES_REMEMBERED_MAX};

/// The announcements in colonies with recent submits.
pub(crate) struct Catalogue {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    contacts: Arc<LastSeenTable>,
    colonies: Mutex<HashMap<ColonyKey, CatalogueEntry>>,
    schemas: SchemaCache,
    /// A lock for each colony: concurrent callers wait for the read of the first.
    reading: Mutex<HashMap<ColonyKey, Arc<tokio::sync::Mutex<()>>>>,
}

#[derive(Clone)]
struct CatalogueEntry {
    since: Instant,
    functions: Arc<Functions>,
}

/// The schemas of each executor type's functions, those of the executor last heard first; `None` accepts anything.
type Functions = HashMap<(String, String), Vec<Option<Arc<ArgsSchema>>>>;

impl Catalogue {
    /// Returns an empty cache.
    pub(crate) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, contacts: Arc<LastSeenTable>) -> Self {
        Self {
            store,
            clock,
            contacts,
            colonies: Mutex::default(),
            schemas: SchemaCache::new(),
            reading: Mutex::default(),
        }
    }

    /// Drops a colony after an announcement or a revocation.
    pub(crate) fn forget(&self, colony: ColonyKey) {
        lock(&self.colonies).remove(&colony);
    }

    /// Rejects announced functions with invalid schemas.
    pub(crate) async fn check_announced(&self, functions: &[AnnouncedFunction]) -> Result<(), Error> {
        let with_schema: Vec<_> = functions.iter().filter(|function| !function.args_schema.is_empty()).collect();
        let texts: Vec<&str> = with_schema.iter().map(|function| function.args_schema.as_str()).collect();
        for (function, compiled) in with_schema.iter().zip(self.schemas.compiled(&texts, Purpose::Announce).await?) {
            compiled.map_err(|problem| {
                Error::Invalid(format!("`functions`: the `args_schema` of `{}` {problem}", function.name))
            })?;
        }
        Ok(())
    }

    /// Rejects a spec whose arguments match none of the announced schemas.
    pub(crate) async fn check(&self, colony: &Colony, spec: &Spec) -> Result<(), Error> {
        let functions = self.functions(colony).await;
        let Some(schemas) = functions.get(&(spec.executor_type.clone(), spec.function.clone())) else { return Ok(()) };
        let schemas: Option<Vec<_>> = schemas.iter().map(Option::as_deref).collect();
        let Some(schemas) = schemas else { return Ok(()) };
        let args = spec.args().to_bytes()?;
        if args.len() > ARGS_CHECKED_BYTES_MAX {
            return Ok(());
        }
        let refused = |words: &str| {
            Error::ArgsRefused(format!(
                "{words}; executors of type `{}` announce what `{}` takes: `apiary function list` shows it",
                spec.executor_type, spec.function
            ))
        };
        // Empty arguments stand for JSON's null.
        let text: &[u8] = if args.is_empty() { b"null" } else { &args };
        let args: Value = serde_json::from_slice(text).map_err(|_| refused("`args` is no JSON"))?;
        let mut first = None;
        for schema in schemas {
            match schema.check(&args) {
                Ok(()) => return Ok(()),
                Err(words) => first = first.or(Some(words)),
            }
        }
        first.map_or(Ok(()), |words| Err(refused(&words)))
    }

    async fn functions(&self, colony: &Colony) -> Arc<Functions> {
        if let Some(functions) = self.fresh(colony.key) {
            return functions;
        }
        let turn = self.turn(colony.key);
        let _reading = turn.lock().await;
        if let Some(functions) = self.fresh(colony.key) {
            return functions;
        }
        let functions = match self.read(colony).await {
            Ok(functions) => Arc::new(functions),
            Err(error) => {
                tracing::warn!(%error, colony = colony.name, "cannot read the announced functions; arguments are not checked");
                Arc::default()
            }
        };
        let mut colonies = lock(&self.colonies);
        if colonies.len() >= COLONIES_REMEMBERED_MAX {
            colonies.clear();
        }
        colonies.insert(colony.key, CatalogueEntry { since: Instant::now(), functions: functions.clone() });
        functions
    }

    /// Returns the colony's own lock, so that the many schemas of one colony keep no other waiting.
    fn turn(&self, colony: ColonyKey) -> Arc<tokio::sync::Mutex<()>> {
        let mut reading = lock(&self.reading);
        reading.retain(|of, turn| *of == colony || Arc::strong_count(turn) > 1);
        reading.entry(colony).or_default().clone()
    }

    fn fresh(&self, colony: ColonyKey) -> Option<Arc<Functions>> {
        let colonies = lock(&self.colonies);
        let remembered = colonies.get(&colony)?;
        (remembered.since.elapsed() < CATALOGUE_AGE_MAX).then(|| remembered.functions.clone())
    }

    async fn read(&self, colony: &Colony) -> Result<Functions, Error> {
        let announcements = self.store.list_functions(colony.key, None, CATALOGUE_ROWS_MAX).await?;
        let keys = announcements.iter().map(|one| one.key);
        let licences = ExecutorGrants::read(&*self.store, &*self.clock, colony, keys).await?;
        let mut functions = Functions::new();
        for one in announcements {
            if !licences.is_live(&one, colony, &self.contacts) {
                continue;
            }
            // Functions that its grant does not cover are left out: they must not keep work from executors that may do it.
            let mut covered = one.functions;
            covered.retain(|function| licences.covers(&one.key, &one.executor_type, &function.name));
            for (name, schema) in self.schemas_of(&one.name, covered).await {
                let schemas = functions.entry((one.executor_type.clone(), name)).or_default();
                // A thousand executors of one build announce one schema.
                let is_known = |known: &Option<Arc<ArgsSchema>>| match (known, &schema) {
                    (Some(known), Some(schema)) => Arc::ptr_eq(known, schema),
                    (known, schema) => known.is_none() && schema.is_none(),
                };
                if !schemas.iter().any(is_known) {
                    schemas.push(schema);
                }
            }
        }
        Ok(functions)
    }

    /// Returns the functions that an executor announces, with their schemas. An announcement without a grant is stored unread, so it may
    /// contain invalid schemas: these accept anything.
    async fn schemas_of(
        &self,
        executor: &str,
        functions: Vec<AnnouncedFunction>,
    ) -> Vec<(String, Option<Arc<ArgsSchema>>)> {
        let texts = functions.iter().map(|function| function.args_schema.as_str()).filter(|text| !text.is_empty());
        let texts: Vec<&str> = texts.collect();
        let compiled = self.schemas.compiled(&texts, Purpose::Check).await;
        let compiled = compiled.unwrap_or_else(|problem| vec![Err(problem.to_string().into()); texts.len()]);
        let (mut compiled, mut wrong) = (compiled.into_iter(), None);
        let mut schemas = Vec::with_capacity(functions.len());
        for AnnouncedFunction { name, args_schema, .. } in functions {
            let schema = match args_schema.is_empty() {
                true => None,
                false => compiled.next().and_then(|schema| schema.map_err(|problem| wrong = Some(problem)).ok()),
            };
            schemas.push((name, schema));
        }
        if let Some(problem) = wrong {
            tracing::warn!(executor, %problem, "an announced `args_schema` is unusable; its arguments are not checked");
        }
        schemas
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The cache is changed in steps that cannot panic half-way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
