//! Rows that are refused for a reason that passes.

use apiary_adapters::OutboxConfig;
use apiary_adapters::outbox::OUTBOX_SQL;
use apiary_executor_sdk::v1;
use apiary_identity::{Envelope, Role};
use apiary_tests::eventually_within;

use super::scene::{PATIENCE, Scene, TestRole, allowed, run};

/// The table as the first version made it.
const FIRST_VERSION: &str = include_str!("../../../deploy/outbox/20261201000000_outbox.sql");
/// Statement that brings the next try of every refused row to this moment.
const NOW: &str = "update apiary.outbox set retry_at = now() where retry_at is not null";

#[tokio::test(flavor = "multi_thread")]
async fn a_row_goes_by_itself_once_its_grant_is_there_or_its_executor_takes_it() {
    let scene = Scene::new().await;
    let bee = scene.colony.executor("bee", "t").await;
    let announce = async |schema: &str| {
        let function = v1::AnnouncedFunction { name: "typed".into(), args_schema: schema.into(), ..Default::default() };
        let request =
            v1::RegisterExecutorRequest { name: "bee".into(), functions: vec![function], ..Default::default() };
        bee.register_executor(v1::RegisterExecutorRequest { executor_type: "t".into(), ..request }).await.unwrap();
    };
    announce(r#"{"type": "string"}"#).await;
    let _adapter = scene.adapter_with(OutboxConfig { functions: allowed(&["t/*", "u/*"]), ..scene.config() }).await;
    let insert = "insert into apiary.outbox (function, executor_type) values \
                  ('typed', 't'), ('granted', 'u'), ('unlisted', 'v'), ('free', 't')";
    scene.database.execute(insert).await;
    scene.wait_for_submitted(1).await;
    eventually_within(PATIENCE, "three are refused", async || {
        (scene.count("problem is not null").await == 3).then_some(())
    })
    .await;
    let later = "retry_at between now() and now() + interval '61 seconds'";
    assert_eq!(
        scene.count(&format!("problem like '%ARGS_REFUSED%' and {later}")).await,
        1,
        "{:?}",
        scene.problems().await
    );
    assert_eq!(scene.count(&format!("problem like '%NOT_PERMITTED%' and {later}")).await, 1);
    assert_eq!(scene.count("executor_type = 'v' and retry_at is null and refused_at is not null").await, 1);

    announce(r#"{"type": "object"}"#).await;
    let grant = scene.colony.grant_document(&scene.colony.key_of("adapter"), "more", Role::User, &["*"], &["u"], &[]);
    let owner = scene.colony.client(&scene.colony.key);
    owner.add_grant(&Envelope::seal(&scene.colony.key, &grant).unwrap()).await.unwrap();
    scene.database.execute(NOW).await;
    scene.wait_for_submitted(3).await;
    assert_eq!(scene.count("problem is null and retry_at is null and refused_at is null").await, 3);
    assert_eq!(scene.count("executor_type = 'v' and problem is not null").await, 1, "no retry can help it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_stays_refused_waits_longer_each_time_and_keeps_its_reason() {
    let scene = Scene::new().await;
    let adapter = scene.adapter_with(OutboxConfig { functions: allowed(&["u/*"]), ..scene.config() }).await;
    scene.enqueue(&["soon", "later", "hourly"]).await;
    let is_refused = "problem like '%no grant of this adapter%' and retry_at > now() + interval '30 seconds'";
    let all_refused = async || (scene.count(is_refused).await == 3).then_some(());
    eventually_within(PATIENCE, "they are refused", all_refused).await;
    assert_eq!(scene.count("retry_at < now() + interval '61 seconds'").await, 3);
    scene
        .database
        .execute(
            "update apiary.outbox set retry_at = now(), refused_at = now() - case function
                 when 'soon' then interval '0' when 'later' then interval '10 minutes' else interval '9 days' end",
        )
        .await;
    eventually_within(PATIENCE, "they are refused again", all_refused).await;
    for (function, least, most) in [("soon", 30, 80), ("later", 570, 680), ("hourly", 3500, 3600)] {
        let pause =
            format!("retry_at between now() + interval '{least} seconds' and now() + interval '{most} seconds'");
        assert_eq!(scene.count(&format!("function = '{function}' and {pause}")).await, 1, "{function}");
    }
    assert_eq!(scene.count("refused_at < now() - interval '10 minutes'").await, 2, "the first time counts");
    eventually_within(PATIENCE, "health counts them", async || {
        let report = adapter.report();
        (report.refused == 3 && report.retrying == 3 && report.waiting == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outbox_of_the_first_version_is_brought_up_to_date_with_its_rows_and_rights() {
    let scene = Scene::without_table().await;
    scene.database.execute(FIRST_VERSION).await;
    let mut owner = scene.connect().await;
    let role = TestRole::new(&mut owner, &scene.database.url()).await;
    let name = &role.name;
    run(
        &mut owner,
        &format!(
            "grant usage on schema apiary to {name};
             grant select, delete, update (submitted_at, process_id, problem) on apiary.outbox to {name};
             grant select on apiary.outbox_database to {name};
             insert into apiary.outbox (function, problem) values ('waits', null), ('refused', 'as an adapter of before did');
             insert into apiary.outbox (function, submitted_at, process_id) values ('done', now(), gen_random_uuid())"
        ),
    )
    .await;
    let adapter = scene.adapter_with(OutboxConfig { database_url: role.url.as_str().into(), ..scene.config() }).await;
    let words = adapter.notice("OUTBOX_UNUSABLE").await;
    assert!(words.contains("one of another version") && words.contains("apiary webhook outbox-sql"), "{words}");
    for _ in 0..2 {
        scene.database.execute(OUTBOX_SQL).await;
    }
    scene.wait_for_submitted(3).await;
    adapter.wait_until_well().await;
    assert_eq!(scene.functions().await, ["waits", "refused"]);
    adapter.webhook.stop().await;
    role.remove(&mut owner).await;
}
