//! The age of a signature.

use std::time::Duration;

use jiff::Timestamp;

use crate::Refusal;

/// Checks that a signature is at most `tolerance` from `now`, before or after. To be called after the signature was
/// verified, so that only the sender learns about this machine's clock.
pub(crate) fn check_age(signed_s: i64, now: Timestamp, tolerance: Duration) -> Result<(), Refusal> {
    let age_s = now.as_second().saturating_sub(signed_s);
    let tolerance_s = tolerance.as_secs();
    if age_s.unsigned_abs() <= tolerance_s {
        return Ok(());
    }
    if age_s > 0 {
        return Err(Refusal::SignatureStale { age_s, tolerance_s });
    }
    Err(Refusal::SignatureFuture { ahead_s: age_s.saturating_neg(), tolerance_s })
}
