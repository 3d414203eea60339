//! `apiary config show`, and mistakes in settings.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use serde_json::Value;

use crate::scene::Scene;

fn row(scene: &Scene, variables: &[(&str, &str)], arguments: &[&str], key: &str) -> Value {
    let shown = scene.run_with(variables, &[&["config", "show", "-o", "json"], arguments].concat()).json();
    shown.as_array().unwrap().iter().find(|row| row["key"] == key).cloned().unwrap()
}

#[test]
fn each_value_is_shown_with_where_it_came_from() {
    let scene = Scene::new();
    let level = |variables: &[(&str, &str)], arguments: &[&str]| {
        let row = row(&scene, variables, arguments, "webhook.listen");
        format!("{} {}", row["value"].as_str().unwrap(), row["origin"].as_str().unwrap())
    };
    assert_eq!(level(&[], &[]), "127.0.0.1:7421 default");
    scene.write("apiary.toml", "[webhook]\nlisten = \"127.0.0.1:1\"\n");
    assert_eq!(level(&[], &[]), "127.0.0.1:1 apiary.toml");
    let variable = [("APIARY_WEBHOOK_LISTEN", "127.0.0.1:2")];
    assert_eq!(level(&variable, &[]), "127.0.0.1:2 APIARY_WEBHOOK_LISTEN");
    assert_eq!(level(&variable, &["--set", "webhook.listen=127.0.0.1:3"]), "127.0.0.1:3 --set webhook.listen");
}

#[test]
fn the_file_is_the_named_one_then_the_nearest() {
    let scene = Scene::new();
    scene.write("named.toml", "[log]\nlevel = \"error\"\n");
    let level = |variables: &[(&str, &str)], arguments: &[&str]| {
        row(&scene, variables, arguments, "log.level")["value"].clone()
    };
    assert_eq!(level(&[], &["--config", "named.toml"]), "error");
    std::fs::create_dir_all(scene.path(".config/apiary")).unwrap();
    scene.write(".config/apiary/apiary.toml", "[log]\nlevel = \"trace\"\n");
    assert_eq!(level(&[], &[]), "trace");
    scene.write("apiary.toml", "[log]\nlevel = \"debug\"\n");
    assert_eq!(level(&[], &[]), "debug");
    assert_eq!(level(&[("APIARY_CONFIG", "named.toml")], &[]), "error");
}

#[test]
fn secrets_are_hidden() {
    let scene = Scene::new();
    let variables = [("STRIPE_WEBHOOK_SECRET", "whsec_sesame"), ("DATABASE_URL", "postgres://u:sesame@h/d")];
    for arguments in [&["config", "show"][..], &["config", "show", "-o", "json"]] {
        let ran = scene.run_with(&variables, arguments);
        assert!(ran.stdout.contains("(hidden)") && ran.stdout.contains("STRIPE_WEBHOOK_SECRET"), "{}", ran.stdout);
        assert!(!ran.stdout.contains("sesame") && !ran.stderr.contains("sesame"));
    }
}

#[test]
fn a_database_url_whose_password_holds_a_bare_sign_is_refused_and_shown_nowhere() {
    let scene = Scene::new();
    let import = ["import", "colony-tasks", "--source", "shop", "--executor-type", "echo", "--dry-run"];
    for password in ["sesame@wicket.invalid/wren", "sesame@wicket.invalid"] {
        let url = format!("postgres://lovelace:{password}@meadow.example/d");
        for (variable, arguments) in [
            ("APIARY_DATABASE_URL", &["broker"][..]),
            ("APIARY_FINANCE_DATABASE_URL", &["record", "show"]),
            ("APIARY_FINANCE_DATABASE_URL", &["doctor"]),
            ("APIARY_IMPORT_DATABASE_URL", &import),
            ("DATABASE_URL", &["broker"]),
            ("DATABASE_URL", &["config", "show"]),
        ] {
            let ran = scene.run_with(&[(variable, &url)], arguments);
            let words = format!("{}{}", ran.stdout, ran.stderr);
            for part in ["lovelace", "sesame", "wicket", "wren", "meadow"] {
                assert!(!words.contains(part), "{arguments:?} shows `{part}`: {words}");
            }
            let is_refused = words.contains("the database URL cannot be read");
            assert!(is_refused || arguments[0] == "config", "{arguments:?}: {words}");
        }
    }
}

#[test]
fn a_variable_that_sets_nothing_is_pointed_out() {
    let scene = Scene::new();
    let ran = scene.run_with(&[("APIARY_BROKER_LISTN", "127.0.0.1:1")], &["config", "show"]);
    assert!(
        ran.stderr.contains("APIARY_BROKER_LISTN is not a setting; did you mean APIARY_BROKER_LISTEN?"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_broken_file_stops_everything_but_what_needs_no_settings() {
    let scene = Scene::new();
    scene.write("apiary.toml", "[broker]\nlisten = 7420\n");
    for arguments in [&["broker"][..], &["up"], &["process", "list"], &["config", "show"]] {
        let words = scene.run(arguments).fails_with(2);
        assert!(words.contains("apiary.toml: `broker.listen`: expected an IP address and a port"), "{words}");
    }
    assert!(scene.run(&["completions", "bash"]).ok().contains("apiary"));
    scene.run(&["man", "man/man1"]).ok();
    assert!(scene.read("man/man1/apiary-process-submit.1").contains("apiary process submit"));
}

#[test]
fn a_port_or_certificate_that_cannot_be_used_is_refused_before_anything_opens() {
    let scene = Scene::new();
    let database = [("APIARY_DATABASE_URL", "sqlite:broker.db")];
    let words = scene.run_with(&database, &["broker", "--listen", "0.0.0.0:0"]).fails_with(2);
    assert!(words.contains("broker.tls_certificate"), "{words}");
    let words = scene.run_with(&database, &["broker", "--set", "broker.tls_certificate=a.pem"]).fails_with(2);
    assert!(words.contains("go together"), "{words}");
    let words = scene.run(&["broker"]).fails_with(2);
    assert!(words.contains("`broker.database_url` is not set"), "{words}");
    let words = scene.run_with(&[("DATABASE_URL", "mysql://u:sesame@h/d")], &["broker"]).fails_with(2);
    assert!(words.contains("expected postgres://") && !words.contains("sesame"), "{words}");
    assert!(!scene.path("broker.db").exists());
}

#[test]
fn a_bee_wants_one_state_of_record() {
    let scene = Scene::new();
    let colony = scene.new_key("key.pem");
    let client = [("APIARY_COLONY", colony.as_str()), ("APIARY_KEY_FILE", "key.pem")];
    let run = |more: &[(&str, &str)]| scene.run_with(&[&client[..], more].concat(), &["bee", "finance"]).fails_with(2);
    assert!(run(&[]).contains("no state of record is set"));
    let words = run(&[("SUPABASE_URL", "https://x.supabase.co"), ("DATABASE_URL", "postgres://u:sesame@h/d")]);
    assert!(words.contains("more than one") && words.contains("APIARY_FINANCE_RECORD=supabase"), "{words}");
    let words = run(&[("SUPABASE_URL", "https://x.supabase.co")]);
    assert!(words.contains("SUPABASE_SERVICE_ROLE_KEY"), "{words}");
}
