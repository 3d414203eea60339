//! The policy, from the outside: every call and page as everybody, and the bounds of what a right shows.

mod callers;
mod matrix;
mod messages;
mod own;
mod payloads;
mod table;
mod this_machine;
