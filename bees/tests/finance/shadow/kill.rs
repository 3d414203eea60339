//! A cutover or rollback that is killed in the middle leaves everything as it was.

use apiary_bees::finance::shadow::{Shadow, ShadowError};
use apiary_tests::eventually;
use sqlx::{AssertSqlSafe, query, query_scalar, raw_sql};

use super::{MAP, Shop};

/// Trigger at the end of a statement, in which the session waits for an advisory lock.
const HOLD: &str = "
    create function public.hold() returns event_trigger language plpgsql as
      'begin perform pg_advisory_xact_lock(99); end';
    create event trigger hold on ddl_command_end when tag in ('TAG') execute function public.hold()";

/// Lets a command run until the end of its first statement of this kind, and kills its session there.
async fn killed_at<T>(shop: &Shop, tag: &str, command: impl Future<Output = Result<T, ShadowError>>) -> ShadowError {
    let mut holder = shop.database.connect().await;
    raw_sql(AssertSqlSafe(HOLD.replace("TAG", tag))).execute(&mut holder).await.unwrap();
    query("select pg_advisory_lock(99)").execute(&mut holder).await.unwrap();
    let kill = eventually("the session waits in the middle, and is killed", async || {
        let killed: Option<bool> = query_scalar(
            "select bool_or(pg_terminate_backend(pid)) from pg_stat_activity
             where datname = current_database() and application_name = 'apiary-shadow' and wait_event = 'advisory'",
        )
        .fetch_one(&mut shop.database.connect().await)
        .await
        .unwrap();
        killed == Some(true)
    });
    let (ended, ()) = tokio::join!(command, kill);
    raw_sql("drop event trigger hold; drop function public.hold(); select pg_advisory_unlock(99)")
        .execute(&mut holder)
        .await
        .unwrap();
    ended.err().unwrap()
}

fn shadow(shop: &Shop) -> Shadow {
    shop.shadow(MAP)
}

#[tokio::test]
async fn a_cutover_killed_after_any_statement_leaves_the_table_and_can_be_repeated() {
    let shop = Shop::new().await;
    let rows = shop.rows().await;
    for tag in ["CREATE FUNCTION", "ALTER TABLE", "CREATE TRIGGER", "COMMENT"] {
        let error = Box::pin(killed_at(&shop, tag, shadow(&shop).cutover(true))).await;
        assert!(matches!(error, ShadowError::Unavailable(_)), "{tag}: {error}");
        assert_eq!((shop.kind().await.as_str(), shop.rows().await), ("r", rows.clone()), "{tag}");
        let cut = shop.texts("select old_table from apiary.shadow where cut_over_at is not null").await;
        assert_eq!(cut, Vec::<String>::new(), "{tag}");
    }
    shop.cut_over(MAP).await;
    assert_eq!((shop.kind().await.as_str(), shop.rows().await), ("v", rows));
    shop.database.drop().await;
}

#[tokio::test]
async fn a_rollback_killed_after_any_statement_leaves_the_view_and_can_be_repeated() {
    let shop = Shop::new().await;
    let rows = shop.rows().await;
    shop.cut_over(MAP).await;
    for tag in ["CREATE TABLE", "DROP VIEW", "ALTER TABLE"] {
        let error = Box::pin(killed_at(&shop, tag, shadow(&shop).rollback(true))).await;
        assert!(matches!(error, ShadowError::Unavailable(_)), "{tag}: {error}");
        assert_eq!((shop.kind().await.as_str(), shop.rows().await), ("v", rows.clone()), "{tag}");
    }
    assert!(shadow(&shop).rollback(true).await.unwrap().done);
    assert_eq!((shop.kind().await.as_str(), shop.rows().await), ("r", rows));
    shop.database.drop().await;
}
