//! Authentication and message size of each call: the bound is the size of the largest acceptable message.

use super::frame::DocumentField;
use crate::limits::{
    ATTRIBUTES_MESSAGE_BYTES_MAX, CLAIM_BYTES_BESIDE_RESULTS_MAX, DOCUMENT_MESSAGE_BYTES_MAX, FILTER_MESSAGE_BYTES_MAX,
    HTTP_BODY_BYTES_MAX, MESSAGE_BYTES_MAX, REGISTER_MESSAGE_BYTES_MAX, SMALL_MESSAGE_BYTES_MAX,
    UNSIGNED_MESSAGE_BYTES_MAX,
};

/// The rule for a request, by its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CallRule {
    /// The signature's place.
    pub(super) signature: Signature,
    /// The most bytes of its message or body.
    pub(super) bytes_max: usize,
    /// True if it may wait for long, or streams.
    pub(super) is_long: bool,
    /// The documents beside which the message must be small.
    pub(super) documents: Option<DocumentField>,
}

/// A claim and its results: an offer, and the names of leases, are small.
const CLAIM: (&str, DocumentField) =
    ("/apiary.v1.LeaseService/Claim", DocumentField { number: 9, others_bytes_max: CLAIM_BYTES_BESIDE_RESULTS_MAX });

/// The place of a call's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signature {
    /// In the metadata.
    Metadata,
    /// In the documents that the message carries; `alone` if success proves that a known key signed the one document.
    Document { alone: bool },
    /// In the body of an HTTP request.
    Http,
    /// Nowhere: anybody may call.
    None,
    /// Nowhere, and messages come one after the other.
    Stream,
}

/// The signature's place, the most bytes, and whether it is long.
type Row = (&'static str, Signature, usize, bool);

const ALONE: Signature = Signature::Document { alone: true };
const SEVERAL: Signature = Signature::Document { alone: false };

/// Calls that are unsigned in the metadata, larger, or longer than the others.
const CALLS: [Row; 26] = [
    ("/apiary.v1.ArchiveService/AddArchive", Signature::Metadata, FILTER_MESSAGE_BYTES_MAX, false),
    ("/apiary.v1.ArchiveService/Restore", Signature::Metadata, MESSAGE_BYTES_MAX, false),
    ("/apiary.v1.BrokerService/Connect", Signature::None, UNSIGNED_MESSAGE_BYTES_MAX, false),
    ("/apiary.v1.BulkService/StartBulk", Signature::Metadata, FILTER_MESSAGE_BYTES_MAX, false),
    ("/apiary.v1.ColonyService/SetGuard", ALONE, DOCUMENT_MESSAGE_BYTES_MAX, false),
    ("/apiary.v1.EventService/ListEvents", Signature::Metadata, SMALL_MESSAGE_BYTES_MAX, true),
    ("/apiary.v1.ExecutorService/RegisterExecutor", Signature::Metadata, REGISTER_MESSAGE_BYTES_MAX, false),
    ("/apiary.v1.GrantService/AddGrant", ALONE, DOCUMENT_MESSAGE_BYTES_MAX, false),
    ("/apiary.v1.GrantService/RevokeGrant", ALONE, DOCUMENT_MESSAGE_BYTES_MAX, false),
    ("/apiary.v1.LeaseService/AddLogs", Signature::Metadata, MESSAGE_BYTES_MAX, false),
    (CLAIM.0, Signature::Metadata, MESSAGE_BYTES_MAX, true),
    ("/apiary.v1.LeaseService/Complete", ALONE, DOCUMENT_MESSAGE_BYTES_MAX, false),
    ("/apiary.v1.LeaseService/EndBatch", SEVERAL, MESSAGE_BYTES_MAX, false),
    ("/apiary.v1.LeaseService/Fail", ALONE, DOCUMENT_MESSAGE_BYTES_MAX, false),
    ("/apiary.v1.LeaseService/Report", ALONE, DOCUMENT_MESSAGE_BYTES_MAX, false),
    ("/apiary.v1.LeaseService/SetAttributes", Signature::Metadata, ATTRIBUTES_MESSAGE_BYTES_MAX, false),
    ("/apiary.v1.ProcessService/Await", Signature::Metadata, SMALL_MESSAGE_BYTES_MAX, true),
    ("/apiary.v1.ProcessService/ListProcesses", Signature::Metadata, FILTER_MESSAGE_BYTES_MAX, false),
    ("/apiary.v1.ProcessService/Submit", ALONE, DOCUMENT_MESSAGE_BYTES_MAX, false),
    ("/apiary.v1.ProcessService/SubmitBatch", SEVERAL, MESSAGE_BYTES_MAX, false),
    ("/apiary.v1.ProcessService/Watch", Signature::Metadata, FILTER_MESSAGE_BYTES_MAX, true),
    ("/grpc.health.v1.Health/Check", Signature::None, UNSIGNED_MESSAGE_BYTES_MAX, false),
    ("/grpc.health.v1.Health/List", Signature::None, UNSIGNED_MESSAGE_BYTES_MAX, false),
    ("/grpc.health.v1.Health/Watch", Signature::None, UNSIGNED_MESSAGE_BYTES_MAX, true),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Signature::Stream, SMALL_MESSAGE_BYTES_MAX, true),
    (
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        Signature::Stream,
        SMALL_MESSAGE_BYTES_MAX,
        true,
    ),
];

