//! What functions take, as executors announce it: remembered for a few seconds, so that a submit that cannot work is refused at
//! the door and no submit pays a look into the database for it.
//!
//! The rule: where executors of the type that may work, and were heard not too long ago, announce the function, the arguments
//! must fit one of their schemas. One who announces it without a schema takes anything. What nobody announces is accepted,
//! because somebody may still come who does it. The check is a courtesy to the submitter: the executor's own is what counts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use apiary_identity::{Clock, Spec};
use serde_json::Value;

use super::args_schema::ArgsSchema;
use super::contacts::Contacts;
use super::roster::Licences;
use crate::Error;
use crate::limits::{
    ARGS_CHECKED_BYTES_MAX, ARGS_SCHEMAS_MAX, CATALOGUE_AGE_MAX, CATALOGUE_ROWS_MAX, COLONIES_REMEMBERED_MAX,
};
use crate::model::{Colony, ColonyKey};
use crate::store::{Store, StoreResult};

/// What is announced in the colonies that were submitted to lately.
pub(crate) struct Catalogue {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    contacts: Arc<Contacts>,
    colonies: Mutex<HashMap<ColonyKey, Remembered>>,
    /// By their text. A registration is compiled once, not every few seconds.
    schemas: Mutex<HashMap<String, Option<Arc<ArgsSchema>>>>,
    /// Whoever comes while one reads waits for what it finds.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Remembered {
    since: Instant,
    functions: Arc<Functions>,
}

/// The schemas of each executor type's functions, of the executor heard last first; `None` takes anything.
type Functions = HashMap<(String, String), Vec<Option<Arc<ArgsSchema>>>>;

impl Catalogue {
    /// Nothing remembered.
    pub(crate) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, contacts: Arc<Contacts>) -> Self {
        Self {
            store,
            clock,
            contacts,
            colonies: Mutex::default(),
            schemas: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
        }
    }

    /// Something was announced or revoked in this colony.
    pub(crate) fn forget(&self, colony: ColonyKey) {
        lock(&self.colonies).remove(&colony);
    }

    /// Refuses a spec whose arguments fit none of the announced schemas.
    pub(crate) async fn check(&self, colony: &Colony, spec: &Spec) -> Result<(), Error> {
        let functions = self.functions(colony).await;
        let Some(schemas) = functions.get(&(spec.executor_type.clone(), spec.function.clone())) else { return Ok(()) };
        let schemas: Option<Vec<_>> = schemas.iter().map(Option::as_deref).collect();
        let Some(schemas) = schemas else { return Ok(()) };
        let args = spec.args().to_bytes().map_err(|error| Error::Invalid(error.to_string()))?;
        if args.len() > ARGS_CHECKED_BYTES_MAX {
            return Ok(());
        }
        let refused = |words: &str| {
            Error::ArgsRefused(format!(
                "{words}; executors of type `{}` announce what `{}` takes: `apiary function list` shows it",
                spec.executor_type, spec.function
            ))
        };
        // Nothing is what JSON calls null.
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
        let _reading = self.reading.lock().await;
        if let Some(functions) = self.fresh(colony.key) {
            return functions;
        }
        let functions = match self.read(colony).await {
            Ok(functions) => Arc::new(functions),
            Err(error) => {
                tracing::warn!(%error, colony = colony.name, "what executors announce cannot be read; arguments are not checked");
                Arc::default()
            }
        };
        let mut colonies = lock(&self.colonies);
        if colonies.len() >= COLONIES_REMEMBERED_MAX {
            colonies.clear();
        }
        colonies.insert(colony.key, Remembered { since: Instant::now(), functions: functions.clone() });
        functions
    }

    fn fresh(&self, colony: ColonyKey) -> Option<Arc<Functions>> {
        let colonies = lock(&self.colonies);
        let remembered = colonies.get(&colony)?;
        (remembered.since.elapsed() < CATALOGUE_AGE_MAX).then(|| remembered.functions.clone())
    }

    async fn read(&self, colony: &Colony) -> StoreResult<Functions> {
        let announcements = self.store.list_functions(colony.key, None, CATALOGUE_ROWS_MAX).await?;
        let keys = announcements.iter().map(|one| one.key);
        let licences = Licences::read(&*self.store, &*self.clock, colony, keys).await?;
        let mut functions = Functions::new();
        for one in announcements {
            if !licences.is_live(&one, colony, &self.contacts) {
                continue;
            }
            for function in one.functions {
                let schema = self.schema(function.args_schema);
                let schemas = functions.entry((one.executor_type.clone(), function.name)).or_default();
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

    /// The schema of this text. One that does not compile, which registering refuses, takes anything.
    fn schema(&self, text: String) -> Option<Arc<ArgsSchema>> {
        if text.is_empty() {
            return None;
        }
        if let Some(known) = lock(&self.schemas).get(&text) {
            return known.clone();
        }
        let schema = ArgsSchema::compile(&text).map(Arc::new).ok();
        let mut schemas = lock(&self.schemas);
        if schemas.len() >= ARGS_SCHEMAS_MAX {
            schemas.clear();
        }
        schemas.insert(text, schema.clone());
        schema
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is remembered is changed in steps that cannot panic half-way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
