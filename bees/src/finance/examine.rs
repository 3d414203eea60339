//! The examination behind `apiary bee finance --check`: the state of record and Stripe, with what the key may read.

use std::sync::Arc;

use apiary_identity::Clock;
use apiary_settings::Values;

use super::record::Record;
use super::rows::{RowQuery, table};
use super::settings;
use super::stripe_api::{self, Kind, ListQuery, StripeApi, StripeError};
use crate::{Check, Finding, Verdict};

/// Name of findings about the state of record.
const RECORD: &str = "record";
/// Name of findings about the encoding of its database.
const ENCODING: &str = "encoding";
/// Name of findings about the key for Stripe.
const KEY: &str = "stripe";
/// Name of findings about what the key may read.
const RIGHTS: &str = "rights";

/// Examines everything, one after the other: a fault of one leaves the others examined.
pub(super) async fn examine(settings: &Values, clock: Arc<dyn Clock>) -> Vec<Finding> {
    let mut findings = of_record(settings, Arc::clone(&clock)).await;
    match stripe_api::open(settings, clock) {
        Ok(Some(stripe)) => findings.extend(of_stripe(&stripe).await),
        Ok(None) => findings.push(
            Finding::new(KEY, Verdict::Warning, "no key for Stripe is set: nothing is read there")
                .advice("set `finance.stripe_secret_key` (STRIPE_SECRET_KEY); docs/stripe.md says what needs it"),
        ),
        Err(error) => findings.push(Finding::new(KEY, Verdict::Bad, error.to_string())),
    }
    findings
}

async fn of_record(settings: &Values, clock: Arc<dyn Clock>) -> Vec<Finding> {
    let record = match settings::open_existing(settings, clock).await {
        Ok(Ok(record)) => record,
        Ok(Err(why)) => return vec![Finding::of_check(RECORD, Ok(Check::Skipped(why)))],
        Err(error) => return vec![Finding::of_check(RECORD, Err(error))],
    };
    let findings = match record.check().await {
        Ok(readiness) => {
            let mut findings = vec![Finding::new(RECORD, Verdict::Good, settings::accepts(settings, &readiness))];
            findings.extend(of_tables(record.as_ref()).await);
            findings.push(of_encoding(&readiness.encoding));
            findings
        }
        Err(error) => vec![Finding::of_check(RECORD, Err(settings::refuses(error)))],
    };
    record.close().await;
    findings
}

/// Examines whether the tables can be read; that the function can be called is in the check of the record itself.
async fn of_tables(record: &dyn Record) -> Vec<Finding> {
    let mut findings = Vec::new();
    for kind in Kind::ALL {
        let table = table(kind);
        let nobody = RowQuery { kind, account: String::new(), livemode: false, ids: vec!["none".to_owned()] };
        if let Err(error) = record.rows(&nobody).await {
            findings.push(Finding::new(RECORD, Verdict::Bad, format!("{table} cannot be read: {error}")));
        }
    }
    findings
}

fn of_encoding(name: &str) -> Finding {
    match name {
        "UTF8" => Finding::new(ENCODING, Verdict::Good, "UTF8: every name can be stored"),
        "SQL_ASCII" => {
            Finding::new(ENCODING, Verdict::Warning, "SQL_ASCII: texts are stored without a check of their letters")
                .advice("move the tables to a database with the encoding UTF8")
        }
        _ => {
            let words = format!("{name}: an event with a letter outside it, such as `Ł`, fails for good");
            Finding::new(ENCODING, Verdict::Bad, words)
                .advice("create a database with `encoding 'UTF8' template template0`, and move the tables there")
        }
    }
}

/// Examines the key, then each right: one call each, of one object.
async fn of_stripe(stripe: &StripeApi) -> Vec<Finding> {
    let key = stripe.key();
    let mut findings = vec![if key.is_restricted() {
        Finding::new(KEY, Verdict::Good, key.describe())
    } else {
        Finding::new(KEY, Verdict::Warning, format!("{}, which may do everything in the account", key.describe()))
            .advice("make a restricted key that may only read; docs/stripe.md lists the rights")
    }];
    for kind in Kind::ALL {
        let finding = of_right(stripe, kind).await;
        // A fault of key or way would be the same for every kind.
        let is_general = finding.check == KEY;
        findings.push(finding);
        if is_general {
            break;
        }
    }
    findings
}

async fn of_right(stripe: &StripeApi, kind: Kind) -> Finding {
    match stripe.list(&ListQuery { limit: 1, ..ListQuery::all(kind) }).await {
        Ok(_) => Finding::new(RIGHTS, Verdict::Good, format!("{kind} can be read at Stripe")),
        Err(error @ StripeError::Rights { .. }) => {
            Finding::new(RIGHTS, Verdict::Bad, format!("{kind} cannot be read at Stripe: {error}"))
        }
        Err(error) => Finding::new(KEY, Verdict::Bad, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use apiary_identity::SystemClock;

    use super::*;

    #[tokio::test]
    async fn without_a_state_of_record_the_examination_fails_with_the_settings_to_set() {
        let findings = examine(&Values::default(), Arc::new(SystemClock)).await;
        let record = findings.iter().find(|finding| finding.check == RECORD).unwrap();
        assert_eq!((record.verdict, record.words.as_str()), (Verdict::Bad, "no state of record is set"));
        let advice = record.advice.as_deref().unwrap_or_default();
        for name in ["SUPABASE_URL", "DATABASE_URL", "finance.sqlite"] {
            assert!(advice.contains(name), "{advice}");
        }
    }
}
