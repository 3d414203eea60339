//! A run: as many pages as its time allows.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::args::{Cursor, Request};
use super::ledger::{Ledger, Wanted};
use super::listed::Listed;
use super::report::{Counts, Difference, Finding, Report, Skipped};
use crate::finance::error::RecordError;
use crate::finance::record::{Applied, Record};
use crate::finance::stripe_api::{Kind, ListQuery, Page, StripeApi, StripeError};

/// A fault that ended a run before its first page.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReconcileError {
    /// Arguments out of bounds.
    #[error("the arguments of `finance.reconcile` do not fit: {0}")]
    Request(String),
    /// A fault of a call to Stripe.
    #[error(transparent)]
    Stripe(#[from] StripeError),
    /// A fault of the state of record.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// A run in progress.
pub(super) struct Run<'a> {
    stripe: &'a Arc<StripeApi>,
    pub(super) ledger: Ledger,
    request: &'a Request,
    pub(super) report: Report,
    /// Ids in the pages of the kind in progress, if the rows are gone through as well.
    pub(super) listed: Option<Listed>,
}

/// Compares until every list is read or the time has passed, whichever is first; at least one page. `is_cancelled` ends
/// it early.
///
/// # Errors
///
/// A fault before the first page. A later one ends the run with the report so far, which names it.
pub async fn run(
    stripe: &Arc<StripeApi>,
    record: Arc<dyn Record>,
    request: &Request,
    time: Duration,
    is_cancelled: impl Fn() -> bool,
) -> Result<Report, ReconcileError> {
    request.check().map_err(ReconcileError::Request)?;
    let until = Instant::now() + time.min(Duration::from_secs(request.seconds.into()));
    Run::new(stripe, record, request).pages(|_| Instant::now() >= until || is_cancelled()).await
}

/// Compares every list to its end, and then the rows that it lacks; unless the request chooses by time, which rows do not
/// tell. `note` is called between two pages, with the report so far.
///
/// # Errors
///
/// The errors of [`run`]; and a request with a cursor, whose earlier pages are unknown here.
pub async fn run_whole(
    stripe: &Arc<StripeApi>,
    record: Arc<dyn Record>,
    request: &Request,
    mut note: impl FnMut(&Report),
) -> Result<Report, ReconcileError> {
    request.check().map_err(ReconcileError::Request)?;
    if request.cursor.is_some() {
        return Err(ReconcileError::Request("a comparison of everything has no `cursor`".to_owned()));
    }
    let listed = request.since.is_none().then(Listed::default);
    let run = Run { listed, ..Run::new(stripe, record, request) };
    let goes_on = |report: &Report| {
        note(report);
        false
    };
    run.pages(goes_on).await
}

/// Compares single objects, by their ids.
///
/// # Errors
///
/// A fault of a call, or an id of an unknown kind.
pub async fn check(
    stripe: &Arc<StripeApi>,
    record: Arc<dyn Record>,
    request: &Request,
    ids: &[String],
) -> Result<Report, ReconcileError> {
    request.check().map_err(ReconcileError::Request)?;
    let mut run = Run::new(stripe, record, request);
    for id in ids {
        let kind = Kind::of_id(id);
        let kind = kind.ok_or_else(|| {
            ReconcileError::Request(format!(
                "`{id}` is no id of an object that the state of record keeps: cus_…, sub_… or another"
            ))
        })?;
        run.object(kind, id).await?;
    }
    run.report.finished = true;
    Ok(run.report)
}

impl<'a> Run<'a> {
    fn new(stripe: &'a Arc<StripeApi>, record: Arc<dyn Record>, request: &'a Request) -> Self {
        let (livemode, account) = (stripe.key().is_live(), request.account.clone());
        let report = Report { livemode, account: account.clone(), repair: request.repair, ..Report::default() };
        Self { stripe, ledger: Ledger::new(record, stripe, account.as_deref()), request, report, listed: None }
    }

