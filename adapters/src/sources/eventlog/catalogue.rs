//! The schemas of a folder: `TYPE.json` for each type of event.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use apiary_protocol::schema::{Misfit, ReadSchema, Schema, SchemaBounds};
use serde_json::Value;

use crate::event::is_type;

/// Schemas in a folder.
const SCHEMAS_MAX: usize = 1000;
/// Bytes of a schema's file.
const SCHEMA_BYTES_MAX: u64 = 256 * 1024;
const BOUNDS: SchemaBounds = SchemaBounds { values_max: 20_000, depth_max: 64, pattern_bytes_max: 256 * 1024 };

/// The schema of each type.
#[derive(Debug)]
pub(super) struct Catalogue(BTreeMap<String, Schema>);

impl Catalogue {
    /// Reads every `TYPE.json` of a folder. The error names the file.
    pub(super) fn read(folder: &Path) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("cannot be read: {}: {error}", folder.display());
        let mut schemas = BTreeMap::new();
        for entry in folder.read_dir().map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_none_or(|ending| ending != "json") {
                continue;
            }
            let shown = path.display().to_string();
            let kind = path.file_stem().and_then(|stem| stem.to_str()).filter(|stem| is_type(stem));
            let kind = kind.ok_or_else(|| format!("has a file that is not named after a type of event: {shown}"))?;
            let schema = schema(&path).map_err(|problem| format!("has an invalid schema: {shown} {problem}"))?;
            schemas.insert(kind.to_owned(), schema);
            if schemas.len() > SCHEMAS_MAX {
                return Err(format!("has more than {SCHEMAS_MAX} schemas"));
            }
        }
        match schemas.is_empty() {
            true => Err(format!("has no schema: write one as `TYPE.json` into {}", folder.display())),
            false => Ok(Self(schemas)),
        }
    }

    /// Checks the data of an event; `None` if its type has no schema.
    pub(super) fn check(&self, kind: &str, data: &Value) -> Option<Result<(), Misfit>> {
        self.0.get(kind).map(|schema| schema.check(data))
    }
}

fn schema(path: &Path) -> Result<Schema, String> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(SCHEMA_BYTES_MAX + 1).read_to_string(&mut text));
    let bytes = read.map_err(|error| format!("cannot be read: {error}"))?;
    if u64::try_from(bytes).is_ok_and(|bytes| bytes > SCHEMA_BYTES_MAX) {
        return Err(format!("has more than {SCHEMA_BYTES_MAX} bytes"));
    }
    let schema: Value = serde_json::from_str(&text)
        .map_err(|error| format!("is not JSON (line {}, column {})", error.line(), error.column()))?;
    ReadSchema::read(schema, BOUNDS)?.compile()
}
