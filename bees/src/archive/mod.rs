//! The archive bee: finished processes go to objects of a storage elsewhere, can be verified there, and come back from there.
//!
//! An object is a file of JSON Lines, a line for each process, compressed. Beside it is its manifest, which the bee signs and which names
//! the manifest before. `docs/archive.md` has both, byte for byte.
//!
//! The order of the steps is what makes it safe: the object is written, then its manifest; both are read back and checked; then the broker
//! records which processes are in it, in one transaction; and only what is recorded may be deleted. A name is made of the object's number,
//! the bee's key and the content, nothing is ever overwritten, and only an erasure deletes, so the bee may die at any point and begin again.

mod bee;
mod check;
mod erase;
mod error;
mod line;
mod object;
mod objects;
mod read;
mod restore;
mod settings;
mod storage;
mod write;

pub use bee::ArchiveBee;
pub use check::CheckReport;
pub use erase::EraseReport;
pub use error::ArchiveError;
pub use line::Line;
pub use objects::Objects;
pub use read::read_process;
pub use restore::RestoreReport;
pub use settings::{open, storage_in};
pub use storage::Storage;
pub use write::{Archive, ArchiveReport};
