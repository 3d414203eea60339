//! `RegisterExecutor`: an executor's registration and its effects.

use std::time::Duration;

use apiary_executor_sdk::{CancellationToken, Executor, Failure, Work, v1};
use apiary_identity::{Content, Envelope, KeyPair, Revocation, Role};
use apiary_tests::colony::claim;
use apiary_tests::{TestColony, eventually};
use jiff::Timestamp;
use uuid::Uuid;

use super::{saying, state_of, states};

on_each_store!(
    an_executor_with_a_grant_is_approved_at_once,
    a_stranger_waits_for_approval_and_can_do_nothing_else,
    a_bee_without_a_grant_waits_and_works_once_approved,
    what_is_malformed_is_refused,
    a_grant_for_another_type_does_not_do,
    a_removed_executor_comes_back_with_a_new_key,
    arguments_that_no_executor_takes_are_refused_at_submit,
    a_broken_schema_is_refused_where_it_is_announced,
    a_bee_that_calls_itself_otherwise_than_its_grant_ends_and_names_both,
    what_a_grant_does_not_cover_is_announced_in_vain,
    what_a_stranger_announces_is_read_once_it_has_a_grant,
    a_bee_tells_a_broker_that_was_started_again,
);

const SCHEMA: &str = r#"{"type": "object", "properties": {"ms": {"type": "integer"}}, "required": ["ms"]}"#;

// Requirement R6.
async fn an_executor_with_a_grant_is_approved_at_once(colony: TestColony) {
    let (bee, reader) = (colony.executor("bee", "t").await, colony.reader().await);
    for version in ["1.2.3", "1.2.4"] {
        let request = v1::RegisterExecutorRequest { version: version.to_owned(), ..saying("wasp", &[("f", "{}")]) };
        let executor = bee.register_executor(request).await.unwrap();
        assert_eq!((executor.name.as_str(), executor.state.as_str()), ("bee", "idle"), "the grant's name counts");
        assert_eq!((executor.version.as_str(), executor.functions.len()), (version, 1));
        assert_eq!(executor.key_id, bee.id().to_string());
        assert!(executor.granted_until_ms > executor.registered_at_ms && executor.last_heard_ms > 0);
    }
    assert_eq!(states(&reader).await, [("bee".to_owned(), "idle".to_owned())], "said twice, there once");
}

// Cases 14, X22.
async fn a_stranger_waits_for_approval_and_can_do_nothing_else(colony: TestColony) {
    let key = KeyPair::generate();
    let (stranger, reader) = (colony.client(&key), colony.reader().await);
    let executor = stranger.register_executor(saying("newcomer", &[])).await.unwrap();
    assert_eq!((executor.state.as_str(), executor.granted_until_ms), ("pending", 0));
    let request = || v1::ClaimRequest { executor_type: "t".into(), ..Default::default() };
    let refusals = [
        stranger.claim(request()).await.map(drop),
        stranger.submit_json("t", "f", &()).await.map(drop),
        stranger.list_executors(v1::ListExecutorsRequest::default()).await.map(drop),
        stranger.list_functions(v1::ListFunctionsRequest::default()).await.map(drop),
        stranger.list_grants(v1::ListGrantsRequest::default()).await.map(drop),
        stranger.get_process(Uuid::now_v7()).await.map(drop),
        stranger.drain_executor("newcomer", true).await.map(drop),
        stranger.reject_executor(&key.id()).await.map(drop),
    ];
    for (number, refused) in refusals.into_iter().enumerate() {
        assert_eq!(refused.unwrap_err().reason(), Some("NOT_PERMITTED"), "call {number}");
    }
    // Adding a grant approves the executor.
    let grant = colony.grant_document(&key, "newcomer", Role::Executor, &["*"], &["t"], &[]);
    reader.add_grant(&Envelope::seal(&colony.key, &grant).unwrap()).await.unwrap();
    assert!(stranger.claim(request()).await.is_ok());
    assert_eq!(state_of(&reader, "newcomer").await.as_deref(), Some("idle"));
}

