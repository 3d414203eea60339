//! `apiary lease claim`.

use std::time::Duration;

use apiary_executor_sdk::guard::Guard;
use apiary_executor_sdk::lease::{Claimant, Subject, examine, reject};
use apiary_executor_sdk::limits::{CLAIM_EMPTY_MIN, CLAIM_WAIT, LEASE_MAX, LEASE_MIN};
use apiary_executor_sdk::wire::offer_to_proto;
use apiary_executor_sdk::{Client, v1};
use apiary_identity::{KeyPair, Offer};
use clap::Args;
use tokio::time::{Instant, sleep};

use super::file::LeaseFile;
use crate::arguments::{duration, millis, whole};
use crate::context::Context;
use crate::exit::{Exit, Fault, Quiet};
use crate::output::print_line;
use crate::settings::{Flags, Settings, table};
use crate::{keys, profile};

const EXAMPLES: &str = "\
Examples:
  apiary lease claim --type render --key-file render.pem > lease.json
  apiary lease claim --type render --name render-1 --wait 5m --for 2m --tag cuda > lease.json
  apiary lease claim --type render --count 10 | while IFS= read -r lease; do …; done

docs/shell-executor.md has a whole executor.";

/// Pause before the next request to a broker that does not wait, or that hands out nothing now.
const PAUSE: Duration = Duration::from_secs(1);

/// Wait for work, verify its signatures and its contents, and print its lease as a line of JSON
///
/// The line is the file that the other verbs of `lease` take. It is printed only after the same checks as a bee makes:
/// the chain of signatures from the pinned colony, the intended executor, and the guard (the default set, the colony's
/// rules and `bee.guard_file`). Work that fails them is rejected at the broker, reported on standard error, and never
/// printed; the claim continues. Exits with 8, without a message, if no work arrived in time.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Executor type to claim for; the grant of the key must name it
    #[arg(long = "type", value_name = "TYPE")]
    executor_type: String,
    /// A function of the executor; may be given several times. Other work fails for good, so the grant should name no
    /// other function. If not given, the executor accepts every function of its grant
    #[arg(long = "function", value_name = "FUNCTION")]
    functions: Vec<String>,
    /// Name of the executor, as in its grant; without it, work for executors by name is rejected
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Longest wait for work; 0 answers at once
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30s")]
    wait: Duration,
    /// Largest number of leases, one on each line
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole::<u16>(1, 1000))]
    count: u16,
    /// Length of each lease unless it is renewed, 1s to 1h
    #[arg(long = "for", visible_alias = "lease", value_name = "DURATION", value_parser = duration, default_value = "60s")]
    lease: Duration,
    /// Offered processor time, such as 4 or 500m; default: `bee.cpu`
    #[arg(long, value_name = "CPU", help_heading = "Equipment of the executor")]
    cpu: Option<String>,
    /// Offered memory, such as 10Gi or 10GB; default: `bee.memory`
    #[arg(long, value_name = "MEMORY", help_heading = "Equipment of the executor")]
    memory: Option<String>,
    /// Number of GPUs; default: `bee.gpus`
    #[arg(long, value_name = "N", help_heading = "Equipment of the executor")]
    gpus: Option<String>,
    /// Memory of each GPU, such as 16Gi; default: `bee.gpu_memory`
    #[arg(long, value_name = "MEMORY", help_heading = "Equipment of the executor")]
    gpu_memory: Option<String>,
    /// Location of the executor; default: `bee.location`
    #[arg(long, value_name = "PLACE", help_heading = "Equipment of the executor")]
    location: Option<String>,
    /// A tag of the executor; may be given several times; default: `bee.tags`
    #[arg(long = "tag", value_name = "TAG", help_heading = "Equipment of the executor")]
    tags: Vec<String>,
}

impl Arguments {
    /// Adds the flags for the executor's equipment, which override the settings of `apiary bee`.
    pub(crate) fn flags(&self, flags: &mut Flags) {
        flags.add(&table::BEE_NAME, self.name.clone());
        flags.add(&table::BEE_CPU, self.cpu.clone());
        flags.add(&table::BEE_MEMORY, self.memory.clone());
        flags.add(&table::BEE_GPUS, self.gpus.clone());
        flags.add(&table::BEE_GPU_MEMORY, self.gpu_memory.clone());
        flags.add(&table::BEE_LOCATION, self.location.clone());
        flags.add(&table::BEE_TAGS, (!self.tags.is_empty()).then(|| self.tags.join(",")));
    }
}

