//! The plan of one table's cutover: gates of the catalog, and the statements.

use sqlx::{Row as _, query};

use super::blockers::{Blocker, blockers, gates};
use super::catalog::{self, Column, Relation};
use super::cutover::Gate;
use super::error::ShadowError;
use super::mapping::TableMapping;
use super::projection::Projection;
use super::rule::{named, quoted};
use super::transaction::Transaction;

/// The first server whose views can have the rights of whoever reads.
const INVOKER_SINCE: i32 = 150_000;
/// Rights that a view has as a table does.
const RIGHTS: [&str; 4] = ["SELECT", "INSERT", "UPDATE", "DELETE"];

/// Facts of the catalog on which a plan rests; compared again under the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) relation: Relation,
    pub(super) projection: Projection,
    pub(super) blockers: Vec<Blocker>,
    is_kept_name_free: bool,
    /// Index that finds old rows by their key.
    key_index: Option<String>,
    grants: Vec<Grant>,
}

/// A plan.
pub(super) struct Plan {
    pub(super) gates: Vec<Gate>,
    /// Statements, in order; the first that locks the old table is followed by a look at the facts.
    pub(super) statements: Vec<String>,
    pub(super) facts: Facts,
}

/// A right of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Grant {
    /// Role as SQL.
    role: String,
    /// Role as text; empty for everybody.
    name: String,
    right: String,
    column: Option<String>,
    may_pass_on: bool,
}

impl Facts {
    /// Reads the facts.
    pub(super) async fn read(transaction: &mut Transaction, table: &TableMapping) -> Result<Self, ShadowError> {
        let projection = Projection::read(transaction, table).await?;
        let relation = catalog::relation(transaction, &table.schema, &table.name).await?;
        let relation = relation.ok_or_else(|| ShadowError::Usage(format!("there is no table {}", table.old())))?;
        let blockers = blockers(transaction, &table.schema, &table.name).await?;
        let kept = catalog::relation(transaction, &table.schema, &table.kept()).await?;
        let key_index = query(include_str!("key_index.sql")).bind(&table.schema).bind(&table.name).bind(&table.key);
        let key_index = transaction.value(key_index).await?;
        let grants = grants(transaction, &table.schema, &table.name).await?;
        Ok(Self { relation, projection, blockers, is_kept_name_free: kept.is_none(), key_index, grants })
    }

    /// Returns true if the view has the rights of whoever reads, because policies choose rows of the old table.
    fn is_invoker(&self) -> bool {
        self.relation.has_policies
    }

    fn gates(&self, table: &TableMapping) -> Vec<Gate> {
        let mut found = vec![self.columns(table)];
        found.push(match (self.relation.is_plain_table, self.relation.is_owned) {
            (false, _) => Gate::refused("table", "it is a view, or a part of other tables".to_owned()),
            (_, false) => {
                let words =
                    format!("connect as its owner, {}: {} may not rename it", self.relation.owner, self.relation.user);
                Gate::refused("table", words)
            }
            _ => Gate::passed("table", format!("stays as {}.{}", table.schema, table.kept())),
        });
        if !self.is_kept_name_free {
            let words = format!("{}.{} exists: rename or drop it", table.schema, table.kept());
            found.push(Gate::refused("table", words));
        }
        if self.relation.is_plain_table {
            found.push(self.index(table));
        }
        if self.is_invoker() && self.relation.server < INVOKER_SINCE {
            let words = "row level security of the table needs a view of Postgres 15 or later";
            found.push(Gate::refused("policies", words.to_owned()));
        }
        found.extend(gates(table, &self.blockers));
        found
    }

    /// Examines whether old rows are found by their key: the view does so for each row if columns are kept, and a rollback
    /// does in any case.
    fn index(&self, table: &TableMapping) -> Gate {
        match &self.key_index {
            Some(name) => Gate::passed("key index", name.clone()),
            None => Gate::refused(
                "key index",
                format!(
                    "no index finds rows by `{}`, so each would be looked for in the whole table: run \
                     `create unique index concurrently on {} ({});`",
                    table.key,
                    table.place(&table.name),
                    named(&table.key)
                ),
            ),
        }
    }

