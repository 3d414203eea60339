//! Plain SQL that does what a queue must: insert, claim without a second claimer, end. Without history it moves the
//! arguments alone; with history it moves and keeps the bytes of signed documents.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use apiary_identity::{Clock as _, Content, Digest, Document as _, KeyPair, Outcome, SystemClock};
use apiary_tests::Backend;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::crypto::spec;
use crate::deployment::observer_of;
use crate::load::args;
use crate::meter::{Meter, Rate};

/// Rows that are moved.
const ROWS: usize = 100_000;
/// Rows of a statement.
const BATCH: usize = 100;
/// Connections, each with one statement in progress.
const CONNECTIONS: usize = 3;
/// Bytes of a signature.
const SIGNATURE: usize = 64;

/// Records of rows that are done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum History {
    /// Nothing.
    None,
    /// Everything.
    Kept,
}

/// Rates of a floor.
pub(crate) struct Floor {
    pub(crate) enqueued: Rate,
    pub(crate) done: Rate,
}

/// Statements of a queue.
struct Statements {
    create: &'static str,
    /// Takes ids and bytes.
    submit: &'static str,
    /// Takes a number of rows, and returns key and bytes.
    claim: &'static str,
    /// Takes keys and bytes.
    end: &'static str,
}

const WITHOUT_HISTORY: Statements = Statements {
    // Half of each page is free, so that a claim changes its row in place.
    create: "CREATE TABLE jobs (key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, is_claimed boolean NOT NULL \
             DEFAULT false, args bytea NOT NULL) WITH (fillfactor = 50)",
    submit: "INSERT INTO jobs (args) SELECT args FROM unnest($1::uuid[], $2::bytea[]) AS jobs (id, args)",
    claim: "UPDATE jobs SET is_claimed = true WHERE key = ANY (ARRAY(SELECT key FROM jobs WHERE NOT is_claimed \
            ORDER BY key LIMIT $1 FOR UPDATE SKIP LOCKED)) RETURNING key, args",
    end: "DELETE FROM jobs USING unnest($1::bigint[], $2::bytea[]) AS ended (key, result) WHERE jobs.key = ended.key",
};

const WITH_HISTORY: Statements = Statements {
    create: "CREATE TABLE specs (key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id uuid NOT NULL UNIQUE, spec bytea \
             NOT NULL); \
             CREATE TABLE jobs (key bigint PRIMARY KEY, is_claimed boolean NOT NULL DEFAULT false) WITH (fillfactor = 50); \
             CREATE TABLE results (key bigint PRIMARY KEY, result bytea NOT NULL)",
    submit: "WITH kept AS (INSERT INTO specs (id, spec) SELECT id, spec FROM unnest($1::uuid[], $2::bytea[]) AS specs \
             (id, spec) RETURNING key) INSERT INTO jobs (key) SELECT key FROM kept",
    claim: "WITH claimed AS (UPDATE jobs SET is_claimed = true WHERE key = ANY (ARRAY(SELECT key FROM jobs WHERE NOT \
            is_claimed ORDER BY key LIMIT $1 FOR UPDATE SKIP LOCKED)) RETURNING key) \
            SELECT claimed.key, specs.spec FROM claimed JOIN specs ON specs.key = claimed.key",
    end: "WITH ended AS (DELETE FROM jobs USING unnest($1::bigint[], $2::bytea[]) AS ended (key, result) WHERE jobs.key = \
          ended.key RETURNING ended.key, ended.result) INSERT INTO results (key, result) SELECT key, result FROM ended",
};

/// Measures inserts, then claims and ends, on a database of its own.
pub(crate) async fn measure(history: History) -> anyhow::Result<Floor> {
    let statements = match history {
        History::None => &WITHOUT_HISTORY,
        History::Kept => &WITH_HISTORY,
    };
    let backend = Backend::postgres().await;
    let mut meter = Meter::new(Vec::new(), observer_of(&backend).await?);
    let connections = connect(&backend, statements).await?;
    let (documents, result) = documents(history)?;
    if let Some(observer) = meter.observer() {
        observer.checkpoint().await?;
    }
    let before = meter.sample().await?;
    let connections = submit_all(connections, statements, documents).await?;
    let enqueued = meter.since(&before).await?.of(ROWS)?;
    let before = meter.sample().await?;
    drain_all(connections, statements, result).await?;
    let done = meter.since(&before).await?.of(ROWS)?;
    Ok(Floor { enqueued, done })
}

async fn connect(backend: &Backend, statements: &Statements) -> anyhow::Result<Vec<PgConnection>> {
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(PgConnection::connect(&backend.url()).await?);
    }
    if let Some(first) = connections.first_mut() {
        sqlx::raw_sql(AssertSqlSafe(statements.create)).execute(first).await?;
    }
    Ok(connections)
}

/// Returns the bytes of a batch, and of a result.
fn documents(history: History) -> anyhow::Result<(Vec<Vec<u8>>, Vec<u8>)> {
    if history == History::None {
        return Ok(((0..BATCH).map(args).collect(), Vec::new()));
    }
    let key = KeyPair::generate();
    let signed = |mut payload: Vec<u8>| {
        payload.extend([1; SIGNATURE]);
        payload
    };
    let specs = (0..BATCH).map(|number| Ok(signed(spec(&key, number)?))).collect::<anyhow::Result<_>>()?;
    let (digest, now) = (Digest([1; 32]), SystemClock.now());
    let result = Outcome::succeeded(key.id(), Uuid::new_v4(), 1, digest, now, Content::default());
    Ok((specs, signed(result.to_json()?)))
}

async fn submit_all(
    connections: Vec<PgConnection>,
    statements: &'static Statements,
    documents: Vec<Vec<u8>>,
) -> anyhow::Result<Vec<PgConnection>> {
    let (documents, next) = (Arc::new(documents), Arc::new(AtomicUsize::new(0)));
    let mut lines = JoinSet::new();
    for mut connection in connections {
        let (documents, next) = (Arc::clone(&documents), Arc::clone(&next));
        lines.spawn(async move {
            while next.fetch_add(BATCH, Ordering::Relaxed) < ROWS {
                let ids: Vec<Uuid> = (0..BATCH).map(|_| Uuid::now_v7()).collect();
                sqlx::query(statements.submit).bind(ids).bind(&*documents).execute(&mut connection).await?;
            }
            anyhow::Ok(connection)
        });
    }
    let mut connections = Vec::new();
    while let Some(line) = lines.join_next().await {
        connections.push(line??);
    }
    Ok(connections)
}

async fn drain_all(
    connections: Vec<PgConnection>,
    statements: &'static Statements,
    result: Vec<u8>,
) -> anyhow::Result<()> {
    let mut lines = JoinSet::new();
    for mut connection in connections {
        let results = vec![result.clone(); BATCH];
        lines.spawn(async move {
            loop {
                let claim = sqlx::query_as::<_, (i64, Vec<u8>)>(statements.claim).bind(i32::try_from(BATCH)?);
                let claimed = claim.fetch_all(&mut connection).await?;
                if claimed.is_empty() {
                    return anyhow::Ok(());
                }
                let keys: Vec<i64> = claimed.iter().map(|(key, _)| *key).collect();
                let results = results.get(..keys.len()).unwrap_or_default();
                sqlx::query(statements.end).bind(keys).bind(results).execute(&mut connection).await?;
            }
        });
    }
    while let Some(line) = lines.join_next().await {
        line??;
    }
    Ok(())
}
