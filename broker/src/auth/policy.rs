//! The whole policy: each call of the wire and each page, and what it needs. A call or a page without a row does not compile, and
//! `docs/rights.md` is held to these rows.

use apiary_identity::GrantRight::{
    Approve, Archive, Cancel, CancelOwn, Executors, Operate, Pause, Read, ReadEvents, ReadOwn, ViewPayloads,
};
use apiary_identity::{Grant, GrantRight, Role};

use self::Ground::{ColonyOwner, Executor, Member, Newcomer, Own, Right, User};
use self::Need::{Any, As, Nothing, ServerOwner, ThisMachine};

/// A ground for permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ground {
    /// The colony's own key.
    ColonyOwner,
    /// A user's grant.
    User,
    /// An executor's grant.
    Executor,
    /// A key that never had an executor's grant, and asks for one.
    Newcomer,
    /// Any grant with this right.
    Right(GrantRight),
    /// Any grant with this right, for processes that its key submitted. To such a caller, all others do not exist.
    Own(GrantRight),
    /// Any grant.
    Member,
}

/// The permission that a call or a page needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// None: anybody may call.
    Nothing,
    /// A connection from the broker's own machine, or `metrics.remote`.
    #[cfg_attr(not(test), expect(dead_code, reason = "the needs of pages are read where docs/rights.md is compared"))]
    ThisMachine,
    /// The server owner's key, which stands outside every colony.
    ServerOwner,
    /// Any one of these grounds.
    Any(&'static [Ground]),
    /// The permission of another call; for a message with several documents, each for itself.
    As(&'static [Call]),
}

const OWNER: Need = Any(&[ColonyOwner]);
const READERS: Need = Any(&[ColonyOwner, Right(Read)]);
/// Readers of one process, or of a list of them.
const SUBMITTERS: Need = Any(&[ColonyOwner, Right(Read), Own(ReadOwn)]);
const OPERATORS: Need = Any(&[ColonyOwner, Right(Operate)]);
const PAUSERS: Need = Any(&[ColonyOwner, Right(Pause)]);
const MEMBERS: Need = Any(&[ColonyOwner, Member]);
/// The archive's: whoever moves processes sees them, payloads and all.
const ARCHIVERS: Need = Any(&[ColonyOwner, Right(Archive)]);
const EXECUTORS: Need = Any(&[Executor]);

macro_rules! calls {
    ($($name:ident: $need:expr),+ $(,)?) => {
        /// A call of `apiary.v1`, by its method's name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Call { $(#[doc = concat!("The call `", stringify!($name), "`.")] $name),+ }

        impl Call {
            /// Every call, in the order of the table.
            pub(crate) const ALL: &[Self] = &[$(Self::$name),+];

            /// Returns the method's name.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }

            /// Returns what the call needs.
            pub(crate) const fn need(self) -> Need {
                match self { $(Self::$name => const { $need }),+ }
            }
        }
    };
}

calls! {
    Connect: Nothing,
    CreateColony: ServerOwner,
    GetColony: READERS,
    GetHealth: READERS,
    SetGuard: OWNER,
    GetGuard: MEMBERS,

    AddGrant: OWNER,
    RevokeGrant: OWNER,
    ListGrants: READERS,

    // Executors submit children, too. The grant's scopes bound what.
    Submit: Any(&[User, Executor]),
    SubmitBatch: As(&[Call::Submit]),
    GetProcess: SUBMITTERS,
    ListProcesses: SUBMITTERS,
    Watch: SUBMITTERS,
    Await: SUBMITTERS,
    Explain: SUBMITTERS,
    ListLogs: SUBMITTERS,
    Cancel: Any(&[ColonyOwner, Right(Cancel), Own(CancelOwn)]),
    Redrive: OPERATORS,
    Discard: OPERATORS,
    Retry: OPERATORS,
    Delete: OWNER,

    Claim: EXECUTORS,
    Renew: EXECUTORS,
    Report: EXECUTORS,
    AddLogs: EXECUTORS,
    SetAttributes: EXECUTORS,
    Complete: EXECUTORS,
    Fail: EXECUTORS,
    EndBatch: As(&[Call::Complete, Call::Fail]),
    Release: EXECUTORS,

    RegisterExecutor: Any(&[Executor, Newcomer]),
    ListExecutors: Any(&[ColonyOwner, Right(Read), Right(Executors), Right(Approve)]),
    ExplainExecutor: Any(&[ColonyOwner, Right(Read), Right(Executors)]),
    RejectExecutor: Any(&[ColonyOwner, Right(Executors), Right(Approve)]),
    DrainExecutor: Any(&[ColonyOwner, Right(Executors)]),
    ListFunctions: READERS,

    Pause: PAUSERS,
    Resume: PAUSERS,
    ListPauses: MEMBERS,

    SetLimit: OPERATORS,
    RemoveLimit: OPERATORS,
    // The keys in use under a limit are for some members only: the verb checks that.
    ListLimits: MEMBERS,

    // A bulk action also needs what its action needs of a single process: the verb checks that.
    StartBulk: Any(&[ColonyOwner, Right(Operate), Right(Cancel)]),
    StopBulk: Any(&[ColonyOwner, Right(Operate), Right(Cancel)]),
    GetBulk: Any(&[ColonyOwner, Right(Operate), Right(Cancel), Right(Read)]),
    ListBulks: Any(&[ColonyOwner, Right(Operate), Right(Cancel), Right(Read)]),

    ListEvents: Any(&[ColonyOwner, Right(ReadEvents)]),

    StartArchive: ARCHIVERS,
    ListUnarchived: ARCHIVERS,
    AddArchive: ARCHIVERS,
    FindArchive: READERS,
    ListArchives: ARCHIVERS,
    Restore: ARCHIVERS,
    EnforceRetention: ARCHIVERS,
}

macro_rules! pages {
    ($($name:ident: $method:literal $path:literal $need:expr),+ $(,)?) => {
        /// A page of the HTTP door.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Page { $(#[doc = concat!("`", $method, " ", $path, "`.")] $name),+ }

        impl Page {
            /// Every page, in the order of the table.
            pub(crate) const ALL: &[Self] = &[$(Self::$name),+];

            /// Returns the path, with `{id}` for an id.
            pub(crate) const fn path(self) -> &'static str {
                match self { $(Self::$name => $path),+ }
            }

            /// Returns the page's name: its method and path.
            #[cfg(test)]
            const fn name(self) -> &'static str {
                match self { $(Self::$name => concat!($method, " ", $path)),+ }
            }

            /// Returns what the page needs.
            #[cfg(test)]
            const fn need(self) -> Need {
                match self { $(Self::$name => const { $need }),+ }
            }
        }
    };
}

