//! Registration: an executor's own description of itself.

use apiary_daemon::door::Peer;
use apiary_identity::{Id, Offer};
use apiary_protocol::EventKind;
use apiary_store::model::{AnnouncedFunction, ExecutorFilter, NewEvent, Page, PendingBound, Registration};

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::notify::wakeups::Hint;
use crate::engine::presence::roster::ExecutorView;
use crate::limits::{ANNOUNCED_BYTES_MAX, PENDING_BYTES_MAX, PENDING_EXECUTORS_MAX, PENDING_GIVES_WAY_AFTER_MS};
use crate::refusals::Named;

/// An executor's own description of itself, checked for form.
pub(crate) struct RegistrationRequest {
    /// The executor type.
    pub(crate) executor_type: String,
    /// The name that it asks for.
    pub(crate) name: String,
    /// The labels and resources that it offers.
    pub(crate) offer: Offer,
    /// The functions that it announces.
    pub(crate) functions: Vec<AnnouncedFunction>,
    /// The software's version.
    pub(crate) version: String,
    /// The number of processes that it works on at once; `None` if it does not say.
    pub(crate) slots: Option<i64>,
}

impl Engine {
    /// Stores an executor's description, replacing the one before. Without a grant the executor is then pending.
    pub(crate) async fn register_executor(
        &self,
        permit: Permit<action::RegisterExecutor>,
        introduction: RegistrationRequest,
        peer: Peer,
    ) -> Result<ExecutorView, Error> {
        let (colony, key, granted) = (permit.colony(), permit.key(), permit.grant());
        let of_key = ExecutorFilter { key: Some(key), ..ExecutorFilter::default() };
        let mut is_new_stranger = false;
        if granted.is_none() {
            let known = self.executors(colony, &of_key, Page { size: 1, after: None }).await?;
            if known.iter().any(|view| view.record.rejected_at_ms.is_some()) {
                return Err(Error::NotPermitted(format!(
                    "the key {key} was turned down: ask the colony's owner for a grant"
                )));
            }
            is_new_stranger = known.is_empty();
        }
        check_size(&introduction.functions, if granted.is_some() { ANNOUNCED_BYTES_MAX } else { PENDING_BYTES_MAX })?;
        self.admit(peer, key, granted.is_some())?;
        // Without a grant nothing is compiled: a stranger must not make the broker work. The schemas are read once it has one.
        if granted.is_some() {
            self.catalogue.check_announced(&introduction.functions).await?;
        }
        let registration = Registration {
            key,
            executor_type: introduction.executor_type.clone(),
            name: granted.map_or(introduction.name, |grant| grant.grant.name.clone()),
            offer: introduction.offer,
            functions: introduction.functions,
            version: introduction.version,
            slots: introduction.slots,
            is_granted: granted.is_some(),
        };
        let now_ms = self.clock.now_ms();
        let room = PendingBound {
            count_max: PENDING_EXECUTORS_MAX,
            gives_way_before_ms: now_ms.saturating_sub(PENDING_GIVES_WAY_AFTER_MS),
        };
        let (kind, detail) = match granted {
            Some(_) => (EventKind::ExecutorRegistered, ""),
            None => (EventKind::ExecutorAsked, "waits for approval"),
        };
        let event = NewEvent {
            subject: format!("{} of type {}", registration.name, registration.executor_type),
            detail: detail.to_owned(),
            ..permit.event(kind, now_ms)
        };
        // Strangers make keys for nothing: their events are gathered like refusals, and have a bound of their own.
        let own = granted.is_some().then_some(&event);
        if !self.store.register_executor(colony.key, &registration, room, now_ms, own).await? {
            // The executor does not wait for approval, so it must not take up room.
            self.newcomers.forget(peer, &key);
            return Err(Error::Overloaded(format!(
                "{PENDING_EXECUTORS_MAX} executors wait for the approval of colony `{}`: approve or reject some",
                colony.name
            )));
        }
        self.contacts.touch((colony.key, key));
        if granted.is_some() {
            self.catalogue.forget(colony.key);
            self.wakeups.tell(|| Hint::Announced(colony.key));
        } else {
            tracing::info!(colony = colony.name, name = registration.name, %key, "an executor waits for approval");
            if is_new_stranger {
                self.refusals.note(Named::Known(colony.id), event);
            }
        }
        let this = ExecutorFilter { executor_type: Some(registration.executor_type), ..of_key };
        let found = self.executors(colony, &this, Page { size: 1, after: None }).await?;
        found.into_iter().next().ok_or_else(|| Error::Internal("the registration is gone".into()))
    }

    /// Counts the executors that wait for approval, and raises a notice about an address that has reached its bound.
    fn admit(&self, peer: Peer, key: Id, is_granted: bool) -> Result<(), Error> {
        const KIND: &str = "NEWCOMERS_FULL";
        let admitted = if is_granted {
            self.newcomers.forget(peer, &key);
            Ok(())
        } else {
            self.newcomers.admit(peer, key, self.clock.now_ms())
        };
        match &admitted {
            // One notice for all addresses: a stranger with many addresses must not fill the list.
            Err(error) => self.tasks.notices().raise(KIND, "", error.to_string()),
            Ok(()) if self.newcomers.have_room() => self.tasks.notices().resolve(KIND, ""),
            Ok(()) => {}
        }
        admitted
    }
}

fn check_size(functions: &[AnnouncedFunction], bytes_max: usize) -> Result<(), Error> {
    let bytes: usize = functions.iter().map(|one| one.name.len() + one.description.len() + one.args_schema.len()).sum();
    if bytes <= bytes_max {
        return Ok(());
    }
    Err(Error::TooLarge(format!(
        "`functions` has {bytes} bytes, the most is {bytes_max} ({PENDING_BYTES_MAX} without a grant): announce fewer, or with \
         smaller schemas"
    )))
}
