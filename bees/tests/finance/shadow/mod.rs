//! Shadow mode: an old handler's table beside the state of record, in one Postgres.

mod cutover;
mod gates;
mod kill;
mod report;
mod rollback;

use apiary_bees::finance::shadow::{Mapping, Shadow, ShadowError};
use secrecy::SecretString;
use serde_json::json;
use sqlx::{AssertSqlSafe, Row as _, query};

use crate::harness::database::PrivateDatabase;
use crate::harness::event::{T0, apply, event, subscription};

pub(crate) const UNA: &str = "00000000-0000-0000-0000-000000000001";
pub(crate) const DUO: &str = "00000000-0000-0000-0000-000000000002";

/// The table of an old handler, in words and types of its own.
const OLD: &str = "
    create type public.plan_state as enum ('active', 'trialing', 'past_due', 'ended');
    create table public.subscriptions (
      serial bigint generated always as identity,
      id text primary key,
      user_id uuid,
      plan varchar(20) not null,
      state public.plan_state,
      active boolean not null,
      renews_at bigint,
      seats integer,
      note text,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now()
    )";

/// Mapping of that table.
pub(crate) const MAP: &str = r#"
    livemode = false
    lag = "0s"
    clean_for = "0s"

    [[table]]
    old = "subscriptions"
    record = "subscription_access"
    key = "id"
    changed = "updated_at"

    [table.columns]
    id = "subscription_id"
    user_id = "user_id"
    plan = { from = "plan", values = { price_basic = "basic" }, missing = "free" }
    state = { from = "status", values = { canceled = "ended" } }
    active = "has_access"
    renews_at = { from = "current_period_end", as = "epoch_seconds" }
    seats = "quantity"
    serial = { keep = true }
    note = { keep = true }
    created_at = { keep = true }
"#;

/// A shop whose old handler and bee have taken the same events.
pub(crate) struct Shop {
    pub(crate) database: PrivateDatabase,
}

impl Shop {
    /// Two subscriptions, the same on both sides.
    pub(crate) async fn new() -> Self {
        let shop = Self { database: PrivateDatabase::migrated().await };
        shop.database.run(OLD).await;
        shop.event("sub_una", UNA, "active", T0).await;
        shop.event("sub_duo", DUO, "canceled", T0).await;
        let period_end = T0 + 30 * 86_400;
        let rows = format!(
            "insert into public.subscriptions (id, user_id, plan, state, active, renews_at, seats, note) values
             ('sub_una', '{UNA}', 'basic', 'active', true, {period_end}, 1, 'hers'),
             ('sub_duo', '{DUO}', 'basic', 'ended', false, {period_end}, 1, null)"
        );
        shop.database.run(&rows).await;
        shop
    }

    /// Applies an event of a subscription to the bee's record.
    pub(crate) async fn event(&self, id: &str, user: &str, status: &str, at: i64) {
        let mut object = subscription(id, &format!("cus_{id}"), status, T0);
        object["metadata"] = json!({"userId": user});
        let event = event(&format!("evt_{id}_{at}"), "customer.subscription.updated", at, &object);
        apply(&self.database.record(), &event).await;
    }

    pub(crate) fn shadow(&self, map: &str) -> Shadow {
        let url = SecretString::from(self.database.url());
        Shadow::new(&url, Mapping::read(map).unwrap()).unwrap()
    }

    /// Cuts over; fails unless that was done.
    pub(crate) async fn cut_over(&self, map: &str) {
        let cutover = self.shadow(map).cutover(true).await.unwrap();
        assert!(cutover.done, "{cutover:#?}");
    }

    /// Returns the texts of a query's first column.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        let mut connection = self.database.connect().await;
        let rows = query(AssertSqlSafe(sql.to_owned())).fetch_all(&mut connection).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Runs a statement that fails; returns its code and message.
    pub(crate) async fn refused(&self, sql: &str) -> (String, String) {
        let mut connection = self.database.connect().await;
        let error = query(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap_err();
        let error = error.as_database_error().unwrap();
        (error.code().unwrap().into_owned(), error.message().to_owned())
    }

    /// Returns `r` for a table under the old name, `v` for a view.
    pub(crate) async fn kind(&self) -> String {
        self.texts("select relkind::text from pg_class where oid = 'public.subscriptions'::regclass").await.remove(0)
    }

    /// Returns the rows under the old name, each in a line.
    pub(crate) async fn rows(&self) -> Vec<String> {
        self.texts("select concat_ws(' ', id, plan, state, active, seats, note) from public.subscriptions order by id")
            .await
    }
}

/// Returns the words of the gates that refuse.
pub(crate) async fn refusals(shadow: &Shadow) -> Result<String, ShadowError> {
    let cutover = shadow.cutover(true).await?;
    assert!(!cutover.ready && !cutover.done, "{cutover:#?}");
    let gates = cutover.tables.iter().flat_map(|table| &table.gates).filter(|gate| !gate.passed);
    Ok(gates.map(|gate| format!("{}: {}", gate.name, gate.words)).collect::<Vec<_>>().join("\n"))
}
