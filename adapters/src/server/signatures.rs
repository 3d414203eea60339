//! A notice for a source whose requests all fail their signature: the secret is wrong, or strangers post there.

use std::sync::{Mutex, PoisonError};

use apiary_daemon::Notices;

use crate::refusal::Refusal;
use crate::sources;

/// Kind of notice while requests of a source fail their signature and none passes. Its subject is the source.
pub const SIGNATURES_REFUSED: &str = "SIGNATURES_REFUSED";
/// Failures in a row that raise the notice: a stranger's single request does not.
const FAILURES_MIN: u64 = 3;

/// Requests of one source that failed their signature since the last that passed.
pub(super) struct SignatureWatch {
    source: String,
    failures: Mutex<u64>,
    notices: Notices,
}

impl SignatureWatch {
    pub(super) fn new(source: &str, notices: Notices) -> Self {
        Self { source: source.to_owned(), failures: Mutex::default(), notices }
    }

    /// Counts a verified request, or one that was refused.
    pub(super) fn note<T>(&self, verified: &Result<T, Refusal>) {
        // The lock is held to the end, so that the notice matches the count even if requests arrive concurrently.
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        match verified {
            // Their signature was right.
            Ok(_) | Err(Refusal::EventMalformed(_) | Refusal::EventInvalid(_)) => {
                if std::mem::take(&mut *failures) >= FAILURES_MIN {
                    self.notices.resolve(SIGNATURES_REFUSED, &self.source);
                }
            }
            Err(
                refusal @ (Refusal::SignatureWrong
                | Refusal::TokenWrong
                | Refusal::SignatureStale { .. }
                | Refusal::SignatureFuture { .. }),
            ) => {
                *failures = failures.saturating_add(1);
                if *failures >= FAILURES_MIN {
                    self.notices.raise(SIGNATURES_REFUSED, &self.source, self.text(*failures, refusal));
                }
            }
            // Without a signature that can be read a request comes from a scanner, and says nothing of the secret.
            Err(_) => {}
        }
    }

    fn text(&self, failures: u64, refusal: &Refusal) -> String {
        let (source, remedy) = (&self.source, remedy(&self.source));
        format!(
            "{failures} requests of `{source}` in a row failed, and none has passed since; the last: {refusal}; {remedy}"
        )
    }
}

/// Returns the advice for a source whose requests fail. Suitable for a public page.
pub(crate) fn remedy(source: &str) -> String {
    let (secrets, advice) = sources::of(source).map_or(("its secret", "set it"), |source| {
        let secrets = source.secrets().key;
        (secrets, source.advice())
    });
    format!(
        "either the secret (`{secrets}`) is wrong: {advice}, restart the adapter, and let the sender repeat an event, which \
         `apiary webhook routes` then shows; or it is right and strangers post here: the next genuine event ends this \
         notice"
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use apiary_identity::ManualClock;
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn three_failures_in_a_row_are_a_notice_until_a_request_passes() {
        let notices = Notices::new(Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH)));
        let (stripe, calendar) =
            (SignatureWatch::new("stripe", notices.clone()), SignatureWatch::new("calendar", notices.clone()));
        let fail =
            |watch: &SignatureWatch, times| (0..times).for_each(|_| watch.note::<()>(&Err(Refusal::SignatureWrong)));
        let listed = || notices.list().into_iter().map(|notice| notice.subject).collect::<Vec<_>>();
        fail(&stripe, 2);
        stripe.note(&Ok(()));
        fail(&stripe, 2);
        for refusal in [Refusal::SignatureMissing("stripe-signature".into()), Refusal::BodyBroken] {
            stripe.note::<()>(&Err(refusal));
        }
        assert_eq!(listed(), [""; 0], "a request without a signature counts neither way");
        fail(&stripe, 1);
        fail(&calendar, 9);
        assert_eq!(listed(), ["calendar", "stripe"]);
        let text = &notices.list()[1].text;
        for words in ["`webhook.stripe_secrets`", "STRIPE_WEBHOOK_SECRET", "Stripe's dashboard", "strangers"] {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert!(notices.list()[0].text.contains("`webhook.hmac_secrets`"), "{:?}", notices.list());
        stripe.note::<()>(&Err(Refusal::EventMalformed("it is none".to_owned())));
        assert_eq!(listed(), ["calendar"], "the signature was right");
        fail(&stripe, 3);
        assert_eq!(listed(), ["calendar", "stripe"], "and again");
    }
}
