//! Storing processes from many signed specs.

use std::collections::HashSet;

use apiary_identity::{Envelope, Spec};
use futures::FutureExt as _;
use futures::future::join_all;
use uuid::Uuid;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::processes::submit::SubmitOutcome;

/// A spec, and the permit to submit it.
pub(crate) struct Submission {
    /// The permit by the spec's own signature.
    pub(crate) permit: Permit<action::Submit>,
    /// The spec.
    pub(crate) spec: Spec,
    /// The signed bytes.
    pub(crate) envelope: Envelope,
}

impl Engine {
    /// Stores processes, each by itself; returns the answers in the items' order. Parents are stored before their children, and the
    /// others all at once, so that they share commits.
    pub(crate) async fn submit_batch(
        &self,
        batch: Vec<Result<Submission, Error>>,
    ) -> Vec<Result<SubmitOutcome, Error>> {
        let mut answers = Vec::with_capacity(batch.len());
        let mut open = Vec::new();
        for (place, item) in batch.into_iter().enumerate() {
            match item {
                Ok(item) => open.push((place, item)),
                Err(error) => answers.push((place, Err(error))),
            }
        }
        while !open.is_empty() {
            let ids: HashSet<Uuid> = open.iter().map(|(_, item)| item.spec.process_id).collect();
            let is_ready =
                |(_, item): &(usize, Submission)| item.spec.parents.iter().all(|parent| !ids.contains(parent));
            let (ready, rest): (Vec<_>, Vec<_>) = open.into_iter().partition(is_ready);
            if ready.is_empty() {
                answers.extend(rest.into_iter().map(|(place, item)| (place, Err(circle(&item.spec)))));
                break;
            }
            open = rest;
            let checks = ready.iter().map(|(_, item)| self.check(item.permit.colony(), &item.spec));
            let parents = join_all(checks).await;
            let submits = ready.into_iter().zip(parents).map(|((place, item), parents)| {
                let Submission { permit, spec, envelope } = item;
                self.keep(permit, spec, envelope, parents).map(move |answer| (place, answer))
            });
            answers.extend(join_all(submits).await);
        }
        answers.sort_unstable_by_key(|(place, _)| *place);
        answers.into_iter().map(|(_, answer)| answer).collect()
    }
}

fn circle(spec: &Spec) -> Error {
    Error::field(
        "parents",
        format!(
            "of process {} lead in a circle, by itself or through others of this batch: none of them could ever start",
            spec.process_id
        ),
    )
}
