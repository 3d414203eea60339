//! `apiary process verify`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use apiary_executor_sdk::Client;
use apiary_executor_sdk::bundle::{BUNDLE_BYTES_MAX, Bundle, BundleError};
use apiary_identity::Id;
use clap::Args;
use serde::Serialize;
use uuid::Uuid;

use super::archived;
use super::chain::{Link, examine};
use super::select::Which;
use crate::context::Context;
use crate::exit::{Exit, Fault};
use crate::output::{BAD, GOOD, WARN, plain, styled};
use crate::{files, profile};

const EXAMPLES: &str = "\
Examples:
  apiary process verify latest
  apiary process verify 019ab2c4-5d6e-7f80-9123-456789abcdef -o json | jq .verified
  apiary process verify ./process.json --colony ed25519:…";

/// Verify a process's chain of signatures on this machine: colony key, grant, spec, attempts, result
///
/// The broker is not trusted: the colony's id comes from your settings, and the broker's statements must equal the
/// signed ones. Exits with 6, and names the link, if a byte was altered; with 3 if your key may not see what was signed.
///
/// A file from `apiary process export` needs no broker and no key: the colony's id is enough.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Id of the process, or `latest`; or a file that `process export` wrote (`-` is standard input)
    #[arg(value_name = "ID|FILE", value_parser = Subject::read)]
    subject: Subject,
}

/// A process to verify, and where it is read from.
#[derive(Clone, Debug)]
enum Subject {
    /// A process that the broker shows.
    Process(Which),
    /// An exported process.
    File(PathBuf),
}

impl Subject {
    fn read(text: &str) -> Result<Self, String> {
        if let Ok(which) = Which::read(text) {
            return Ok(Self::Process(which));
        }
        // A mistyped id is not taken for a file.
        match text == "-" || text.contains(['/', '.']) {
            true => Ok(Self::File(text.into())),
            false => Err("expected a process id (a UUID), `latest`, or a file such as ./process.json".to_owned()),
        }
    }
}

/// A verified chain.
#[derive(Serialize)]
pub(crate) struct Verdict {
    pub(crate) process_id: Uuid,
    pub(crate) verified: bool,
    pub(crate) links: Vec<Link>,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let verdict = match &arguments.subject {
        Subject::Process(which) => {
            let client = profile::client(&context.settings)?;
            let process_id = which.find(&client).await?;
            let answer = archived::get_process(&client, &context.settings, process_id).await?;
            Verdict::new(process_id, examine(&client.colony(), process_id, &answer))
        }
        Subject::File(path) => verify_file(&profile::colony(&context.settings)?, path)?,
    };
    let process_id = verdict.process_id;
    context.format.print(&verdict, text)?;
    match verdict.links.iter().find(|link| !link.holds && !link.hidden) {
        None if verdict.verified => Ok(()),
        None => Err(Fault::new(
            Exit::Refused,
            format!("process {process_id} was not verified: its spec and results are hidden"),
        )
        .hint("ask with its submitter's or the colony's key, or for a grant with the right `view_payloads`")
        .into()),
        Some(link) => Err(Fault::new(
            Exit::Broken,
            format!("process {process_id} is broken at its {}: {}", link.link, link.words),
        )
        .hint("do not act on it: the database, or the broker, shows something that was not signed")
        .into()),
    }
}

/// Reads a process from the broker, and verifies its chain.
pub(crate) async fn verify(client: &Client, process_id: Uuid) -> anyhow::Result<Verdict> {
    let answer = client.get_process(process_id).await?;
    Ok(Verdict::new(process_id, examine(&client.colony(), process_id, &answer)))
}

/// Reads an exported process and verifies its chain, without a broker.
fn verify_file(colony: &Id, path: &Path) -> anyhow::Result<Verdict> {
    let bundle =
        Bundle::read(&files::read(path, BUNDLE_BYTES_MAX, "a process has")?).map_err(|error| unread(&error))?;
    if bundle.colony() != *colony {
        let words = format!("the file is of the colony {}, not of {colony}", bundle.colony());
        return Err(Fault::new(Exit::Broken, words).hint("pass the id of its colony, if you trust that one").into());
    }
    let process_id = bundle.process_id().map_err(|error| unread(&error))?;
    let answer = bundle.to_answer().map_err(|error| unread(&error))?;
    Ok(Verdict::new(process_id, examine(colony, process_id, &answer)))
}

/// Returns the fault of a file that cannot be read.
fn unread(error: &BundleError) -> Fault {
    let exit = match error {
        BundleError::Form(_) => Exit::Usage,
        BundleError::Broken(_) => Exit::Broken,
    };
    Fault::new(exit, error.to_string())
}

impl Verdict {
    fn new(process_id: Uuid, links: Vec<Link>) -> Self {
        Self { process_id, verified: links.iter().all(|link| link.holds), links }
    }
}

/// Formats the verdict.
pub(crate) fn text(verdict: &Verdict) -> String {
    let mut text = format!("process {}\n", verdict.process_id);
    for link in &verdict.links {
        let mark = match (link.holds, link.hidden) {
            (true, _) => styled(GOOD, "holds "),
            (false, true) => styled(WARN, "hidden"),
            (false, false) => styled(BAD, "BROKEN"),
        };
        let _ = writeln!(text, "  {mark}  {:<10} {}", link.link, plain(&link.words));
    }
    text
}
