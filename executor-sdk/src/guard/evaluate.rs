//! Evaluation of work against the rules. Pure: no I/O, no clock.

use std::ops::ControlFlow;

use regex::Regex;
use serde_json::Value;

use super::args::Args;
use super::compile::{AllowedPatterns, ForbiddenPatterns, Rule};
use super::error::Refusal;
use super::rules::Guard;
use super::schema::Misfit;
use super::shell::as_a_shell_reads;
use super::texts::{ValuePath, each_leaf, each_text, text};

/// Reason of a refusal by `allow`.
const NOT_ALLOWED: &str = "none of what is allowed";

/// The parts of work that the guard checks.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The executor type of the spec; `None` to apply the rules for every type.
    pub executor_type: Option<&'a str>,
    /// The function to run.
    pub function: &'a str,
    /// The arguments, byte by byte as submitted.
    pub args: &'a [u8],
}

impl Guard {
    /// Checks that no rule refuses the work.
    ///
    /// # Errors
    ///
    /// The first refusal. It names the rule and the field, and none of the arguments' values. The caller counts it.
    pub fn check(&self, call: &Call<'_>) -> Result<(), Refusal> {
        let rules = match self.rules_about(call.executor_type, call.function) {
            Ok(rules) => rules,
            // Fails closed: a default set that does not load must not allow everything.
            Err(error) => return Err(Refusal::new("default", "", format!("not checked: {error}"))),
        };
        let Some(first) = rules.first() else { return Ok(()) };
        // Parsed only now: most work has no rule that covers it.
        let args = match Args::read(call.args) {
            Args::Json(value) => value,
            Args::Text(text) => return rules.iter().try_for_each(|rule| rule.check_text(&text)),
            Args::Repeated => {
                let why = "a key stands twice in one object, and readers differ in which they take: send it once";
                return Err(Refusal::new(&first.name, "", why));
            }
        };
        rules.iter().try_for_each(|rule| rule.check(&args))
    }
}

impl Rule {
    fn check(&self, args: &Value) -> Result<(), Refusal> {
        if let Some(Err(Misfit { field, why })) = self.schema.as_ref().map(|schema| schema.check(args)) {
            return Err(Refusal::new(&self.name, field, why));
        }
        self.deny.iter().try_for_each(|denied| self.check_denied(denied, args))?;
        self.allow.iter().try_for_each(|allowed| self.check_allowed(allowed, args))
    }

    fn check_denied(&self, denied: &ForbiddenPatterns, args: &Value) -> Result<(), Refusal> {
        // An absent field has no text that could match.
        let Some(value) = args.pointer(&denied.field) else { return Ok(()) };
        let mut refusal = None;
        let _ = each_text(value, &ValuePath::field(&denied.field), &mut |place, text| match denied.found_in(text) {
            None => ControlFlow::Continue(()),
            Some(pattern) => {
                refusal = Some(Refusal::new(&self.name, place.pointer(), format!("denied: {pattern}")));
                ControlFlow::Break(())
            }
        });
        refusal.map_or(Ok(()), Err)
    }

    fn check_allowed(&self, allowed: &AllowedPatterns, args: &Value) -> Result<(), Refusal> {
        let Some(value) = args.pointer(&allowed.field) else {
            return Err(Refusal::new(&self.name, &allowed.field, "missing, and only some values are allowed"));
        };
        // An empty field covers every string of the arguments; numbers and booleans are not meant then.
        let strings_only = allowed.field.is_empty();
        let mut refusal = None;
        let _ = each_leaf(value, &ValuePath::field(&allowed.field), &mut |place, leaf| {
            if strings_only && !leaf.is_string() || allowed.covers(&text(leaf)) {
                return ControlFlow::Continue(());
            }
            refusal = Some(Refusal::new(&self.name, place.pointer(), NOT_ALLOWED));
            ControlFlow::Break(())
        });
        refusal.map_or(Ok(()), Err)
    }

    /// Checks arguments that are not JSON. They have no fields, so that a rule that names a field refuses them.
    fn check_text(&self, text: &str) -> Result<(), Refusal> {
        let refuse = |why: &str| Err(Refusal::new(&self.name, "", why));
        let names_a_field = self.deny.iter().any(|denied| !denied.field.is_empty())
            || self.allow.iter().any(|allowed| !allowed.field.is_empty());
        if self.schema.is_some() || names_a_field {
            return refuse("no JSON, so their fields cannot be checked");
        }
        if let Some(pattern) = self.deny.iter().find_map(|denied| denied.found_in(text)) {
            return refuse(&format!("denied: {pattern}"));
        }
        if self.allow.iter().all(|allowed| allowed.covers(text)) { Ok(()) } else { refuse(NOT_ALLOWED) }
    }
}

impl ForbiddenPatterns {
    /// Returns the name of the first pattern that matches the text, or the text as a shell reads it.
    fn found_in(&self, text: &str) -> Option<&str> {
        let as_read = as_a_shell_reads(text);
        let found = |pattern: &Regex| pattern.is_match(text) || as_read != text && pattern.is_match(&as_read);
        self.patterns.iter().find(|(_, pattern)| found(pattern)).map(|(name, _)| name.as_str())
    }
}

impl AllowedPatterns {
    fn covers(&self, text: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.is_match(text))
    }
}
