//! gRPC statuses without an Apiary reason: from a proxy, the gRPC library, or another server at the broker's address.

use super::Fault;

/// Returns the side at fault for a status with this code and no reason. It is never the document, because the broker
/// gives a reason with every refusal.
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
