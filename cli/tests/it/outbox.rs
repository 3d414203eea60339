//! The outbox of a user's database, with `apiary up` and `apiary webhook`.

use apiary_tests::Backend;
use apiary_tests::blocking::eventually;

use crate::local::{Local, command};
use crate::scene::Scene;

const URL: &str = "APIARY_WEBHOOK_OUTBOX_DATABASE_URL";

#[test]
fn a_row_is_done_by_a_bee_of_apiary_up_without_another_setting() {
    let scene = Scene::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(Backend::postgres());
    runtime.block_on(database.execute(&scene.run(&["webhook", "outbox-sql"]).ok()));
    let stderr = std::fs::File::create(scene.path("up.log")).unwrap();
    let mut up = command(&scene.path("data"));
    up.args(["--set", "webhook.outbox_functions=echo/echo"]).env(URL, database.url()).stderr(stderr);
    let local = Local::spawn(&scene, &mut up);
    runtime.block_on(database.execute("select apiary.enqueue('echo', '{\"n\": 1}')"));
    let process = eventually("the echo bee has done it", || {
        let found = local.run(&["process", "list", "--label", "outbox_id=1", "-o", "json"]).json();
        found.as_array().unwrap().iter().find(|one| one["state"] == "succeeded").cloned()
    });
    local.run(&["process", "verify", process["process_id"].as_str().unwrap()]).ok();
}

#[test]
fn an_outbox_without_functions_or_with_a_bad_url_is_named_before_anything_starts() {
    let scene = Scene::new();
    let told = scene.run_with(&[(URL, "postgres://u:sesame@localhost/d")], &["up"]).fails_with(2);
    assert!(told.contains("`webhook.outbox_functions` is not set") && !told.contains("sesame"), "{told}");
    let variables = [(URL, "mysql://u:sesame@h/d"), ("APIARY_WEBHOOK_OUTBOX_FUNCTIONS", "echo/echo")];
    let told = scene.run_with(&variables, &["up"]).fails_with(2);
    assert!(told.contains("`webhook.outbox_database_url`") && !told.contains("sesame"), "{told}");
    let told = scene.run_with(&[], &["webhook", "--set", &format!("webhook.outbox_database_url={URL}")]).fails_with(2);
    assert!(told.contains("webhook.outbox_database_url"), "{told}");
}
