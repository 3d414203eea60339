//! Rows about colonies.

use apiary_identity::{Document as _, Envelope, Guard, Signature, chain};

use super::{Columns, Fields};
use crate::StoreResult;
use crate::model::{Colony, ColonyKey, ProcessState};

/// Reads a colony from `key, id, name, created_at_ms`.
pub fn colony(row: &dyn Columns) -> StoreResult<Colony> {
    let (fields, key) = Fields::of_number(row, "colonies")?;
    Ok(Colony {
        key: ColonyKey(key),
        id: fields.id("id")?,
        name: fields.text("name")?,
        created_at_ms: fields.number("created_at_ms")?,
    })
}

/// Reads the number of processes in a state from `state, processes`.
pub fn state_count(row: &dyn Columns) -> StoreResult<(ProcessState, i64)> {
    let fields = Fields::of_summary(row, "finished");
    Ok((super::processes::state(&fields)?, fields.number("processes")?))
}

/// Reads the colony's rules from `key, version, signature, payload`, and checks them: the colony's public key must verify the
/// signature, and the column `version` must match the signed version.
pub fn guard(row: &dyn Columns, colony: &Colony) -> StoreResult<Envelope> {
    let (fields, _) = Fields::of_number(row, "guards")?;
    let envelope = Envelope {
        payload_type: Guard::PAYLOAD_TYPE.to_owned(),
        payload: fields.bytes("payload")?.into(),
        key_id: colony.id,
        signature: Signature::from_bytes(fields.bytes("signature")?.into())
            .map_err(|error| fields.corrupt("signature", format!("is none: {error}")))?,
    };
    let guard = chain::verify_guard(&colony.id, &envelope)
        .map_err(|broken| fields.corrupt("payload", format!("is not what the colony signed ({broken})")))?;
    if fields.number("version")? != guard.version {
        return Err(fields.corrupt("version", "is not the version that the rules have"));
    }
    Ok(envelope)
}
