//! Current views of executors: their rows, their grants, and the last-seen times of this broker, put together.

use std::collections::HashMap;

use apiary_identity::{Clock, Document as _, Grant, Id, Role};
use apiary_store::model::{Announcement, Colony, ExecutorRecord, StoredGrant};
use apiary_store::{Store, StoreResult};
use jiff::Timestamp;

use crate::engine::presence::last_seen::LastSeenTable;
use crate::engine::presence::state::{Facts, GrantStatus, Presence};

/// An executor as it is now.
#[derive(Clone, Debug)]
pub(crate) struct ExecutorView {
    /// The stored record, updated with what this broker heard later.
    pub(crate) record: ExecutorRecord,
    /// The state.
    pub(crate) presence: Presence,
    /// The end of its grant, if one is in force.
    pub(crate) granted_until_ms: Option<i64>,
}

/// The executor's grants of some keys, for display only: permission is the task of `auth`, which checks signatures.
pub(in crate::engine) struct ExecutorGrants {
    by_key: HashMap<Vec<u8>, Vec<(Grant, Option<i64>)>>,
    now: Timestamp,
}

impl ExecutorGrants {
    /// Reads the grants of these keys.
    pub(in crate::engine) async fn read(
        store: &dyn Store,
        clock: &dyn Clock,
        colony: &Colony,
        keys: impl Iterator<Item = Id>,
    ) -> StoreResult<Self> {
        let mut keys: Vec<Id> = keys.collect();
        // One executor has a record for each type, so the same key comes several times.
        keys.sort_unstable_by_key(|key| *key.as_bytes());
        keys.dedup();
        let mut by_key: HashMap<_, Vec<_>> = HashMap::new();
        for stored in store.grants_of_keys(colony, &keys).await? {
            if let Some(grant) = executor_grant(&stored) {
                by_key.entry(stored.grantee).or_default().push((grant, stored.revoked_from_ms));
            }
        }
        Ok(Self { by_key, now: clock.now() })
    }

    /// Returns the standing of a key for an executor type (any, if it is empty), and until when it is in force.
    pub(in crate::engine) fn grant_status(&self, key: &Id, executor_type: &str) -> (GrantStatus, Option<i64>) {
        let Some(grants) = self.by_key.get(key.as_bytes().as_slice()) else { return (GrantStatus::Never, None) };
        let in_force = grants.iter().filter(|(grant, revoked_from_ms)| {
            revoked_from_ms.is_none()
                && grant.is_valid_at(self.now)
                && (executor_type.is_empty() || grant.scopes.cover_executor_type(executor_type))
        });
        // The latest end counts: a grant that is about to end does not matter beside a newer one.
        match in_force.map(|(grant, _)| grant.valid_until.as_millisecond()).max() {
            Some(until_ms) => (GrantStatus::InForce, Some(until_ms)),
            None => (GrantStatus::Ended, None),
        }
    }

    /// True if a grant of the key, in force, covers the executor type.
    pub(in crate::engine) fn covers_type(&self, key: &Id, executor_type: &str) -> bool {
        self.grant_status(key, executor_type).0 == GrantStatus::InForce
    }

    /// True if a grant of the key covers the executor type, or covered it before it was revoked or over.
    pub(in crate::engine) fn covered_type(&self, key: &Id, executor_type: &str) -> bool {
        let mut grants = self.by_key.get(key.as_bytes().as_slice()).into_iter().flatten();
        grants.any(|(grant, _)| grant.scopes.cover_executor_type(executor_type))
    }

    /// True if a grant of the key, in force, covers the function for the executor type.
    pub(in crate::engine) fn covers(&self, key: &Id, executor_type: &str, function: &str) -> bool {
        let Some(grants) = self.by_key.get(key.as_bytes().as_slice()) else { return false };
        grants.iter().any(|(grant, revoked_from_ms)| {
            revoked_from_ms.is_none() && grant.is_valid_at(self.now) && grant.scopes.cover(executor_type, function)
        })
    }

    /// Returns the view of an executor, with the last-seen time of this broker if that is later.
    pub(in crate::engine) fn view(
        &self,
        mut record: ExecutorRecord,
        colony: &Colony,
        contacts: &LastSeenTable,
    ) -> ExecutorView {
        let (standing, granted_until_ms) = self.grant_status(&record.key, &record.executor_type);
        // The database gets last-seen times only now and then; this broker's memory may be newer.
        if let Some((heard_ms, offer)) = contacts.last((colony.key, record.key), &record.executor_type) {
            record.last_heard_ms = record.last_heard_ms.max(Some(heard_ms));
            record.offer = offer.unwrap_or(record.offer);
        }
        let facts = Facts {
            standing,
            is_rejected: record.rejected_at_ms.is_some(),
            is_drained: record.drained_at_ms.is_some(),
            running: record.running,
            heard_ms: record.last_heard_ms,
        };
        let presence = Presence::at(self.now.as_millisecond(), &facts, contacts.times());
        ExecutorView { record, presence, granted_until_ms }
    }

    /// True if the executor may do what it announces, and was heard recently.
    pub(in crate::engine) fn is_live(
        &self,
        announcement: &Announcement,
        colony: &Colony,
        contacts: &LastSeenTable,
    ) -> bool {
        let (standing, _) = self.grant_status(&announcement.key, &announcement.executor_type);
        let heard = contacts.last((colony.key, announcement.key), &announcement.executor_type);
        let heard_ms = announcement.last_heard_ms.max(heard.map(|(heard_ms, _)| heard_ms));
        // The rest changes nothing: rejected is no more live than pending, drained is as live as idle, and a renewal counts as heard.
        let facts = Facts { standing, is_rejected: false, is_drained: false, running: 0, heard_ms };
        Presence::at(self.now.as_millisecond(), &facts, contacts.times()).is_live()
    }
}

/// Returns the grant if it makes its key an executor; `None` if it was tampered with.
fn executor_grant(stored: &StoredGrant) -> Option<Grant> {
    let grant = Grant::from_json(&stored.payload).ok()?;
    (grant.role == Role::Executor && grant.key.as_bytes().as_slice() == stored.grantee).then_some(grant)
}