/// The claiming executor, and its request.
struct Claiming<'a> {
    client: Client,
    key: KeyPair,
    claimant: Claimant<'a>,
    guard: Guard,
    request: v1::ClaimRequest,
    lease: Duration,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let mut claiming = arguments.claiming(&context.settings)?;
    let end = Instant::now() + arguments.wait;
    loop {
        let asked_at = Instant::now();
        let wait = end.saturating_duration_since(asked_at).min(CLAIM_WAIT);
        let is_asked_later = claiming.claim(wait).await?;
        let Some(is_asked_later) = is_asked_later else { return Ok(()) };
        if Instant::now() >= end {
            return Err(Quiet(Exit::Idle).into());
        }
        if is_asked_later || asked_at.elapsed() < CLAIM_EMPTY_MIN {
            sleep(PAUSE.min(end.saturating_duration_since(Instant::now()))).await;
        }
    }
}

impl Arguments {
    fn claiming<'a>(&'a self, settings: &'a Settings) -> anyhow::Result<Claiming<'a>> {
        if !(LEASE_MIN..=LEASE_MAX).contains(&self.lease) {
            return Err(Fault::usage(format!("--for: a lease lasts 1s to 1h; got {:?}", self.lease)).into());
        }
        let offer: Offer = profile::offer(settings);
        offer.check().map_err(|error| Fault::usage(format!("what the executor has: {error}")))?;
        let key = keys::from_settings(settings)?;
        let functions: Vec<&str> = self.functions.iter().map(String::as_str).collect();
        Ok(Claiming {
            client: profile::client_as(settings, profile::colony(settings)?, key.clone())?,
            key,
            claimant: Claimant {
                executor_type: &self.executor_type,
                name: settings.text(&table::BEE_NAME),
                functions: (!functions.is_empty()).then_some(functions),
            },
            guard: profile::guard(settings)?,
            request: v1::ClaimRequest {
                executor_type: self.executor_type.clone(),
                count_max: i32::from(self.count),
                wait_ms: 0,
                lease_ms: millis(self.lease),
                offer: Some(offer_to_proto(&offer)),
                ..Default::default()
            },
            lease: self.lease,
        })
    }
}

impl Claiming<'_> {
    /// Makes one request, with the colony's current rules. Returns `None` if a lease was printed; otherwise true if the
    /// caller should pause before the next request.
    async fn claim(&mut self, wait: Duration) -> anyhow::Result<Option<bool>> {
        if let Some(rules) = self.client.get_guard().await? {
            self.guard
                .with_colony(&self.client.colony(), &rules)
                .map_err(|error| Fault::new(Exit::Broken, format!("the colony's rules: {error}")))?;
        }
        let answer = self.client.claim(v1::ClaimRequest { wait_ms: millis(wait), ..self.request.clone() }).await?;
        let most = usize::try_from(self.request.count_max).unwrap_or(1);
        let is_empty = answer.leases.is_empty();
        let mut printed = false;
        let mut leases = answer.leases.into_iter().take(most);
        while let Some(lease) = leases.next() {
            match self.take(&lease).await {
                Ok(taken) => printed |= taken,
                Err(error) => {
                    // Released at once: nobody would work under this lease, and the work would wait until its end.
                    for lease in std::iter::once(lease).chain(leases) {
                        self.give_back(&lease).await;
                    }
                    return Err(error);
                }
            }
        }
        Ok((!printed).then_some(is_empty && answer.drain))
    }

    /// Checks a lease and prints it. Returns false if it was rejected.
    async fn take(&self, lease: &v1::Lease) -> anyhow::Result<bool> {
        let Some(subject) = Subject::of(lease) else {
            tracing::warn!("ignored a lease without a process");
            return Ok(false);
        };
        match examine(&self.client, &self.claimant, &self.guard, lease) {
            Ok(work) => {
                print_line(&LeaseFile::of(&self.client, lease, &work)?.sealed(&self.key)?)?;
                Ok(true)
            }
            Err(rejection) => {
                reject(&self.client, &self.guard, &subject, &rejection, self.lease).await;
                Ok(false)
            }
        }
    }

    async fn give_back(&self, lease: &v1::Lease) {
        let Some(subject) = Subject::of(lease) else { return };
        if let Err(error) = self.client.release(subject.process_id, subject.attempt).await {
            tracing::warn!(process_id = %subject.process_id, %error, "cannot release a lease; it will expire");
        }
    }
}