    fn columns(&self, table: &TableMapping) -> Gate {
        let projection = &self.projection;
        if !projection.unlisted.is_empty() {
            let words = "name them in `columns`; `keep = true` for those that the record does not have";
            return Gate::refused(
                "columns",
                format!("not in the mapping: {}; {words}", projection.unlisted.join(", ")),
            );
        }
        let is_computed = |column: &&Column| {
            let has_missing = table.columns.get(&column.name).is_some_and(|rule| rule.keep && rule.missing.is_some());
            column.is_generated && column.name == table.key || has_missing && (column.is_generated || column.is_always)
        };
        if let Some(column) = projection.old.iter().find(is_computed) {
            let words =
                "is computed by Postgres, so that a rollback could not write it: take another key, and no `missing`";
            return Gate::refused("columns", format!("{} {words}", column.name));
        }
        let needs_value = |name: &&String| {
            let has_value = table.missing(name).is_some();
            projection.old.iter().any(|column| {
                column.name == **name && column.not_null && !column.has_default && !column.is_generated && !has_value
            })
        };
        let bare: Vec<&str> = projection.kept.iter().filter(needs_value).map(String::as_str).collect();
        match bare.is_empty() {
            true => Gate::passed(
                "columns",
                format!(
                    "{} of the record, {} kept",
                    projection.old.len() - projection.kept.len(),
                    projection.kept.len()
                ),
            ),
            false => {
                let words = "must not be null and have no default, so that a rollback could not write rows that are new since: give `missing`";
                Gate::refused("columns", format!("{} {words}", bare.join(", ")))
            }
        }
    }
}

/// Makes the plan of a table, and tries its view as each role. The transaction must be rolled back.
pub(super) async fn plan(transaction: &mut Transaction, table: &TableMapping) -> Result<Plan, ShadowError> {
    let facts = Facts::read(transaction, table).await?;
    let mut gates = facts.gates(table);
    // No view can be made then.
    if gates.iter().any(|gate| !gate.passed && ["columns", "table", "policies"].contains(&gate.name)) {
        return Ok(Plan { gates, statements: Vec::new(), facts });
    }
    let definition = match facts.is_invoker() || !table.source.is_view() {
        true => None,
        false => Some(definition(transaction, table.source.relation).await?),
    };
    gates.push(rows_gate(transaction, table, &facts).await?);
    let view = |name: &str, kept: &str| create_view(table, &facts, name, kept, definition.as_deref());
    transaction.run(&view(&table.trial(), &table.name)).await?;
    // What only a read of a row shows, such as two collations that do not go together.
    let trial = table.place(&table.trial());
    transaction.run(&format!("select count(t.v) from (select v::text from {trial} as v limit 1) as t")).await?;
    gates.push(types_gate(transaction, table, &facts).await?);
    let made = grants(transaction, &table.schema, &table.trial()).await?;
    gates.push(try_roles(transaction, table, &facts.grants).await?);
    let statements = statements(table, &facts, &view(&table.name, &table.kept()), &made);
    Ok(Plan { gates, statements, facts })
}

/// Returns the query of a view of the record. A view inside another reads with the rights of whoever asks, if it says so.
async fn definition(transaction: &mut Transaction, view: &str) -> Result<String, ShadowError> {
    let text = transaction.value(query(include_str!("definition.sql")).bind(view)).await?;
    text.ok_or_else(|| ShadowError::Usage(format!("public.{view} is missing: apply deploy/supabase/migrations")))
}

