//! `apiary bee NAME --check`: settings, key, broker and grant, and what the bee works with. Claims nothing.

use apiary_bees::Bee;
use apiary_executor_sdk::{ClientError, Reason};
use apiary_identity::{Grant, GrantRight, Role, Scopes};

use crate::commands::doctor::{Finding, Verdict, examine_broker, examine_settings, report};
use crate::commands::grant::list;
use crate::context::Context;
use crate::settings::{Settings, table};
use crate::{keys, profile};

/// Name of findings about the bee's own grant.
const GRANT: &str = "grant";
/// Findings of the doctor that are about more than this bee, or come from [`grant`] in more detail.
const OTHERS: [&str; 2] = ["grants", "health"];

pub(super) async fn run(bee: &'static dyn Bee, context: &Context) -> anyhow::Result<()> {
    let settings = &context.settings;
    let key = keys::from_settings(settings);
    let mut findings = examine_settings(settings, &key);
    if let Err(error) = profile::guard(settings) {
        findings.push(Finding::of_error("guard", &error));
    }
    let of_broker = examine_broker(settings, key.as_ref().ok().cloned()).await;
    let is_reachable = of_broker.iter().all(|finding| finding.verdict != Verdict::Bad);
    findings.extend(of_broker.into_iter().filter(|finding| !OTHERS.contains(&finding.check)));
    findings.push(match (is_reachable, &key) {
        (true, Ok(_)) => grant(bee, settings).await,
        (true, Err(_)) => Finding::skipped(GRANT, "there is no key to look for"),
        (false, _) => Finding::skipped(GRANT, "the broker has to answer first"),
    });
    let values = crate::up::bee_values(bee, settings);
    findings.extend(bee.examine(&values, profile::clock()).await.into_iter().map(Finding::of_bee));
    report(context, findings)
}

/// Examines the grant of the bee's key: whether there is one in force, and, as far as the key may see it, its scopes.
async fn grant(bee: &dyn Bee, settings: &Settings) -> Finding {
    let client = match profile::client(settings) {
        Ok(client) => client,
        Err(error) => return Finding::of_error(GRANT, &error),
    };
    let command = command(bee, settings, &client.id().to_string());
    // Any grant in force allows this read.
    match client.get_guard().await {
        Ok(_) => {}
        Err(error) if error.is(&Reason::NotPermitted) => {
            return Finding::bad(GRANT, format!("the key {} has none in force", client.id()), command);
        }
        Err(error) => return Finding::of_error(GRANT, &error.into()),
    }
    let needed = bee.scopes();
    let all = match list::all(&client).await {
        Ok((all, _)) => all,
        Err(error) if is_not_permitted(&error) && bee.rights().contains(&GrantRight::Read) => {
            return Finding::bad(GRANT, "one is in force, without the right `read`", command);
        }
        Err(error) if is_not_permitted(&error) => {
            let words = format!(
                "one is in force; its scopes are shown only to a key with the right `read`. Needed: {}",
                told(&needed)
            );
            return Finding::good(GRANT, words);
        }
        Err(error) => return Finding::of_error(GRANT, &error),
    };
    let now = client.clock().now();
    let mine = all.into_iter().filter(|known| known.revoked_from.is_none()).map(|known| known.grant);
    let mine: Vec<Grant> = mine.filter(|grant| grant.key == client.id() && grant.is_valid_at(now)).collect();
    let mut missing = missing(&needed, &mine);
    missing.extend(missing_rights(bee.rights(), &mine));
    match (client.id() == client.colony(), missing.is_empty()) {
        (true, _) => Finding::bad(GRANT, "the colony's own key is no executor's", command),
        (false, true) => Finding::good(GRANT, format!("in force for {}{}", told(&needed), told_rights(bee.rights()))),
        (false, false) => Finding::bad(GRANT, format!("none in force covers {}", missing.join(", ")), command),
    }
}

fn is_not_permitted(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|cause| cause.downcast_ref::<ClientError>()).any(|error| error.is(&Reason::NotPermitted))
}

/// Returns the functions that no grant of an executor covers, for every executor type.
fn missing(needed: &Scopes, grants: &[Grant]) -> Vec<String> {
    let is_covered = |function: &String| {
        let covers = |grant: &Grant| needed.executor_types.iter().all(|name| grant.scopes.cover(name, function));
        grants.iter().any(|grant| grant.role == Role::Executor && covers(grant))
    };
    needed.functions.iter().filter(|function| !is_covered(function)).cloned().collect()
}

