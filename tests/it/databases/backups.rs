//! Backups that the program makes beside a running broker, and migrations that ask for one.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use apiary_executor_sdk::v1::{ListProcessesRequest, ProcessState};
use apiary_tests::parts::{Parts, post_once};
use apiary_tests::{Backend, apiary_binary, eventually_within, postgres_programs};

/// Brings the schema back to what it was before one of its migrations.
const STEP_BACK: &str =
    "DROP TABLE events; DROP TABLE event_heads; DELETE FROM migrations WHERE description = 'events'";

mod sqlite {
    use apiary_tests::Backend;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_backup_of_a_running_broker_is_restored_and_verified() {
        super::a_backup_of_a_running_broker_is_restored_and_verified(
            &Backend::sqlite().await,
            &Backend::sqlite().await,
        )
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_migration_copies_the_file_first() {
        let (backend, folder) = (Backend::sqlite().await, tempfile::tempdir().unwrap());
        super::assert_done(&super::broker(&backend, &["--migrate"], folder.path()).await);
        backend.execute(super::STEP_BACK).await;
        super::assert_done(&super::broker(&backend, &["--migrate"], folder.path()).await);
        let copy = backend.path().with_extension("db.before-migration-6");
        assert!(copy.is_file(), "{}", copy.display());
        assert_eq!(backend.number("SELECT count(*) FROM events").await, 0, "the migration ran");
        std::fs::copy(&copy, backend.path()).unwrap();
        let before = "SELECT count(*) FROM sqlite_schema WHERE name = 'events'";
        assert_eq!(backend.number(before).await, 0, "the copy is of before");
    }
}

mod postgres {
    use apiary_tests::Backend;

    use super::{STEP_BACK, assert_done, broker};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_backup_of_a_running_broker_is_restored_and_verified() {
        let (backend, elsewhere) = (Backend::postgres().await, Backend::postgres().await);
        super::a_backup_of_a_running_broker_is_restored_and_verified(&backend, &elsewhere).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_migration_is_refused_until_there_is_a_backup() {
        let (backend, folder) = (Backend::postgres().await, tempfile::tempdir().unwrap());
        assert_done(&broker(&backend, &["--migrate"], folder.path()).await);
        backend.execute(STEP_BACK).await;
        for arguments in [&["--migrate"][..], &[]] {
            let refused = broker(&backend, arguments, folder.path()).await;
            let words = String::from_utf8_lossy(&refused.stderr);
            assert!(!refused.status.success() && words.contains("`apiary broker --backup FILE`"), "{words}");
        }
        assert_done(&broker(&backend, &["--backup", "broker.dump"], folder.path()).await);
        assert_done(&broker(&backend, &["--migrate"], folder.path()).await);

        backend.execute(&format!("{STEP_BACK}; DELETE FROM backups")).await;
        assert!(!broker(&backend, &["--migrate"], folder.path()).await.status.success());
        assert_done(&broker(&backend, &["--migrate", "--no-backup"], folder.path()).await);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_backup_that_fails_says_why_and_leaves_nothing() {
        let (backend, folder) = (Backend::postgres().await, tempfile::tempdir().unwrap());
        assert_done(&broker(&backend, &["--migrate"], folder.path()).await);
        for (file, path, words) in
            [("none/broker.dump", None, "none/broker.dump"), ("broker.dump", Some("/nowhere"), "install Postgres")]
        {
            let failed = super::broker_with(&backend, &["--backup", file], folder.path(), path).await;
            let said = String::from_utf8_lossy(&failed.stderr);
            assert!(!failed.status.success() && said.contains(words), "{said}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left");
        assert_eq!(backend.number("SELECT count(*) FROM backups").await, 0, "nothing is noted");
    }
}

async fn a_backup_of_a_running_broker_is_restored_and_verified(backend: &Backend, elsewhere: &Backend) {
    let folder = tempfile::tempdir().unwrap();
    let mut parts = Parts::new(folder.path(), &backend.url());
    parts.start_broker_and_webhook().await;
    parts.bee.start();
    assert!(post_once(parts.webhook_address, 1).await.unwrap().status().is_success());
    let reader = parts.client(&parts.colony);
    eventually_within(Duration::from_secs(60), "the event is applied", async || {
        let found = reader.list_processes(ListProcessesRequest::default()).await.ok()?.processes;
        found.first().is_some_and(|process| process.state() == ProcessState::Succeeded).then_some(())
    })
    .await;
    let copy = folder.path().join("broker.copy");
    assert_done(&broker(backend, &["--backup", "broker.copy"], folder.path()).await);
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&copy).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600, "readable by its owner only");
    for part in [&mut parts.bee, &mut parts.webhook, &mut parts.broker] {
        part.kill();
    }

    restore(&copy, elsewhere).await;
    parts.broker.settings("APIARY_DATABASE_URL", elsewhere.url());
    parts.broker.start();
    parts.broker.ready().await;
    let verified = parts.run(&["process", "verify", "latest"]).await;
    assert_done(&verified);
}

/// Restores a backup as `docs/operations.md` says.
async fn restore(copy: &Path, elsewhere: &Backend) {
    if elsewhere.kind() == "sqlite" {
        std::fs::copy(copy, elsewhere.path()).unwrap();
        return;
    }
    let program = postgres_programs().map_or_else(|| "pg_restore".into(), |folder| folder.join("pg_restore"));
    let mut command = Command::new(program);
    command.args(["--no-owner", "--no-privileges", "--exit-on-error", "--dbname", &elsewhere.url()]).arg(copy);
    assert_done(&tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap());
}

/// Runs `apiary broker` with these arguments to its end.
async fn broker(backend: &Backend, arguments: &[&str], folder: &Path) -> Output {
    let programs = postgres_programs().map(|folder| folder.display().to_string());
    broker_with(backend, arguments, folder, programs.as_deref()).await
}

/// Runs `apiary broker` with these arguments, and this folder as the search path; the test's own if there is none.
async fn broker_with(backend: &Backend, arguments: &[&str], folder: &Path, programs: Option<&str>) -> Output {
    let mut command = Command::new(apiary_binary());
    command.arg("broker").args(arguments).current_dir(folder).env_clear();
    command.env("APIARY_DATABASE_URL", backend.url()).env("APIARY_BROKER_LISTEN", "127.0.0.1:0");
    match programs {
        Some(programs) => command.env("PATH", programs),
        None => command.env("PATH", std::env::var_os("PATH").unwrap_or_default()),
    };
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn assert_done(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
