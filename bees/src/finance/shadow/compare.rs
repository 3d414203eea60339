//! The comparison of one old table with the state of record, page by page.

use std::time::Duration;

use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row as _, query};

use super::super::limits::{SHADOW_PAGE_ROWS, SHADOW_SHOWN_MAX};
use super::error::ShadowError;
use super::expression::{comparable, instant};
use super::mapping::TableMapping;
use super::projection::Projection;
use super::rule::named;
use super::transaction::Transaction;

/// The comparison of one table.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TableReport {
    /// Old table.
    pub old: String,
    /// Relation of the state of record.
    pub record: &'static str,
    /// Rows that are on both sides and agree.
    pub agreed: u64,
    /// Rows that are on both sides and differ.
    pub different: u64,
    /// Rows of the old table alone.
    pub only_old: u64,
    /// Rows of the state of record alone.
    pub only_record: u64,
    /// Rows that do not agree, and were changed too recently to be judged.
    pub unsettled: u64,
    /// Columns that are compared, with the key.
    pub columns: Vec<String>,
    /// Seconds for which reports have been clean; absent if this one is not, or was not remembered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clean_for_s: Option<u64>,
    /// Rows that do not agree, the first ones.
    pub rows: Vec<DifferentRow>,
}

/// A row that does not agree.
#[derive(Clone, Debug, Serialize)]
pub struct DifferentRow {
    /// Key; `None` if it is null.
    pub key: Option<String>,
    /// Finding.
    pub finding: ShadowFinding,
    /// Columns that differ.
    pub columns: Vec<String>,
    /// Likely cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// Finding about a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ShadowFinding {
    /// On both sides, with different values.
    Different,
    /// In the old table alone.
    OnlyOld,
    /// In the state of record alone.
    OnlyRecord,
}

impl TableReport {
    /// Returns true if all settled rows agree.
    pub fn is_clean(&self) -> bool {
        self.different + self.only_old + self.only_record == 0
    }

    fn add(&mut self, row: &PgRow, view: &View<'_>) -> Result<(), ShadowError> {
        let (in_old, in_record): (bool, bool) = (row.try_get(1)?, row.try_get(2)?);
        let differing: Vec<String> = row.try_get(3)?;
        let finding = match (in_old, in_record) {
            (true, false) => ShadowFinding::OnlyOld,
            (false, _) => ShadowFinding::OnlyRecord,
            (true, true) if differing.is_empty() => {
                self.agreed += 1;
                return Ok(());
            }
            (true, true) => ShadowFinding::Different,
        };
        if row.try_get(4)? {
            self.unsettled += 1;
            return Ok(());
        }
        match finding {
            ShadowFinding::Different => self.different += 1,
            ShadowFinding::OnlyOld => self.only_old += 1,
            ShadowFinding::OnlyRecord => self.only_record += 1,
        }
        if self.rows.len() < view.show {
            let columns = if finding == ShadowFinding::Different { differing } else { Vec::new() };
            let key: Option<String> = row.try_get(0)?;
            let times = (row.try_get(5)?, row.try_get(6)?);
            let cause = match row.try_get(8)? {
                true => Some(
                    "the old row's `changed` is yet to come: it is no time of a change, or `as` is wrong".to_owned(),
                ),
                false => cause(finding, key.as_deref(), times, row.try_get(7)?, view.lag),
            };
            self.rows.push(DifferentRow { key, finding, columns, cause });
        }
        Ok(())
    }
}

/// The choice of rows to compare and to list.
pub(super) struct View<'a> {
    pub(super) lag: Duration,
    /// Only rows changed from this time on, RFC 3339.
    pub(super) since: Option<&'a str>,
    pub(super) show: usize,
}

