//! The migrations: what they leave behind, and for whom.

use apiary_bees::finance::{Applied, MIGRATIONS, Record as _, SubscriptionQuery};
use sqlx::{Connection as _, Executor as _, query_scalar, raw_sql};
use tokio::task::JoinSet;

use crate::harness::database::PrivateDatabase;
use crate::harness::event::{T0, apply, event, invoice, subscription};
use crate::harness::file::File;

fn active() -> Vec<u8> {
    event("evt_1", "customer.subscription.updated", T0, &subscription("sub_1", "cus_1", "active", T0))
}

#[tokio::test]
async fn they_can_be_run_again_over_data_and_from_several_places_at_once() {
    let database = PrivateDatabase::new().await;
    let mut tasks = JoinSet::new();
    for _ in 0..4 {
        let record = database.record();
        tasks.spawn(async move { record.migrate().await });
    }
    assert!(tasks.join_all().await.iter().all(Result::is_ok));
    assert_eq!(apply(&database.record(), &active()).await, Applied::Applied);
    let before = database.state().await;
    database.record().migrate().await.unwrap();
    assert_eq!(database.state().await, before);
    database.drop().await;
}

#[tokio::test]
async fn they_need_no_superuser() {
    let database = PrivateDatabase::new().await;
    let name: String =
        query_scalar("select current_database()::text").fetch_one(&mut database.connect().await).await.unwrap();
    database
        .run(&format!("create role owner_{name} nologin; grant create, usage on schema public to owner_{name}"))
        .await;
    let mut connection = database.connect().await;
    sqlx::query(sqlx::AssertSqlSafe(format!("set role owner_{name}"))).execute(&mut connection).await.unwrap();
    for migration in MIGRATIONS {
        connection.execute(raw_sql(migration.sql)).await.unwrap();
    }
    connection.close().await.unwrap();
    database.record().check().await.unwrap();
    database.run(&format!("drop owned by owner_{name}; drop role owner_{name}")).await;
    database.drop().await;
}

/// Runs a statement as this role; the error is its code.
async fn as_role(database: &PrivateDatabase, role: &str, sql: &str) -> Result<(), String> {
    let mut connection = database.connect().await;
    sqlx::query(sqlx::AssertSqlSafe(format!("set role {role}"))).execute(&mut connection).await.unwrap();
    match connection.execute(raw_sql(sqlx::AssertSqlSafe(sql.to_owned()))).await {
        Ok(_) => Ok(()),
        Err(error) => Err(error.as_database_error().unwrap().code().unwrap().into_owned()),
    }
}

#[tokio::test]
async fn of_supabases_roles_only_the_service_role_can_do_anything() {
    let database = PrivateDatabase::migrated().await;
    let statements = [
        "select public.apply_stripe_events('[]')",
        "select * from public.stripe_customers",
        "select * from public.stripe_subscriptions",
        "select * from public.stripe_events",
        "insert into public.stripe_customers (livemode, id) values (true, 'cus_x')",
        "update public.stripe_subscriptions set status = 'active'",
        "delete from public.stripe_events",
    ];
    for sql in statements {
        assert_eq!(as_role(&database, "service_role", sql).await, Ok(()), "{sql}");
        for role in ["anon", "authenticated"] {
            assert_eq!(as_role(&database, role, sql).await, Err("42501".to_owned()), "{role}: {sql}");
        }
    }
    for sql in ["delete from public.stripe_customers", "truncate public.stripe_subscriptions"] {
        assert_eq!(as_role(&database, "service_role", sql).await, Err("42501".to_owned()), "{sql}");
    }
    database.drop().await;
}

#[tokio::test]
async fn row_level_security_keeps_tables_shut_even_where_somebody_grants_too_much() {
    let database = PrivateDatabase::migrated().await;
    apply(&database.record(), &active()).await;
    database
        .run("grant all on all tables in schema public to anon; grant all on all functions in schema public to anon")
        .await;
    let count = "do $$ begin assert (select count(*) from public.stripe_subscriptions) = 0; end $$";
    assert_eq!(as_role(&database, "anon", count).await, Ok(()));
    let insert = "insert into public.stripe_customers (livemode, id) values (true, 'cus_x')";
    assert_eq!(as_role(&database, "anon", insert).await, Err("42501".to_owned()));
    let call = r#"select public.apply_stripe_events(
        '[{"event": {"account": "", "id": "evt_2", "livemode": false, "type": "x", "created": "2026-11-21T00:00:00Z"}}]')"#;
    assert_eq!(as_role(&database, "anon", call).await, Err("42501".to_owned()), "the function has its caller's rights");
    database.drop().await;
}

#[tokio::test]
async fn a_role_that_may_call_and_not_write_writes_nothing() {
    let database = PrivateDatabase::migrated().await;
    database.run("revoke insert on public.stripe_events from service_role").await;
    let call = r#"select public.apply_stripe_events('[{
        "event": {"account": "", "id": "evt_2", "livemode": false, "type": "x", "created": "2026-11-21T00:00:00Z"},
        "customer": {"account": "", "id": "cus_2", "livemode": false, "state_version": "", "checkout_version": "",
          "order_uncertain": false, "order_open": false, "metadata": {}, "deleted": false}
      }]')"#;
    assert_eq!(as_role(&database, "service_role", call).await, Err("42501".to_owned()));
    let rows: i64 = query_scalar("select count(*) from public.stripe_customers")
        .fetch_one(&mut database.connect().await)
        .await
        .unwrap();
    assert_eq!(rows, 0);
    database.run("grant insert on public.stripe_events to service_role").await;
    assert_eq!(as_role(&database, "service_role", call).await, Ok(()));
    database.drop().await;
}

