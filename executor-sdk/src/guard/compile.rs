//! Rules made ready: patterns and schemas compiled once, and all that is wrong with them said at once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use apiary_identity::{FieldPattern, GuardRule};
use regex::{Regex, RegexBuilder};

use super::error::{GuardError, plain};
use super::schema::Schema;
use crate::limits::{GUARD_PATTERNS_MAX, GUARD_REGEX_BYTES_MAX};

/// A rule, ready to be held against arguments.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: String,
    executor_type: String,
    function: String,
    pub(super) schema: Option<Schema>,
    pub(super) deny: Vec<Denied>,
    pub(super) allow: Vec<Allowed>,
}

/// What must not be found in a field.
#[derive(Debug)]
pub(super) struct Denied {
    /// JSON Pointer; empty for any text anywhere.
    pub(super) field: String,
    /// What each is called in words (its named group, or its place in the rule), and the pattern.
    pub(super) patterns: Vec<(String, Regex)>,
}

/// What a field must be: entirely one of these.
#[derive(Debug)]
pub(super) struct Allowed {
    /// JSON Pointer; empty for every string anywhere.
    pub(super) field: String,
    pub(super) patterns: Vec<Regex>,
}

impl Rule {
    /// Whether it is about such work. Without an executor type, it is if it is about any.
    pub(super) fn applies(&self, executor_type: Option<&str>, function: &str) -> bool {
        matches(&self.function, function) && executor_type.is_none_or(|name| matches(&self.executor_type, name))
    }
}

/// Whether a name is covered: by a whole name, a prefix ending in `*`, or `*`.
pub(super) fn matches(entry: &str, name: &str) -> bool {
    match entry.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => entry == name,
    }
}

/// Makes rules of one origin ready.
pub(super) fn compile(rules: &[GuardRule]) -> Result<Vec<Arc<Rule>>, GuardError> {
    let mut known = Known::default();
    let mut compiled = Vec::with_capacity(rules.len());
    for rule in rules {
        compiled.push(Arc::new(known.rule(rule)?));
    }
    Ok(compiled)
}

/// Patterns that were compiled already: rules for several functions often share theirs.
#[derive(Default)]
struct Known<'r> {
    patterns: HashMap<&'r str, Regex>,
}

impl<'r> Known<'r> {
    fn rule(&mut self, rule: &'r GuardRule) -> Result<Rule, GuardError> {
        let GuardRule { name, executor_type, function, .. } = rule;
        let schema = rule.schema.as_ref().map(|schema| Schema::compile(schema.get())).transpose();
        Ok(Rule {
            name: name.clone(),
            executor_type: executor_type.clone(),
            function: function.clone(),
            schema: schema.map_err(|problem| GuardError::rule(name, "schema", problem))?,
            deny: self.deny(name, &rule.deny)?,
            allow: self.allow(name, &rule.allow)?,
        })
    }

    fn deny(&mut self, rule: &str, patterns: &'r [FieldPattern]) -> Result<Vec<Denied>, GuardError> {
        let mut fields: BTreeMap<&str, Vec<(String, Regex)>> = BTreeMap::new();
        for (index, FieldPattern { field, pattern }) in patterns.iter().enumerate() {
            let place = format!("deny[{index}]");
            let regex =
                self.pattern(pattern).map_err(|problem| GuardError::rule(rule, format!("{place}.pattern"), problem))?;
            if regex.is_match("") {
                let problem = "matches a text with nothing in it, and so everything: ask for something";
                return Err(GuardError::rule(rule, format!("{place}.pattern"), problem));
            }
            let name = regex.capture_names().flatten().next().map(str::to_owned);
            fields.entry(field).or_default().push((name.unwrap_or(place), regex));
        }
        Ok(fields.into_iter().map(|(field, patterns)| Denied { field: field.to_owned(), patterns }).collect())
    }

    fn allow(&mut self, rule: &str, patterns: &'r [FieldPattern]) -> Result<Vec<Allowed>, GuardError> {
        let mut fields: BTreeMap<&str, Vec<Regex>> = BTreeMap::new();
        for (index, FieldPattern { field, pattern }) in patterns.iter().enumerate() {
            // Alone first, so that it cannot break out of what is put around it.
            let whole = self.pattern(pattern).and_then(|_| regex(&format!(r"\A(?:{pattern})\z")));
            let whole = whole.map_err(|problem| GuardError::rule(rule, format!("allow[{index}].pattern"), problem))?;
            fields.entry(field).or_default().push(whole);
        }
        Ok(fields.into_iter().map(|(field, patterns)| Allowed { field: field.to_owned(), patterns }).collect())
    }

    fn pattern(&mut self, pattern: &'r str) -> Result<Regex, String> {
        if let Some(known) = self.patterns.get(pattern) {
            return Ok(known.clone());
        }
        if self.patterns.len() == GUARD_PATTERNS_MAX {
            return Err(format!("is one of more than {GUARD_PATTERNS_MAX} different ones: put some together"));
        }
        let compiled = regex(pattern)?;
        self.patterns.insert(pattern, compiled.clone());
        Ok(compiled)
    }
}

/// Compiles a pattern, in bounds. The engine runs in time linear to the text, whatever the pattern.
fn regex(pattern: &str) -> Result<Regex, String> {
    let built =
        RegexBuilder::new(pattern).size_limit(GUARD_REGEX_BYTES_MAX).dfa_size_limit(GUARD_REGEX_BYTES_MAX).build();
    built.map_err(|error| {
        // The engine's words draw the pattern over several lines; the last one says what is wrong.
        let words = error.to_string();
        let last = words.lines().last().unwrap_or_default().trim_start_matches("error: ");
        format!("is no regular expression of the crate `regex`: {}", plain(last))
    })
}
