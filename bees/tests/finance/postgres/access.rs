//! The view that says who has access, and who may read it.

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _, query, raw_sql};

use crate::harness::database::PrivateDatabase;
use crate::harness::event::{T0, apply, event, subscription};

const UNA: &str = "00000000-0000-0000-0000-000000000001";
const DUO: &str = "00000000-0000-0000-0000-000000000002";

/// Function of Supabase that tells who is signed in.
const AUTH: &str = "create schema auth;
    create function auth.uid() returns uuid language sql stable as
      'select nullif(current_setting(''test.uid'', true), '''')::uuid';
    grant usage on schema auth to anon, authenticated, service_role";

/// A project with subscriptions of two users: one named by the subscription, one by its customer alone.
async fn project() -> PrivateDatabase {
    let database = PrivateDatabase::new().await;
    database.run(AUTH).await;
    database.record().migrate().await.unwrap();
    let record = database.record();
    let mut of_una = subscription("sub_una", "cus_una", "active", T0);
    of_una["metadata"] = json!({"userId": UNA});
    let customer = json!({"id": "cus_duo", "object": "customer", "metadata": {"supabaseUUID": DUO}});
    for event in [
        event("evt_1", "customer.subscription.updated", T0, &of_una),
        event("evt_2", "customer.subscription.updated", T0, &subscription("sub_duo", "cus_duo", "past_due", T0)),
        event("evt_3", "customer.updated", T0, &customer),
    ] {
        apply(&record, &event).await;
    }
    database
}

/// Reads the view as a signed-in user; the error is its code.
async fn seen_by(database: &PrivateDatabase, role: &str, user: &str) -> Result<Vec<String>, String> {
    let mut connection = database.connect().await;
    raw_sql(AssertSqlSafe(format!("set role {role}; set test.uid = '{user}'"))).execute(&mut connection).await.unwrap();
    let select = "select subscription_id || ' ' || user_id || ' ' || has_access::text || ' ' || why as line
        from public.subscription_access order by 1";
    let rows = connection.fetch_all(query(select)).await;
    connection.close().await.unwrap();
    match rows {
        Ok(rows) => Ok(rows.iter().map(|row| row.get("line")).collect()),
        Err(error) => Err(error.as_database_error().unwrap().code().unwrap().into_owned()),
    }
}

#[tokio::test]
async fn each_user_sees_their_own_subscriptions_and_no_other() {
    let database = project().await;
    let una = format!("sub_una {UNA} true paid");
    let duo = format!("sub_duo {DUO} false the last payment failed");
    assert_eq!(seen_by(&database, "authenticated", UNA).await, Ok(vec![una.clone()]));
    assert_eq!(seen_by(&database, "authenticated", DUO).await, Ok(vec![duo.clone()]));
    assert_eq!(seen_by(&database, "authenticated", "").await, Ok(vec![]), "nobody is signed in");
    assert_eq!(seen_by(&database, "anon", UNA).await, Err("42501".to_owned()));
    assert_eq!(seen_by(&database, "service_role", "").await, Ok(vec![duo, una]));
    database.drop().await;
}

#[tokio::test]
async fn users_see_nothing_else_of_the_tables_also_after_a_second_run() {
    let database = project().await;
    database.run("drop policy \"own stripe customers\" on public.stripe_customers").await;
    database.record().migrate().await.unwrap();
    let policies = "select count(*) from pg_policies where policyname = 'own stripe customers'";
    let count: i64 = sqlx::query_scalar(policies).fetch_one(&mut database.connect().await).await.unwrap();
    assert_eq!(count, 0, "a second run takes nothing back");
    for sql in [
        "select metadata from public.stripe_subscriptions",
        "select email from public.stripe_customers",
        "select id from public.stripe_refunds",
        "select id from public.stripe_subscription_items",
        "update public.stripe_subscriptions set status = 'active'",
        "select public.apply_stripe_events('[]')",
    ] {
        let mut connection = database.connect().await;
        raw_sql("set role authenticated").execute(&mut connection).await.unwrap();
        let error = connection.execute(raw_sql(AssertSqlSafe(sql.to_owned()))).await.unwrap_err();
        assert_eq!(error.as_database_error().unwrap().code().unwrap(), "42501", "{sql}");
    }
    database.drop().await;
}

#[tokio::test]
async fn amounts_are_written_by_the_currencys_smallest_unit() {
    let database = PrivateDatabase::migrated().await;
    for (amount, currency, expected) in [
        (1999_i64, "eur", "19.99 EUR"),
        (1999, "jpy", "1999 JPY"),
        (1999, "kwd", "1.999 KWD"),
        (-5, "usd", "-0.05 USD"),
        (0, "gbp", "0.00 GBP"),
        (9_007_199_254_740_993, "eur", "90071992547409.93 EUR"),
    ] {
        let text: String = sqlx::query_scalar("select public.stripe_amount($1, $2)")
            .bind(amount)
            .bind(currency)
            .fetch_one(&mut database.connect().await)
            .await
            .unwrap();
        assert_eq!(text, expected);
    }
    database.drop().await;
}