pages! {
    Submit: "POST" "/v1/processes" As(&[Call::Submit]),
    Process: "GET" "/v1/processes/{id}" As(&[Call::GetProcess]),
    Result: "GET" "/v1/processes/{id}/result" As(&[Call::Await]),
    Events: "GET" "/v1/events" As(&[Call::ListEvents]),
    // It shows what `GetColony`, `ListExecutors`, `ListPauses` and `ListLimits` show, too: whoever may read the health may read those.
    Snapshot: "GET" "/v1/snapshot" As(&[Call::GetHealth]),
    Broker: "GET" "/v1/broker" Nothing,
    Healthz: "GET" "/healthz" Nothing,
    Readyz: "GET" "/readyz" Nothing,
    Metrics: "GET" "/metrics" ThisMachine,
    Description: "GET" "/openapi.json" Nothing,
}

/// gRPC's own services, which need nothing: they show no colony.
const OPEN_SERVICES: [&str; 3] =
    ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];

impl Call {
    /// True if a method's path, `/package.Service/Method`, has a row.
    pub(crate) const fn covers(path: &str) -> bool {
        let mut at = 0;
        while at < Self::ALL.len() {
            if ends_in(path.as_bytes(), Self::ALL[at].name().as_bytes()) {
                return true;
            }
            at += 1;
        }
        at = 0;
        while at < OPEN_SERVICES.len() {
            if has_service(path.as_bytes(), OPEN_SERVICES[at].as_bytes()) {
                return true;
            }
            at += 1;
        }
        false
    }

    /// Returns the grounds of the call, any one of which is enough; none for a call that no permit is made for.
    pub(super) const fn grounds(self) -> &'static [Ground] {
        match self.need() {
            Any(grounds) => grounds,
            _ => &[],
        }
    }
}

/// True if this is the path of a method of `apiary.v1` with this name.
const fn ends_in(path: &[u8], name: &[u8]) -> bool {
    const PACKAGE: &[u8] = b"/apiary.v1.";
    let Some((_, method)) = path.split_at_checked(path.len().saturating_sub(name.len() + 1)) else { return false };
    starts_with(path, PACKAGE) && method.len() == name.len() + 1 && method[0] == b'/' && equal(method, name, 1)
}

