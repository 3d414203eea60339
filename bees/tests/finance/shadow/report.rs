//! The report.

use apiary_bees::finance::shadow::{ShadowFinding, ShadowReport};

use super::{MAP, Shop, UNA};
use crate::harness::event::T0;

fn counts(report: &ShadowReport) -> [u64; 5] {
    let table = &report.tables[0];
    [table.agreed, table.different, table.only_old, table.only_record, table.unsettled]
}

#[tokio::test]
async fn rows_in_other_words_agree_and_a_difference_is_named_by_row_and_column() {
    let shop = Shop::new().await;
    let report = shop.shadow(MAP).report(None, 20).await.unwrap();
    assert_eq!((counts(&report), report.clean), ([2, 0, 0, 0, 0], true), "{report:#?}");
    assert_eq!(report.tables[0].columns, ["id", "user_id", "plan", "state", "active", "renews_at", "seats"]);

    shop.database.run("update public.subscriptions set seats = 7, active = false where id = 'sub_una'").await;
    let report = shop.shadow(MAP).report(None, 20).await.unwrap();
    assert_eq!((counts(&report), report.clean), ([1, 1, 0, 0, 0], false), "{report:#?}");
    let row = &report.tables[0].rows[0];
    assert_eq!((row.key.as_deref(), row.finding), (Some("sub_una"), ShadowFinding::Different));
    assert_eq!(row.columns, ["active", "seats"]);
    assert!(row.cause.as_ref().unwrap().contains("bee"), "{row:?}");
    shop.database.drop().await;
}

#[tokio::test]
async fn rows_of_one_side_are_told_apart_and_the_list_is_bounded() {
    let shop = Shop::new().await;
    shop.event("sub_new", UNA, "active", T0).await;
    shop.database
        .run(
            "delete from public.subscriptions where id = 'sub_duo';
             insert into public.subscriptions (id, plan, active) select 'sub_old_' || n, 'free', false
             from generate_series(1, 1500) as n;
             insert into public.stripe_subscriptions (livemode, id) values (true, 'sub_old_1')",
        )
        .await;
    let report = shop.shadow(MAP).report(None, 3).await.unwrap();
    assert_eq!(counts(&report), [1, 0, 1500, 2, 0], "more than a page");
    let listed: Vec<_> = report.tables[0].rows.iter().map(|row| (row.key.as_deref().unwrap(), row.finding)).collect();
    assert_eq!(
        listed,
        [
            ("sub_duo", ShadowFinding::OnlyRecord),
            ("sub_new", ShadowFinding::OnlyRecord),
            ("sub_old_1", ShadowFinding::OnlyOld)
        ]
    );
    let cause = report.tables[0].rows[2].cause.as_deref().unwrap();
    assert!(cause.contains("in live mode"), "{cause}");

    let left_out =
        MAP.replace("changed =", "leave_out = { status = [\"canceled\"], subscription_id = [\"sub_new\"] }\nchanged =");
    let report = shop.shadow(&left_out).report(None, 0).await.unwrap();
    assert_eq!(counts(&report), [1, 0, 1500, 0, 0]);
    shop.database.drop().await;
}

#[tokio::test]
async fn young_rows_are_not_settled_and_old_ones_can_be_passed_over() {
    let shop = Shop::new().await;
    let patient = MAP.replace("lag = \"0s\"", "lag = \"1h\"");
    shop.database.run("update public.subscriptions set seats = 7 where id = 'sub_una'").await;
    let report = shop.shadow(&patient).report(None, 20).await.unwrap();
    assert_eq!((counts(&report), report.clean), ([1, 0, 0, 0, 1], true), "{report:#?}");
    assert!(report.tables[0].rows.is_empty());

    let ago = "update public.subscriptions set updated_at = now() - interval '2 hours';
        update public.stripe_subscriptions set updated_at = now() - interval '3 hours'";
    shop.database.run(ago).await;
    let report = shop.shadow(&patient).report(None, 20).await.unwrap();
    assert_eq!((counts(&report), report.clean), ([1, 1, 0, 0, 0], false));
    assert!(!report.tables[0].rows[0].cause.as_ref().unwrap().contains("old row is newer"), "within the lag");
    let since = "2200-01-01T00:00:00Z".parse().unwrap();
    let report = shop.shadow(&patient).report(Some(since), 20).await.unwrap();
    assert_eq!((counts(&report), report.tables[0].clean_for_s), ([0; 5], None), "nothing changed since then");
    shop.database.drop().await;
}

