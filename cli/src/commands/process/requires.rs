//! Requirements of a process on its executor: options, and a line of output.

use apiary_identity::{Cpu, Memory, Requirements};
use clap::Args;

use crate::arguments::{OPEN, whole};

/// Requirements on the executor.
#[derive(Args)]
#[command(next_help_heading = "Requirements on the executor")]
pub(super) struct Requires {
    /// Processor time, such as 4 or 500m
    #[arg(long, value_name = "CPU")]
    cpu: Option<Cpu>,
    /// Memory, such as 10Gi or 10GB
    #[arg(long, value_name = "MEMORY")]
    memory: Option<Memory>,
    /// Number of GPUs
    #[arg(long, value_name = "N", value_parser = whole::<u32>(0, OPEN))]
    gpus: Option<u32>,
    /// Memory of each GPU, such as 16Gi
    #[arg(long, value_name = "MEMORY", requires = "gpus")]
    gpu_memory: Option<Memory>,
    /// Location of the executor
    #[arg(long, value_name = "PLACE")]
    location: Option<String>,
    /// A tag of the executor; may be given several times
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
}

impl Requires {
    /// Returns the requirements for the spec.
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

/// Formats the requirements, in the terms of the options.
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
