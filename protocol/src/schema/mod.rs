//! Schemas of arguments: JSON Schema, draft 2020-12. They come from untrusted senders, so that their size is bounded
//! and nothing is fetched.

mod misfit;
mod weight;

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;

use boon::{CompileError, Compiler, Draft, SchemaIndex, Schemas, UrlLoader};
use regex::RegexBuilder;
use serde_json::Value;

pub use misfit::{Misfit, Why};
use weight::Weighing;

/// The draft of all schemas, with or without `$schema`.
const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";
/// URL of the schema inside the compiler.
const PLACE: &str = "apiary:///schema";
/// Maximum number of characters that an error quotes from others.
const WORDS_MAX: usize = 200;

/// Bounds on a schema.
#[derive(Clone, Copy, Debug)]
pub struct SchemaBounds {
    /// JSON values, each reference counted as the values it refers to.
    pub values_max: usize,
    /// Levels, references included.
    pub depth_max: usize,
    /// Bytes of one compiled pattern.
    pub pattern_bytes_max: usize,
}

/// A schema within its bounds, not yet compiled.
pub struct ReadSchema {
    schema: Value,
    patterns: Vec<String>,
    pattern_bytes_max: usize,
}

/// A compiled schema.
pub struct Schema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl ReadSchema {
    /// Checks a schema against its bounds.
    ///
    /// # Errors
    ///
    /// The problem and its place: another draft, too large, or with references whose size cannot be bounded.
    pub fn read(schema: Value, bounds: SchemaBounds) -> Result<Self, String> {
        let draft = schema.get("$schema");
        if draft.is_some_and(|draft| draft.as_str().map(|text| text.trim_end_matches('#')) != Some(DRAFT)) {
            return Err(format!("names another `$schema` than {DRAFT}: leave it out, or name that one"));
        }
        let patterns = Weighing::of(&schema, bounds)?;
        Ok(Self { schema, patterns, pattern_bytes_max: bounds.pattern_bytes_max })
    }

    /// Returns the number of patterns to compile, each reference counted as the patterns it refers to. Patterns are the
    /// expensive part.
    pub fn patterns(&self) -> usize {
        self.patterns.len()
    }

    /// Compiles the schema. Patterns run in time linear to the text.
    ///
    /// # Errors
    ///
    /// The problem and its place.
    pub fn compile(self) -> Result<Schema, String> {
        for pattern in self.patterns.into_iter().collect::<BTreeSet<_>>() {
            let limit = self.pattern_bytes_max;
            // The compiler below has only the regex crate's default limit. Building the patterns here first refuses large ones.
            let built = RegexBuilder::new(&pattern).size_limit(limit).dfa_size_limit(limit).build();
            built.map_err(|error| {
                format!("is no JSON Schema: the pattern `{}`: {}", shown(&pattern), last_line(&error))
            })?;
        }
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V2020_12);
        compiler.use_loader(Box::new(Nowhere));
        let mut schemas = Schemas::new();
        let compiled = compiler.add_resource(PLACE, self.schema);
        let index = compiled.and_then(|()| compiler.compile(PLACE, &mut schemas)).map_err(|error| no_schema(&error))?;
        Ok(Schema { schemas, index })
    }
}

impl Schema {
    /// Checks arguments.
    ///
    /// # Errors
    ///
    /// The field and the reason, without the field's value.
    pub fn check(&self, args: &Value) -> Result<(), Misfit> {
        self.schemas.validate(args, self.index).map_err(|error| Misfit::of(&error))
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema").finish_non_exhaustive()
    }
}

/// Cuts text from others to one line of an error.
pub fn shown(words: &str) -> String {
    words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WORDS_MAX).collect()
}

/// Loader that refuses every referenced document.
struct Nowhere;

impl UrlLoader for Nowhere {
    fn load(&self, _: &str) -> Result<Value, Box<dyn Error>> {
        Err("nothing is fetched".into())
    }
}

fn no_schema(error: &CompileError) -> String {
    match error {
        CompileError::ValidationError { src, .. } => {
            let Misfit { pointer, why } = Misfit::of(src);
            format!("is no JSON Schema at `{}`: {why}", shown(if pointer.is_empty() { "/" } else { &pointer }))
        }
        error => format!("is no JSON Schema: {}", shown(&error.to_string())),
    }
}

/// Returns the message of a pattern's error, which is its last line; the lines before it draw the pattern.
fn last_line(error: &regex::Error) -> String {
    let words = error.to_string();
    shown(words.lines().last().unwrap_or_default().trim_start_matches("error: "))
}

#[cfg(test)]
mod tests;
