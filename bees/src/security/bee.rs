//! The executor: its functions, settings, rights and check.

use std::sync::Arc;

use apiary_executor_sdk::Client;
use apiary_identity::{Clock, GrantRight};
use apiary_settings::{Setting, Values};
use async_trait::async_trait;

use super::settings::{self, Config};
use super::{analyze, anomaly, hygiene, respond};
use crate::{Bee, BeeError, Build, Finding, Function, Verdict};

/// All of its functions.
const FUNCTIONS: [Function; 4] = [
    Function {
        name: "analyze_security",
        about: "applies the rules to the colony's events, and gives a risk score with its reasons",
        args_schema: analyze::ARGS_SCHEMA,
    },
    Function {
        name: "detect_anomaly",
        about: "compares the last hour with the colony's own past",
        args_schema: anomaly::ARGS_SCHEMA,
    },
    Function {
        name: "respond_threat",
        about: "pauses, asks for a revocation, or locks an account, after a dry run; or undoes it",
        args_schema: respond::ARGS_SCHEMA,
    },
    Function {
        name: "identity.hygiene",
        about: "reports keys, grants and executors that need care",
        args_schema: hygiene::ARGS_SCHEMA,
    },
];
/// The rights: to read grants, executors and processes, to read events, and to pause.
const RIGHTS: [GrantRight; 3] = [GrantRight::Read, GrantRight::ReadEvents, GrantRight::Pause];

/// The security bee.
pub struct Security;

#[async_trait]
impl Bee for Security {
    fn name(&self) -> &'static str {
        "security"
    }

    fn about(&self) -> &'static str {
        "Looks for attacks and neglect in the colony's events, and responds when told to"
    }

    fn executor_type(&self) -> &'static str {
        "security"
    }

    fn functions(&self) -> &'static [Function] {
        &FUNCTIONS
    }

    fn settings(&self) -> &'static [Setting] {
        &settings::ALL
    }

    fn rights(&self) -> &'static [GrantRight] {
        &RIGHTS
    }

    async fn examine(&self, values: &Values, clock: Arc<dyn Clock>) -> Vec<Finding> {
        vec![match settings::read(values, clock) {
            Ok(config) => accounts(&config).await,
            Err(error) => Finding::of_check("settings", Err(error.into())),
        }]
    }

    async fn build(&self, client: Client, values: &Values) -> Result<Build, BeeError> {
        let config = Arc::new(settings::read(values, Arc::clone(client.clock()))?);
        let of = || (client.clone(), Arc::clone(&config));
        let (analyzing, detecting, caring, responding) = (of(), client.clone(), of(), of());
        let executor = self
            .executor(client.clone())
            .handle("analyze_security", move |work| analyze::handle(analyzing.0.clone(), analyzing.1.clone(), work))
            .handle("detect_anomaly", move |work| anomaly::handle(detecting.clone(), work))
            .handle("identity.hygiene", move |work| hygiene::handle(caring.0.clone(), caring.1.clone(), work))
            .handle("respond_threat", move |work| respond::handle(responding.0.clone(), responding.1.clone(), work));
        Ok(executor.into())
    }
}

/// Examines whether accounts can be locked.
async fn accounts(config: &Config) -> Finding {
    const ACCOUNTS: &str = "accounts";
    let Some(accounts) = &config.accounts else {
        return Finding::new(ACCOUNTS, Verdict::Skipped, "no Supabase project is set: no account can be locked");
    };
    match accounts.check().await {
        Ok(()) => Finding::new(ACCOUNTS, Verdict::Good, "accounts of the Supabase project can be read and locked"),
        Err(error) => Finding::new(ACCOUNTS, Verdict::Bad, format!("accounts cannot be locked: {error}")).advice(
            "set `security.supabase_url`, and `security.supabase_service_role_key` to the project's service-role key",
        ),
    }
}