/// True if this is the path of a method of this service.
const fn has_service(path: &[u8], service: &[u8]) -> bool {
    path.len() > service.len() + 1 && path[0] == b'/' && path[service.len() + 1] == b'/' && equal(path, service, 1)
}

const fn starts_with(text: &[u8], start: &[u8]) -> bool {
    text.len() >= start.len() && equal(text, start, 0)
}

/// True if a text has another from this place on. It must be long enough.
const fn equal(text: &[u8], other: &[u8], from: usize) -> bool {
    let mut at = 0;
    while at < other.len() {
        if text[from + at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// The extent of a permission: a greater one shows more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Extent {
    /// True for all processes of the colony; false for those that the caller's key submitted.
    pub(super) is_whole: bool,
    /// True to show the payloads of processes that others submitted and ran.
    pub(super) has_payloads: bool,
}

impl Extent {
    /// The greatest.
    pub(super) const WHOLE: Self = Self { is_whole: true, has_payloads: true };
}

/// Returns how far a grant permits a call; `None` if it does not. One grant decides: rights of several grants do not add up, so that the
/// end of a grant ends all that it gave.
pub(super) fn extent(call: Call, grant: &Grant) -> Option<Extent> {
    let suits = |ground: &Ground| match ground {
        ColonyOwner | Newcomer => None,
        User => (grant.role == Role::User).then_some(true),
        Executor => (grant.role == Role::Executor).then_some(true),
        Right(right) => grant.has_right(*right).then_some(true),
        Own(right) => grant.has_right(*right).then_some(false),
        Member => Some(true),
    };
    let is_whole = call.grounds().iter().filter_map(suits).max()?;
    // Only calls about single processes show payloads.
    let shows_payloads = call.grounds().iter().any(|ground| matches!(ground, Own(_)));
    Some(Extent { is_whole, has_payloads: !shows_payloads || grant.has_right(ViewPayloads) })
}

/// Returns the missing permission in words.
pub(super) fn needed(need: Need) -> String {
    match need {
        Nothing => "nothing".to_owned(),
        ThisMachine => "a connection from the broker's own machine, or `metrics.remote`".to_owned(),
        ServerOwner => "the server owner's key".to_owned(),
        Any(grounds) => grounds.iter().map(|ground| ground.words()).collect::<Vec<_>>().join(" or "),
        As(calls) => {
            let names: Vec<_> = calls.iter().map(|call| format!("`{}`", call.name())).collect();
            format!("as {}", names.join(" or "))
        }
    }
}

impl Ground {
    fn words(self) -> String {
        match self {
            ColonyOwner => "the colony's own key".to_owned(),
            User => "a user's grant".to_owned(),
            Executor => "an executor's grant".to_owned(),
            Newcomer => "no grant yet, to wait for approval".to_owned(),
            Member => "a grant".to_owned(),
            Right(right) => format!("a grant with the right `{}`", right.as_str()),
            Own(right) => format!("for what its own key submitted, a grant with the right `{}`", right.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_what_the_table_says() {
        const PAGE: &str = include_str!("../../../docs/rights.md");
        let row = |name: &str, need: Need| format!("| `{name}` | {} |", needed(need));
        let calls = Call::ALL.iter().map(|call| row(call.name(), call.need()));
        let pages = Page::ALL.iter().map(|page| row(page.name(), page.need()));
        let rows: Vec<String> = calls.chain(OPEN_SERVICES.map(|service| row(service, Nothing))).chain(pages).collect();
        let told: Vec<&str> = PAGE.lines().filter(|line| line.starts_with("| `")).collect();
        assert_eq!(told, rows, "write the row of each call and page into docs/rights.md");
    }

    #[test]
    fn a_path_is_covered_by_its_whole_name() {
        for path in ["/apiary.v1.BrokerService/Connect", "/grpc.health.v1.Health/Watch"] {
            assert!(Call::covers(path), "{path}");
        }
        for path in [
            "/apiary.v1.BrokerService/Reconnect",
            "/apiary.v1.BrokerService/Connec",
            "/other.v1.BrokerService/Connect",
            "/grpc.health.v1.Healthy/Check",
            "/grpc.health.v1.Health",
            "Connect",
            "",
        ] {
            assert!(!Call::covers(path), "{path}");
        }
    }

    #[test]
    fn what_is_permitted_as_another_call_ends_at_grounds() {
        let named = Call::ALL.iter().map(|call| call.need()).chain(Page::ALL.iter().map(|page| page.need()));
        for need in named {
            if let As(calls) = need {
                assert!(calls.iter().all(|call| !call.grounds().is_empty()), "{need:?}");
            }
        }
    }
}
