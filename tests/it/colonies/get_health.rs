//! `GetHealth`: conditions that need attention.

use std::time::Duration;

use apiary_executor_sdk::{Client, v1};
use apiary_identity::{Clock as _, Envelope, Grant, KeyPair, OutcomeKind, Revocation, Role, SystemClock};
use apiary_tests::colony::claim;
use apiary_tests::{Backend, TestColony, eventually};
use jiff::SignedDuration;
use uuid::Uuid;

on_each_store!(
    a_quiet_colony_is_healthy,
    what_needs_attention_is_listed,
    conditions_of_the_broker_itself_are_listed_until_they_end,
    what_ended_badly_is_told_until_it_is_redriven_or_given_up,
    processes_that_outstay_their_retention_are_told_with_the_hold_that_keeps_them,
    work_that_waits_for_its_surroundings_is_told_with_the_cause_until_it_goes_on,
    a_grant_that_ends_soon_is_told_until_another_goes_on_in_its_place,
    of_many_grants_that_end_soon_the_first_are_told_and_the_others_counted,
    only_readers_ask
);

mod quick_sqlite {
    #[tokio::test(flavor = "multi_thread")]
    async fn work_that_nobody_listens_for_is_reported_after_a_while() {
        super::work_that_nobody_listens_for_is_reported_after_a_while(apiary_tests::Backend::sqlite().await).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn work_that_nobody_who_listens_can_take_is_reported_with_the_reason() {
        super::work_that_nobody_who_listens_can_take_is_reported_with_the_reason(apiary_tests::Backend::sqlite().await)
            .await;
    }
}

mod quick_postgres {
    #[tokio::test(flavor = "multi_thread")]
    async fn work_that_nobody_listens_for_is_reported_after_a_while() {
        super::work_that_nobody_listens_for_is_reported_after_a_while(apiary_tests::Backend::postgres().await).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn work_that_nobody_who_listens_can_take_is_reported_with_the_reason() {
        super::work_that_nobody_who_listens_can_take_is_reported_with_the_reason(
            apiary_tests::Backend::postgres().await,
        )
        .await;
    }
}

async fn kinds(reader: &Client) -> Vec<String> {
    reader.get_health().await.unwrap().findings.into_iter().map(|finding| finding.kind).collect()
}

async fn a_quiet_colony_is_healthy(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    claim(&bee, "t", 1, Duration::ZERO).await;
    user.submit_json("t", "f", &()).await.unwrap();
    let health = reader.get_health().await.unwrap();
    assert!(health.healthy && health.findings.is_empty(), "{health:?}");
    let waiting: Vec<_> =
        health.waiting.iter().map(|one| (one.executor_type.as_str(), one.count, one.is_least)).collect();
    assert_eq!(waiting, [("t", 1, false)]);
    assert!(health.waiting[0].since_ms > 0);
}

async fn what_needs_attention_is_listed(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    user.submit_json("t", "f", &()).await.unwrap();
    let lease = colony.claim_one(&bee, "t").await;
    bee.fail(&colony.failure("bee", &lease, OutcomeKind::Refused, "not what was signed")).await.unwrap();
    let mut child = user.spec("t", "f");
    child.parents.insert(lease.process_id.parse().unwrap());
    user.submit(&child).await.unwrap();
    let pause = v1::PauseRequest { kind: "function".into(), name: "g".into(), reason: "a fault".into() };
    colony.client(&colony.key).pause(pause).await.unwrap();
    let stranger = colony.client(&apiary_identity::KeyPair::generate());
    let request = v1::RegisterExecutorRequest { executor_type: "t".into(), name: "new".into(), ..Default::default() };
    stranger.register_executor(request).await.unwrap();
    let health = reader.get_health().await.unwrap();
    assert!(!health.healthy);
    assert_eq!(kinds(&reader).await, ["DEAD_LETTERS", "PARENT_FAILED", "PAUSED", "EXECUTOR_PENDING"]);
    assert_eq!(health.findings[0].count, 1);
    assert!(health.findings[1].text.contains("1 other waits for it") && health.findings[1].subject == lease.process_id);
    assert!(health.findings[2].text.contains("by colony since") && health.findings[2].subject == "g");
}

async fn conditions_of_the_broker_itself_are_listed_until_they_end(colony: TestColony) {
    let reader = colony.reader().await;
    let notices = colony.supervisor().notices();
    notices.raise("CERTIFICATE_EXPIRES", "broker.pem", "it ends tomorrow: renew it");
    notices.raise("CERTIFICATE_EXPIRES", "broker.pem", "it ends today: renew it");
    let health = reader.get_health().await.unwrap();
    assert!(!health.healthy);
    let finding = &health.findings[0];
    assert_eq!((finding.kind.as_str(), finding.subject.as_str()), ("CERTIFICATE_EXPIRES", "broker.pem"));
    assert_eq!((finding.text.as_str(), finding.count), ("it ends today: renew it", 2));
    assert!(finding.since_ms > 0);
    notices.resolve("CERTIFICATE_EXPIRES", "broker.pem");
    assert!(reader.get_health().await.unwrap().healthy);
}

async fn finding(reader: &Client, kind: &str) -> Option<v1::HealthFinding> {
    reader.get_health().await.unwrap().findings.into_iter().find(|finding| finding.kind == kind)
}

async fn processes_that_outstay_their_retention_are_told_with_the_hold_that_keeps_them(mut colony: TestColony) {
    colony.retention.succeeded = Some(Duration::from_secs(1));
    colony.stop().await;
    let hold = "INSERT INTO retention_holds (colony, name, from_ms) SELECT key, 'archive', 0 FROM colonies";
    colony.backend.execute(hold).await;
    colony.start_again().await;
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    for _ in 0..2 {
        user.submit_json("t", "f", &()).await.unwrap();
        let lease = colony.claim_one(&bee, "t").await;
        bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    }
    assert_eq!(finding(&reader, "RETENTION_LAGS").await, None);
    colony.backend.execute("UPDATE finished SET finished_at_ms = finished_at_ms - 3600000").await;
    let found = finding(&reader, "RETENTION_LAGS").await.unwrap();
    assert_eq!((found.subject.as_str(), found.count), ("archive", 2));
    for words in ["2 processes are", "`succeeded`", "1h", "the hold `archive` keeps"] {
        assert!(found.text.contains(words), "{words}: {}", found.text);
    }
    colony.backend.execute("DELETE FROM retention_holds").await;
    eventually("they leave", async || finding(&reader, "RETENTION_LAGS").await.is_none().then_some(())).await;
    assert_eq!(colony.backend.number("SELECT count(*) FROM finished").await, 0);
}

async fn what_ended_badly_is_told_until_it_is_redriven_or_given_up(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    let mut ids = Vec::new();
    for words in ["no such customer", "the amount is no number"] {
        ids.push(user.submit_json("t", "pay", &()).await.unwrap().process_id);
        let lease = colony.claim_one(&bee, "t").await;
        bee.fail(&colony.failure("bee", &lease, OutcomeKind::FailedFinal, words)).await.unwrap();
    }
    let found = finding(&ops, "DEAD_LETTERS").await.unwrap();
    assert_eq!(found.count, 2);
    assert!(found.since_ms > 0);
    for words in ["2 dead letters", &ids[1].to_string(), "`pay`", "the amount is no number", "list --state dead_letter"]
    {
        assert!(found.text.contains(words), "{words}: {}", found.text);
    }
    let mut late = user.spec("nobody", "f");
    late.max_wait_ms = 1;
    let late = user.submit(&late).await.unwrap().process_id;
    let found = eventually("it is told that nobody took it", async || finding(&ops, "FAILED").await).await;
    assert_eq!(found.count, 1);
    assert!(found.text.contains(&late.to_string()) && found.text.contains("max_wait"), "{}", found.text);
    let other = Envelope::seal(&colony.key_of("ada"), &user.spec("u", "f")).unwrap();
    ops.redrive_as_envelope(late, &other).await.unwrap();
    ops.discard(ids[0], "no use").await.unwrap();
    ops.redrive(ids[1]).await.unwrap();
    assert_eq!(kinds(&ops).await, Vec::<String>::new());
}

async fn work_that_waits_for_its_surroundings_is_told_with_the_cause_until_it_goes_on(colony: TestColony) {
    const HOUR: Duration = Duration::from_secs(3600);
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    let words = "Supabase answered 402: the project is over its quota; pay its bill";
    let mut ids = Vec::new();
    for _ in 0..3 {
        let lease = {
            user.submit_json("t", "f", &()).await.unwrap();
            colony.claim_one(&bee, "t").await
        };
        let id = lease.process_id.parse().unwrap();
        match ids.len() {
            0 => bee.release_because(id, lease.attempt, HOUR, "too early").await.unwrap(),
            _ => bee.release_to_wait(id, lease.attempt, HOUR, "supabase-quota", words).await.unwrap(),
        }
        ids.push(id);
    }
    let found = finding(&ops, "WAITS_ON_SURROUNDINGS").await.unwrap();
    assert_eq!(
        (found.subject.as_str(), found.count),
        ("supabase-quota", 2),
        "who only comes too early waits for nobody"
    );
    assert!(found.text.contains(words), "{}", found.text);
    assert_eq!(kinds(&ops).await, ["WAITS_ON_SURROUNDINGS"]);
    let reason = ops.explain(ids[1]).await.unwrap().reasons.remove(0);
    assert!(reason.kind == "WAITS_ON_SURROUNDINGS" && reason.text.contains(words), "{reason:?}");
    let reason = ops.explain(ids[0]).await.unwrap().reasons.remove(0);
    assert!(reason.kind == "SNOOZED" && reason.text.contains("too early"), "{reason:?}");
    let shown = ops.get_process(ids[1]).await.unwrap();
    assert_eq!(shown.process.unwrap().blocked_cause, "surroundings");
    assert_eq!(shown.attempts.last().unwrap().outcome, "surroundings");

    // The problem still lasts: the wait counts from its first start, and no retry is spent.
    for id in &ids[1..] {
        ops.retry(*id).await.unwrap();
        let lease = colony.claim_one(&bee, "t").await;
        assert_eq!((lease.attempt, lease.retries_left), (2, 3));
        bee.release_to_wait(*id, lease.attempt, HOUR, "supabase-quota", words).await.unwrap();
    }
    let again = finding(&ops, "WAITS_ON_SURROUNDINGS").await.unwrap();
    assert_eq!((again.count, again.since_ms), (2, found.since_ms));
    for id in &ids[1..] {
        ops.retry(*id).await.unwrap();
        let lease = colony.claim_one(&bee, "t").await;
        bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    }
    assert_eq!(kinds(&ops).await, Vec::<String>::new());
    let lease = {
        user.submit_json("t", "f", &()).await.unwrap();
        colony.claim_one(&bee, "t").await
    };
    let id = lease.process_id.parse().unwrap();
    for (delay, words) in [(Duration::ZERO, "away"), (HOUR, "")] {
        let refused = bee.release_to_wait(id, lease.attempt, delay, "away", words).await.unwrap_err();
        assert_eq!(refused.reason(), Some("INVALID"), "it says for how long, and why");
    }
}

async fn work_that_nobody_who_listens_can_take_is_reported_with_the_reason(backend: Backend) {
    let quick = |config: &mut apiary_broker::Config| config.executors.unattended_after = Duration::from_millis(200);
    let colony = TestColony::start_tuned(backend, quick).await;
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let narrow = colony.grant("narrow", Role::Executor, &["stripe.event"], &["finance"], &[]).await;
    let wide = colony.executor("wide", "render").await;
    for (bee, executor_type, name) in [(&narrow, "finance", "narrow"), (&wide, "render", "wide")] {
        let function = if name == "narrow" { "stripe.event" } else { "still" };
        bee.register_executor(v1::RegisterExecutorRequest {
            executor_type: executor_type.into(),
            name: name.into(),
            functions: vec![v1::AnnouncedFunction { name: function.into(), ..Default::default() }],
            ..Default::default()
        })
        .await
        .unwrap();
        claim(bee, executor_type, 1, Duration::ZERO).await;
    }
    user.submit_json("finance", "strpe.event", &()).await.unwrap();
    user.submit_json("finance", "strpe.event", &()).await.unwrap();
    user.submit_json("render", "stil", &()).await.unwrap();
    let mut large = user.spec("render", "still");
    large.requires.tags.insert("cuda".into());
    user.submit(&large).await.unwrap();
    let mut named = user.spec("render", "still");
    named.executor_names = vec!["nobody".into()];
    user.submit(&named).await.unwrap();
    user.submit_json("render", "still", &()).await.unwrap();
    let findings = eventually("all is reported", async || {
        let findings = reader.get_health().await.unwrap().findings;
        (findings.len() >= 4).then_some(findings)
    })
    .await;
    let mut found: Vec<_> = findings.iter().map(|one| (one.kind.as_str(), one.subject.as_str(), one.count)).collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("FUNCTION_NOT_GRANTED", "strpe.event", 2),
            ("FUNCTION_UNKNOWN", "stil", 1),
            ("NAMED_EXECUTOR_UNKNOWN", "still", 1),
            ("REQUIREMENTS_UNMET", "still", 1),
        ]
    );
    let text = |kind: &str| &findings.iter().find(|one| one.kind == kind).unwrap().text;
    assert!(text("FUNCTION_NOT_GRANTED").contains("2 processes waiting for `strpe.event`"));
    assert!(text("FUNCTION_NOT_GRANTED").contains("is `stripe.event` meant?"));
    assert!(text("FUNCTION_UNKNOWN").contains("is `still` meant?"));
    assert!(text("REQUIREMENTS_UNMET").contains("cuda"));
}

