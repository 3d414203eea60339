//! The gates of a cutover that the catalog decides: what is bound to the table, and who may read it.

use sqlx::{AssertSqlSafe, Executor as _, Row as _, query, raw_sql};

use super::{DUO, MAP, Shop, UNA, refusals};

#[tokio::test]
async fn each_object_that_is_bound_to_the_table_is_named() {
    let shop = Shop::new().await;
    shop.database
        .run(
            "create table public.seats (id int, subscription text references public.subscriptions (id));
             create view public.active_ones as select id from public.subscriptions where active;
             create function public.of_user(who uuid) returns setof public.subscriptions language sql stable
               as 'select * from public.subscriptions where user_id = who';
             create function public.touch() returns trigger language plpgsql as 'begin return new; end';
             create trigger set_updated_at before update on public.subscriptions for each row
               execute function public.touch();
             create publication realtime for table public.subscriptions",
        )
        .await;
    let words = refusals(&shop.shadow(MAP)).await.unwrap();
    for part in [
        "foreign keys: foreign keys point at the table, and none can point at a view: seats_subscription_fkey of public.seats;",
        "views: views read the table itself, and would show its rows of today for ever: public.active_ones;",
        "objects: these refer to the table itself, and would go on doing so: function public.of_user(uuid);",
        "triggers: triggers of the table would no longer fire: set_updated_at;",
        "publications: publications (Realtime, replication) would no longer tell of changes: realtime;",
    ] {
        assert!(words.contains(part), "{words}");
    }
    assert_eq!(shop.kind().await, "r");
    shop.database
        .run("drop table public.seats; drop view public.active_ones; drop function public.of_user(uuid)")
        .await;
    shop.cut_over(&MAP.replace("changed =", "may_stop = [\"set_updated_at\", \"realtime\"]\nchanged =")).await;
    shop.database.drop().await;
}

#[tokio::test]
async fn every_old_column_is_in_the_mapping_and_a_rollback_could_fill_it() {
    let shop = Shop::new().await;
    let words = refusals(&shop.shadow(&MAP.replace("note = { keep = true }", ""))).await.unwrap();
    assert!(words.contains("columns: not in the mapping: note;"), "{words}");
    shop.database
        .run("update public.subscriptions set note = ''; alter table public.subscriptions alter note set not null")
        .await;
    let words = refusals(&shop.shadow(MAP)).await.unwrap();
    assert!(words.contains("columns: note must not be null and have no default"), "{words}");
    shop.cut_over(&MAP.replace("note = { keep = true }", "note = { keep = true, missing = \"\" }")).await;
    shop.database.drop().await;
}

#[tokio::test]
async fn a_key_without_an_index_is_named_with_the_statement_that_makes_one() {
    let shop = Shop::new().await;
    // Neither a part of the rows nor a second column finds a row by its key.
    shop.database
        .run(
            "alter table public.subscriptions drop constraint subscriptions_pkey;
             create index on public.subscriptions (id) where active;
             create index on public.subscriptions (user_id, id)",
        )
        .await;
    let words = refusals(&shop.shadow(MAP)).await.unwrap();
    let statement = "create unique index concurrently on \"public\".\"subscriptions\" (\"id\");";
    for part in ["key index: no index finds rows by `id`", "in the whole table: run", &format!("`{statement}`")] {
        assert!(words.contains(part), "{words}");
    }
    shop.database.run(statement).await;
    shop.cut_over(MAP).await;
    shop.database.drop().await;
}

