//! Grants: stored as signed, and trusted only while they are unchanged.

use apiary_identity::{Envelope, KeyPair, Role};
use apiary_store::StoreError;
use apiary_store::model::{GrantCursor, GrantKey, Page};
use apiary_tests::Backend;

use crate::tenant::{ALL, NOW, Tenant, grant};

on_each_store!(
    a_grant_comes_back_as_it_was_signed,
    the_same_grant_again_changes_nothing,
    an_id_belongs_to_one_grant_of_a_colony,
    a_key_has_all_its_grants_oldest_first,
    grants_are_found_by_number_as_they_lie_there,
    grants_are_listed_in_pages_that_an_insert_does_not_shift,
    a_colony_sees_only_its_own_grants,
);

async fn a_grant_comes_back_as_it_was_signed(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let key = KeyPair::generate();
    let signed = grant(&tenant.key, &key, Role::Executor, "bee");
    let envelope = Envelope::seal(&tenant.key, &signed).unwrap();
    assert!(!tenant.store.add_grant(&tenant.colony, &signed, &envelope, NOW, None).await.unwrap());
    let found = tenant.store.grants_of_key(&tenant.colony, &key.id()).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0].grant, &found[0].envelope, found[0].colony), (&signed, &envelope, tenant.colony.key));
}

async fn the_same_grant_again_changes_nothing(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let key = KeyPair::generate();
    let signed = grant(&tenant.key, &key, Role::User, "ada");
    let envelope = Envelope::seal(&tenant.key, &signed).unwrap();
    let adding = (0..10).map(|_| tenant.store.add_grant(&tenant.colony, &signed, &envelope, NOW, None));
    let existed = futures::future::try_join_all(adding).await.unwrap();
    assert_eq!(existed.iter().filter(|existed| !**existed).count(), 1, "one of them was the first");
    assert_eq!(tenant.store.grants_of_key(&tenant.colony, &key.id()).await.unwrap().len(), 1);
}

async fn an_id_belongs_to_one_grant_of_a_colony(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (key, thief) = (KeyPair::generate(), KeyPair::generate());
    let signed = grant(&tenant.key, &key, Role::User, "ada");
    tenant
        .store
        .add_grant(&tenant.colony, &signed, &Envelope::seal(&tenant.key, &signed).unwrap(), NOW, None)
        .await
        .unwrap();

    let mut second = grant(&tenant.key, &thief, Role::User, "eve");
    second.grant_id = signed.grant_id;
    let envelope = Envelope::seal(&tenant.key, &second).unwrap();
    let refused = tenant.store.add_grant(&tenant.colony, &second, &envelope, NOW, None).await.unwrap_err();
    assert!(matches!(refused, StoreError::Taken(_)), "{refused}");
    assert!(tenant.store.grants_of_key(&tenant.colony, &thief.id()).await.unwrap().is_empty());

    // Another colony may use the same ids.
    let other = Tenant::in_store(&tenant.store, "orchard").await;
    let mut same_id = grant(&other.key, &thief, Role::User, "eve");
    same_id.grant_id = signed.grant_id;
    let envelope = Envelope::seal(&other.key, &same_id).unwrap();
    assert!(!other.store.add_grant(&other.colony, &same_id, &envelope, NOW, None).await.unwrap());
}

async fn a_key_has_all_its_grants_oldest_first(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let key = KeyPair::generate();
    let mut expected = Vec::new();
    for name in ["first", "second", "third"] {
        let signed = grant(&tenant.key, &key, Role::User, name);
        let envelope = Envelope::seal(&tenant.key, &signed).unwrap();
        tenant.store.add_grant(&tenant.colony, &signed, &envelope, NOW, None).await.unwrap();
        expected.push(name.to_owned());
    }
    let found = tenant.store.grants_of_key(&tenant.colony, &key.id()).await.unwrap();
    assert_eq!(found.into_iter().map(|record| record.grant.name).collect::<Vec<_>>(), expected);
}

async fn grants_are_found_by_number_as_they_lie_there(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let mut found = tenant.store.grants_by_key(&[bee.grant, tenant.user, GrantKey(987_654)]).await.unwrap();
    found.sort_by_key(|stored| stored.key);
    assert_eq!(found.iter().map(|stored| stored.key).collect::<Vec<_>>(), [tenant.user, bee.grant]);
    assert_eq!(found[0].grantee, tenant.user_key.id().as_bytes());
    assert_eq!(found[0].colony_id, tenant.key.id().as_bytes());
    assert_eq!((found[0].name.as_str(), found[0].signature.len()), ("ada", 64));
    assert!(tenant.store.grants_by_key(&[]).await.unwrap().is_empty());

    backend.execute("UPDATE grants SET payload = signature, signature = grantee WHERE name = 'bee'").await;
    let found = tenant.store.grants_by_key(&[bee.grant]).await.unwrap();
    assert_eq!((found[0].payload.len(), found[0].signature.len()), (64, 32), "passed on for the reader to find");
}

async fn grants_are_listed_in_pages_that_an_insert_does_not_shift(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    for number in 1..5 {
        tenant.bee(&format!("bee-{number}")).await;
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = tenant.store.list_grants(&tenant.colony, Page { size: 2, after }).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(GrantCursor(last.key));
        seen.extend(page.into_iter().map(|stored| stored.name));
        if seen.len() == 2 {
            tenant.bee("bee-5").await;
        }
    }
    assert_eq!(seen, ["ada", "bee-1", "bee-2", "bee-3", "bee-4", "bee-5"]);
}

async fn a_colony_sees_only_its_own_grants(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let other = Tenant::in_store(&tenant.store, "orchard").await;
    let bee = other.bee("bee").await;
    assert!(tenant.store.grants_of_key(&tenant.colony, &other.user_key.id()).await.unwrap().is_empty());
    let page = Page { size: ALL, after: None };
    let listed = tenant.store.list_grants(&tenant.colony, page).await.unwrap();
    assert!(listed.iter().all(|stored| stored.key != bee.grant && stored.key != other.user), "{listed:?}");
}
