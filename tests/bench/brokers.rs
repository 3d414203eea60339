//! N: one, two and three brokers on the same Postgres.

use crate::deployment::Deployment;
use crate::figure::{Figure, Sheet};
use crate::goals;
use crate::letter::Store;
use crate::singles::{PRODUCERS, Shape, rate};
use crate::throughput::{BATCH, Worker, round};

/// Most brokers.
const BROKERS_MAX: usize = 3;
/// Clients and executors: as many for each broker, whether there are one, two or three.
const MEMBERS: usize = 6;
/// Slots of each executor of U.
const SLOTS: usize = 11;

/// Measures U and T with each number of brokers, which share clients and executors.
pub(crate) async fn measure(sheet: &Sheet) -> anyhow::Result<()> {
    if sheet.store == Store::Sqlite {
        // One broker at a time can have the file.
        return Ok(());
    }
    let shape = Shape { producers: PRODUCERS, clients: MEMBERS, executors: MEMBERS, slots: SLOTS };
    let (mut singles_of_one, mut done_of_one, mut enqueued_of_one) = (None, None, None);
    for brokers in 1..=BROKERS_MAX {
        let name = format!("{brokers} broker{}", if brokers == 1 { "" } else { "s" });
        let singles = rate(&start(sheet, brokers).await?, shape).await?;
        let figure = Figure::rate(format!("{name}, U, {PRODUCERS} producers"), singles);
        let figure = figure.beside("1 broker", singles_of_one);
        sheet.add(if brokers == BROKERS_MAX { figure.with_goal(goals::THREE_BROKERS_SINGLES) } else { figure });
        let batches = round(&start(sheet, brokers).await?, BATCH, Worker::Batches { executors: MEMBERS }).await?;
        let figure = Figure::rate(format!("{name}, T, enqueued"), batches.enqueued);
        sheet.add(figure.beside("1 broker", enqueued_of_one));
        let figure = Figure::rate(format!("{name}, T, done, batch API"), batches.done).beside("1 broker", done_of_one);
        sheet.add(if brokers == BROKERS_MAX { figure.with_goal(goals::THREE_BROKERS_DONE) } else { figure });
        singles_of_one = singles_of_one.or(Some(singles.per_s));
        done_of_one = done_of_one.or(Some(batches.done.per_s));
        enqueued_of_one = enqueued_of_one.or(Some(batches.enqueued.per_s));
    }
    Ok(())
}

async fn start(sheet: &Sheet, brokers: usize) -> anyhow::Result<Deployment> {
    Deployment::start_many(sheet.store.backend().await, brokers).await
}