/// Functions of Supabase, and a table that shows to each user their own rows.
const POLICIES: &str = "
    create schema auth;
    create function auth.uid() returns uuid language sql stable as
      'select nullif(current_setting(''test.uid'', true), '''')::uuid';
    grant usage on schema auth to anon, authenticated, service_role;";

/// Reads the old name's ids as a role and user; the error is its code.
async fn seen_by(shop: &Shop, role: &str, user: &str) -> Result<Vec<String>, String> {
    let mut connection = shop.database.connect().await;
    raw_sql(AssertSqlSafe(format!("set role {role}; set test.uid = '{user}'"))).execute(&mut connection).await.unwrap();
    match connection.fetch_all(query("select id from public.subscriptions order by id")).await {
        Ok(rows) => Ok(rows.iter().map(|row| row.get(0)).collect()),
        Err(error) => Err(error.as_database_error().unwrap().code().unwrap().into_owned()),
    }
}

/// A shop on Supabase: users see their own rows of both tables.
async fn supabase() -> Shop {
    let shop = Shop::new().await;
    shop.database.run(POLICIES).await;
    shop.database.record().migrate().await.unwrap();
    shop.database
        .run(
            "alter table public.subscriptions enable row level security;
             create policy own on public.subscriptions for select using (auth.uid() = user_id)",
        )
        .await;
    shop
}

#[tokio::test]
async fn users_see_their_own_rows_of_the_view_and_roles_without_rights_are_named() {
    let shop = supabase().await;
    assert_eq!(seen_by(&shop, "authenticated", UNA).await, Ok(vec!["sub_una".to_owned()]));
    let words = refusals(&shop.shadow(MAP)).await.unwrap();
    assert!(
        words.contains("policies: by the table's policies these see rows") && words.contains("none: anon;"),
        "{words}"
    );
    assert!(
        words.contains("readers: these may read the table and could not read the view: anon (permission"),
        "{words}"
    );
    assert!(words.contains("authenticated (permission denied for table stripe_subscriptions)"), "updated_at: {words}");

    let map = MAP.replace("changed =", "without = [\"anon\"]\nchanged =");
    shop.database.run("grant select (updated_at) on public.stripe_subscriptions to authenticated").await;
    shop.cut_over(&map).await;
    assert_eq!(seen_by(&shop, "authenticated", UNA).await, Ok(vec!["sub_una".to_owned()]));
    assert_eq!(seen_by(&shop, "authenticated", DUO).await, Ok(vec!["sub_duo".to_owned()]));
    assert_eq!(seen_by(&shop, "service_role", "").await, Ok(vec!["sub_duo".to_owned(), "sub_una".to_owned()]));
    assert_eq!(seen_by(&shop, "anon", UNA).await, Err("42501".to_owned()), "not by the defaults of new views either");
    assert!(shop.shadow(&map).rollback(true).await.unwrap().done);
    assert_eq!(seen_by(&shop, "authenticated", DUO).await, Ok(vec!["sub_duo".to_owned()]), "as before");
    assert_eq!(seen_by(&shop, "anon", UNA).await, Ok(vec!["sub_una".to_owned()]));
    shop.database.drop().await;
}

#[tokio::test]
async fn without_policies_whoever_could_read_the_table_reads_all_of_the_view_and_nobody_else() {
    let shop = Shop::new().await;
    shop.database
        .run(
            "revoke all on public.subscriptions from anon, authenticated, service_role;
             grant select (id, plan) on public.subscriptions to authenticated",
        )
        .await;
    shop.cut_over(MAP).await;
    let all = vec!["sub_duo".to_owned(), "sub_una".to_owned()];
    assert_eq!(seen_by(&shop, "authenticated", "").await, Ok(all), "though the record shows it no row");
    assert_eq!(seen_by(&shop, "anon", "").await, Err("42501".to_owned()));
    let mut connection = shop.database.connect().await;
    raw_sql("set role authenticated").execute(&mut connection).await.unwrap();
    let error = connection.execute(query("select note from public.subscriptions")).await.unwrap_err();
    assert_eq!(error.as_database_error().unwrap().code().unwrap(), "42501", "only the columns that were granted");
    shop.database.drop().await;
}

#[tokio::test]
async fn a_generated_column_of_the_table_itself_is_no_obstacle() {
    let shop = Shop::new().await;
    shop.database
        .run("alter table public.subscriptions add column shout text generated always as (upper(id)) stored")
        .await;
    shop.cut_over(&MAP.replace("note = {", "shout = { keep = true }\n    note = {")).await;
    shop.database.drop().await;
}

#[tokio::test]
async fn a_translated_column_keeps_its_length() {
    let shop = Shop::new().await;
    let length = "select format_type(atttypid, atttypmod) from pg_attribute
        where attrelid = 'public.subscriptions'::regclass and attname = 'plan'";
    shop.cut_over(&MAP.replace(", missing = \"free\"", "")).await;
    assert_eq!(shop.texts(length).await, ["character varying(20)"]);
    shop.database.drop().await;
}

#[tokio::test]
async fn a_column_that_a_rollback_cannot_write_and_a_publication_of_the_schema_are_named() {
    let shop = Shop::new().await;
    let map = MAP.replace("serial = { keep = true }", "serial = { keep = true, missing = 1 }");
    let words = refusals(&shop.shadow(&map)).await.unwrap();
    assert!(words.contains("columns: serial is computed by Postgres"), "{words}");
    shop.database.run("create publication everything for tables in schema public").await;
    let words = refusals(&shop.shadow(MAP)).await.unwrap();
    assert!(words.contains("changes: everything;"), "{words}");
    shop.database.drop().await;
}

#[tokio::test]
async fn a_delete_that_would_no_longer_reach_the_rows_is_named() {
    let shop = Shop::new().await;
    shop.database
        .run(
            "create table public.users (id uuid primary key);
             insert into public.users select user_id from public.subscriptions;
             alter table public.subscriptions add constraint of_user foreign key (user_id) references public.users (id)
               on delete cascade",
        )
        .await;
    let words = refusals(&shop.shadow(MAP)).await.unwrap();
    assert!(words.contains("delete actions: ") && words.contains("shown: of_user;"), "{words}");
    shop.cut_over(&MAP.replace("changed =", "may_stop = [\"of_user\"]\nchanged =")).await;
    shop.database.drop().await;
}

#[tokio::test]
async fn with_policies_a_right_of_everybody_is_refused() {
    let shop = supabase().await;
    shop.database.run("grant select on public.subscriptions to public").await;
    let words = refusals(&shop.shadow(MAP)).await.unwrap();
    assert!(words.contains("policies: everybody (PUBLIC) may read the table"), "{words}");
    shop.database.drop().await;
}
