//! `GrantService`.

mod add_grant;
mod list_grants;
