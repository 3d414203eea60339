//! The executors that may get a process, by their offers and grants.

use std::time::Duration;

use apiary_executor_sdk::{Client, v1};
use apiary_identity::{Envelope, KeyPair, Requirements, Role};
use apiary_tests::colony::claim;
use apiary_tests::{TestColony, eventually};

on_each_store!(
    an_executor_with_less_than_is_needed_gets_nothing,
    work_bound_to_a_place_goes_there,
    units_that_nobody_knows_are_refused_and_named,
    what_cannot_be_done_here_waits_for_who_can,
    work_outside_the_grants_functions_is_never_handed_out,
    of_several_grants_the_one_that_covers_is_used,
    a_further_grant_counts_at_every_broker
);

// Case 9.
async fn an_executor_with_less_than_is_needed_gets_nothing(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    for enough in [offer("4", "4000G"), offer("8", "4T"), v1::Offer::default()] {
        let process_id = submit(&user, &needs("4000m", "4000G")).await;
        for less in [offer("3999m", "4000G"), offer("4000m", "3999G")] {
            assert!(claim_offering(&bee, less).await.is_empty());
        }
        assert_eq!(claim_offering(&bee, enough).await, [process_id]);
    }
    let process_id = submit(&user, &needs("4000m", "4000G")).await;
    let leases = claim(&bee, "t", 9, Duration::ZERO).await;
    assert_eq!(leases[0].process_id, process_id, "no offer at all is no limit");
}

// Case 13.
async fn work_bound_to_a_place_goes_there(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let bound = submit(&user, &Requirements { location: Some("Lund".into()), ..Requirements::default() }).await;
    let free = submit(&user, &Requirements::default()).await;
    let at = |location: &str| v1::Offer { location: location.into(), ..v1::Offer::default() };
    assert_eq!(claim_offering(&bee, at("kiel")).await, [free]);
    assert!(claim_offering(&bee, v1::Offer::default()).await.is_empty());
    assert_eq!(claim_offering(&bee, at("LUND")).await, [bound]);
}

// Case X21.
async fn units_that_nobody_knows_are_refused_and_named(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let tags = |tags: &[&str]| v1::Offer { tags: tags.iter().map(|tag| (*tag).into()).collect(), ..Default::default() };
    let location = v1::Offer { location: "not a place".into(), ..Default::default() };
    for (field, offer) in [
        ("offer.cpu", offer("four", "")),
        ("offer.cpu", offer("4 cores", "")),
        ("offer.cpu", offer("0", "")),
        ("offer.memory", offer("", "10 GB")),
        ("offer.memory", offer("", "10gb")),
        ("offer.memory", offer("", "-1")),
        ("offer.memory", offer("", "1e9")),
        ("offer.gpus", v1::Offer { gpus: u32::MAX, ..Default::default() }),
        ("offer.gpu_memory", v1::Offer { gpus: 1, gpu_memory: "lots".into(), ..Default::default() }),
        ("offer.gpu_memory", v1::Offer { gpu_memory: "1Gi".into(), ..Default::default() }),
        ("offer.location", location),
        ("offer.tags", tags(&["twice", "twice"])),
        ("offer.tags", tags(&["no tag!"])),
        ("offer.tags", v1::Offer { tags: (0..65).map(|number| number.to_string()).collect(), ..Default::default() }),
    ] {
        let refused = bee.claim(request(offer.clone())).await.unwrap_err();
        assert_eq!(refused.reason(), Some("INVALID"), "{offer:?}");
        assert!(refused.to_string().contains(&format!("`{field}`")), "{refused}");
    }
    // Units are read exactly: ten gigabytes are not enough for ten gibibytes, but the reverse is.
    let process_id = submit(&user, &needs("4", "10Gi")).await;
    assert!(claim_offering(&bee, offer("4", "10GB")).await.is_empty());
    assert!(claim_offering(&bee, offer("3999m", "11GB")).await.is_empty());
    assert_eq!(claim_offering(&bee, offer("4", "11GB")).await, [process_id]);
}

async fn what_cannot_be_done_here_waits_for_who_can(colony: TestColony) {
    let (user, small) = (colony.user("ada").await, colony.executor("small", "t").await);
    let large = colony.executor("large", "t").await;
    let heavy = submit(&user, &needs("16", "1Gi")).await;
    let light = submit(&user, &Requirements::default()).await;
    assert_eq!(claim_offering(&small, offer("1", "")).await, [light], "it hinders nobody behind it");
    assert_eq!(claim_offering(&large, offer("16", "")).await, [heavy]);
}

