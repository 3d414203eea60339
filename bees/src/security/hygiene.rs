//! The function `identity.hygiene`: keys, grants and executors that need care. The judgement is pure.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use apiary_executor_sdk::{Client, Failure, Work, v1};
use apiary_identity::{Grant, GrantRight, Role};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::colony;
use super::fact::{Fact, Source};
use super::settings::Config;

/// JSON Schema of the arguments.
pub(super) const ARGS_SCHEMA: &str = r#"{
  "type": "object",
  "properties": {
    "key_age_days": { "type": ["integer", "null"], "minimum": 1, "maximum": 3650 },
    "grant_ends_days": { "type": ["integer", "null"], "minimum": 1, "maximum": 365 },
    "silent_hours": { "type": ["integer", "null"], "minimum": 1, "maximum": 8760 },
    "days": { "type": "integer", "minimum": 1, "maximum": 30 }
  },
  "additionalProperties": false
}"#;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Age from which a grant that was never used, or shares its name, is a concern: setting up and rotating take some days.
const SETTLED_MS: i64 = 7 * DAY_MS;

/// The arguments.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Request {
    key_age_days: Option<u32>,
    grant_ends_days: Option<u32>,
    silent_hours: Option<u32>,
    /// Days of events that are searched for the use of rights.
    days: u32,
}

impl Default for Request {
    fn default() -> Self {
        Self { key_age_days: None, grant_ends_days: None, silent_hours: None, days: 30 }
    }
}

/// Ages from which things are reported.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ages {
    /// Age of a key.
    pub(super) key_ms: i64,
    /// Time before the end of a grant.
    pub(super) grant_ends_ms: i64,
    /// Time without a sign of an executor.
    pub(super) silent_ms: i64,
}

/// A grant that the colony signed.
#[derive(Clone, Debug)]
pub(super) struct KnownGrant {
    pub(super) grant: Grant,
    pub(super) is_revoked: bool,
}

/// The report of `identity.hygiene`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HygieneReport {
    /// When.
    pub at: Timestamp,
    /// The number of grants in force.
    pub grants: usize,
    /// The number of keys with a grant in force.
    pub keys: usize,
    /// The number of executors.
    pub executors: usize,
    /// From when on events were searched for the use of rights.
    pub events_from: Timestamp,
    /// Things that need care, by kind and key.
    pub concerns: Vec<Concern>,
}

/// A thing that needs care.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Concern {
    /// `grant_ends`, `key_old`, `executor_silent`, `never_used`, `rights_unused`, `scopes_broad` or `name_shared`.
    pub kind: String,
    /// The key.
    pub key_id: String,
    /// The name of its grant.
    pub name: String,
    /// The state in words.
    pub words: String,
    /// The remedy.
    pub advice: String,
}

/// Runs the function.
pub(super) async fn handle(client: Client, config: Arc<Config>, work: Work) -> Result<HygieneReport, Failure> {
    let request: Request = work.json()?;
    let ages = request.ages(config.ages).map_err(Failure::fatal)?;
    let now = client.clock().now();
    let now_ms = now.as_millisecond();
    let from_ms = now_ms.saturating_sub(i64::from(request.days).saturating_mul(DAY_MS));
    let grants = colony::grants(&client).await?;
    let executors = colony::executors(&client).await?;
    let stream = colony::events(&client, from_ms, now_ms).await?;
    // A stream that was cut says nothing about the time before.
    let from_ms = from_ms.max(stream.complete_from_ms);
    let uses = Uses { from_ms, facts: &stream.facts };
    let in_force: Vec<&Grant> = in_force(&grants, now).collect();
    Ok(HygieneReport {
        at: now,
        grants: in_force.len(),
        keys: in_force.iter().map(|grant| grant.key).collect::<HashSet<_>>().len(),
        executors: executors.len(),
        events_from: Timestamp::from_millisecond(from_ms).unwrap_or(Timestamp::MIN),
        concerns: concerns(now, ages, &grants, &executors, Some(&uses)),
    })
}

