//! Objects that are bound to a table itself and not to its name: a view under that name would not reach them.

use sqlx::{Row as _, query};

use super::cutover::Gate;
use super::error::ShadowError;
use super::mapping::TableMapping;
use super::transaction::Transaction;

/// An object, with its kind as `blockers.sql` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Blocker {
    kind: String,
    name: String,
}

/// Kinds, each with the gate's name, and the words before and after the names.
const KINDS: [(&str, &str, &str, &str); 7] = [
    (
        "foreign_key",
        "foreign keys",
        "foreign keys point at the table, and none can point at a view",
        "drop them, or let them point at another table",
    ),
    (
        "view",
        "views",
        "views read the table itself, and would show its rows of today for ever",
        "drop them, and make them anew after the cutover",
    ),
    (
        "object",
        "objects",
        "these refer to the table itself, and would go on doing so",
        "drop them, and make them anew after the cutover",
    ),
    ("rule", "rules", "rules of the table would no longer act", "drop them"),
    (
        "trigger",
        "triggers",
        "triggers of the table would no longer fire",
        "if nothing needs them, list them in `may_stop`",
    ),
    (
        "delete_action",
        "delete actions",
        "a delete of the row that these foreign keys point at would no longer reach the rows that are shown",
        "if nothing needs that, list them in `may_stop`",
    ),
    (
        "publication",
        "publications",
        "publications (Realtime, replication) would no longer tell of changes",
        "if nothing needs that, list them in `may_stop`",
    ),
];

/// Reads what is bound to a table or view.
pub(super) async fn blockers(
    transaction: &mut Transaction,
    schema: &str,
    name: &str,
) -> Result<Vec<Blocker>, ShadowError> {
    let rows = transaction.rows(query(include_str!("blockers.sql")).bind(schema).bind(name)).await?;
    let read = rows.iter().map(|row| Ok(Blocker { kind: row.try_get(0)?, name: row.try_get(1)? }));
    Ok(read.collect::<Result<_, sqlx::Error>>()?)
}

/// Returns the names of some kinds.
pub(super) fn names(found: &[Blocker], kinds: &[&str]) -> Vec<String> {
    found.iter().filter(|blocker| kinds.contains(&blocker.kind.as_str())).map(|blocker| blocker.name.clone()).collect()
}

/// Turns them into gates.
pub(super) fn gates(table: &TableMapping, found: &[Blocker]) -> Vec<Gate> {
    let mut gates: Vec<Gate> = KINDS
        .into_iter()
        .map(|(kind, gate, problem, advice)| {
            let may_stop = ["trigger", "delete_action", "publication"].contains(&kind);
            let (stopping, left): (Vec<String>, Vec<String>) =
                names(found, &[kind]).into_iter().partition(|name| may_stop && table.may_stop.contains(name));
            match (left.is_empty(), stopping.is_empty()) {
                (true, true) => Gate::passed(gate, "none".to_owned()),
                (true, false) => Gate::passed(gate, format!("will no longer act: {}", stopping.join(", "))),
                (false, _) => Gate::refused(gate, format!("{problem}: {}; {advice}", left.join(", "))),
            }
        })
        .collect();
    let references = names(found, &["reference"]);
    if !references.is_empty() {
        let words = "Supabase's API no longer embeds rows over";
        gates.push(Gate::passed("references", format!("{words} {}", references.join(", "))));
    }
    gates
}
