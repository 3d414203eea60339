//! Pauses and drains: no claim gives such work, from the commit on.

use apiary_store::StoreError;
use apiary_store::model::{LeaseEnd, NewProcess, Pause, PauseKind, PauseTarget, ProcessState};
use apiary_tests::Backend;

use crate::tenant::{KIND, NOW, Tenant, at};

on_each_store!(
    nothing_of_a_paused_colony_or_type_is_given_and_others_are_not_touched,
    a_paused_function_stays_where_it_is,
    the_first_pause_stays_and_the_first_resume_ends_it,
    pauses_are_listed_by_kind_and_name,
    a_colony_pauses_only_so_much,
    what_runs_goes_on_while_it_is_paused,
    a_drained_name_gets_nothing_and_is_told,
    a_pause_that_nobody_put_there_is_named,
);

async fn nothing_of_a_paused_colony_or_type_is_given_and_others_are_not_touched(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let other = Tenant::in_store(&tenant.store, "orchard").await;
    let (bee, other_bee) = (tenant.bee("bee").await, other.bee("bee").await);
    for what in [colony(), named(PauseKind::ExecutorType, KIND)] {
        let process_id = tenant.submit(tenant.process()).await;
        other.submit(other.process()).await;
        pause(&tenant, &what).await;
        assert!(tenant.claim_at(&bee, 9, NOW).await.is_empty(), "{what:?}");
        assert_eq!(other.claim_at(&other_bee, 9, NOW).await.len(), 1, "{what:?}");
        assert!(tenant.store.resume(tenant.colony.key, &what, NOW, None).await.unwrap());
        assert_eq!(tenant.claim_at(&bee, 9, NOW).await[0].process_id, process_id);
    }
    let process_id = tenant.submit(tenant.process()).await;
    pause(&tenant, &named(PauseKind::ExecutorType, "archive")).await;
    pause(&tenant, &named(PauseKind::Function, KIND)).await;
    assert_eq!(tenant.claim_at(&bee, 9, NOW).await[0].process_id, process_id, "what is paused is something else");
}

async fn a_paused_function_stays_where_it_is(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let mut ids = Vec::new();
    for function in ["charge", "ship", "charge"] {
        ids.push(tenant.submit(NewProcess { function: function.to_owned(), ..tenant.process() }).await);
    }
    let what = named(PauseKind::Function, "charge");
    pause(&tenant, &what).await;
    let got =
        |claimed: Vec<apiary_store::model::ClaimedLease>| claimed.iter().map(|one| one.process_id).collect::<Vec<_>>();
    assert_eq!(got(tenant.claim_at(&bee, 9, NOW).await), [ids[1]]);
    tenant.store.resume(tenant.colony.key, &what, NOW, None).await.unwrap();
    assert_eq!(got(tenant.claim_at(&bee, 9, NOW).await), [ids[0], ids[2]]);
}

async fn the_first_pause_stays_and_the_first_resume_ends_it(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let what = named(PauseKind::Function, "charge");
    let first = by("ada", &what, 5);
    assert_eq!(tenant.store.pause(tenant.colony.key, &first, None).await.unwrap(), Some((first.clone(), false)));
    let second = by("bob", &what, 6);
    assert_eq!(tenant.store.pause(tenant.colony.key, &second, None).await.unwrap(), Some((first, true)));
    assert!(tenant.store.resume(tenant.colony.key, &what, NOW, None).await.unwrap());
    assert!(!tenant.store.resume(tenant.colony.key, &what, NOW, None).await.unwrap());
    assert_eq!(tenant.store.list_pauses(tenant.colony.key).await.unwrap(), []);
}

async fn pauses_are_listed_by_kind_and_name(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let other = Tenant::in_store(&tenant.store, "orchard").await;
    let expected = [
        colony(),
        named(PauseKind::ExecutorType, "B"),
        named(PauseKind::ExecutorType, "a"),
        named(PauseKind::Function, "a"),
    ];
    for what in expected.iter().rev() {
        pause(&tenant, what).await;
    }
    let listed = tenant.store.list_pauses(tenant.colony.key).await.unwrap();
    assert_eq!(listed.iter().map(|pause| &pause.what).collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>());
    assert_eq!(
        (listed[0].by.as_str(), listed[0].reason.as_str(), listed[0].since_ms),
        ("ada", "the bank is away", NOW)
    );
    assert_eq!(other.store.list_pauses(other.colony.key).await.unwrap(), []);
}