impl Request {
    fn ages(&self, ages: Ages) -> Result<Ages, String> {
        if !(1..=30).contains(&self.days) {
            return Err(format!("`days` is {}: expected 1 to 30", self.days));
        }
        let age = |name: &str, asked: Option<u32>, most: u32, unit_ms: i64, unset: i64| match asked {
            None => Ok(unset),
            Some(number) if (1..=most).contains(&number) => Ok(i64::from(number).saturating_mul(unit_ms)),
            Some(number) => Err(format!("`{name}` is {number}: expected 1 to {most}")),
        };
        Ok(Ages {
            key_ms: age("key_age_days", self.key_age_days, 3650, DAY_MS, ages.key_ms)?,
            grant_ends_ms: age("grant_ends_days", self.grant_ends_days, 365, DAY_MS, ages.grant_ends_ms)?,
            silent_ms: age("silent_hours", self.silent_hours, 8760, HOUR_MS, ages.silent_ms)?,
        })
    }
}

/// Events by which the use of a right is known.
pub(super) struct Uses<'f> {
    pub(super) from_ms: i64,
    pub(super) facts: &'f [Fact],
}

fn in_force(grants: &[KnownGrant], now: Timestamp) -> impl Iterator<Item = &Grant> {
    grants.iter().filter(move |known| !known.is_revoked && known.grant.is_valid_at(now)).map(|known| &known.grant)
}

/// Returns everything that needs care, by kind and key. Without `uses`, the use of rights is not judged.
pub(super) fn concerns(
    now: Timestamp,
    ages: Ages,
    grants: &[KnownGrant],
    executors: &[v1::Executor],
    uses: Option<&Uses<'_>>,
) -> Vec<Concern> {
    let living: Vec<&Grant> = in_force(grants, now).collect();
    let mut found = BTreeSet::new();
    for grant in &living {
        found.extend(grant_ends(now, ages, grant, &living));
        found.extend(key_old(now, ages, grant, grants));
        found.extend(never_used(now, grant, executors));
        found.extend(scopes_broad(grant, executors));
        found.extend(name_shared(now, grant, &living));
        found.extend(uses.and_then(|uses| rights_unused(grant, uses)));
    }
    found.extend(executors.iter().filter_map(|executor| executor_silent(now, ages, executor)));
    found.into_iter().collect()
}

/// Returns the concerns that count for the risk score as facts of this time.
pub(super) fn facts(concerns: &[Concern], now_ms: i64) -> Vec<Fact> {
    let fact = |concern: &Concern| {
        let kind = match concern.kind.as_str() {
            "grant_ends" => "state.grant_ends",
            "key_old" => "state.key_old",
            "executor_silent" => "state.executor_silent",
            _ => return None,
        };
        let (key, name) = (concern.key_id.clone(), concern.name.clone());
        Some(Fact { key, name, ..Fact::new(kind, now_ms, Source::State) })
    };
    concerns.iter().filter_map(fact).collect()
}

fn concern(kind: &str, grant: &Grant, words: String, advice: &str) -> Concern {
    Concern {
        kind: kind.to_owned(),
        key_id: grant.key.to_string(),
        name: grant.name.clone(),
        words,
        advice: advice.to_owned(),
    }
}

fn grant_ends(now: Timestamp, ages: Ages, grant: &Grant, living: &[&Grant]) -> Option<Concern> {
    let soon =
        |grant: &Grant| grant.valid_until.as_millisecond().saturating_sub(now.as_millisecond()) < ages.grant_ends_ms;
    let goes_on = |other: &&&Grant| other.key == grant.key && other.role == grant.role && !soon(other);
    if !soon(grant) || living.iter().any(|other| goes_on(&other)) {
        return None;
    }
    let words = format!("the grant of `{}` ends at {}", grant.name, grant.valid_until);
    Some(concern("grant_ends", grant, words, "add the next grant (`apiary grant add`), best with a new key"))
}

