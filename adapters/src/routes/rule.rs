//! A line of a table of routes.

use std::time::Duration;

use apiary_identity::check_name;
use apiary_identity::limits::{DURATION_MAX_MS, PRIORITY_MAX, RETRIES_MAX, VALUE_BYTES_MAX};
use apiary_settings::duration;

use super::pattern::Pattern;
use super::route::{Route, is_own_label};

/// Labels that a route sets.
const LABELS_MAX: usize = 16;
/// Target of types that nobody handles on purpose.
const IGNORE: &str = "ignore";
/// Word before a target that gets a copy.
const ALSO: &str = "also";

/// A line of a table: a pattern, and what becomes of events that match it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rule {
    pub(super) pattern: Pattern,
    pub(super) target: Target,
}

/// The target of a rule.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Target {
    /// Events go here, and to no later rule.
    To(Route),
    /// Events go here, and later rules apply as well.
    Also(Route),
    /// Events are answered and dropped on purpose.
    Ignore,
}

impl Rule {
    /// Reads `PATTERN = [also] EXECUTOR_TYPE/FUNCTION [priority=N] [label.KEY=VALUE] [max_exec=DURATION] [retries=N]`, or
    /// `PATTERN = ignore`. The error does not name the rule.
    pub(super) fn read(source: &str, text: &str) -> Result<Self, String> {
        let Some((pattern, target)) = text.split_once('=') else {
            return Err("has no `=`: write `PATTERN = EXECUTOR_TYPE/FUNCTION` or `PATTERN = ignore`".to_owned());
        };
        let pattern = Pattern::read(pattern.trim())?;
        let mut words = target.split_whitespace();
        let first = words.next().ok_or("has nothing after its `=`: name EXECUTOR_TYPE/FUNCTION, or `ignore`")?;
        let target = match first {
            IGNORE => match words.next() {
                None => Target::Ignore,
                Some(_) => return Err("has words after `ignore`, which takes none".to_owned()),
            },
            ALSO => Target::Also(route(source, words.next().unwrap_or_default(), words)?),
            first => Target::To(route(source, first, words)?),
        };
        Ok(Self { pattern, target })
    }
}

impl Target {
    /// Returns the route, if there is one.
    pub(super) fn route(&self) -> Option<&Route> {
        match self {
            Self::To(route) | Self::Also(route) => Some(route),
            Self::Ignore => None,
        }
    }
}

fn route<'t>(source: &str, target: &str, options: impl Iterator<Item = &'t str>) -> Result<Route, String> {
    let (executor_type, function) = target.split_once('/').ok_or(
        "has a target that is none: write EXECUTOR_TYPE/FUNCTION, such as `finance/stripe.event`, or `ignore`",
    )?;
    check_name("executor type", executor_type).and_then(|()| check_name("function", function)).map_err(in_words)?;
    let mut route = Route::new(executor_type, function);
    let mut seen = Vec::new();
    for option in options {
        let (name, value) = option.split_once('=').ok_or_else(|| unknown(option))?;
        if seen.contains(&name) {
            return Err(format!("sets `{name}` twice"));
        }
        seen.push(name);
        set(source, &mut route, name, value)?;
    }
    Ok(route)
}

/// Sets an option of a route.
fn set(source: &str, route: &mut Route, name: &str, value: &str) -> Result<(), String> {
    match name {
        "priority" => {
            let number = value.parse().ok().filter(|number| (-PRIORITY_MAX..=PRIORITY_MAX).contains(number));
            route.priority = number.ok_or(format!("has a `priority` outside −{PRIORITY_MAX} to {PRIORITY_MAX}"))?;
        }
        "retries" => {
            let number = value.parse().ok().filter(|number| (0..=RETRIES_MAX).contains(number));
            route.max_retries = number.ok_or(format!("has `retries` outside 0 to {RETRIES_MAX}"))?;
        }
        "max_exec" => {
            let most = Duration::from_millis(DURATION_MAX_MS.unsigned_abs());
            let time = duration(value).map_err(|advice| format!("has no valid `max_exec`: {advice}"))?;
            if time < Duration::from_millis(1) || time > most {
                return Err("has a `max_exec` outside 1ms to ten years".to_owned());
            }
            route.max_exec = time;
        }
        _ => match name.strip_prefix("label.") {
            Some(key) => label(source, route, key, value)?,
            None => return Err(unknown(name)),
        },
    }
    Ok(())
}

fn label(source: &str, route: &mut Route, key: &str, value: &str) -> Result<(), String> {
    check_name("label", key).map_err(in_words)?;
    if is_own_label(source, key) {
        return Err(format!("sets the label `{key}`, which the source sets itself"));
    }
    if value.is_empty() || value.len() > VALUE_BYTES_MAX || value.chars().any(char::is_control) {
        return Err(format!("has no valid value for the label `{key}`: up to {VALUE_BYTES_MAX} bytes without spaces"));
    }
    route.labels.insert(key.to_owned(), value.to_owned());
    if route.labels.len() > LABELS_MAX {
        return Err(format!("sets more than {LABELS_MAX} labels"));
    }
    Ok(())
}

fn unknown(name: &str) -> String {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
    format!("has the unknown option `{shown}`: there are priority=N, label.KEY=VALUE, max_exec=DURATION and retries=N")
}

fn in_words(error: apiary_identity::DocumentError) -> String {
    format!("has an invalid name: {error}")
}
