//! Telling the broker what the executor is, has and can do: at the start, and whenever there is another broker instance.

use std::sync::Arc;

use apiary_proto::v1;

use super::{Context, Function};
use crate::ClientError;
use crate::wire::offer_to_proto;

/// Which broker instance has been told.
#[derive(Default)]
pub(super) struct Introduction {
    told: Option<Arc<str>>,
    is_pending: bool,
}

/// How the broker takes it.
pub(super) enum Welcome {
    /// It may claim, or has been told before.
    Approved,
    /// It waits for the colony's approval.
    Pending,
}

impl Introduction {
    /// Tells the broker, unless this instance knows.
    pub(super) async fn tell(&mut self, context: &Context) -> Result<Welcome, ClientError> {
        let client = &context.client;
        if self.told.is_some() && self.told == client.known_broker().await {
            return Ok(Welcome::Approved);
        }
        let executor = client.register_executor(request(context)).await?;
        if executor.state != "pending" {
            check_name(context, &executor.name)?;
            self.told = client.known_broker().await;
            if std::mem::take(&mut self.is_pending) {
                tracing::info!(name = executor.name, "approved");
            }
            return Ok(Welcome::Approved);
        }
        if !std::mem::replace(&mut self.is_pending, true) {
            tracing::warn!(
                key = %client.id(),
                "waits for approval: compare the key, then run `apiary executor approve {} --colony-key FILE`", executor.name
            );
        }
        Ok(Welcome::Pending)
    }

    /// The instance does not want to know; work goes on without.
    pub(super) async fn leave(&mut self, context: &Context) {
        self.told = context.client.known_broker().await;
    }
}

/// A bee that does not know its own name would refuse what is rightly aimed at it. It does not take a name from a broker, which
/// could then hand it what is aimed at others.
fn check_name(context: &Context, granted: &str) -> Result<(), ClientError> {
    match &context.settings.name {
        Some(name) if name != granted => Err(ClientError::Invalid(format!(
            "this executor calls itself `{name}`, and its key is granted the name `{granted}`: give it that name \
             (`bee.name`), or grant it the other"
        ))),
        _ => Ok(()),
    }
}

fn request(context: &Context) -> v1::RegisterExecutorRequest {
    let settings = &context.settings;
    let announced = |name: &String| {
        let function = settings.functions.get(name).cloned().unwrap_or_default();
        let Function { description, args_schema } = function;
        v1::AnnouncedFunction { name: name.clone(), description, args_schema }
    };
    v1::RegisterExecutorRequest {
        executor_type: settings.executor_type.clone(),
        name: settings.name.clone().unwrap_or_else(|| context.client.id().to_string()),
        offer: Some(offer_to_proto(&settings.offer)),
        functions: context.handlers.keys().map(announced).collect(),
        version: settings.version.clone(),
        // The builder lets no more be than fit.
        slots: i32::try_from(settings.slots).unwrap_or(0),
    }
}
