//! A lease as a file, printed by `claim` and read by the other verbs.
//!
//! The file is sealed with the executor's own key, so that a modified file, or one printed by another executor, is
//! rejected before anything is sent. The broker's fence alone decides whether the lease is still held.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use apiary_executor_sdk::lease::{Subject, VerifiedLease};
use apiary_executor_sdk::wire::envelope_from_proto;
use apiary_executor_sdk::{Client, v1};
use apiary_identity::chain::verify_spec;
use apiary_identity::{Content, Envelope, Id, KeyPair, Signature, Spec};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::commands::process::view::ContentView;
use crate::context::Context;
use crate::exit::{Exit, Fault};
use crate::settings::{Settings, table};
use crate::{files, keys, profile};

/// Payload type of the seal.
const PAYLOAD_TYPE: &str = "application/vnd.apiary.lease-file.v1+json";
/// Name of the seal's field. The seal covers all other fields.
const SEAL: &str = "seal";
/// Bytes of the largest file: the signed spec and its grant in base64, arguments and a checkpoint, each at most about 1
/// MiB.
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// A lease named on the command line.
#[derive(Args)]
pub(super) struct Which {
    /// File with the output of `lease claim`; `-` is standard input
    #[arg(long, value_name = "FILE")]
    lease: PathBuf,
}

/// A lease that was verified when it was claimed, readable by people and programs.
#[derive(Serialize)]
pub(super) struct LeaseFile {
    process_id: Uuid,
    attempt: i32,
    function: String,
    executor_type: String,
    args: Option<ContentView>,
    labels: BTreeMap<String, String>,
    env: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    /// Name of the submitter, as in its grant.
    submitter: String,
    /// Number of further attempts; absent if there is no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    retries_left: Option<u32>,
    /// End of the lease unless it is renewed, by the broker's clock.
    expires_at: Option<Timestamp>,
    /// Latest end of the attempt, even with renewals; absent if there is no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<Timestamp>,
    /// Checkpoint of an earlier attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoint: Option<ContentView>,
    colony: Id,
    /// Executor that holds the lease.
    executor: Id,
    spec: Box<RawValue>,
    submitter_grant: Box<RawValue>,
}

/// A lease read from a verified file.
pub(super) struct LeaseInFile {
    pub(super) client: Client,
    pub(super) subject: Subject,
    pub(super) spec: Spec,
}

impl LeaseFile {
    /// Builds the file of a lease that passed [`examine`](apiary_executor_sdk::lease::examine).
    pub(super) fn of(client: &Client, lease: &v1::Lease, work: &VerifiedLease) -> anyhow::Result<Self> {
        let spec = &work.spec;
        Ok(Self {
            process_id: spec.process_id,
            attempt: work.attempt,
            function: spec.function.clone(),
            executor_type: spec.executor_type.clone(),
            args: ContentView::of(&Content::from_bytes(&work.args)),
            labels: spec.labels.clone().into_iter().collect(),
            env: spec.env.clone().into_iter().collect(),
            traceparent: spec.traceparent.clone(),
            submitter: work.submitter.name.clone(),
            retries_left: work.retries_left,
            expires_at: Timestamp::from_millisecond(lease.expires_at_ms).ok(),
            deadline: work.deadline,
            checkpoint: work.checkpoint.as_ref().and_then(|bytes| ContentView::of(&Content::from_bytes(bytes))),
            colony: client.colony(),
            executor: client.id(),
            spec: dsse(lease.spec.as_ref())?,
            submitter_grant: dsse(lease.submitter_grant.as_ref())?,
        })
    }

    /// Formats the file in one line, with its seal.
    pub(super) fn sealed(&self, key: &KeyPair) -> anyhow::Result<String> {
        let mut fields: Fields = serde_json::from_str(&serde_json::to_string(self)?)?;
        let seal = Envelope::sign(key, PAYLOAD_TYPE, fields.payload()?.into());
        fields.0.insert(
            SEAL.to_owned(),
            RawValue::from_string(format!("\"{}\"", STANDARD.encode(seal.signature.as_bytes())))?,
        );
        Ok(serde_json::to_string(&fields)?)
    }
}

