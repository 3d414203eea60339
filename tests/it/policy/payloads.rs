//! `view_payloads`: without it, a reader sees that a process is there, and not what is in it.

use std::time::Duration;

use apiary_executor_sdk::{Client, ClientError, Sighting, Watch, v1};
use apiary_identity::{Content, Envelope, GrantRight, OutcomeKind, Role};
use apiary_tests::TestColony;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value, json};
use uuid::Uuid;

use super::callers::revocation;
use crate::processes::read::read;

on_each_store!(
    a_reader_sees_the_process_and_not_its_payloads,
    log_lines_are_shown_without_their_text,
    whoever_ran_it_sees_what_it_ran,
    payloads_are_hidden_over_http,
    no_other_right_shows_a_payload,
    both_rights_stand_in_one_grant,
    a_watch_hides_what_the_rest_of_its_grants_hide,
);

/// A word that only payloads have.
const SECRET: &str = "4711-secret";

/// Runs a process whose payloads all hold the secret.
async fn run(colony: &TestColony, user: &Client, bee: &Client) -> Uuid {
    let mut spec = user.spec("t", "f").with_args(Content::from_bytes(SECRET.as_bytes()));
    spec.env.insert("TOKEN".into(), SECRET.into());
    let id = user.submit(&spec).await.unwrap().process_id;
    let lease = colony.claim_one(bee, "t").await;
    let progress =
        colony.progress(&lease, 1).with_message("half").with_checkpoint(Content::from_bytes(SECRET.as_bytes()));
    bee.report(&Envelope::seal(&colony.key_of("bee"), &progress).unwrap()).await.unwrap();
    let line = |message: &str| v1::NewLogLine {
        time_ms: 1,
        level: "info".into(),
        message: message.into(),
        fields: json!({ "token": SECRET }).to_string(),
    };
    bee.add_logs(id, lease.attempt, vec![line(SECRET), line("plain")]).await.unwrap();
    let attribute = v1::NewAttribute { kind: "out".into(), key: "token".into(), value: SECRET.into() };
    bee.set_attributes(id, lease.attempt, vec![attribute]).await.unwrap();
    bee.complete(&colony.success("bee", &lease, SECRET.as_bytes())).await.unwrap();
    id
}

async fn looker(colony: &TestColony) -> Client {
    colony.grant("looker", Role::User, &[], &[], &[GrantRight::Read]).await
}

async fn a_reader_sees_the_process_and_not_its_payloads(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let (looker, reader) = (looker(&colony).await, colony.reader().await);
    let id = run(&colony, &user, &bee).await;
    let hidden = looker.get_process(id).await.unwrap();
    assert!(hidden.payload_hidden && hidden.spec.is_none() && hidden.attempts[0].result.is_none());
    assert!(hidden.progress.is_none() && hidden.attributes.is_empty());
    // What is no payload is shown, and the grants are, so that they can be checked.
    let process = hidden.process.clone().unwrap();
    assert_eq!((process.function.as_str(), process.state()), ("f", v1::ProcessState::Succeeded));
    assert!(hidden.submitter_grant.is_some() && hidden.attempts[0].executor_grant.is_some());
    assert!(!format!("{hidden:?}").contains(SECRET));
    let awaited = looker.r#await(id, Duration::ZERO).await.unwrap();
    assert!(awaited.payload_hidden && awaited.attempt.unwrap().result.is_none());
    for client in [&reader, &colony.client(&colony.key)] {
        let shown = client.get_process(id).await.unwrap();
        assert!(!shown.payload_hidden && shown.spec.is_some() && shown.attempts[0].result.is_some());
        assert!(shown.progress.is_some() && shown.attributes[0].value == SECRET);
        assert!(!client.r#await(id, Duration::ZERO).await.unwrap().payload_hidden);
    }
}

async fn log_lines_are_shown_without_their_text(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let looker = looker(&colony).await;
    let id = run(&colony, &user, &bee).await;
    let of_process = v1::ListLogsRequest { process_id: id.to_string(), ..Default::default() };
    for request in
        [of_process.clone(), v1::ListLogsRequest::default(), v1::ListLogsRequest { last: 5, ..Default::default() }]
    {
        let lines = looker.list_logs(request.clone()).await.unwrap().lines;
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| line.payload_hidden && line.message.is_empty() && line.fields.is_empty()));
        assert_eq!((lines[0].level.as_str(), lines[0].executor.as_str()), ("info", "bee"));
        // Whether a text occurs would say what the text is.
        let searching = v1::ListLogsRequest { text: SECRET.into(), ..request };
        assert_eq!(looker.list_logs(searching).await.unwrap_err().reason(), Some("NOT_PERMITTED"));
    }
    // Lines of one's own processes are shown among the others.
    let rights = [GrantRight::Read];
    let eve = colony.grant("eve", Role::User, &["*"], &["*"], &rights).await;
    let own = run(&colony, &eve, &bee).await.to_string();
    let lines = eve.list_logs(v1::ListLogsRequest::default()).await.unwrap().lines;
    assert_eq!(lines.len(), 4);
    assert!(lines.iter().all(|line| line.payload_hidden == (line.process_id != own)), "{lines:?}");
    // A watch hides them, too.
    let running = user.submit_json("t", "f", &1).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    let request = v1::WatchRequest { process_id: running.to_string(), logs: true, ..Default::default() };
    let mut watch = looker.watch(request).await.unwrap();
    let line = v1::NewLogLine { time_ms: 1, level: "warn".into(), message: SECRET.into(), fields: String::new() };
    bee.add_logs(running, lease.attempt, vec![line]).await.unwrap();
    let told = loop {
        if let Sighting::Logs(lines) = watch.next_sighting().await.unwrap().unwrap() {
            break lines;
        }
    };
    assert!(told[0].payload_hidden && told[0].message.is_empty() && told[0].level == "warn", "{told:?}");
}

