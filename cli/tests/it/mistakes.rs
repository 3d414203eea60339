//! Tests of the advice after a mistaken command, place or variable.

use crate::local::Local;
use crate::scene::{Scene, run};

#[test]
fn help_is_a_command_too() {
    let scene = Scene::new();
    assert!(scene.run(&["help"]).ok().contains("Usage: apiary"));
    assert!(scene.run(&["help", "process", "submit"]).ok().contains("Usage: apiary process submit"));
    assert!(scene.run(&["process", "help", "show"]).ok().contains("Usage: apiary process show"));
}

#[test]
fn a_variable_that_sets_nothing_is_told_and_a_known_one_is_not() {
    let scene = Scene::new();
    let variables =
        [("APIARY_BROKER_LISTN", "x"), ("APIARY_CONFIG", ""), ("APIARY_XYLOPHONE", "1"), ("APIARY_BROKER", "")];
    let ran = scene.run_with(&variables, &["config", "show"]);
    assert_eq!(ran.code, 0);
    assert!(ran.stderr.contains("APIARY_BROKER_LISTN is not a setting; did you mean APIARY_BROKER_LISTEN?"));
    assert!(ran.stderr.contains("APIARY_XYLOPHONE is not a setting; `apiary config show`"), "{}", ran.stderr);
    let told = |text: &str| text.lines().filter(|line| line.contains("APIARY_")).count();
    assert_eq!(told(&ran.stderr), 2, "{}", ran.stderr);
    assert_eq!(told(&scene.run_with(&variables, &["config", "show", "-q"]).stderr), 0);
}

#[test]
fn a_suggested_command_looks_where_this_one_looked() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let (data, config) = (scene.path("data"), scene.path("data/apiary.toml"));
    let (data, config) = (data.to_str().unwrap(), config.to_str().unwrap());
    let hint =
        |place: &[&str]| run(&mut scene.command(&[place, &["executor", "show", "nobody"]].concat())).fails_with(5);
    assert!(hint(&["--data", data]).contains(&format!("`apiary --data {data} executor list`")));
    assert!(hint(&["--config", config]).contains(&format!("`apiary --config {config} executor list`")));
    drop(local);
    let nowhere = scene.path("nowhere").display().to_string();
    let words = scene.run(&["--data", &nowhere, "process", "list"]).fails_with(2);
    assert!(words.contains(&format!("{nowhere} has no apiary.toml")), "{words}");
    assert!(words.contains(&format!("`apiary --data {nowhere} up`")), "{words}");
    let ran = scene.run(&["--data", data, "doctor"]);
    assert!(ran.stdout.contains(&format!("`apiary --data {data} up`")), "{}", ran.stdout);
}
