//! The wire: `apiary.v1`, one `.proto` file per noun under `schema/`, with the generated code checked in.
//! After a change of the schema, `cargo xtask proto` makes it anew.

/// Version 1 of the API.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated")]
pub mod v1 {
    include!("generated/apiary.v1.rs");
}

/// gRPC's own health protocol.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated")]
pub mod health {
    include!("generated/grpc.health.v1.rs");
}

/// The path of each method, `/package.Service/Method`.
pub const METHODS: &[&str] = &include!("generated/methods.rs");

/// The schema itself, for gRPC reflection: an encoded `FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!("generated/descriptors.bin");
