//! `cargo xtask soak`: a colony under a steady load for hours, as separate processes on a Postgres of its own, with a kill of each part
//! and an outage of the record on the way.
//!
//! `docs/soak.md` says what must hold, and has the last run.

mod load;
mod neighbour;
mod options;
mod plan;
mod plot;
mod samples;
mod stage;
mod verdict;
mod watch;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;

use load::Load;
use options::Run;
use plan::Plan;
use stage::Stage;
use watch::Watch;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let options = match Run::read(std::env::args().skip(1))? {
        Run::Soak(options) => options,
        Run::Neighbour => {
            return Ok(if neighbour::run().await? { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Run::Job(rounds) => return neighbour::work(rounds).map(|()| ExitCode::SUCCESS),
    };
    std::fs::create_dir_all(&options.folder).with_context(|| options.folder.display().to_string())?;
    let mut stage = Stage::start().await?;
    let load = Arc::new(Load::to(stage.webhook_address()));
    let mut watch = Watch::connect(&stage).await?;

    let greatest = stage::greatest_rate(&load, &mut watch).await?;
    let rate = options.rate.unwrap_or(greatest / 2.0);
    println!("greatest rate {greatest:.0}/s: {rate:.0}/s for {} min", options.time.as_secs() / 60);

    let plan = Plan::of(options.time);
    let start = Instant::now();
    let sending = tokio::spawn(Arc::clone(&load).keep_up(rate, options.time));
    let samples = plan::run(&plan, &mut stage, &load, &mut watch, start).await?;
    sending.await?;
    let finished = stage::drained(&load, &mut watch).await?;

    samples::write(&options.folder.join("soak.csv"), &samples)?;
    plot::write(&options.folder.join("soak.svg"), &samples, &plan)?;
    let verdict = verdict::judge(&plan, &samples, load.acknowledged(), &finished);
    print!("{verdict}");
    Ok(if verdict.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
