//! Validity of certificates.

use std::time::Duration;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

/// Time before its end at which a certificate is reported.
pub const EXPIRY_NOTICE: Duration = Duration::from_secs(14 * 24 * 3600);

/// The validity of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first moment.
    pub not_before: Timestamp,
    /// The last moment.
    pub not_after: Timestamp,
}

impl Validity {
    /// Reads the validity from a certificate; `None` if the bytes are not a certificate.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let certificate = Certificate::from_der(certificate).ok()?;
        let validity = certificate.tbs_certificate().validity();
        let at = |time: x509_cert::time::Time| {
            let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok()?;
            Timestamp::from_second(seconds).ok()
        };
        Some(Self { not_before: at(validity.not_before)?, not_after: at(validity.not_after)? })
    }

    /// Returns a warning if the certificate has expired, is not valid yet, or expires soon. The text stays the same for
    /// a day.
    pub fn concern(&self, now: Timestamp) -> Option<String> {
        let left = self.not_after.as_second().saturating_sub(now.as_second());
        if left < 0 {
            return Some(format!("expired on {}", day(self.not_after)));
        }
        if now < self.not_before {
            return Some(format!("is not valid before {}: is a clock wrong?", self.not_before));
        }
        let days = left / (24 * 3600);
        let soon = u64::try_from(left).is_ok_and(|left| left <= EXPIRY_NOTICE.as_secs());
        soon.then(|| format!("expires on {}, in {days} days", day(self.not_after)))
    }
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}
