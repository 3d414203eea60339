//! The whole policy, as one table.

use apiary_identity::{Grant, GrantRight, Role};

use super::action::Verb;

/// A ground for permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ground {
    /// The colony's own key.
    ColonyOwner,
    /// A user's grant.
    User,
    /// An executor's grant.
    Executor,
    /// Any grant with this right.
    Right(GrantRight),
    /// Any grant.
    Member,
}

/// Returns the grounds of each verb; any one of them is enough. Creating a colony is not in the table: it happens outside every
/// colony, and only the server owner may do it ([`super::ServerPermit`]).
pub(crate) fn grounds(verb: Verb) -> &'static [Ground] {
    use Ground::{ColonyOwner, Executor, Member, Right, User};
    const READERS: &[Ground] = &[ColonyOwner, Right(GrantRight::Read)];
    const OPERATORS: &[Ground] = &[ColonyOwner, Right(GrantRight::Operate)];
    match verb {
        Verb::AddGrant | Verb::RevokeGrant | Verb::SetGuard | Verb::Delete => &[ColonyOwner],
        Verb::GetColony
        | Verb::ListGrants
        | Verb::GetProcess
        | Verb::ListProcesses
        | Verb::Watch
        | Verb::Await
        | Verb::ListLogs
        | Verb::Explain
        | Verb::GetHealth
        | Verb::ListExecutors
        | Verb::ExplainExecutor
        | Verb::ListFunctions => READERS,
        Verb::ListEvents => &[ColonyOwner, Right(GrantRight::ReadEvents)],
        Verb::Cancel => &[ColonyOwner, Right(GrantRight::Cancel)],
        Verb::Redrive
        | Verb::Discard
        | Verb::Retry
        | Verb::Pause
        | Verb::Resume
        | Verb::SetLimit
        | Verb::RemoveLimit
        | Verb::RejectExecutor
        | Verb::DrainExecutor => OPERATORS,
        // A bulk action may cancel or operate: its verb asks for the right of its action as well.
        Verb::StartBulk | Verb::StopBulk => &[ColonyOwner, Right(GrantRight::Operate), Right(GrantRight::Cancel)],
        Verb::GetBulk | Verb::ListBulks => {
            &[ColonyOwner, Right(GrantRight::Operate), Right(GrantRight::Cancel), Right(GrantRight::Read)]
        }
        // The keys in use under a limit are for some members only: the verb checks that.
        Verb::GetGuard | Verb::ListPauses | Verb::ListLimits => &[ColonyOwner, Member],
        // Executors submit children, too. The grant's scopes bound what.
        Verb::Submit => &[User, Executor],
        Verb::Claim
        | Verb::Renew
        | Verb::Complete
        | Verb::Fail
        | Verb::Release
        | Verb::Report
        | Verb::AddLogs
        | Verb::SetAttributes
        | Verb::RegisterExecutor => &[Executor],
    }
}

/// True if a grant gives one of these grounds.
pub(crate) fn grant_suits(grounds: &[Ground], grant: &Grant) -> bool {
    grounds.iter().any(|ground| match ground {
        Ground::ColonyOwner => false,
        Ground::User => grant.role == Role::User,
        Ground::Executor => grant.role == Role::Executor,
        Ground::Right(right) => grant.has_right(*right),
        Ground::Member => true,
    })
}

/// Returns the missing permission in words.
pub(crate) fn needed(grounds: &[Ground]) -> String {
    let words: Vec<_> = grounds
        .iter()
        .map(|ground| match ground {
            Ground::ColonyOwner => "the colony's own key".to_owned(),
            Ground::User => "a user's grant".to_owned(),
            Ground::Executor => "an executor's grant".to_owned(),
            Ground::Member => "a grant".to_owned(),
            Ground::Right(right) => format!("a grant with the right `{}`", right.as_str()),
        })
        .collect();
    words.join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_cannot_touch_leases_and_an_executor_cannot_read() {
        for verb in Verb::ALL {
            let grounds = grounds(*verb);
            let lease = matches!(
                verb,
                Verb::Claim
                    | Verb::Renew
                    | Verb::Complete
                    | Verb::Fail
                    | Verb::Release
                    | Verb::Report
                    | Verb::AddLogs
                    | Verb::SetAttributes
                    | Verb::RegisterExecutor
            );
            assert_eq!(lease, grounds == [Ground::Executor], "{verb:?}");
            assert!(!(grounds.contains(&Ground::User) && *verb != Verb::Submit), "{verb:?}");
        }
    }

    #[test]
    fn the_page_says_what_the_table_says() {
        const PAGE: &str = include_str!("../../../docs/rights.md");
        let rows: Vec<String> =
            Verb::ALL.iter().map(|verb| format!("| `{verb:?}` | {} |", needed(grounds(*verb)))).collect();
        let told: Vec<&str> = PAGE.lines().filter(|line| line.starts_with("| `")).collect();
        assert_eq!(told, rows, "write the row of each call into docs/rights.md");
    }

    #[test]
    fn only_the_colonys_key_can_grant() {
        assert_eq!(grounds(Verb::AddGrant), [Ground::ColonyOwner]);
    }
}
