//! Bees as programs, in front of a real broker.

mod security;
