//! `read_own` and `cancel_own`: a submitter's own processes, and nothing of any other.

use std::time::Duration;

use apiary_executor_sdk::{Client, v1};
use apiary_identity::{Envelope, GrantRight, Role};
use apiary_tests::TestColony;
use uuid::Uuid;

use super::callers::revocation;
use crate::processes::read::read;

on_each_store!(
    a_submitter_reads_its_own_processes,
    anothers_process_does_not_exist,
    a_list_holds_own_processes_alone,
    a_list_names_no_other_process_where_it_goes_on,
    a_watch_shows_own_processes_alone,
    a_submitter_cancels_its_own_processes_alone,
    an_explanation_names_no_other_process,
    an_explanation_shows_no_state_of_anothers_parent,
    filters_and_pages_tell_nothing_of_others,
    an_executor_owns_what_it_submits_and_not_what_it_runs,
    a_submitters_watches_end_with_its_grant,
    a_process_is_its_keys_under_every_grant,
);

async fn submitter(colony: &TestColony, name: &str) -> Client {
    colony.grant(name, Role::User, &["*"], &["*"], &[GrantRight::ReadOwn, GrantRight::CancelOwn]).await
}

async fn submit(client: &Client) -> Uuid {
    client.submit_json("t", "f", &1).await.unwrap().process_id
}

