//! `apiary compat`.

use std::collections::BTreeMap;

use apiary_identity::{Document, Grant, Guard, Outcome, Progress, Request, Revocation, Spec};
use apiary_protocol::snapshot;
use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::output::listing;

/// Version of the document.
const VERSION: u32 = 1;
/// Packages of the wire.
const PROTOCOLS: [&str; 2] = ["apiary.v1", "grpc.health.v1"];
/// Ways to a broker.
const TRANSPORTS: [&str; 5] = [
    "gRPC over HTTP/2, TLS 1.2 and 1.3, optionally with client certificates",
    "gRPC over HTTP/2 in plain text, on loopback unless allowed",
    "gRPC over a Unix socket",
    "HTTP/1.1 and HTTP/2 with JSON: submit, read a process, its result, and events; snapshots, also as server-sent events",
    "through an HTTP proxy, by CONNECT",
];
/// Known gaps, so that nobody looks for what is not there.
const GAPS: [&str; 4] = [
    "gRPC-Web and Connect are not spoken: browsers use the HTTP pages through a server of their own",
    "over HTTP, leases cannot be claimed: executors speak gRPC, or use `apiary lease`",
    "brokers share Postgres only; SQLite takes one broker",
    "a database is not moved between Postgres and SQLite",
];

const EXAMPLES: &str = "\
Examples:
  apiary compat
  apiary compat --json | jq '.schemas.postgres'
  diff <(old/apiary compat --json | jq .) <(new/apiary compat --json | jq .)";

/// Print what this version speaks and stores: protocols, documents, schemas, transports, known gaps
///
/// Reads nothing, and asks no broker.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Print JSON, as `-o json` does
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Compat {
    version: u32,
    apiary: &'static str,
    protocols: [&'static str; 2],
    documents: [&'static str; 7],
    schemas: BTreeMap<&'static str, i64>,
    snapshot: u32,
    transports: [&'static str; 5],
    known_gaps: [&'static str; 4],
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let compat = Compat {
        version: VERSION,
        apiary: env!("CARGO_PKG_VERSION"),
        protocols: PROTOCOLS,
        documents: [
            Grant::PAYLOAD_TYPE,
            Guard::PAYLOAD_TYPE,
            Progress::PAYLOAD_TYPE,
            Request::PAYLOAD_TYPE,
            Outcome::PAYLOAD_TYPE,
            Revocation::PAYLOAD_TYPE,
            Spec::PAYLOAD_TYPE,
        ],
        schemas: apiary_broker::schema_versions().into_iter().collect(),
        snapshot: snapshot::VERSION,
        transports: TRANSPORTS,
        known_gaps: GAPS,
    };
    let format = if arguments.json { crate::output::Format::Json } else { context.format };
    format.print(&compat, text)
}

fn text(compat: &Compat) -> String {
    let schemas: Vec<String> = compat.schemas.iter().map(|(kind, version)| format!("{kind} {version}")).collect();
    let mut entries = vec![
        ("apiary", compat.apiary.to_owned()),
        ("protocols", compat.protocols.join(", ")),
        ("documents", compat.documents.join(", ")),
        ("schemas", schemas.join(", ")),
        ("snapshot", compat.snapshot.to_string()),
    ];
    entries.extend(compat.transports.iter().map(|transport| ("transport", (*transport).to_owned())));
    entries.extend(compat.known_gaps.iter().map(|gap| ("gap", (*gap).to_owned())));
    listing(entries.into_iter().map(|(name, text)| (name.to_owned(), text)))
}
