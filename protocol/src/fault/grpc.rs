//! gRPC statuses without a reason of Apiary's: from a proxy, from the gRPC library, or from another server in the broker's
//! place.

use super::Fault;

/// Returns whose fault a status with this code and no reason is. It is never the document's: the broker gives a reason with
/// every refusal.
pub fn of_grpc_status(code: i32) -> Fault {
    match code {
        // CANCELLED, UNKNOWN (a connection that broke), DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, UNAVAILABLE.
        1 | 2 | 4 | 8 | 10 | 14 => Fault::Again,
        _ => Fault::Surroundings,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_status_without_a_reason_is_held_against_the_document() {
        for code in -1..=20 {
            assert_ne!(of_grpc_status(code), Fault::Document, "{code}");
        }
        assert_eq!(of_grpc_status(14), Fault::Again, "UNAVAILABLE");
        assert_eq!(of_grpc_status(12), Fault::Surroundings, "UNIMPLEMENTED");
    }
}