async fn work_that_nobody_listens_for_is_reported_after_a_while(backend: Backend) {
    let quick = |config: &mut apiary_broker::Config| config.executors.unattended_after = Duration::from_millis(200);
    let colony = TestColony::start_tuned(backend, quick).await;
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    user.submit_json("t", "f", &()).await.unwrap();
    user.submit_json("t", "f", &()).await.unwrap();
    let finding = eventually("it is reported", async || {
        let findings = reader.get_health().await.unwrap().findings;
        findings.into_iter().find(|finding| finding.kind == "UNATTENDED_TYPE")
    })
    .await;
    assert_eq!((finding.subject.as_str(), finding.count), ("t", 2));
    // An executor comes: the condition ends, although the second process still waits.
    claim(&bee, "t", 1, Duration::ZERO).await;
    eventually("it is over", async || kinds(&reader).await.is_empty().then_some(())).await;
}

/// Builds a grant of a user or executor `bee` for all work that ends after this many days, not yet delivered.
fn grant_for(colony: &TestColony, key: &KeyPair, role: Role, days: i64) -> Grant {
    let mut grant = colony.grant_document(key, "bee", role, &["*"], &["t"], &[]);
    grant.valid_until = SystemClock.now() + SignedDuration::from_hours(24 * days);
    grant
}

