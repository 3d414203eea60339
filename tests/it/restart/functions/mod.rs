//! The TypeScript examples of `adapters/examples`, run by Node: with the vectors that they share with the Rust code, and
//! against a broker that is killed before, during and after a submit.

mod stage;
mod table;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Weak};
use std::time::Duration;

use apiary_tests::Backend;
use tempfile::TempDir;
use tokio::sync::Mutex;

use stage::{SECRET, Stage};

/// Test files that need no broker, and the fewest tests in them.
const ALONE: (&[&str], usize) = (&["signer", "stripe", "webhook"], 105);
/// Test files with a broker, and the fewest tests in them.
const WITH_BROKER: (&[&str], usize) = (&["broker"], 16);
/// Fewest events that the tests with a broker send.
const EVENTS_MIN: usize = 50;
/// Longest time of Node's tests.
const TIME_MAX: Duration = Duration::from_secs(600);

mod sqlite {
    #[tokio::test(flavor = "multi_thread")]
    async fn an_event_is_applied_exactly_once_whenever_the_broker_is_killed() {
        super::an_event_is_applied_exactly_once_whenever_the_broker_is_killed(apiary_tests::Backend::sqlite().await)
            .await;
    }
}

mod postgres {
    #[tokio::test(flavor = "multi_thread")]
    async fn an_event_is_applied_exactly_once_whenever_the_broker_is_killed() {
        super::an_event_is_applied_exactly_once_whenever_the_broker_is_killed(apiary_tests::Backend::postgres().await)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_sign_and_verify_as_the_rust_code_does() {
    let built = built().await;
    let (files, tests_min) = ALONE;
    run(node(built.path(), files), tests_min).await;
}

async fn an_event_is_applied_exactly_once_whenever_the_broker_is_killed(backend: Backend) {
    let (folder, built) = (tempfile::tempdir().unwrap(), built().await);
    let mut stage = Stage::start(folder.path(), &backend.url()).await;
    let (files, tests_min) = WITH_BROKER;
    let mut command = node(built.path(), files);
    command
        .env("APIARY_TEST_STAGE", stage.url())
        .env("APIARY_TEST_ADAPTER", format!("http://{}/webhooks/stripe", stage.parts.webhook_address))
        .env("STRIPE_WEBHOOK_SECRET", SECRET)
        .env("APIARY_BROKER", format!("http://{}", stage.proxy.address()))
        .env("APIARY_COLONY", stage.parts.colony.id().to_string())
        .env("APIARY_KEY", std::fs::read_to_string(folder.path().join("adapter.pem")).unwrap())
        .env("SUPABASE_URL", &stage.table.url)
        .env("SUPABASE_SERVICE_ROLE_KEY", "sb_secret_only_for_these_tests");
    tokio::select! {
        () = run(command, tests_min) => {}
        () = stage.serve() => {}
    }
    // Counted here once more, and not by the tests that made the events.
    let (processes, rows) = (stage.processes().await, stage.table.inserts());
    assert!(processes.len() >= EVENTS_MIN, "{} events", processes.len());
    assert!(processes.values().all(|ids| ids.len() == 1), "{processes:?}");
    assert_eq!(stage.unfinished().await, Vec::<String>::new());
    assert!(processes.keys().eq(rows.keys()), "every event has its process and its row");
    assert!(rows.values().any(|inserts| *inserts > 1), "some events were applied on both ways");
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../adapters/examples").canonicalize().unwrap()
}

/// Returns a folder with the compiled examples. Tests that run at the same time share it: the compiler is slow.
async fn built() -> Arc<TempDir> {
    static SHARED: Mutex<Weak<TempDir>> = Mutex::const_new(Weak::new());
    let mut shared = SHARED.lock().await;
    if let Some(built) = shared.upgrade() {
        return built;
    }
    let built = Arc::new(tempfile::tempdir().unwrap());
    build(built.path()).await;
    *shared = Arc::downgrade(&built);
    built
}

/// Checks the types of the examples without those of Node, and compiles them with their tests into `built`.
async fn build(built: &Path) {
    let packages = std::env::var_os("APIARY_TEST_TYPESCRIPT");
    let packages = PathBuf::from(packages.expect("APIARY_TEST_TYPESCRIPT is not set: run `cargo xtask test`"));
    let modules = packages.join("node_modules");
    let compiler = || {
        let mut command = Command::new("node");
        command.arg(modules.join("typescript/bin/tsc")).current_dir(examples()).arg("--project");
        command
    };
    let mut check = compiler();
    check.args([".", "--noEmit"]);
    let mut emit = compiler();
    emit.arg("tests").arg("--outDir").arg(built).arg("--typeRoots").arg(modules.join("@types")).arg("--skipLibCheck");
    for command in [check, emit] {
        let output = output(command).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    std::fs::copy(examples().join("package.json"), built.join("package.json")).unwrap();
}

fn node(built: &Path, files: &[&str]) -> Command {
    let mut command = Command::new("node");
    command.args(["--test", "--test-reporter=tap"]).current_dir(built).env("APIARY_EXAMPLES", examples());
    command.args(files.iter().map(|file| format!("tests/{file}.test.js")));
    command.env("no_proxy", "*");
    command
}

/// Runs Node's tests; all must pass, and there must be as many as are known.
async fn run(command: Command, tests_min: usize) {
    let output = output(command).await;
    let words = String::from_utf8_lossy(&output.stdout);
    let number = |name: &str| -> usize {
        let line = words.lines().find_map(|line| line.strip_prefix(&format!("# {name} ")));
        line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{words}"))
    };
    assert!(output.status.success(), "{words}\n{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!((number("fail"), number("skipped"), number("cancelled")), (0, 0, 0), "{words}");
    assert!(number("pass") >= tests_min, "{words}");
}

async fn output(command: Command) -> Output {
    let mut command = tokio::process::Command::from(command);
    let running = command.kill_on_drop(true).output();
    tokio::time::timeout(TIME_MAX, running).await.expect("it ends in time").unwrap()
}
