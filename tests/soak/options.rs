//! Options of the soak's command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};

/// Options of a run.
pub(crate) struct Options {
    /// Time of the steady load.
    pub(crate) time: Duration,
    /// Events in a second; half of the greatest rate, which is measured first, if none is given.
    pub(crate) rate: Option<f64>,
    /// Folder for the samples and the plot.
    pub(crate) folder: PathBuf,
}

/// The program's task.
pub(crate) enum Run {
    /// The soak.
    Soak(Options),
    /// The measurement beside a CI runner's job.
    Neighbour,
    /// The work of such a job: its rounds.
    Job(u64),
}

impl Run {
    /// Reads the arguments.
    pub(crate) fn read(arguments: impl IntoIterator<Item = String>) -> anyhow::Result<Self> {
        let (mut minutes, mut rate, mut folder) = (None, None, None);
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--minutes" => minutes = Some(value()?.parse::<u64>()?),
                "--rate" => rate = Some(value()?.parse::<f64>()?),
                "--neighbour" => return Ok(Self::Neighbour),
                "--job" => return Ok(Self::Job(value()?.parse()?)),
                "--folder" => folder = Some(PathBuf::from(value()?)),
                // Added by cargo.
                "--bench" => {}
                _ => bail!("there is no option `{argument}`: there are --minutes, --rate, --folder and --neighbour"),
            }
        }
        let minutes = minutes.context("--minutes is missing")?;
        let time = Duration::from_secs(minutes * 60);
        Ok(Self::Soak(Options { time, rate, folder: folder.context("--folder is missing")? }))
    }
}
