//! `apiary lease set`.

use apiary_executor_sdk::limits::{ATTRIBUTE_KEY_CHARS_MAX, ATTRIBUTE_VALUE_BYTES_MAX};
use apiary_executor_sdk::{AttributeKind, v1};
use clap::{Args, ValueEnum};

use super::file::Which;
use crate::context::Context;
use crate::exit::Fault;

const EXAMPLES: &str = "\
Examples:
  apiary lease set --lease lease.json out pages 12
  apiary lease set --lease lease.json env host \"$(hostname)\"";

/// Attach a value to the process; it replaces an older one of the same kind and key
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: Which,
    /// Kind of value: an input, an output, an error, or the environment
    #[arg(value_enum)]
    kind: Kind,
    /// Name of the value, 1 to 128 characters
    key: String,
    /// The value, at most 4,096 bytes
    value: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    In,
    Out,
    Err,
    Env,
}

impl From<Kind> for AttributeKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::In => Self::In,
            Kind::Out => Self::Out,
            Kind::Err => Self::Err,
            Kind::Env => Self::Env,
        }
    }
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let (key, value) = (&arguments.key, &arguments.value);
    let chars = key.chars().count();
    if !(1..=ATTRIBUTE_KEY_CHARS_MAX).contains(&chars) || value.len() > ATTRIBUTE_VALUE_BYTES_MAX {
        return Err(Fault::usage(format!(
            "an attribute has a key of 1 to {ATTRIBUTE_KEY_CHARS_MAX} characters and a value of at most \
             {ATTRIBUTE_VALUE_BYTES_MAX} bytes; got {chars} and {}",
            value.len()
        ))
        .into());
    }
    let held = arguments.which.open(context, &[])?;
    let kind = AttributeKind::from(arguments.kind).as_str().to_owned();
    let attribute = v1::NewAttribute { kind, key: key.clone(), value: value.clone() };
    Ok(held.client.set_attributes(held.subject.process_id, held.subject.attempt, vec![attribute]).await?)
}
