//! Compiled rules: patterns and schemas are compiled once, when the rules are loaded, so that invalid ones are found
//! then.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use apiary_identity::{FieldPattern, GuardRule};
use regex::{Regex, RegexBuilder};

use super::error::{GuardError, plain};
use super::schema::Schema;
use crate::limits::{GUARD_PATTERNS_MAX, GUARD_REGEX_BYTES_MAX};

/// A compiled rule.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: String,
    executor_type: String,
    function: String,
    pub(super) schema: Option<Schema>,
    pub(super) deny: Vec<ForbiddenPatterns>,
    pub(super) allow: Vec<AllowedPatterns>,
}

/// Forbidden patterns of a field.
#[derive(Debug)]
pub(super) struct ForbiddenPatterns {
    /// JSON Pointer; empty for any text anywhere.
    pub(super) field: String,
    /// Each pattern with its name in refusals: its named group, or its place in the rule.
    pub(super) patterns: Vec<(String, Regex)>,
}

/// Allowed patterns of a field, one of which must match the whole value.
#[derive(Debug)]
pub(super) struct AllowedPatterns {
    /// JSON Pointer; empty for every string anywhere.
    pub(super) field: String,
    pub(super) patterns: Vec<Regex>,
}

impl Rule {
    /// Returns `true` if the rule covers this work. Without an executor type, only the function counts.
    pub(super) fn applies(&self, executor_type: Option<&str>, function: &str) -> bool {
        matches(&self.function, function) && executor_type.is_none_or(|name| matches(&self.executor_type, name))
    }
}

/// Returns `true` if an entry covers a name: the whole name, a prefix ending in `*`, or `*`.
pub(super) fn matches(entry: &str, name: &str) -> bool {
    match entry.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => entry == name,
    }
}

/// Compiles the rules of one origin.
pub(super) fn compile(rules: &[GuardRule]) -> Result<Vec<Arc<Rule>>, GuardError> {
    let mut known = PatternCache::default();
    let mut compiled = Vec::with_capacity(rules.len());
    for rule in rules {
        compiled.push(Arc::new(known.rule(rule)?));
    }
    Ok(compiled)
}

/// Patterns already compiled: rules for several functions often share theirs.
#[derive(Default)]
struct PatternCache<'r> {
    patterns: HashMap<&'r str, Regex>,
}

impl<'r> PatternCache<'r> {
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

    fn deny(&mut self, rule: &str, patterns: &'r [FieldPattern]) -> Result<Vec<ForbiddenPatterns>, GuardError> {
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
        Ok(fields
            .into_iter()
            .map(|(field, patterns)| ForbiddenPatterns { field: field.to_owned(), patterns })
            .collect())
    }

    fn allow(&mut self, rule: &str, patterns: &'r [FieldPattern]) -> Result<Vec<AllowedPatterns>, GuardError> {
        let mut fields: BTreeMap<&str, Vec<Regex>> = BTreeMap::new();
        for (index, FieldPattern { field, pattern }) in patterns.iter().enumerate() {
            // Compiled alone first, so that a pattern such as `a)|(b` cannot break out of the group around it.
            let whole = self.pattern(pattern).and_then(|_| regex(&format!(r"\A(?:{pattern})\z")));
            let whole = whole.map_err(|problem| GuardError::rule(rule, format!("allow[{index}].pattern"), problem))?;
            fields.entry(field).or_default().push(whole);
        }
        Ok(fields.into_iter().map(|(field, patterns)| AllowedPatterns { field: field.to_owned(), patterns }).collect())
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

/// Compiles a pattern within its bounds. The engine's time is linear in the text for every pattern.
fn regex(pattern: &str) -> Result<Regex, String> {
    let built =
        RegexBuilder::new(pattern).size_limit(GUARD_REGEX_BYTES_MAX).dfa_size_limit(GUARD_REGEX_BYTES_MAX).build();
    built.map_err(|error| {
        // The engine's message draws the pattern over several lines; the last line is the problem.
        let words = error.to_string();
        let last = words.lines().last().unwrap_or_default().trim_start_matches("error: ");
        format!("is no regular expression of the crate `regex`: {}", plain(last))
    })
}
