//! Reading from the storage: an object's lines, or one process.

use apiary_executor_sdk::v1;
use apiary_executor_sdk::wire::envelope_from_proto;
use apiary_identity::{ArchiveErasure, ArchiveManifest, Envelope, Id};
use bytes::Bytes;
use uuid::Uuid;

use super::object::{erasure_prefix, folder, open_manifest, open_object, open_replacement};
use super::{ArchiveError, Line, Objects};

/// A manifest whose signature holds, with its envelope.
#[derive(Clone)]
pub(super) struct Signed {
    pub(super) envelope: Envelope,
    pub(super) manifest: ArchiveManifest,
}

/// The lines of an object.
pub(super) struct ObjectLines {
    /// The lines in their order; `None` for those that are erased.
    pub(super) lines: Vec<Option<Bytes>>,
    /// The last erasure, if there was one.
    pub(super) erasure: Option<ArchiveErasure>,
}

impl Signed {
    /// Opens a manifest of a colony.
    pub(super) fn open(colony: &Id, signer: Option<&Id>, envelope: &Envelope) -> Result<Self, ArchiveError> {
        Ok(Self { manifest: open_manifest(colony, signer, envelope)?, envelope: envelope.clone() })
    }
}

/// Reads a process from the object that the broker names, and checks the object against its manifest.
///
/// # Errors
///
/// An object that is missing or damaged, a process that was erased, or a storage that is away.
pub async fn read_process(
    objects: &dyn Objects,
    colony: &Id,
    process_id: Uuid,
    place: &v1::FindArchiveResponse,
) -> Result<Line, ArchiveError> {
    let manifest =
        place.manifest.as_ref().ok_or_else(|| ArchiveError::Damaged("the broker names no manifest".to_owned()))?;
    let signed = Signed::open(colony, None, &envelope_from_proto(manifest)?)?;
    let object = &signed.manifest.object;
    let ObjectLines { lines, erasure } = read_lines(objects, &signed).await?;
    let at = usize::try_from(place.line).ok();
    let line = at
        .and_then(|at| lines.get(at))
        .ok_or_else(|| ArchiveError::Damaged(format!("the object {object:?} has no line {}", place.line)))?;
    let Some(line) = line else {
        let (reason, erased_at) = erasure.map(|erasure| (erasure.reason, erasure.erased_at)).unwrap_or_default();
        return Err(ArchiveError::Erased { process_id, erased_at, reason });
    };
    let line = Line::read(line)?;
    match line.process_id()? == process_id {
        true => Ok(line),
        false => Err(ArchiveError::Damaged(format!("line {} of {object:?} is another process", place.line))),
    }
}

/// Reads the object of a manifest or, after an erasure, its replacement, and checks it.
pub(super) async fn read_lines(objects: &dyn Objects, signed: &Signed) -> Result<ObjectLines, ArchiveError> {
    let manifest = signed.manifest.clone();
    if let Some(bytes) = objects.get(&manifest.object).await? {
        let lines = computed(move || open_object(&manifest, &bytes)).await?;
        return Ok(ObjectLines { lines: lines.into_iter().map(Some).collect(), erasure: None });
    }
    let Some(erasure) = last_erasure(objects, signed).await? else {
        return Err(ArchiveError::Missing(manifest.object));
    };
    let bytes = objects.get(&erasure.replacement).await?;
    let bytes = bytes.ok_or_else(|| ArchiveError::Missing(erasure.replacement.clone()))?;
    let of = erasure.clone();
    let lines = computed(move || open_replacement(&manifest, &of, &bytes)).await?;
    Ok(ObjectLines { lines, erasure: Some(erasure) })
}

/// Reads the last erasure of an object that the signer of its manifest signed.
pub(super) async fn last_erasure(
    objects: &dyn Objects,
    signed: &Signed,
) -> Result<Option<ArchiveErasure>, ArchiveError> {
    let prefix = erasure_prefix(&signed.manifest.object);
    let mut names = objects.list(&folder(&signed.manifest.colony), &prefix).await?;
    names.retain(|name| name.starts_with(&prefix));
    names.sort_unstable();
    for name in names.iter().rev() {
        let Some(bytes) = objects.get(name).await? else { continue };
        let Ok(envelope) = Envelope::from_json(&bytes) else { continue };
        // Whoever writes to the storage cannot call something erased: that takes the key that signed the manifest.
        let Some(erasure) =
            envelope.open::<ArchiveErasure>().ok().filter(|_| envelope.key_id == signed.envelope.key_id)
        else {
            continue;
        };
        if erasure.manifest == signed.envelope.digest() && erasure.colony == signed.manifest.colony {
            return Ok(Some(erasure));
        }
    }
    Ok(None)
}

/// Runs what takes the processor for long, beside the calls.
pub(super) async fn computed<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ArchiveError> + Send + 'static,
) -> Result<T, ArchiveError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| ArchiveError::Damaged(error.to_string()))?
}
