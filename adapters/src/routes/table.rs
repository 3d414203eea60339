//! The table of a source's routes.

use apiary_identity::{Id, Scopes, Spec};
use jiff::Timestamp;
use serde::Serialize;

use super::pattern::Pattern;
use super::route::Route;
use super::rule::{Rule, Target};
use crate::{Event, StartError};

/// Lines of one table.
const RULES_MAX: usize = 256;
/// Processes that one event becomes.
const COPIES_MAX: usize = 8;

/// The routes of one source: the lines of its setting, and below them its own. The first line that matches decides; a
/// line with `also` adds a copy, and the search goes on.
#[derive(Clone, Debug)]
pub struct RouteTable {
    /// Name of the source, or of one of several senders of the same kind.
    source: String,
    /// The setting with the operator's lines.
    setting: &'static str,
    rules: Vec<(Rule, Origin)>,
}

/// The place that a rule comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// The entry of the setting, from 1.
    Setting(usize),
    /// The source's own table.
    Source,
}

/// Outcome for events of a type.
#[derive(Debug, PartialEq)]
pub enum Destination<'t> {
    /// Processes, at least one.
    Routed(Targets<'t>),
    /// No process, on purpose.
    Ignored,
    /// No process, because no line matches.
    Nowhere,
}

/// Routes of one event: at least one.
#[derive(Debug, PartialEq)]
pub struct Targets<'t> {
    main: Option<&'t Route>,
    /// Routes of the lines with `also`.
    copies: Vec<&'t Route>,
}

impl<'t> Targets<'t> {
    /// Returns the routes; the main one first: the sender is told of the first process.
    pub fn routes(&self) -> impl Iterator<Item = &'t Route> {
        self.main.into_iter().chain(self.copies.iter().copied())
    }
}

/// A line of a table, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RouteLine {
    /// Name of the source.
    pub source: String,
    /// Pattern of event types.
    pub pattern: String,
    /// `EXECUTOR_TYPE/FUNCTION`; `None` if such events are dropped on purpose.
    pub target: Option<String>,
    /// True if later lines apply as well.
    pub also: bool,
    /// Priority of the processes.
    pub priority: i32,
    /// Labels of the processes, besides the source's own.
    pub labels: std::collections::BTreeMap<String, String>,
    /// The place of the line: the setting and the entry's number, or `built in`.
    pub origin: String,
}

impl RouteTable {
    /// Reads the lines of a setting, each with its number there, and below them the source's own.
    ///
    /// # Errors
    ///
    /// Names the setting, and the entry that is invalid or can never match.
    pub fn read<'t>(
        source: &str,
        setting: &'static str,
        lines: impl Iterator<Item = (usize, &'t str)>,
        own: &[String],
    ) -> Result<Self, StartError> {
        let mut rules: Vec<(Rule, Origin)> = Vec::new();
        for (number, text) in lines {
            let at =
                |problem: String| StartError::setting(setting, format!("has an invalid entry {number}: it {problem}"));
            let rule = Rule::read(source, text).map_err(at)?;
            if let Some(problem) = unreachable(&rules, &rule) {
                return Err(at(problem));
            }
            rules.push((rule, Origin::Setting(number)));
            if let Some(problem) = too_many_copies(&rules) {
                return Err(at(problem));
            }
            if rules.len() > RULES_MAX {
                return Err(StartError::setting(setting, format!("has more than {RULES_MAX} entries")));
            }
        }
        for text in own {
            let at = |problem: String| {
                StartError::setting(setting, format!("has an invalid built-in line {text:?}: it {problem}"))
            };
            rules.push((Rule::read(source, text).map_err(at)?, Origin::Source));
        }
        Ok(Self { source: source.to_owned(), setting, rules })
    }

