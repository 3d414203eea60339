//! Reading a process from the broker or, if it left the broker, from the archive with the caller's own access.

use apiary_bees::archive;
use apiary_executor_sdk::{Client, Reason, v1};
use uuid::Uuid;

use crate::exit::{Exit, Fault};
use crate::settings::Settings;

/// Reads a process with its documents, wherever it is.
pub(super) async fn get_process(
    client: &Client,
    settings: &Settings,
    process_id: Uuid,
) -> anyhow::Result<v1::GetProcessResponse> {
    let archived = match client.get_process(process_id).await {
        Err(error) if error.is(&Reason::Archived) => error,
        answer => return Ok(answer?),
    };
    // Without access to the storage, the broker's words name the object and the line.
    let Some(storage) = archive::open(settings)? else {
        return Err(Fault::new(Exit::NotFound, archived.to_string())
            .hint("set `archive.url`, and the access to it, to read it from there")
            .into());
    };
    let place = client.find_archive(process_id).await?;
    let line = archive::read_process(&storage, &client.colony(), process_id, &place).await;
    let line = line.map_err(|error| match error {
        archive::ArchiveError::Storage(_) => Fault::new(Exit::Unreachable, error.to_string()),
        archive::ArchiveError::Damaged(_) => Fault::new(Exit::Broken, error.to_string()),
        error => Fault::new(Exit::NotFound, error.to_string()),
    })?;
    Ok(line.to_answer().map_err(|error| Fault::new(Exit::Broken, error.to_string()))?)
}
