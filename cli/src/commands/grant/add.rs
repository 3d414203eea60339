//! `apiary grant add`.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use apiary_identity::{Clock, Envelope, Grant, GrantRight, Id, KeyPair, Role, Scopes};
use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use crate::context::Context;
use crate::exit::{Exit, Fault};
use crate::{keys, profile};

/// A grant has a few hundred bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// A grant made here holds from a little before, for clocks that are a little behind.
const HEAD_START: SignedDuration = SignedDuration::from_mins(5);

const EXAMPLES: &str = "\
Examples:
  apiary grant add --colony-key colony.pem --key $(apiary key id shop.pem) --role user \\
      --name shop --function invoice.send --executor-type finance
  apiary grant add --colony-key colony.pem --key ed25519:… --role executor \\
      --name finance --function '*' --executor-type finance --valid-days 90
  apiary grant add … --out grant.json      # where the colony's key is, without a network
  apiary grant add --from grant.json       # anywhere: the signature is the permission";

/// Sign a grant with the colony's key and deliver it
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The colony's secret key
    #[arg(long, value_name = "FILE", required_unless_present = "from")]
    colony_key: Option<PathBuf>,
    /// Whose key the grant is about
    #[arg(long, value_name = "ID", required_unless_present = "from")]
    key: Option<Id>,
    /// What the key is
    #[arg(long, value_enum, required_unless_present = "from")]
    role: Option<RoleWord>,
    /// What people call it
    #[arg(long, required_unless_present = "from")]
    name: Option<String>,
    /// A function that it may submit or run: a name, a prefix such as `billing.*`, or `*`; may be given several times
    #[arg(long = "function", value_name = "FUNCTION")]
    functions: Vec<String>,
    /// An executor type that it may submit for or claim as; may be given several times
    #[arg(long = "executor-type", value_name = "TYPE")]
    executor_types: Vec<String>,
    /// A right beyond the role; may be given several times
    #[arg(long = "right", value_name = "RIGHT", value_enum)]
    rights: Vec<RightWord>,
    /// For how long it holds
    #[arg(long, value_name = "N", default_value_t = 365, value_parser = clap::value_parser!(u16).range(1..=3660))]
    valid_days: u16,
    /// Write the signed grant to this new file instead of sending it; `-` is standard output
    #[arg(long, value_name = "FILE", conflicts_with = "from")]
    out: Option<PathBuf>,
    /// Deliver a grant that was signed before; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["colony_key", "key", "role", "name", "functions", "executor_types", "rights", "valid_days"])]
    from: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum RoleWord {
    /// May submit
    User,
    /// May claim, and submit children
    Executor,
}

#[derive(Clone, Copy, ValueEnum)]
enum RightWord {
    /// May read every process and grant of the colony
    Read,
    /// May cancel every process
    Cancel,
    /// May pause, limit, redrive, discard and drain: what keeps a colony running
    Operate,
}

impl RightWord {
    fn to_right(self) -> GrantRight {
        match self {
            Self::Read => GrantRight::Read,
            Self::Cancel => GrantRight::Cancel,
            Self::Operate => GrantRight::Operate,
        }
    }
}

#[derive(Serialize)]
struct Added {
    grant_id: String,
    existed: bool,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    if let Some(path) = &arguments.from {
        let envelope = read(path)?;
        // The grant's own signature is its permission; the call needs no key of anybody's.
        return deliver(context, &envelope, KeyPair::generate()).await;
    }
    let colony_key = keys::from_file(&context.settings, arguments.colony_key.as_deref().unwrap_or("-".as_ref()))?;
    check_pin(context, colony_key.id())?;
    let grant = arguments.grant(colony_key.id(), profile::clock().as_ref())?;
    let envelope = Envelope::seal(&colony_key, &grant).map_err(|error| Fault::usage(error.to_string()))?;
    match &arguments.out {
        Some(path) => write(path, &envelope),
        None => deliver(context, &envelope, colony_key).await,
    }
}

impl Arguments {
    fn grant(&self, colony: Id, clock: &dyn Clock) -> anyhow::Result<Grant> {
        let (Some(key), Some(role), Some(name)) = (self.key, self.role, self.name.clone()) else {
            return Err(Fault::usage("--key, --role and --name are needed").into());
        };
        let now = clock.now();
        let days = SignedDuration::from_hours(24 * i64::from(self.valid_days));
        Ok(Grant {
            colony,
            grant_id: Uuid::new_v4(),
            key,
            role: match role {
                RoleWord::User => Role::User,
                RoleWord::Executor => Role::Executor,
            },
            name,
            scopes: Scopes { functions: self.functions.clone(), executor_types: self.executor_types.clone() },
            rights: self.rights.iter().map(|right| right.to_right()).collect(),
            valid_from: now.saturating_sub(HEAD_START).unwrap_or(Timestamp::MIN),
            valid_until: now.saturating_add(days).unwrap_or(Timestamp::MAX),
        })
    }
}

/// A grant of another colony than the pinned one is a slip.
fn check_pin(context: &Context, colony: Id) -> anyhow::Result<()> {
    match context.settings.id(&crate::settings::table::COLONY) {
        Some(pinned) if pinned != colony => Err(Fault::usage(format!(
            "--colony-key is the key of {colony}, and the colony that is set is {pinned}: use that colony's key"
        ))
        .into()),
        _ => Ok(()),
    }
}

async fn deliver(context: &Context, envelope: &Envelope, caller: KeyPair) -> anyhow::Result<()> {
    let answer = profile::client_as(&context.settings, envelope.key_id, caller)?.add_grant(envelope).await?;
    let added = Added { grant_id: answer.grant_id, existed: answer.existed };
    context.format.print(&added, |added| added.grant_id.clone())
}

fn read(path: &Path) -> anyhow::Result<Envelope> {
    let mut json = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().take(FILE_BYTES_MAX).read_to_end(&mut json).context("standard input")?;
    } else {
        let file = std::fs::File::open(path).map_err(|error| {
            let exit = if error.kind() == ErrorKind::NotFound { Exit::NotFound } else { Exit::Failure };
            Fault::new(exit, format!("{}: {error}", path.display()))
        })?;
        file.take(FILE_BYTES_MAX).read_to_end(&mut json).with_context(|| path.display().to_string())?;
    }
    let envelope = Envelope::from_json(&json).map_err(|error| Fault::usage(format!("{}: {error}", path.display())))?;
    // Looked at here as well, so that a torn or altered file is named as such.
    envelope.open::<Grant>().map_err(|error| Fault::new(Exit::Broken, format!("{}: {error}", path.display())))?;
    Ok(envelope)
}

fn write(path: &Path, envelope: &Envelope) -> anyhow::Result<()> {
    let json = String::from_utf8(envelope.to_json()).unwrap_or_default();
    if path == Path::new("-") {
        return crate::output::print_line(&json);
    }
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = file.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            Fault::failure(format!("{} exists and is not overwritten: choose another file", path.display()))
        }
        _ => Fault::failure(format!("{}: {error}", path.display())),
    })?;
    file.write_all(json.as_bytes())
        .and_then(|()| file.write_all(b"\n"))
        .and_then(|()| file.sync_all())
        .with_context(|| path.display().to_string())
}
