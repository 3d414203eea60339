//! `apiary up`: first starts, second starts, interrupted starts, and folders that are not as they should be.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _, pipe};
use std::os::unix::fs::MetadataExt as _;
use std::process::Stdio;

use apiary_tests::blocking::eventually;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::local::{Local, command, refusal};
use crate::scene::{Scene, process_in, run};

#[test]
fn a_first_start_makes_a_colony_that_works() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    for (path, mode) in [
        ("data", 0o700),
        ("data/keys", 0o700),
        ("data/keys/colony.pem", 0o600),
        ("data/keys/stripe-webhook-secret", 0o600),
    ] {
        assert_eq!(scene.path(path).metadata().unwrap().mode() & 0o7777, mode, "{path}");
    }
    let process_id = local.echo(r#"{"a": [1, "ü"]}"#);
    let shown = local.run(&["process", "get", &process_id, "-o", "json"]).json();
    assert_eq!(shown["state"], "succeeded");
    assert_eq!(shown["output"]["json"].to_string(), r#"{"a":[1,"ü"]}"#);
    assert_eq!(local.run(&["process", "verify", &process_id, "-o", "json"]).json()["verified"], true);
    let (code, log) = local.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(!scene.path("data/broker.sock").exists(), "the socket is removed");
}

#[test]
fn a_colony_works_on_whatever_becomes_of_its_standard_error() {
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let (unread, mut writer) = pipe().unwrap();
    writer.write_all(&[b'\n'; 65_536]).unwrap();
    for stderr in [Stdio::from(full()), pipe().unwrap().1.into(), writer.into()] {
        let scene = Scene::new();
        let local = Local::start_on(&scene, &[], stderr);
        for number in 0..3 {
            local.echo(&number.to_string());
        }
        assert_eq!(local.stop().0, Some(0));
    }
    drop(unread);
}

#[cfg(debug_assertions)]
#[test]
fn lines_about_processes_outlive_a_panic_which_is_in_the_colonys_health() {
    let scene = Scene::new();
    let local = Local::start_sabotaged(&scene, "activity lines=1");
    let finding = eventually("the panic is reported", || {
        let health: Value = serde_json::from_str(&local.run(&["colony", "health", "-o", "json"]).stdout).unwrap();
        let findings = health["findings"].as_array().unwrap();
        findings.iter().find(|one| one["kind"] == "TASK_RESTARTED" && one["subject"] == "activity lines").cloned()
    });
    assert!(finding["text"].as_str().unwrap().contains("sabotaged by a test"), "{finding}");
    // The watch is open again as soon as it reports an event.
    eventually("a process is told of", || {
        let process_id = local.echo("1");
        local.words().lines().any(|line| line.contains(&process_id)).then_some(())
    });
    let (code, words) = local.stop();
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains("a background task failed; it is started again"), "{words}");
}

#[cfg(debug_assertions)]
#[test]
fn a_task_that_panics_at_every_start_ends_the_colony_in_order_and_with_an_error() {
    for task in ["activity lines", "dispatcher", "forwarder", "claims"] {
        let scene = Scene::new();
        let local = Local::start_sabotaged(&scene, &format!("{task}=1000"));
        let (code, words) = local.ended();
        assert_eq!(code, Some(1), "{words}");
        assert!(words.contains(&format!("the task `{task}` failed 5 times within a minute")), "{words}");
        assert!(!scene.path("data/broker.sock").exists(), "{task}: it stopped in order");
    }
}

#[test]
fn a_signal_to_reload_ends_nothing() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    local.signal(Signal::SIGHUP);
    eventually("it says so", || local.words().contains("SIGHUP: nothing to reload").then_some(()));
    local.echo("1");
    assert_eq!(local.stop().0, Some(0));
}

#[test]
fn a_terminal_that_is_closed_stops_what_was_started_in_it_in_order() {
    let scene = Scene::new();
    let terminal = nix::pty::openpty(None, None).unwrap();
    let stderr = std::fs::File::create(scene.path("up.log")).unwrap();
    let mut command = command(&scene.path("data"));
    let local = Local::spawn(&scene, command.stdin(Stdio::from(terminal.slave)).stderr(stderr));
    local.echo("1");
    local.signal(Signal::SIGHUP);
    let (code, words) = local.ended();
    assert_eq!(code, Some(0), "{words}");
    assert!(!scene.path("data/broker.sock").exists(), "it stopped in order");
}

