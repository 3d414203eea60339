//! `apiary grant add`.

use std::path::PathBuf;
use std::sync::LazyLock;

use apiary_identity::{Clock, Envelope, Grant, GrantRight, Id, KeyPair, Role, Scopes};
use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use super::signed::{colony_key, read, seal, write};
use crate::arguments::whole;
use crate::context::Context;
use crate::exit::Fault;
use crate::profile;

/// Grants are valid from a little earlier, for machines whose clocks are behind.
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
    /// Key that gets the grant
    #[arg(long, value_name = "ID", required_unless_present = "from")]
    key: Option<Id>,
    /// Role of the key
    #[arg(long, value_enum, required_unless_present = "from")]
    role: Option<RoleWord>,
    /// Name of the key's owner
    #[arg(long, required_unless_present = "from")]
    name: Option<String>,
    /// A function for submitting or running: a name, a prefix such as `billing.*`, or `*`; may be given several times
    #[arg(long = "function", value_name = "FUNCTION")]
    functions: Vec<String>,
    /// An executor type for submitting or claiming; may be given several times
    #[arg(long = "executor-type", value_name = "TYPE")]
    executor_types: Vec<String>,
    /// An additional right (docs/rights.md); may be given several times
    #[arg(long = "right", value_name = "RIGHT", value_enum)]
    rights: Vec<RightWord>,
    /// Validity of the grant, in days
    #[arg(long, value_name = "N", default_value_t = 365, value_parser = whole::<u16>(1, 3660))]
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
    /// May submit processes
    User,
    /// May claim work, and submit child processes
    Executor,
}

/// A right, as an argument.
#[derive(Clone, Copy)]
struct RightWord(GrantRight);

impl ValueEnum for RightWord {
    fn value_variants<'a>() -> &'a [Self] {
        static ALL: LazyLock<Vec<RightWord>> = LazyLock::new(|| GrantRight::ALL.into_iter().map(RightWord).collect());
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.as_str()).help(meaning(self.0)))
    }
}

fn meaning(right: GrantRight) -> &'static str {
    match right {
        GrantRight::Read => "Read every process, grant and executor; includes `read_own`",
        GrantRight::ReadOwn => "Read the processes that its own key submitted",
        GrantRight::Cancel => "Cancel every process; includes `cancel_own`",
        GrantRight::CancelOwn => "Cancel the processes that its own key submitted",
        GrantRight::Operate => "Redrive, discard, retry and limit; includes `pause`",
        GrantRight::Pause => "Pause and resume",
        GrantRight::Schedules => "Manage schedules; no call needs it yet",
        GrantRight::Executors => "List, explain and drain executors, and reject those that wait for approval",
        GrantRight::Approve => "List executors, and reject those that wait for approval",
        GrantRight::Signal => "Send signals to processes; no call needs it yet",
        GrantRight::Archive => "Move finished processes into an archive, and restore them; shows their payloads",
        GrantRight::ReadEvents => "Read who changed what in the colony, and who was refused",
        GrantRight::ViewPayloads => "See arguments, outputs and log lines of what it may read",
    }
}

#[derive(Serialize)]
struct AddOutput {
    grant_id: String,
    existed: bool,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    if let Some(path) = &arguments.from {
        let envelope = read::<Grant>(path)?;
        // The grant's signature authorises the call, so any key will do.
        return deliver(context, &envelope, KeyPair::generate()).await;
    }
    let colony_key = colony_key(context, arguments.colony_key.as_ref())?;
    let grant = arguments.grant(colony_key.id(), profile::clock().as_ref())?;
    let envelope = seal(&colony_key, &grant)?;
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
        self.check_scopes(role)?;
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
            rights: self.rights.iter().map(|right| right.0).collect(),
            valid_from: now.saturating_sub(HEAD_START).unwrap_or(Timestamp::MIN),
            valid_until: now.saturating_add(days).unwrap_or(Timestamp::MAX),
        })
    }
}

impl Arguments {
    /// Reports the missing flags without which the grant would cover no work. A key that only reads or operates needs
    /// none.
    fn check_scopes(&self, role: RoleWord) -> Result<(), Fault> {
        let missing = match (self.functions.is_empty(), self.executor_types.is_empty()) {
            (false, false) => return Ok(()),
            (true, true) if matches!(role, RoleWord::User) && !self.rights.is_empty() => return Ok(()),
            (true, true) => "--function and --executor-type are",
            (true, false) => "--function is",
            (false, true) => "--executor-type is",
        };
        let hint = "for example --function stripe.event --executor-type finance; '*' stands for all; a user who only \
                    reads needs only --right read";
        Err(Fault::usage(format!("{missing} missing: the grant would cover no work")).hint(hint))
    }
}

async fn deliver(context: &Context, envelope: &Envelope, caller: KeyPair) -> anyhow::Result<()> {
    let answer = profile::client_as(&context.settings, envelope.key_id, caller)?.add_grant(envelope).await?;
    let added = AddOutput { grant_id: answer.grant_id, existed: answer.existed };
    context.format.print(&added, |added| added.grant_id.clone())
}
