//! Revocations: ended grants, and the leases under them.

use apiary_identity::{Envelope, Id, KeyPair, Revocation, Role};
use apiary_store::StoreError;
use apiary_store::model::{
    AttemptEnding, GrantKey, LeaseEnd, LeaseRecord, LeaseRef, ProcessState, Release, Report, RevokedGrant,
};
use apiary_tests::Backend;
use jiff::Timestamp;
use uuid::Uuid;

use crate::leases::report::report;
use crate::tenant::{ALL, Bee, NOW, Tenant, grant};

on_each_store!(
    a_revoked_grant_is_marked_once_and_stays,
    a_revoked_key_stays_dead_with_every_later_grant,
    a_revocations_id_belongs_to_one_document,
    a_revocation_touches_its_own_colony_alone,
    what_is_leased_under_a_revoked_grant_goes_back_and_no_retry_is_spent,
    what_is_being_cancelled_is_cancelled_with_its_executor,
    a_checkpoint_left_under_a_revoked_grant_is_not_handed_out,
);

/// The target of a revocation.
enum About {
    Grant(Uuid),
    Key(Id),
}

async fn revoke(tenant: &Tenant, about: About, now_ms: i64) -> Vec<RevokedGrant> {
    let revocation = revocation(tenant, about);
    let envelope = Envelope::seal(&tenant.key, &revocation).unwrap();
    tenant.store.revoke_grant(&tenant.colony, &revocation, &envelope, now_ms, None).await.unwrap()
}

/// Revokes the grants of an executor's key.
pub(crate) async fn revoke_key(tenant: &Tenant, bee: &Bee) {
    let key = key_of(tenant, bee).await;
    assert_eq!(revoke(tenant, About::Key(key), NOW).await.len(), 1);
}

fn revocation(tenant: &Tenant, about: About) -> Revocation {
    let (grant_id, key) = match about {
        About::Grant(id) => (Some(id), None),
        About::Key(key) => (None, Some(key)),
    };
    Revocation {
        colony: tenant.key.id(),
        revocation_id: Uuid::new_v4(),
        grant_id,
        key,
        from: Timestamp::UNIX_EPOCH,
        reason: None,
    }
}

/// Releases the leases under revoked grants, as a sweep does.
async fn give_back(tenant: &Tenant, now_ms: i64) -> Vec<(Uuid, LeaseEnd)> {
    let leases = tenant.store.removed_leases(now_ms, ALL).await.unwrap();
    let release = |lease: &LeaseRecord| Release {
        lease: LeaseRef { process_id: lease.process_id, attempt: lease.attempt, executor: lease.executor },
        ending: AttemptEnding::Removed,
        until_ms: None,
        reason: None,
        surroundings: None,
    };
    let releases: Vec<Release> = leases.iter().map(release).collect();
    let ends = tenant.store.release(&releases, now_ms).await.unwrap();
    releases.into_iter().map(|release| release.lease.process_id).zip(ends).collect()
}

async fn key_of(tenant: &Tenant, bee: &Bee) -> Id {
    Id::from_slice(&tenant.store.grants_by_key(&[bee.grant]).await.unwrap()[0].grantee).unwrap()
}

async fn revoked_from(tenant: &Tenant, key: &Id) -> Vec<Option<i64>> {
    let found = tenant.store.grants_of_key(&tenant.colony, key).await.unwrap();
    found.into_iter().map(|record| record.revoked_from_ms).collect()
}

async fn a_revoked_grant_is_marked_once_and_stays(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let user = tenant.user_key.id();
    let [first, second] = ["one", "two"].map(|name| grant(&tenant.key, &tenant.user_key, Role::User, name));
    for signed in [&first, &second] {
        let envelope = Envelope::seal(&tenant.key, signed).unwrap();
        tenant.store.add_grant(&tenant.colony, signed, &envelope, NOW, None).await.unwrap();
    }
    let signed = revocation(&tenant, About::Grant(second.grant_id));
    let envelope = Envelope::seal(&tenant.key, &signed).unwrap();
    for later_ms in [0, 10] {
        let revoked =
            tenant.store.revoke_grant(&tenant.colony, &signed, &envelope, NOW + later_ms, None).await.unwrap();
        assert_eq!(revoked.iter().map(|grant| grant.grantee).collect::<Vec<_>>(), [user]);
        assert_eq!(revoked_from(&tenant, &user).await, [None, None, Some(NOW)]);
    }
    let stored = tenant.store.grants_of_keys(&tenant.colony, &[user, KeyPair::generate().id()]).await.unwrap();
    assert_eq!(stored.iter().map(|one| one.revoked_from_ms).collect::<Vec<_>>(), [None, None, Some(NOW)]);
    let lately = tenant.store.revoked_grants(NOW, ALL).await.unwrap();
    assert_eq!(lately, [RevokedGrant { key: stored[2].key, colony: tenant.colony.key, grantee: user }]);
    assert!(tenant.store.revoked_grants(NOW + 1, ALL).await.unwrap().is_empty());
    assert!(revoke(&tenant, About::Grant(Uuid::new_v4()), NOW).await.is_empty(), "there is no such grant");
}

