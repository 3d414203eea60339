//! Rows of somebody who may insert rows, and should be able to do nothing else.

use apiary_adapters::OutboxConfig;
use apiary_identity::{Envelope, Role};
use apiary_tests::eventually_within;

use super::scene::{PATIENCE, Scene, allowed, run};

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_must_not_be_submitted_are_refused_with_a_reason_and_hold_up_nobody() {
    let scene = Scene::new().await;
    // The adapter's key may submit more for `t` than its rows may ask for, and nothing for `u`.
    let functions = allowed(&["t/mail.*", "u/mail.send"]);
    let adapter = scene.adapter_with(OutboxConfig { functions, ..scene.config() }).await;
    let mut owner = scene.connect().await;
    run(
        &mut owner,
        "alter table apiary.outbox drop constraint outbox_args_have_up_to_1_mib,
             drop constraint outbox_key_has_1_to_512_bytes, drop constraint outbox_priority_is_up_to_50000,
             drop constraint outbox_function_has_1_to_128_characters;
         insert into apiary.outbox (function, executor_type, args, key, priority) values
             ('stripe.event', null, '{}', null, 0),
             ('mail.send', 'finance', '{}', null, 0),
             ('mail.send', 'u', '{}', null, 0),
             (E'mail.\\x1b[31m\\n', null, '{}', null, 0),
             (repeat('mail.x', 1000000), null, '{}', null, 0),
             ('mail.long', null, to_jsonb(repeat('x', 2000000)), null, 0),
             ('mail.key', null, '{}', repeat('k', 5000), 0),
             ('mail.first', null, '{}', null, 2000000000),
             ('mail.good', null, '{}', null, 0)",
    )
    .await;
    scene.wait_for_submitted(1).await;
    eventually_within(PATIENCE, "the others are refused", async || {
        (scene.count("problem is not null").await == 8).then_some(())
    })
    .await;
    let problems = scene.problems().await;
    for (problem, words) in problems.iter().zip([
        "allows no \"stripe.event\"",
        "allows no \"finance/mail.send\"",
        "no grant of this adapter covers `mail.send` for `u`",
        "function",
        "function",
        "the most is 1048576",
        "key",
        "priority",
    ]) {
        assert!(problem.contains(words), "{words}: {problem}");
        assert!(problem.len() <= 1100 && !problem.contains(['\u{1b}', '\n']), "{problem:?}");
    }
    assert_eq!(scene.functions().await, ["mail.good"]);
    let notice = adapter.notice("OUTBOX_ROWS_REFUSED").await;
    assert!(notice.contains("stripe.event") && notice.contains("set problem = null"), "{notice}");

    // The grant is added, and the row tried again; the rest is removed.
    let key = scene.colony.key_of("adapter");
    let grant = scene.colony.grant_document(&key, "more", Role::User, &["mail.send"], &["u"], &[]);
    let owner_client = scene.colony.client(&scene.colony.key);
    owner_client.add_grant(&Envelope::seal(&scene.colony.key, &grant).unwrap()).await.unwrap();
    run(
        &mut owner,
        "update apiary.outbox set problem = null where executor_type = 'u';
         delete from apiary.outbox where problem is not null",
    )
    .await;
    scene.wait_for_submitted(2).await;
    adapter.wait_until_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_a_row_does_not_take_the_place_of_a_webhooks_event() {
    let scene = Scene::new().await;
    let _adapter = scene.adapter().await;
    let key = "stripe:live::evt_1";
    let insert = format!("insert into apiary.outbox (function, key) values ('stripe.event', '{key}')");
    scene.database.execute(&insert).await;
    scene.wait_for_submitted(1).await;
    let mut event = scene.client.spec("t", "stripe.event");
    event.idempotency_key = Some(key.to_owned());
    assert!(!scene.client.submit(&event).await.unwrap().existed);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_enqueue_could_not_accept_fail_the_users_own_statement() {
    let scene = Scene::new().await;
    let mut user = scene.connect().await;
    for (call, constraint) in [
        ("apiary.enqueue('')", "outbox_function_has_1_to_128_characters"),
        ("apiary.enqueue(null)", "\"function\""),
        ("apiary.enqueue('f', key => '')", "outbox_key_has_1_to_512_bytes"),
        ("apiary.enqueue('f', priority => 50001)", "outbox_priority_is_up_to_50000"),
        ("apiary.enqueue('f', to_jsonb(repeat('x', 1048577)))", "outbox_args_have_up_to_1_mib"),
        ("apiary.enqueue('f', executor_type => '')", "outbox_executor_type_has_1_to_128_characters"),
    ] {
        let sql = format!("SELECT {call}");
        let answer = sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut user).await;
        let told = answer.unwrap_err().to_string();
        assert!(told.contains(constraint), "{call}: {told}");
    }
    assert_eq!(scene.count("true").await, 0);
}
