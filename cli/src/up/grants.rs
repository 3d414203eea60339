//! The grants of a local colony: the minimum for each part.

use anyhow::Context as _;
use apiary_adapters::{Receiver, WebhookConfig};
use apiary_executor_sdk::Client;
use apiary_identity::{Envelope, Grant, GrantRight, Id, KeyPair, Role, Scopes};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::keys::Keys;
use crate::commands::grant::list;
use crate::exit::{Exit, Fault};

/// Validity of a grant. Long, because the signing key lies in the same folder as the keys that get the grants: a
/// shorter validity would protect nothing, and would stop a colony that runs for a year.
const VALID: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);
/// Remaining validity below which another grant is added.
const RENEWED_BEFORE: SignedDuration = SignedDuration::from_hours(365 * 24);
/// Grants are valid from a little earlier, for clocks that are set back.
const HEAD_START: SignedDuration = SignedDuration::from_mins(5);

/// The permissions that a key needs.
struct NeededGrant {
    key: Id,
    name: String,
    role: Role,
    scopes: Scopes,
    rights: &'static [GrantRight],
}

/// Adds the grants that are missing or about to end; existing ones stay as they are.
pub(super) async fn ensure(
    client: &Client,
    colony: &KeyPair,
    keys: &Keys,
    webhook: &WebhookConfig,
) -> anyhow::Result<()> {
    let now = client.clock().now();
    let (there, broken) = list::all(client).await.context("the colony's grants")?;
    if let Some(first) = broken.first() {
        return Err(Fault::new(
            Exit::Broken,
            format!("a grant in the database is not what the colony signed: {first}"),
        )
        .hint("broker.db was modified: restore the data folder from a backup")
        .into());
    }
    for need in needs(keys, webhook) {
        // A revocation by the colony's owner is respected: a removed key gets no new grant.
        let is_removed = |known: &list::ListOutput| known.revoked_from.is_some() && known.grant.key == need.key;
        if there.iter().any(|known| is_removed(known) || need.is_met_by(&known.grant, now)) {
            continue;
        }
        let envelope = Envelope::seal(colony, &need.grant(colony.id(), now)).context("a grant")?;
        client.add_grant(&envelope).await.with_context(|| format!("the grant of `{}`", need.name))?;
    }
    Ok(())
}

fn needs(keys: &Keys, webhook: &WebhookConfig) -> Vec<NeededGrant> {
    const NONE: &[GrantRight] = &[];
    let need =
        |key: &KeyPair, name: String, role, scopes, rights| NeededGrant { key: key.id(), name, role, scopes, rights };
    let everything = Scopes { functions: vec!["*".to_owned()], executor_types: vec!["*".to_owned()] };
    // A grant for each source with a route, so that none allows what only another one submits.
    let of_receiver = |receiver: &Receiver| {
        let name = format!("{}-adapter", receiver.endpoint.name());
        receiver.routes.scopes().map(|scopes| need(&keys.adapter, name, Role::User, scopes, NONE))
    };
    let sources = webhook.receivers.iter().filter_map(of_receiver);
    let outbox = webhook
        .outbox
        .as_ref()
        .map(|outbox| need(&keys.adapter, "outbox-adapter".to_owned(), Role::User, outbox.functions.scopes(), NONE));
    let bees = apiary_bees::ALL.iter().zip(&keys.bees);
    let bees = bees.map(|(bee, key)| need(key, bee.name().to_owned(), Role::Executor, bee.scopes(), bee.rights()));
    let mut needs: Vec<NeededGrant> = sources.chain(outbox).chain(bees).collect();
    // All that the calls of today ask for, but what takes the colony's own key.
    let rights = &[
        GrantRight::Read,
        GrantRight::Cancel,
        GrantRight::Operate,
        GrantRight::Executors,
        GrantRight::Approve,
        GrantRight::ReadEvents,
        GrantRight::ViewPayloads,
    ];
    needs.push(need(&keys.operator, "operator".to_owned(), Role::User, everything, rights));
    needs
}

impl NeededGrant {
    fn is_met_by(&self, grant: &Grant, now: Timestamp) -> bool {
        let later = now.saturating_add(RENEWED_BEFORE).unwrap_or(Timestamp::MAX);
        grant.key == self.key
            && grant.name == self.name
            && grant.role == self.role
            && grant.scopes == self.scopes
            && grant.rights == self.rights
            && grant.is_valid_at(now)
            && grant.is_valid_at(later)
    }

    fn grant(&self, colony: Id, now: Timestamp) -> Grant {
        Grant {
            colony,
            grant_id: Uuid::new_v4(),
            key: self.key,
            role: self.role,
            name: self.name.clone(),
            scopes: self.scopes.clone(),
            rights: self.rights.to_vec(),
            valid_from: now.saturating_sub(HEAD_START).unwrap_or(Timestamp::MIN),
            valid_until: now.saturating_add(VALID).unwrap_or(Timestamp::MAX),
        }
    }
}
