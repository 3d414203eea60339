//! `apiary demo`.

use crate::scene::Scene;

#[test]
fn the_demo_turns_webhooks_into_rows() {
    let scene = Scene::new();
    let temporary = scene.path("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let report = scene.run_with(&[("TMPDIR", temporary.to_str().unwrap())], &["demo", "--json"]).json();
    let keys: Vec<&String> = report.as_object().unwrap().keys().collect();
    let wanted = [
        "chain_verified",
        "elapsed_ms",
        "events_duplicate",
        "events_posted",
        "events_refused",
        "processes_succeeded",
        "subscriptions",
    ];
    assert_eq!(keys, wanted);
    assert_eq!(report["chain_verified"], true);
    assert_eq!(report["events_refused"], 1);
    assert_eq!(report["processes_succeeded"], 19);
    let count = |name: &str| report[name].as_u64().unwrap();
    assert!(count("events_duplicate") > 0, "some were posted twice");
    let told = count("processes_succeeded") + count("events_duplicate") + count("events_refused");
    assert_eq!((count("events_posted"), told), (28, 28), "every post is accounted for");
    let rows: Vec<_> = report["subscriptions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["id"].as_str().unwrap(), row["status"].as_str().unwrap()))
        .collect();
    assert_eq!(rows, [("sub_demo_ada", "canceled"), ("sub_demo_bo", "active")]);
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0, "the folder is removed");
}

#[test]
fn a_demo_accounts_for_every_webhook_in_words() {
    let told = Scene::new().run(&["demo"]).ok();
    let account = told.lines().find(|line| line.contains("webhooks posted")).unwrap();
    let numbers = |text: &str| text.split(' ').filter_map(|word| word.parse().ok()).collect::<Vec<u32>>();
    let (posted, became) = account.rsplit_once(" refused").unwrap().0.split_once(':').unwrap();
    assert_eq!((numbers(posted), numbers(became).iter().sum::<u32>()), (vec![28], 28), "{account}");
    for fate in ["succeeded", "sent again", "forged"] {
        assert!(became.contains(fate), "{fate}: {account}");
    }
}

#[test]
fn a_demo_out_of_time_fails() {
    let words = Scene::new().run(&["demo", "--json", "--timeout", "1ms"]).fails_with(1);
    assert!(words.contains("not every event was applied"), "{words}");
}
