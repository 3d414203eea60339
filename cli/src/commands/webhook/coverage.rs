//! Routes that no grant covers: the broker would reject their events.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use apiary_adapters::{ROUTE_NOT_GRANTED, Receiver, Route};
use apiary_daemon::Notices;
use apiary_executor_sdk::{Client, Reason};
use apiary_identity::Role;
use jiff::Timestamp;
use tokio::time::sleep;
use uuid::Uuid;

use crate::commands::grant::list::ListOutput;

/// Pause between two rounds of questions.
const PAUSE: Duration = Duration::from_secs(10);
const REMEDY: &str = "its events are set aside; `apiary grant add` with the executor type and function";

/// Returns the targets of these receivers that no user's grant in the colony covers, each once.
pub(crate) fn uncovered(receivers: &[Receiver], grants: &[ListOutput], now: Timestamp) -> BTreeSet<String> {
    let in_force = grants
        .iter()
        .filter(|known| known.grant.role == Role::User && known.revoked_from.is_none() && known.grant.is_valid_at(now));
    let in_force: Vec<_> = in_force.map(|known| &known.grant.scopes).collect();
    let routes = receivers.iter().flat_map(|receiver| receiver.routes.routes());
    let missing = routes.filter(|route| !in_force.iter().any(|one| one.cover(&route.executor_type, &route.function)));
    missing.map(ToString::to_string).collect()
}

/// Keeps a notice for each route that no grant of the adapter's key covers, also while the broker is away at first. Goes on
/// looking only while there is one, so that the notice ends with the repair.
pub(super) async fn watch(client: &Client, receivers: &[Receiver], notices: &Notices) -> Infallible {
    let routes: BTreeMap<String, &Route> =
        receivers.iter().flat_map(|one| one.routes.routes()).map(|route| (route.to_string(), route)).collect();
    let mut open: Vec<(String, &Route)> = routes.into_iter().collect();
    while !open.is_empty() {
        let mut left = Vec::new();
        for (target, route) in open {
            match is_covered(client, route).await {
                Some(true) => notices.resolve(ROUTE_NOT_GRANTED, &target),
                Some(false) => {
                    let text = format!("no grant of this adapter covers the route to {target}: {REMEDY}");
                    notices.raise(ROUTE_NOT_GRANTED, target.as_str(), text);
                    left.push((target, route));
                }
                None => left.push((target, route)),
            }
        }
        open = left;
        sleep(PAUSE).await;
    }
    pending().await
}

/// Asks the broker whether it would take work for this route; `None` without a clear answer. Asks with a process whose parent
/// does not exist: the broker looks at the grant first, and never stores such a process.
async fn is_covered(client: &Client, route: &Route) -> Option<bool> {
    let mut spec = client.spec(&route.executor_type, &route.function);
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
        let receiver = StripeConfig::new(vec!["whsec_1".into()]).receiver(&["charge.refunded = refunds/note"]).unwrap();
        let receivers = [receiver];
        let missing =
            |grants: &[ListOutput]| uncovered(&receivers, grants, now).into_iter().collect::<Vec<_>>().join(" ");
        let finance = || grant(Role::User, "stripe.*", "finance");
        assert_eq!(missing(&[]), "finance/stripe.event refunds/note");
        assert_eq!(missing(&[finance()]), "refunds/note");
        assert_eq!(missing(&[finance(), grant(Role::User, "*", "*")]), "");
        assert_eq!(missing(&[grant(Role::Executor, "*", "*")]), "finance/stripe.event refunds/note");
        let mut revoked = grant(Role::User, "*", "*");
        revoked.revoked_from = Some(now);
        assert_eq!(missing(&[revoked]), "finance/stripe.event refunds/note");
        let later = now + SignedDuration::from_hours(2);
        assert_eq!(uncovered(&receivers, &[grant(Role::User, "*", "*")], later).len(), 2, "over");
    }
}