/// Examines whether everybody sees rows of the record who sees rows of the old table.
async fn rows_gate(transaction: &mut Transaction, table: &TableMapping, facts: &Facts) -> Result<Gate, ShadowError> {
    let base = table.source.base;
    if !facts.is_invoker() {
        let statement = query(include_str!("view_owner.sql")).bind(&facts.relation.owner).bind(base);
        return Ok(match transaction.value(statement).await?.unwrap_or(false) {
            true => Gate::passed("policies", "the table has none: whoever may read it sees all rows".to_owned()),
            false => Gate::refused(
                "policies",
                format!(
                    "the view would belong to {}, who does not see every row of public.{base}: make both tables the same owner's",
                    facts.relation.owner
                ),
            ),
        });
    }
    if facts.grants.iter().any(|grant| grant.name.is_empty() && grant.right == "SELECT") {
        let words =
            "everybody (PUBLIC) may read the table, and cannot be tried: grant that to roles by name, and revoke it";
        return Ok(Gate::refused("policies", words.to_owned()));
    }
    let mut blind: Vec<String> = Vec::new();
    // A user may be known by the customer alone.
    let customers = table.source.is_view().then_some("stripe_customers");
    for one in std::iter::once(base).chain(customers) {
        let statement = query(include_str!("hidden.sql")).bind(&table.schema).bind(&table.name).bind(one);
        for row in transaction.rows(statement).await? {
            let role: String = row.try_get(0)?;
            if !table.without.contains(&role) && !blind.contains(&role) {
                blind.push(role);
            }
        }
    }
    let also = if customers.is_some() { " or public.stripe_customers" } else { "" };
    Ok(match blind.is_empty() {
        true => Gate::passed(
            "policies",
            format!("those of public.{base} choose the rows that each sees, no longer those of the table"),
        ),
        false => Gate::refused(
            "policies",
            format!(
                "by the table's policies these see rows, and by those of public.{base}{also} none: {}; add a policy there, or \
                 list them in `without`",
                blind.join(", ")
            ),
        ),
    })
}

/// Compares the columns of the trial view with those of the table: prepared statements fail if their results get other types.
async fn types_gate(transaction: &mut Transaction, table: &TableMapping, facts: &Facts) -> Result<Gate, ShadowError> {
    let made = catalog::columns(transaction, &table.schema, &table.trial()).await?;
    let is_same = |old: &&Column| {
        made.iter()
            .any(|new| (&new.name, &new.type_name, &new.collation) == (&old.name, &old.type_name, &old.collation))
    };
    let other: Vec<&str> =
        facts.projection.old.iter().filter(|old| !is_same(old)).map(|old| old.name.as_str()).collect();
    Ok(match other.is_empty() {
        true => Gate::passed("types", "those of the table".to_owned()),
        false => Gate::refused(
            "types",
            format!("the view would have other types or collations in {}: map these otherwise", other.join(", ")),
        ),
    })
}

async fn grants(transaction: &mut Transaction, schema: &str, name: &str) -> Result<Vec<Grant>, ShadowError> {
    let rows = transaction.rows(query(include_str!("grants.sql")).bind(schema).bind(name)).await?;
    let read = rows.iter().map(|row| {
        Ok(Grant {
            role: row.try_get(0)?,
            name: row.try_get(1)?,
            right: row.try_get(2)?,
            column: row.try_get(3)?,
            may_pass_on: row.try_get(4)?,
        })
    });
    Ok(read.collect::<Result<_, sqlx::Error>>()?)
}