/// Compares a table, in a transaction that sees one state of the database.
pub(super) async fn compare(
    transaction: &mut Transaction,
    table: &TableMapping,
    view: &View<'_>,
) -> Result<TableReport, ShadowError> {
    let projection = Projection::read(transaction, table).await?;
    let (old, record) = (old_rows(table, &projection)?, record_rows(table, &projection));
    refuse_ambiguous(transaction, table, &old, &record).await?;
    let mut report = TableReport { old: table.old(), record: table.source.name, ..TableReport::default() };
    report.columns.push(table.key.clone());
    report.columns.extend(projection.compared.iter().cloned());
    let statement = statement(&projection, &old, &record, view);
    transaction.run(&format!("declare apiary_shadow no scroll cursor for {statement}")).await?;
    let fetch = format!("fetch forward {SHADOW_PAGE_ROWS} from apiary_shadow");
    loop {
        let page = transaction.run(&fetch).await?;
        for row in &page {
            report.add(row, view)?;
        }
        if page.len() < SHADOW_PAGE_ROWS {
            break;
        }
    }
    transaction.run("close apiary_shadow").await?;
    explain_other_mode(transaction, table, &mut report).await?;
    Ok(report)
}

/// Returns the query of the old rows: key, time of the last change, and the compared columns by number.
fn old_rows(table: &TableMapping, projection: &Projection) -> Result<String, ShadowError> {
    let at = match table.changed.as_ref().and_then(|changed| Some((changed, projection.column(&changed.column)?))) {
        Some((changed, column)) => {
            let place = format!("o.{}", named(&column.name));
            instant(&place, &changed.rule, column).map_err(|words| {
                ShadowError::Usage(format!("table `{}`: `changed` names `{}`: {words}", table.old(), column.name))
            })?
        }
        None => "null::timestamptz".to_owned(),
    };
    Ok(format!(
        "select o.{}::text collate \"C\" as shadow_key, true as there, {at} as at{} from {} as o",
        named(&table.key),
        compared(projection, |name| format!("o.{}", named(name))),
        table.place(&table.name)
    ))
}

/// Returns the compared columns by number, each from its place.
fn compared(projection: &Projection, place: impl Fn(&str) -> String) -> String {
    let columns = projection.compared.iter().enumerate().filter_map(|(number, name)| {
        Some(format!(", {} as c{number}", comparable(&place(name), projection.column(name)?)))
    });
    columns.collect()
}

/// Returns the query of the record's rows, in the same form.
fn record_rows(table: &TableMapping, projection: &Projection) -> String {
    let value = |name: &str| projection.value(name).unwrap_or("null");
    format!(
        "select ({})::text collate \"C\" as shadow_key, true as there, {} as at, {} as uncertain{} {}",
        value(&table.key),
        projection.own("updated_at"),
        projection.own("order_uncertain"),
        compared(projection, |name| format!("({})", value(name))),
        projection.rows()
    )
}

fn statement(projection: &Projection, old: &str, record: &str, view: &View<'_>) -> String {
    let differs = projection.compared.iter().enumerate().map(|(number, name)| {
        format!("case when o.c{number} is distinct from p.c{number} then {} end", super::rule::quoted(name))
    });
    let differs = differs.collect::<Vec<_>>().join(", ");
    let since = view.since.map_or_else(String::new, |since| {
        let since = super::rule::quoted(since);
        format!(" where coalesce(greatest(o.at, p.at) >= {since}::timestamptz, true)")
    });
    let lag = interval(view.lag);
    format!(
        "select coalesce(o.shadow_key, p.shadow_key), o.there is not null, p.there is not null,
           array_remove(array[{differs}]::text[], null),
           -- A time that is still to come tells of no change: such a row would never be judged.
           coalesce(o.at > now() - {lag} and o.at <= now() + {lag}, false)
             or coalesce(p.at > now() - {lag} and p.at <= now() + {lag}, false),
           extract(epoch from o.at)::float8, extract(epoch from p.at)::float8, coalesce(p.uncertain, false),
           coalesce(o.at > now() + {lag}, false)
         from ({old}) as o full join ({record}) as p on o.shadow_key = p.shadow_key{since} order by 1"
    )
}

/// Returns a time as SQL.
pub(super) fn interval(time: Duration) -> String {
    format!("{} * interval '1 second'", time.as_secs_f64())
}

