//! The `Stripe-Signature` header: <https://docs.stripe.com/webhooks#verify-manually>.
//!
//! `t=1492774577,v1=5257…,v1=…,v0=…`: the time in seconds, and signatures of several schemes. Scheme `v1` has one
//! signature for each secret of the endpoint, which are two while a secret is rolled. All other schemes are ignored, so
//! that nobody can choose a weaker one. A `v1` signature is the HMAC-SHA256 of `t`, a full stop and the raw body, in
//! hexadecimal; the key is the signing secret as displayed, including `whsec_`.

#[cfg(test)]
mod tests;

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

use crate::refusal::Refusal;

const HEADER: &str = "Stripe-Signature";
/// Bytes of the longest header: a time, and some thirty signatures.
const HEADER_BYTES_MAX: usize = 2048;
/// Most digits of the time; ten suffice until the year 2286.
const TIME_DIGITS_MAX: usize = 12;

/// Verifies that one of the secrets signed this body, at most `tolerance` from `now`.
pub(super) fn verify(
    headers: &HeaderMap,
    body: &[u8],
    secrets: &[SecretString],
    tolerance: Duration,
    now: Timestamp,
) -> Result<(), Refusal> {
    let header = Header::read(headers)?;
    if !secrets.iter().any(|secret| header.is_signed_by(secret, body)) {
        return Err(Refusal::SignatureWrong);
    }
    // Checked after the signature, so that only the sender learns about this machine's clock.
    let age_s = now.as_second().saturating_sub(header.time_s);
    let tolerance_s = tolerance.as_secs();
    if age_s.unsigned_abs() <= tolerance_s {
        return Ok(());
    }
    if age_s > 0 {
        return Err(Refusal::SignatureStale { age_s, tolerance_s });
    }
    Err(Refusal::SignatureFuture { ahead_s: age_s.saturating_neg(), tolerance_s })
}

/// The relevant parts of the header.
struct Header<'a> {
    /// The time in its original spelling, because the signature covers the spelling.
    time: &'a str,
    time_s: i64,
    macs: Vec<[u8; 32]>,
}

impl<'a> Header<'a> {
    fn read(headers: &'a HeaderMap) -> Result<Self, Refusal> {
        let mut values = headers.get_all(HEADER).iter();
        let value = values.next().ok_or(Refusal::SignatureMissing(HEADER))?;
        if values.next().is_some() {
            return Err(malformed("is duplicated: the sender sends one, and proxies must not add another"));
        }
        if value.len() > HEADER_BYTES_MAX {
            return Err(malformed("is longer than any of Stripe's: the most is 2048 bytes"));
        }
        let text = value.to_str().map_err(|_| malformed("contains characters other than visible ASCII"))?;
        Self::parse(text)
    }

    fn parse(text: &'a str) -> Result<Self, Refusal> {
        let (mut time, mut signatures, mut macs) = (None, 0, Vec::new());
        for part in text.split(',') {
            let (scheme, value) =
                part.trim().split_once('=').ok_or(malformed("is not of the form `t=<seconds>,v1=<signature>`"))?;
            match scheme {
                "t" if time.is_some() => return Err(malformed("holds more than one time (`t=`)")),
                "t" => time = Some(value),
                "v1" => {
                    signatures += 1;
                    let mut mac = [0; 32];
                    // A malformed signature matches no secret, but another one may.
                    if hex::decode_to_slice(value, &mut mac).is_ok() {
                        macs.push(mac);
                    }
                }
                _ => {}
            }
        }
        let time = time.ok_or(malformed("holds no time (`t=`)"))?;
        if signatures == 0 {
            return Err(malformed("holds no signature of scheme v1 (`v1=`), the only accepted scheme"));
        }
        if macs.is_empty() {
            return Err(malformed("holds a v1 signature that is not 64 hexadecimal digits"));
        }
        Ok(Self { time, time_s: seconds(time)?, macs })
    }

    fn is_signed_by(&self, secret: &SecretString, body: &[u8]) -> bool {
        // HMAC accepts keys of any length, so this cannot fail.
        let Ok(mut hmac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else { return false };
        hmac.update(self.time.as_bytes());
        hmac.update(b".");
        hmac.update(body);
        // `verify_slice` compares in constant time.
        self.macs.iter().any(|mac| hmac.clone().verify_slice(mac).is_ok())
    }
}

fn seconds(time: &str) -> Result<i64, Refusal> {
    let digits = (1..=TIME_DIGITS_MAX).contains(&time.len()) && time.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = time.parse().ok().filter(|_| digits);
    seconds.ok_or(malformed("holds a time (`t=`) that is not a number of seconds"))
}

fn malformed(problem: &'static str) -> Refusal {
    Refusal::SignatureMalformed { header: HEADER, problem }
}
