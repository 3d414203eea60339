//! `apiary process verify`: if any byte of a chain is altered in the database, it exits with 6 and names the broken
//! link.

use std::process::Output;

use apiary_identity::{Clock as _, Envelope, Revocation, SystemClock, write_key_file};
use apiary_tests::{TestColony, apiary_binary};
use uuid::Uuid;

on_each_store!(an_honest_chain_holds, what_was_done_before_a_revocation_holds_after_it, every_altered_part_is_found);

/// A finished process.
async fn finished(colony: &TestColony) -> Uuid {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &serde_json::json!({ "amount": 100 })).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    bee.complete(&colony.success("bee", &lease, b"{\"paid\":100}")).await.unwrap();
    id
}

async fn verify(colony: &TestColony, process_id: Uuid) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let key_file = folder.path().join("reader.pem");
    write_key_file(&key_file, &colony.key, None).unwrap();
    let mut command = std::process::Command::new(apiary_binary());
    command
        .args(["process", "verify", &process_id.to_string()])
        .env_clear()
        .env("HOME", folder.path())
        .env("APIARY_BROKER", format!("http://{}", colony.address()))
        .env("APIARY_COLONY", colony.key.id().to_string())
        .env("APIARY_KEY_FILE", key_file)
        .current_dir(folder.path());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    drop(folder);
    output
}

async fn an_honest_chain_holds(colony: TestColony) {
    let id = finished(&colony).await;
    let output = verify(&colony, id).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let words = String::from_utf8(output.stdout).unwrap();
    for part in ["colony", "grant", "spec", "result"] {
        assert!(words.contains(part), "{part} is not in:\n{words}");
    }
}

async fn what_was_done_before_a_revocation_holds_after_it(colony: TestColony) {
    let id = finished(&colony).await;
    for name in ["ada", "bee"] {
        let revocation = Revocation {
            colony: colony.key.id(),
            revocation_id: Uuid::new_v4(),
            grant_id: None,
            key: Some(colony.key_of(name).id()),
            from: SystemClock.now(),
            reason: None,
        };
        let envelope = Envelope::seal(&colony.key, &revocation).unwrap();
        assert_eq!(colony.client(&colony.key).revoke_grant(&envelope).await.unwrap().grants, 1, "{name}");
    }
    let output = verify(&colony, id).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

/// Builds SQL that changes the first byte of a column to another value.
fn flip(kind: &str, table: &str, column: &str, condition: &str) -> String {
    match kind {
        "postgres" => format!(
            "UPDATE {table} SET {column} = set_byte({column}, 5, (get_byte({column}, 5) + 1) % 256) WHERE {condition}"
        ),
        _ => format!(
            "UPDATE {table} SET {column} = CAST(substr({column}, 1, 5) || \
             CASE WHEN substr({column}, 6, 1) = x'41' THEN x'42' ELSE x'41' END || substr({column}, 7) AS BLOB) \
             WHERE {condition}"
        ),
    }
}

async fn every_altered_part_is_found(colony: TestColony) {
    let id = finished(&colony).await;
    let kind = colony.backend.kind();
    // Postgres keeps the last attempt in the row of the finished process.
    let attempts = if kind == "postgres" { "finished" } else { "attempts" };
    let table = [
        (flip(kind, "specs", "payload", "true"), "spec"),
        (flip(kind, "specs", "signature", "true"), "spec"),
        (flip(kind, "grants", "payload", "name = 'ada'"), "grant"),
        (flip(kind, "grants", "signature", "name = 'ada'"), "grant"),
        (flip(kind, "grants", "payload", "name = 'bee'"), "grant"),
        (flip(kind, "grants", "signature", "name = 'bee'"), "grant"),
        (flip(kind, attempts, "result_payload", "true"), "result"),
        (flip(kind, attempts, "result_signature", "true"), "result"),
        (format!("UPDATE {attempts} SET result_payload = NULL, result_signature = NULL"), "result"),
        ("UPDATE finished SET state = 'failed'".to_owned(), "result"),
        ("UPDATE specs SET function = 'g'".to_owned(), "spec"),
        ("UPDATE specs SET priority = 7".to_owned(), "spec"),
    ];
    for (tamper, link) in table {
        let undo = Snapshot::take(&colony).await;
        colony.backend.execute(&tamper).await;
        let output = verify(&colony, id).await;
        let words = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(6), "{tamper}\n{words}");
        assert!(words.contains("broken") || words.contains("BROKEN"), "{tamper}\n{words}");
        assert!(words.contains(link), "{tamper}: expected `{link}` in\n{words}");
        undo.restore(&colony).await;
        assert_eq!(verify(&colony, id).await.status.code(), Some(0), "restored after {tamper}");
    }
}

/// Copies of the unchanged tables of a chain.
struct Snapshot;

impl Snapshot {
    const TABLES: [&str; 4] = ["specs", "grants", "attempts", "finished"];

    async fn take(colony: &TestColony) -> Self {
        for table in Self::TABLES {
            colony.backend.execute(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}")).await;
        }
        Self
    }

    async fn restore(self, colony: &TestColony) {
        let attempts = if colony.backend.kind() == "postgres" { "finished" } else { "attempts" };
        for (table, columns) in [
            ("specs", "payload signature function priority"),
            ("grants", "payload signature"),
            (attempts, "result_payload result_signature"),
            ("finished", "state"),
        ] {
            let key = if table == "grants" { "grant_id" } else { "process_id" };
            for column in columns.split(' ') {
                let sql = format!(
                    "UPDATE {table} SET {column} = (SELECT kept.{column} FROM kept_{table} AS kept WHERE kept.{key} = {table}.{key})"
                );
                colony.backend.execute(&sql).await;
            }
        }
        for table in Self::TABLES {
            colony.backend.execute(&format!("DROP TABLE kept_{table}")).await;
        }
    }
}