async fn a_colony_pauses_only_so_much(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let colony = tenant.colony.key.0;
    let rows: Vec<String> =
        (0..1000).map(|number| format!("({colony}, 'function', 'f-{number}', 'ada', '', {NOW})")).collect();
    let columns = "colony, kind, name, paused_by, reason, since_ms";
    backend.execute(&format!("INSERT INTO pauses ({columns}) VALUES {}", rows.join(", "))).await;
    let store = &tenant.store;
    let refused =
        store.pause(tenant.colony.key, &by("ada", &named(PauseKind::Function, "more"), NOW), None).await.unwrap();
    assert_eq!(refused, None);
    let known =
        store.pause(tenant.colony.key, &by("ada", &named(PauseKind::Function, "f-7"), NOW), None).await.unwrap();
    assert!(known.unwrap().1, "what is paused already is no further thing");
}

async fn what_runs_goes_on_while_it_is_paused(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let process_id = tenant.submit(tenant.process()).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    pause(&tenant, &colony()).await;
    let renewed = tenant.store.renew(&[crate::tenant::renewal(lease, NOW + 50)], NOW + 1).await.unwrap();
    assert!(renewed[0].is_some());
    assert_eq!(
        tenant.store.complete(&[crate::tenant::completion(lease, "{}")], NOW + 2).await.unwrap(),
        [LeaseEnd::Done]
    );
    assert_eq!(tenant.state(process_id).await, ProcessState::Succeeded);
}

async fn a_drained_name_gets_nothing_and_is_told(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let other = Tenant::in_store(&tenant.store, "orchard").await;
    let (ann, bob, namesake) = (tenant.bee("ann").await, tenant.bee("bob").await, other.bee("ann").await);
    let drain = format!("VALUES ({}, 'ann', 'ada', {NOW})", tenant.colony.key.0);
    backend.execute(&format!("INSERT INTO drains (colony, name, drained_by, since_ms) {drain}")).await;
    let process_id = tenant.submit(tenant.process()).await;
    other.submit(other.process()).await;
    let claims = tenant.store.claim(&tenant.lane(), &[ann.slot(1), bob.slot(1)], &at(NOW)).await.unwrap();
    assert_eq!(claims.claimed.iter().map(|one| (one.process_id, one.slot)).collect::<Vec<_>>(), [(process_id, 1)]);
    assert_eq!(claims.drained, [0]);
    let claims = tenant.store.claim(&tenant.lane(), &[bob.slot(1), ann.slot(1)], &at(NOW)).await.unwrap();
    assert_eq!((claims.claimed.len(), claims.drained), (0, vec![1]), "it is told also when nothing waits");
    assert_eq!(other.claim_at(&namesake, 1, NOW).await.len(), 1, "another colony's executor of that name is not meant");
}

async fn a_pause_that_nobody_put_there_is_named(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    tenant.submit(tenant.process()).await;
    pause(&tenant, &named(PauseKind::Function, "charge")).await;
    backend.execute("UPDATE pauses SET kind = 'weather'").await;
    let claimed = tenant.store.claim(&tenant.lane(), &[bee.slot(1)], &at(NOW)).await.unwrap_err();
    let listed = tenant.store.list_pauses(tenant.colony.key).await.unwrap_err();
    for error in [claimed, listed] {
        assert!(matches!(&error, StoreError::Corrupt(words) if words.contains("weather")), "{error}");
    }
}

async fn pause(tenant: &Tenant, what: &PauseTarget) {
    let kept = tenant.store.pause(tenant.colony.key, &by("ada", what, NOW), None).await.unwrap();
    assert!(!kept.unwrap().1, "it was not paused");
}

fn by(name: &str, what: &PauseTarget, since_ms: i64) -> Pause {
    Pause { what: what.clone(), by: name.to_owned(), reason: "the bank is away".to_owned(), since_ms }
}

fn colony() -> PauseTarget {
    named(PauseKind::Colony, "")
}

fn named(kind: PauseKind, name: &str) -> PauseTarget {
    PauseTarget { kind, name: name.to_owned() }
}
