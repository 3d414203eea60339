//! `GrantService`.

mod add_grant;
mod list_grants;
mod revoke_grant;
