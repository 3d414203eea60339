//! `SetAttributes`: values of a running process, by its lease's holder.

use apiary_executor_sdk::v1;
use apiary_tests::TestColony;

on_each_store!(only_the_holder_attaches_and_only_while_it_runs, every_bound_is_refused_by_its_name);

fn value(kind: &str, key: &str, value: &str) -> v1::NewAttribute {
    v1::NewAttribute { kind: kind.into(), key: key.into(), value: value.into() }
}

// Case 32.
async fn only_the_holder_attaches_and_only_while_it_runs(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let thief = colony.executor("thief", "t").await;
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let one = || vec![value("out", "rows", "7")];
    assert_eq!(bee.set_attributes(id, 1, one()).await.unwrap_err().reason(), Some("LEASE_LOST"), "it waits");
    let lease = colony.claim_one(&bee, "t").await;
    for (who, reason) in [(&thief, "LEASE_LOST"), (&user, "NOT_PERMITTED")] {
        assert_eq!(who.set_attributes(id, lease.attempt, one()).await.unwrap_err().reason(), Some(reason));
    }
    bee.set_attributes(id, lease.attempt, vec![value("out", "rows", "1"), value("env", "host", "hive")]).await.unwrap();
    // Of two in one call the later counts.
    bee.set_attributes(id, lease.attempt, vec![value("out", "rows", "6"), value("out", "rows", "7")]).await.unwrap();
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    assert_eq!(bee.set_attributes(id, lease.attempt, one()).await.unwrap_err().reason(), Some("LEASE_LOST"));
    let kept = reader.get_process(id).await.unwrap().attributes;
    let attribute = |kind: &str, key: &str, value: &str| v1::Attribute {
        kind: kind.into(),
        key: key.into(),
        value: value.into(),
        attempt: 1,
    };
    assert_eq!(kept, [attribute("env", "host", "hive"), attribute("out", "rows", "7")]);
}

async fn every_bound_is_refused_by_its_name(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    for (attributes, reason, word) in [
        (vec![], "INVALID", "`attributes`"),
        (vec![value("out", "k", "v"); 65], "INVALID", "`attributes`"),
        (vec![value("inout", "k", "v")], "INVALID", "`kind`"),
        (vec![value("out", "", "v")], "INVALID", "`key`"),
        (vec![value("out", &"\u{1f41d}".repeat(129), "v")], "INVALID", "`key`"),
        (vec![value("out", "k", &"v".repeat(4097))], "TOO_LARGE", "`value`"),
        (vec![value("out", "k\0", "v")], "INVALID", "NUL"),
    ] {
        let refused = bee.set_attributes(id, lease.attempt, attributes).await.unwrap_err();
        assert_eq!(refused.reason(), Some(reason), "{refused}");
        assert!(refused.to_string().contains(word), "{refused}");
    }
    let largest = vec![value("err", &"\u{1f41d}".repeat(128), &"v".repeat(4096))];
    bee.set_attributes(id, lease.attempt, largest).await.unwrap();
    for call in 0..4 {
        let many = (0..64).map(|number| value("out", &format!("{call}.{number}"), "v")).collect();
        let answer = bee.set_attributes(id, lease.attempt, many).await;
        match call {
            3 => assert!(answer.unwrap_err().to_string().contains("256 attributes")),
            _ => answer.unwrap(),
        }
    }
}