async fn add(colony: &TestColony, grant: &Grant) {
    colony.client(&colony.key).add_grant(&Envelope::seal(&colony.key, grant).unwrap()).await.unwrap();
}

async fn a_grant_that_ends_soon_is_told_until_another_goes_on_in_its_place(colony: TestColony) {
    let (reader, key) = (colony.reader().await, KeyPair::generate());
    let mut over = grant_for(&colony, &key, Role::Executor, 5);
    over.valid_until = SystemClock.now() - SignedDuration::from_secs(1);
    let mut later = grant_for(&colony, &KeyPair::generate(), Role::User, 20);
    later.valid_from = SystemClock.now() + SignedDuration::from_hours(24);
    let lasting = grant_for(&colony, &KeyPair::generate(), Role::User, 31);
    for grant in [&over, &later, &lasting] {
        add(&colony, grant).await;
    }
    assert_eq!(kinds(&reader).await, Vec::<String>::new(), "over, not yet in force, and far from its end");

    let first = grant_for(&colony, &key, Role::Executor, 5);
    add(&colony, &first).await;
    let health = reader.get_health().await.unwrap();
    assert!(!health.healthy);
    let [found] = health.findings.as_slice() else { panic!("{health:?}") };
    assert_eq!((found.kind.as_str(), found.subject.as_str(), found.count), ("GRANTS_END", "bee", 1));
    let (until, key_id, grant_id) = (first.valid_until, key.id().to_string(), first.grant_id.to_string());
    for words in ["executor `bee`", &format!("{until:.0}"), "apiary grant add", &key_id, "grant revoke", &grant_id] {
        assert!(found.text.contains(words), "{words}: {}", found.text);
    }

    // None of these grants the same rights for longer.
    let mut narrower = grant_for(&colony, &key, Role::Executor, 90);
    narrower.scopes.functions = vec!["f".to_owned()];
    let mut after_a_gap = grant_for(&colony, &key, Role::Executor, 90);
    after_a_gap.valid_from = first.valid_until + SignedDuration::from_hours(10 * 24);
    let other_role = grant_for(&colony, &key, Role::User, 90);
    let other_key = grant_for(&colony, &KeyPair::generate(), Role::Executor, 90);
    for grant in [&narrower, &after_a_gap, &other_role, &other_key] {
        add(&colony, grant).await;
        assert_eq!(kinds(&reader).await, ["GRANTS_END"], "{grant:?}");
    }

    // The next grant may end soon, too: then that one is reported.
    let next = grant_for(&colony, &key, Role::Executor, 10);
    add(&colony, &next).await;
    let found = finding(&reader, "GRANTS_END").await.unwrap();
    assert!(found.text.contains(&next.grant_id.to_string()), "{}", found.text);
    let last = grant_for(&colony, &key, Role::Executor, 90);
    add(&colony, &last).await;
    assert_eq!(kinds(&reader).await, Vec::<String>::new());
    let revoke = |grant_id| Revocation {
        colony: colony.key.id(),
        revocation_id: Uuid::new_v4(),
        grant_id: Some(grant_id),
        key: None,
        from: SystemClock.now(),
        reason: None,
    };
    for (grant, then) in [(&last, vec!["GRANTS_END"]), (&next, vec!["GRANTS_END"]), (&first, Vec::new())] {
        let revocation = Envelope::seal(&colony.key, &revoke(grant.grant_id)).unwrap();
        colony.client(&colony.key).revoke_grant(&revocation).await.unwrap();
        assert_eq!(kinds(&reader).await, then);
    }
}

async fn of_many_grants_that_end_soon_the_first_are_told_and_the_others_counted(colony: TestColony) {
    let reader = colony.reader().await;
    for days in (3..16).rev() {
        add(&colony, &grant_for(&colony, &KeyPair::generate(), Role::User, days)).await;
    }
    let found = reader.get_health().await.unwrap().findings;
    assert_eq!(found.iter().map(|one| one.count).collect::<Vec<_>>(), [[1; 10].as_slice(), &[3]].concat());
    assert!(found.iter().all(|one| one.kind == "GRANTS_END"), "{found:?}");
    assert!(found[0].text.contains("ends in 3 days") && found[10].text.starts_with("3 more grants end"), "{found:?}");
}

async fn only_readers_ask(colony: TestColony) {
    let user = colony.user("ada").await;
    assert_eq!(user.get_health().await.unwrap_err().reason(), Some("NOT_PERMITTED"));
}