/// Makes every call that reads one process; returns the name of each, and the error.
async fn read_all(client: &Client, id: Uuid) -> Vec<(&'static str, Option<(String, String)>)> {
    let error =
        |error: apiary_executor_sdk::ClientError| (error.reason().unwrap_or_default().to_owned(), error.to_string());
    let logs = v1::ListLogsRequest { process_id: id.to_string(), ..Default::default() };
    let watch = |logs| v1::WatchRequest { process_id: id.to_string(), logs, ..Default::default() };
    vec![
        ("GetProcess", client.get_process(id).await.err().map(error)),
        ("Await", client.r#await(id, Duration::ZERO).await.err().map(error)),
        ("Explain", client.explain(id).await.err().map(error)),
        ("ListLogs", client.list_logs(logs.clone()).await.err().map(error)),
        ("ListLogs, last", client.list_logs(v1::ListLogsRequest { last: 1, ..logs.clone() }).await.err().map(error)),
        ("ListLogs, text", client.list_logs(v1::ListLogsRequest { text: "x".into(), ..logs }).await.err().map(error)),
        ("Watch", client.watch(watch(false)).await.err().map(error)),
        ("Watch, logs", client.watch(watch(true)).await.err().map(error)),
    ]
}

async fn a_submitter_reads_its_own_processes(colony: TestColony) {
    let (ada, bee) = (submitter(&colony, "ada").await, colony.executor("bee", "t").await);
    let id = submit(&ada).await;
    let lease = colony.claim_one(&bee, "t").await;
    let line = v1::NewLogLine { time_ms: 1, level: "info".into(), message: "here".into(), fields: String::new() };
    bee.add_logs(id, lease.attempt, vec![line]).await.unwrap();
    bee.complete(&colony.success("bee", &lease, b"2")).await.unwrap();
    for (call, error) in read_all(&ada, id).await {
        assert_eq!(error, None, "{call}");
    }
    // Payloads of one's own process need no further right.
    let shown = ada.get_process(id).await.unwrap();
    assert!(!shown.payload_hidden && shown.spec.is_some() && shown.attempts[0].result.is_some());
    let awaited = ada.r#await(id, Duration::ZERO).await.unwrap();
    assert!(!awaited.payload_hidden && awaited.attempt.unwrap().result.is_some());
    let logs = v1::ListLogsRequest { process_id: id.to_string(), text: "here".into(), ..Default::default() };
    assert_eq!(ada.list_logs(logs).await.unwrap().lines[0].message, "here");
    // The colony's log is not one's own.
    let refused = ada.list_logs(v1::ListLogsRequest::default()).await.unwrap_err();
    assert_eq!(refused.reason(), Some("INVALID"));
    assert!(refused.to_string().contains("name a process"), "{refused}");
}

async fn anothers_process_does_not_exist(colony: TestColony) {
    let (ada, eve) = (submitter(&colony, "ada").await, submitter(&colony, "eve").await);
    let bee = colony.executor("bee", "t").await;
    let (waiting, absent) = (submit(&ada).await, Uuid::now_v7());
    colony.claim_one(&bee, "t").await;
    for ((call, there), (_, nowhere)) in read_all(&eve, waiting).await.into_iter().zip(read_all(&eve, absent).await) {
        let (there, nowhere) = (there.unwrap(), nowhere.unwrap());
        assert_eq!(there.0, "NOT_FOUND", "{call}");
        // The text differs in the id that was asked for, and in nothing else.
        assert_eq!(there.1, nowhere.1.replace(&absent.to_string(), &waiting.to_string()), "{call}");
    }
    let [there, nowhere] = [waiting, absent].map(|id| eve.cancel(id, "mine", None));
    let (there, nowhere) = (there.await.unwrap_err(), nowhere.await.unwrap_err());
    assert_eq!(there.reason(), Some("NOT_FOUND"));
    assert_eq!(there.to_string(), nowhere.to_string().replace(&absent.to_string(), &waiting.to_string()));
}

async fn list(client: &Client, request: v1::ListProcessesRequest) -> v1::ListProcessesResponse {
    client.list_processes(request).await.unwrap()
}

async fn a_list_holds_own_processes_alone(colony: TestColony) {
    let (ada, eve) = (submitter(&colony, "ada").await, submitter(&colony, "eve").await);
    let mut own = Vec::new();
    for _ in 0..3 {
        own.push(submit(&ada).await.to_string());
        submit(&eve).await;
    }
    own.reverse();
    let all = v1::ListProcessesRequest::default;
    let ids = |page: &v1::ListProcessesResponse| -> Vec<String> {
        page.processes.iter().map(|process| process.process_id.clone()).collect()
    };
    assert_eq!(ids(&list(&ada, all()).await), own);
    // By a filter, also where few match, and in pages.
    let waiting = v1::ProcessFilter { states: vec![v1::ProcessState::Waiting.into()], ..Default::default() };
    assert_eq!(ids(&list(&ada, v1::ListProcessesRequest { filter: Some(waiting), ..all() }).await), own);
    let (mut paged, mut page_token) = (Vec::new(), String::new());
    loop {
        let page = list(&ada, v1::ListProcessesRequest { page_size: 2, page_token, ..all() }).await;
        paged.extend(ids(&page));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(paged, own);
    // The names of others are not confirmed by an error, either.
    for submitter in ["eve", "nobody"] {
        let filter = v1::ProcessFilter { submitter: submitter.into(), ..Default::default() };
        assert_eq!(ids(&list(&ada, v1::ListProcessesRequest { filter: Some(filter), ..all() }).await), [""; 0]);
    }
}

async fn a_list_names_no_other_process_where_it_goes_on(colony: TestColony) {
    let (ada, eve) = (submitter(&colony, "ada").await, submitter(&colony, "eve").await);
    let first = submit(&ada).await.to_string();
    let specs = || (0..1000).map(|_| Envelope::seal(&colony.key_of("eve"), &eve.spec("t", "f")).unwrap());
    let mut others = Vec::new();
    for _ in 0..3 {
        for answer in eve.submit_batch(&specs().collect::<Vec<_>>()).await.unwrap() {
            others.push(answer.process.unwrap().process_id);
        }
    }
    let page = list(&ada, v1::ListProcessesRequest::default()).await;
    assert!(page.processes.is_empty(), "a page reads a bounded number of processes");
    let token = page.next_page_token;
    assert!(!token.is_empty() && !others.iter().any(|id| token.contains(id.as_str())), "{token}");
    let mut page_token = token;
    let found = loop {
        let page = list(&ada, v1::ListProcessesRequest { page_token, ..Default::default() }).await;
        match page.processes.first() {
            Some(process) => break process.process_id.clone(),
            None => page_token = page.next_page_token,
        }
        assert!(!page_token.is_empty(), "the list ended without the process");
    };
    assert_eq!(found, first);
}

async fn a_watch_shows_own_processes_alone(colony: TestColony) {
    let (ada, eve) = (submitter(&colony, "ada").await, submitter(&colony, "eve").await);
    let everything = v1::WatchRequest { filter: Some(v1::ProcessFilter::default()), ..Default::default() };
    let mut watch = ada.watch(everything).await.unwrap();
    let theirs = submit(&eve).await;
    eve.cancel(theirs, "no use", None).await.unwrap();
    let own = submit(&ada).await;
    assert_eq!(watch.next().await.unwrap().unwrap().process_id, own.to_string());
}

async fn a_submitter_cancels_its_own_processes_alone(colony: TestColony) {
    let (ada, eve) = (submitter(&colony, "ada").await, submitter(&colony, "eve").await);
    let (own, theirs) = (submit(&ada).await, submit(&eve).await);
    assert_eq!(ada.cancel(own, "no use", None).await.unwrap().state(), v1::ProcessState::Cancelled);
    assert_eq!(ada.cancel(theirs, "no use", None).await.unwrap_err().reason(), Some("NOT_FOUND"));
    let state = apiary_tests::colony::state_of(&colony.reader().await, theirs).await;
    assert_eq!(state, v1::ProcessState::Waiting);
    // Not in bulk, where all that match would be meant.
    let order = v1::StartBulkRequest {
        bulk_id: Uuid::now_v7().to_string(),
        action: "cancel".into(),
        dry_run: true,
        ..Default::default()
    };
    assert_eq!(ada.start_bulk(order).await.unwrap_err().reason(), Some("NOT_PERMITTED"));
}

async fn an_explanation_names_no_other_process(colony: TestColony) {
    let (ada, eve) = (submitter(&colony, "ada").await, submitter(&colony, "eve").await);
    let bee = colony.executor("bee", "t").await;
    let limit = v1::Limit { kind: "function".into(), pattern: "f".into(), running_max: 2, ..Default::default() };
    colony.client(&colony.key).set_limit(limit).await.unwrap();
    let (own, theirs) = (submit(&ada).await, submit(&eve).await);
    for _ in 0..2 {
        colony.claim_one(&bee, "t").await;
    }
    let waiting = submit(&ada).await;
    let holders = async |client: &Client| {
        let explained = client.explain(waiting).await.unwrap();
        let full = explained.reasons.into_iter().find(|reason| reason.kind == "CONCURRENCY_LIMIT").unwrap();
        (full.used, full.process_ids)
    };
    let (used, mut all) = holders(&colony.reader().await).await;
    all.sort();
    let mut both = vec![own.to_string(), theirs.to_string()];
    both.sort();
    assert_eq!((used, all), (2, both));
    assert_eq!(holders(&ada).await, (2, vec![own.to_string()]));
}

async fn an_explanation_shows_no_state_of_anothers_parent(colony: TestColony) {
    let (ada, eve) = (submitter(&colony, "ada").await, submitter(&colony, "eve").await);
    let (own, theirs) = (submit(&ada).await, submit(&eve).await);
    let mut spec = ada.spec("t", "f");
    spec.parents = [own, theirs].into();
    let child = ada.submit(&spec).await.unwrap().process_id;
    let waits = async |client: &Client| {
        let explained = client.explain(child).await.unwrap();
        explained.reasons.into_iter().find(|reason| reason.kind == "WAITS_FOR_PARENTS").unwrap()
    };
    let said = waits(&ada).await;
    assert_eq!((said.process_ids, said.subjects), (vec![own.to_string()], vec!["waiting".to_owned()]));
    assert!(said.text.contains("2 parents to succeed") && said.text.contains("1 not shown"), "{}", said.text);
    assert!(!said.text.contains(&theirs.to_string()), "{}", said.text);
    let said = waits(&colony.reader().await).await;
    assert_eq!((said.process_ids.len(), said.text.contains("not shown")), (2, false), "{}", said.text);
}

async fn filters_and_pages_tell_nothing_of_others(colony: TestColony) {
    let (ada, eve) = (submitter(&colony, "ada").await, submitter(&colony, "eve").await);
    let mut spec = eve.spec("t", "payroll");
    spec.labels.insert("customer".into(), "4711".into());
    let theirs = eve.submit(&spec).await.unwrap().process_id;
    let own = submit(&ada).await;
    let label = |value: &str| v1::ProcessFilter {
        labels: [("customer".to_owned(), value.to_owned())].into(),
        ..Default::default()
    };
    let function = |name: &str| v1::ProcessFilter { function: name.into(), ..Default::default() };
    // What only others have is answered as what nobody has, with and without a bound on the page.
    for (there, nowhere) in [(label("4711"), label("none")), (function("payroll"), function("none"))] {
        for page_size in [0, 1] {
            let [there, nowhere] = [&there, &nowhere].map(|filter| v1::ListProcessesRequest {
                filter: Some(filter.clone()),
                page_size,
                ..Default::default()
            });
            assert_eq!(list(&ada, there).await, list(&ada, nowhere).await);
        }
    }
    // Over HTTP, too, others' processes are as absent as what never was.
    for page in ["", "/result"] {
        let (status, own) = read(&colony, &colony.key_of("ada"), &format!("/v1/processes/{own}{page}")).await;
        assert!(status.is_success() && own["payload_hidden"] == false, "{own}");
        let absent = Uuid::now_v7();
        let ask = async |id: Uuid| {
            let (status, answer) = read(&colony, &colony.key_of("ada"), &format!("/v1/processes/{id}{page}")).await;
            (status.as_u16(), answer.to_string().replace(&id.to_string(), "ID"))
        };
        let (there, nowhere) = (ask(theirs).await, ask(absent).await);
        assert_eq!((&there, there.0), (&nowhere, 404));
    }
    // The keys in use under a limit often name customers.
    let limit = v1::Limit { kind: "function".into(), pattern: "payroll".into(), running_max: 2, ..Default::default() };
    colony.client(&colony.key).set_limit(limit).await.unwrap();
    colony.claim_one(&colony.executor("bee", "t").await, "t").await;
    assert!(ada.list_limits().await.unwrap().iter().all(|limit| limit.uses.is_empty()));
    assert!(colony.reader().await.list_limits().await.unwrap().iter().any(|limit| !limit.uses.is_empty()));
}

async fn an_executor_owns_what_it_submits_and_not_what_it_runs(colony: TestColony) {
    let ada = submitter(&colony, "ada").await;
    let rights = [GrantRight::ReadOwn, GrantRight::CancelOwn];
    let bee = colony.grant("bee", Role::Executor, &["*"], &["t"], &rights).await;
    let ran = submit(&ada).await;
    colony.claim_one(&bee, "t").await;
    let child = submit(&bee).await;
    assert_eq!(bee.get_process(child).await.unwrap().process.unwrap().submitter, "bee");
    for error in [
        bee.get_process(ran).await.unwrap_err(),
        bee.cancel(ran, "mine", None).await.unwrap_err(),
        ada.get_process(child).await.unwrap_err(),
    ] {
        assert_eq!(error.reason(), Some("NOT_FOUND"));
    }
    let shown = list(&bee, v1::ListProcessesRequest::default()).await;
    assert_eq!(shown.processes.len(), 1);
    assert_eq!(bee.cancel(child, "no use", None).await.unwrap().state(), v1::ProcessState::Cancelled);
}

async fn a_submitters_watches_end_with_its_grant(colony: TestColony) {
    let (ada, eve) = (submitter(&colony, "ada").await, submitter(&colony, "eve").await);
    let (own, theirs) = (submit(&ada).await, submit(&eve).await);
    let by_filter = v1::WatchRequest { filter: Some(v1::ProcessFilter::default()), ..Default::default() };
    let of_one = v1::WatchRequest { process_id: own.to_string(), logs: true, ..Default::default() };
    let mut watches = vec![ada.watch(by_filter).await.unwrap(), ada.watch(of_one).await.unwrap()];
    let awaiting = tokio::spawn({
        let ada = ada.clone();
        async move { ada.r#await(own, Duration::from_secs(60)).await }
    });
    let of_others = v1::WatchRequest { process_id: theirs.to_string(), ..Default::default() };
    let mut others = eve.watch(of_others).await.unwrap();
    assert!(others.next().await.unwrap().is_ok());
    let revocation = Envelope::seal(&colony.key, &revocation(colony.key.id(), ada.id())).unwrap();
    colony.client(&colony.key).revoke_grant(&revocation).await.unwrap();
    assert_eq!(awaiting.await.unwrap().unwrap_err().reason(), Some("NOT_PERMITTED"));
    for watch in &mut watches {
        let ended = loop {
            match watch.next_sighting().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => break error,
                None => panic!("the watch ended without a reason"),
            }
        };
        assert_eq!(ended.reason(), Some("NOT_PERMITTED"));
    }
    eve.cancel(theirs, "no use", Some(Duration::ZERO)).await.unwrap();
    assert_eq!(others.next().await.unwrap().unwrap().state(), v1::ProcessState::Cancelled, "others watch on");
}

async fn a_process_is_its_keys_under_every_grant(colony: TestColony) {
    let (ada, key) = (colony.user("ada").await, colony.key_of("ada"));
    let id = submit(&ada).await;
    assert_eq!(ada.get_process(id).await.unwrap_err().reason(), Some("NOT_PERMITTED"));
    // A second grant of the same key: what it submitted under the first is its own.
    let own = colony.grant_document(&key, "ada", Role::User, &[], &[], &[GrantRight::ReadOwn]);
    colony.client(&colony.key).add_grant(&Envelope::seal(&colony.key, &own).unwrap()).await.unwrap();
    assert_eq!(ada.get_process(id).await.unwrap().process.unwrap().process_id, id.to_string());
    // A key of the same name is another key.
    let namesake = submitter(&colony, "ada").await;
    assert_eq!(namesake.get_process(id).await.unwrap_err().reason(), Some("NOT_FOUND"));
    // Of two grants, the one that permits more decides, in whatever order they came.
    let other = submit(&namesake).await;
    let all = colony.grant_document(&key, "ada", Role::User, &[], &[], &[GrantRight::Read]);
    colony.client(&colony.key).add_grant(&Envelope::seal(&colony.key, &all).unwrap()).await.unwrap();
    assert_eq!(ada.get_process(other).await.unwrap().process.unwrap().process_id, other.to_string());
}
