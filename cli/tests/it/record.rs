//! `apiary record show`: by pages, and from wherever the state of record is. On Postgres it stands in `running_apart.rs`.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use apiary_bees::finance::{Record as _, SqliteRecord};
use sqlx::{Connection as _, SqliteConnection};

use crate::scene::Scene;

/// Number of rows: more than a page.
const ROWS: i64 = 1100;

#[test]
fn all_rows_of_both_modes_are_shown_page_by_page() {
    let scene = Scene::new();
    fill(&scene);
    let show = |arguments: &[&str]| {
        let set = format!("finance.sqlite={}", scene.path("finance.db").display());
        scene.run(&[&["record", "show", "--set", &set], arguments].concat())
    };
    let count = |arguments: &[&str]| show(&[arguments, &["--json"]].concat()).json().as_array().unwrap().len();
    assert_eq!(count(&["--all"]), 2 * usize::try_from(ROWS).unwrap());
    assert_eq!(count(&["--all", "--mode", "live"]), usize::try_from(ROWS).unwrap());
    assert_eq!(count(&["--limit", "1050", "--mode", "test"]), 1050);
    assert_eq!(count(&["--customer", "cus_nobody"]), 0);
    let ran = show(&[]);
    assert!(ran.stderr.contains("there are more than 100"), "{}", ran.stderr);
    assert_eq!(ran.ok().lines().count(), 101);
}

#[test]
fn a_state_of_record_that_is_not_there_is_not_made() {
    let scene = Scene::new();
    let set = format!("finance.sqlite={}", scene.path("none.db").display());
    let words = scene.run(&["record", "show", "--set", &set]).fails_with(5);
    assert!(words.contains("none.db") && !scene.path("none.db").exists(), "{words}");
    let words = scene.run(&["record", "show"]).fails_with(2);
    assert!(words.contains("no state of record is set"), "{words}");
}

fn fill(scene: &Scene) {
    let path = scene.path("finance.db");
    let rows = "insert into stripe_subscriptions (livemode, id, status)
        with recursive n (i) as (select 1 union all select i + 1 from n where i < ?1)
        select mode.column1, 'sub_' || i, 'active' from n, (values (0), (1)) as mode";
    let work = async {
        SqliteRecord::open(&path).await.unwrap().close().await;
        let mut file = SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.unwrap();
        sqlx::query(rows).bind(ROWS).execute(&mut file).await.unwrap();
        file.close().await.unwrap();
    };
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
}