/// Returns the rule for a path. A call that is not in the table needs a signed request, even if no service knows it.
pub(super) fn rule(path: &str) -> CallRule {
    if let Some((_, signature, bytes_max, is_long)) = CALLS.iter().find(|(known, ..)| *known == path) {
        let documents = (path == CLAIM.0).then_some(CLAIM.1);
        return CallRule { signature: *signature, bytes_max: *bytes_max, is_long: *is_long, documents };
    }
    if path.starts_with("/apiary.") {
        let (signature, bytes_max) = (Signature::Metadata, SMALL_MESSAGE_BYTES_MAX);
        return CallRule { signature, bytes_max, is_long: false, documents: None };
    }
    let bytes_max = if path == "/v1/processes" { HTTP_BODY_BYTES_MAX } else { UNSIGNED_MESSAGE_BYTES_MAX };
    // Only these pages wait, or stream.
    let is_long = ["/v1/events", "/v1/snapshot"].contains(&path)
        || path.starts_with("/v1/processes/") && path.ends_with("/result");
    CallRule { signature: Signature::Http, bytes_max, is_long, documents: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Call, Need};
    use crate::rpc::methods::methods;

    #[test]
    fn calls_that_are_not_in_the_table_are_signed_and_small() {
        let unknown = rule("/apiary.v1.LeaseService/Steal");
        assert_eq!((unknown.signature, unknown.bytes_max), (Signature::Metadata, SMALL_MESSAGE_BYTES_MAX));
        assert_eq!(rule("/v1/processes").signature, Signature::Http);
    }

    #[test]
    fn every_call_of_the_table_exists() {
        for (path, ..) in CALLS.iter().filter(|(path, ..)| path.starts_with("/apiary.")) {
            assert!(methods().iter().any(|method| method == path), "{path}");
        }
    }

    #[test]
    fn only_what_the_policy_leaves_open_is_unsigned() {
        for path in methods() {
            let call = Call::ALL.iter().find(|call| path.ends_with(&format!("/{}", call.name())));
            let is_own = path.starts_with("/apiary.v1.");
            let is_open = !is_own || call.is_some_and(|call| call.need() == Need::Nothing);
            let is_unsigned = matches!(rule(&path).signature, Signature::None | Signature::Stream);
            assert_eq!(is_open, is_unsigned, "{path}");
        }
        for (path, signature, ..) in CALLS.iter().filter(|(path, ..)| !path.starts_with("/apiary.")) {
            assert!(Call::covers(path) && matches!(signature, Signature::None | Signature::Stream), "{path}");
        }
    }
}
