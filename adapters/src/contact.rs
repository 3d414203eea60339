//! What is known of the broker: how the last submit went.

use std::sync::{Mutex, PoisonError};

use apiary_executor_sdk::Submitted;

use crate::SinkError;

/// How the last submit went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BrokerState {
    /// Nothing was submitted yet.
    #[default]
    Unknown,
    /// It took an event, or looked at it.
    Reachable,
    /// No answer.
    Away,
    /// It answers, and takes nothing from this adapter: a person has to act.
    Refusing {
        /// The exact reason, for example `NOT_PERMITTED`.
        reason: String,
    },
}

/// Keeps [`BrokerState`], and tells the log when it changes: not once for every event.
#[derive(Debug, Default)]
pub(crate) struct Contact(Mutex<BrokerState>);

impl Contact {
    pub(crate) fn state(&self) -> BrokerState {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn note(&self, answer: &Result<Submitted, SinkError>) {
        let state = match answer {
            Ok(_) | Err(SinkError::Unacceptable { .. }) => BrokerState::Reachable,
            Err(SinkError::Away(_)) => BrokerState::Away,
            Err(SinkError::Refused { reason, .. }) => BrokerState::Refusing { reason: reason.clone() },
        };
        let before = std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), state.clone());
        if before == state {
            return;
        }
        match answer {
            Err(error @ SinkError::Away(_)) => {
                tracing::warn!(%error, "events go to the spool until the broker is back");
            }
            Err(error @ SinkError::Refused { .. }) => {
                tracing::error!(%error, "events go to the spool, and stay there until the broker takes them");
            }
            _ if before == BrokerState::Unknown => tracing::debug!("the broker answers"),
            _ => tracing::info!("the broker is back"),
        }
    }
}
