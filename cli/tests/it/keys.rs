//! Tests of `apiary key`, and of the sources of keys.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Stdio;

use apiary_identity::read_key_file;

use crate::scene::{PATIENCE, Scene, run};

#[test]
fn a_new_key_is_its_owners_alone_and_is_never_overwritten() {
    let scene = Scene::new();
    let id = scene.new_key("a.pem");
    assert_eq!(scene.path("a.pem").metadata().unwrap().mode() & 0o7777, 0o600);
    assert_eq!(read_key_file(&scene.path("a.pem"), None).unwrap().id().to_string(), id);
    let before = scene.read("a.pem");
    let words = scene.run(&["key", "new", "a.pem"]).fails_with(1);
    assert!(words.contains("not overwritten"), "{words}");
    assert_eq!(scene.read("a.pem"), before);
}

#[test]
fn a_key_is_shown_by_its_public_half_only() {
    let scene = Scene::new();
    let id = scene.new_key("a.pem");
    let secret = scene.read("a.pem").lines().nth(1).unwrap().to_owned();
    assert_eq!(scene.run(&["key", "id", "a.pem"]).ok().trim(), id);
    let shown = scene.run(&["key", "show", "a.pem", "-o", "json"]).json();
    assert_eq!(shown["id"], id.as_str());
    let public = shown["public_key_pem"].as_str().unwrap();
    assert!(public.starts_with("-----BEGIN PUBLIC KEY-----") && !public.contains(&secret));
    scene.write("a.pub", public);
    assert_eq!(scene.run(&["key", "id", "a.pub"]).ok().trim(), id, "a public key file names the same identity");
}

#[test]
fn an_encrypted_key_opens_with_its_passphrase_only() {
    let scene = Scene::new();
    let right = [("APIARY_KEY_PASSPHRASE", "correct horse")];
    let id = scene.run_with(&right, &["key", "new", "--encrypt", "a.pem"]).ok();
    assert!(scene.read("a.pem").starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    assert_eq!(scene.run_with(&right, &["key", "id", "a.pem"]).ok(), id);
    let words = scene.run_with(&[("APIARY_KEY_PASSPHRASE", "battery staple")], &["key", "id", "a.pem"]).fails_with(1);
    assert!(words.contains("does not open with this passphrase") && !words.contains("battery"), "{words}");
}

#[test]
fn a_passphrase_is_asked_for_with_the_name_of_its_file() {
    let scene = Scene::new();
    let right = [("APIARY_KEY_PASSPHRASE", "correct horse")];
    let id = scene.run_with(&right, &["key", "new", "--encrypt", "a.pem"]).ok();
    // `script` (util-linux) gives it a terminal to ask at.
    let command = format!("{} key id a.pem", env!("CARGO_BIN_EXE_apiary"));
    let mut script = std::process::Command::new("script");
    script.args(["-q", "-e", "-c", &command, "/dev/null"]).current_dir(scene.path("."));
    let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut told = Vec::new();
    while !told.ends_with(b"Passphrase of a.pem: ") {
        let mut byte = [0];
        assert_eq!(stdout.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&told));
        told.extend(byte);
    }
    stdin.write_all(b"correct horse\n").unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success(), "{rest}");
    assert!(rest.contains(id.trim()) && !rest.contains("horse"), "{rest}");
}

#[test]
fn a_key_that_others_can_read_is_refused_with_the_fix() {
    let scene = Scene::new();
    scene.new_key("a.pem");
    std::fs::set_permissions(scene.path("a.pem"), std::fs::Permissions::from_mode(0o640)).unwrap();
    let words = scene.run(&["key", "id", "a.pem"]).fails_with(1);
    assert!(words.contains("chmod 600 a.pem"), "{words}");
}

