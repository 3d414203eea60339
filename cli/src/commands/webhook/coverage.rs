//! Routes, and functions of the outbox, that no grant covers: the broker would reject their events and rows.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt;
use std::future::pending;
use std::time::Duration;

use apiary_adapters::{OutboxConfig, ROUTE_NOT_GRANTED, Receiver, WebhookConfig};
use apiary_daemon::Notices;
use apiary_executor_sdk::{Client, Reason};
use apiary_identity::Role;
use jiff::Timestamp;
use tokio::time::sleep;
use uuid::Uuid;

use crate::commands::grant::list::ListOutput;

/// Pause between two rounds of questions.
const PAUSE: Duration = Duration::from_secs(10);
const REMEDY: &str = "`apiary grant add` with the executor type and function";
/// Characters of a name that nobody grants by itself.
const UNKNOWN_CHARS: usize = 8;

/// Target of a route or of rows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Target {
    executor_type: String,
    /// A function; of an outbox, also all that begin with the text before `*`.
    function: String,
    is_of_outbox: bool,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.executor_type, self.function)
    }
}

impl Target {
    /// Returns the function by which a broker can be asked: of all functions with a prefix, one that no grant names.
    fn example(&self) -> Cow<'_, str> {
        let Some(prefix) = self.function.strip_suffix('*') else { return Cow::Borrowed(&self.function) };
        let unknown: String = Uuid::new_v4().simple().to_string().chars().take(UNKNOWN_CHARS).collect();
        Cow::Owned(format!("{prefix}{unknown}"))
    }

    /// Returns the text of the notice.
    fn notice(&self) -> String {
        match self.is_of_outbox {
            false => format!("no grant of this adapter covers the route to {self}: its events are set aside; {REMEDY}"),
            true => format!(
                "no grant of this adapter covers {self} of `webhook.outbox_functions`: rows that ask for it are refused; \
                 {REMEDY}, or a shorter list"
            ),
        }
    }
}

/// Lists the targets of routes and outbox, each once.
fn targets(receivers: &[Receiver], outbox: Option<&OutboxConfig>) -> BTreeSet<Target> {
    let target = |executor_type: &str, function: &str, is_of_outbox| Target {
        executor_type: executor_type.to_owned(),
        function: function.to_owned(),
        is_of_outbox,
    };
    let routes = receivers.iter().flat_map(|receiver| receiver.routes.routes());
    let mut targets: BTreeSet<Target> =
        routes.map(|route| target(&route.executor_type, &route.function, false)).collect();
    for (executor_type, function) in outbox.iter().flat_map(|outbox| outbox.functions.entries()) {
        // Told once, as a route.
        if !targets.contains(&target(executor_type, function, false)) {
            targets.insert(target(executor_type, function, true));
        }
    }
    targets
}

/// Returns the targets of these receivers and this outbox that no user's grant in the colony covers.
pub(crate) fn uncovered(
    receivers: &[Receiver],
    outbox: Option<&OutboxConfig>,
    grants: &[ListOutput],
    now: Timestamp,
) -> Vec<String> {
    let in_force = grants
        .iter()
        .filter(|known| known.grant.role == Role::User && known.revoked_from.is_none() && known.grant.is_valid_at(now));
    let in_force: Vec<_> = in_force.map(|known| &known.grant.scopes).collect();
    let is_covered = |target: &Target| {
        let example = target.example();
        in_force.iter().any(|one| one.cover(&target.executor_type, &example))
    };
    let missing = targets(receivers, outbox).into_iter().filter(|target| !is_covered(target));
    missing.map(|target| target.to_string()).collect()
}

/// Keeps a notice for each route, and each function of the outbox, that no grant of the adapter's key covers, also while the
/// broker is away at first. Goes on looking only while there is one, so that the notice ends with the repair.
pub(super) async fn watch(client: &Client, config: &WebhookConfig, notices: &Notices) -> Infallible {
    let mut open = targets(&config.receivers, config.outbox.as_ref());
    while !open.is_empty() {
        let mut left = BTreeSet::new();
        for target in open {
            match is_covered(client, &target).await {
                Some(true) => notices.resolve(ROUTE_NOT_GRANTED, &target.to_string()),
                Some(false) => {
                    notices.raise(ROUTE_NOT_GRANTED, target.to_string(), target.notice());
                    left.insert(target);
                }
                None => {
                    left.insert(target);
                }
            }
        }
        open = left;
        sleep(PAUSE).await;
    }
    pending().await
}

