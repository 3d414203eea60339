//! `apiary process redrive`.

use apiary_executor_sdk::wire::envelope_from_proto;
use apiary_executor_sdk::{Client, v1};
use apiary_identity::chain::verify_spec;
use apiary_identity::limits::PRIORITY_MAX;
use apiary_identity::{OnFailed, Spec};
use clap::Args;
use uuid::Uuid;

use super::select::Which;
use super::show::line;
use super::view::ProcessView;
use crate::arguments::whole;
use crate::context::Context;
use crate::exit::{Exit, Fault};
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary process redrive 019ab2c4-5d6e-7f80-9123-456789abcdef
  apiary process redrive latest --executor-type finance-v2 --priority 10";

/// Retry a dead letter or a failed process, with all its retries
///
/// Needs the right `operate`, or the colony's own key. With a changed option, your key signs a new spec with the old
/// one's arguments; the old process is failed and refers to the new one. This also needs the right to submit such a
/// spec, and the rights `read` and `view_payloads`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Id of the process, or `latest`
    #[arg(value_name = "ID", value_parser = Which::read)]
    id: Which,
    /// Another executor type
    #[arg(long, value_name = "TYPE")]
    executor_type: Option<String>,
    /// Another priority, -50000 to 50000
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = whole::<i32>((-PRIORITY_MAX).into(), PRIORITY_MAX.into()))]
    priority: Option<i32>,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let client = profile::client(&context.settings)?;
    let process_id = arguments.id.find(&client).await?;
    let process = if arguments.changes_nothing() {
        client.redrive(process_id).await?
    } else {
        let old = client.get_process(process_id).await?;
        if old.payload_hidden {
            let words = format!("process {process_id} cannot be changed: its spec is hidden");
            return Err(Fault::new(Exit::Refused, words).hint("this needs the right `view_payloads`").into());
        }
        client.redrive_as(process_id, &changed(&client, process_id, &old, arguments)?).await?
    };
    context.format.print(&ProcessView::from(process), line)
}

impl Arguments {
    fn changes_nothing(&self) -> bool {
        self.executor_type.is_none() && self.priority.is_none()
    }
}

/// Builds the changed spec, under a new id. The old one is verified up to the colony's key first: otherwise, a
/// manipulated database could get the user's signature under a forged spec.
fn changed(
    client: &Client,
    process_id: Uuid,
    old: &v1::GetProcessResponse,
    arguments: &Arguments,
) -> anyhow::Result<Spec> {
    let broken = |words: String| {
        Fault::new(Exit::Broken, format!("process {process_id} is not what was signed: {words}"))
            .hint(format!("`apiary process verify {process_id}` shows where its chain broke; submit it anew by hand"))
    };
    let envelope = |envelope: &Option<v1::Envelope>| {
        let envelope = envelope.as_ref().ok_or_else(|| broken("the broker shows no spec, or no grant".to_owned()))?;
        envelope_from_proto(envelope).map_err(|error| broken(error.to_string()))
    };
    let verified = verify_spec(&client.colony(), &envelope(&old.submitter_grant)?, &envelope(&old.spec)?)
        .map_err(|link| broken(link.to_string()))?;
    let old = verified.spec;
    if old.process_id != process_id {
        return Err(broken(format!("its spec is that of process {}", old.process_id)).into());
    }
    let fresh = client.spec(&old.executor_type, &old.function);
    let mut spec = old;
    (spec.process_id, spec.submit_by) = (fresh.process_id, fresh.submit_by);
    // The time has come already, the parents have succeeded, and the idempotency key belongs to the old process.
    (spec.not_before, spec.idempotency_key, spec.on_failed) = (None, None, OnFailed::default());
    spec.parents.clear();
    if let Some(executor_type) = &arguments.executor_type {
        spec.executor_type.clone_from(executor_type);
    }
    if let Some(priority) = arguments.priority {
        spec.priority = priority;
    }
    Ok(spec)
}
