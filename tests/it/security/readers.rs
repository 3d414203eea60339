//! The right to read: callers without it learn nothing, not even whether something exists.

use apiary_executor_sdk::{Client, ClientError, v1};
use apiary_identity::{Clock as _, Envelope, GrantRight, KeyPair, Role, SystemClock};
use apiary_tests::TestColony;
use jiff::SignedDuration;
use uuid::Uuid;

on_each_store!(whoever_lacks_the_right_reads_nothing, an_executor_whose_grant_is_over_claims_nothing);

/// Makes every call that reads, one after the other.
async fn read_all(client: &Client, process_id: Uuid) -> [Result<(), ClientError>; 6] {
    let one = v1::WatchRequest { process_id: process_id.to_string(), ..Default::default() };
    let all = v1::WatchRequest { filter: Some(v1::ProcessFilter::default()), ..Default::default() };
    [
        client.get_process(process_id).await.map(drop),
        client.list_processes(v1::ListProcessesRequest::default()).await.map(drop),
        client.watch(one).await.map(drop),
        client.watch(all).await.map(drop),
        client.list_grants(v1::ListGrantsRequest::default()).await.map(drop),
        client.get_colony().await.map(drop),
    ]
}

/// Adds a grant for all work with the right to read, valid from and until these hours from now.
async fn valid(colony: &TestColony, name: &str, role: Role, hours: [i64; 2]) -> Client {
    let key = KeyPair::generate();
    let mut grant = colony.grant_document(&key, name, role, &["*"], &["*"], &[GrantRight::Read]);
    [grant.valid_from, grant.valid_until] = hours.map(|hours| SystemClock.now() + SignedDuration::from_hours(hours));
    colony.client(&colony.key).add_grant(&Envelope::seal(&colony.key, &grant).unwrap()).await.unwrap();
    colony.client(&key)
}

// Cases X13, X22, X23.
async fn whoever_lacks_the_right_reads_nothing(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    colony.claim_one(&bee, "t").await;
    let nobody = [
        ("a stranger", colony.client(&KeyPair::generate())),
        ("the server's owner", colony.client(&colony.server_owner)),
        ("whoever submitted it", user),
        ("whoever runs it", bee),
        ("a reader of yesterday", valid(&colony, "past", Role::User, [-2, -1]).await),
        ("an executor of yesterday", valid(&colony, "retired", Role::Executor, [-2, -1]).await),
        ("a reader of tomorrow", valid(&colony, "future", Role::User, [1, 2]).await),
    ];
    for (who, client) in &nobody {
        for (call, answer) in read_all(client, id).await.into_iter().enumerate() {
            assert_eq!(answer.unwrap_err().reason(), Some("NOT_PERMITTED"), "{who}, call {call}");
        }
        // Unknown ids are refused with the same text.
        let there = client.get_process(id).await.unwrap_err().to_string();
        let absent = client.get_process(Uuid::now_v7()).await.unwrap_err().to_string();
        assert_eq!(there, absent, "{who}");
    }
    for answer in read_all(&colony.reader().await, id).await {
        answer.unwrap();
    }
}

// Cases 14, X22.
async fn an_executor_whose_grant_is_over_claims_nothing(colony: TestColony) {
    let user = colony.user("ada").await;
    user.submit_json("t", "f", &()).await.unwrap();
    for (name, hours) in [("past", [-2, -1]), ("future", [1, 2])] {
        let bee = valid(&colony, name, Role::Executor, hours).await;
        let refused = bee.claim(v1::ClaimRequest { executor_type: "t".into(), ..Default::default() }).await;
        assert_eq!(refused.unwrap_err().reason(), Some("NOT_PERMITTED"), "{name}");
    }
}
