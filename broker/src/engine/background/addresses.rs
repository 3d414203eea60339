//! Looking up, in the database, networks from which keys make calls.

use std::collections::VecDeque;
use std::sync::Arc;

use apiary_daemon::Throttle;
use apiary_store::{Store, StoreResult};
use tokio_util::sync::CancellationToken;

use crate::addresses::{DueNetwork, KeyAddresses};
use crate::engine::background::refusals::{passes, warn};
use crate::engine::passes::sweep;
use crate::limits::REFUSALS_TICK;

/// The writer of keys' networks, and of the events of new ones.
pub(crate) struct AddressWriter {
    store: Arc<dyn Store>,
    addresses: Arc<KeyAddresses>,
    lines: Throttle,
    /// Networks that were taken and are not written yet. While there are some, no others are taken.
    unwritten: VecDeque<DueNetwork>,
}

impl AddressWriter {
    pub(crate) fn new(store: Arc<dyn Store>, addresses: Arc<KeyAddresses>, lines: Throttle) -> Self {
        Self { store, addresses, lines, unwritten: VecDeque::new() }
    }

    /// Writes what is due every second, until `stop`, or until nobody is left who notes any; and then all that was noted.
    pub(crate) async fn run(&mut self, stop: &CancellationToken) {
        while !stop.is_cancelled() && Arc::strong_count(&self.addresses) > 1 {
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(REFUSALS_TICK) => {}
            }
            self.pass().await;
        }
        self.pass().await;
    }

    async fn pass(&mut self) {
        if self.unwritten.is_empty() {
            self.unwritten = self.addresses.take().into();
        }
        if !self.unwritten.is_empty()
            && let Err(error) = sweep("addresses", self.write()).await
        {
            warn(&self.lines, &error, "addresses of keys not written; trying again");
        }
    }

    /// Writes all. An error is one that passes; any other, of one key, must not keep those of others from being written.
    async fn write(&mut self) -> StoreResult<()> {
        while let Some(DueNetwork { colony, network, event }) = self.unwritten.front() {
            match self.store.add_key_network(*colony, network, event).await {
                Err(error) if passes(&error) => return Err(error),
                Err(error) => warn(&self.lines, &error, "the database does not take an address of a key"),
                Ok(_) => {}
            }
            self.unwritten.pop_front();
        }
        Ok(())
    }
}
