//! Warnings about grants that end soon: their holders stop working at that moment.

use apiary_identity::{Document as _, Grant};
use apiary_store::model::{Colony, GrantCursor, Page, StoredGrant};
use apiary_store::{Store, StoreResult};

use crate::engine::colonies::findings::Finding;
use crate::engine::explain::{counted, moment, span};
use crate::limits::{GRANT_ENDS_SOON, HEALTH_GRANTS_MAX, HEALTH_GRANTS_PAGE, HEALTH_GRANTS_TOLD_MAX};

/// Reads a colony's grants that are not over, for display only: permission is the task of `auth`, which checks signatures.
pub(in crate::engine) async fn grants_not_over(
    store: &dyn Store,
    colony: &Colony,
    now_ms: i64,
) -> StoreResult<Vec<Grant>> {
    let (mut grants, mut after, mut left) = (Vec::new(), None, HEALTH_GRANTS_MAX);
    while left > 0 {
        let page = store.list_grants(colony, Page { size: HEALTH_GRANTS_PAGE.min(left), after }).await?;
        let Some(last) = page.last() else { break };
        after = Some(GrantCursor(last.key));
        left = left.saturating_sub(HEALTH_GRANTS_PAGE);
        grants.extend(page.iter().filter_map(|stored| not_over(stored, now_ms)));
    }
    Ok(grants)
}

/// Returns the grant unless it is revoked, over, or was tampered with.
fn not_over(stored: &StoredGrant, now_ms: i64) -> Option<Grant> {
    if stored.revoked_from_ms.is_some() {
        return None;
    }
    let grant = Grant::from_json(&stored.payload).ok()?;
    let is_right = grant.key.as_bytes().as_slice() == stored.grantee;
    (is_right && grant.valid_until.as_millisecond() > now_ms).then_some(grant)
}

/// Returns findings about the grants in force that end soon and have no successor, those that end first before the others.
pub(in crate::engine) fn ending(grants: &[Grant], now_ms: i64) -> Vec<Finding> {
    let soon_ms = now_ms.saturating_add(i64::try_from(GRANT_ENDS_SOON.as_millis()).unwrap_or(i64::MAX));
    let ends_soon =
        |grant: &&Grant| grant.valid_from.as_millisecond() <= now_ms && grant.valid_until.as_millisecond() <= soon_ms;
    let has_successor = |grant: &Grant| grants.iter().any(|other| succeeds(other, grant));
    let mut ending: Vec<&Grant> = grants.iter().filter(ends_soon).filter(|grant| !has_successor(grant)).collect();
    ending.sort_by_key(|grant| (grant.valid_until, grant.grant_id));
    let (told, others) = ending.split_at(ending.len().min(HEALTH_GRANTS_TOLD_MAX));
    let mut findings: Vec<Finding> = told.iter().map(|grant| ends(grant, now_ms)).collect();
    if let Some(first) = others.first() {
        let count = i64::try_from(others.len()).unwrap_or(i64::MAX);
        findings.push(Finding {
            kind: "GRANTS_END",
            text: format!(
                "{} soon, the first at {}: `apiary grant list` shows them",
                counted(count, "more grant ends", "more grants end"),
                moment(first.valid_until.as_millisecond())
            ),
            subject: String::new(),
            count,
            since_ms: None,
        });
    }
    findings
}

/// True if a grant covers, without a gap, everything that another of the same key covers. Of two that end together one does.
fn succeeds(grant: &Grant, other: &Grant) -> bool {
    // An entry is covered as if it were a name: `*` stands at its end only, and a shorter prefix covers a longer one.
    grant.key == other.key
        && grant.role == other.role
        && (grant.valid_until, grant.grant_id) > (other.valid_until, other.grant_id)
        && grant.valid_from <= other.valid_until
        && other.scopes.functions.iter().all(|entry| grant.scopes.cover_function(entry))
        && other.scopes.executor_types.iter().all(|entry| grant.scopes.cover_executor_type(entry))
        && other.rights.iter().all(|right| grant.has_right(*right))
}

fn ends(grant: &Grant, now_ms: i64) -> Finding {
    let Grant { name, key, grant_id, .. } = grant;
    let (role, until_ms) = (grant.role.as_str(), grant.valid_until.as_millisecond());
    Finding {
        kind: "GRANTS_END",
        text: format!(
            "the grant of {role} `{name}` ends in {}, at {}: `apiary grant add --key {key} --role {role} --name {name} …` makes \
             the next one, at any time; if the key is no longer used, `apiary grant revoke {grant_id}`",
            away(until_ms.saturating_sub(now_ms)),
            moment(until_ms)
        ),
        subject: name.clone(),
        count: 1,
        since_ms: None,
    }
}

/// Formats a future time: in days, rounded up, from two days on.
fn away(ms: i64) -> String {
    const DAY_MS: i64 = 24 * 3_600_000;
    if ms <= 2 * DAY_MS { span(ms) } else { counted(ms.saturating_add(DAY_MS - 1) / DAY_MS, "day", "days") }
}
