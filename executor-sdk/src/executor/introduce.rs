//! Registration of the executor's offer and functions with the broker: at the start, and with each new broker instance.

use std::sync::Arc;

use apiary_proto::v1;

use super::{Context, Function};
use crate::ClientError;
use crate::wire::offer_to_proto;

/// State of the registration.
#[derive(Default)]
pub(super) struct Introduction {
    told: Option<Arc<str>>,
    is_pending: bool,
}

/// The broker's answer to the registration.
pub(super) enum Welcome {
    /// The executor may claim.
    Approved,
    /// The executor waits for the colony's approval.
    Pending,
}

impl Introduction {
    /// Returns `true` if the broker that is called now knows the executor, as far as that is possible.
    pub(super) async fn is_told(&self, context: &Context) -> bool {
        self.told.is_some() && self.told == context.client.known_broker().await
    }

    /// Registers the executor, unless this broker instance knows it already.
    pub(super) async fn tell(&mut self, context: &Context) -> Result<Welcome, ClientError> {
        let client = &context.client;
        if self.is_told(context).await {
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

    /// Gives up the registration with this broker instance; work continues without it.
    pub(super) async fn leave(&mut self, context: &Context) {
        self.told = context.client.known_broker().await;
    }
}

/// Checks that the granted name is the executor's own. An executor with another name would refuse work that is rightly
/// aimed at it. It does not adopt the broker's name, because the broker could then give it work aimed at others.
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
        // Cannot fail: the builder bounds the slots.
        slots: i32::try_from(settings.slots).unwrap_or(0),
    }
}
