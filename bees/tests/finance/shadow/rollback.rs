//! The rollback.

use super::{DUO, MAP, Shop, UNA};
use crate::harness::event::T0;

#[tokio::test]
async fn the_old_table_comes_back_with_the_rows_of_the_time_between() {
    let shop = Shop::new().await;
    let untouched = "select updated_at::text from public.subscriptions where id = 'sub_duo'";
    let before = shop.texts(untouched).await;
    shop.cut_over(MAP).await;
    shop.event("sub_una", UNA, "past_due", T0 + 60).await;
    shop.event("sub_new", DUO, "trialing", T0 + 60).await;

    let would = shop.shadow(MAP).rollback(false).await.unwrap();
    assert!(!would.done && !would.tables[0].statements.is_empty(), "{would:#?}");
    assert_eq!(shop.kind().await, "v");

    let rollback = shop.shadow(MAP).rollback(true).await.unwrap();
    let table = &rollback.tables[0];
    assert_eq!((table.updated, table.inserted, table.failed), (1, 1, 0), "{rollback:#?}");
    assert_eq!(table.unfilled, ["serial", "note", "created_at"]);
    assert_eq!(shop.kind().await, "r");
    assert_eq!(
        shop.rows().await,
        ["sub_duo basic ended f 1", "sub_new basic trialing t 1", "sub_una basic past_due f 1 hers"]
    );
    assert_eq!(shop.texts(untouched).await, before, "a row that is the same is not written");
    assert_eq!(shop.texts("select serial::text from public.subscriptions where id = 'sub_new'").await, ["3"]);
    // The old handler writes on.
    shop.database.run("insert into public.subscriptions (id, plan, active) values ('sub_x', 'basic', true)").await;

    let again = shop.shadow(MAP).rollback(true).await.unwrap();
    assert!(again.done && again.tables[0].since.is_none(), "{again:#?}");
    shop.database.run("delete from public.subscriptions where id = 'sub_x'").await;
    assert!(shop.shadow(MAP).report(None, 20).await.unwrap().clean);
    shop.cut_over(MAP).await;
    shop.database.drop().await;
}

#[tokio::test]
async fn a_row_that_a_constraint_refuses_is_named_and_keeps_no_other_out() {
    let shop = Shop::new().await;
    shop.database.run("create unique index one_per_user on public.subscriptions (user_id)").await;
    shop.cut_over(MAP).await;
    shop.event("sub_second", UNA, "active", T0 + 60).await;
    shop.event("sub_una", UNA, "past_due", T0 + 60).await;
    let rollback = shop.shadow(MAP).rollback(true).await.unwrap();
    let table = &rollback.tables[0];
    assert_eq!((table.updated, table.inserted, table.failed), (1, 0, 1), "{rollback:#?}");
    assert_eq!(table.failures[0].0, "sub_second");
    assert!(table.failures[0].1.contains("one_per_user"), "{rollback:#?}");
    assert_eq!(shop.rows().await, ["sub_duo basic ended f 1", "sub_una basic past_due f 1 hers"]);
    shop.database.drop().await;
}

#[tokio::test]
async fn no_value_of_a_row_is_in_the_words_of_a_refusal() {
    let shop = Shop::new().await;
    shop.database
        .run(
            "create function public.welcome(id text, who uuid) returns boolean language plpgsql as $$
             begin
               if id = 'sub_second' then raise exception '% is a value of a row', who; end if;
               return true;
             end $$;
             alter table public.subscriptions add constraint welcome check (public.welcome(id, user_id))",
        )
        .await;
    shop.cut_over(MAP).await;
    shop.event("sub_second", UNA, "active", T0 + 60).await;
    let rollback = shop.shadow(MAP).rollback(true).await.unwrap();
    let [(key, words)] = &rollback.tables[0].failures[..] else { panic!("{rollback:#?}") };
    assert_eq!((key.as_str(), words.as_str()), ("sub_second", "the table refuses it, SQLSTATE P0001"));
    shop.database.drop().await;

    let shop = Shop::new().await;
    shop.database.run("update public.subscriptions set renews_at = 9223372036854775807").await;
    let map = MAP.replace("changed = \"updated_at\"", "changed = { column = \"renews_at\", as = \"epoch_seconds\" }");
    let map = map.replace(
        "renews_at = { from = \"current_period_end\", as = \"epoch_seconds\" }",
        "updated_at = { keep = true }",
    );
    let error = shop.shadow(&map).report(None, 20).await.unwrap_err().to_string();
    assert!(error.contains("Postgres refuses (22") && error.contains("the server's log"), "{error}");
    assert!(!error.contains("e+18"), "{error}");
    shop.database.drop().await;
}

#[tokio::test]
async fn triggers_of_the_old_table_do_not_fire_for_old_changes_and_fire_again_afterwards() {
    let shop = Shop::new().await;
    shop.database
        .run(
            "create table public.mails (id text);
             create function public.mail() returns trigger language plpgsql as
               'begin insert into public.mails values (new.id); return null; end';
             create trigger mail after update on public.subscriptions for each row execute function public.mail();
             alter table public.subscriptions enable always trigger mail",
        )
        .await;
    let map = MAP.replace("changed =", "may_stop = [\"mail\"]\nchanged =");
    shop.cut_over(&map).await;
    shop.event("sub_una", UNA, "past_due", T0 + 60).await;
    assert_eq!(shop.shadow(&map).rollback(true).await.unwrap().tables[0].updated, 1);
    assert_eq!(shop.texts("select id from public.mails").await, Vec::<String>::new());
    shop.database.run("update public.subscriptions set seats = 2 where id = 'sub_una'").await;
    assert_eq!(shop.texts("select id from public.mails").await, ["sub_una"]);
    let enabled = "select tgenabled::text from pg_trigger where tgname = 'mail'";
    assert_eq!(shop.texts(enabled).await, ["A"], "as it was");
    shop.database.drop().await;
}

