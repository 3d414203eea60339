//! Size of a schema with its references expanded.

use serde_json::Value;

use super::{SchemaBounds, shown};

/// References whose target depends on the place of the reference: their cost cannot be computed from the schema.
const REFUSED: [&str; 5] = ["$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$anchor"];

/// Walk over a schema with every reference expanded, as validation walks it. A few lines of references can otherwise
/// mean more work than any machine can finish.
pub(super) struct Weighing<'s> {
    root: &'s Value,
    bounds: SchemaBounds,
    values: usize,
    patterns: Vec<String>,
}

impl<'s> Weighing<'s> {
    /// Returns the patterns of a schema that is within the bounds.
    pub(super) fn of(schema: &'s Value, bounds: SchemaBounds) -> Result<Vec<String>, String> {
        let mut weighing = Self { root: schema, bounds, values: 0, patterns: Vec::new() };
        weighing.add(schema, "", 0)?;
        Ok(weighing.patterns)
    }

    fn add(&mut self, value: &'s Value, place: &str, depth: usize) -> Result<(), String> {
        self.values += 1;
        let SchemaBounds { values_max, depth_max, .. } = self.bounds;
        if self.values > values_max {
            return Err(format!(
                "has more than {values_max} values, each reference counted as what it refers to: make it smaller"
            ));
        }
        if depth > depth_max {
            return Err(format!(
                "nests more than {depth_max} levels at `{}`, references included: it may not refer to itself",
                shown(place)
            ));
        }
        match value {
            Value::Array(items) => items
                .iter()
                .enumerate()
                .try_for_each(|(index, item)| self.add(item, &format!("{place}/{index}"), depth + 1)),
            Value::Object(fields) => {
                fields.iter().try_for_each(|(key, field)| self.field(key, field, &format!("{place}/{key}"), depth))
            }
            _ => Ok(()),
        }
    }

    fn field(&mut self, key: &str, field: &'s Value, place: &str, depth: usize) -> Result<(), String> {
        match field {
            Value::String(pattern) if key == "pattern" => self.patterns.push(pattern.clone()),
            Value::Object(properties) if key == "patternProperties" => self.patterns.extend(properties.keys().cloned()),
            _ => {}
        }
        match field {
            Value::String(target) if key == "$ref" => {
                // The compiler would decode an escape and might resolve it to another place than the one measured here.
                let pointer = target.strip_prefix('#').filter(|rest| !rest.contains('%'));
                let pointer = pointer.filter(|rest| rest.is_empty() || rest.starts_with('/'));
                let target = pointer.and_then(|pointer| self.root.pointer(pointer)).ok_or_else(|| {
                    format!(
                        "refers at `{}` to what is not in it, and nothing is fetched: use `#/$defs/…`",
                        shown(place)
                    )
                })?;
                self.add(target, place, depth + 1)
            }
            Value::String(_) | Value::Bool(_) if REFUSED.contains(&key) => {
                Err(format!("has `{}`: refer with `$ref` to `#/$defs/…`", shown(place)))
            }
            Value::String(_) if key == "$id" && depth > 0 => {
                Err(format!("has `{}`: references count from its beginning", shown(place)))
            }
            field => self.add(field, place, depth + 1),
        }
    }
}
