//! Listing grants.

use apiary_store::model::{GrantCursor, Page, StoredGrant, cut_to_bytes};

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::limits::PAGE_BYTES_MAX;

/// Bytes of an envelope's ids, type and signature, at the most; the signed bytes come on top.
const ENVELOPE_FRAME_BYTES: usize = 512;

/// A page of grants.
pub(crate) struct GrantPage {
    /// The grants, oldest first.
    pub(crate) grants: Vec<StoredGrant>,
    /// The start of the next page, if there may be one.
    pub(crate) next: Option<GrantCursor>,
}

impl Engine {
    /// Returns a page of the colony's grants, oldest first.
    pub(crate) async fn list_grants(
        &self,
        permit: Permit<action::ListGrants>,
        page: Page<GrantCursor>,
    ) -> Result<GrantPage, Error> {
        let mut grants = self.store.list_grants(permit.colony(), page).await?;
        let full = i64::try_from(grants.len()).is_ok_and(|count| count >= page.size);
        let bytes = |grant: &StoredGrant| grant.payload.len() + ENVELOPE_FRAME_BYTES;
        let full = !cut_to_bytes(&mut grants, PAGE_BYTES_MAX, bytes).is_empty() || full;
        let next = grants.last().filter(|_| full).map(|grant| GrantCursor(grant.key));
        Ok(GrantPage { grants, next })
    }
}
