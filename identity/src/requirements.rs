//! Requirements of work, offers of executors, and the shortfalls between the two.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::limits::{GPUS_MAX, TAGS_MAX};
use crate::name::check_name;
use crate::quantity;
use crate::{Cpu, DocumentError, Memory, strict};

/// Requirements of a process on its executor. An absent field requires nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirements {
    /// Processor time.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "cpu")]
    pub cpu: Option<Cpu>,
    /// Memory.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "memory")]
    pub memory: Option<Memory>,
    /// Number of GPUs, at most 65536.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus: Option<u32>,
    /// Memory of each GPU.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "gpu_memory")]
    pub gpu_memory: Option<Memory>,
    /// Name of the location; upper and lower case are the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Further requirements by name, at most 64; all must be offered.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty", deserialize_with = "strict::set")]
    pub tags: BTreeSet<String>,
}

/// Resources that an executor offers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// Processor time; not limited if left out.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "cpu")]
    pub cpu: Option<Cpu>,
    /// Memory; not limited if left out.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "memory")]
    pub memory: Option<Memory>,
    /// Number of GPUs, at most 65536; 0 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus: Option<u32>,
    /// Memory of each GPU; not limited if left out.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "gpu_memory")]
    pub gpu_memory: Option<Memory>,
    /// Name of the location; an executor without one gets no work that requires a location.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Further resources by name, at most 64.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty", deserialize_with = "strict::set")]
    pub tags: BTreeSet<String>,
}

/// A requirement that an offer does not meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shortfall {
    /// Too little processor time.
    Cpu {
        /// The required amount.
        needed: Cpu,
        /// The offered amount.
        offered: Cpu,
    },
    /// Too little memory.
    Memory {
        /// The required amount.
        needed: Memory,
        /// The offered amount.
        offered: Memory,
    },
    /// Too few GPUs.
    Gpus {
        /// The required number.
        needed: u32,
        /// The offered number.
        offered: u32,
    },
    /// Too little memory in each GPU.
    GpuMemory {
        /// The required amount.
        needed: Memory,
        /// The offered amount.
        offered: Memory,
    },
    /// Another location, or none.
    Location {
        /// The required location.
        needed: String,
        /// The offered location, if any.
        offered: Option<String>,
    },
    /// Tags that are not offered.
    Tags {
        /// The required tags that are missing.
        needed: BTreeSet<String>,
        /// All offered tags.
        offered: BTreeSet<String>,
    },
}

impl Requirements {
    /// Returns `true` if nothing is required, so that every offer meets it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Checks every bound that the fields' types do not express.
    pub fn check(&self) -> Result<(), DocumentError> {
        check_gpus(["requires.gpus", "requires.gpu_memory"], self.gpus, self.gpu_memory)?;
        check_names(["requires.location", "requires.tags"], self.location.as_deref(), &self.tags)
    }

    /// Returns `true` if the offer has no shortfall.
    pub fn is_met_by(&self, offer: &Offer) -> bool {
        self.shortfalls(offer).is_empty()
    }

    /// Returns every shortfall of the offer, in the order of the fields.
    pub fn shortfalls(&self, offer: &Offer) -> Vec<Shortfall> {
        [self.cpu(offer), self.memory(offer), self.gpus(offer), self.gpu_memory(offer)]
            .into_iter()
            .chain([self.location(offer), self.tags(offer)])
            .flatten()
            .collect()
    }

    fn cpu(&self, offer: &Offer) -> Option<Shortfall> {
        let (needed, offered) = self.cpu.zip(offer.cpu)?;
        (offered < needed).then_some(Shortfall::Cpu { needed, offered })
    }

    fn memory(&self, offer: &Offer) -> Option<Shortfall> {
        let (needed, offered) = self.memory.zip(offer.memory)?;
        (offered < needed).then_some(Shortfall::Memory { needed, offered })
    }

    fn gpus(&self, offer: &Offer) -> Option<Shortfall> {
        // A requirement on GPU memory implies one GPU.
        let (needed, offered) = (self.gpus.unwrap_or(self.gpu_memory.map_or(0, |_| 1)), offer.gpus.unwrap_or(0));
        (offered < needed).then_some(Shortfall::Gpus { needed, offered })
    }

    fn gpu_memory(&self, offer: &Offer) -> Option<Shortfall> {
        let (needed, offered) = self.gpu_memory.zip(offer.gpu_memory)?;
        (offered < needed).then_some(Shortfall::GpuMemory { needed, offered })
    }

    fn location(&self, offer: &Offer) -> Option<Shortfall> {
        let needed = self.location.as_ref()?;
        let there = offer.location.as_ref().is_some_and(|offered| offered.eq_ignore_ascii_case(needed));
        (!there).then(|| Shortfall::Location { needed: needed.clone(), offered: offer.location.clone() })
    }

    fn tags(&self, offer: &Offer) -> Option<Shortfall> {
        let needed: BTreeSet<_> = self.tags.difference(&offer.tags).cloned().collect();
        (!needed.is_empty()).then(|| Shortfall::Tags { needed, offered: offer.tags.clone() })
    }
}

impl Offer {
    /// Checks every bound that the fields' types do not express.
    pub fn check(&self) -> Result<(), DocumentError> {
        check_gpus(["gpus", "gpu_memory"], self.gpus, self.gpu_memory)?;
        check_names(["location", "tags"], self.location.as_deref(), &self.tags)
    }
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu { needed, offered } => write!(f, "cpu {needed} needed, {offered} offered"),
            Self::Memory { needed, offered } => write!(f, "memory {needed} needed, {offered} offered"),
            Self::Gpus { needed, offered } => write!(f, "gpus {needed} needed, {offered} offered"),
            Self::GpuMemory { needed, offered } => write!(f, "gpu_memory {needed} needed, {offered} offered"),
            Self::Location { needed, offered } => {
                write!(f, "location {needed} needed, {} offered", offered.as_deref().unwrap_or("none"))
            }
            Self::Tags { needed, offered } => write!(f, "tags {} needed, {} offered", listed(needed), listed(offered)),
        }
    }
}

fn listed(tags: &BTreeSet<String>) -> String {
    if tags.is_empty() {
        return "none".to_owned();
    }
    tags.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn check_gpus(fields: [&'static str; 2], gpus: Option<u32>, gpu_memory: Option<Memory>) -> Result<(), DocumentError> {
    let [field, memory_field] = fields;
    match gpus {
        Some(gpus) if gpus > GPUS_MAX => {
            Err(DocumentError::field(field, format!("is 0 to {GPUS_MAX}; got {gpus}: leave it out for none")))
        }
        None | Some(0) if gpu_memory.is_some() => {
            Err(DocumentError::field(memory_field, format!("is the memory of each GPU: say in `{field}` how many")))
        }
        _ => Ok(()),
    }
}

fn check_names(
    fields: [&'static str; 2],
    location: Option<&str>,
    tags: &BTreeSet<String>,
) -> Result<(), DocumentError> {
    let [location_field, tags_field] = fields;
    location.map_or(Ok(()), |location| check_name(location_field, location))?;
    if tags.len() > TAGS_MAX {
        return Err(DocumentError::field(tags_field, format!("lists {} tags, the most is {TAGS_MAX}", tags.len())));
    }
    tags.iter().try_for_each(|tag| check_name(tags_field, tag))
}

fn cpu<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cpu>, D::Error> {
    quantity::named(deserializer, "cpu")
}

fn memory<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Memory>, D::Error> {
    quantity::named(deserializer, "memory")
}

fn gpu_memory<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Memory>, D::Error> {
    quantity::named(deserializer, "gpu_memory")
}
