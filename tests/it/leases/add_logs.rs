//! `AddLogs`: lines of a running attempt, by its lease's holder.

use apiary_executor_sdk::v1;
use apiary_tests::TestColony;

on_each_store!(
    only_the_holder_logs_and_only_while_it_runs,
    every_bound_is_refused_by_its_name,
    beyond_what_a_process_may_log_lines_are_dropped_and_counted
);

fn line(message: &str) -> v1::NewLogLine {
    v1::NewLogLine { time_ms: 1_800_000_000_000, level: "info".into(), message: message.into(), fields: String::new() }
}

// Case 33.
async fn only_the_holder_logs_and_only_while_it_runs(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let thief = colony.executor("thief", "t").await;
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let early = bee.add_logs(id, 1, vec![line("early")]).await.unwrap_err();
    assert_eq!(early.reason(), Some("LEASE_LOST"), "it waits");
    let lease = colony.claim_one(&bee, "t").await;
    for (who, reason) in [(&thief, "LEASE_LOST"), (&user, "NOT_PERMITTED")] {
        let refused = who.add_logs(id, lease.attempt, vec![line("no")]).await.unwrap_err();
        assert_eq!(refused.reason(), Some(reason));
    }
    assert_eq!(bee.add_logs(id, lease.attempt + 1, vec![line("no")]).await.unwrap_err().reason(), Some("LEASE_LOST"));
    assert_eq!(bee.add_logs(id, lease.attempt, vec![line("yes")]).await.unwrap().dropped, 0);
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    assert_eq!(bee.add_logs(id, lease.attempt, vec![line("late")]).await.unwrap_err().reason(), Some("LEASE_LOST"));
    let listed = reader.list_logs(v1::ListLogsRequest::default()).await.unwrap();
    assert_eq!(listed.lines.iter().map(|line| line.message.as_str()).collect::<Vec<_>>(), ["yes"]);
}

async fn every_bound_is_refused_by_its_name(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    let fields = |fields: &str| v1::NewLogLine { fields: fields.into(), ..line("x") };
    let long = "x".repeat(16_384);
    for (lines, reason, word) in [
        (vec![], "INVALID", "`lines`"),
        (vec![line("x"); 1001], "INVALID", "`lines`"),
        (vec![v1::NewLogLine { level: "shout".into(), ..line("x") }], "INVALID", "`level`"),
        (vec![v1::NewLogLine { time_ms: -1, ..line("x") }], "INVALID", "`time_ms`"),
        (vec![v1::NewLogLine { time_ms: i64::MAX, ..line("x") }], "INVALID", "`time_ms`"),
        (vec![line(&format!("{long}x"))], "TOO_LARGE", "`message`"),
        (vec![fields(&format!("{{\"a\":\"{long}\"}}"))], "TOO_LARGE", "`fields`"),
        (vec![fields("[1]")], "INVALID", "`fields`"),
        (vec![fields("{\"a\":")], "INVALID", "`fields`"),
        (vec![fields(&format!("{{\"a\":{}1{}}}", "[".repeat(2000), "]".repeat(2000)))], "INVALID", "`fields`"),
        (vec![line(&long); 257], "TOO_LARGE", "`lines`"),
    ] {
        let refused = bee.add_logs(id, lease.attempt, lines).await.unwrap_err();
        assert_eq!(refused.reason(), Some(reason), "{refused}");
        assert!(refused.to_string().contains(word), "{refused}");
    }
    let odd = vec![line("a\0b"), fields("{\"a\\u0000\":\"b\"}"), line(&long)];
    assert_eq!(bee.add_logs(id, lease.attempt, odd).await.unwrap().dropped, 0);
}

async fn beyond_what_a_process_may_log_lines_are_dropped_and_counted(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    for round in 0..11 {
        let answer = bee.add_logs(id, lease.attempt, vec![line("x"); 1000]).await.unwrap();
        assert_eq!(answer.dropped, if round < 10 { 0 } else { 1000 });
    }
}