async fn whoever_ran_it_sees_what_it_ran(colony: TestColony) {
    let user = colony.user("ada").await;
    let bee = colony.grant("bee", Role::Executor, &["*"], &["t"], &[GrantRight::Read]).await;
    let id = run(&colony, &user, &bee).await;
    let shown = bee.get_process(id).await.unwrap();
    assert!(!shown.payload_hidden && shown.spec.is_some());
    let request = v1::ListLogsRequest { process_id: id.to_string(), text: SECRET.into(), ..Default::default() };
    assert_eq!(bee.list_logs(request).await.unwrap().lines[0].message, SECRET);
    let waiting = user.submit_json("t", "f", &1).await.unwrap().process_id;
    assert!(bee.get_process(waiting).await.unwrap().payload_hidden, "what it has not claimed is not its own");
}

async fn payloads_are_hidden_over_http(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    looker(&colony).await;
    colony.reader().await;
    let id = run(&colony, &user, &bee).await;
    for (name, is_hidden) in [("looker", true), ("reader", false)] {
        let key = colony.key_of(name);
        let (_, process) = read(&colony, &key, &format!("/v1/processes/{id}")).await;
        assert_eq!(
            (&process["payload_hidden"], process["spec"].is_null()),
            (&json!(is_hidden), is_hidden),
            "{process}"
        );
        let (_, result) = read(&colony, &key, &format!("/v1/processes/{id}/result")).await;
        assert_eq!((&result["payload_hidden"], &result["state"]), (&json!(is_hidden), &json!("succeeded")), "{result}");
        assert_eq!(result["result"] == Value::Null, is_hidden, "{result}");
    }
}

