//! The cutover.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use apiary_bees::finance::shadow::ShadowError;
use apiary_tests::eventually;
use sqlx::{Connection as _, Row as _, query, raw_sql};

use super::{DUO, MAP, Shop, UNA, refusals};
use crate::harness::event::T0;

#[tokio::test]
async fn nothing_is_changed_until_reports_were_clean_for_rows_and_time() {
    let shop = Shop::new().await;
    let strict = MAP.replace("clean_for = \"0s\"", "clean_for = \"1h\"\nrows_min = 3");
    let words = refusals(&shop.shadow(&strict)).await.unwrap();
    assert!(words.contains("rows: 2 agree, `rows_min` is 3"), "{words}");
    assert!(words.contains("time: reports are clean for 0 s of the 3600 s"), "{words}");

    shop.database.run("update public.subscriptions set seats = 7 where id = 'sub_una'").await;
    let words = refusals(&shop.shadow(MAP)).await.unwrap();
    assert!(words.contains("report: 1 rows agree, 1 differ"), "{words}");
    assert_eq!(shop.kind().await, "r");
    shop.database.drop().await;
}

#[tokio::test]
async fn a_first_run_says_which_statements_it_would_run_and_changes_nothing() {
    let shop = Shop::new().await;
    let cutover = shop.shadow(MAP).cutover(false).await.unwrap();
    assert!(cutover.ready && !cutover.done, "{cutover:#?}");
    let statements = cutover.tables[0].statements.join(";\n");
    for part in [
        "lock table only \"public\".\"subscriptions\" in access exclusive mode",
        "rename to \"subscriptions_before_apiary\"",
        "create view \"public\".\"subscriptions\"",
        "create trigger apiary_shadow_refuse_write instead of insert or update or delete",
    ] {
        assert!(statements.contains(part), "{statements}");
    }
    assert_eq!(shop.kind().await, "r");
    let left = shop.texts("select relname::text from pg_class where relname like '%apiary_trial%'").await;
    assert_eq!(left, Vec::<String>::new());
    shop.database.drop().await;
}

#[tokio::test]
async fn readers_of_the_old_name_get_the_bees_rows_and_writers_an_error() {
    let shop = Shop::new().await;
    let before = shop.rows().await;
    let columns = "select string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' order by attnum)
        from pg_attribute where attrelid = 'public.subscriptions'::regclass and attnum > 0";
    let types = shop.texts(columns).await;
    shop.cut_over(MAP).await;
    assert_eq!((shop.kind().await.as_str(), shop.rows().await), ("v", before));
    assert_eq!(shop.texts(columns).await, types, "the same columns, in the same order, of the same types");

    shop.event("sub_una", UNA, "past_due", T0 + 60).await;
    shop.event("sub_new", DUO, "trialing", T0 + 60).await;
    let rows = ["sub_duo basic ended f 1", "sub_new basic trialing t 1", "sub_una basic past_due f 1 hers"];
    assert_eq!(shop.rows().await, rows, "with the kept column of the old table");

    for write in [
        "insert into public.subscriptions (id, plan, active) values ('sub_x', 'basic', true)",
        "update public.subscriptions set plan = 'free' where id = 'sub_una'",
        "delete from public.subscriptions where id = 'sub_una'",
    ] {
        let (code, message) = shop.refused(write).await;
        assert!(
            code == "PT405" && message.contains("public.subscriptions is read-only since the cutover"),
            "{message}"
        );
    }
    // Postgres itself refuses an upsert, before any trigger.
    let upsert = "insert into public.subscriptions (id, plan, active) values ('sub_una', 'free', true)
        on conflict (id) do update set plan = excluded.plan";
    assert_eq!(shop.refused(upsert).await.0, "42P10");
    assert_eq!(shop.rows().await, rows);
    shop.database.drop().await;
}

#[tokio::test]
async fn a_second_cutover_changes_nothing_and_one_by_another_mapping_is_refused() {
    let shop = Shop::new().await;
    let (first, second) = (shop.shadow(MAP), shop.shadow(MAP));
    let (one, other) = tokio::join!(first.cutover(true), second.cutover(true));
    assert!(one.unwrap().done && other.unwrap().done, "both at the same time");
    let again = shop.shadow(MAP).cutover(true).await.unwrap();
    assert!(again.done && again.tables[0].since.is_some() && again.tables[0].statements.is_empty(), "{again:#?}");
    let error = shop.shadow(&MAP.replace("free", "none")).cutover(true).await.unwrap_err();
    assert!(error.to_string().contains("by another mapping"), "{error}");
    let error = shop.shadow(MAP).report(None, 0).await.unwrap_err();
    assert!(error.to_string().contains("nothing is left to compare"), "{error}");
    shop.database.drop().await;
}

#[tokio::test]
async fn readers_go_on_while_the_table_is_replaced_and_put_back() {
    let shop = Shop::new().await;
    let (stop, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut readers = Vec::new();
    for _ in 0..3 {
        let (mut connection, stop, reads) = (shop.database.connect().await, Arc::clone(&stop), Arc::clone(&reads));
        readers.push(tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                // Prepared once: the plan must survive that the name is another object's.
                let rows = query("select id, state::text, renews_at from public.subscriptions order by id")
                    .fetch_all(&mut connection)
                    .await
                    .unwrap();
                let ids: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
                assert_eq!(ids, ["sub_duo", "sub_una"]);
                reads.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    let more = async || {
        let from = reads.load(Ordering::Relaxed);
        eventually("readers read on", async || reads.load(Ordering::Relaxed) > from + 30).await;
    };
    more().await;
    shop.cut_over(MAP).await;
    more().await;
    assert!(shop.shadow(MAP).rollback(true).await.unwrap().done);
    more().await;
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
    shop.database.drop().await;
}

#[tokio::test]
async fn a_session_that_keeps_the_table_is_named_and_nothing_is_changed() {
    let shop = Shop::new().await;
    let mut idle = shop.database.connect().await;
    raw_sql("set application_name = 'a slow report'; begin; select count(*) from public.subscriptions")
        .execute(&mut idle)
        .await
        .unwrap();
    let error = shop.shadow(MAP).lock_tries(1).cutover(true).await.unwrap_err();
    assert!(matches!(&error, ShadowError::Locked { holders, .. } if holders.contains("a slow report")), "{error}");
    assert_eq!(shop.kind().await, "r");
    idle.close().await.unwrap();
    shop.database.drop().await;
}