async fn a_bee_without_a_grant_waits_and_works_once_approved(colony: TestColony) {
    let key = KeyPair::generate();
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let stop = CancellationToken::new();
    let handler = |_: Work| async { Ok::<_, Failure>(()) };
    let builder = Executor::builder(colony.client(&key)).executor_type("t").name("newcomer").handle("f", handler);
    let running = tokio::spawn(builder.build().unwrap().run(stop.clone()));
    eventually("it waits for approval", async || {
        (state_of(&reader, "newcomer").await.as_deref() == Some("pending")).then_some(())
    })
    .await;
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let grant = colony.grant_document(&key, "newcomer", Role::Executor, &["*"], &["t"], &[]);
    reader.add_grant(&Envelope::seal(&colony.key, &grant).unwrap()).await.unwrap();
    eventually("it works", async || {
        (apiary_tests::colony::state_of(&reader, id).await == v1::ProcessState::Succeeded).then_some(())
    })
    .await;
    stop.cancel();
    running.await.unwrap().unwrap();
}

async fn what_is_malformed_is_refused(colony: TestColony) {
    let bee = colony.executor("bee", "t").await;
    let function = |name: &str| v1::AnnouncedFunction { name: name.to_owned(), ..Default::default() };
    let offer = v1::Offer { cpu: "lots".to_owned(), ..Default::default() };
    let wrong = [
        ("executor_type", v1::RegisterExecutorRequest { executor_type: String::new(), ..saying("bee", &[]) }),
        ("name", v1::RegisterExecutorRequest { name: "a b".to_owned(), ..saying("bee", &[]) }),
        ("version", v1::RegisterExecutorRequest { version: "x".repeat(129), ..saying("bee", &[]) }),
        ("slots", v1::RegisterExecutorRequest { slots: 1001, ..saying("bee", &[]) }),
        ("slots", v1::RegisterExecutorRequest { slots: -1, ..saying("bee", &[]) }),
        ("cpu", v1::RegisterExecutorRequest { offer: Some(offer), ..saying("bee", &[]) }),
        ("`f` twice", saying("bee", &[("f", ""), ("f", "")])),
        ("functions.name", saying("bee", &[("", "")])),
        (
            "257",
            v1::RegisterExecutorRequest {
                functions: (0..257).map(|number| function(&number.to_string())).collect(),
                ..saying("bee", &[])
            },
        ),
    ];
    for (named, request) in wrong {
        let refused = bee.register_executor(request).await.unwrap_err();
        assert_eq!(refused.reason(), Some("INVALID"), "{named}");
        assert!(refused.to_string().contains(named), "{refused}");
    }
    // A registration without a grant has small bounds.
    let big = "x".repeat(4096);
    let much = v1::RegisterExecutorRequest {
        functions: (0..20)
            .map(|number| v1::AnnouncedFunction { description: big.clone(), ..function(&number.to_string()) })
            .collect(),
        ..saying("bee", &[])
    };
    assert!(bee.register_executor(much.clone()).await.is_ok());
    let refused = colony.client(&KeyPair::generate()).register_executor(much).await.unwrap_err();
    assert_eq!(refused.reason(), Some("TOO_LARGE"));
}

async fn a_grant_for_another_type_does_not_do(colony: TestColony) {
    let bee = colony.executor("bee", "u").await;
    let refused = bee.register_executor(saying("bee", &[])).await.unwrap_err();
    assert_eq!(refused.reason(), Some("NOT_PERMITTED"));
    assert!(refused.to_string().contains("`t`"), "{refused}");
    let refused = colony.client(&colony.key).register_executor(saying("bee", &[])).await.unwrap_err();
    assert_eq!(refused.reason(), Some("NOT_PERMITTED"), "the colony's key is no executor's");
}

