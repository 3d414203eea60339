//! Third-party clients against a real broker: refusals as gRPC's own libraries report them, and the examples of
//! `docs/protocol.md` for other languages. `cargo xtask test` installs their requirements.

mod buf;
mod go;
mod node;
mod python;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use apiary_broker::config::{Config, TlsConfig};
use apiary_executor_sdk::{Watch, v1};
use apiary_identity::{Clock as _, Envelope, Request, SystemClock, write_key_file};
use apiary_tests::{Backend, TestColony, apiary_binary};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message;
use serde_json::{Value, json};
use uuid::Uuid;

/// Maximum number of watches of a key at a broker, including calls that await a process.
const WATCHES: usize = apiary_broker::limits::WATCHES_PER_KEY_MAX;
/// Calls whose deadline passes while they wait.
const DEADLINES: u32 = 40;

/// A call, and its expected refusal.
struct Case {
    call: Value,
    code: &'static str,
    reason: Option<&'static str>,
    retry_ms: Option<u64>,
    field: Option<&'static str>,
    words: &'static str,
}

/// A broker for the clients' calls.
struct Scene {
    colony: TestColony,
    broker_id: String,
    /// Open watches up to the bound, so that the next is one too many.
    watches: Vec<Watch>,
}

/// Returns the absolute path of a file of this repository.
fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(name).canonicalize().unwrap()
}

/// Returns a path installed by `cargo xtask test`.
fn installed(variable: &str) -> PathBuf {
    std::env::var_os(variable).unwrap_or_else(|| panic!("{variable} is not set: run `cargo xtask test`")).into()
}

impl Scene {
    async fn new() -> Self {
        let colony = TestColony::start(Backend::sqlite().await).await;
        let (reader, bee) = (colony.reader().await, colony.executor("bee", "t").await);
        let mut watches = Vec::new();
        for _ in 0..WATCHES {
            watches.push(reader.watch(v1::WatchRequest::default()).await.unwrap());
        }
        let broker_id = bee.connect().await.unwrap().broker_id;
        Self { colony, broker_id, watches }
    }

    /// Builds a signed call, as JSON for a client program.
    fn call(&self, name: &str, method: &str, message: &impl Message) -> Value {
        let message = message.encode_to_vec();
        let request = Request::new(method, self.colony.key.id(), &self.broker_id, SystemClock.now(), &message);
        let envelope = Envelope::seal(&self.colony.key_of(name), &request).unwrap();
        let request = apiary_executor_sdk::wire::envelope_to_proto(&envelope).encode_to_vec();
        json!({ "method": method, "message": STANDARD.encode(message), "request": STANDARD.encode(request) })
    }

    fn cases(&self) -> Vec<Case> {
        assert_eq!(self.watches.len(), WATCHES);
        const GET: &str = "/apiary.v1.ProcessService/GetProcess";
        const CLAIM: &str = "/apiary.v1.LeaseService/Claim";
        let process_id = Uuid::now_v7().to_string();
        let claim = v1::ClaimRequest { executor_type: "t".into(), wait_ms: 30_000, ..Default::default() };
        let (get, wrong) = (
            v1::GetProcessRequest { process_id: process_id.clone() },
            v1::ClaimRequest { count_max: -1, ..claim.clone() },
        );
        let case =
            |call, code, reason, words| Case { call, code, reason: Some(reason), retry_ms: None, field: None, words };
        let mut unsigned = self.call("reader", GET, &get);
        unsigned["request"] = json!("");
        let awaits = v1::AwaitRequest { process_id, wait_ms: 0 };
        let mut cases = vec![
            case(unsigned, "unauthenticated", "UNSIGNED", "is not signed"),
            case(self.call("bee", GET, &get), "permissiondenied", "NOT_PERMITTED", "not permitted"),
            case(self.call("reader", GET, &get), "notfound", "NOT_FOUND", "no process"),
            Case {
                field: Some("count_max"),
                ..case(
                    self.call("bee", CLAIM, &wrong),
                    "invalidargument",
                    "INVALID",
                    "`count_max` is 1 to 1000; got -1",
                )
            },
            Case {
                retry_ms: Some(1000),
                ..case(
                    self.call("reader", "/apiary.v1.ProcessService/Await", &awaits),
                    "resourceexhausted",
                    "OVERLOADED",
                    "try again",
                )
            },
        ];
        for number in 0..DEADLINES {
            let mut call = self.call("bee", CLAIM, &claim);
            call["timeout_ms"] = json!(15 + number);
            // The client's own deadline may be the first, and has no details.
            let deadline =
                Case { code: "deadlineexceeded", reason: None, retry_ms: None, field: None, words: "", call };
            cases.push(deadline);
        }
        cases
    }