async fn work_outside_the_grants_functions_is_never_handed_out(colony: TestColony) {
    let user = colony.user("ada").await;
    let narrow = colony.grant("narrow", Role::Executor, &["charge", "mail.*"], &["t"], &[]).await;
    let mut submitted = Vec::new();
    for function in ["ship", "mail.send", "mailing", "charge", "charge.back"] {
        submitted.push(user.submit_json("t", function, &()).await.unwrap().process_id.to_string());
    }
    let claimed = claim_offering(&narrow, v1::Offer::default()).await;
    assert_eq!(claimed, [submitted[1].clone(), submitted[3].clone()]);
}

/// The lease names the grant that covers type and function: a success under any other would not verify.
async fn of_several_grants_the_one_that_covers_is_used(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let bee = colony.grant("bee", Role::Executor, &["charge"], &["t"], &[]).await;
    let key = colony.key_of("bee");
    grant(&colony, &key, "bee", &["*"], "u").await;
    grant(&colony, &key, "bee-2", &["ship"], "t").await;
    let mut expected = Vec::new();
    for (function, names, name) in [("ship", vec![], "bee-2"), ("charge", vec!["bee".to_owned()], "bee")] {
        let mut spec = user.spec("t", function);
        spec.executor_names = names;
        user.submit(&spec).await.unwrap();
        expected.push((spec.process_id, name));
    }
    let mut aimed = user.spec("t", "charge");
    aimed.executor_names = vec!["bee-2".into()];
    user.submit(&aimed).await.unwrap();
    let leases = claim(&bee, "t", 9, Duration::ZERO).await;
    assert_eq!(leases.len(), 2, "no grant of that name covers the third");
    for (lease, (process_id, name)) in leases.iter().zip(expected) {
        assert_eq!(lease.process_id, process_id.to_string());
        bee.complete(&colony.success("bee", lease, b"1")).await.unwrap();
        assert_eq!(reader.get_process(process_id).await.unwrap().attempts[0].executor, name);
    }
}

async fn a_further_grant_counts_at_every_broker(colony: TestColony) {
    let user = colony.user("ada").await;
    let bee = colony.grant("bee", Role::Executor, &["charge"], &["t"], &[]).await;
    let peer = colony.start_peer_if_shared().await;
    let key = colony.key_of("bee");
    let there = peer.as_ref().map_or_else(|| bee.clone(), |peer| peer.client(colony.key.id(), &key));
    for client in [&bee, &there] {
        assert!(claim(client, "t", 1, Duration::ZERO).await.is_empty(), "from now on its grants are remembered");
    }
    grant(&colony, &key, "bee", &["ship"], "t").await;
    for _ in 0..2 {
        user.submit_json("t", "ship", &()).await.unwrap();
    }
    assert_eq!(claim(&bee, "t", 1, Duration::ZERO).await.len(), 1, "at once where it was granted");
    eventually("the other broker has heard of it", async || {
        claim(&there, "t", 1, Duration::ZERO).await.pop().map(|_| ())
    })
    .await;
    if let Some(peer) = peer {
        peer.stop().await;
    }
}

async fn grant(colony: &TestColony, key: &KeyPair, name: &str, functions: &[&str], executor_type: &str) {
    let grant = colony.grant_document(key, name, Role::Executor, functions, &[executor_type], &[]);
    colony.client(&colony.key).add_grant(&Envelope::seal(&colony.key, &grant).unwrap()).await.unwrap();
}

async fn submit(user: &Client, requires: &Requirements) -> String {
    let mut spec = user.spec("t", "f");
    spec.requires = requires.clone();
    user.submit(&spec).await.unwrap().process_id.to_string()
}

fn needs(cpu: &str, memory: &str) -> Requirements {
    Requirements { cpu: Some(cpu.parse().unwrap()), memory: Some(memory.parse().unwrap()), ..Requirements::default() }
}

fn offer(cpu: &str, memory: &str) -> v1::Offer {
    v1::Offer { cpu: cpu.into(), memory: memory.into(), ..v1::Offer::default() }
}

fn request(offer: v1::Offer) -> v1::ClaimRequest {
    v1::ClaimRequest { executor_type: "t".into(), count_max: 9, offer: Some(offer), ..Default::default() }
}

async fn claim_offering(bee: &Client, offer: v1::Offer) -> Vec<String> {
    let leases = bee.claim(request(offer)).await.unwrap().leases;
    leases.into_iter().map(|lease| lease.process_id).collect()
}