async fn a_revoked_key_stays_dead_with_every_later_grant(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let user = tenant.user_key.id();
    assert_eq!(revoke(&tenant, About::Key(user), NOW).await.len(), 1);
    let later = grant(&tenant.key, &tenant.user_key, Role::User, "again");
    let envelope = Envelope::seal(&tenant.key, &later).unwrap();
    assert!(!tenant.store.add_grant(&tenant.colony, &later, &envelope, NOW + 5, None).await.unwrap());
    assert_eq!(revoked_from(&tenant, &user).await, [Some(NOW), Some(NOW)]);
    // A grant that is revoked before its delivery has no effect.
    let undelivered = grant(&tenant.key, &KeyPair::generate(), Role::User, "late");
    revoke(&tenant, About::Grant(undelivered.grant_id), NOW).await;
    let envelope = Envelope::seal(&tenant.key, &undelivered).unwrap();
    tenant.store.add_grant(&tenant.colony, &undelivered, &envelope, NOW + 5, None).await.unwrap();
    assert_eq!(revoked_from(&tenant, &undelivered.key).await, [Some(NOW)]);
}

async fn a_revocations_id_belongs_to_one_document(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let first = revocation(&tenant, About::Key(KeyPair::generate().id()));
    let envelope = Envelope::seal(&tenant.key, &first).unwrap();
    tenant.store.revoke_grant(&tenant.colony, &first, &envelope, NOW, None).await.unwrap();
    let second = Revocation { key: Some(tenant.user_key.id()), ..first };
    let envelope = Envelope::seal(&tenant.key, &second).unwrap();
    let refused = tenant.store.revoke_grant(&tenant.colony, &second, &envelope, NOW, None).await.unwrap_err();
    assert!(matches!(refused, StoreError::Taken(_)), "{refused}");
    assert_eq!(revoked_from(&tenant, &tenant.user_key.id()).await, [None]);
}

async fn a_revocation_touches_its_own_colony_alone(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let other = Tenant::in_store(&tenant.store, "orchard").await;
    assert!(revoke(&other, About::Key(tenant.user_key.id()), NOW).await.is_empty());
    assert_eq!(revoked_from(&tenant, &tenant.user_key.id()).await, [None]);
}

// Case 41.
async fn what_is_leased_under_a_revoked_grant_goes_back_and_no_retry_is_spent(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (bee, other) = (tenant.bee("bee").await, tenant.bee("other").await);
    let id = tenant.submit(tenant.process()).await;
    tenant.claim_one(&bee, NOW).await;
    let elsewhere = tenant.submit(tenant.process()).await;
    tenant.claim_one(&other, NOW).await;
    assert!(give_back(&tenant, NOW).await.is_empty());
    let key = key_of(&tenant, &bee).await;
    let revoked = revoke(&tenant, About::Key(key), NOW + 1).await;
    assert_eq!(revoked.iter().map(|grant| grant.key).collect::<Vec<GrantKey>>(), [bee.grant]);
    assert_eq!(give_back(&tenant, NOW + 1).await, [(id, LeaseEnd::Done)]);
    assert!(give_back(&tenant, NOW + 1).await.is_empty());
    let summary = tenant.summary(id).await;
    assert_eq!((summary.state, summary.attempt, summary.retries_spent), (ProcessState::Waiting, 1, 0));
    let attempts = tenant.store.attempts(id).await.unwrap();
    assert_eq!((attempts.len(), attempts[0].ending.as_str(), attempts[0].ended_at_ms), (1, "removed", Some(NOW + 1)));
    assert_eq!(tenant.state(elsewhere).await, ProcessState::Running);
    // The next executor gets it as the second attempt; the removed one gets nothing at any broker.
    assert!(tenant.claim_at(&bee, 1, NOW + 2).await.is_empty());
    assert_eq!(tenant.claim_one(&other, NOW + 2).await.attempt, 2);
}

async fn what_is_being_cancelled_is_cancelled_with_its_executor(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let id = tenant.submit(tenant.process()).await;
    tenant.claim_one(&bee, NOW).await;
    backend
        .execute(&format!(
            "UPDATE leases SET cancel_deadline_ms = {}, cancel_reason = '', cancel_by = 'ada'",
            NOW + 5000
        ))
        .await;
    let key = key_of(&tenant, &bee).await;
    revoke(&tenant, About::Key(key), NOW + 1).await;
    assert_eq!(give_back(&tenant, NOW + 1).await, [(id, LeaseEnd::Cancelled)]);
    assert_eq!(tenant.state(id).await, ProcessState::Cancelled);
}

async fn a_checkpoint_left_under_a_revoked_grant_is_not_handed_out(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (bee, other) = (tenant.bee("bee").await, tenant.bee("other").await);
    let ids = [tenant.submit(tenant.process()).await, tenant.submit(tenant.process()).await];
    for bee in [&bee, &other] {
        let lease = tenant.claim_one(bee, NOW).await;
        tenant.store.report(&[Report { has_checkpoint: true, ..report(lease, 1) }], NOW).await.unwrap();
    }
    assert_eq!(tenant.store.checkpoint_sizes(&ids).await.unwrap().len(), 2);
    let key = key_of(&tenant, &bee).await;
    revoke(&tenant, About::Key(key), NOW + 1).await;
    let sizes = tenant.store.checkpoint_sizes(&ids).await.unwrap();
    assert_eq!(sizes.iter().map(|size| size.executor).collect::<Vec<_>>(), [other.grant]);
    let kept = tenant.store.checkpoints(&ids).await.unwrap();
    assert_eq!(kept.iter().map(|one| one.executor).collect::<Vec<_>>(), [other.grant]);
}
