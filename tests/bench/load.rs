//! Submitters: signed specs, by the fastest public call.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::ensure;
use apiary_executor_sdk::{Client, retry};
use apiary_identity::{Content, Document as _, Envelope, Spec};
use tokio::task::JoinSet;

use crate::deployment::{BENCH, Member};

/// Bytes of arguments of each process.
const ARGS_BYTES: usize = 256;
/// Longest time for which an overloaded broker is asked again.
const PATIENCE: Duration = Duration::from_secs(60);
/// Words of the arguments, so that they compress like those of real work.
const WORDS: [&str; 32] = [
    "account", "address", "amount", "annual", "balance", "branch", "cancel", "charge", "client", "contract", "credit",
    "currency", "delivery", "discount", "due", "export", "garden", "invoice", "ledger", "monthly", "north", "order",
    "parcel", "payment", "pending", "quarter", "receipt", "refund", "renewal", "station", "supplier", "transfer",
];

/// Returns arguments as JSON, different for each number.
pub(crate) fn args(number: usize) -> Vec<u8> {
    let mut text = format!("{{\"id\":{number},\"total\":{},\"note\":\"", number.wrapping_mul(7919) % 100_000);
    // A multiplication spreads the number over all bits, and each word takes five of them.
    let mut bits = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    while text.len() < ARGS_BYTES {
        text.push_str(WORDS[bits % WORDS.len()]);
        text.push(' ');
        bits = bits.rotate_right(5).wrapping_add(number);
    }
    text.truncate(ARGS_BYTES - 2);
    text.push_str("\"}");
    text.into_bytes()
}

/// Returns a spec with these arguments, not signed.
pub(crate) fn spec(client: &Client, number: usize) -> Spec {
    client.spec(BENCH, BENCH).with_args(Content::from_bytes(&args(number)))
}

/// Submits `count` processes in batches. Each submitter has one call in progress.
pub(crate) async fn submit(submitters: &[Member], count: usize, batch: usize) -> anyhow::Result<()> {
    submit_specs(submitters, count, batch, spec).await
}

/// Submits `count` processes that `make` makes of a client and a number.
pub(crate) async fn submit_specs(
    submitters: &[Member],
    count: usize,
    batch: usize,
    make: impl Fn(&Client, usize) -> Spec + Clone + Send + 'static,
) -> anyhow::Result<()> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut lines = JoinSet::new();
    for submitter in submitters {
        let Member { client, key } = submitter.clone();
        let (next, make) = (Arc::clone(&next), make.clone());
        lines.spawn(async move {
            loop {
                let first = next.fetch_add(batch, Ordering::Relaxed);
                if first >= count {
                    return anyhow::Ok(());
                }
                let numbers = first..count.min(first + batch);
                let specs = numbers.map(|number| Ok(make(&client, number).to_json()?.into()));
                let specs = Envelope::sign_all(&key, Spec::PAYLOAD_TYPE, specs.collect::<anyhow::Result<_>>()?);
                submit_batch(&client, &specs).await?;
            }
        });
    }
    while let Some(line) = lines.join_next().await {
        line??;
    }
    Ok(())
}

async fn submit_batch(client: &Client, specs: &[Envelope]) -> anyhow::Result<()> {
    for answer in retry(PATIENCE, || client.submit_batch(specs)).await? {
        ensure!(answer.reason.is_empty(), "a spec was refused: {} {}", answer.reason, answer.message);
    }
    Ok(())
}
