//! Customer and subscription together, or neither.

use apiary_bees::finance::{Applied, Change, RecordError};
use sqlx::query_scalar;

use crate::harness::database::PrivateDatabase;
use crate::harness::event::{One as _, T0, checkout, event};

fn change() -> Change {
    let session = checkout("cs_1", "cus_1", "sub_1", "user-1");
    Change::from_event(&event("evt_1", "checkout.session.completed", T0, &session)).unwrap()
}

async fn rows(database: &PrivateDatabase) -> i64 {
    let count = "select (select count(*) from public.stripe_customers) + (select count(*) from
        public.stripe_subscriptions) + (select count(*) from public.stripe_events)";
    query_scalar(count).fetch_one(&mut database.connect().await).await.unwrap()
}

#[tokio::test]
async fn an_event_that_fails_at_the_subscription_leaves_no_customer_behind() {
    let database = PrivateDatabase::migrated().await;
    database.run("alter table public.stripe_subscriptions add constraint no_more check (id <> 'sub_1')").await;
    let error = database.record().one(&change()).await.unwrap_err();
    assert!(matches!(&error, RecordError::Refused { code, .. } if code == "23514"), "{error}");
    assert_eq!(rows(&database).await, 0);

    database.run("alter table public.stripe_subscriptions drop constraint no_more").await;
    assert_eq!(database.record().one(&change()).await.unwrap(), Applied::Applied);
    assert_eq!(rows(&database).await, 3);
    database.drop().await;
}

#[tokio::test]
async fn an_update_that_matches_nothing_is_noticed() {
    let database = PrivateDatabase::migrated().await;
    database
        .run(
            "create function drop_it() returns trigger language plpgsql as 'begin return null; end';
             create trigger meddling before insert or update on public.stripe_customers for each row execute function drop_it()",
        )
        .await;
    let error = database.record().one(&change()).await.unwrap_err();
    assert!(matches!(&error, RecordError::Dropped { what } if what.contains("PT409")), "{error}");
    assert!(error.to_string().contains("customer cus_1 was not written"), "{error}");
    assert_eq!(rows(&database).await, 0);
    database.drop().await;
}
