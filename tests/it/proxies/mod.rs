//! An HTTP proxy between the broker and those that call it.

mod nginx;
