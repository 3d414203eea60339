//! R: reads of a colony with many processes waiting and as many finished.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use apiary_executor_sdk::{Client, ClientError, v1};
use apiary_identity::{Role, Spec};
use futures::future::BoxFuture;
use hdrhistogram::Histogram;
use uuid::Uuid;

use crate::deployment::{BENCH, Deployment};
use crate::drain::drain;
use crate::figure::{Figure, Sheet, Unit};
use crate::latency::at_quantile;
use crate::letter::Store;
use crate::throughput::{BATCH_LARGE, EXECUTORS, SUBMITTERS};
use crate::{goals, load};

/// Reads of a kind that are timed.
const READS: u32 = 100;
/// Time after which no further read of a kind is made: a slow one is known by then.
const SPAN: Duration = Duration::from_secs(10);
/// Number of processes of which one has a label.
const LABELLED: usize = 1000;
/// The label.
const LABEL: (&str, &str) = ("customer", "4711");

/// Turns Postgres's own maintenance of the database's tables off.
const WITHOUT_AUTOVACUUM: &str = "DO $$ DECLARE name text; BEGIN \
     FOR name IN SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'apiary' LOOP \
     EXECUTE 'ALTER TABLE ' || name || ' SET (autovacuum_enabled = off)'; END LOOP; END $$";

/// A read that is timed.
type Read = Box<dyn Fn(Client) -> BoxFuture<'static, Result<(), ClientError>> + Send + Sync>;

/// Measures before Postgres has statistics of the tables, and with them.
pub(crate) async fn measure(sheet: &Sheet, many: usize) -> anyhow::Result<()> {
    let deployment = Deployment::start(sheet.store.backend().await).await?;
    if sheet.store == Store::Sqlite {
        fill(&deployment, many).await?;
        return time_all(sheet, &deployment, many, "").await;
    }
    // Otherwise it would gather statistics while the colony fills.
    deployment.backend().execute(WITHOUT_AUTOVACUUM).await;
    fill(&deployment, many).await?;
    time_all(sheet, &deployment, many, ", not analyzed").await?;
    deployment.backend().execute("VACUUM ANALYZE").await;
    time_all(sheet, &deployment, many, ", analyzed").await
}

async fn fill(deployment: &Deployment, many: usize) -> anyhow::Result<()> {
    let submitters = deployment.members(Role::User, SUBMITTERS).await?;
    let executors = deployment.members(Role::Executor, EXECUTORS).await?;
    load::submit_specs(&submitters, many, BATCH_LARGE, spec).await?;
    drain(&executors, many).await?;
    load::submit_specs(&submitters, many, BATCH_LARGE, spec).await
}

fn spec(client: &Client, number: usize) -> Spec {
    let mut spec = load::spec(client, number);
    if number.is_multiple_of(LABELLED) {
        spec.labels = BTreeMap::from([(LABEL.0.to_owned(), LABEL.1.to_owned())]);
    }
    spec
}

async fn time_all(sheet: &Sheet, deployment: &Deployment, many: usize, state: &str) -> anyhow::Result<()> {
    let reader = deployment.member(Role::User).await?.client;
    let waiting = newest(&reader, v1::ProcessState::Waiting).await?;
    let done = newest(&reader, v1::ProcessState::Succeeded).await?;
    sheet.add(Figure::new(
        format!("waiting, and as many finished{state}"),
        f64::from(u32::try_from(many)?),
        Unit::Count,
    ));
    for (name, read) in reads(&waiting, &done)? {
        let (p50_us, p99_us) = time(&reader, &read).await.with_context(|| name.to_owned())?;
        sheet.add(Figure::new(format!("{name}{state}, p50"), p50_us, Unit::Microseconds));
        let figure = Figure::new(format!("{name}{state}, p99"), p99_us, Unit::Microseconds);
        sheet.add(figure.with_goal(goals::READ_P99_US));
    }
    Ok(())
}