// Behaviour 73 of a tenant, as far as it is about executors.
async fn a_removed_executor_comes_back_with_a_new_key(colony: TestColony) {
    let (bee, reader) = (colony.executor("bee", "t").await, colony.reader().await);
    bee.register_executor(saying("bee", &[])).await.unwrap();
    let revocation = Revocation {
        colony: colony.key.id(),
        revocation_id: Uuid::new_v4(),
        grant_id: None,
        key: Some(bee.id()),
        from: Timestamp::UNIX_EPOCH,
        reason: None,
    };
    reader.revoke_grant(&Envelope::seal(&colony.key, &revocation).unwrap()).await.unwrap();
    assert_eq!(state_of(&reader, "bee").await.as_deref(), Some("removed"));
    let refused = bee.register_executor(saying("bee", &[])).await.unwrap_err();
    assert_eq!(refused.reason(), Some("NOT_PERMITTED"), "the key is dead");
    let key = KeyPair::generate();
    let again = colony.client(&key);
    assert_eq!(again.register_executor(saying("bee", &[])).await.unwrap().state, "pending");
    let grant = colony.grant_document(&key, "bee", Role::Executor, &["*"], &["t"], &[]);
    reader.add_grant(&Envelope::seal(&colony.key, &grant).unwrap()).await.unwrap();
    assert!(claim(&again, "t", 1, Duration::ZERO).await.is_empty());
    let old = bee.claim(v1::ClaimRequest { executor_type: "t".into(), ..Default::default() }).await.unwrap_err();
    assert_eq!(old.reason(), Some("NOT_PERMITTED"));
}

