//! The bees of a local colony: every bee of the program, each with its own key.

use apiary_bees::{ALL, Bee, Build};
use apiary_executor_sdk::{Client, ClientError};
use apiary_settings::Values;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::folder::Folder;
use crate::commands::bee::Equipment;
use crate::exit::Fault;

/// Running bees. Dropped without [`stop`](Self::stop), they are cut off.
#[derive(Default)]
pub(super) struct Bees {
    running: JoinSet<BeeEnd>,
    stop: CancellationToken,
}

/// A bee's name, and how it ended.
type BeeEnd = (&'static str, Result<(), ClientError>);

impl Bees {
    /// Starts a bee for each client, in the order of [`ALL`]; none runs on if one cannot start.
    pub(super) async fn start(
        folder: &Folder,
        clients: Vec<Client>,
        settings: &Values,
        equipment: &Equipment,
    ) -> anyhow::Result<Self> {
        let mut bees = Self::default();
        for (bee, client) in ALL.iter().zip(clients) {
            let settings = settings.with(bee.local(folder.path()).set, folder.path());
            if let Err(error) = bees.add(*bee, client, &settings, equipment).await {
                bees.stop().await;
                return Err(error);
            }
        }
        Ok(bees)
    }

    async fn add(
        &mut self,
        bee: &dyn Bee,
        client: Client,
        settings: &Values,
        equipment: &Equipment,
    ) -> anyhow::Result<()> {
        let name = bee.name();
        let Build { executor, close } = bee.build(client, settings).await?;
        let executor = equipment.fit(executor.name(name)).build()?;
        let stop = self.stop.clone();
        self.running.spawn(async move {
            let ended = executor.run(stop).await;
            close.await;
            (name, ended)
        });
        Ok(())
    }

    /// Completes when a bee ends before it is told to.
    pub(super) async fn ended(&mut self) -> anyhow::Result<()> {
        match self.running.join_next().await {
            None => Ok(()),
            Some(ended) => Err(error_of(ended)),
        }
    }

    /// Lets work in progress end, and closes what the bees work with.
    pub(super) async fn stop(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.running.join_next().await {
            if let Ok((name, Err(error))) = ended {
                tracing::warn!(%error, "the {name} bee stopped with an error");
            }
        }
    }
}

fn error_of(ended: Result<BeeEnd, JoinError>) -> anyhow::Error {
    match ended {
        Ok((name, Ok(()))) => Fault::failure(format!("the {name} bee ended by itself")).into(),
        Ok((name, Err(error))) => anyhow::Error::from(error).context(format!("the {name} bee")),
        Err(error) => anyhow::Error::from(error).context("a bee"),
    }
}
