//! The paths of all gRPC methods, each with a row in the policy.

use apiary_proto::METHODS;

use crate::auth::Call;

// A new method does not compile without its row.
const _: () = {
    let mut at = 0;
    while at < METHODS.len() {
        assert!(Call::covers(METHODS[at]), "a method of the schema has no row in broker/src/auth/policy.rs");
        at += 1;
    }
};

/// Returns each method as `/package.Service/Method`.
pub(super) fn methods() -> Vec<String> {
    METHODS.iter().map(|path| (*path).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_of_the_policy_is_a_method() {
        for call in Call::ALL {
            let name = format!("/{}", call.name());
            let found: Vec<_> = METHODS.iter().filter(|path| path.ends_with(&name)).collect();
            let own = found.iter().filter(|path| path.starts_with("/apiary.v1.")).count();
            assert_eq!(own, 1, "{call:?} is a row of no method, or of two");
        }
    }
}
