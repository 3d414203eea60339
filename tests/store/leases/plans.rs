//! Statements of Postgres about leases. Their plans are made once, while the tables are empty, and must not read whole tables later; and
//! they lock no more than they need.

use apiary_store::model::NewProcess;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

use crate::tenant::{KIND, NOW, Tenant};

const CLAIM_PLAIN: &str = include_str!("../../../broker/store-postgres/src/leases/claim_plain.sql");

/// Statements about many leases at once, with their numbers of parameters.
const STATEMENTS: [(&str, usize); 8] = [
    (include_str!("../../../broker/store-postgres/src/processes/submit.sql"), 34),
    (CLAIM_PLAIN, 10),
    (include_str!("../../../broker/store-postgres/src/leases/claim.sql"), 5),
    (include_str!("../../../broker/store-postgres/src/leases/complete.sql"), 8),
    (include_str!("../../../broker/store-postgres/src/leases/fail.sql"), 12),
    (include_str!("../../../broker/store-postgres/src/leases/release.sql"), 8),
    (include_str!("../../../broker/store-postgres/src/leases/renew.sql"), 5),
    (include_str!("../../../broker/store-postgres/src/leases/report.sql"), 10),
];

#[tokio::test]
async fn what_moves_leases_reads_their_rows_alone_whatever_is_known_of_the_tables() {
    let backend = apiary_tests::Backend::postgres().await;
    backend.open().await;
    let mut connection = PgConnection::connect(&backend.url()).await.unwrap();
    for table in ["queue", "leases", "specs", "attempts", "finished"] {
        connection.execute(AssertSqlSafe(format!("VACUUM ANALYZE apiary.{table}"))).await.unwrap();
    }
    connection.execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan").await.unwrap();
    for (number, (sql, parameters)) in STATEMENTS.into_iter().enumerate() {
        let nulls = vec!["NULL"; parameters].join(", ");
        connection.execute(AssertSqlSafe(format!("PREPARE moves_{number} AS {sql}"))).await.unwrap();
        let explain = AssertSqlSafe(format!("EXPLAIN (COSTS OFF) EXECUTE moves_{number} ({nulls})"));
        let plan: Vec<String> = sqlx::query_scalar(explain).fetch_all(&mut connection).await.unwrap();
        let whole = plan.join("\n");
        let mut scans = 0;
        for (at, line) in plan.iter().enumerate() {
            let is_large = ["leases", "specs", "queue", "finished", "attempts"]
                .iter()
                .any(|table| line.contains(&format!(" on {table}")));
            assert!(!is_large || !line.contains("Seq Scan"), "{whole}");
            // The part of an index that is read comes right behind its scan; without it, that is all of it.
            if line.contains(" Scan using ") && is_large {
                scans += 1;
                assert!(plan.get(at + 1).is_some_and(|next| next.contains("Index Cond:")), "{sql}\n{whole}");
            }
        }
        assert!(scans > 0, "{whole}");
    }
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_plain_claim_in_vain_keeps_no_work_with_a_key_from_its_turn() {
    let backend = apiary_tests::Backend::postgres().await;
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.push(tenant.submit(NewProcess { rate_key: Some("key".to_owned()), ..tenant.process() }).await);
    }
    let mut connection = PgConnection::connect(&backend.url()).await.unwrap();
    let mut other = connection.begin().await.unwrap();
    // Another broker's claim, which is under way.
    let claim = sqlx::query(AssertSqlSafe(CLAIM_PLAIN))
        .bind(tenant.colony.key.0)
        .bind(KIND)
        .bind(vec![bee.grant.0])
        .bind(vec![1000_i64])
        .bind(vec!["bee"])
        .bind(None::<Vec<String>>)
        .bind(Vec::<String>::new())
        .bind(vec![bee.grant.0])
        .bind(NOW)
        .bind(vec![None::<i64>]);
    assert_eq!(claim.fetch_all(&mut *other).await.unwrap().len(), 1, "it says that it is in vain");
    let claimed: Vec<_> = tenant.claim_at(&bee, 1, NOW).await.iter().map(|lease| lease.process_id).collect();
    assert_eq!(claimed, ids[..1]);
    other.rollback().await.unwrap();
    connection.close().await.unwrap();
}
