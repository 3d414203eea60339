//! Claim: the executors that may get a process, by their offers and grants.

use std::sync::Arc;

use apiary_identity::{Offer, Requirements, Scopes};
use apiary_store::model::{ClaimSlot, NewProcess, SlotGrant};
use apiary_tests::Backend;
use uuid::Uuid;

use crate::tenant::{Bee, NOW, Tenant};

on_each_store!(
    less_than_is_needed_gets_nothing_and_equal_or_unlimited_gets_it,
    a_place_is_the_same_in_upper_and_lower_case,
    every_tag_is_needed,
    gpus_are_counted_and_measured,
    requirements_and_names_are_both_met_or_nothing_is_given,
    a_function_outside_the_grant_is_never_given,
    of_several_grants_the_one_that_covers_holds_the_lease,
    thousands_that_nobody_can_take_hinder_nobody,
);

// Case 9.
async fn less_than_is_needed_gets_nothing_and_equal_or_unlimited_gets_it(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let needed = requires(Some("4000m"), Some("4000G"));
    let poor = [("3999m", "4000G"), ("4000m", "3999G"), ("1", "1k"), ("3.9", "4Ti")];
    let rich = [(Some("4"), Some("4T")), (Some("5"), None), (None, None)];
    for enough in rich {
        let process_id = submit(&tenant, needed.clone()).await;
        for (cpu, memory) in poor {
            assert!(claim(&tenant, offering(&bee, offer(Some(cpu), Some(memory)))).await.is_empty(), "{cpu} {memory}");
        }
        assert_eq!(claim(&tenant, offering(&bee, offer(enough.0, enough.1))).await, [process_id], "{enough:?}");
    }
}

// Case 13.
async fn a_place_is_the_same_in_upper_and_lower_case(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let at = |location: &str| Offer { location: Some(location.to_owned()), ..Offer::default() };
    let bound = submit(&tenant, Requirements { location: Some("Lund-1".to_owned()), ..Requirements::default() }).await;
    let free = submit(&tenant, Requirements::default()).await;
    assert_eq!(claim(&tenant, offering(&bee, at("kiel"))).await, [free], "without a place, it goes anywhere");
    assert!(claim(&tenant, offering(&bee, Offer::default())).await.is_empty());
    assert_eq!(claim(&tenant, offering(&bee, at("LUND-1"))).await, [bound]);
}

async fn every_tag_is_needed(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let tagged = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect();
    let needed = Requirements { tags: tagged(&["ocr", "gpu-a"]), ..Requirements::default() };
    let process_id = submit(&tenant, needed).await;
    for tags in [&[][..], &["ocr"], &["ocr", "gpu-b"]] {
        let offer = Offer { tags: tagged(tags), ..Offer::default() };
        assert!(claim(&tenant, offering(&bee, offer)).await.is_empty(), "{tags:?}");
    }
    let offer = Offer { tags: tagged(&["gpu-a", "ocr", "more"]), ..Offer::default() };
    assert_eq!(claim(&tenant, offering(&bee, offer)).await, [process_id]);
}

async fn gpus_are_counted_and_measured(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let memory = |text: &str| Some(text.parse().unwrap());
    let needed = Requirements { gpus: Some(2), gpu_memory: memory("16Gi"), ..Requirements::default() };
    let process_id = submit(&tenant, needed).await;
    for (gpus, each) in [(None, None), (Some(1), memory("80Gi")), (Some(2), memory("16GB"))] {
        let offer = Offer { gpus, gpu_memory: each, ..Offer::default() };
        assert!(claim(&tenant, offering(&bee, offer)).await.is_empty(), "{gpus:?} of {each:?}");
    }
    let offer = Offer { gpus: Some(2), gpu_memory: memory("16Gi"), ..Offer::default() };
    assert_eq!(claim(&tenant, offering(&bee, offer)).await, [process_id]);
}

async fn requirements_and_names_are_both_met_or_nothing_is_given(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (ann, bob) = (tenant.bee("ann").await, tenant.bee("bob").await);
    let mut process = tenant.process();
    (process.requires, process.executor_names) = (requires(Some("4"), None), vec!["ann".to_owned()]);
    let process_id = tenant.submit(process).await;
    let small = |bee: &Bee| offering(bee, offer(Some("1"), None));
    // Ann's offer is too small, and bob, whose offer fits, has the wrong name.
    assert!(tenant.claim(&[small(&ann), bob.slot(1)], NOW).await.is_empty());
    let claimed = tenant.claim(&[small(&ann), bob.slot(1), ann.slot(1)], NOW).await;
    assert_eq!(claimed.iter().map(|one| (one.process_id, one.slot)).collect::<Vec<_>>(), [(process_id, 2)]);
}

