//! Tests behind a firewall: the proxy from the environment is the only way out.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

use apiary_tests::blocking::eventually;

use crate::scene::Scene;

/// A process that ends with the test.
struct Running(Child);

impl Running {
    fn start(scene: &Scene, log: &str, variables: &[(&str, &str)], arguments: &[&str]) -> Self {
        let log = std::fs::File::create(scene.path(log)).unwrap();
        let mut command = scene.process(arguments);
        Self(command.envs(variables.iter().copied()).stderr(log).stdout(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a proxy that connects every request to one target and records the requests. Without a target, it answers 503.
fn proxy(target: Option<SocketAddr>) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, heads) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
    let written = Arc::clone(&heads);
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let written = Arc::clone(&written);
            std::thread::spawn(move || serve(client, target, &written));
        }
    });
    (address, heads)
}

fn serve(client: TcpStream, target: Option<SocketAddr>, heads: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(client.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    heads.lock().unwrap().push(head);
    let mut client = client;
    let Some(server) = target.and_then(|target| TcpStream::connect(target).ok()) else {
        let _ = client.write_all(b"HTTP/1.1 503 Away\r\nContent-Length: 0\r\n\r\n");
        return;
    };
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
    let (mut to, mut from) = (server.try_clone().unwrap(), server);
    std::thread::spawn(move || std::io::copy(&mut reader, &mut to));
    let _ = std::io::copy(&mut from, &mut client);
}

#[test]
fn a_bee_behind_a_proxy_claims_and_completes() {
    let scene = Scene::new();
    let id = |key: &str| scene.new_key(key);
    let (owner, colony, bee, me) = (id("owner.pem"), id("colony.pem"), id("bee.pem"), id("me.pem"));
    scene.run(&["tls", "new", "broker.example"]).ok();
    let _broker = Running::start(
        &scene,
        "broker.log",
        &[
            ("APIARY_DATABASE_URL", "sqlite:broker.db"),
            ("APIARY_BROKER_SERVER_OWNER", &owner),
            ("APIARY_BROKER_TLS_CERTIFICATE", "tls/server.pem"),
            ("APIARY_BROKER_TLS_KEY", "tls/server-key.pem"),
        ],
        &["broker", "--listen", "127.0.0.1:0", "--socket", "broker.sock"],
    );
    let listens = eventually("the broker is ready", || {
        let log = scene.read("broker.log");
        let (_, rest) = log.split_once("ready: broker on ")?;
        rest.split_whitespace().next()?.parse::<SocketAddr>().ok()
    });
    let socket = format!("unix:{}", scene.path("broker.sock").display());
    let local = |arguments: &[&str]| {
        let near = [("APIARY_BROKER", socket.as_str()), ("APIARY_COLONY", &colony)];
        scene.run_with(&near, arguments)
    };
    local(&["colony", "create", "shop", "--id", &colony, "--key-file", "owner.pem"]).ok();
    for (key, role, name) in [(&bee, "executor", "echo"), (&me, "user", "me")] {
        let scope = ["--function", "*", "--executor-type", "echo", "--right", "read"];
        let scope = if role == "user" { &scope[..] } else { &scope[..4] };
        let who = ["grant", "add", "--colony-key", "colony.pem", "--key", key, "--role", role, "--name", name];
        local(&[&who[..], scope].concat()).ok();
    }

    let (gate, heads) = proxy(Some(listens));
    let far = |proxy: &str| {
        let way = [("APIARY_BROKER", "https://broker.example:7420"), ("APIARY_BROKER_CA_FILE", "tls/ca.pem")];
        let rest = [("APIARY_COLONY", colony.as_str()), ("APIARY_KEY_FILE", "bee.pem"), ("HTTPS_PROXY", proxy)];
        way.into_iter().chain(rest).map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<Vec<_>>()
    };
    let with_password = far(&format!("http://bee:hunter2@{gate}"));
    let variables: Vec<_> = with_password.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let _bee = Running::start(&scene, "bee.log", &variables, &["bee", "echo", "-vv"]);
    let submit =
        ["process", "submit", "--key-file", "me.pem", "--type", "echo", "--function", "echo", "--args", "\"hi\""];
    let done = local(&[&submit[..], &["--wait"]].concat());
    assert!(done.stdout.contains("hi"), "{}\n{}\n{}", done.stdout, done.stderr, scene.read("bee.log"));
    let head = heads.lock().unwrap()[0].clone();
    assert!(head.starts_with("CONNECT broker.example:7420 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("Proxy-Authorization: Basic YmVlOmh1bnRlcjI="), "{head}");
    let log = scene.read("bee.log");
    assert!(!log.contains("hunter2") && !log.contains("YmVlOmh1bnRlcjI"), "{log}");

    // A listed host bypasses the proxy, and is not found.
    let before = heads.lock().unwrap().len();
    let past = [&variables[..], &[("NO_PROXY", ".example")]].concat();
    scene.run_with(&past, &["process", "list"]).fails_with(4);
    assert_eq!(heads.lock().unwrap().len(), before);
    let refused = far(&format!("http://{}", proxy(None).0));
    let variables: Vec<_> = refused.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let words = scene.run_with(&variables, &["process", "list"]).fails_with(4);
    assert!(words.contains("(from HTTPS_PROXY) answered 503 to CONNECT broker.example:7420"), "{words}");
}

#[test]
fn the_state_of_record_is_reached_through_the_same_proxy() {
    let scene = Scene::new();
    let (gate, heads) = proxy(None);
    let gate = format!("http://{gate}");
    let variables = [
        ("SUPABASE_URL", "https://project.example"),
        ("SUPABASE_SERVICE_ROLE_KEY", "sb_secret_for_this_test"),
        ("HTTPS_PROXY", gate.as_str()),
    ];
    scene.run_with(&variables, &["doctor", "--only", "record"]);
    assert!(heads.lock().unwrap()[0].starts_with("CONNECT project.example:443 HTTP/1.1\r\n"));
    let past = [&variables[..], &[("NO_PROXY", "project.example")]].concat();
    let before = heads.lock().unwrap().len();
    scene.run_with(&past, &["doctor", "--only", "record"]);
    assert_eq!(heads.lock().unwrap().len(), before);
}
