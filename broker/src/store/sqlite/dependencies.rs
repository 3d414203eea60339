//! Who waits for whom, in SQLite.

use sqlx::query;
use uuid::Uuid;

use super::SqliteStore;
use super::batch::ids;
use super::transaction::{Write, read};
use crate::model::{ColonyKey, FailedParent, ParentEnd, Settled};
use crate::store::{StoreResult, checks, rows};

/// A look for what is due, and one transaction if anything is.
pub(super) async fn settle(
    store: &SqliteStore,
    parents: Option<&[Uuid]>,
    now_ms: i64,
    limit: i64,
) -> StoreResult<Settled> {
    let (ends, mut settled) = (due(store, parents, limit).await?, Settled::default());
    if ends.is_empty() {
        return Ok(settled);
    }
    let mut write = Write::begin(&store.writer).await?;
    for (parent, end) in &ends {
        if let ParentEnd::Replaced(by) = end {
            let pass_on = query(include_str!("dependencies/pass_on.sql"))
                .bind(parent.as_bytes().as_slice())
                .bind(by.as_bytes().as_slice());
            settled.ended += usize::try_from(write.changed(pass_on).await?).unwrap_or(usize::MAX);
            // Who waited for both waits for the new one alone.
            release(&mut write, &[*parent], i64::MAX, &mut settled).await?;
        }
    }
    release(&mut write, &checks::succeeded(&ends), limit, &mut settled).await?;
    cancel(&mut write, &checks::never_succeeding(&ends), now_ms, limit, &mut settled).await?;
    write.commit().await?;
    Ok(settled)
}

pub(super) async fn failed(store: &SqliteStore, colony: ColonyKey, limit: i64) -> StoreResult<Vec<FailedParent>> {
    let select = query(include_str!("dependencies/failed.sql")).bind(colony.0).bind(limit);
    read(&store.readers, select).await?.iter().map(|row| rows::failed_parent(row)).collect()
}

async fn due(store: &SqliteStore, parents: Option<&[Uuid]>, limit: i64) -> StoreResult<Vec<(Uuid, ParentEnd)>> {
    let select = match parents {
        Some([]) => return Ok(Vec::new()),
        Some(parents) => query(include_str!("dependencies/due.sql")).bind(ids(parents)?),
        None => query(include_str!("dependencies/due_all.sql")).bind(limit),
    };
    read(&store.readers, select).await?.iter().map(|row| rows::parent_end(row)).collect()
}

async fn release(write: &mut Write, parents: &[Uuid], limit: i64, settled: &mut Settled) -> StoreResult<()> {
    if parents.is_empty() {
        return Ok(());
    }
    let ended = query(include_str!("dependencies/release.sql")).bind(ids(parents)?).bind(limit);
    let ended = write.rows(ended).await?.iter().map(|row| rows::process_id(row)).collect::<StoreResult<Vec<_>>>()?;
    settled.ended += ended.len();
    for row in write.rows(query(include_str!("steps/release_count.sql")).bind(ids(&ended)?)).await? {
        let (process_id, is_free) = rows::freed(&row)?;
        settled.freed.extend(is_free.then_some(process_id));
    }
    Ok(())
}

async fn cancel(
    write: &mut Write,
    lost: &[(Uuid, String)],
    now_ms: i64,
    limit: i64,
    settled: &mut Settled,
) -> StoreResult<()> {
    for (parent, reason) in lost {
        let select = query(include_str!("steps/cancel_children.sql")).bind(parent.as_bytes().as_slice()).bind(limit);
        let children = write.rows(select).await?;
        let children = children.iter().map(|row| rows::process_id(row)).collect::<StoreResult<Vec<_>>>()?;
        let finish = query(include_str!("dependencies/cancel.sql")).bind(ids(&children)?).bind(reason).bind(now_ms);
        let cancelled = write.rows(finish).await?;
        let cancelled = cancelled.iter().map(|row| rows::of_colony(row)).collect::<StoreResult<Vec<_>>>()?;
        let left: Vec<Uuid> = cancelled.iter().map(|(_, process_id)| *process_id).collect();
        write.changed(query(include_str!("steps/leave_blocked.sql")).bind(ids(&left)?)).await?;
        write.changed(query(include_str!("steps/delete_dependencies.sql")).bind(ids(&children)?)).await?;
        settled.ended += children.len();
        settled.cancelled.extend(cancelled);
    }
    Ok(())
}
