//! Signing and verifying alone, on one core: each document by itself, and in batches.

use std::time::Instant;

use apiary_identity::{Clock as _, Content, Document as _, Envelope, KeyPair, Spec, SystemClock};
use bytes::Bytes;

use crate::load::args;
use crate::meter::number;
use crate::throughput::BATCH;

/// Documents that are timed.
const DOCUMENTS: usize = 5000;

/// Microseconds for one document.
pub(crate) struct Times {
    pub(crate) sign_us: f64,
    pub(crate) verify_us: f64,
}

/// Measures documents signed each by itself, and signed [`BATCH`] at a time.
pub(crate) fn measure() -> anyhow::Result<[Times; 2]> {
    Ok([time(1)?, time(BATCH)?])
}

fn time(batch: usize) -> anyhow::Result<Times> {
    let key = KeyPair::generate();
    let payloads: Vec<Bytes> =
        (0..DOCUMENTS).map(|number| Ok(spec(&key, number)?.into())).collect::<anyhow::Result<_>>()?;
    let start = Instant::now();
    let batches = payloads.chunks(batch).map(|batch| Envelope::sign_all(&key, Spec::PAYLOAD_TYPE, batch.to_vec()));
    let signed: Vec<_> = batches.flatten().collect();
    let sign = start.elapsed();
    let start = Instant::now();
    for envelope in &signed {
        envelope.verify()?;
    }
    let verify = start.elapsed();
    let count = number(DOCUMENTS)?;
    Ok(Times { sign_us: sign.as_secs_f64() * 1e6 / count, verify_us: verify.as_secs_f64() * 1e6 / count })
}

/// Returns a spec as it is signed.
pub(crate) fn spec(key: &KeyPair, number: usize) -> anyhow::Result<Vec<u8>> {
    let spec = Spec::new(key.id(), "bench", "bench", SystemClock.now());
    Ok(spec.with_args(Content::from_bytes(&args(number))).to_json()?)
}