fn key_old(now: Timestamp, ages: Ages, grant: &Grant, grants: &[KnownGrant]) -> Option<Concern> {
    let first = grants.iter().filter(|known| known.grant.key == grant.key).map(|known| known.grant.valid_from).min()?;
    if now.as_millisecond().saturating_sub(first.as_millisecond()) < ages.key_ms {
        return None;
    }
    let words = format!("the key of `{}` is in use since {first}", grant.name);
    Some(concern("key_old", grant, words, "rotate it: a new key, a grant for it, then revoke this one"))
}

fn never_used(now: Timestamp, grant: &Grant, executors: &[v1::Executor]) -> Option<Concern> {
    let key = grant.key.to_string();
    let is_heard = executors.iter().any(|executor| executor.key_id == key && executor.last_heard_ms > 0);
    // Of users it is not known: their submits leave no event.
    if grant.role != Role::Executor || is_heard || !is_settled(now, grant) {
        return None;
    }
    let words = format!("the executor `{}` has a grant since {}, and was never heard", grant.name, grant.valid_from);
    Some(concern("never_used", grant, words, "start it, or revoke the grant"))
}

fn scopes_broad(grant: &Grant, executors: &[v1::Executor]) -> Option<Concern> {
    let any = |entries: &[String]| entries.iter().any(|entry| entry == "*");
    let (functions, types) = (any(&grant.scopes.functions), any(&grant.scopes.executor_types));
    let key = grant.key.to_string();
    let announced =
        || executors.iter().find(|executor| executor.key_id == key).map(|executor| executor.functions.len());
    let words = match (grant.role, functions, types) {
        (Role::User, true, true) => format!("`{}` may submit any function for any executor type", grant.name),
        (Role::Executor, true, true) => format!("`{}` may run any function of any executor type", grant.name),
        (Role::Executor, true, false) => match announced() {
            Some(count) if count > 0 => format!("`{}` may run any function, and announces {count}", grant.name),
            _ => return None,
        },
        _ => return None,
    };
    Some(concern("scopes_broad", grant, words, "grant only the functions and executor types that it needs"))
}

fn name_shared(now: Timestamp, grant: &Grant, living: &[&Grant]) -> Option<Concern> {
    let other = living.iter().filter(|other| other.name == grant.name && other.key != grant.key);
    let others = other.filter(|other| is_settled(now, other)).map(|other| other.key).collect::<HashSet<_>>();
    if others.is_empty() || !is_settled(now, grant) {
        return None;
    }
    let words = format!("`{}` is the name of {} keys for more than a week", grant.name, others.len() + 1);
    Some(concern("name_shared", grant, words, "revoke the key that is no longer used, or give each a name of its own"))
}

/// Reports rights whose use would have left an event, and left none. The rights to read leave none.
fn rights_unused(grant: &Grant, uses: &Uses<'_>) -> Option<Concern> {
    if grant.valid_from.as_millisecond() > uses.from_ms {
        return None;
    }
    let key = grant.key.to_string();
    let is_used = |kinds: &[&str]| {
        uses.facts.iter().any(|fact| fact.key == key && kinds.iter().any(|kind| fact.kind.starts_with(kind)))
    };
    let unused = grant.rights.iter().filter(|right| traces(**right).is_some_and(|kinds| !is_used(kinds)));
    let unused: Vec<_> = unused.map(|right| format!("`{}`", right.as_str())).collect();
    if unused.is_empty() {
        return None;
    }
    let since = Timestamp::from_millisecond(uses.from_ms).unwrap_or(Timestamp::MIN);
    let words = format!("`{}` has not used {} since {since}", grant.name, unused.join(", "));
    Some(concern("rights_unused", grant, words, "add a grant without the right, and revoke this one"))
}

