//! The rc.d script of FreeBSD, against a stub of its rc.subr: names, settings, and what it hands to daemon(8).
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use std::path::Path;
use std::process::{Command, Output};

use crate::scene::Scene;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/freebsd/apiary_broker");
/// The functions of rc.subr that a script of this kind calls. The command is printed, not run.
const RC_SUBR: &str = r#"
load_rc_config() { . ./rc.conf; }
run_rc_command() {
    eval "enabled=\$$rcvar"
    case "$1" in
    start)
        [ "$enabled" = YES ] || { echo "$name is not enabled"; return 1; }
        $start_precmd || return 1
        echo "$command $command_args"
        echo "in $(pwd)"
        env | grep -e ^APIARY -e ^CREDENTIALS | sort
        ;;
    reload) $reload_cmd ;;
    esac
}
install() { for last; do :; done; mkdir -p "$last"; }
"#;

/// Installs the script under this name, as on FreeBSD, and runs it.
fn run(scene: &Scene, name: &str, action: &str) -> Output {
    let script = std::fs::read_to_string(SCRIPT).unwrap();
    let root = scene.path("").display().to_string();
    let script = script.replace("/etc/rc.subr", "./rc.subr").replace("/var/run/", &format!("{root}run/"));
    scene.write(name, &script);
    scene.write("rc.subr", RC_SUBR);
    Command::new("sh").arg(Path::new(".").join(name)).arg(action).current_dir(scene.path("")).output().unwrap()
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

#[test]
fn each_part_is_started_by_its_name_with_its_settings() {
    for (name, part, folder) in
        [("apiary_broker", "broker", "broker"), ("apiary_bee_finance", "bee finance", "bee-finance")]
    {
        let scene = Scene::new();
        let root = scene.path("").display().to_string();
        let root = root.trim_end_matches('/');
        let dir = format!("{root}/etc/{folder}");
        std::fs::create_dir_all(&dir).unwrap();
        scene.write("rc.conf", &format!("{name}_enable=YES\n{name}_dir={dir}\n{name}_state={root}/state\n"));
        let refused = run(&scene, name, "start");
        assert!(!refused.status.success() && words(&refused).contains("there is no"), "{}", words(&refused));
        std::fs::write(format!("{dir}/apiary.toml"), "").unwrap();
        let started = words(&run(&scene, name, "start"));
        let files = format!("-P {root}/run/{name}.pid -p {root}/run/{name}_child.pid");
        let command = format!("daemon -f -r -R 5 -S -T {name} {files} -u apiary /usr/local/bin/apiary {part}\n");
        assert!(started.contains(&command), "{started}");
        for line in [
            format!("in {root}/state"),
            format!("APIARY_CONFIG={dir}/apiary.toml"),
            format!("CREDENTIALS_DIRECTORY={dir}/credentials"),
            format!("APIARY_WEBHOOK_SPOOL={root}/state/spool"),
        ] {
            assert!(started.lines().any(|found| found == line), "{line}: {started}");
        }
    }
}

#[test]
fn a_part_that_is_not_enabled_or_has_another_name_is_not_started() {
    let scene = Scene::new();
    scene.write("rc.conf", "");
    assert!(words(&run(&scene, "apiary_webhook", "start")).contains("apiary_webhook is not enabled"));
    let refused = run(&scene, "apiary_other", "start");
    assert!(!refused.status.success() && words(&refused).contains("name the file"), "{}", words(&refused));
}

#[test]
fn a_reload_reaches_the_part_and_not_its_keeper() {
    let scene = Scene::new();
    scene.write("rc.conf", "apiary_broker_enable=YES\n");
    std::fs::create_dir(scene.path("run")).unwrap();
    let mut part = Command::new("sleep").arg("600").spawn().unwrap();
    scene.write("run/apiary_broker_child.pid", &part.id().to_string());
    assert!(run(&scene, "apiary_broker", "reload").status.success());
    // `sleep` ends at a hangup.
    assert!(!part.wait().unwrap().success());
}
