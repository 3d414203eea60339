//! `PauseService`.

mod list_pauses;
mod pause;
mod resume;

use apiary_executor_sdk::v1;

/// Builds the request to pause this.
fn pausing(kind: &str, name: &str) -> v1::PauseRequest {
    v1::PauseRequest { kind: kind.into(), name: name.into(), reason: "the bank is away".into() }
}

/// Builds the request to resume this.
fn resuming(kind: &str, name: &str) -> v1::ResumeRequest {
    v1::ResumeRequest { kind: kind.into(), name: name.into() }
}