#[test]
fn the_commands_that_it_names_work_when_pasted() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let commands = local.announced["try"].as_array().unwrap();
    assert_eq!(commands.len(), 5);
    for offered in [" webhook send ", " record show", " process submit ", " process verify ", " doctor"] {
        assert!(commands.iter().any(|line| line.as_str().unwrap().contains(offered)), "{offered}: {commands:?}");
    }
    for line in commands {
        let line = line.as_str().unwrap();
        let mut shell = assert_cmd::Command::new("sh");
        let ran = run(shell.args(["-c", line]).current_dir("/").env("HOME", scene.path(".")));
        assert_eq!(ran.code, 0, "{line}\n{}\n{}", ran.stdout, ran.stderr);
    }
}

#[test]
fn a_second_start_finds_everything_again() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let (colony, process_id) = (local.announced["colony"].clone(), local.echo("1"));
    let grants = local.run(&["grant", "list", "-o", "json"]).json();
    assert_eq!(local.stop().0, Some(0));
    let local = Local::start(&scene);
    assert_eq!(local.announced["colony"], colony);
    assert_eq!(local.run(&["grant", "list", "-o", "json"]).json(), grants, "no grant is added twice");
    assert_eq!(local.run(&["process", "get", &process_id, "-o", "json"]).json()["state"], "succeeded");
    local.echo("2");
}

#[test]
fn a_killed_colony_comes_back() {
    let scene = Scene::new();
    let mut processes = Vec::new();
    for round in 0..3 {
        let local = Local::start(&scene);
        processes.push(local.echo(&round.to_string()));
        local.kill();
    }
    let local = Local::start(&scene);
    for process_id in &processes {
        assert_eq!(local.run(&["process", "verify", process_id, "-o", "json"]).json()["verified"], true);
    }
}

#[test]
fn a_start_killed_at_any_moment_is_completed_by_the_next() {
    let scene = Scene::new();
    // Each round is killed a little later, on the folder that the previous round left.
    for step in 0_u64..12 {
        let mut child = command(&scene.path("data"))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // No wait for a condition: the kill must come at arbitrary moments.
        std::thread::sleep(std::time::Duration::from_millis(step * 12));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let local = Local::start(&scene);
    local.echo("true");
    let tried_out = apiary_adapters::sources::ALL.iter().filter(|source| source.trial_secret_prefix().is_some());
    let parts = apiary_bees::ALL.len() + tried_out.count() + 1;
    let grants = local.run(&["grant", "list", "-o", "json"]).json();
    assert_eq!(grants.as_array().unwrap().len(), parts, "one grant for each bee, each open source and the operator");
    let leftovers: Vec<_> = std::fs::read_dir(scene.path("data/keys"))
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter(|name| name.contains("unfinished"))
        .collect();
    assert_eq!(leftovers, Vec::<String>::new());
}

#[test]
fn a_second_one_in_the_same_folder_is_refused() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let words = refusal(&scene);
    assert!(words.contains("runs already in") && words.contains("--data"), "{words}");
    local.echo("1");
}

#[test]
fn what_can_be_made_again_is_made_again() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let colony = local.announced["colony"].clone();
    assert_eq!(local.stop().0, Some(0));
    for file in
        ["echo.pem", "operator.pem", "server-owner.pem", "finance.pem", "stripe-adapter.pem", "stripe-webhook-secret"]
    {
        std::fs::remove_file(scene.path("data/keys").join(file)).unwrap();
    }
    std::fs::remove_file(scene.path("data/apiary.toml")).unwrap();
    let local = Local::start(&scene);
    assert_eq!(local.announced["colony"], colony);
    local.echo("1");
}

