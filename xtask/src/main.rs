//! Everything a contributor runs. `cargo xtask help` lists it.

mod proto;

use clap::{Parser, Subcommand};

/// Contributors' tasks.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Generates the Rust code of `proto/schema` into `proto/src/generated`.
    Proto {
        /// Fails if the checked-in code differs, and writes nothing.
        #[arg(long)]
        check: bool,
    },
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().task {
        Task::Proto { check } => proto::run(check),
    }
}
