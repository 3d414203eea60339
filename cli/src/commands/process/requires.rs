//! What a process needs of its executor, as options and as a line.

use apiary_identity::{Cpu, Memory, Requirements};
use clap::Args;

use crate::arguments::{OPEN, whole};

/// What the executor must have.
#[derive(Args)]
#[command(next_help_heading = "What the executor must have")]
pub(super) struct Requires {
    /// Processor time, such as 4 or 500m
    #[arg(long, value_name = "CPU")]
    cpu: Option<Cpu>,
    /// Memory, such as 10Gi or 10GB
    #[arg(long, value_name = "MEMORY")]
    memory: Option<Memory>,
    /// How many GPUs
    #[arg(long, value_name = "N", value_parser = whole::<u32>(0, OPEN))]
    gpus: Option<u32>,
    /// Memory of each GPU, such as 16Gi
    #[arg(long, value_name = "MEMORY", requires = "gpus")]
    gpu_memory: Option<Memory>,
    /// Where it must be
    #[arg(long, value_name = "PLACE")]
    location: Option<String>,
    /// What else it must have; may be given several times
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
}

impl Requires {
    /// For the spec.
    pub(super) fn requirements(&self) -> Requirements {
        Requirements {
            cpu: self.cpu,
            memory: self.memory,
            gpus: self.gpus,
            gpu_memory: self.gpu_memory,
            location: self.location.clone(),
            tags: self.tags.iter().cloned().collect(),
        }
    }
}

/// For people: what is needed, in the words of the options.
pub(super) fn line(requires: &Requirements) -> String {
    let amounts = [
        requires.cpu.map(|cpu| format!("cpu {cpu}")),
        requires.memory.map(|memory| format!("memory {memory}")),
        requires.gpus.map(|gpus| format!("gpus {gpus}")),
        requires.gpu_memory.map(|memory| format!("gpu memory {memory}")),
        requires.location.as_ref().map(|location| format!("location {location}")),
    ];
    let tags = requires.tags.iter().map(|tag| format!("tag {tag}"));
    amounts.into_iter().flatten().chain(tags).collect::<Vec<_>>().join(", ")
}