#[test]
fn a_lost_colony_key_is_not_replaced() {
    let scene = Scene::new();
    assert_eq!(Local::start(&scene).stop().0, Some(0));
    std::fs::rename(scene.path("data/keys/colony.pem"), scene.path("colony.pem")).unwrap();
    let words = refusal(&scene);
    assert!(words.contains("colony.pem is missing") && words.contains("restore the key from your backup"), "{words}");
    assert!(!scene.path("data/keys/colony.pem").exists());
    std::fs::rename(scene.path("colony.pem"), scene.path("data/keys/colony.pem")).unwrap();
    Local::start(&scene).echo("1");
}

#[test]
fn another_colonys_key_is_refused() {
    let scene = Scene::new();
    assert_eq!(Local::start(&scene).stop().0, Some(0));
    std::fs::remove_file(scene.path("data/keys/colony.pem")).unwrap();
    scene.new_key("data/keys/colony.pem");
    let words = refusal(&scene);
    assert!(words.contains("apiary.toml names the colony") && words.contains("restore the matching key"), "{words}");
    std::fs::remove_file(scene.path("data/apiary.toml")).unwrap();
    let words = refusal(&scene);
    assert!(words.contains("belongs to another colony"), "{words}");
}

#[test]
fn a_damaged_key_is_named_with_advice() {
    let scene = Scene::new();
    assert_eq!(Local::start(&scene).stop().0, Some(0));
    scene.write("data/keys/echo.pem", "-----BEGIN PRIVATE KEY-----\n");
    let words = refusal(&scene);
    assert!(words.contains("echo.pem cannot be used") && words.contains("makes a new one"), "{words}");
    std::fs::write(scene.path("data/keys/echo.pem"), [0xff; 100]).unwrap();
    let words = refusal(&scene);
    assert!(words.contains("echo.pem cannot be used") && words.contains("makes a new one"), "{words}");
    std::fs::remove_file(scene.path("data/keys/echo.pem")).unwrap();
    scene.write("data/keys/colony.pem", "");
    let words = refusal(&scene);
    assert!(words.contains("colony.pem cannot be used") && words.contains("backup"), "{words}");
}

#[test]
fn a_port_that_somebody_chose_and_is_taken_is_refused() {
    let scene = Scene::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let set = format!("broker.listen={}", taken.local_addr().unwrap());
    let data = scene.path("data");
    let arguments = ["--data", data.to_str().unwrap(), "--set", &set, "--set", "webhook.listen=127.0.0.1:0", "up"];
    let words = run(&mut assert_cmd::Command::from_std(process_in("/".as_ref(), &arguments))).fails_with(1);
    assert!(words.contains("is in use, by another program") && words.contains("--set broker.listen"), "{words}");
}

#[test]
fn an_announcement_that_nobody_reads_stops_nothing() {
    let scene = Scene::new();
    let mut child = command(&scene.path("data")).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    // As `apiary up | true` does.
    drop(child.stdout.take());
    let config = scene.path("data/apiary.toml");
    let echo = ["process", "submit", "--type", "echo", "--function", "echo", "--args", "1", "--wait"];
    eventually("the colony works", || {
        assert_eq!(child.try_wait().unwrap(), None, "it ended, because nobody read where it listens");
        let ran = scene.run(&[&["--config", config.to_str().unwrap()], &echo[..]].concat());
        (ran.code == 0).then_some(())
    });
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(!scene.path("data/broker.sock").exists(), "the socket is removed");
    assert!(!scene.path("data/finance.db-wal").exists(), "the rows are all in the one file");
}

#[test]
fn colonies_started_at_the_same_moment_find_ports_of_their_own() {
    let scene = Scene::new();
    let names = ["one", "two", "three", "four"];
    let start = |name| {
        let data = scene.path(name);
        // Without a word about ports: all look at the usual ones first.
        let mut command = scene.process(&["-o", "json", "--data", data.to_str().unwrap(), "up"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut children = names.map(start);
    let mut addresses = Vec::new();
    for child in &mut children {
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if let Ok(announced) = serde_json::from_str::<serde_json::Value>(&line) {
            addresses.extend(["broker", "webhooks"].map(|name| announced[name].as_str().unwrap().to_owned()));
        }
    }
    let words = children.map(|mut child| {
        let _ = kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGTERM);
        let mut words = String::new();
        child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
        child.wait().unwrap();
        words
    });
    let ports: HashSet<_> = addresses.iter().filter_map(|address| address.split([':', '/']).nth(4)).collect();
    assert_eq!(ports.len(), 2 * names.len(), "{addresses:?} {words:?}");
}

#[test]
fn a_webhook_that_is_signed_becomes_a_row_and_is_seen_as_a_process() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let body = r#"{"id":"evt_1","object":"event","type":"customer.subscription.created","created":1763690000,"livemode":false,
        "data":{"object":{"id":"sub_1","object":"subscription","customer":"cus_1","status":"active"}}}"#;
    post(&scene, &local, body);
    let listed = eventually("the event is applied", || {
        let listed = local.run(&["process", "list", "--type", "finance", "--state", "succeeded", "-o", "json"]).json();
        Some(listed).filter(|listed| listed.as_array().is_some_and(|list| list.len() == 1))
    });
    assert_eq!(listed[0]["submitter"], "stripe-adapter");
    assert_eq!(local.run(&["process", "verify", "latest", "-o", "json"]).json()["verified"], true);
}