/// Reads nothing of the trial view as every role that may read the old table.
async fn try_roles(transaction: &mut Transaction, table: &TableMapping, grants: &[Grant]) -> Result<Gate, ShadowError> {
    let view = table.place(&table.trial());
    let readers = grants.iter().filter(|grant| grant.right == "SELECT" && !grant.name.is_empty());
    let readers = readers.filter(|grant| !table.without.contains(&grant.name));
    let mut roles: Vec<(&str, &str)> = readers.map(|grant| (grant.name.as_str(), grant.role.as_str())).collect();
    // They come in the order of the roles.
    roles.dedup();
    transaction.rows(query(include_str!("try_role.sql"))).await?;
    let (mut refused, mut untried) = (Vec::new(), Vec::new());
    for (name, role) in &roles {
        transaction.run(&format!("grant select on {view} to {role}")).await?;
        let words = transaction.value::<String>(query("select pg_temp.shadow_try($1, $2)").bind(*name).bind(&view));
        match words.await? {
            None => {}
            Some(words) if words.contains("permission denied to set role") => untried.push(*name),
            Some(words) => refused.push(format!("{name} ({words})")),
        }
    }
    let tried: Vec<&str> = roles.iter().map(|(name, _)| *name).filter(|name| !untried.contains(name)).collect();
    Ok(match (refused.is_empty(), untried.is_empty()) {
        (false, _) => Gate::refused(
            "readers",
            format!(
                "these may read the table and could not read the view: {}; grant them the columns of the record that the \
                 mapping uses, or list them in `without`",
                refused.join(", ")
            ),
        ),
        (_, false) => Gate::refused(
            "readers",
            format!(
                "the connection's role may not act as {}, so that it is not known whether they could read the view: connect \
                 as a role that may, or list them in `without`",
                untried.join(", ")
            ),
        ),
        _ if tried.is_empty() => Gate::passed("readers", "nobody but the owner".to_owned()),
        _ => Gate::passed("readers", format!("tried as {}", tried.join(", "))),
    })
}

fn create_view(table: &TableMapping, facts: &Facts, name: &str, kept: &str, definition: Option<&str>) -> String {
    let options = if facts.is_invoker() { " with (security_invoker = true)" } else { "" };
    let query = facts.projection.view(table, kept, definition);
    format!("create view {}{options} as\n{query}", table.place(name))
}

fn statements(table: &TableMapping, facts: &Facts, view: &str, made: &[Grant]) -> Vec<String> {
    let name = table.place(&table.name);
    let mut found = vec![
        include_str!("refuse_write.sql").lines().skip(1).collect::<Vec<_>>().join("\n"),
        lock(table),
        format!("alter table {name} rename to {}", named(&table.kept())),
        view.to_owned(),
    ];
    if facts.relation.owner != facts.relation.user {
        found.push(format!("alter view {name} owner to {}", named(&facts.relation.owner)));
    }
    let mut strangers: Vec<&str> = made.iter().map(|grant| grant.role.as_str()).collect();
    strangers.dedup();
    if !strangers.is_empty() {
        found.push(format!("revoke all on {name} from {}", strangers.join(", ")));
    }
    found.extend(regrants(table, &name, &facts.grants));
    found.push(format!(
        "create trigger apiary_shadow_refuse_write instead of insert or update or delete on {name}\n  for each row \
         execute function apiary.shadow_refuse_write()"
    ));
    let comment = format!(
        "The finance bee's record in the form of {}.{}, the table that had this name; `apiary shadow rollback` puts it back.",
        table.schema,
        table.kept()
    );
    found.push(format!("comment on view {name} is {}", quoted(&comment)));
    found.push("notify pgrst, 'reload schema'".to_owned());
    found
}

/// Returns the statement that locks the old table.
pub(super) fn lock(table: &TableMapping) -> String {
    format!("lock table only {} in access exclusive mode", table.place(&table.name))
}

/// Returns the statements that give the view's readers, and those whose writes are refused in words, what they had.
fn regrants(table: &TableMapping, view: &str, grants: &[Grant]) -> Vec<String> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    let copied = grants.iter().filter(|grant| RIGHTS.contains(&grant.right.as_str()));
    for grant in copied.filter(|grant| !table.without.contains(&grant.name)) {
        let option = if grant.may_pass_on { " with grant option" } else { "" };
        let to = format!("{}{option}", grant.role);
        let column = grant.column.as_ref().map_or_else(String::new, |column| format!(" ({})", named(column)));
        let right = format!("{}{column}", grant.right.to_lowercase());
        match found.iter_mut().find(|(other, _)| *other == to) {
            Some((_, rights)) => rights.push(right),
            None => found.push((to, vec![right])),
        }
    }
    found.into_iter().map(|(to, rights)| format!("grant {} on {view} to {to}", rights.join(", "))).collect()
}
