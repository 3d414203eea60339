//! Rows about grants.

use apiary_identity::{Document as _, Envelope, Grant, chain};

use super::{Columns, Fields};
use crate::model::{Colony, GrantKey, GrantRecord, StoredGrant};
use crate::store::StoreResult;

/// A grant from `key, grant_id, grantee, payload, signature`, checked against the colony's public key: the bytes are
/// what the colony signed, and the row is filed under the key and id that they speak of.
pub(in crate::store) fn grant_record(row: &dyn Columns, colony: &Colony) -> StoreResult<GrantRecord> {
    let (fields, key) = Fields::of_number(row, "grants")?;
    let signature = fields.bytes("signature")?;
    let found = signature.len();
    let envelope = Envelope {
        payload_type: Grant::PAYLOAD_TYPE.to_owned(),
        payload: fields.bytes("payload")?.into(),
        key_id: colony.id,
        signature: signature
            .try_into()
            .map_err(|_| fields.corrupt("signature", format!("has {found} bytes, a signature has 64")))?,
    };
    let grant = chain::verify_grant(&colony.id, &envelope)
        .map_err(|broken| fields.corrupt("payload", format!("is not what the colony signed ({broken})")))?;
    if fields.bytes("grantee")? != grant.key.as_bytes() {
        return Err(fields.corrupt("grantee", "is not the key that the grant is about"));
    }
    if fields.uuid("grant_id")? != grant.grant_id {
        return Err(fields.corrupt("grant_id", "is not the id that the grant has"));
    }
    Ok(GrantRecord { key: GrantKey(key), colony: colony.key, grant, envelope })
}

/// A grant as it lies there, from `key, colony_id, grantee, name, payload, signature`.
pub(in crate::store) fn stored_grant(row: &dyn Columns) -> StoreResult<StoredGrant> {
    let (fields, key) = Fields::of_number(row, "grants")?;
    Ok(StoredGrant {
        key: GrantKey(key),
        colony_id: fields.bytes("colony_id")?,
        grantee: fields.bytes("grantee")?,
        name: fields.text("name")?,
        payload: fields.bytes("payload")?.into(),
        signature: fields.bytes("signature")?,
    })
}
