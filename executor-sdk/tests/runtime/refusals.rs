//! Work that must not reach a handler, and the reports to the broker about it.

use apiary_executor_sdk::guard::Guard;
use apiary_executor_sdk::testing::eventually;
use apiary_executor_sdk::{ExecutorBuilder, v1};
use apiary_identity::{Envelope, KeyPair, Outcome, OutcomeKind};
use bytes::Bytes;

use crate::scene::{Running, Scene, grant};

/// Hands out a lease, and returns the only outcome, which must not come from the handler.
async fn refusal_of(scene: &Scene, lease: v1::Lease) -> Outcome {
    refusal_by(scene, scene.executor(), lease).await
}

async fn refusal_by(scene: &Scene, executor: ExecutorBuilder, lease: v1::Lease) -> Outcome {
    scene.fake.hand_out(lease);
    let handler = |_| async { Ok("the handler saw it") };
    let executor = executor.handle("f", handler).build().unwrap_or_else(|error| unreachable!("{error}"));
    let running = Running::new(executor);
    eventually("a result", async || !scene.fake.state().results.is_empty()).await;
    running.stop().await;
    assert_eq!(scene.fake.state().results[0].0, "Fail");
    scene.fake.outcomes().remove(0)
}

fn assert_refused(outcome: &Outcome, words: &str) {
    assert_eq!(outcome.outcome, OutcomeKind::Refused);
    let failure = outcome.failure.clone().unwrap_or_default();
    assert!(failure.contains(words), "{failure}");
}

