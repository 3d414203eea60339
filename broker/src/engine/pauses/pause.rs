//! Pausing a colony, an executor type or a function.

use apiary_protocol::EventKind;
use apiary_store::limits::PAUSES_MAX;
use apiary_store::model::{NewEvent, Pause, PauseTarget};

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::limits::REASON_BYTES_MAX;

impl Engine {
    /// Stores a pause: from now on no broker hands out the work that it covers. Running work goes on. Returns the stored pause, and
    /// whether it existed: a repeat changes nothing.
    pub(crate) async fn pause(
        &self,
        permit: Permit<action::Pause>,
        what: PauseTarget,
        reason: String,
    ) -> Result<(Pause, bool), Error> {
        if reason.len() > REASON_BYTES_MAX || reason.contains('\0') {
            return Err(Error::field("reason", format!("is text of at most {REASON_BYTES_MAX} bytes without NUL")));
        }
        let pause = Pause { what, by: permit.actor().to_owned(), reason, since_ms: self.clock.now_ms() };
        let event = NewEvent {
            subject: subject(&pause.what),
            detail: pause.reason.clone(),
            ..permit.event(EventKind::PauseAdded, pause.since_ms)
        };
        let kept = self.store.pause(permit.colony().key, &pause, Some(&event)).await?;
        let (kept, existed) = kept.ok_or_else(|| {
            Error::Invalid(format!("{PAUSES_MAX} things of this colony are paused, and that is the most: resume some"))
        })?;
        let (kind, name) = (kept.what.kind.as_str(), kept.what.name.as_str());
        tracing::info!(colony = permit.colony().name, kind, name, by = permit.actor(), existed, "paused");
        Ok((kept, existed))
    }
}

/// Returns the paused part of a colony as events name it.
pub(in crate::engine) fn subject(what: &PauseTarget) -> String {
    format!("{} {}", what.kind.as_str(), what.name).trim_end().to_owned()
}