/// Returns the rights that no grant of an executor gives.
fn missing_rights(needed: &[GrantRight], grants: &[Grant]) -> Vec<String> {
    let gives = |grant: &Grant, right| grant.role == Role::Executor && grant.has_right(right);
    let missing = needed.iter().filter(|right| !grants.iter().any(|grant| gives(grant, **right)));
    missing.map(|right| format!("the right `{}`", right.as_str())).collect()
}

fn told_rights(rights: &[GrantRight]) -> String {
    let names: Vec<_> = rights.iter().map(|right| right.as_str()).collect();
    if names.is_empty() { String::new() } else { format!(", with the rights {}", names.join(", ")) }
}

fn told(scopes: &Scopes) -> String {
    format!("{} as executor type {}", scopes.functions.join(", "), scopes.executor_types.join(", "))
}

fn command(bee: &dyn Bee, settings: &Settings, key: &str) -> String {
    let name = settings.text(&table::BEE_NAME).unwrap_or(bee.name());
    let Scopes { functions, executor_types } = bee.scopes();
    let flags = |flag: &str, names: &[String]| names.iter().map(|name| format!(" --{flag} {name}")).collect::<String>();
    let rights: Vec<_> = bee.rights().iter().map(|right| right.as_str().to_owned()).collect();
    let scopes = flags("function", &functions) + &flags("executor-type", &executor_types) + &flags("right", &rights);
    format!("`apiary grant add --colony-key FILE --key {key} --role executor --name {name}{scopes}`")
}

#[cfg(test)]
mod tests {
    use apiary_identity::KeyPair;
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;

    fn grant(role: Role, functions: &[&str], executor_types: &[&str]) -> Grant {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Grant {
            colony: KeyPair::generate().id(),
            grant_id: Uuid::nil(),
            key: KeyPair::generate().id(),
            role,
            name: "finance".to_owned(),
            scopes: Scopes { functions: names(functions), executor_types: names(executor_types) },
            rights: Vec::new(),
            valid_from: Timestamp::MIN,
            valid_until: Timestamp::MAX,
        }
    }

    #[test]
    fn a_right_that_no_executors_grant_gives_is_missing() {
        let needed = [GrantRight::Read, GrantRight::Operate];
        let mut bee = grant(Role::Executor, &["*"], &["*"]);
        bee.rights = vec![GrantRight::Read];
        let user = Grant { rights: vec![GrantRight::Operate], ..grant(Role::User, &["*"], &["*"]) };
        assert_eq!(missing_rights(&needed, &[bee.clone(), user]), ["the right `operate`"]);
        let second = Grant { rights: vec![GrantRight::Operate], ..bee.clone() };
        assert_eq!(missing_rights(&needed, &[bee, second]), [""; 0]);
        assert_eq!(missing_rights(&[], &[]), [""; 0]);
    }

    #[test]
    fn prefixes_and_several_grants_cover_what_they_cover_at_the_broker() {
        let needed = Scopes {
            functions: vec!["stripe.event".to_owned(), "finance.reconcile".to_owned()],
            executor_types: vec!["finance".to_owned()],
        };
        for (grants, expected) in [
            (vec![grant(Role::Executor, &["*"], &["*"])], &[][..]),
            (vec![grant(Role::Executor, &["stripe.*", "finance.*"], &["fin*"])], &[]),
            (
                vec![
                    grant(Role::Executor, &["stripe.*"], &["finance"]),
                    grant(Role::Executor, &["finance.reconcile"], &["*"]),
                ],
                &[],
            ),
            (vec![grant(Role::Executor, &["stripe.*"], &["finance"])], &["finance.reconcile"]),
            (vec![grant(Role::Executor, &["stripe"], &["finance"])], &["stripe.event", "finance.reconcile"]),
            (vec![grant(Role::Executor, &["*"], &["finance-2*"])], &["stripe.event", "finance.reconcile"]),
            (vec![grant(Role::User, &["*"], &["*"])], &["stripe.event", "finance.reconcile"]),
        ] {
            assert_eq!(missing(&needed, &grants), expected, "{grants:?}");
        }
    }
}