#[tokio::test]
async fn clean_reports_are_counted_from_the_first_after_a_difference() {
    let shop = Shop::new().await;
    let clean = async || shop.shadow(MAP).report(None, 0).await.unwrap().tables[0].clean_for_s;
    assert_eq!(clean().await, Some(0));
    shop.database.run("update apiary.shadow set clean_since = now() - interval '1 day'").await;
    assert!(clean().await.unwrap() >= 86_400);
    shop.database.run("update public.subscriptions set seats = 7 where id = 'sub_una'").await;
    assert_eq!(clean().await, None);
    shop.database.run("update public.subscriptions set seats = 1 where id = 'sub_una'").await;
    assert_eq!(clean().await, Some(0), "the day before does not count");
    shop.database.drop().await;
}

#[tokio::test]
async fn a_mapping_that_does_not_fit_the_tables_is_told_in_words() {
    let shop = Shop::new().await;
    for (from, to, words) in [
        ("old = \"subscriptions\"", "old = \"subscribers\"", "there is no table public.subscribers"),
        ("seats = \"quantity\"", "chairs = \"quantity\"", "it has no column `chairs`"),
        ("seats = \"quantity\"", "seats = \"amount\"", "column `seats`: `subscription_access` has no column `amount`"),
        (", as = \"epoch_seconds\"", "", "column `renews_at`: it is no time: give `as"),
        ("active = \"has_access\"", "active = \"status\"", "column `active`: `status` of the record is of type text"),
        ("id = \"subscription_id\"", "id = \"user_id\"", "does not tell rows apart"),
        ("values = { canceled = \"ended\" }", "values = { canceled = \"gone\" }", "one that an enum lacks"),
    ] {
        // A user with two subscriptions, so that a user is no key.
        if to.contains("id = \"user_id\"") {
            shop.event("sub_una_2", UNA, "active", T0).await;
        }
        let told = shop.shadow(&MAP.replacen(from, to, 1)).report(None, 0).await.unwrap_err().to_string();
        assert!(told.contains(words), "{told}");
    }
    shop.database.drop().await;
}

#[tokio::test]
async fn a_value_that_does_not_fit_the_old_type_is_a_difference_and_no_error() {
    let shop = Shop::new().await;
    shop.event("sub_una", "no-uuid", "a_status_of_next_year", T0 + 1).await;
    let report = shop.shadow(MAP).report(None, 20).await.unwrap();
    assert_eq!(report.tables[0].rows[0].columns, ["user_id", "state", "active"], "{report:#?}");
    shop.database.drop().await;
}

#[tokio::test]
async fn a_constant_is_compared() {
    let shop = Shop::new().await;
    shop.database.run("update public.subscriptions set note = 'same'").await;
    let map = MAP.replace("note = { keep = true }", "note = { constant = \"same\" }");
    let report = shop.shadow(&map).report(None, 20).await.unwrap();
    assert_eq!(counts(&report), [2, 0, 0, 0, 0], "{report:#?}");
    shop.database.run("update public.subscriptions set note = 'hers' where id = 'sub_una'").await;
    let report = shop.shadow(&map).report(None, 20).await.unwrap();
    assert_eq!(counts(&report), [1, 1, 0, 0, 0], "{report:#?}");
    assert_eq!(report.tables[0].rows[0].columns, ["note"]);
    shop.database.drop().await;
}

#[tokio::test]
async fn a_row_whose_change_is_yet_to_come_is_judged() {
    let shop = Shop::new().await;
    let ago = "update public.stripe_subscriptions set updated_at = now() - interval '3 hours';
        update public.subscriptions set seats = 7, updated_at = now() + interval '30 days' where id = 'sub_una'";
    shop.database.run(ago).await;
    let report = shop.shadow(&MAP.replace("lag = \"0s\"", "lag = \"1h\"")).report(None, 20).await.unwrap();
    assert_eq!(counts(&report), [1, 1, 0, 0, 0], "{report:#?}");
    assert!(report.tables[0].rows[0].cause.as_ref().unwrap().contains("yet to come"), "{report:#?}");
    shop.database.drop().await;
}

#[tokio::test]
async fn a_text_that_is_too_long_is_a_difference_and_not_cut() {
    let shop = Shop::new().await;
    shop.database
        .run("alter table public.subscriptions alter plan drop not null, alter plan type varchar(5), alter note type char(5);
              update public.subscriptions set plan = 'price', note = 'activ'")
        .await;
    let map = MAP.replace("{ from = \"plan\", values = { price_basic = \"basic\" }, missing = \"free\" }", "\"plan\"");
    let map = map.replace("note = { keep = true }", "note = \"status\"");
    let report = shop.shadow(&map).report(None, 20).await.unwrap();
    assert_eq!(report.tables[0].different, 2, "{report:#?}");
    assert_eq!(report.tables[0].rows[0].columns, ["plan", "note"]);
    shop.database.drop().await;
}
