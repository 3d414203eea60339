//! Permission as a value.

use std::marker::PhantomData;

use apiary_daemon::door::CurrentCall;
use apiary_identity::Id;
use apiary_protocol::EventKind;
use apiary_store::model::{Colony, GrantRecord, NewEvent};

use super::policy::{Extent, Ground, extent, needed};

/// The verbs that a permit can be for. Each is a type, so that a permit for one verb is not one for another.
pub(crate) mod action {
    use crate::auth::policy::Call;

    /// An action that needs permission.
    pub(crate) trait Action: Send + Sync + 'static {
        /// The action's row in the policy's table.
        const CALL: Call;
    }

    macro_rules! actions {
        ($($name:ident),+ $(,)?) => {
            $(
                #[doc = concat!("The action `", stringify!($name), "`.")]
                #[derive(Debug)]
                pub(crate) struct $name;

                impl Action for $name {
                    const CALL: Call = Call::$name;
                }
            )+
        };
    }

    actions!(
        GetColony,
        AddGrant,
        ListGrants,
        Submit,
        GetProcess,
        ListProcesses,
        Watch,
        Claim,
        Renew,
        Complete,
        Fail,
        Release,
        Await,
        Cancel,
        Redrive,
        Discard,
        Retry,
        Delete,
        ListLogs,
        Explain,
        Report,
        AddLogs,
        SetAttributes,
        RevokeGrant,
        GetHealth,
        SetGuard,
        GetGuard,
        Pause,
        Resume,
        ListPauses,
        SetLimit,
        RemoveLimit,
        ListLimits,
        RegisterExecutor,
        ListExecutors,
        RejectExecutor,
        DrainExecutor,
        ExplainExecutor,
        ListFunctions,
        StartBulk,
        GetBulk,
        ListBulks,
        StopBulk,
        ListEvents,
        StartArchive,
        ListUnarchived,
        AddArchive,
        FindArchive,
        ListArchives,
        Restore,
        EnforceRetention,
    );
}

/// Permission to do one thing in one colony. Only `auth` makes it.
#[derive(Debug)]
pub(crate) struct Permit<A: action::Action> {
    colony: Colony,
    who: PermitHolder,
    action: PhantomData<A>,
}

/// Permission to create colonies: only for the server owner, who is outside every colony.
#[derive(Debug)]
pub(crate) struct ServerPermit(Id);

/// The ground of a permit.
#[derive(Clone, Debug)]
pub(crate) enum PermitHolder {
    /// The colony's own key.
    ColonyOwner,
    /// A key with this grant.
    Granted(Box<GrantRecord>),
    /// A key without a grant, which may ask for one.
    Stranger(Id),
}

impl<A: action::Action> Permit<A> {
    pub(in crate::auth) fn new(colony: Colony, who: PermitHolder) -> Self {
        Self { colony, who, action: PhantomData }
    }

    /// Returns the colony that the permit is for.
    pub(crate) fn colony(&self) -> &Colony {
        &self.colony
    }

    /// Returns the caller's name for stored records: the grant's name, or `colony` for the colony's own key.
    pub(crate) fn actor(&self) -> &str {
        self.grant().map_or("colony", |grant| grant.grant.name.as_str())
    }

    /// Returns the key that signed.
    pub(crate) fn key(&self) -> Id {
        match &self.who {
            PermitHolder::ColonyOwner => self.colony.id,
            PermitHolder::Granted(grant) => grant.grant.key,
            PermitHolder::Stranger(key) => *key,
        }
    }

    /// Returns the grant that it is based on; `None` for the colony's own key, and for a key without a grant.
    pub(crate) fn grant(&self) -> Option<&GrantRecord> {
        match &self.who {
            PermitHolder::ColonyOwner | PermitHolder::Stranger(_) => None,
            PermitHolder::Granted(grant) => Some(grant),
        }
    }

    /// Returns the caller's key if the permit is only for processes that it submitted; `None` if it is for all of the colony.
    pub(crate) fn own_only(&self) -> Option<Id> {
        self.grant().filter(|grant| !self.extent_of(grant).is_whole).map(|grant| grant.grant.key)
    }

    /// True if the permit shows the payloads of processes that others submitted and ran.
    pub(crate) fn shows_payloads(&self) -> bool {
        match &self.who {
            PermitHolder::ColonyOwner => true,
            PermitHolder::Granted(grant) => self.extent_of(grant).has_payloads,
            PermitHolder::Stranger(_) => false,
        }
    }

    /// Returns the permission, in words, that is missing for doing `B` to any process of the colony; `None` if it is there.
    pub(crate) fn lacks<B: action::Action>(&self) -> Option<String> {
        let is_whole = match &self.who {
            PermitHolder::ColonyOwner => B::CALL.grounds().contains(&Ground::ColonyOwner),
            PermitHolder::Granted(grant) => extent(B::CALL, &grant.grant).is_some_and(|extent| extent.is_whole),
            PermitHolder::Stranger(_) => false,
        };
        (!is_whole).then(|| needed(B::CALL.need()))
    }

    /// Returns true for a key without a grant.
    pub(crate) fn is_strangers(&self) -> bool {
        matches!(self.who, PermitHolder::Stranger(_))
    }

    /// Returns the event of a change that is made with this permit.
    pub(crate) fn event(&self, kind: EventKind, now_ms: i64) -> NewEvent {
        proven(kind, now_ms, self.key(), self.actor())
    }

    fn extent_of(&self, grant: &GrantRecord) -> Extent {
        extent(A::CALL, &grant.grant).unwrap_or_default()
    }
}

impl ServerPermit {
    pub(in crate::auth) fn new(key: Id) -> Self {
        Self(key)
    }

    /// Returns the event of a change that is made with this permit.
    pub(crate) fn event(&self, kind: EventKind, now_ms: i64) -> NewEvent {
        proven(kind, now_ms, self.0, "server owner")
    }
}

fn proven(kind: EventKind, now_ms: i64, key: Id, name: &str) -> NewEvent {
    NewEvent { key: Some(key), is_proven: true, name: name.to_owned(), ..of_call(kind, now_ms) }
}

/// Returns an event with the names of the call in progress; without them outside of a call, as in tests.
pub(super) fn of_call(kind: EventKind, now_ms: i64) -> NewEvent {
    let event = NewEvent::new(kind, now_ms);
    match CurrentCall::get() {
        Some(call) => NewEvent {
            method: call.method().to_owned(),
            address: call.address(),
            request_id: call.request_id().to_owned(),
            ..event
        },
        None => event,
    }
}