/// Returns the beginnings of the kinds of events that a right leaves; `None` if it leaves none.
fn traces(right: GrantRight) -> Option<&'static [&'static str]> {
    match right {
        GrantRight::Cancel => Some(&["process.cancelled", "bulk."]),
        GrantRight::Operate => Some(&["pause.", "limit.", "executor.", "process.", "bulk."]),
        _ => None,
    }
}

fn executor_silent(now: Timestamp, ages: Ages, executor: &v1::Executor) -> Option<Concern> {
    let quiet_ms = now.as_millisecond().saturating_sub(executor.last_heard_ms);
    let is_granted = executor.granted_until_ms > now.as_millisecond();
    if !matches!(executor.state.as_str(), "silent" | "gone") || executor.last_heard_ms == 0 || quiet_ms < ages.silent_ms
    {
        return None;
    }
    let heard = Timestamp::from_millisecond(executor.last_heard_ms).unwrap_or(Timestamp::MIN);
    is_granted.then(|| Concern {
        kind: "executor_silent".to_owned(),
        key_id: executor.key_id.clone(),
        name: executor.name.clone(),
        words: format!("the executor `{}` was last heard at {heard}", executor.name),
        advice: "start it, or revoke its grant".to_owned(),
    })
}

fn is_settled(now: Timestamp, grant: &Grant) -> bool {
    now.as_millisecond().saturating_sub(grant.valid_from.as_millisecond()) >= SETTLED_MS
}

#[cfg(test)]
mod tests {
    use apiary_identity::{Id, KeyPair, Scopes};
    use jiff::SignedDuration;
    use uuid::Uuid;

    use super::*;

    const AGES: Ages = Ages { key_ms: 100 * DAY_MS, grant_ends_ms: 14 * DAY_MS, silent_ms: DAY_MS };

    fn now() -> Timestamp {
        "2026-11-21T10:00:00Z".parse().unwrap()
    }

    /// Returns a grant from so many days ago, for so many days from now on.
    fn grant(key: Id, name: &str, role: Role, ago: i64, left: i64) -> KnownGrant {
        let days = |days: i64| SignedDuration::from_hours(24 * days);
        let grant = Grant {
            colony: KeyPair::generate().id(),
            grant_id: Uuid::new_v4(),
            key,
            role,
            name: name.to_owned(),
            scopes: Scopes { functions: vec!["f".to_owned()], executor_types: vec!["t".to_owned()] },
            rights: Vec::new(),
            valid_from: now() - days(ago),
            valid_until: now() + days(left),
        };
        KnownGrant { grant, is_revoked: false }
    }

    fn executor(key: Id, state: &str, hours: i64) -> v1::Executor {
        v1::Executor {
            name: "bee".to_owned(),
            key_id: key.to_string(),
            state: state.to_owned(),
            last_heard_ms: now().as_millisecond() - hours * HOUR_MS,
            granted_until_ms: now().as_millisecond() + DAY_MS,
            ..Default::default()
        }
    }

    fn kinds(grants: &[KnownGrant], executors: &[v1::Executor], uses: Option<&Uses<'_>>) -> Vec<String> {
        concerns(now(), AGES, grants, executors, uses).into_iter().map(|concern| concern.kind).collect()
    }

    #[test]
    fn a_fresh_colony_has_no_concerns() {
        let (ada, bee) = (KeyPair::generate().id(), KeyPair::generate().id());
        let grants = [grant(ada, "ada", Role::User, 3, 90), grant(bee, "bee", Role::Executor, 50, 90)];
        assert_eq!(kinds(&grants, &[executor(bee, "idle", 0)], None), [""; 0]);
    }

    #[test]
    fn a_grant_that_ends_is_a_concern_unless_another_goes_on() {
        let key = KeyPair::generate().id();
        let ending = grant(key, "ada", Role::User, 80, 13);
        assert_eq!(kinds(std::slice::from_ref(&ending), &[], None), ["grant_ends"]);
        let next = grant(key, "ada", Role::User, 1, 90);
        assert_eq!(kinds(&[ending.clone(), next.clone()], &[], None), [""; 0]);
        let revoked = KnownGrant { is_revoked: true, ..next };
        assert_eq!(kinds(&[ending, revoked], &[], None), ["grant_ends"]);
        assert_eq!(kinds(&[grant(key, "ada", Role::User, 80, 15)], &[], None), [""; 0]);
    }

