//! Everybody who calls: each role, with its grant in force, revoked and expired.

use apiary_identity::{Clock as _, Envelope, Grant, GrantRight, Id, KeyPair, Revocation, Role, SystemClock};
use apiary_tests::TestColony;
use futures::future::join_all;
use jiff::SignedDuration;
use uuid::Uuid;

use super::messages::{FUNCTION, TYPE, registration};

/// The state of a caller's grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// In force; or the caller needs none.
    Good,
    Revoked,
    Expired,
}

/// A key with a role.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// `colony`, `server_owner`, `stranger`, `unapproved`, `user`, `executor`, `approved`, or the word of a user's only right.
    pub(super) name: &'static str,
    pub(super) key: KeyPair,
    /// The role that its grant gives; `None` without a grant.
    role: Option<Role>,
    pub(super) standing: Standing,
}

impl Caller {
    /// Returns true if a row of the table has this caller.
    pub(super) fn is_in(&self, row: &str) -> bool {
        let in_force = |role: Role| self.role == Some(role) && self.standing == Standing::Good;
        row.split(' ').any(|word| match word {
            "anybody" => true,
            "user" => in_force(Role::User),
            "executor" => in_force(Role::Executor),
            "member" => in_force(Role::User) || in_force(Role::Executor),
            "newcomer" => self.role != Some(Role::Executor) && self.name != "colony",
            word => word == self.name && self.standing == Standing::Good,
        })
    }
}

/// Makes everybody.
pub(super) async fn everybody(colony: &TestColony) -> Vec<Caller> {
    let caller = |name, key| Caller { name, key, role: None, standing: Standing::Good };
    let mut all = vec![
        caller("colony", colony.key.clone()),
        caller("server_owner", colony.server_owner.clone()),
        caller("stranger", KeyPair::generate()),
    ];
    let mut granted = vec![("user", Role::User, vec![]), ("executor", Role::Executor, vec![])];
    granted.extend(GrantRight::ALL.map(|right| (right.as_str(), Role::User, vec![right])));
    let made = granted.iter().flat_map(|(name, role, rights)| {
        [Standing::Good, Standing::Revoked, Standing::Expired]
            .map(|standing| member(colony, name, *role, rights, standing))
    });
    all.extend(join_all(made).await);
    for name in ["unapproved", "approved"] {
        let key = KeyPair::generate();
        colony.client(&key).register_executor(registration(TYPE)).await.unwrap();
        if name == "approved" {
            add(colony, &grant(colony, &key, name, Role::Executor, &[])).await;
        }
        let role = (name == "approved").then_some(Role::Executor);
        all.push(Caller { name, key, role, standing: Standing::Good });
    }
    all
}

async fn member(
    colony: &TestColony,
    name: &'static str,
    role: Role,
    rights: &[GrantRight],
    standing: Standing,
) -> Caller {
    let key = KeyPair::generate();
    let mut grant = grant(colony, &key, name, role, rights);
    if standing == Standing::Expired {
        let ago = |hours| SystemClock.now() - SignedDuration::from_hours(hours);
        (grant.valid_from, grant.valid_until) = (ago(2), ago(1));
    }
    add(colony, &grant).await;
    if standing == Standing::Revoked {
        let revocation = Envelope::seal(&colony.key, &revocation(colony.key.id(), key.id())).unwrap();
        colony.client(&colony.key).revoke_grant(&revocation).await.unwrap();
    }
    Caller { name, key, role: Some(role), standing }
}

/// Returns a grant with the scope of one function and type.
pub(super) fn grant(colony: &TestColony, key: &KeyPair, name: &str, role: Role, rights: &[GrantRight]) -> Grant {
    colony.grant_document(key, name, role, &[FUNCTION], &[TYPE], rights)
}

async fn add(colony: &TestColony, grant: &Grant) {
    colony.client(&colony.key).add_grant(&Envelope::seal(&colony.key, grant).unwrap()).await.unwrap();
}

/// Returns a revocation of all grants of a key, from now on.
pub(super) fn revocation(colony: Id, key: Id) -> Revocation {
    Revocation {
        colony,
        revocation_id: Uuid::new_v4(),
        grant_id: None,
        key: Some(key),
        from: SystemClock.now(),
        reason: None,
    }
}