async fn no_other_right_shows_a_payload(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let rights: Vec<_> = GrantRight::ALL.into_iter().filter(|right| *right != GrantRight::ViewPayloads).collect();
    let all = colony.grant("all", Role::User, &["*"], &["*"], &rights).await;
    let everything = v1::WatchRequest { filter: Some(v1::ProcessFilter::default()), ..Default::default() };
    let mut watch = all.watch(everything).await.unwrap();
    let id = run(&colony, &user, &bee).await;
    // One that failed, and one that runs and has left progress and lines.
    let mut spec = user.spec("t", "f").with_args(Content::from_bytes(SECRET.as_bytes()));
    spec.labels.insert("customer".into(), "seen".into());
    let failed = user.submit(&spec).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    let progress = colony.progress(&lease, 1).with_checkpoint(Content::from_bytes(SECRET.as_bytes()));
    bee.report(&Envelope::seal(&colony.key_of("bee"), &progress).unwrap()).await.unwrap();
    let line = v1::NewLogLine { time_ms: 1, level: "info".into(), message: SECRET.into(), fields: String::new() };
    bee.add_logs(failed, lease.attempt, vec![line]).await.unwrap();
    let attribute = v1::NewAttribute { kind: "out".into(), key: SECRET.into(), value: "1".into() };
    bee.set_attributes(failed, lease.attempt, vec![attribute]).await.unwrap();
    let mut said = Vec::new();
    let mut note = |call: &'static str, answer: String| said.push((call, answer));
    note("GetProcess", format!("{:?}", all.get_process(failed).await.unwrap()));
    bee.fail(&colony.failure("bee", &lease, OutcomeKind::FailedFinal, "no such account")).await.unwrap();
    for id in [id, failed] {
        note("GetProcess", format!("{:?}", all.get_process(id).await.unwrap()));
        note("Await", format!("{:?}", all.r#await(id, Duration::ZERO).await.unwrap()));
        note("Explain", format!("{:?}", all.explain(id).await.unwrap()));
        let of_process = v1::ListLogsRequest { process_id: id.to_string(), ..Default::default() };
        note("ListLogs", format!("{:?}", all.list_logs(of_process).await.unwrap()));
        for page in ["", "/result"] {
            let page = format!("/v1/processes/{id}{page}");
            note("page", read(&colony, &colony.key_of("all"), &page).await.1.to_string());
        }
    }
    note("ListLogs", format!("{:?}", all.list_logs(v1::ListLogsRequest::default()).await.unwrap()));
    note("ListProcesses", format!("{:?}", all.list_processes(v1::ListProcessesRequest::default()).await.unwrap()));
    note("Redrive", format!("{:?}", all.redrive(failed).await.unwrap()));
    note("Cancel", format!("{:?}", all.cancel(failed, "no use", None).await.unwrap()));
    let seen = loop {
        let process = watch.next().await.unwrap().unwrap();
        note("Watch", format!("{process:?}"));
        if process.process_id == failed.to_string() && process.state() == v1::ProcessState::Cancelled {
            break process;
        }
    };
    // Names are shown, and so is the reason of a failure: no operator can work without them.
    assert_eq!(seen.labels["customer"], "seen");
    let shown = all.get_process(failed).await.unwrap();
    assert_eq!(shown.attempts[0].reason, "no such account");
    note("ListEvents", format!("{:?}", all.list_events(v1::ListEventsRequest::default()).await.unwrap()));
    note("ListExecutors", format!("{:?}", all.list_executors(v1::ListExecutorsRequest::default()).await.unwrap()));
    // Bytes are printed as numbers, text as it is.
    let bytes = format!("{:?}", SECRET.as_bytes());
    let forms = [SECRET.to_owned(), bytes.trim_matches(['[', ']']).to_owned(), STANDARD_NO_PAD.encode(SECRET)];
    let leak = |answer: &str| forms.iter().find(|form| answer.contains(*form)).cloned();
    for (call, answer) in said {
        assert_eq!(leak(&answer), None, "{call}: {answer}");
    }
    let shown = format!("{:?}", colony.reader().await.get_process(failed).await.unwrap());
    assert!(leak(&shown).is_some(), "with the right, it is seen: {shown}");
}

async fn both_rights_stand_in_one_grant(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let (looker, key) = (looker(&colony).await, colony.key_of("looker"));
    let id = run(&colony, &user, &bee).await;
    let owner = colony.client(&colony.key);
    let add = async |rights: &[GrantRight]| {
        let grant = colony.grant_document(&key, "looker", Role::User, &[], &[], rights);
        owner.add_grant(&Envelope::seal(&colony.key, &grant).unwrap()).await.unwrap();
    };
    add(&[GrantRight::ViewPayloads]).await;
    assert!(looker.get_process(id).await.unwrap().payload_hidden);
    add(&[GrantRight::Read, GrantRight::ViewPayloads]).await;
    assert!(!looker.get_process(id).await.unwrap().payload_hidden);
}

async fn a_watch_hides_what_the_rest_of_its_grants_hide(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let (looker, key) = (looker(&colony).await, colony.key_of("looker"));
    let owner = colony.client(&colony.key);
    let wider =
        colony.grant_document(&key, "looker", Role::User, &[], &[], &[GrantRight::Read, GrantRight::ViewPayloads]);
    owner.add_grant(&Envelope::seal(&colony.key, &wider).unwrap()).await.unwrap();
    let id = user.submit_json("t", "f", &1).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    let log = async || {
        let line = v1::NewLogLine { time_ms: 1, level: "info".into(), message: SECRET.into(), fields: String::new() };
        bee.add_logs(id, lease.attempt, vec![line]).await.unwrap();
    };
    let request = || v1::WatchRequest { process_id: id.to_string(), logs: true, ..Default::default() };
    let mut watch = looker.watch(request()).await.unwrap();
    log().await;
    assert_eq!(next_line(&mut watch).await.unwrap().message, SECRET);
    // The grant with the payloads ends: so does the watch that it decided, although another grant may read.
    let mut revocation = revocation(colony.key.id(), key.id());
    (revocation.key, revocation.grant_id) = (None, Some(wider.grant_id));
    owner.revoke_grant(&Envelope::seal(&colony.key, &revocation).unwrap()).await.unwrap();
    assert_eq!(next_line(&mut watch).await.unwrap_err().reason(), Some("NOT_PERMITTED"));
    let mut watch = looker.watch(request()).await.unwrap();
    log().await;
    let line = next_line(&mut watch).await.unwrap();
    assert!(line.payload_hidden && line.message.is_empty(), "{line:?}");
}

/// Returns the next log line of a watch, or its end.
async fn next_line(watch: &mut Watch) -> Result<v1::LogLine, ClientError> {
    loop {
        if let Sighting::Logs(mut lines) = watch.next_sighting().await.expect("it ends with a reason")? {
            return Ok(lines.remove(0));
        }
    }
}
