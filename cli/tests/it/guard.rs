//! `apiary guard`, and a bee whose rules cannot be used.

use crate::local::Local;
use crate::scene::Scene;

const RULES: &str =
    r#"[{"name":"small","executor_type":"ops","function":"pay*","schema":{"properties":{"cents":{"maximum":100}}}}]"#;

#[test]
fn a_guard_says_what_it_allows_and_which_rule_refuses() {
    let scene = Scene::new();
    scene.write("rules.json", RULES);
    let check = |arguments: &[&str]| scene.run(&[&["guard", "check"], arguments].concat());
    let fine = ["--rules", "rules.json", "--function", "pay.out", "--args", r#"{"cents":7}"#];
    assert_eq!(check(&fine).ok().trim(), "allowed");
    let refused = check(&["--rules", "rules.json", "--function", "pay.out", "--args", r#"{"cents":4711}"#]);
    assert_eq!((refused.code, refused.stdout.trim()), (7, "refused: rule `small`"));
    let words = "error: guard: rule `small`: field `/cents` (does not fit the schema: `maximum`)";
    assert_eq!(refused.stderr.trim(), words);
    // Another executor type has no such rule; the default set is asked also with rules of one's own.
    let elsewhere = ["--rules", "rules.json", "--function", "pay", "--type", "dev", "--args", r#"{"cents":4711}"#];
    assert_eq!(check(&elsewhere).ok().trim(), "allowed");
    let shell = ["--rules", "rules.json", "--function", "shell", "--args", r#"{"command":"sudo id"}"#];
    assert_eq!(check(&shell).code, 7);
    assert_eq!(check(&[&shell[..], &["--without-defaults"]].concat()).ok().trim(), "allowed");
}

#[test]
fn a_verdict_is_json_on_request() {
    let scene = Scene::new();
    scene.write("args.json", r#"{"command":"rm -rf /"}"#);
    let refused = scene.run(&["guard", "check", "--function", "shell", "--args", "@args.json", "-o", "json"]);
    assert_eq!(refused.code, 7);
    let words = r#"{"allowed":false,"rule":"default:shell","field":"/command","why":"denied: recursive_delete"}"#;
    assert_eq!(refused.stdout.trim(), words);
    let allowed = scene.run(&["guard", "check", "--function", "shell", "-o", "json"]);
    assert_eq!(allowed.ok().trim(), r#"{"allowed":true}"#);
}

#[test]
fn the_default_set_can_be_taken_as_rules() {
    let scene = Scene::new();
    scene.write("rules.json", &scene.run(&["guard", "defaults"]).ok());
    let arguments = [
        "guard",
        "check",
        "--rules",
        "rules.json",
        "--without-defaults",
        "--function",
        "bash",
        "--args",
        r#""kill -9 -1""#,
    ];
    let refused = scene.run(&arguments);
    assert_eq!((refused.code, refused.stdout.trim()), (7, "refused: rule `default:bash`"));
}

#[test]
fn mistakes_are_named() {
    let scene = Scene::new();
    scene.write("broken.json", &RULES.replace(r#""maximum":100"#, r#""pattern":"(""#));
    scene.write("misspelt.json", &RULES.replace("schema", "shema"));
    let check = |arguments: &[&str]| scene.run(&[&["guard", "check", "--function", "f"], arguments].concat());
    assert!(check(&["--rules", "broken.json"]).fails_with(2).contains("broken.json: guard rule `small`: `schema`"));
    assert!(check(&["--rules", "misspelt.json"]).fails_with(2).contains("unknown field `shema`"));
    assert!(check(&["--rules", "none.json"]).fails_with(5).contains("none.json"));
    assert!(check(&["--args", "{"]).fails_with(2).contains("--args is not JSON"));
    assert!(check(&["--args", "@none.json"]).fails_with(5).contains("none.json"));
}

#[test]
fn a_bee_does_not_start_with_rules_that_cannot_be_used() {
    let scene = Scene::new();
    let colony = scene.new_key("colony.pem");
    scene.new_key("bee.pem");
    scene.write("rules.json", &RULES.replace("maximum", "pattern"));
    let arguments = ["bee", "echo", "--colony", &colony, "--key-file", "bee.pem", "--set", "bee.guard_file=rules.json"];
    let words = scene.run(&arguments).fails_with(2);
    assert!(words.contains("bee.guard_file: rules.json: guard rule `small`: `schema`"), "{words}");
}

#[test]
fn rules_of_the_colony_are_set_and_shown_and_replaced_by_newer_ones_only() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    assert_eq!(local.run(&["guard", "show"]).ok(), "the colony has set no rules\n");
    let small =
        r#"[{"name":"small","executor_type":"echo","function":"echo","schema":{"type":"integer","maximum":100}}]"#;
    scene.write("rules.json", small);
    scene.write("broken.json", &small.replace("\"maximum\":100", "\"pattern\":\"(\""));
    let set = ["guard", "set", "--colony-key", "data/keys/colony.pem", "--rules"];
    let broken = local.run(&[&set[..], &["broken.json"]].concat()).fails_with(2);
    assert!(broken.contains("broken.json: guard rule `small`: `schema`"), "{broken}");
    let words = local.run(&[&set[..], &["rules.json"]].concat()).ok();
    assert_eq!(words, "version 1 is set, with 1 rule\n");
    let again = local.run(&[&set[..], &["rules.json", "-o", "json"]].concat()).json();
    assert_eq!(again["version"], 2, "the next version, if none is given");
    let older = local.run(&[&set[..], &["rules.json", "--version", "1"]].concat());
    assert!(older.code != 0 && older.stderr.contains("higher one"), "{}", older.stderr);

    let shown = local.run(&["guard", "show", "-o", "json"]).json();
    assert_eq!((&shown["version"], &shown["rules"][0]["name"]), (&2.into(), &"small".into()));
    assert!(local.run(&["guard", "show"]).ok().contains("small"));
}

#[test]
fn a_colony_in_one_process_goes_by_the_settings_of_its_bees() {
    let scene = Scene::new();
    Local::start(&scene).stop();
    let rules = r#"[{"name":"no-secrets","executor_type":"*","function":"echo","deny":[{"field":"/text","pattern":"(?i)secret"}]}]"#;
    std::fs::write(scene.path("data/rules.json"), rules).unwrap();
    let profile = scene.path("data/apiary.toml");
    let settings = std::fs::read_to_string(&profile).unwrap() + "\n[bee]\nslots = 2\nguard_file = \"rules.json\"\n";
    std::fs::write(&profile, settings).unwrap();
    let local = Local::start(&scene);
    let submit = ["process", "submit", "--type", "echo", "--function", "echo", "--wait", "--args"];
    local.run(&[&submit[..], &[r#"{"text":"public"}"#]].concat()).ok();
    local.run(&[&submit[..], &[r#"{"text":"a Secret"}"#]].concat()).fails_with(1);
    assert!(local.run(&["process", "get", "latest"]).ok().contains("no-secrets"));
    assert!(local.run(&["executor", "list"]).ok().contains("0 of 2"));
}
