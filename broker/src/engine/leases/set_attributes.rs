//! Attributes of running processes.

use std::collections::BTreeMap;
use std::sync::Arc;

use apiary_identity::Clock;
use apiary_store::StoreResult;
use apiary_store::limits::ATTRIBUTES_MAX;
use apiary_store::model::{AttachResult, AttributeBatch, NewAttribute};
use uuid::Uuid;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::commit::committer::Flush;
use crate::engine::leases::lookup::{Holder, LeaseLookup};

impl Engine {
    /// Attaches values to a process whose lease is held: all of them, or none. Of two with one kind and key the later one is stored.
    pub(crate) async fn set_attributes(
        &self,
        permit: Permit<action::SetAttributes>,
        process_id: Uuid,
        attempt: i32,
        attributes: Vec<NewAttribute>,
    ) -> Result<(), Error> {
        let holder = Holder::new(&permit, process_id, attempt)?;
        let distinct: BTreeMap<_, _> =
            attributes.into_iter().map(|attribute| ((attribute.kind, attribute.key.clone()), attribute)).collect();
        let attributes: Vec<_> = distinct.into_values().collect();
        let bytes = attributes.iter().map(|attribute| attribute.key.len() + attribute.value.len()).sum();
        self.attributes.commit(AttributeItem { holder, attributes, bytes }).await
    }
}

/// Values on their way into the store.
pub(crate) struct AttributeItem {
    holder: Holder,
    attributes: Vec<NewAttribute>,
    bytes: usize,
}

/// Writes gathered attributes.
pub(crate) struct AttributeFlush {
    lookup: LeaseLookup,
    clock: Arc<dyn Clock>,
}

impl AttributeFlush {
    pub(crate) fn new(lookup: LeaseLookup, clock: Arc<dyn Clock>) -> Self {
        Self { lookup, clock }
    }
}

#[async_trait::async_trait]
impl Flush for AttributeFlush {
    type Item = AttributeItem;
    type Answer = ();
    type Key = Uuid;

    fn keys(&self, item: &AttributeItem) -> Vec<Uuid> {
        vec![item.holder.process_id]
    }

    fn bytes(&self, item: &AttributeItem) -> usize {
        item.bytes
    }

    async fn flush(&self, items: &[AttributeItem]) -> StoreResult<Vec<Result<(), Error>>> {
        let leases = self.lookup.held(items.iter().map(|item| &item.holder)).await?;
        let (mut answers, mut batches, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (item, lease) in items.iter().zip(&leases) {
            // Until the database says otherwise, it is lost.
            answers.push(Err(item.holder.lost()));
            if let Some(lease) = lease {
                places.push(answers.len() - 1);
                batches.push(AttributeBatch { lease: lease.reference(), attributes: item.attributes.clone() });
            }
        }
        let attached = self.lookup.store().set_attributes(&batches, self.clock.now_ms()).await?;
        for (place, attached) in places.into_iter().zip(attached) {
            match attached {
                AttachResult::Lost => {}
                AttachResult::Kept => answers[place] = Ok(()),
                AttachResult::Full => answers[place] = Err(Error::Invalid(full(items[place].holder.process_id))),
            }
        }
        Ok(answers)
    }
}

fn full(process_id: Uuid) -> String {
    format!("process {process_id} would have more than {ATTRIBUTES_MAX} attributes: use fewer keys, and set them again")
}
