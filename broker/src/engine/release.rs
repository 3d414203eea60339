//! Giving work back untouched, to be done at once or later.

use uuid::Uuid;

use super::Engine;
use super::endings::Holder;
use super::wakeups::Change;
use crate::Error;
use crate::auth::{Permit, action};
use crate::model::{AttemptEnding, LeaseEnd, Release};

impl Engine {
    /// Gives a lease back, and no retry is spent: the process waits again at its place, or, with a delay, is blocked until that
    /// is over. One that is being cancelled is cancelled then.
    pub(crate) async fn release(
        &self,
        permit: Permit<action::Release>,
        process_id: Uuid,
        attempt: i32,
        delay_ms: i64,
    ) -> Result<(), Error> {
        let holder = Holder::new(&permit, process_id, attempt)?;
        let held = self.desk.held(std::iter::once(&holder)).await?;
        let lease = held.into_iter().next().flatten().ok_or_else(|| holder.lost())?;
        let now_ms = self.clock.now_ms();
        let release = match delay_ms {
            0 => Release::at_once(lease.reference()),
            delay_ms => Release {
                lease: lease.reference(),
                ending: AttemptEnding::Snoozed,
                until_ms: Some(now_ms.saturating_add(delay_ms)),
            },
        };
        let change = Change { colony: lease.lane.colony, process_id };
        match self.store.release(&[release], now_ms).await?[..] {
            [LeaseEnd::Done] => match release.until_ms {
                Some(until_ms) => self.wakeups.due_at(until_ms),
                None => {
                    self.wakeups.work(&lease.lane);
                    // Its `max_wait` runs again: the sweep is to look when that is over.
                    self.wakeups.due_at(now_ms);
                }
            },
            [LeaseEnd::Cancelled] => {
                self.wakeups.ended(change);
                return Ok(());
            }
            _ => return Err(holder.lost()),
        }
        self.wakeups.changed(change);
        Ok(())
    }
}
