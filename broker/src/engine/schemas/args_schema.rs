//! Schemas of arguments, as executors announce them.

use apiary_protocol::schema::{Misfit, ReadSchema, Schema, SchemaBounds, Why, shown};
use serde_json::Value;

use crate::limits::{ARGS_SCHEMA_DEPTH_MAX, ARGS_SCHEMA_PATTERN_BYTES_MAX, ARGS_SCHEMA_VALUES_MAX};

const BOUNDS: SchemaBounds = SchemaBounds {
    values_max: ARGS_SCHEMA_VALUES_MAX,
    depth_max: ARGS_SCHEMA_DEPTH_MAX,
    pattern_bytes_max: ARGS_SCHEMA_PATTERN_BYTES_MAX,
};

/// The schema of a function's arguments.
#[derive(Debug)]
pub(in crate::engine) struct ArgsSchema(Schema);

impl ArgsSchema {
    /// Reads a schema, to be compiled; the error names the fault and its place.
    pub(in crate::engine) fn read(text: &str) -> Result<ReadSchema, String> {
        let schema = serde_json::from_str(text).map_err(|error| format!("is no JSON: {error}"))?;
        ReadSchema::read(schema, BOUNDS)
    }

    /// Compiles a schema; the error names the fault and its place.
    pub(in crate::engine) fn compile(schema: ReadSchema) -> Result<Self, String> {
        schema.compile().map(Self)
    }

    /// Checks arguments; the error names the wrong field and the reason, but no value.
    pub(in crate::engine) fn check(&self, args: &Value) -> Result<(), String> {
        self.0.check(args).map_err(|Misfit { pointer, why }| {
            let colon = if matches!(why, Why::Keyword { .. }) { ":" } else { "" };
            format!("`args{}`{colon} {why}", shown(&pointer))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_that_does_not_fit_is_named() {
        let schema = json!({ "required": ["amount"], "properties": { "amount": { "maximum": 100 } } });
        let schema = ArgsSchema::compile(ArgsSchema::read(&schema.to_string()).unwrap()).unwrap();
        assert_eq!(schema.check(&json!({})).unwrap_err(), "`args` lacks \"amount\"");
        let words = schema.check(&json!({ "amount": 471_147 })).unwrap_err();
        assert_eq!(words, "`args/amount`: is more than the maximum of 100");
    }

    #[test]
    fn what_is_no_json_is_refused() {
        assert!(ArgsSchema::read("{").err().unwrap().contains("no JSON"));
    }
}
