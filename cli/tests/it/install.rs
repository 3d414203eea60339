//! Tests of `apiary install systemd`.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use std::os::unix::fs::PermissionsExt as _;

use crate::scene::{Ran, Scene};

/// Creates a folder for units; returns the scene and its two folders' flags.
fn scene() -> (Scene, [String; 2]) {
    let scene = Scene::new();
    std::fs::create_dir(scene.path("units")).unwrap();
    let flag = |flag: &str, name: &str| format!("--{flag}={}", scene.path(name).display());
    let flags = [flag("unit-dir", "units"), flag("etc", "etc")];
    (scene, flags)
}

fn install(scene: &Scene, flags: &[String; 2], arguments: &[&str]) -> Ran {
    let own = ["install", "systemd", &flags[0], &flags[1], "--program=/opt/apiary/bin/apiary"];
    scene.run(&[&own[..], arguments].concat())
}

fn mode(scene: &Scene, name: &str) -> u32 {
    scene.path(name).metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn it_says_what_it_would_write_and_writes_it_when_told() {
    let (scene, flags) = scene();
    for arguments in [&["broker", "finance"][..], &["broker", "finance", "--dry-run"]] {
        let said = install(&scene, &flags, arguments).ok();
        assert!(said.contains("apiary-bee@.service") && said.contains("nothing was written"), "{said}");
        assert!(!scene.path("etc").exists() && scene.path("units").read_dir().unwrap().next().is_none());
    }
    let said = install(&scene, &flags, &["broker", "finance", "--yes"]).ok();
    for words in [
        "written",
        "still needed: the secret",
        "etc/bee-finance/credentials/apiary-key",
        "systemctl daemon-reload",
        "systemctl enable --now apiary-broker apiary-bee@finance",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let unit = scene.read("units/apiary-bee@.service");
    let etc = scene.path("etc").display().to_string();
    assert!(unit.contains("ExecStart=/opt/apiary/bin/apiary bee %i\n"), "{unit}");
    let key = format!("LoadCredential=apiary-key:{etc}/bee-%i/credentials/apiary-key\n");
    assert!(unit.contains(&key) && !unit.contains("/etc/apiary"), "{unit}");
    assert_eq!((mode(&scene, "etc/broker/credentials"), mode(&scene, "units/apiary-broker.service")), (0o700, 0o644));
    assert!(scene.read("etc/broker/apiary.toml").contains("listen"));
    // What the units name is there.
    assert!(unit.contains("Slice=apiary.slice\n"), "{unit}");
    assert!(scene.read("units/apiary.slice").contains("CPUWeight="));
}

#[test]
fn what_somebody_changed_is_not_overwritten() {
    let (scene, flags) = scene();
    install(&scene, &flags, &["webhook", "--yes"]).ok();
    scene.write("etc/webhook/apiary.toml", "colony = \"mine\"\n");
    assert!(install(&scene, &flags, &["webhook", "--yes"]).ok().contains("unchanged"));
    let ours = scene.read("units/apiary-webhook.service");
    scene.write("units/apiary-webhook.service", "[Service]\n");
    for arguments in [&["webhook"][..], &["webhook", "--yes"]] {
        let words = install(&scene, &flags, arguments).fails_with(1);
        assert!(words.contains("apiary-webhook.service") && words.contains("--force"), "{words}");
    }
    assert_eq!(scene.read("units/apiary-webhook.service"), "[Service]\n");
    let answer = install(&scene, &flags, &["webhook", "--force", "--yes", "--output=json"]).json();
    assert_eq!((&answer["files"][0]["state"], &answer["files"][1]["state"]), (&"changed".into(), &"kept".into()));
    assert_eq!(scene.read("units/apiary-webhook.service"), ours);
    assert_eq!(scene.read("etc/webhook/apiary.toml"), "colony = \"mine\"\n");
}

#[test]
fn secrets_that_lie_there_become_credentials() {
    let (scene, flags) = scene();
    install(&scene, &flags, &["finance", "--yes"]).ok();
    for name in ["apiary-key", "apiary-finance-database-url", ".swp"] {
        scene.write(&format!("etc/bee-finance/credentials/{name}"), "s3cret");
    }
    let said = install(&scene, &flags, &["finance", "--yes"]).ok();
    assert!(!said.contains("still needed") && !said.contains("s3cret"), "{said}");
    let folder = scene.path("etc/bee-finance/credentials").display().to_string();
    assert_eq!(
        scene.read("units/apiary-bee@finance.service.d/credentials.conf"),
        format!(
            "# By `apiary install systemd`, for the files in {folder}.\n[Service]\n\
             LoadCredential=apiary-finance-database-url:{folder}/apiary-finance-database-url\n"
        )
    );
    scene.write("etc/bee-finance/credentials/database-url", "s3cret");
    let words = install(&scene, &flags, &["finance"]).fails_with(2);
    assert!(words.contains("`database-url`") && words.contains("apiary-finance-database-url"), "{words}");
}

#[test]
fn what_cannot_be_installed_is_refused() {
    let (scene, flags) = scene();
    assert!(install(&scene, &flags, &[]).stderr.contains("PART"));
    assert_eq!(install(&scene, &flags, &["nobody"]).code, 2);
    let words = scene.run(&["install", "systemd", "broker", "--unit-dir=nowhere"]).fails_with(1);
    assert!(words.contains("no folder nowhere"), "{words}");
    let odd = scene.run(&["install", "systemd", "broker", &flags[0], "--etc=/etc/my apiary"]).fails_with(2);
    assert!(odd.contains("cannot stand in a unit"), "{odd}");
}
