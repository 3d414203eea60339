//! Random choices of tests, which a failed run's seed repeats.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _, random};

/// Environment variable with the seed of a run to repeat.
const SEED: &str = "APIARY_TEST_SEED";

/// Returns a generator whose seed is `APIARY_TEST_SEED`, or else a random one, and prints the seed to standard error,
/// which Rust shows of a failed test.
#[expect(clippy::panic, reason = "a seed that is ignored would repeat another run")]
pub fn generator() -> StdRng {
    let seed = match std::env::var(SEED) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{SEED} is no number of 64 bits: {text:?}")),
        Err(_) => random(),
    };
    eprintln!("random choices: {SEED}={seed} repeats them");
    StdRng::seed_from_u64(seed)
}

/// Returns bytes that no compression makes fewer.
pub fn noise(bytes: usize) -> Vec<u8> {
    let mut noise = vec![0; bytes];
    generator().fill_bytes(&mut noise);
    noise
}
