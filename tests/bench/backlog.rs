//! B and X: T while many processes wait already, after many have finished, and while a transaction is held open.

use std::time::Duration;

use apiary_identity::Role;

use crate::deployment::Deployment;
use crate::drain::drain;
use crate::figure::{Figure, Sheet, Unit};
use crate::letter::Store;
use crate::meter::Rate;
use crate::span::pass;
use crate::throughput::{BATCH, BATCH_LARGE, EXECUTORS, Round, SUBMITTERS, Worker, round};
use crate::{goals, load};

/// The worker of all rounds.
const WORKER: Worker = Worker::Batches { executors: EXECUTORS };

/// Time after which Postgres's connections have reported what they did.
const STATISTICS_LAG: Duration = Duration::from_secs(12);
/// Reads the rows that are dead and not removed.
const DEAD_ROWS: &str = "SELECT coalesce(sum(n_dead_tup), 0)::bigint FROM pg_stat_user_tables";

/// B: measures T over 10,000, 100,000 and `many` waiting, and over as many finished; before each of them over nothing, because the disk
/// is slower a while after much was written.
pub(crate) async fn measure(sheet: &Sheet, many: usize) -> anyhow::Result<()> {
    let mut sizes = vec![(10_000, 0), (100_000, 0), (many, 0), (0, many)];
    sizes.dedup();
    for (waiting, finished) in sizes {
        let empty = over(sheet, 0, 0).await?;
        add(sheet, "over nothing", &empty, None);
        let figures = over(sheet, waiting, finished).await?;
        let name = if waiting > 0 { format!("over {waiting} waiting") } else { format!("over {finished} finished") };
        add(sheet, &name, &figures, Some(&empty));
    }
    Ok(())
}

async fn over(sheet: &Sheet, waiting: usize, finished: usize) -> anyhow::Result<Round> {
    let deployment = Deployment::start(sheet.store.backend().await).await?;
    fill(&deployment, waiting, finished).await?;
    round(&deployment, BATCH, WORKER).await
}

/// Fills the colony, by the calls that everybody makes.
pub(crate) async fn fill(deployment: &Deployment, waiting: usize, finished: usize) -> anyhow::Result<()> {
    let submitters = deployment.members(Role::User, SUBMITTERS).await?;
    let executors = deployment.members(Role::Executor, EXECUTORS).await?;
    load::submit(&submitters, finished, BATCH_LARGE).await?;
    if finished > 0 {
        drain(&executors, finished).await?;
    }
    load::submit(&submitters, waiting, BATCH_LARGE).await
}

/// X: measures T without and with a transaction that is open from before the first submit to after the last result.
pub(crate) async fn measure_held(sheet: &Sheet) -> anyhow::Result<()> {
    let free = over(sheet, 0, 0).await?;
    add(sheet, "no transaction open", &free, None);
    let deployment = Deployment::start(sheet.store.backend().await).await?;
    // Its snapshot keeps every dead row from being removed: each version of a row that was waiting, then leased.
    let hold = deployment.backend().hold(snapshot(sheet.store)).await;
    let figures = round(&deployment, BATCH, WORKER).await?;
    add(sheet, "a transaction open", &figures, Some(&free));
    if sheet.store == Store::Postgres {
        pass(STATISTICS_LAG).await;
        let dead = deployment.backend().number(DEAD_ROWS).await;
        sheet.add(Figure::new("dead rows at the end", f64::from(u32::try_from(dead)?), Unit::Count));
    }
    hold.end().await;
    Ok(())
}

fn snapshot(store: Store) -> &'static str {
    match store {
        Store::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class",
        Store::Sqlite => "BEGIN; SELECT count(*) FROM sqlite_schema",
    }
}

fn add(sheet: &Sheet, name: &str, figures: &Round, base: Option<&Round>) {
    for part in [Part::Enqueued, Part::Done] {
        let figure = Figure::rate(format!("{name}, {}", part.name()), part.of(figures));
        sheet.add(match base {
            Some(base) => figure.beside("T", Some(part.of(base).per_s)).with_goal(goals::OVER_BACKLOG),
            None => figure,
        });
    }
}

/// The parts of a round.
#[derive(Clone, Copy)]
enum Part {
    Enqueued,
    Done,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Enqueued => "enqueued",
            Self::Done => "done, batch API",
        }
    }

    fn of(self, round: &Round) -> Rate {
        match self {
            Self::Enqueued => round.enqueued,
            Self::Done => round.done,
        }
    }
}