    /// Compares page after page, at least one, until all are compared or `is_over`.
    async fn pages(mut self, mut is_over: impl FnMut(&Report) -> bool) -> Result<Report, ReconcileError> {
        let start = || Cursor { kind: self.first(), after: None, created_s: None };
        let mut next = Some(self.request.cursor.clone().unwrap_or_else(start));
        let mut pages = 0;
        while let Some(cursor) = next {
            if pages > 0 && is_over(&self.report) {
                self.report.cursor = Some(cursor);
                return Ok(self.report);
            }
            next = match self.page(&cursor).await {
                Ok(next) => next,
                Err(error) if pages == 0 => return Err(error),
                Err(error) => {
                    (self.report.cursor, self.report.stopped) = (Some(cursor), Some(error.to_string()));
                    return Ok(self.report);
                }
            };
            pages += 1;
        }
        self.report.finished = true;
        Ok(self.report)
    }

    fn first(&self) -> Kind {
        self.request.kinds().first().copied().unwrap_or(Kind::Customers)
    }

    /// Compares one page, and returns the place of the next; `None` after the last.
    async fn page(&mut self, cursor: &Cursor) -> Result<Option<Cursor>, ReconcileError> {
        let kind = cursor.kind;
        let page = match self.read(cursor).await {
            Ok(page) => page,
            Err(error @ StripeError::Rights { .. }) => {
                self.skip(kind, error.to_string());
                return Ok(self.after(kind));
            }
            Err(error) => return Err(error.into()),
        };
        self.compare(kind, &page).await?;
        if !page.has_more {
            self.unlisted(kind).await?;
        }
        let last = page.objects.last().filter(|_| page.has_more);
        Ok(last.map_or_else(
            || self.after(kind),
            |last| {
                let after = last["id"].as_str().map(str::to_owned);
                Some(Cursor { kind, after, created_s: last["created"].as_i64() })
            },
        ))
    }

    /// Reads a page. If the object that it begins after was deleted meanwhile, it begins at that object's second: objects
    /// of that second are read again, and none is left out.
    async fn read(&self, cursor: &Cursor) -> Result<Page, StripeError> {
        let query = ListQuery {
            account: self.request.account.clone(),
            after: cursor.after.clone(),
            created_from_s: self.request.since.map(|since| since.as_second()),
            limit: self.request.page_size,
            ..ListQuery::all(cursor.kind)
        };
        match self.stripe.list(&query).await {
            Err(StripeError::Missing { .. }) if cursor.after.is_some() && cursor.created_s.is_some() => {
                self.stripe.list(&ListQuery { after: None, created_to_s: cursor.created_s, ..query }).await
            }
            page => page,
        }
    }

    /// Returns the start of the kind after this one.
    fn after(&self, kind: Kind) -> Option<Cursor> {
        let next = self.request.kinds().into_iter().find(|other| *other > kind);
        next.map(|kind| Cursor { kind, after: None, created_s: None })
    }

    fn skip(&mut self, kind: Kind, why: String) {
        // Of a list that ended early, no row may be told to be lacking.
        self.listed.as_mut().map(Listed::take);
        self.report.skipped.push(Skipped { kind, why });
    }

    async fn compare(&mut self, kind: Kind, page: &Page) -> Result<(), ReconcileError> {
        let mut wanted = Vec::with_capacity(page.objects.len());
        self.counts(kind).read += u64::try_from(page.objects.len()).unwrap_or(u64::MAX);
        for object in &page.objects {
            if let Some(listed) = &mut self.listed {
                listed.add(object["id"].as_str().unwrap_or_default());
            }
            match self.ledger.read(kind, object, page.as_of_s) {
                Ok(read) => wanted.push(read),
                Err(what) => self.failed(kind, object["id"].as_str().unwrap_or_default(), what),
            }
        }
        let ids = wanted.iter().map(|wanted| wanted.id.clone()).collect();
        let stored = self.ledger.stored(kind, ids).await?;
        let mut open = Vec::new();
        for wanted in wanted {
            match difference(kind, &wanted, stored.get(&wanted.id)) {
                None => self.counts(kind).same += 1,
                Some(difference) => open.push((wanted, difference)),
            }
        }
        if self.request.repair { self.repair(kind, open).await } else { self.confirm(kind, open).await }
    }