    #[test]
    fn the_age_of_a_key_is_that_of_its_first_grant() {
        let key = KeyPair::generate().id();
        let (old, new) = (grant(key, "ada", Role::User, 101, -5), grant(key, "ada", Role::User, 6, 90));
        assert_eq!(kinds(&[old, new.clone()], &[], None), ["key_old"]);
        assert_eq!(kinds(&[new], &[], None), [""; 0]);
    }

    #[test]
    fn executors_that_were_never_heard_and_those_that_fell_silent_are_told_apart() {
        let (bee, ghost) = (KeyPair::generate().id(), KeyPair::generate().id());
        let grants = [grant(bee, "bee", Role::Executor, 30, 90), grant(ghost, "ghost", Role::Executor, 30, 90)];
        let all = concerns(now(), AGES, &grants, &[executor(bee, "gone", 25)], None);
        let found: Vec<_> = all.iter().map(|concern| (concern.kind.as_str(), concern.name.as_str())).collect();
        assert_eq!(found, [("executor_silent", "bee"), ("never_used", "ghost")]);
        assert_eq!(facts(&all, 7).iter().map(|fact| fact.kind.as_str()).collect::<Vec<_>>(), ["state.executor_silent"]);
        assert_eq!(kinds(&grants[..1], &[executor(bee, "silent", 23)], None), [""; 0]);
        assert_eq!(kinds(&grants[..1], &[executor(bee, "removed", 99)], None), [""; 0]);
    }

    #[test]
    fn rights_that_left_no_trace_are_unused() {
        let key = KeyPair::generate().id();
        let mut operator = grant(key, "grace", Role::User, 60, 30);
        operator.grant.rights = vec![GrantRight::Read, GrantRight::Cancel, GrantRight::Operate];
        let fact = |kind: &str| Fact { key: key.to_string(), ..Fact::new(kind, 0, Source::Stream(1)) };
        let from_ms = now().as_millisecond() - 30 * DAY_MS;
        let words = |facts: &[Fact]| {
            let uses = Uses { from_ms, facts };
            let found = concerns(now(), AGES, std::slice::from_ref(&operator), &[], Some(&uses));
            found.first().map(|concern| concern.words.clone()).unwrap_or_default()
        };
        assert!(words(&[]).contains("`cancel`, `operate`"), "{}", words(&[]));
        assert!(words(&[fact("pause.added")]).contains("has not used `cancel` since"));
        assert_eq!(words(&[fact("process.cancelled")]), "", "a cancel counts as operating, too");
        let young = grant(key, "grace", Role::User, 3, 30);
        assert_eq!(kinds(&[young], &[], Some(&Uses { from_ms, facts: &[] })), [""; 0]);
    }

    #[test]
    fn scopes_and_names_that_are_too_wide_are_concerns() {
        let (one, other) = (KeyPair::generate().id(), KeyPair::generate().id());
        let mut wide = grant(one, "ada", Role::User, 10, 90);
        wide.grant.scopes = Scopes { functions: vec!["*".to_owned()], executor_types: vec!["*".to_owned()] };
        assert_eq!(kinds(&[wide], &[], None), ["scopes_broad"]);
        let twins = [grant(one, "bee", Role::User, 20, 90), grant(other, "bee", Role::User, 10, 90)];
        assert_eq!(kinds(&twins, &[], None), ["name_shared", "name_shared"]);
        let rotating = [grant(one, "bee", Role::User, 20, 90), grant(other, "bee", Role::User, 1, 90)];
        assert_eq!(kinds(&rotating, &[], None), [""; 0]);
    }
}