async fn a_function_outside_the_grant_is_never_given(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let mut ids = Vec::new();
    for function in ["ship", "billing.charge", "billing", "bill_"] {
        ids.push(tenant.submit(NewProcess { function: function.to_owned(), ..tenant.process() }).await);
    }
    assert!(claim(&tenant, under(&bee, &[(bee.grant.0, "bee", &[])])).await.is_empty());
    // SQL's wildcards in a scope are literal characters.
    assert!(claim(&tenant, under(&bee, &[(bee.grant.0, "bee", &["b%", "shi_", "bill?"])])).await.is_empty());
    assert_eq!(claim(&tenant, under(&bee, &[(bee.grant.0, "bee", &["billing.*"])])).await, [ids[1]]);
    assert_eq!(claim(&tenant, under(&bee, &[(bee.grant.0, "bee", &["bill*", "sh"])])).await, [ids[2], ids[3]]);
    assert_eq!(claim(&tenant, under(&bee, &[(bee.grant.0, "bee", &["none", "ship"])])).await, [ids[0]]);
}

async fn of_several_grants_the_one_that_covers_holds_the_lease(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let mut ids = Vec::new();
    for (function, names) in [("f", vec![]), ("g", vec![]), ("g", vec!["bee-2".to_owned()])] {
        let process = NewProcess { function: function.to_owned(), executor_names: names, ..tenant.process() };
        ids.push(tenant.submit(process).await);
    }
    let slot =
        ClaimSlot { count: 9, ..under(&bee, &[(11, "bee", &["g"]), (12, "bee", &["f"]), (13, "bee-2", &["*"])]) };
    let claimed = tenant.claim(&[slot], NOW).await;
    let got: Vec<_> = claimed.iter().map(|one| (one.process_id, one.executor.0)).collect();
    assert_eq!(got, [(ids[0], 12), (ids[1], 11), (ids[2], 13)]);
    let leases = tenant.store.leases(&ids).await.unwrap();
    assert!(leases.iter().all(|lease| got.contains(&(lease.process_id, lease.executor.0))), "{leases:?}");
}

async fn thousands_that_nobody_can_take_hinder_nobody(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    for batch in 0..3 {
        let unfit = |number: usize| {
            let mut process = tenant.process();
            match number % 4 {
                0 => process.requires = requires(Some("64"), None),
                1 => process.executor_names = vec!["absent".to_owned()],
                2 => process.function = "elsewhere".to_owned(),
                _ => process.requires = requires(Some(&format!("{}m", 5000 + batch * 100 + number)), None),
            }
            process
        };
        let batch: Vec<NewProcess> = (0..1000).map(unfit).collect();
        tenant.store.submit(&batch, NOW).await.unwrap();
    }
    let last = tenant.submit(tenant.process()).await;
    let slot = under(&bee, &[(bee.grant.0, "bee", &["validate_*"])]);
    assert_eq!(claim(&tenant, ClaimSlot { offer: Arc::new(offer(Some("4"), None)), ..slot }).await, [last]);
}

async fn submit(tenant: &Tenant, requires: Requirements) -> Uuid {
    tenant.submit(NewProcess { requires, ..tenant.process() }).await
}

async fn claim(tenant: &Tenant, slot: ClaimSlot) -> Vec<Uuid> {
    tenant.claim(&[slot], NOW).await.into_iter().map(|one| one.process_id).collect()
}

fn requires(cpu: Option<&str>, memory: Option<&str>) -> Requirements {
    let offer = offer(cpu, memory);
    Requirements { cpu: offer.cpu, memory: offer.memory, ..Requirements::default() }
}

fn offer(cpu: Option<&str>, memory: Option<&str>) -> Offer {
    Offer {
        cpu: cpu.map(|text| text.parse().unwrap()),
        memory: memory.map(|text| text.parse().unwrap()),
        ..Offer::default()
    }
}

fn offering(bee: &Bee, offer: Offer) -> ClaimSlot {
    ClaimSlot { offer: Arc::new(offer), ..bee.slot(9) }
}

/// Builds a poll under these grants: number, name, functions.
fn under(bee: &Bee, grants: &[(i64, &str, &[&str])]) -> ClaimSlot {
    let grant = |(key, name, functions): &(i64, &str, &[&str])| {
        let functions = functions.iter().map(|name| (*name).to_owned()).collect();
        let scopes = Scopes { functions, executor_types: vec!["*".to_owned()] };
        SlotGrant { key: apiary_store::model::GrantKey(*key), name: (*name).to_owned(), scopes }
    };
    ClaimSlot { grants: grants.iter().map(grant).collect(), ..bee.slot(9) }
}
