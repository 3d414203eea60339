//! Rows about grants.

use apiary_identity::{Document as _, Envelope, Grant, Signature, chain};

use super::{Columns, Fields};
use crate::StoreResult;
use crate::model::{Colony, ColonyKey, GrantKey, GrantRecord, RevokedGrant, StoredGrant};

/// Reads a grant from `key, grant_id, grantee, payload, signature, revoked_from_ms`, and checks it: the colony's public key must
/// verify the signature, and the columns `grantee` and `grant_id` must match the signed ones.
pub fn grant_record(row: &dyn Columns, colony: &Colony) -> StoreResult<GrantRecord> {
    let (fields, key) = Fields::of_number(row, "grants")?;
    let envelope = Envelope {
        payload_type: Grant::PAYLOAD_TYPE.to_owned(),
        payload: fields.bytes("payload")?.into(),
        key_id: colony.id,
        signature: Signature::from_bytes(fields.bytes("signature")?.into())
            .map_err(|error| fields.corrupt("signature", format!("is none: {error}")))?,
    };
    let grant = chain::verify_grant(&colony.id, &envelope)
        .map_err(|broken| fields.corrupt("payload", format!("is not what the colony signed ({broken})")))?;
    if fields.bytes("grantee")? != grant.key.as_bytes() {
        return Err(fields.corrupt("grantee", "is not the key that the grant is about"));
    }
    if fields.uuid("grant_id")? != grant.grant_id {
        return Err(fields.corrupt("grant_id", "is not the id that the grant has"));
    }
    let revoked_from_ms = fields.number_if_any("revoked_from_ms")?;
    Ok(GrantRecord { key: GrantKey(key), colony: colony.key, grant, envelope, revoked_from_ms })
}

/// Reads an unverified grant from `key, colony_id, grantee, name, payload, signature, revoked_from_ms`.
pub fn stored_grant(row: &dyn Columns) -> StoreResult<StoredGrant> {
    let (fields, key) = Fields::of_number(row, "grants")?;
    Ok(StoredGrant {
        key: GrantKey(key),
        colony_id: fields.bytes("colony_id")?,
        grantee: fields.bytes("grantee")?,
        name: fields.text("name")?,
        payload: fields.bytes("payload")?.into(),
        signature: fields.bytes("signature")?,
        revoked_from_ms: fields.number_if_any("revoked_from_ms")?,
    })
}

/// Reads a revoked grant of this colony from `key, grantee`.
pub fn revoked_grant(row: &dyn Columns, colony: ColonyKey) -> StoreResult<RevokedGrant> {
    let (fields, key) = Fields::of_number(row, "grants")?;
    Ok(RevokedGrant { key: GrantKey(key), colony, grantee: fields.id("grantee")? })
}

/// Reads a revoked grant of this colony from `key, grantee`; `None` for a row without one.
pub fn revoked_grant_if_any(row: &dyn Columns, colony: ColonyKey) -> StoreResult<Option<RevokedGrant>> {
    match Fields::of_summary(row, "grants").number_if_any("key")? {
        None => Ok(None),
        Some(_) => revoked_grant(row, colony).map(Some),
    }
}

/// Reads a revoked grant of any colony from `key, colony, grantee`.
pub fn revoked_grant_of_any(row: &dyn Columns) -> StoreResult<RevokedGrant> {
    let (fields, _) = Fields::of_number(row, "grants")?;
    revoked_grant(row, ColonyKey(fields.number("colony")?))
}
