//! Authentication and permission. Only this layer makes a [`Permit`], and every verb of the engine asks for one, so
//! that a forgotten check does not compile.

mod caller;
mod noted;
mod permit;
mod policy;
mod replay;

pub(crate) use caller::{Auth, Caller, End};
use permit::PermitHolder;
pub(crate) use permit::{Permit, ServerPermit, action};
#[cfg(test)]
pub(crate) use policy::Need;
pub(crate) use policy::{Call, Page};
