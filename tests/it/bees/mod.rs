//! Bees as programs, in front of a real broker.

mod archive;
mod security;