    /// Returns the source's name.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Returns the name of the setting with the operator's lines.
    pub fn setting(&self) -> &'static str {
        self.setting
    }

    /// Returns what becomes of events of this type.
    pub fn find(&self, kind: &str) -> Destination<'_> {
        let (mut main, mut also, mut is_ignored) = (None, Vec::new(), false);
        for (rule, _) in self.rules.iter().filter(|(rule, _)| rule.pattern.matches(kind)) {
            match &rule.target {
                Target::Also(route) => also.push(route),
                Target::To(route) => {
                    main = Some(route);
                    break;
                }
                Target::Ignore => {
                    is_ignored = true;
                    break;
                }
            }
        }
        let mut targets = Targets { main, copies: Vec::new() };
        for copy in also {
            if targets.routes().count() < COPIES_MAX && !targets.routes().any(|route| route.is_same_target(copy)) {
                targets.copies.push(copy);
            }
        }
        let has_routes = targets.routes().next().is_some();
        match (has_routes, is_ignored) {
            (true, _) => Destination::Routed(targets),
            (false, true) => Destination::Ignored,
            (false, false) => Destination::Nowhere,
        }
    }

    /// Makes the spec of each process of an event. Copies have keys of their own, so that each is there once, whatever lines come and go
    /// beside theirs.
    pub(crate) fn specs(
        &self,
        targets: &Targets<'_>,
        event: &Event,
        body: &[u8],
        colony: Id,
        now: Timestamp,
    ) -> Vec<Spec> {
        let spec = |route: &Route| route.spec(&self.source, event, body, colony, now);
        let of_copy = |route: &Route| {
            let mut spec = spec(route);
            spec.idempotency_key = Some(format!("{}:{route}", event.idempotency_key(&self.source)));
            spec
        };
        targets.main.into_iter().map(spec).chain(targets.copies.iter().copied().map(of_copy)).collect()
    }

    /// Returns the scopes of the grant that the routes need; `None` if no event goes anywhere.
    pub fn scopes(&self) -> Option<Scopes> {
        let mut scopes = Scopes { functions: Vec::new(), executor_types: Vec::new() };
        for route in self.routes() {
            let add = |names: &mut Vec<String>, name: &String| {
                if !names.contains(name) {
                    names.push(name.clone());
                }
            };
            add(&mut scopes.functions, &route.function);
            add(&mut scopes.executor_types, &route.executor_type);
        }
        (!scopes.functions.is_empty()).then_some(scopes)
    }

    /// Returns every route of the table.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.rules.iter().filter_map(|(rule, _)| rule.target.route())
    }

    /// Describes each line of the setting that takes types away from a target of the source's own, such as the finance
    /// bee, and gives them to another. `ignore` does so on purpose.
    pub fn shadowing(&self) -> Vec<String> {
        let lines = self.rules.iter().enumerate().filter_map(|(index, (rule, origin))| match (&rule.target, origin) {
            (Target::To(route), Origin::Setting(number)) => Some((index, &rule.pattern, route, *number)),
            _ => None,
        });
        let warning = |(index, pattern, route, number)| {
            let (types, bee) = self.lost(index, pattern, route)?;
            let setting = self.setting;
            Some(format!(
                "the {bee} bee does not get {types}, because entry {number} of `{setting}` gives it to {route} alone: write \
                 `{pattern} = also {route}`, and both get it"
            ))
        };
        lines.filter_map(warning).collect()
    }

    /// Returns the types that the line at `index` takes away from the source's own targets, and the executor type of the
    /// first of these.
    fn lost(&self, index: usize, pattern: &Pattern, route: &Route) -> Option<(String, &str)> {
        let own = self.rules.iter().filter_map(|(rule, origin)| match (&rule.target, origin) {
            (Target::To(lost), Origin::Source) => Some((pattern.shared(&rule.pattern)?, lost)),
            _ => None,
        });
        // A copy for the same target from a line above makes up for it.
        let has_copy = |types: &Pattern, lost: &Route| {
            self.rules[..index].iter().any(|(rule, _)| {
                matches!(&rule.target, Target::Also(copy) if copy.is_same_target(lost) && rule.pattern.covers(types))
            })
        };
        let lost: Vec<(&Pattern, &Route)> =
            own.filter(|(types, lost)| !route.is_same_target(lost) && !has_copy(types, lost)).collect();
        let (_, first) = lost.first()?;
        let types: Vec<String> = lost.iter().map(|(types, _)| format!("`{types}`")).collect();
        Some((types.join(", "), &first.executor_type))
    }

    /// Returns the lines, for people.
    pub fn lines(&self) -> impl Iterator<Item = RouteLine> {
        self.rules.iter().map(|(rule, origin)| {
            let route = rule.target.route();
            RouteLine {
                source: self.source.clone(),
                pattern: rule.pattern.to_string(),
                target: route.map(Route::to_string),
                also: matches!(rule.target, Target::Also(_)),
                priority: route.map_or(0, |route| route.priority),
                labels: route.map(|route| route.labels.clone()).unwrap_or_default(),
                origin: match origin {
                    Origin::Setting(number) => format!("{} {number}", self.setting),
                    Origin::Source => "built in".to_owned(),
                },
            }
        })
    }
}

/// Returns the problem of the newest line if events of some type would have more copies than there may be.
fn too_many_copies(rules: &[(Rule, Origin)]) -> Option<String> {
    let too_many = |(rule, _): &(Rule, Origin)| {
        let mut targets: Vec<&Route> = Vec::new();
        for (other, _) in rules.iter().filter(|(other, _)| other.pattern.covers(&rule.pattern)) {
            if let Target::Also(route) = &other.target
                && !targets.iter().any(|target| target.is_same_target(route))
            {
                targets.push(route);
            }
        }
        targets.len() >= COPIES_MAX
    };
    let most = COPIES_MAX - 1;
    rules
        .iter()
        .any(too_many)
        .then(|| format!("makes more than {most} copies of one event: an event has up to {most} `also` targets"))
}

/// Says why a rule can never match or adds nothing, below these.
fn unreachable(before: &[(Rule, Origin)], rule: &Rule) -> Option<String> {
    before.iter().find_map(|(earlier, origin)| {
        let Origin::Setting(number) = origin else { return None };
        let ends_there = !matches!(earlier.target, Target::Also(_)) && earlier.pattern.covers(&rule.pattern);
        let pattern: &Pattern = &rule.pattern;
        if ends_there && earlier.pattern == *pattern {
            return Some(format!("is about `{pattern}`, as entry {number} is already: remove one of them"));
        }
        if ends_there {
            let earlier = &earlier.pattern;
            return Some(format!(
                "is never reached: entry {number}, `{earlier}`, takes every `{pattern}` before it; put it above that entry"
            ));
        }
        let is_same = earlier.target.route().map(Route::to_string) == rule.target.route().map(Route::to_string);
        (earlier.pattern == *pattern && is_same).then(|| format!("repeats entry {number}: remove one of them"))
    })
}