    /// Runs a client program, and compares its output with the expected refusals.
    async fn check(&self, mut command: Command) {
        let cases = self.cases();
        let lines: String = cases.iter().map(|case| format!("{}\n", case.call)).collect();
        let output = tokio::task::spawn_blocking(move || {
            let pipe = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = pipe.spawn().expect("the client program starts");
            let mut input = child.stdin.take().unwrap();
            let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
            let output = child.wait_with_output().unwrap();
            (output, writer.join().unwrap())
        });
        let (output, written) = output.await.unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && written.is_ok(), "{errors}");
        let told: Vec<Value> = output
            .stdout
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect();
        assert_eq!(told.len(), cases.len(), "{errors}");
        for (case, told) in cases.iter().zip(&told) {
            case.hold(told);
        }
    }
}

impl Case {
    #[track_caller]
    fn hold(&self, told: &Value) {
        let code = told["code"].as_str().unwrap().to_lowercase().replace('_', "");
        assert_eq!(code, self.code, "{}: {told}", self.call);
        let Some(reason) = self.reason else { return };
        assert_eq!(told["reason"], reason, "{told}");
        assert_eq!(
            (&told["domain"], &told["retryable"]),
            (&json!("apiary"), &json!(self.retry_ms.is_some().to_string())),
            "{told}"
        );
        assert_eq!(told["retry_ms"].as_u64(), self.retry_ms, "{told}");
        assert_eq!(told["field"].as_str(), self.field, "{told}");
        assert!(told["message"].as_str().unwrap().contains(self.words), "{told}");
    }
}

/// Runs an example of `docs/protocol.md` unchanged, in the language of its fence, on a finished process: in plain text,
/// and over TLS with an authority in this variable, as the page says.
async fn example(fence: &str, extension: &str, program: impl Into<PathBuf>, ca_variable: &str) {
    apiary_tests::web::install_tls();
    let tls = Arc::new(Mutex::new(None));
    let served = Arc::clone(&tls);
    let tune = move |config: &mut Config| config.listen.tls.clone_from(&served.lock().unwrap());
    let mut colony = TestColony::start_tuned(Backend::sqlite().await, tune).await;
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    colony.reader().await;
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    bee.complete(&colony.success("bee", &lease, b"{\"paid\": true}")).await.unwrap();
    let page = include_str!("../../../docs/protocol.md");
    assert!(page.contains(&format!("`{ca_variable}=tls/ca.pem`")), "the page names {ca_variable}");
    let (_, rest) = page.split_once(&format!("```{fence}\n")).expect("the page has an example");
    let (script, _) = rest.split_once("```").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (file, key_file) = (folder.path().join("example").with_extension(extension), folder.path().join("key.pem"));
    std::fs::write(&file, script).unwrap();
    write_key_file(&key_file, &colony.key_of("reader"), None).unwrap();
    let (program, colony_id) = (program.into(), colony.key.id().to_string());
    let run = async |url: String, ca: Option<&Path>| {
        let mut command = Command::new(&program);
        command
            .arg(&file)
            .env("BROKER_URL", url)
            .env("COLONY_ID", &colony_id)
            .env("KEY_FILE", &key_file)
            .env("PROCESS_ID", id.to_string())
            .env("TZ", "XXX-14")
            .env("no_proxy", "*")
            .envs(ca.map(|ca| (ca_variable, ca)));
        tokio::task::spawn_blocking(move || command.output().expect("the language is installed")).await.unwrap()
    };
    let succeeds = |output: Output| {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&answer["state"], &answer["output"]), (&json!("succeeded"), &json!({ "paid": true })), "{answer}");
    };
    succeeds(run(format!("http://{}", colony.address()), None).await);
    let (config, ca) = certified(folder.path());
    *tls.lock().unwrap() = Some(config);
    colony.stop().await;
    colony.start_again().await;
    let url = format!("https://{}", colony.address());
    assert!(!run(url.clone(), None).await.status.success(), "it does not believe an authority that nobody named");
    succeeds(run(url, Some(&ca)).await);
}

/// Makes an authority, and its certificate for the tests' address, as the page says; returns the authority's file, too.
fn certified(folder: &Path) -> (TlsConfig, PathBuf) {
    let mut command = Command::new(apiary_binary());
    let made = command.args(["tls", "new", "127.0.0.1"]).current_dir(folder).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let file = |name: &str| folder.join("tls").join(name);
    let tls = TlsConfig { certificate: file("server.pem"), key: file("server-key.pem"), client_authorities: None };
    (tls, file("ca.pem"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_commands_read_a_result() {
    example("bash", "sh", "bash", "CURL_CA_BUNDLE").await;
}