#[tokio::test]
async fn every_status_of_stripes_can_be_stored() {
    let database = PrivateDatabase::migrated().await;
    let record = database.record();
    let statuses =
        ["incomplete", "incomplete_expired", "trialing", "active", "past_due", "canceled", "unpaid", "paused", "new"];
    for (n, status) in statuses.into_iter().enumerate() {
        let object = subscription(&format!("sub_{n}"), "cus_1", status, T0);
        apply(&record, &event(&format!("evt_{n}"), "customer.subscription.updated", T0, &object)).await;
    }
    let rows = record.subscriptions(&apiary_bees::finance::SubscriptionQuery::all(false)).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.status.as_deref().unwrap()).collect::<Vec<_>>(), statuses);
    database.drop().await;
}

/// The statements of a README's block that begins like this.
fn readme_block(beginning: &str) -> String {
    let readme = include_str!("../../../../deploy/supabase/README.md");
    let mut blocks = readme.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.find(|block| block.starts_with(beginning)).unwrap().to_owned()
}

/// The first two migrations, and rows as the bee of before wrote them.
const BEFORE: &str = "
    insert into stripe_customers (livemode, id, state_version, email, metadata, metadata_user_id)
      values (false, 'cus_1', '0-001795000000-1-evt_1', 'a@example.com', '{\"user_id\": \"u1\"}', 'u1');
    insert into stripe_subscriptions (livemode, id, customer_version, customer_id, state_version, status, price_id,
        checkout_version, checkout_session_id, checkout_user_id, invoice_version, last_invoice_id, last_invoice_outcome,
        last_invoice_at)
      values (false, 'sub_1', '001795000000-evt_2', 'cus_1', '0-001795000000-1-40-001797592000-evt_2', 'active',
        'price_old', '001795000000-0-evt_3', 'cs_1', 'u2', '001795000000-in_1-001795000002-4-evt_4', 'in_1', 'paid',
        '2026-11-18T11:06:42Z');
    insert into stripe_events (livemode, id, type, created, customer_id, subscription_id, outcome, payload)
      values (false, 'evt_2', 'customer.subscription.updated', '2026-11-18T11:06:40Z', 'cus_1', 'sub_1', 'applied', '{}')";

#[tokio::test]
async fn rows_of_before_keep_everything_and_go_on() {
    let (database, file) = (PrivateDatabase::new().await, File::of_version_1(BEFORE).await);
    for migration in &MIGRATIONS[..2] {
        database.run(migration.sql).await;
    }
    database.run(BEFORE).await;
    database.record().migrate().await.unwrap();
    let record = database.record();
    assert_eq!(database.state().await, file.state().await);
    let row = record.subscriptions(&SubscriptionQuery::all(false)).await.unwrap().remove(0);
    assert_eq!(
        (row.account.as_str(), row.status.as_deref(), row.price_id.as_deref()),
        ("", Some("active"), Some("price_old"))
    );
    assert_eq!((row.user_id.as_deref(), row.last_invoice_outcome.as_deref()), (Some("u2"), Some("paid")));

    let update = |id: &str, at: i64| {
        event(id, "customer.subscription.updated", at, &subscription("sub_1", "cus_1", "unpaid", T0))
    };
    for (bytes, expected) in [
        (update("evt_2", T0), Applied::Duplicate),
        (update("evt_5", T0 - 1), Applied::Superseded),
        (event("evt_6", "invoice.payment_failed", T0 + 3, &invoice("in_1", "cus_1", "sub_1", T0)), Applied::Applied),
        (update("evt_7", T0 + 1), Applied::Applied),
    ] {
        assert_eq!(apply(&record, &bytes).await, expected);
        assert_eq!(apply(&file.record, &bytes).await, expected);
    }
    assert_eq!(database.state().await, file.state().await);
    let row = record.subscriptions(&SubscriptionQuery::all(false)).await.unwrap().remove(0);
    assert_eq!(row.status.as_deref(), Some("unpaid"));
    assert_eq!(row.last_invoice_outcome.as_deref(), Some("paid"), "a paid invoice does not fail");
    database.drop().await;
}

#[tokio::test]
async fn one_script_applies_them_and_can_be_run_again() {
    let database = PrivateDatabase::new().await;
    for _ in 0..2 {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/supabase/apply.sh");
        let ran = tokio::process::Command::new("bash").arg(script).env("DATABASE_URL", database.url()).output().await;
        let ran = ran.unwrap();
        let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success() && said.contains("ready"), "{said}");
    }
    database.record().check().await.unwrap();
    database.drop().await;
}

#[tokio::test]
async fn the_readmes_other_statements_work() {
    let database = PrivateDatabase::migrated().await;
    database.run(&readme_block("grant select (cancel_at")).await;
    let ready: serde_json::Value =
        query_scalar("select public.apply_stripe_events('[]')").fetch_one(&mut database.connect().await).await.unwrap();
    let expected = serde_json::json!([{"outcome": "ready", "encoding": "UTF8", "uncertain": 0, "incomplete": 0}]);
    assert_eq!(ready, expected);
    assert!(
        readme_block("select public.apply_stripe_events('[]')")
            .contains(&ready.to_string().replace(':', ": ").replace(',', ", "))
    );
    let delete = readme_block("  delete from public.stripe_events");
    assert_eq!(as_role(&database, "service_role", &delete).await, Ok(()));
    database.drop().await;
}
