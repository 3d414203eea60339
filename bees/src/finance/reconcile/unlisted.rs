//! Rows that no list of Stripe's had.

use super::report::Skipped;
use super::run::{ReconcileError, Run};
use crate::finance::limits::{LISTED_MAX, LOOKUPS_MAX};
use crate::finance::stripe_api::Kind;

impl Run<'_> {
    /// Goes through the rows of a kind whose list has ended, and looks up at Stripe each that the list lacks: it may be
    /// newer than the list, or one that lists leave out, such as a customer of a test clock. Objects that are recorded as
    /// deleted are no difference.
    pub(super) async fn unlisted(&mut self, kind: Kind) -> Result<(), ReconcileError> {
        let Some(listed) = &mut self.listed else { return Ok(()) };
        let Some(listed) = listed.take() else {
            self.skip_rows(kind, format!("Stripe has more than {LISTED_MAX}, which is more than are remembered"));
            return Ok(());
        };
        let (mut after, mut lookups) = (String::new(), 0);
        loop {
            let page = self.ledger.ids(kind, after).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.id.clone();
            for stored in page.into_iter().filter(|stored| !stored.is_deleted && !listed.has(&stored.id)) {
                if lookups == LOOKUPS_MAX {
                    let why = format!(
                        "more than {LOOKUPS_MAX} rows are in no list of Stripe's, and the others were not looked up: is the \
                         key one of the account whose rows these are?"
                    );
                    self.skip_rows(kind, why);
                    return Ok(());
                }
                lookups += 1;
                if let Some(difference) = self.look_again(kind, &stored.id).await? {
                    self.count(difference);
                }
            }
        }
    }

    fn skip_rows(&mut self, kind: Kind, why: String) {
        self.report.rows_skipped.push(Skipped { kind, why });
    }
}
