//! Reading the colony: its events, grants, executors and payments, within bounds.

use apiary_executor_sdk::v1::{self, ProcessState};
use apiary_executor_sdk::wire::envelope_from_proto;
use apiary_executor_sdk::{Client, ClientError, Failure, Reason};
use apiary_identity::chain::verify_grant;

use super::fact::{Fact, Source};
use super::hygiene::KnownGrant;
use super::limits::{EVENTS_PAGE, EVENTS_PAGES_MAX, EVENTS_READ_MAX, ROWS_PAGE, ROWS_READ_MAX};
use super::sample::Sample;

/// Stable name of the condition that the bee's grant lacks a right.
const RIGHTS: &str = "security-rights";
/// The longest window of statistics that a broker has, in milliseconds.
const STATISTICS_MS_MAX: i64 = 30 * 86_400_000;

/// A part of the colony's stream.
pub(super) struct StreamPart {
    /// The events, of each kind the oldest first.
    pub(super) facts: Vec<Fact>,
    /// The position up to which the stream was read.
    pub(super) read_to: i64,
    /// False if there were more events than a run looks at, and the first of the most frequent kinds were left out.
    pub(super) is_complete: bool,
    /// The time from which on nothing was left out; 0 if nothing was at all.
    pub(super) complete_from_ms: i64,
}

/// Reads the events of a time.
pub(super) async fn events(client: &Client, from_ms: i64, until_ms: i64) -> Result<StreamPart, Failure> {
    let mut part = StreamPart { facts: Vec::new(), read_to: 0, is_complete: true, complete_from_ms: 0 };
    let mut sample = Sample::new(EVENTS_READ_MAX);
    for page in 0.. {
        if page >= EVENTS_PAGES_MAX {
            part.is_complete = false;
            break;
        }
        let request = v1::ListEventsRequest {
            after: part.read_to,
            page_size: EVENTS_PAGE,
            since_ms: from_ms.max(0),
            until_ms: until_ms.max(1),
            ..Default::default()
        };
        let answer = client.list_events(request).await.map_err(|error| unreadable(error, "read_events"))?;
        answer.events.into_iter().for_each(|event| sample.add(event.into()));
        // Without progress there is no end either.
        let is_over = !answer.is_more || answer.next <= part.read_to;
        part.read_to = part.read_to.max(answer.next);
        if is_over {
            break;
        }
    }
    if let Some(left_out_ms) = sample.left_out_ms() {
        part.is_complete = false;
        part.complete_from_ms = left_out_ms.saturating_add(1);
    }
    part.facts = sample.into_facts();
    Ok(part)
}

/// Reads the grants, each checked to be signed by the colony. A grant that is not is left out: executors refuse it, too.
pub(super) async fn grants(client: &Client) -> Result<Vec<KnownGrant>, Failure> {
    let mut known = Vec::new();
    let mut page_token = String::new();
    while known.len() < ROWS_READ_MAX {
        let request = v1::ListGrantsRequest { page_size: ROWS_PAGE, page_token };
        let answer = client.list_grants(request).await.map_err(|error| unreadable(error, "read"))?;
        for (place, envelope) in answer.grants.iter().enumerate() {
            let is_revoked = answer.revoked_from_ms.get(place).is_some_and(|from_ms| *from_ms != 0);
            let verified = envelope_from_proto(envelope).map(|envelope| verify_grant(&client.colony(), &envelope));
            match verified {
                Ok(Ok(grant)) => known.push(KnownGrant { grant, is_revoked }),
                Ok(Err(error)) => tracing::warn!(%error, "a grant of the colony does not hold, and is left out"),
                Err(error) => tracing::warn!(%error, "a grant of the colony cannot be read, and is left out"),
            }
        }
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    Ok(known)
}

/// Reads the executors.
pub(super) async fn executors(client: &Client) -> Result<Vec<v1::Executor>, Failure> {
    let mut executors = Vec::new();
    let mut page_token = String::new();
    while executors.len() < ROWS_READ_MAX {
        let request = v1::ListExecutorsRequest { page_size: ROWS_PAGE, page_token, ..Default::default() };
        let answer = client.list_executors(request).await.map_err(|error| unreadable(error, "read"))?;
        executors.extend(answer.executors);
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    Ok(executors)
}

/// Reads how many processes of these functions failed in the time before now, and how many of its dead letters there are.
pub(super) async fn payments(
    client: &Client,
    functions: &[String],
    length_ms: i64,
    now_ms: i64,
) -> Result<Vec<Fact>, Failure> {
    let request =
        v1::ListFunctionsRequest { executor_type: String::new(), window_ms: length_ms.clamp(1, STATISTICS_MS_MAX) };
    let records = client.list_functions(request).await.map_err(|error| unreadable(error, "read"))?;
    let mut facts = Vec::new();
    for record in records {
        let name = record.function.map(|function| function.name).unwrap_or_default();
        let statistics = record.statistics.unwrap_or_default();
        if functions.contains(&name) {
            let failed = statistics.count.saturating_sub(statistics.succeeded);
            facts.extend(payment("payment.failed", name, failed, now_ms));
        }
    }
    for function in functions {
        let filter = v1::ProcessFilter {
            states: vec![ProcessState::DeadLetter.into()],
            function: function.clone(),
            ..Default::default()
        };
        let request = v1::ListProcessesRequest { filter: Some(filter), page_size: ROWS_PAGE, ..Default::default() };
        let answer = client.list_processes(request).await.map_err(|error| unreadable(error, "read"))?;
        let count = i64::try_from(answer.processes.len()).unwrap_or(i64::MAX);
        facts.extend(payment("payment.set_aside", function.clone(), count, now_ms));
    }
    Ok(facts)
}

fn payment(kind: &str, function: String, count: i64, now_ms: i64) -> Option<Fact> {
    let count = u64::try_from(count).ok().filter(|count| *count > 0)?;
    Some(Fact { function, count, ..Fact::new(kind, now_ms, Source::State) })
}

/// Converts the error of a read. A missing right is waited for: it is mended outside, and nothing was done.
pub(super) fn unreadable(error: ClientError, right: &str) -> Failure {
    if error.is(&Reason::NotPermitted) {
        return Failure::surroundings(
            RIGHTS,
            format!(
                "the security bee's grant lacks the right `{right}`, or is over: `apiary bee security --check` says what it \
                 needs ({error})"
            ),
        );
    }
    error.into()
}
