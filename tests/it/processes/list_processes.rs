//! `ListProcesses`: newest first, filtered, paged.

use std::collections::{BTreeMap, BTreeSet};

use apiary_executor_sdk::{Client, v1};
use apiary_tests::TestColony;

on_each_store!(
    filters_combine,
    names_and_spans_of_time_combine,
    pages_go_past_a_hundred,
    pages_are_stable_while_new_ones_come,
    a_page_of_big_labels_ends_where_an_answer_does,
    a_foreign_page_token_is_refused
);

async fn list(reader: &Client, filter: v1::ProcessFilter) -> Vec<String> {
    let request = v1::ListProcessesRequest { filter: Some(filter), ..Default::default() };
    let answer = reader.list_processes(request).await.unwrap();
    answer.processes.into_iter().map(|process| format!("{}/{}", process.executor_type, process.function)).collect()
}

// Cases 35, X20.
async fn filters_combine(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    for (executor_type, function, label) in [("a", "f", "x"), ("a", "g", "x"), ("b", "f", "x"), ("a", "f", "y")] {
        let mut spec = user.spec(executor_type, function);
        spec.labels.insert("tier".into(), label.into());
        user.submit(&spec).await.unwrap();
    }
    let bee = colony.executor("bee", "b").await;
    colony.claim_one(&bee, "b").await;
    let labels = |value: &str| BTreeMap::from([("tier".to_owned(), value.to_owned())]);
    let waiting = vec![v1::ProcessState::Waiting.into()];
    let all = list(&reader, v1::ProcessFilter::default()).await;
    assert_eq!(all, ["a/f", "b/f", "a/g", "a/f"], "newest first");
    let by_state = v1::ProcessFilter { states: waiting.clone(), ..Default::default() };
    assert_eq!(list(&reader, by_state).await, ["a/f", "a/g", "a/f"]);
    let combined = v1::ProcessFilter {
        states: waiting,
        executor_type: "a".into(),
        function: "f".into(),
        labels: labels("x"),
        ..Default::default()
    };
    assert_eq!(list(&reader, combined).await, ["a/f"]);
    let none = v1::ProcessFilter { labels: labels("z"), ..Default::default() };
    assert!(list(&reader, none).await.is_empty());
}

// Cases 35, 36.
async fn names_and_spans_of_time_combine(colony: TestColony) {
    let (ada, bob, reader) = (colony.user("ada").await, colony.user("bob").await, colony.reader().await);
    let bee = colony.executor("bee", "t").await;
    ada.submit_json("t", "one", &()).await.unwrap();
    bob.submit_json("t", "two", &()).await.unwrap();
    let lease = colony.claim_one(&bee, "t").await;
    let process = reader.get_process(lease.process_id.parse().unwrap()).await.unwrap().process.unwrap();
    let ms = process.submitted_at_ms;
    let by = |submitter: &str, executor: &str, submitted_from_ms, submitted_until_ms| v1::ProcessFilter {
        submitter: submitter.into(),
        executor: executor.into(),
        submitted_from_ms,
        submitted_until_ms,
        ..Default::default()
    };
    assert_eq!(list(&reader, by("ada", "", 0, 0)).await, ["t/one"]);
    assert_eq!(list(&reader, by("bob", "", 0, 0)).await, ["t/two"]);
    assert_eq!(list(&reader, by("", "bee", 0, 0)).await, ["t/one"]);
    assert!(list(&reader, by("bob", "bee", 0, 0)).await.is_empty());
    assert!(list(&reader, by("ada", "", 0, ms)).await.is_empty(), "before it is not at it");
    assert_eq!(list(&reader, by("ada", "bee", ms, ms + 1)).await, ["t/one"]);
    for filter in [by("nobody", "", 0, 0), by("", "nobody", 0, 0)] {
        let request = v1::ListProcessesRequest { filter: Some(filter), ..Default::default() };
        assert_eq!(reader.list_processes(request).await.unwrap_err().reason(), Some("NOT_FOUND"));
    }
    for filter in [by("", "", -1, 0), by("", "", 0, -1)] {
        let request = v1::ListProcessesRequest { filter: Some(filter), ..Default::default() };
        assert_eq!(reader.list_processes(request).await.unwrap_err().reason(), Some("INVALID"));
    }
}

// Case X20.
async fn pages_go_past_a_hundred(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    // Every third does not match: by its label, or by its type.
    let submits = (0..345).map(|number| {
        let mut spec = user.spec(if number % 6 == 0 { "u" } else { "t" }, "f");
        spec.labels.insert("tier".into(), if number % 6 == 3 { "lead" } else { "gold" }.into());
        let user = &user;
        async move { (number % 3 != 0).then_some(user.submit(&spec).await.unwrap().process_id.to_string()) }
    });
    let mut wanted: Vec<_> = futures::future::join_all(submits).await.into_iter().flatten().collect();
    let (mut seen, mut sizes, mut page_token) = (Vec::new(), Vec::new(), String::new());
    loop {
        let filter = v1::ProcessFilter {
            states: vec![v1::ProcessState::Waiting.into()],
            executor_type: "t".into(),
            labels: BTreeMap::from([("tier".to_owned(), "gold".to_owned())]),
            ..Default::default()
        };
        let request = v1::ListProcessesRequest { filter: Some(filter), page_size: 0, page_token };
        let page = reader.list_processes(request).await.unwrap();
        sizes.push(page.processes.len());
        seen.extend(page.processes.into_iter().map(|process| process.process_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(sizes, [100, 100, 30]);
    seen.sort();
    wanted.sort();
    assert_eq!(seen, wanted);
}

async fn pages_are_stable_while_new_ones_come(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let mut wanted = BTreeSet::new();
    for _ in 0..25 {
        wanted.insert(user.submit_json("t", "f", &()).await.unwrap().process_id.to_string());
    }
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListProcessesRequest { page_size: 10, page_token, ..Default::default() };
        let page = reader.list_processes(request).await.unwrap();
        seen.extend(page.processes.into_iter().map(|process| process.process_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
        user.submit_json("t", "f", &()).await.unwrap();
    }
    assert_eq!(seen.len(), 25, "no row twice, none left out");
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), wanted);
}

async fn a_page_of_big_labels_ends_where_an_answer_does(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    // The maximum number of labels of the maximum length: together more than the 16 MiB of a message.
    let labels: BTreeMap<_, _> = (0..64).map(|number| (format!("label-{number}"), "x".repeat(1024))).collect();
    let submits = (0..270).map(|_| {
        let mut spec = user.spec("t", "f");
        spec.labels.clone_from(&labels);
        let user = &user;
        async move { user.submit(&spec).await.unwrap() }
    });
    futures::future::join_all(submits).await;
    let (mut seen, mut page_token) = (BTreeSet::new(), String::new());
    loop {
        let request = v1::ListProcessesRequest { page_size: 1000, page_token, ..Default::default() };
        let page = reader.list_processes(request).await.unwrap();
        seen.extend(page.processes.into_iter().map(|process| process.process_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen.len(), 270);
}

// Case 35.
async fn a_foreign_page_token_is_refused(colony: TestColony) {
    let reader = colony.reader().await;
    for (page_size, page_token) in [(0, "x"), (0, "1.2"), (1001, ""), (-1, "")] {
        let request = v1::ListProcessesRequest { page_size, page_token: page_token.into(), ..Default::default() };
        assert_eq!(reader.list_processes(request).await.unwrap_err().reason(), Some("INVALID"));
    }
}
