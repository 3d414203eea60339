//! An HTTP proxy between the broker and its callers.

mod nginx;
mod slow;
