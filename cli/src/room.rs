//! Retries a start until its disk has room.

use std::io::ErrorKind;
use std::time::Duration;

use apiary_adapters::SpoolError;
use apiary_bees::BeeError;
use apiary_executor_sdk::ClientError;
use apiary_identity::KeyError;
use apiary_store::StoreError;

use crate::exit::words;

/// First pause between two tries; doubled each time.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// Longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(15);

/// Opens files; while their disk is full, or another program locks them, reports it and tries again. Ends with any
/// other error. [`Signals::unless`](crate::daemon::Signals::unless) around it ends it at a signal.
pub(crate) async fn open_with_room<T, E>(what: &str, mut open: impl AsyncFnMut() -> Result<T, E>) -> anyhow::Result<T>
where
    E: Into<anyhow::Error>,
{
    let mut pause = PAUSE_FIRST;
    loop {
        let error = match open().await {
            Ok(opened) => return Ok(opened),
            Err(error) => error.into(),
        };
        if !can_pass(&error) {
            return Err(error);
        }
        tracing::warn!(error = words(&error), "{what} is not available yet; retrying");
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2).min(PAUSE_MAX);
    }
}

/// Returns true if files could not be written now, and may be after the disk has room again.
fn can_pass(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        if let Some(error) = cause.downcast_ref::<std::io::Error>() {
            return is_full(error);
        }
        if let Some(KeyError::Io { source, .. }) = cause.downcast_ref() {
            return is_full(source);
        }
        if let Some(error) = cause.downcast_ref::<BeeError>() {
            return matches!(error, BeeError::Unavailable { .. });
        }
        if let Some(apiary_broker::StartError::Store(error)) = cause.downcast_ref() {
            return matches!(error, StoreError::Unavailable(_));
        }
        if let Some(apiary_adapters::StartError::Spool(error)) = cause.downcast_ref() {
            return matches!(error, SpoolError::Full { .. });
        }
        // The error of a broker in this process, which writes to the same disk.
        matches!(cause.downcast_ref(), Some(ClientError::Refused { retryable: true, .. }))
    })
}

fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use anyhow::Context as _;

    use super::*;

    fn refused(retryable: bool) -> ClientError {
        ClientError::Refused {
            reason: "UNAVAILABLE".into(),
            message: "no".to_owned(),
            retryable,
            retry_after: None,
            request_id: None,
        }
    }

    #[test]
    fn a_full_disk_can_pass_wherever_it_was_met_and_nothing_that_somebody_has_to_mend() {
        let full = || std::io::Error::from(ErrorKind::StorageFull);
        let denied = || std::io::Error::from(ErrorKind::PermissionDenied);
        let key = |source| KeyError::Io { path: "colony.pem".to_owned(), source };
        let store = |error| apiary_broker::StartError::Store(error);
        let spool = |error| apiary_adapters::StartError::Spool(error);
        let no_room = SpoolError::Full { path: PathBuf::new(), problem: "full".to_owned() };
        let bee = |source| BeeError::Unavailable { what: "finance.db".to_owned(), source };
        let mended = |source| BeeError::Failed { what: "finance.db".to_owned(), source };
        let failed = SpoolError::Failed { path: PathBuf::new(), problem: "denied".to_owned() };
        let table: [(anyhow::Error, bool); 13] = [
            (full().into(), true),
            (denied().into(), false),
            (key(full()).into(), true),
            (key(denied()).into(), false),
            (store(StoreError::Unavailable("full".to_owned())).into(), true),
            (store(StoreError::Open("another program's".to_owned())).into(), false),
            (spool(no_room).into(), true),
            (spool(failed).into(), false),
            (spool(SpoolError::InUse(PathBuf::new())).into(), false),
            (bee("full".into()).into(), true),
            (mended("denied".into()).into(), false),
            (refused(true).into(), true),
            (refused(false).into(), false),
        ];
        for (error, expected) in table {
            let error = Err::<(), _>(error).context("the colony").unwrap_err();
            assert_eq!(can_pass(&error), expected, "{error:#}");
        }
    }
}
