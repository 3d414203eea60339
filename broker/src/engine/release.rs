//! Giving work back untouched.

use uuid::Uuid;

use super::Engine;
use super::endings::Holder;
use super::wakeups::Change;
use crate::Error;
use crate::auth::{Permit, action};

impl Engine {
    /// Gives a lease back: the process waits again at its place, and no retry is spent.
    pub(crate) async fn release(
        &self,
        permit: Permit<action::Release>,
        process_id: Uuid,
        attempt: i32,
    ) -> Result<(), Error> {
        let holder = Holder::new(&permit, process_id, attempt)?;
        let held = self.desk.held(std::iter::once(&holder)).await?;
        let lease = held.into_iter().next().flatten().ok_or_else(|| holder.lost())?;
        let released = self.store.release(&[lease.reference()], self.clock.now_ms()).await?;
        if released != [true] {
            return Err(holder.lost());
        }
        self.wakeups.work(&lease.lane);
        self.wakeups.changed(Change { colony: lease.lane.colony, process_id });
        Ok(())
    }
}