impl Which {
    /// Reads and verifies the file, as the executor of the settings. `others` are further files that the verb reads.
    pub(super) fn open(&self, context: &Context, others: &[Option<&Path>]) -> anyhow::Result<LeaseInFile> {
        let settings = &context.settings;
        let key_file = settings.path(&table::KEY_FILE);
        let files = [Some(self.lease.as_path()), key_file.as_deref()].into_iter().chain(others.iter().copied());
        if files.flatten().filter(|path| is_stdin(path)).count() > 1 {
            return Err(Fault::usage("standard input cannot be two files at once: name one of them").into());
        }
        let client = client(settings)?;
        let name = if is_stdin(&self.lease) { "standard input".to_owned() } else { self.lease.display().to_string() };
        let bytes = files::read(&self.lease, BYTES_MAX, "a lease has")?;
        let (subject, spec) = check(&client, &bytes).with_context(|| name)?;
        Ok(LeaseInFile { client, subject, spec })
    }
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

fn client(settings: &Settings) -> anyhow::Result<Client> {
    profile::client_as(settings, profile::colony(settings)?, keys::from_settings(settings)?)
}

/// Verifies a file against the pinned colony and the executor's key.
fn check(client: &Client, bytes: &[u8]) -> anyhow::Result<(Subject, Spec)> {
    let fields = Fields::read(bytes)?;
    let (colony, executor): (Id, Id) = (fields.get("colony")?, fields.get("executor")?);
    if colony != client.colony() {
        return Err(Fault::usage(format!("the lease is of colony {colony}, and {} is pinned", client.colony()))
            .hint("act with the profile that claimed it")
            .into());
    }
    if executor != client.id() {
        return Err(Fault::usage(format!("the lease is that of key {executor}, and the key set is {}", client.id()))
            .hint("give the key that claimed it with --key-file")
            .into());
    }
    let seal: String = fields.get(SEAL)?;
    let signature = STANDARD.decode(seal).ok().and_then(|bytes| Signature::from_bytes(bytes.into()).ok());
    let signature = signature.ok_or_else(|| altered("its seal is malformed"))?;
    let payload = fields.payload()?.into();
    let sealed = Envelope { payload_type: PAYLOAD_TYPE.to_owned(), payload, key_id: executor, signature };
    sealed.verify().map_err(|_| altered("its seal does not match"))?;
    let (spec, grant) = (fields.envelope("spec")?, fields.envelope("submitter_grant")?);
    let verified = verify_spec(&colony, &grant, &spec).map_err(|link| altered(&link.to_string()))?;
    let (process_id, attempt): (Uuid, i32) = (fields.get("process_id")?, fields.get("attempt")?);
    if verified.spec.process_id != process_id {
        return Err(altered("its spec belongs to another process").into());
    }
    Ok((Subject { process_id, attempt, spec_digest: spec.digest() }, verified.spec))
}

fn altered(how: &str) -> Fault {
    Fault::new(Exit::Broken, format!("the lease was changed since `lease claim` printed it: {how}"))
        .hint("store the output of `lease claim` unchanged; nothing was sent")
}

/// Fields of a file, as raw JSON.
#[derive(serde::Deserialize, Serialize)]
#[serde(transparent)]
struct Fields(BTreeMap<String, Box<RawValue>>);

impl Fields {
    fn read(bytes: &[u8]) -> Result<Self, Fault> {
        if bytes.trim_ascii().is_empty() {
            return Err(Fault::usage("there is no lease in it").hint("`apiary lease claim > FILE` writes one"));
        }
        serde_json::from_slice(bytes).map_err(|error| {
            Fault::usage(format!("it is not a line printed by `lease claim`: {error}"))
                .hint("store each line in a file of its own")
        })
    }

    fn get<T: DeserializeOwned>(&self, name: &str) -> Result<T, Fault> {
        let field = self.0.get(name).ok_or_else(|| altered(&format!("`{name}` is missing")))?;
        serde_json::from_str(field.get()).map_err(|error| altered(&format!("`{name}`: {error}")))
    }

    fn envelope(&self, name: &str) -> Result<Envelope, Fault> {
        let field = self.0.get(name).ok_or_else(|| altered(&format!("`{name}` is missing")))?;
        Envelope::from_json(field.get().as_bytes()).map_err(|error| altered(&format!("`{name}`: {error}")))
    }

    /// Returns the bytes that the seal covers: every other field, ordered by name.
    fn payload(&self) -> anyhow::Result<Vec<u8>> {
        let sealed: BTreeMap<_, _> = self.0.iter().filter(|(name, _)| *name != SEAL).collect();
        Ok(serde_json::to_vec(&sealed)?)
    }
}

fn dsse(envelope: Option<&v1::Envelope>) -> anyhow::Result<Box<RawValue>> {
    let json = envelope_from_proto(&envelope.cloned().unwrap_or_default())?.to_json();
    Ok(serde_json::from_slice(&json)?)
}
