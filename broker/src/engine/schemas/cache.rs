//! A cache of compiled schemas of arguments, by their texts, because a thousand executors of one build announce the same.
//! Compiling keeps a processor busy, so it is done on threads of its own, a few executors at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use apiary_protocol::schema::ReadSchema;
use tokio::sync::Semaphore;

use crate::Error;
use crate::engine::schemas::args_schema::ArgsSchema;
use crate::limits::{ARGS_SCHEMA_COMPILERS_MAX, ARGS_SCHEMA_PATTERNS_MAX, ARGS_SCHEMAS_BYTES_MAX, ARGS_SCHEMAS_MAX};

/// A schema, or its fault.
pub(in crate::engine) type CompileResult = Result<Arc<ArgsSchema>, Arc<str>>;

/// The purpose of compiling.
#[derive(Clone, Copy)]
pub(in crate::engine) enum Purpose {
    /// An executor announces them.
    Announce,
    /// Arguments are to be checked: a submit waits, and must not queue behind announcements.
    Check,
}

/// A cache of compiled schemas.
pub(in crate::engine) struct SchemaCache {
    known: Mutex<CacheState>,
    announcing: Semaphore,
    checking: Semaphore,
}

#[derive(Default)]
struct CacheState {
    by_text: HashMap<Arc<str>, CompileResult>,
    bytes: usize,
}

impl SchemaCache {
    /// Returns an empty cache.
    pub(in crate::engine) fn new() -> Self {
        let compilers = || Semaphore::new(ARGS_SCHEMA_COMPILERS_MAX);
        Self { known: Mutex::default(), announcing: compilers(), checking: compilers() }
    }

    /// Returns the schemas of these texts, all of one executor, in their order. [`Error::Invalid`] if those to compile have too many
    /// patterns together.
    pub(in crate::engine) async fn compiled(
        &self,
        texts: &[&str],
        purpose: Purpose,
    ) -> Result<Vec<CompileResult>, Error> {
        let mut known: HashMap<Arc<str>, CompileResult> = HashMap::new();
        let mut unknown: Vec<Arc<str>> = Vec::new();
        {
            let book = self.known();
            for text in texts {
                match book.by_text.get_key_value(*text) {
                    Some((text, schema)) => {
                        known.insert(text.clone(), schema.clone());
                    }
                    None => unknown.push(Arc::from(*text)),
                }
            }
        }
        unknown.sort_unstable();
        unknown.dedup();
        if !unknown.is_empty() {
            let compilers = match purpose {
                Purpose::Announce => &self.announcing,
                Purpose::Check => &self.checking,
            };
            let _turn = compilers.acquire().await.map_err(|_| Error::Draining)?;
            let compiled = tokio::task::spawn_blocking(move || compile(unknown)).await;
            let compiled = compiled.map_err(|error| Error::Internal(format!("schemas were not compiled: {error}")))?;
            for (text, schema) in compiled? {
                self.known().remember(text.clone(), schema.clone());
                known.insert(text, schema);
            }
        }
        let lost = || Err(Arc::from("was not compiled"));
        Ok(texts.iter().map(|text| known.get(*text).cloned().unwrap_or_else(lost)).collect())
    }

    fn known(&self) -> MutexGuard<'_, CacheState> {
        // The cache is changed in steps that cannot panic half-way.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CacheState {
    /// Adds a schema. A full cache is emptied, which costs some compiling and needs no order of use.
    fn remember(&mut self, text: Arc<str>, schema: CompileResult) {
        let bytes = text.len();
        if self.by_text.len() >= ARGS_SCHEMAS_MAX || self.bytes.saturating_add(bytes) > ARGS_SCHEMAS_BYTES_MAX {
            (self.by_text, self.bytes) = (HashMap::new(), 0);
        }
        if self.by_text.insert(text, schema).is_none() {
            self.bytes += bytes;
        }
    }
}

/// Compiles schemas, after a check of how much there is to do.
fn compile(texts: Vec<Arc<str>>) -> Result<Vec<(Arc<str>, CompileResult)>, Error> {
    let read: Vec<_> = texts.into_iter().map(|text| (ArgsSchema::read(&text), text)).collect();
    let patterns: usize = read.iter().filter_map(|(schema, _)| Some(schema.as_ref().ok()?.patterns())).sum();
    if patterns > ARGS_SCHEMA_PATTERNS_MAX {
        return Err(Error::Invalid(format!(
            "`functions`: the schemas have {patterns} patterns together, each reference counted as what it refers to; the most is \
             {ARGS_SCHEMA_PATTERNS_MAX}: use fewer"
        )));
    }
    let compiled = |(schema, text): (Result<ReadSchema, String>, Arc<str>)| {
        let schema = schema.and_then(ArgsSchema::compile);
        (text, schema.map(Arc::new).map_err(Arc::from))
    };
    Ok(read.into_iter().map(compiled).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(number: usize) -> String {
        format!(r#"{{"pattern": "{number}"}}"#)
    }

    #[tokio::test]
    async fn what_is_compiled_is_remembered_and_answered_in_order() {
        let book = SchemaCache::new();
        let first = book.compiled(&["true", "{", "true"], Purpose::Check).await.unwrap();
        assert!(
            first[0].is_ok() && first[1].as_ref().is_err_and(|words| words.contains("no JSON")) && first[2].is_ok()
        );
        let again = book.compiled(&["true"], Purpose::Check).await.unwrap();
        assert!(Arc::ptr_eq(again[0].as_ref().unwrap(), first[2].as_ref().unwrap()));
    }

    #[tokio::test]
    async fn an_executor_has_so_many_patterns_and_no_more() {
        let book = SchemaCache::new();
        let texts: Vec<String> = (0..=ARGS_SCHEMA_PATTERNS_MAX).map(pattern).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let refused = book.compiled(&texts, Purpose::Check).await.unwrap_err();
        assert!(matches!(refused, Error::Invalid(_)), "{refused}");
        assert!(
            book.compiled(&texts[1..], Purpose::Check).await.unwrap().iter().all(Result::is_ok),
            "nothing was remembered as refused"
        );
    }

    #[test]
    fn what_is_remembered_stays_within_bounds() {
        let mut known = CacheState::default();
        let big = |number: usize| Arc::from(format!("{number:09}").repeat(1024 * 1024 / 9));
        for number in 0..40 {
            known.remember(big(number), Err(Arc::from("")));
            assert!(known.bytes <= ARGS_SCHEMAS_BYTES_MAX);
        }
        let bytes: usize = known.by_text.keys().map(|text| text.len()).sum();
        assert_eq!(known.bytes, bytes);
        for number in 0..2 * ARGS_SCHEMAS_MAX {
            known.remember(Arc::from(number.to_string()), Err(Arc::from("")));
        }
        assert!(known.by_text.len() <= ARGS_SCHEMAS_MAX);
    }
}