/// Refuses keys that are not unique: rows could not be paired.
async fn refuse_ambiguous(
    transaction: &mut Transaction,
    table: &TableMapping,
    old: &str,
    record: &str,
) -> Result<(), ShadowError> {
    for (side, rows) in [(table.old(), old), (table.source.name.to_owned(), record)] {
        let twice = format!(
            "select shadow_key from ({rows}) as r where shadow_key is not null group by 1 having count(*) > 1 limit 1"
        );
        let found = transaction.run(&twice).await?;
        if let Some(row) = found.first() {
            let key: String = row.try_get(0)?;
            return Err(ShadowError::Usage(format!(
                "table `{}`: the key `{}` does not tell rows apart: {side} has several rows with `{}`",
                table.old(),
                table.key,
                key.escape_default()
            )));
        }
    }
    Ok(())
}

/// Explains old rows whose objects the record has in another mode or account, or leaves out.
async fn explain_other_mode(
    transaction: &mut Transaction,
    table: &TableMapping,
    report: &mut TableReport,
) -> Result<(), ShadowError> {
    let missing = report.rows.iter().filter(|row| row.finding == ShadowFinding::OnlyOld);
    let keys: Vec<String> = missing.filter_map(|row| row.key.clone()).collect();
    if keys.is_empty() || table.key_source() != table.source.id {
        return Ok(());
    }
    let sql = format!(
        "select id, account, livemode from public.{} where id = any ($1) order by (account, livemode) = ({}, {})",
        named(table.source.base),
        super::rule::quoted(&table.account),
        table.livemode
    );
    for row in transaction.rows(query(AssertSqlSafe(sql)).bind(keys)).await? {
        let (id, account, livemode): (String, String, bool) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let is_left_out = account == table.account && livemode == table.livemode;
        let mode = if livemode { "live" } else { "test" };
        let account = if account.is_empty() { "your own account".to_owned() } else { account };
        for found in report.rows.iter_mut().filter(|found| found.key.as_deref() == Some(id.as_str())) {
            found.cause = Some(match is_left_out {
                true => "the record has it, and `leave_out` leaves it out".to_owned(),
                false => format!("the record has it in {mode} mode, of {account}: see `livemode` and `account`"),
            });
        }
    }
    Ok(())
}

/// Returns the likely cause of a difference. Times are those of the last changes, in seconds.
fn cause(
    finding: ShadowFinding,
    key: Option<&str>,
    (old, record): (Option<f64>, Option<f64>),
    is_uncertain: bool,
    lag: Duration,
) -> Option<String> {
    let lag = lag.as_secs_f64();
    let words = match (finding, old, record) {
        (ShadowFinding::OnlyOld, ..) if key.is_none() => "its key is empty",
        (ShadowFinding::OnlyOld, ..) => "no event of it has come to the bee: `finance.reconcile` imports it",
        (ShadowFinding::OnlyRecord, ..) => {
            "the old handler does not keep it, or began later: `leave_out` leaves such rows out"
        }
        _ if is_uncertain => "the order of its last events is not certain (`order_uncertain`)",
        (_, Some(old), Some(record)) if record > old + lag => {
            "the bee's row is newer: the old handler missed an event, or takes no events of its type"
        }
        (_, Some(old), Some(record)) if old > record + lag => {
            "the old row is newer: the bee missed an event; `apiary record diff` asks Stripe"
        }
        (_, Some(_), Some(_)) => "both were changed at the same time: a translation is missing, or wrong",
        _ => return None,
    };
    Some(words.to_owned())
}

/// Returns the number of rows to list, within its bound.
pub(super) fn shown(show: u32) -> usize {
    usize::try_from(show.min(SHADOW_SHOWN_MAX)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likely_cause_is_told_by_the_times_of_both_rows() {
        let told = |old, record, is_uncertain| {
            cause(ShadowFinding::Different, Some("sub_1"), (old, record), is_uncertain, Duration::from_secs(60))
        };
        assert!(told(Some(0.0), Some(100.0), false).unwrap().contains("bee's row is newer"));
        assert!(told(Some(100.0), Some(0.0), false).unwrap().contains("old row is newer"));
        assert!(told(Some(0.0), Some(10.0), false).unwrap().contains("translation"));
        assert!(told(Some(0.0), Some(100.0), true).unwrap().contains("not certain"));
        assert_eq!(told(None, Some(100.0), false), None);
    }
}
