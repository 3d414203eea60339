//! Tests of services: readiness, watchdog, and a clean end.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot set up its subject must fail at once")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use apiary_tests::Port;
use apiary_tests::blocking::eventually;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::scene::{PATIENCE, Scene};

/// A process under a test service manager.
struct Unit {
    child: Child,
    socket: UnixDatagram,
}

impl Unit {
    fn start(scene: &Scene, variables: &[(&str, &str)], arguments: &[&str]) -> Self {
        let path = scene.path("notify.sock");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut command = scene.process(arguments);
        command.envs(variables.iter().copied()).env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "400000");
        let log = std::fs::File::create(scene.path("log")).unwrap();
        Self { child: command.stderr(log).stdout(Stdio::null()).spawn().unwrap(), socket }
    }

    /// Reads notifications until this one; returns the time that it took.
    fn until(&self, state: &str) -> Duration {
        let start = Instant::now();
        let mut buffer = [0; 1024];
        loop {
            let length = self.socket.recv(&mut buffer).expect(state);
            if String::from_utf8_lossy(&buffer[..length]).lines().any(|line| line == state) {
                return start.elapsed();
            }
        }
    }

    fn stop(mut self) -> Option<i32> {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), Signal::SIGTERM).unwrap();
        self.until("STOPPING=1");
        eventually("it ends", || self.child.try_wait().unwrap()).code()
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_broker_is_ready_shows_signs_of_life_and_ends_cleanly() {
    let scene = Scene::new();
    let unit = Unit::start(
        &scene,
        &[("APIARY_DATABASE_URL", "sqlite:broker.db")],
        &["broker", "--listen", "127.0.0.1:0", "--socket", "broker.sock"],
    );
    unit.until("READY=1");
    assert!(scene.path("broker.sock").exists());
    unit.until("WATCHDOG=1");
    unit.until("WATCHDOG=1");
    assert_eq!(unit.stop(), Some(0));
    assert!(!scene.path("broker.sock").exists(), "the socket is removed");
    assert!(scene.read("log").contains("ready: broker on 127.0.0.1:"), "{}", scene.read("log"));
}

#[test]
fn a_part_whose_task_is_down_shows_no_sign_of_life() {
    // Pauses of 100, 200, 400 and 800 ms before the starts, and half a second until the last counts as one.
    let down = Duration::from_millis(1500);
    let home = Scene::new();
    let key = home.new_key("key.pem");
    for (task, part) in [
        ("dispatcher", &["broker", "--listen", "127.0.0.1:0"][..]),
        ("forwarder", &["webhook", "--listen", "127.0.0.1:0"]),
        ("claims", &["bee", "echo"]),
    ] {
        let scene = Scene::new();
        std::fs::copy(home.path("key.pem"), scene.path("key.pem")).unwrap();
        let sabotaged = format!("{task}=4");
        let variables = [
            ("SABOTAGED_TASKS", sabotaged.as_str()),
            ("APIARY_DATABASE_URL", "sqlite:broker.db"),
            ("APIARY_COLONY", key.as_str()),
            ("APIARY_KEY_FILE", "key.pem"),
            ("APIARY_BROKER", "http://127.0.0.1:9"),
            ("STRIPE_WEBHOOK_SECRET", "whsec_for_this_test_only"),
        ];
        let unit = Unit::start(&scene, &variables, part);
        unit.until("READY=1");
        let silent = unit.until("WATCHDOG=1");
        assert!(silent > down, "{task}: {silent:?}: {}", scene.read("log"));
        assert_eq!(unit.stop(), Some(0), "{task}: {}", scene.read("log"));
    }
}

#[test]
fn an_adapter_and_a_bee_are_ready_without_a_broker_and_end_cleanly() {
    let secret = ("STRIPE_WEBHOOK_SECRET", "whsec_for_this_test_only");
    for arguments in [
        &["webhook", "--listen", "127.0.0.1:0"][..],
        &["bee", "echo"],
        &["bee", "finance", "--set", "finance.sqlite=record.db"],
    ] {
        let scene = Scene::new();
        let colony = scene.new_key("key.pem");
        let variables = [
            ("APIARY_COLONY", colony.as_str()),
            ("APIARY_KEY_FILE", "key.pem"),
            ("APIARY_BROKER", "http://127.0.0.1:9"),
            secret,
        ];
        let unit = Unit::start(&scene, &variables, arguments);
        unit.until("READY=1");
        assert_eq!(unit.stop(), Some(0), "{arguments:?}: {}", scene.read("log"));
        assert!(!scene.read("log").contains("whsec_for_this_test_only"));
    }
}

#[test]
fn two_signals_at_once_are_a_clean_end() {
    let scene = Scene::new();
    let (colony, port) = (scene.new_key("key.pem"), Port::take());
    let address = port.address().to_string();
    let variables = [
        ("APIARY_COLONY", colony.as_str()),
        ("APIARY_KEY_FILE", "key.pem"),
        ("APIARY_BROKER", "http://127.0.0.1:9"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_for_this_test_only"),
    ];
    let mut unit = Unit::start(&scene, &variables, &["webhook", "--listen", &address]);
    unit.until("READY=1");
    // A request in progress holds up the end, so that the second signal comes before it.
    let mut request = TcpStream::connect(&address).unwrap();
    let head = "POST /webhooks/stripe HTTP/1.1\r\nhost: test\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n";
    request.write_all(head.as_bytes()).unwrap();
    let mut go_on = [0; 12];
    request.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100", "its body is waited for");
    let process = Pid::from_raw(i32::try_from(unit.child.id()).unwrap());
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        kill(process, signal).unwrap();
    }
    unit.until("STOPPING=1");
    request.write_all(b"{}").unwrap();
    let ended = eventually("it ends", || unit.child.try_wait().unwrap());
    assert_eq!(ended.code(), Some(0), "{}", scene.read("log"));
}

#[test]
fn the_schema_is_brought_up_to_date_without_serving() {
    let scene = Scene::new();
    let database = [("APIARY_DATABASE_URL", "sqlite:broker.db")];
    let refused = scene
        .run_with(&database, &["broker", "--listen", "127.0.0.1:0", "--set", "broker.migrate=false"])
        .fails_with(1);
    assert!(refused.contains("--migrate") || refused.contains("migrate"), "{refused}");
    scene.run_with(&database, &["broker", "--migrate"]).ok();
    scene.run_with(&database, &["broker", "--migrate"]).ok();
    let unit = Unit::start(&scene, &database, &["broker", "--listen", "127.0.0.1:0", "--set", "broker.migrate=false"]);
    unit.until("READY=1");
    assert_eq!(unit.stop(), Some(0));
}

#[test]
fn logs_are_json_where_json_is_wanted() {
    let scene = Scene::new();
    let unit = Unit::start(
        &scene,
        &[("APIARY_DATABASE_URL", "sqlite:broker.db"), ("APIARY_LOG_FORMAT", "json")],
        &["broker", "--listen", "127.0.0.1:0"],
    );
    unit.until("READY=1");
    assert_eq!(unit.stop(), Some(0));
    let log = scene.read("log");
    let lines: Vec<&str> = log.lines().filter(|line| line.starts_with('{')).collect();
    assert!(lines.iter().any(|line| line.contains("broker listens")), "{log}");
    for line in lines {
        assert!(serde_json::from_str::<serde_json::Value>(line).unwrap()["level"].is_string());
    }
}