    /// Writes what differs. An event that arrived since, and is newer, stays.
    async fn repair(&mut self, kind: Kind, open: Vec<(Wanted, Difference)>) -> Result<(), ReconcileError> {
        let mut wanted = Vec::with_capacity(open.len());
        for (object, difference) in open {
            self.count(difference);
            wanted.push(object);
        }
        for (object, outcome) in self.ledger.write(wanted).await {
            match outcome {
                Ok(Applied::Applied | Applied::Duplicate) => self.counts(kind).repaired += 1,
                Ok(Applied::Superseded | Applied::Ignored) => self.counts(kind).newer += 1,
                // It stays counted as missing or different.
                Err(error @ (RecordError::Refused { .. } | RecordError::Conflict { .. })) => {
                    let listed = self.report.differences.iter_mut().find(|listed| listed.id == object.id);
                    if let Some(listed) = listed {
                        listed.what = Some(error.to_string());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Looks again at what differs, as far as it will be shown: an event may have arrived between the two reads.
    async fn confirm(&mut self, kind: Kind, open: Vec<(Wanted, Difference)>) -> Result<(), ReconcileError> {
        for (object, difference) in open {
            if self.report.differences.len() >= self.show() {
                self.count(difference);
                continue;
            }
            match self.look_again(kind, &object.id).await? {
                None => self.counts(kind).same += 1,
                Some(difference) => self.count(difference),
            }
        }
        Ok(())
    }

    /// Compares one object by its id.
    async fn object(&mut self, kind: Kind, id: &str) -> Result<(), ReconcileError> {
        self.counts(kind).read += 1;
        match self.look_again(kind, id).await? {
            None => self.counts(kind).same += 1,
            Some(difference) => self.count(difference),
        }
        Ok(())
    }

    pub(super) async fn look_again(&self, kind: Kind, id: &str) -> Result<Option<Difference>, ReconcileError> {
        let account = self.request.account.as_deref();
        let reading = self.stripe.retrieve(account, self.report.livemode, kind, id).await?;
        let stored = self.ledger.stored(kind, vec![id.to_owned()]).await?;
        let Some(reading) = reading else {
            return Ok(Some(self::found(kind, id, Finding::Unknown)));
        };
        match self.ledger.read(kind, &reading.object, reading.as_of_s) {
            Ok(wanted) => Ok(difference(kind, &wanted, stored.get(id))),
            Err(what) => Ok(Some(Difference { what: Some(what), ..found(kind, id, Finding::Failed) })),
        }
    }

    fn counts(&mut self, kind: Kind) -> &mut Counts {
        self.report.kinds.entry(kind).or_default()
    }

    pub(super) fn count(&mut self, difference: Difference) {
        let counts = self.counts(difference.kind);
        match difference.finding {
            Finding::Missing => counts.missing += 1,
            Finding::Different => counts.different += 1,
            Finding::Unknown => counts.unknown += 1,
            Finding::Failed => counts.failed += 1,
        }
        self.list(difference);
    }

    fn failed(&mut self, kind: Kind, id: &str, what: String) {
        self.counts(kind).failed += 1;
        self.list(Difference { what: Some(what), ..found(kind, id, Finding::Failed) });
    }

    fn list(&mut self, difference: Difference) {
        if self.report.differences.len() < self.show() {
            self.report.differences.push(difference);
        }
    }

    fn show(&self) -> usize {
        usize::try_from(self.request.show).unwrap_or(usize::MAX)
    }
}

fn difference(kind: Kind, wanted: &Wanted, stored: Option<&super::super::rows::Row>) -> Option<Difference> {
    let Some(stored) = stored else { return Some(found(kind, &wanted.id, Finding::Missing)) };
    let fields = wanted.different(kind, stored);
    (!fields.is_empty()).then(|| Difference { fields, ..found(kind, &wanted.id, Finding::Different) })
}

fn found(kind: Kind, id: &str, finding: Finding) -> Difference {
    Difference { kind, id: id.to_owned(), finding, fields: Vec::new(), what: None }
}