#[test]
fn a_key_on_a_mount_that_is_read_only_is_used_with_a_warning() {
    let scene = Scene::new();
    let id = scene.new_key("a.pem");
    scene.write("apiary.toml", "[webhook]\nstripe_secrets = [\"whsec_mounted\"]\n");
    // A mount of its own, seen by this script alone, of which it is the owner.
    let script = "mount -t tmpfs -o size=1m,mode=0755 mounted mounted && cp a.pem apiary.toml mounted \
                  && chmod 0444 mounted/a.pem mounted/apiary.toml && mount -o remount,ro mounted \
                  && exec \"$APIARY\" --config mounted/apiary.toml key id mounted/a.pem";
    std::fs::create_dir(scene.path("mounted")).unwrap();
    let mut command = assert_cmd::Command::new("unshare");
    command.args(["--mount", "--map-root-user", "sh", "-c", script]).current_dir(scene.path("."));
    let ran = run(command.env("APIARY", env!("CARGO_BIN_EXE_apiary")).timeout(PATIENCE));
    if ran.code != 0 && (ran.stderr.contains("unshare") || ran.stderr.contains("mount:")) {
        // A machine that lets nobody mount anything has no such mounts.
        return;
    }
    for file in ["mounted/a.pem", "mounted/apiary.toml"] {
        let warning = format!("{file} holds a secret and can be read by others (mode 0444)");
        assert!(ran.stderr.contains(&warning), "{}", ran.stderr);
    }
    assert_eq!(ran.ok().trim(), id);
}

#[test]
fn a_file_that_is_no_key_is_named() {
    let scene = Scene::new();
    scene.write("a.pem", "hello");
    std::fs::set_permissions(scene.path("a.pem"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let words = scene.run(&["key", "id", "a.pem"]).fails_with(1);
    assert!(words.contains("a.pem") && words.contains("not an Ed25519 secret key"), "{words}");
    let words = scene.run(&["key", "id", "."]).fails_with(2);
    assert!(words.contains("is a folder") && !words.contains("chmod"), "{words}");
    assert!(scene.run(&["key", "id", "b.pem"]).fails_with(5).contains("no key file b.pem"));
}

#[test]
fn a_key_comes_from_a_file_standard_input_the_environment_or_a_credential() {
    let scene = Scene::new();
    let id = scene.new_key("a.pem");
    let pem = scene.read("a.pem");
    assert_eq!(run(scene.command(&["key", "id", "-"]).write_stdin(pem.as_str())).ok().trim(), id);

    // `doctor` says which key is in effect; that there is no broker to talk to does not matter here.
    let key = |variables: &[(&str, &str)], arguments: &[&str]| {
        let arguments = [&["doctor", "--only", "key", "-o", "json"], arguments].concat();
        scene.run_with(variables, &arguments).json()["findings"][0]["words"].as_str().unwrap().to_owned()
    };
    assert!(key(&[], &["--key-file", "a.pem"]).starts_with(&id));
    assert!(key(&[("APIARY_KEY_FILE", "a.pem")], &[]).starts_with(&id));
    assert!(key(&[("APIARY_KEY", &pem)], &[]).starts_with(&id));
    let credentials = scene.path("credentials");
    std::fs::create_dir(&credentials).unwrap();
    std::fs::write(credentials.join("apiary-key"), &pem).unwrap();
    assert!(key(&[("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap())], &[]).starts_with(&id));

    // Under any name, with the mode that systemd gives it.
    std::fs::rename(credentials.join("apiary-key"), credentials.join("finance")).unwrap();
    std::fs::set_permissions(credentials.join("finance"), std::fs::Permissions::from_mode(0o440)).unwrap();
    let file = credentials.join("finance");
    let variables =
        [("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap()), ("APIARY_KEY_FILE", file.to_str().unwrap())];
    assert!(key(&variables, &[]).starts_with(&id));
    let outside = scene.run_with(&variables[1..], &["doctor", "--only", "key"]);
    assert!(outside.stdout.contains("can be read by others"), "{}", outside.stdout);

    let other = scene.new_key("b.pem");
    assert!(key(&[("APIARY_KEY", &pem)], &["--key-file", "b.pem"]).starts_with(&other), "a flag wins");
    let both = scene.run_with(&[("APIARY_KEY", &pem), ("APIARY_KEY_FILE", "b.pem")], &["doctor", "--only", "key"]);
    assert!(both.stdout.contains("unset one"), "{}", both.stdout);
}