/// Asks the broker whether it would take work for this target; `None` without a clear answer. Asks with a process whose parent
/// does not exist: the broker looks at the grant first, and never stores such a process.
async fn is_covered(client: &Client, target: &Target) -> Option<bool> {
    let mut spec = client.spec(&target.executor_type, &target.example());
    spec.parents = [Uuid::new_v4()].into();
    match client.submit(&spec).await {
        Err(error) if error.is(&Reason::NotPermitted) => Some(false),
        // Its grant was found, and then the parent was not. Any other refusal says nothing of the grant.
        Err(error)
            if [Reason::NotFound, Reason::Invalid, Reason::ArgsRefused, Reason::LimitUnknown]
                .iter()
                .any(|reason| error.is(reason)) =>
        {
            Some(true)
        }
        Ok(_) => Some(true),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use apiary_adapters::outbox::AllowedFunctions;
    use apiary_adapters::sources::stripe::StripeConfig;
    use apiary_identity::{Grant, KeyPair, Scopes};
    use jiff::SignedDuration;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_target_is_covered_by_a_users_grant_in_force() {
        let (colony, adapter, now) = (KeyPair::generate().id(), KeyPair::generate().id(), Timestamp::UNIX_EPOCH);
        let grant = |role, functions: &str, executor_types: &str| ListOutput {
            grant: Grant {
                colony,
                grant_id: Uuid::new_v4(),
                key: adapter,
                role,
                name: "adapter".to_owned(),
                scopes: Scopes {
                    functions: vec![functions.to_owned()],
                    executor_types: vec![executor_types.to_owned()],
                },
                rights: vec![],
                valid_from: now,
                valid_until: now + SignedDuration::from_hours(1),
            },
            revoked_from: None,
        };
        let receiver = StripeConfig::new(Vec::new()).receiver(&["charge.refunded = refunds/note"]).unwrap();
        let receivers = [receiver];
        let missing = |grants: &[ListOutput]| uncovered(&receivers, None, grants, now).join(" ");
        let finance = || grant(Role::User, "stripe.*", "finance");
        assert_eq!(missing(&[]), "finance/stripe.event refunds/note");
        assert_eq!(missing(&[finance()]), "refunds/note");
        assert_eq!(missing(&[finance(), grant(Role::User, "*", "*")]), "");
        assert_eq!(missing(&[grant(Role::Executor, "*", "*")]), "finance/stripe.event refunds/note");
        let mut revoked = grant(Role::User, "*", "*");
        revoked.revoked_from = Some(now);
        assert_eq!(missing(&[revoked]), "finance/stripe.event refunds/note");
        let later = now + SignedDuration::from_hours(2);
        assert_eq!(uncovered(&receivers, None, &[grant(Role::User, "*", "*")], later).len(), 2, "over");
        let functions = ["refunds/note", "mailer/mail.*"].map(str::to_owned);
        let outbox = OutboxConfig {
            database_url: "postgres://localhost/shop".into(),
            functions: AllowedFunctions::read(&functions).unwrap(),
            retain: None,
            has_transaction_pooler: false,
        };
        for (functions, missing) in [
            ("mail.*", ""),
            ("m*", ""),
            ("mail.send*", "mailer/mail.*"),
            ("mail.send", "mailer/mail.*"),
            ("mail.", "mailer/mail.*"),
        ] {
            let grants = [grant(Role::User, functions, "mailer"), finance(), grant(Role::User, "note", "refunds")];
            assert_eq!(uncovered(&receivers, Some(&outbox), &grants, now).join(" "), missing, "{functions}");
        }
        assert_eq!(uncovered(&[], Some(&outbox), &[], now), ["mailer/mail.*", "refunds/note"]);
    }
}
