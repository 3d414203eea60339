//! Listing grants.

use super::Engine;
use crate::Error;
use crate::auth::{Permit, action};
use crate::model::{GrantCursor, Page, StoredGrant};

/// One page of grants.
pub(crate) struct GrantPage {
    /// The grants, oldest first.
    pub(crate) grants: Vec<StoredGrant>,
    /// Where the next page starts, if there may be one.
    pub(crate) next: Option<GrantCursor>,
}

impl Engine {
    /// One page of the colony's grants, oldest first.
    pub(crate) async fn list_grants(
        &self,
        permit: Permit<action::ListGrants>,
        page: Page<GrantCursor>,
    ) -> Result<GrantPage, Error> {
        let grants = self.store.list_grants(permit.colony(), page).await?;
        let full = i64::try_from(grants.len()).is_ok_and(|count| count >= page.size);
        let next = grants.last().filter(|_| full).map(|grant| GrantCursor(grant.key));
        Ok(GrantPage { grants, next })
    }
}