#[tokio::test]
async fn an_altered_spec_is_refused_by_the_digest_of_what_came() {
    let scene = Scene::new();
    let spec = scene.spec("f", r#"{"amount":1}"#);
    let mut lease = scene.lease(&spec);
    let altered = lease.spec.as_mut().unwrap();
    altered.payload = String::from_utf8(altered.payload.to_vec()).unwrap().replace(":1}", ":9}").into();
    let mut received = Envelope::seal(&scene.submitter, &spec).unwrap();
    assert_ne!(altered.payload, received.payload);
    received.payload = altered.payload.clone();
    let outcome = refusal_of(&scene, lease).await;
    assert_refused(&outcome, "spec: the signature is not by");
    assert_eq!((outcome.process_id, outcome.attempt), (spec.process_id, 1));
    assert_eq!(outcome.spec_digest, received.digest());
}

#[tokio::test]
async fn what_is_no_envelope_is_refused_in_the_leases_name() {
    type Break = fn(&mut v1::Lease);
    let broken: [(&str, Break); 5] = [
        ("spec: the broker sent none", |lease| lease.spec = None),
        ("grant: the broker sent none", |lease| lease.submitter_grant = None),
        ("this one has 63", |lease| lease.spec.as_mut().unwrap().signature.truncate(63)),
        ("key id", |lease| lease.spec.as_mut().unwrap().key_id = "ed25519:nobody".to_owned()),
        ("grant: the signature", |lease| lease.submitter_grant.as_mut().unwrap().payload = Bytes::from_static(b"{}")),
    ];
    for (words, break_it) in broken {
        let scene = Scene::new();
        let spec = scene.spec("f", "1");
        let mut lease = scene.lease(&spec);
        break_it(&mut lease);
        let outcome = refusal_of(&scene, lease).await;
        assert_refused(&outcome, words);
        assert_eq!(outcome.process_id, spec.process_id);
    }
}

#[tokio::test]
async fn a_grant_by_another_than_the_pinned_colony_is_refused() {
    let mut scene = Scene::new();
    let mallory = KeyPair::generate();
    scene.grant = grant(&scene.colony, &mallory, &scene.submitter, "*");
    let lease = scene.lease(&scene.spec("f", "1"));
    assert_refused(&refusal_of(&scene, lease).await, "not by the colony");
}

#[tokio::test]
async fn a_spec_by_another_than_the_granted_key_is_refused() {
    let mut scene = Scene::new();
    scene.submitter = KeyPair::generate();
    let lease = scene.lease(&scene.spec("f", "1"));
    assert_refused(&refusal_of(&scene, lease).await, "and the grant is for");
}

#[tokio::test]
async fn a_function_beyond_the_submitters_scopes_is_refused() {
    let mut scene = Scene::new();
    scene.grant = grant(&scene.colony, &scene.colony, &scene.submitter, "other");
    let lease = scene.lease(&scene.spec("f", "1"));
    assert_refused(&refusal_of(&scene, lease).await, "does not cover function `f`");
}

#[tokio::test]
async fn a_spec_handed_out_as_another_process_is_refused_as_that_one() {
    let scene = Scene::new();
    let (wanted, signed) = (scene.spec("f", "1"), scene.spec("f", "2"));
    let lease = v1::Lease { process_id: wanted.process_id.to_string(), ..scene.lease(&signed) };
    let outcome = refusal_of(&scene, lease).await;
    assert_refused(&outcome, "handed out as");
    assert_eq!(outcome.process_id, wanted.process_id);
}

#[tokio::test]
async fn work_for_another_executor_type_is_refused() {
    let scene = Scene::new();
    let mut spec = scene.spec("f", "1");
    spec.executor_type = "vault".to_owned();
    assert_refused(&refusal_of(&scene, scene.lease(&spec)).await, "signed for executor type `vault`");
}

#[tokio::test]
async fn work_aimed_at_names_is_done_by_those_names_only() {
    for (own_name, words) in [(None, "does not know its own name"), (Some("mallory"), "handed to `mallory`")] {
        let scene = Scene::new();
        let mut spec = scene.spec("f", "1");
        spec.executor_names = vec!["alice".to_owned(), "bob".to_owned()];
        let executor = own_name.map_or(scene.executor(), |name| scene.executor().name(name));
        assert_refused(&refusal_by(&scene, executor, scene.lease(&spec)).await, words);
    }
    let scene = Scene::new();
    let mut spec = scene.spec("f", "1");
    spec.executor_names = vec!["alice".to_owned(), "bob".to_owned()];
    scene.fake.hand_out(scene.lease(&spec));
    let running = Running::new(scene.executor().name("bob").handle("f", |_| async { Ok(()) }).build().unwrap());
    eventually("a result", async || !scene.fake.state().results.is_empty()).await;
    running.stop().await;
    assert_eq!(scene.fake.outcomes()[0].outcome, OutcomeKind::Succeeded);
}

#[tokio::test]
async fn a_function_without_a_handler_fails_for_good() {
    let scene = Scene::new();
    let lease = scene.lease(&scene.spec("g", "1"));
    let outcome = refusal_of(&scene, lease).await;
    assert_eq!(outcome.outcome, OutcomeKind::FailedFinal);
    assert!(outcome.failure.unwrap().contains("no handler for function `g`"));
}

#[tokio::test]
async fn arguments_that_do_not_fit_fail_for_good() {
    let scene = Scene::new();
    scene.hand_out("f", r#"{"name":7}"#);
    let greet = |name: String, _| async move { Ok(name) };
    let running = Running::new(scene.executor().handle_json("f", greet).build().unwrap());
    eventually("a result", async || !scene.fake.state().results.is_empty()).await;
    running.stop().await;
    let outcome = scene.fake.outcomes().remove(0);
    assert_eq!(outcome.outcome, OutcomeKind::FailedFinal);
    assert!(outcome.failure.unwrap().contains("the arguments of `f` do not fit"));
}

#[tokio::test]
async fn what_the_guard_refuses_is_refused_counted_and_not_repeated() {
    let scene = Scene::new();
    let rule = br#"[{"name":"calm","executor_type":"test","function":"f","deny":[{"field":"/text","pattern":"!$"}]}]"#;
    let guard = Guard::empty().with_json(rule).unwrap();
    let refusals = guard.refusals();
    let executor = scene.executor().guard(guard);
    let lease = scene.lease(&scene.spec("f", r#"{"text":"open sesame!"}"#));
    let outcome = refusal_by(&scene, executor, lease).await;
    assert_eq!(outcome.outcome, OutcomeKind::Refused);
    assert_eq!(outcome.failure.as_deref(), Some("guard: rule `calm`: field `/text` (denied: deny[0])"));
    assert_eq!(refusals.by_rule().into_iter().collect::<Vec<_>>(), [("calm".to_owned(), 1)]);
}

#[tokio::test]
async fn a_broken_chain_is_refused_before_the_guard_looks() {
    let mut scene = Scene::new();
    scene.submitter = KeyPair::generate();
    let guard = Guard::empty();
    let guard =
        guard.with_json(br#"[{"name":"never","executor_type":"*","function":"*","schema":{"not":{}}}]"#).unwrap();
    let refusals = guard.refusals();
    let executor = scene.executor().guard(guard);
    let lease = scene.lease(&scene.spec("f", "1"));
    assert_refused(&refusal_by(&scene, executor, lease).await, "and the grant is for");
    assert_eq!(refusals.total(), 0);
}