fn reads(waiting: &v1::Process, done: &v1::Process) -> anyhow::Result<Vec<(&'static str, Read)>> {
    let process_id: Uuid = waiting.process_id.parse()?;
    let filters = filters(&waiting.submitter, &done.executor);
    let mut reads: Vec<(&'static str, Read)> =
        filters.into_iter().map(|(name, filter)| (name, listing(filter))).collect();
    reads.push((
        "counts of the colony",
        Box::new(|client| Box::pin(async move { client.get_colony().await.map(drop) })),
    ));
    reads.push(("health", Box::new(|client| Box::pin(async move { client.get_health().await.map(drop) }))));
    reads.push((
        "statistics of functions",
        Box::new(|client| {
            Box::pin(async move { client.list_functions(v1::ListFunctionsRequest::default()).await.map(drop) })
        }),
    ));
    reads.push((
        "explain the newest waiting",
        Box::new(move |client| Box::pin(async move { client.explain(process_id).await.map(drop) })),
    ));
    reads.push((
        "get the newest waiting",
        Box::new(move |client| Box::pin(async move { client.get_process(process_id).await.map(drop) })),
    ));
    Ok(reads)
}

fn of_state(state: v1::ProcessState) -> v1::ProcessFilter {
    v1::ProcessFilter { states: vec![state.into()], ..Default::default() }
}

/// Returns the newest process in a state, going past pages that have none.
async fn newest(reader: &Client, state: v1::ProcessState) -> anyhow::Result<v1::Process> {
    let mut request = v1::ListProcessesRequest { filter: Some(of_state(state)), ..Default::default() };
    loop {
        let page = reader.list_processes(request.clone()).await?;
        if let Some(process) = page.processes.into_iter().next() {
            return Ok(process);
        }
        anyhow::ensure!(!page.next_page_token.is_empty(), "no process is {}", state.as_str_name());
        request.page_token = page.next_page_token;
    }
}

/// Returns a filter of each kind, also of those that match few processes or none.
fn filters(submitter: &str, executor: &str) -> Vec<(&'static str, v1::ProcessFilter)> {
    let none = v1::ProcessFilter::default;
    let labels = [(LABEL.0.to_owned(), LABEL.1.to_owned())].into_iter().collect();
    vec![
        ("list all", none()),
        ("list waiting", of_state(v1::ProcessState::Waiting)),
        ("list succeeded", of_state(v1::ProcessState::Succeeded)),
        ("list failed: none", of_state(v1::ProcessState::Failed)),
        ("list running: none", of_state(v1::ProcessState::Running)),
        (
            "list waiting of a function: none",
            v1::ProcessFilter { function: "absent".to_owned(), ..of_state(v1::ProcessState::Waiting) },
        ),
        ("list an executor", v1::ProcessFilter { executor: executor.to_owned(), ..none() }),
        ("list a submitter", v1::ProcessFilter { submitter: submitter.to_owned(), ..none() }),
        ("list a type", v1::ProcessFilter { executor_type: BENCH.to_owned(), ..none() }),
        ("list a function: none", v1::ProcessFilter { function: "absent".to_owned(), ..none() }),
        ("list a label of 1 in 1000", v1::ProcessFilter { labels, ..none() }),
        ("list until a time: none", v1::ProcessFilter { submitted_until_ms: 1_000_000_000_000, ..none() }),
    ]
}

fn listing(filter: v1::ProcessFilter) -> Read {
    Box::new(move |client| {
        let filter = filter.clone();
        Box::pin(async move { list(&client, filter).await.map(drop) })
    })
}

async fn list(client: &Client, filter: v1::ProcessFilter) -> Result<v1::ListProcessesResponse, ClientError> {
    client.list_processes(v1::ListProcessesRequest { filter: Some(filter), ..Default::default() }).await
}

/// Returns the median and the 99th percentile in microseconds.
async fn time(reader: &Client, read: &Read) -> anyhow::Result<(f64, f64)> {
    let mut histogram = Histogram::<u64>::new(3)?;
    let start = Instant::now();
    for _ in 0..READS {
        let called = Instant::now();
        read(reader.clone()).await?;
        histogram.record(u64::try_from(called.elapsed().as_micros())?)?;
        if start.elapsed() > SPAN {
            break;
        }
    }
    Ok((at_quantile(&histogram, 0.5)?, at_quantile(&histogram, 0.99)?))
}
