//! Options of the benchmark's command line.

use anyhow::{Context as _, bail};

use crate::letter::{Letter, Store};

/// Options of a run.
pub(crate) struct Options {
    /// Letters to run, in their order.
    pub(crate) letters: Vec<Letter>,
    /// Databases to run them on.
    pub(crate) stores: Vec<Store>,
    /// `true` if the result is JSON.
    pub(crate) json: bool,
    /// Processes of a large colony: a million in a full run, else a tenth of it.
    pub(crate) many: usize,
}

impl Options {
    /// Reads the arguments. Without `--only`, the run is full.
    pub(crate) fn read(arguments: impl IntoIterator<Item = String>) -> anyhow::Result<Self> {
        let (mut letters, mut stores, mut json, mut full) = (Letter::ALL.to_vec(), Store::ALL.to_vec(), false, None);
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--json" => json = true,
                "--full" => full = Some(true),
                "--only" => {
                    let chosen = value()?.split(',').map(str::parse).collect::<anyhow::Result<Vec<Letter>>>()?;
                    letters.retain(|letter| chosen.contains(letter));
                    full = full.or(Some(false));
                }
                "--store" => stores = vec![value()?.parse()?],
                // Added by cargo.
                "--bench" => {}
                _ => bail!("there is no option `{argument}`: there are --only, --store, --full and --json"),
            }
        }
        if std::env::var_os("APIARY_TEST_POSTGRES_URL").is_none() {
            stores.retain(|store| *store != Store::Postgres);
        }
        let many = if full.unwrap_or(true) { 1_000_000 } else { 100_000 };
        Ok(Self { letters, stores, json, many })
    }
}