/// Posts a webhook as Stripe does, and returns the answer.
fn post(scene: &Scene, local: &Local, body: &str) -> Value {
    let secret = scene.read("data/keys/stripe-webhook-secret");
    let script = "now=$(date +%s); s=$(printf '%s.%s' \"$now\" \"$BODY\" | openssl dgst -sha256 -hmac \"$SECRET\" -r | cut -d' ' -f1); \
                  curl -sS --fail-with-body --data-binary \"$BODY\" -H \"Stripe-Signature: t=$now,v1=$s\" \"$URL\"";
    let mut shell = assert_cmd::Command::new("sh");
    let url = local.announced["webhooks"].as_str().unwrap_or_default();
    run(shell.args(["-c", script]).env("BODY", body).env("SECRET", secret.trim()).env("URL", url)).json()
}

#[test]
fn an_event_that_failed_is_seen_everywhere_and_is_tried_again_when_stripe_resends_it() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    assert!(local.run(&["colony", "health"]).ok().contains("nothing needs attention"));
    // More than any column can hold.
    let body = r#"{"id":"evt_big","object":"event","type":"customer.subscription.created","created":1763690000,"livemode":false,
        "data":{"object":{"id":"sub_1","object":"subscription","customer":"cus_1","status":"active","items":{"object":"list",
        "data":[{"id":"si_1","quantity":9223372036854775808,"price":{"id":"price_1"}}]}}}}"#;
    let first = post(&scene, &local, body);
    assert_eq!((&first["existed"], &first["redriven"]), (&false.into(), &false.into()));
    let process_id = first["process_id"].as_str().unwrap();
    let attempts = |count: usize| {
        eventually("it is a dead letter", || {
            let shown = local.run(&["process", "get", process_id, "-o", "json"]).json();
            (shown["state"] == "dead_letter" && shown["attempt"] == count).then_some(())
        });
    };
    attempts(1);
    let listed = local.run(&["process", "list", "--state", "dead_letter", "-o", "json"]).json();
    assert_eq!(listed[0]["process_id"], process_id);
    let reason = listed[0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("`data.object.items.data[0].quantity` of evt_big"), "{reason}");
    assert!(reason.contains("`9223372036854775808`") && !reason.contains("line"), "{reason}");
    let ran = local.run(&["colony", "health", "-o", "json"]);
    let health: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, &health["healthy"]), (10, &false.into()), "{health}");
    assert_eq!((&health["findings"][0]["kind"], &health["findings"][0]["count"]), (&"DEAD_LETTERS".into(), &1.into()));
    let ran = local.run(&["colony", "health"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (10, ""), "the findings are data, and no error is told");
    let doctor = local.run(&["doctor", "--only", "health"]).ok();
    assert!(doctor.contains("DEAD_LETTERS") && doctor.contains(process_id), "{doctor}");
    let log = std::fs::read_to_string(scene.path("up.log")).unwrap();
    let is_told = |line: &str| line.contains("WARN") && line.contains(process_id) && line.contains("evt_big");
    assert!(log.lines().any(is_told), "{log}");

    let again = post(&scene, &local, body);
    assert_eq!((again["process_id"].as_str(), &again["redriven"]), (Some(process_id), &true.into()), "{again}");
    attempts(2);
}