async fn arguments_that_no_executor_takes_are_refused_at_submit(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let nap = async |args: &serde_json::Value| user.submit_json("t", "sleep", args).await;
    let (good, bad) = (serde_json::json!({ "ms": 1 }), serde_json::json!({ "ms": "sesame" }));
    // No executor announces it yet: one may still come.
    nap(&bad).await.unwrap();
    bee.register_executor(saying("bee", &[("sleep", SCHEMA), ("other", "")])).await.unwrap();
    let refused = nap(&bad).await.unwrap_err();
    assert_eq!(refused.reason(), Some("ARGS_REFUSED"), "{refused}");
    let words = refused.to_string();
    assert!(words.contains("`args/ms`") && words.contains("function list") && !words.contains("sesame"), "{words}");
    assert!(nap(&serde_json::json!({})).await.unwrap_err().to_string().contains("\"ms\""));
    nap(&good).await.unwrap();
    // Announced without a schema, or not at all.
    for function in ["other", "unheard-of"] {
        user.submit_json("t", function, &bad).await.unwrap();
    }
    // A second executor accepts arguments that the first does not: one is enough.
    let second = colony.executor("second", "t").await;
    second
        .register_executor(saying("second", &[("sleep", r#"{"properties": {"ms": {"type": "string"}}}"#)]))
        .await
        .unwrap();
    nap(&bad).await.unwrap();
    // The same signed spec again has the same answer, whatever was announced meanwhile.
    let third = user.spec("t", "later").with_args(Content::from_bytes(b"7"));
    user.submit(&third).await.unwrap();
    bee.register_executor(saying("bee", &[("later", r#"{"type": "string"}"#)])).await.unwrap();
    assert!(user.submit(&third).await.unwrap().existed);
}

async fn a_broken_schema_is_refused_where_it_is_announced(colony: TestColony) {
    let bee = colony.executor("bee", "t").await;
    for (schema, place) in [
        ("{", "no JSON"),
        (r#"{"properties": {"ms": {"type": "number of things"}}}"#, "/properties/ms/type"),
        (r#"{"$ref": "https://example.com/schema.json"}"#, "nothing is fetched"),
        (r##"{"$ref": "#"}"##, "refer to itself"),
    ] {
        let refused = bee.register_executor(saying("bee", &[("sleep", schema)])).await.unwrap_err();
        assert_eq!(refused.reason(), Some("INVALID"), "{schema}");
        assert!(refused.to_string().contains("`sleep`") && refused.to_string().contains(place), "{refused}");
    }
}

async fn a_bee_that_calls_itself_otherwise_than_its_grant_ends_and_names_both(colony: TestColony) {
    let bee = colony.executor("bee", "t").await;
    let handler = |_: Work| async { Ok::<_, Failure>(()) };
    let executor = Executor::builder(bee).executor_type("t").name("wasp").handle("f", handler).build().unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(60), Box::pin(executor.run(CancellationToken::new())))
        .await
        .expect("it ends by itself");
    let words = ended.unwrap_err().to_string();
    assert!(words.contains("`wasp`") && words.contains("`bee`"), "{words}");
}

async fn what_a_grant_does_not_cover_is_announced_in_vain(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let bee = colony.grant("bee", Role::Executor, &["stripe.event"], &["t"], &[]).await;
    let nothing = r#"{"not": {}}"#;
    bee.register_executor(saying("bee", &[("billing.charge", nothing), ("stripe.event", nothing)])).await.unwrap();
    let refused = user.submit_json("t", "stripe.event", &()).await.unwrap_err();
    assert_eq!(refused.reason(), Some("ARGS_REFUSED"), "what it may do counts");
    user.submit_json("t", "billing.charge", &()).await.unwrap();
    let listed = reader.list_functions(v1::ListFunctionsRequest::default()).await.unwrap();
    let names: Vec<_> = listed.into_iter().filter_map(|one| Some(one.function?.name)).collect();
    assert_eq!(names, ["stripe.event"]);
}

async fn what_a_stranger_announces_is_read_once_it_has_a_grant(colony: TestColony) {
    let (user, key) = (colony.user("ada").await, KeyPair::generate());
    let stranger = colony.client(&key);
    // Stored unchecked: an invalid schema is found only when it is used.
    stranger.register_executor(saying("newcomer", &[("sleep", SCHEMA), ("broken", "{")])).await.unwrap();
    user.submit_json("t", "sleep", &()).await.unwrap();
    let grant = colony.grant_document(&key, "newcomer", Role::Executor, &["*"], &["t"], &[]);
    user.add_grant(&Envelope::seal(&colony.key, &grant).unwrap()).await.unwrap();
    eventually("its schema holds", async || {
        let refused = user.submit_json("t", "sleep", &()).await.err()?;
        (refused.reason() == Some("ARGS_REFUSED")).then_some(())
    })
    .await;
    user.submit_json("t", "broken", &()).await.unwrap();
    let refused = stranger.register_executor(saying("newcomer", &[("broken", "{")])).await.unwrap_err();
    assert_eq!(refused.reason(), Some("INVALID"), "with a grant it is told");
    let patterns: Vec<String> = (0..129).map(|number| format!(r#"{{"pattern": "{number}"}}"#)).collect();
    let names: Vec<String> = (0..129).map(|number| format!("f{number}")).collect();
    let functions: Vec<_> = names.iter().zip(&patterns).map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let refused = stranger.register_executor(saying("newcomer", &functions)).await.unwrap_err();
    assert_eq!(refused.reason(), Some("INVALID"));
    assert!(refused.to_string().contains("129 patterns"), "{refused}");
}

async fn a_bee_tells_a_broker_that_was_started_again(mut colony: TestColony) {
    let bee = colony.executor("bee", "t").await;
    let reader = colony.reader().await;
    let stop = CancellationToken::new();
    let handler = |_: Work| async { Ok::<_, Failure>(()) };
    let builder = Executor::builder(bee).executor_type("t").slots(9).version("7").handle("f", handler);
    let running = tokio::spawn(builder.function("f", "does it", SCHEMA).build().unwrap().run(stop.clone()));
    let registered = async |reader: &apiary_executor_sdk::Client| {
        let page = reader.list_executors(v1::ListExecutorsRequest::default()).await.ok()?;
        let one = page.executors.into_iter().next()?;
        (one.version == "7" && one.slots == 9 && one.functions[0].args_schema == SCHEMA).then_some(one.registered_at_ms)
    };
    let first = eventually("it says what it is", async || registered(&reader).await).await;
    colony.stop().await;
    colony.start_again().await;
    eventually("it says so again", async || registered(&reader).await.filter(|again| *again > first)).await;
    stop.cancel();
    running.await.unwrap().unwrap();
}