#[tokio::test]
async fn a_rollback_is_refused_by_another_mapping_and_while_a_view_reads_the_view() {
    let shop = Shop::new().await;
    assert!(shop.shadow(MAP).rollback(true).await.unwrap().done, "nothing to roll back");
    shop.cut_over(MAP).await;
    let error = shop.shadow(&MAP.replace("free", "none")).rollback(true).await.unwrap_err();
    assert!(error.to_string().contains("by another mapping"), "{error}");
    shop.database.run("create view public.active_ones as select id from public.subscriptions where active").await;
    let error = shop.shadow(MAP).rollback(true).await.unwrap_err();
    assert!(error.to_string().contains("public.active_ones"), "{error}");
    assert_eq!(shop.kind().await, "v");
    shop.database.drop().await;
}

#[tokio::test]
async fn a_deferred_constraint_is_checked_row_by_row_and_goes_with_triggers() {
    let shop = Shop::new().await;
    shop.database
        .run(&format!(
            "create table public.users (id uuid primary key);
             insert into public.users values ('{UNA}'), ('{DUO}');
             alter table public.subscriptions add foreign key (user_id) references public.users (id)
               deferrable initially deferred;
             create function public.touch() returns trigger language plpgsql as 'begin return new; end';
             create trigger touch before update on public.subscriptions for each row execute function public.touch()"
        ))
        .await;
    let map = MAP.replace("changed =", "may_stop = [\"touch\"]\nchanged =");
    shop.cut_over(&map).await;
    shop.event("sub_una", UNA, "past_due", T0 + 60).await;
    shop.event("sub_stranger", "00000000-0000-0000-0000-000000000003", "active", T0 + 60).await;
    let rollback = shop.shadow(&map).rollback(true).await.unwrap();
    let table = &rollback.tables[0];
    assert_eq!((table.updated, table.inserted, table.failed), (1, 0, 1), "{rollback:#?}");
    assert!(table.failures[0].1.contains("subscriptions_user_id_fkey"), "{rollback:#?}");
    shop.database.drop().await;
}

#[tokio::test]
async fn an_old_row_that_is_newer_is_left_and_named() {
    let shop = Shop::new().await;
    shop.cut_over(MAP).await;
    shop.database
        .run("update public.subscriptions_before_apiary set seats = 9, updated_at = now() where id = 'sub_una'")
        .await;
    let rollback = shop.shadow(MAP).rollback(true).await.unwrap();
    let table = &rollback.tables[0];
    assert_eq!((table.updated, table.newer, table.failed), (0, 1, 0), "{rollback:#?}");
    assert_eq!(table.failures[0].0, "sub_una");
    assert_eq!(shop.rows().await, ["sub_duo basic ended f 1", "sub_una basic active t 9 hers"]);
    shop.database.drop().await;
}

#[tokio::test]
async fn an_old_row_that_the_mapping_leaves_out_since_is_named() {
    let shop = Shop::new().await;
    let map = MAP.replace("changed =", "leave_out = { status = [\"incomplete_expired\"] }\nchanged =");
    shop.cut_over(&map).await;
    shop.event("sub_una", UNA, "incomplete_expired", T0 + 60).await;
    let rollback = shop.shadow(&map).rollback(true).await.unwrap();
    let table = &rollback.tables[0];
    assert_eq!((table.only_old, table.failures[0].0.as_str()), (1, "sub_una"), "{rollback:#?}");
    assert!(table.failures[0].1.contains("leave_out"), "{rollback:#?}");
    let report = shop.shadow(&map).report(None, 20).await.unwrap();
    assert!(report.tables[0].rows[0].cause.as_ref().unwrap().contains("`leave_out`"), "{report:#?}");
    shop.database.drop().await;
}

#[tokio::test]
async fn rows_that_are_in_each_others_way_come_back_in_any_order() {
    let shop = Shop::new().await;
    shop.database.run("create unique index one_active on public.subscriptions (user_id) where active").await;
    shop.cut_over(MAP).await;
    shop.event("sub_aaa", UNA, "active", T0 + 60).await;
    shop.event("sub_zzz", DUO, "active", T0 + 60).await;
    shop.event("sub_una", UNA, "canceled", T0 + 60).await;
    let rollback = shop.shadow(MAP).rollback(true).await.unwrap();
    let table = &rollback.tables[0];
    assert_eq!((table.updated, table.inserted, table.failed), (1, 2, 0), "{rollback:#?}");
    shop.database.drop().await;
}

#[tokio::test]
async fn a_key_with_a_collation_of_its_own_is_joined() {
    let shop = Shop::new().await;
    shop.database.run("alter table public.subscriptions alter id type text collate \"POSIX\"").await;
    let before = shop.rows().await;
    shop.cut_over(MAP).await;
    assert_eq!(shop.rows().await, before);
    shop.event("sub_una", UNA, "past_due", T0 + 60).await;
    assert_eq!(shop.shadow(MAP).rollback(true).await.unwrap().tables[0].updated, 1);
    shop.database.drop().await;
}
