//! The `Stripe-Signature` header: <https://docs.stripe.com/webhooks#verify-manually>.
//!
//! `t=1492774577,v1=5257…,v1=…,v0=…`: the time in seconds, and signatures of several schemes. Scheme `v1` has one
//! signature for each secret of the endpoint, which are two while a secret is rolled. All other schemes are ignored, so
//! that nobody can choose a weaker one. A `v1` signature is the HMAC-SHA256 of `t`, a full stop and the raw body, in
//! hexadecimal; the key is the signing secret as displayed, including `whsec_`.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use crate::refusal::Refusal;
use crate::signing::{Algorithm, SIGNATURES_MAX, check_age, header};

const HEADER: Cow<'static, str> = Cow::Borrowed("Stripe-Signature");
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
    check_age(header.time_s, now, tolerance)
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
        Self::parse(header(headers, HEADER)?)
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
                    // A malformed signature matches no secret, but another one may. A stranger may send many: a sender has one for each
                    // of its secrets.
                    if macs.len() < SIGNATURES_MAX && hex::decode_to_slice(value, &mut mac).is_ok() {
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
        let parts: [&[u8]; 3] = [self.time.as_bytes(), b".", body];
        let key = secret.expose_secret().as_bytes();
        Algorithm::Sha256.made_one_of(key, &parts, &self.macs)
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
