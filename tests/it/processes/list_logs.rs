//! `ListLogs`: by process, executor, time, level and text; in pages; never another colony's.

use apiary_executor_sdk::{Client, v1};
use apiary_identity::{Envelope, KeyPair, Role};
use apiary_tests::TestColony;

on_each_store!(
    lines_are_found_by_all_that_is_asked_for,
    pages_end_and_the_last_lines_come_in_order,
    every_bound_is_refused_by_its_name,
    lines_of_a_same_named_executor_of_another_colony_are_not_visible
);

const TIME_MS: i64 = 1_800_000_000_000;

fn line(level: &str, message: &str, time_ms: i64) -> v1::NewLogLine {
    v1::NewLogLine { time_ms, level: level.into(), message: message.into(), fields: "{\"n\":1}".into() }
}

async fn messages(reader: &Client, request: v1::ListLogsRequest) -> Vec<String> {
    reader.list_logs(request).await.unwrap().lines.into_iter().map(|line| line.message).collect()
}

// Case 33.
async fn lines_are_found_by_all_that_is_asked_for(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let mut ids = Vec::new();
    for name in ["one", "two"] {
        let bee = colony.executor(name, "t").await;
        let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
        let lease = colony.claim_one(&bee, "t").await;
        let lines = vec![
            line("info", &format!("{name} begins"), TIME_MS),
            line("warn", &format!("{name}: 100% of IT"), TIME_MS + 1),
        ];
        bee.add_logs(id, lease.attempt, lines).await.unwrap();
        ids.push(id.to_string());
    }
    let all = v1::ListLogsRequest::default;
    assert_eq!(messages(&reader, all()).await.len(), 4);
    let of_one = v1::ListLogsRequest { process_id: ids[0].clone(), ..all() };
    let lines = reader.list_logs(of_one.clone()).await.unwrap().lines;
    assert_eq!((lines.len(), lines[0].executor.as_str(), lines[0].fields.as_str()), (2, "one", "{\"n\":1}"));
    assert_eq!((lines[0].process_id.as_str(), lines[0].attempt, lines[0].time_ms), (ids[0].as_str(), 1, TIME_MS));
    assert_eq!(messages(&reader, v1::ListLogsRequest { executor: "two".into(), ..all() }).await.len(), 2);
    assert!(messages(&reader, v1::ListLogsRequest { executor: "two".into(), ..of_one.clone() }).await.is_empty());
    assert_eq!(messages(&reader, v1::ListLogsRequest { since_ms: TIME_MS + 1, ..all() }).await.len(), 2);
    assert_eq!(messages(&reader, v1::ListLogsRequest { level: "warn".into(), ..of_one }).await, ["one: 100% of IT"]);
    let text = |text: &str| v1::ListLogsRequest { text: text.into(), ..all() };
    assert_eq!(messages(&reader, text("0% of it")).await.len(), 2);
    assert!(messages(&reader, text("1%f")).await.is_empty(), "a percent sign means itself");
}

async fn pages_end_and_the_last_lines_come_in_order(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    let add = async |from: i64, to: i64| {
        let lines = (from..to).map(|number| line("info", &number.to_string(), TIME_MS)).collect();
        bee.add_logs(id, lease.attempt, lines).await.unwrap();
    };
    add(0, 130).await;
    let mut request = v1::ListLogsRequest { process_id: id.to_string(), page_size: 50, ..Default::default() };
    let mut seen = Vec::new();
    loop {
        let page = reader.list_logs(request.clone()).await.unwrap();
        seen.extend(page.lines.into_iter().map(|line| line.message));
        if seen.len() == 50 {
            add(130, 140).await;
        }
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, (0..140).map(|number| number.to_string()).collect::<Vec<_>>());
    let last = v1::ListLogsRequest { process_id: id.to_string(), last: 3, ..Default::default() };
    assert_eq!(messages(&reader, last).await, ["137", "138", "139"]);
}

async fn every_bound_is_refused_by_its_name(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let all = v1::ListLogsRequest::default;
    for (request, word) in [
        (v1::ListLogsRequest { process_id: "x".into(), ..all() }, "`process_id`"),
        (v1::ListLogsRequest { executor: "x".repeat(129), ..all() }, "`executor`"),
        (v1::ListLogsRequest { since_ms: -1, ..all() }, "`since_ms`"),
        (v1::ListLogsRequest { level: "loud".into(), ..all() }, "`level`"),
        (v1::ListLogsRequest { text: "x".repeat(257), ..all() }, "`text`"),
        (v1::ListLogsRequest { text: "\0".into(), ..all() }, "`text`"),
        (v1::ListLogsRequest { last: 1001, ..all() }, "`last`"),
        (v1::ListLogsRequest { last: -1, ..all() }, "`last`"),
        (v1::ListLogsRequest { last: 1, page_token: "1".into(), ..all() }, "`last`"),
        (v1::ListLogsRequest { page_size: 1001, ..all() }, "`page_size`"),
        (v1::ListLogsRequest { page_token: "x".into(), ..all() }, "`page_token`"),
    ] {
        let refused = reader.list_logs(request).await.unwrap_err();
        assert_eq!(refused.reason(), Some("INVALID"), "{refused}");
        assert!(refused.to_string().contains(word), "{refused}");
    }
    assert_eq!(user.list_logs(all()).await.unwrap_err().reason(), Some("NOT_PERMITTED"));
    let unknown = v1::ListLogsRequest { process_id: uuid::Uuid::now_v7().to_string(), ..all() };
    assert_eq!(reader.list_logs(unknown).await.unwrap_err().reason(), Some("NOT_FOUND"));
    let silent = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let silent = v1::ListLogsRequest { process_id: silent.to_string(), ..all() };
    assert!(messages(&reader, silent).await.is_empty());
}

// Case X16.
async fn lines_of_a_same_named_executor_of_another_colony_are_not_visible(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    bee.add_logs(id, lease.attempt, vec![line("info", "ours", TIME_MS)]).await.unwrap();

    let (other, theirs) = (KeyPair::generate(), KeyPair::generate());
    colony.client_for(other.id(), &colony.server_owner).create_colony("second").await.unwrap();
    let owner = colony.client_for(other.id(), &other);
    for (role, key) in [(Role::Executor, &theirs), (Role::User, &colony.key_of("ada"))] {
        let mut grant = colony.grant_document(key, "bee", role, &["*"], &["*"], &[]);
        grant.colony = other.id();
        owner.add_grant(&Envelope::seal(&other, &grant).unwrap()).await.unwrap();
    }
    let same_name = colony.client_for(other.id(), &theirs);
    let ada = colony.client_for(other.id(), &colony.key_of("ada"));
    let their_id = ada.submit_json("t", "f", &()).await.unwrap().process_id;
    let their_lease = colony.claim_one(&same_name, "t").await;
    same_name.add_logs(their_id, their_lease.attempt, vec![line("info", "theirs", TIME_MS)]).await.unwrap();
    // The other colony cannot write into this one's logs either.
    let refused = same_name.add_logs(id, lease.attempt, vec![line("info", "no", TIME_MS)]).await.unwrap_err();
    assert_eq!(refused.reason(), Some("LEASE_LOST"));

    let by_name = v1::ListLogsRequest { executor: "bee".into(), ..Default::default() };
    assert_eq!(messages(&reader, by_name.clone()).await, ["ours"]);
    assert_eq!(messages(&owner, by_name).await, ["theirs"]);
    let ours = v1::ListLogsRequest { process_id: id.to_string(), ..Default::default() };
    assert_eq!(owner.list_logs(ours).await.unwrap_err().reason(), Some("NOT_FOUND"));
}
