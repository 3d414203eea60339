//! Recording an object of the archive.

use apiary_identity::{ArchiveManifest, Envelope};
use apiary_protocol::EventKind;
use apiary_store::model::{FinishedCursor, NewArchive, NewEvent};

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;

/// An object to record.
pub(crate) struct NewObject {
    /// The signed manifest.
    pub(crate) manifest: Envelope,
    /// The processes in the order of the lines.
    pub(crate) processes: Vec<FinishedCursor>,
}

impl Engine {
    /// Records an object, and moves the hold on retention behind it. Returns the number of processes that may leave now.
    pub(crate) async fn add_archive(&self, permit: Permit<action::AddArchive>, new: NewObject) -> Result<i64, Error> {
        let (colony, now_ms) = (permit.colony(), self.clock.now_ms());
        let manifest: ArchiveManifest = new.manifest.open()?;
        if new.manifest.key_id != permit.key() {
            return Err(Error::NotPermitted(format!(
                "the manifest is signed by {}, and the call by another key",
                new.manifest.key_id
            )));
        }
        if manifest.colony != colony.id {
            return Err(Error::field(
                "manifest.colony",
                format!("is {}, and the call is about {}", manifest.colony, colony.id),
            ));
        }
        if u64::try_from(new.processes.len()) != Ok(manifest.processes) {
            let found = new.processes.len();
            return Err(Error::field(
                "process_ids",
                format!("has {found} processes, and the manifest {}", manifest.processes),
            ));
        }
        let until_ms = manifest.until.as_millisecond();
        if until_ms > now_ms {
            return Err(Error::field("manifest.until", "lies in the future: processes may still finish before it"));
        }
        let archive = NewArchive {
            colony: colony.key,
            number: manifest.number,
            previous: manifest.previous,
            object: manifest.object.clone(),
            digest: new.manifest.digest(),
            payload: new.manifest.payload.clone(),
            signature: new.manifest.signature.as_bytes().to_vec(),
            signer: new.manifest.key_id.as_bytes().to_vec(),
            until_ms,
            processes: new.processes,
            now_ms,
        };
        let event = NewEvent {
            subject: manifest.object.clone(),
            detail: format!("number {}, {} processes", manifest.number, manifest.processes),
            ..permit.event(EventKind::ArchiveAdded, now_ms)
        };
        let recorded = self.store.add_archive(&archive, Some(&event)).await?.ok_or_else(|| {
            Error::StateConflict(format!(
                "object {} does not follow the last one of the archive: another bee archives, too; ask for the end of the archive again",
                manifest.number
            ))
        })?;
        tracing::info!(
            colony = colony.name,
            number = manifest.number,
            object = manifest.object,
            processes = manifest.processes,
            recorded,
            "object of the archive recorded"
        );
        Ok(recorded)
    }
}
