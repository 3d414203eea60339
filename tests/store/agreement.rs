//! Random calls: both back-ends give the same answers as the reference.

mod calls;

use std::collections::BTreeSet;

use apiary_identity::{Digest, KeyPair, Role};
use apiary_protocol::EventKind;
use apiary_store::model::{
    AttemptEnding, Cancel, ClaimSlot, ClaimedLease, Completion, Discard, Effect, EventFilter, EventOrder, Failure,
    GrantKey, LeaseRef, NewEvent, NewProcess, Page, Pause, ProcessFilter, ProcessState, Release, Renewal, Resubmission,
    RetentionRange,
};
use apiary_tests::Backend;
use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use uuid::Uuid;

use self::calls::{Again, Call, Drawn, Token, calls};
use crate::reference::{Got, Reference, Shown};
use crate::retention::range;
use crate::tenant::{ALL, Bee, KIND, NOW, Tenant, at, ends, signature};

/// Number of calls in each case.
const CALLS: std::ops::Range<usize> = 20..60;
/// Number of processes; like keys and executors so few that calls often concern the same ones.
const PROCESSES: u8 = 5;
const KEYS: u8 = 2;
/// Number of ids; a few more than there are processes, for calls about unknown ones.
const SPECS: u8 = PROCESSES + 3;
const BEES: usize = 2;
/// Grants of users; the first two are of one key.
const USERS: usize = 3;
const FUNCTIONS: u8 = 2;
/// Unit of all times, so that ends and beginnings often fall on the same millisecond.
const TICK_MS: i64 = 10;

mod sqlite {
    #[test]
    fn random_calls_do_what_the_reference_does() {
        super::agree(apiary_tests::Backend::sqlite(), 100);
    }
}

mod postgres {
    #[test]
    fn random_calls_do_what_the_reference_does() {
        super::agree(apiary_tests::Backend::postgres(), 20);
    }
}

/// Runs this many cases, each with newly drawn calls.
fn agree(backend: impl Future<Output = Backend>, cases: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (backend, tenant, users, bees) = runtime.block_on(async {
        let backend = backend.await;
        let tenant = Tenant::on(&backend).await;
        let again = tenant.member(&tenant.user_key, Role::User, "ada-again").await;
        let users = [tenant.user, again, tenant.member(&KeyPair::generate(), Role::User, "linus").await];
        let mut bees = Vec::new();
        for number in 0..BEES {
            bees.push(tenant.bee(&format!("bee-{number}")).await);
        }
        (backend, tenant, users, bees)
    });
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 500, ..Config::default() };
    TestRunner::new(config)
        .run(&calls(), |calls| {
            runtime.block_on(async {
                empty(&backend).await;
                let reference = Reference::of_users([&users[..2], &users[2..]]);
                let mut run = Run { tenant: &tenant, users, bees: &bees, reference, events: Vec::new(), now_ms: NOW };
                for call in &calls {
                    run.step(call).await?;
                }
                run.compare_all().await
            })
        })
        .unwrap();
}

const CANCELLED: EventKind = EventKind::ProcessCancelled;
const REDRIVEN: EventKind = EventKind::ProcessRedriven;
const DISCARDED: EventKind = EventKind::ProcessDiscarded;
const RETRIED: EventKind = EventKind::ProcessRetried;
const DELETED: EventKind = EventKind::ProcessDeleted;
const PAUSED: EventKind = EventKind::PauseAdded;
const RESUMED: EventKind = EventKind::PauseRemoved;

fn event(kind: EventKind) -> NewEvent {
    NewEvent::new(kind, NOW)
}

async fn empty(backend: &Backend) {
    backend
        .execute(
            "DELETE FROM specs; DELETE FROM queue; DELETE FROM blocked; DELETE FROM leases; DELETE FROM attempts; \
             DELETE FROM finished; DELETE FROM idempotency_keys; DELETE FROM deleted; DELETE FROM pauses; \
             DELETE FROM dependencies; DELETE FROM events; DELETE FROM event_heads",
        )
        .await;
}

fn got(lease: &ClaimedLease) -> Got {
    (lease.slot, lease.process_id, lease.attempt, lease.retries_spent, lease.expires_at_ms)
}

/// A run of the same calls on the store and on the reference.
struct Run<'a> {
    tenant: &'a Tenant,
    users: [GrantKey; USERS],
    bees: &'a [Bee],
    reference: Reference,
    /// The kinds and processes of the events that there must be.
    events: Vec<(EventKind, Option<Uuid>)>,
    now_ms: i64,
}

impl Run<'_> {
    async fn step(&mut self, call: &Call) -> Result<(), TestCaseError> {
        let (store, now_ms) = (&self.tenant.store, self.now_ms);
        match call {
            Call::Advance(ms) => self.now_ms += ms,
            Call::Submit(drawn) => {
                let batch = self.batch(drawn);
                prop_assert_eq!(store.submit(&batch, now_ms).await.unwrap(), self.reference.submit(&batch, now_ms));
            }
            Call::SubmitLeased(drawn, polls) => {
                let (batch, slots, lane) = (self.batch(drawn), self.slots(polls), self.tenant.lane());
                let (answers, leased) = store.submit_leased(&batch, &lane, &slots, &at(now_ms)).await.unwrap();
                let mut got: Vec<Got> = leased.iter().map(got).collect();
                got.sort();
                prop_assert_eq!((answers, got), self.reference.submit_leased(&batch, &lane, &slots, now_ms));
            }
            Call::SubmitRedrive(drawn) => {
                let batch = self.resubmissions(drawn);
                let redriven = store.submit_redrive(&batch, now_ms).await.unwrap();
                prop_assert_eq!(redriven, self.reference.submit_redrive(&batch, now_ms));
            }
            Call::Claim(polls) => {
                let slots = self.slots(polls);
                let claimed = self.tenant.claim(&slots, now_ms).await;
                let got: Vec<Got> = claimed.iter().map(got).collect();
                prop_assert_eq!(got, self.reference.claim(&slots, now_ms));
            }
            Call::Renew(tokens, ms) => {
                let renew = |lease| Renewal { lease, expires_at_ms: now_ms + ms };
                let batch: Vec<Renewal> = self.leases(tokens).into_iter().map(renew).collect();
                let renewed = store.renew(&batch, now_ms).await.unwrap();
                prop_assert_eq!(ends(renewed), self.reference.renew(&batch, now_ms));
            }
            Call::Complete(tokens) => {
                let leases = self.leases(tokens);
                let complete = |lease: &LeaseRef| crate::tenant::completion(*lease, "{}");
                let batch: Vec<Completion> = leases.iter().map(complete).collect();
                prop_assert_eq!(
                    store.complete(&batch, now_ms).await.unwrap(),
                    self.reference.complete(&leases, now_ms)
                );
            }
            Call::CompleteAndClaim(tokens, polls) => {
                let (leases, slots, lane) = (self.leases(tokens), self.slots(polls), self.tenant.lane());
                let batch: Vec<Completion> =
                    leases.iter().map(|lease| crate::tenant::completion(*lease, "{}")).collect();
                let (ends, claims) =
                    store.complete_and_claim(&batch, now_ms, &lane, &slots, &at(now_ms)).await.unwrap();
                prop_assert_eq!(ends, self.reference.complete(&leases, now_ms));
                // A store may leave a claim to a call of its own.
                if let Some(claims) = claims {
                    let got: Vec<Got> = claims.claimed.iter().map(got).collect();
                    prop_assert_eq!(got, self.reference.claim(&slots, now_ms));
                }
            }
            Call::Fail(drawn) => {
                let batch = self.failures(drawn);
                prop_assert_eq!(store.fail(&batch, now_ms).await.unwrap(), self.reference.fail(&batch, now_ms));
            }
            Call::Release(tokens, delay_ms) => {
                let release = |lease| match delay_ms {
                    None => Release::at_once(lease),
                    Some(ms) => Release {
                        lease,
                        ending: AttemptEnding::Snoozed,
                        until_ms: Some(now_ms + ms),
                        reason: None,
                        surroundings: None,
                    },
                };
                let batch: Vec<Release> = self.leases(tokens).into_iter().map(release).collect();
                prop_assert_eq!(store.release(&batch, now_ms).await.unwrap(), self.reference.release(&batch, now_ms));
            }
            operation => self.operate(operation).await?,
        }
        let deadline = self.tenant.store.next_deadline_ms().await.unwrap();
        prop_assert_eq!(deadline, self.reference.next_deadline_ms(self.now_ms));
        Ok(())
    }

    /// Makes a call of an operator or of the broker itself.
    async fn operate(&mut self, call: &Call) -> Result<(), TestCaseError> {
        let (store, colony, now_ms) = (&self.tenant.store, self.tenant.colony.key, self.now_ms);
        match call {
            Call::Cancel(numbers, grace_ms) => {
                let (ids, by) = (process_ids(numbers), format!("grace-{grace_ms}"));
                let cancel = Cancel { deadline_ms: now_ms + grace_ms, reason: format!("after {grace_ms}"), by };
                let effects = store.cancel(colony, &ids, &cancel, now_ms, Some(&event(CANCELLED))).await.unwrap();
                self.expect(CANCELLED, &ids, &effects);
                prop_assert_eq!(effects, self.reference.cancel(&ids, &cancel, now_ms));
            }
            Call::Redrive(numbers) => {
                let ids = process_ids(numbers);
                let effects = store.redrive(colony, &ids, now_ms, Some(&event(REDRIVEN))).await.unwrap();
                self.expect(REDRIVEN, &ids, &effects);
                prop_assert_eq!(effects, self.reference.redrive(&ids, now_ms));
            }
            Call::Discard(numbers, is_replaced) => {
                let (ids, is_replaced) = (process_ids(numbers), *is_replaced);
                let discard = Discard { reason: "no use".to_owned(), by: "linus".to_owned(), is_replaced };
                let effects = store.discard(colony, &ids, &discard, now_ms, Some(&event(DISCARDED))).await.unwrap();
                self.expect(DISCARDED, &ids, &effects);
                prop_assert_eq!(effects, self.reference.discard(&ids, &discard, now_ms));
            }
            Call::Retry(numbers) => {
                let ids = process_ids(numbers);
                let effects = store.retry(colony, &ids, now_ms, Some(&event(RETRIED))).await.unwrap();
                self.expect(RETRIED, &ids, &effects);
                prop_assert_eq!(effects, self.reference.retry(&ids, now_ms));
            }
            Call::Delete(numbers) => {
                let ids = process_ids(numbers);
                let effects = store.delete(colony, &ids, Some(&event(DELETED))).await.unwrap();
                self.expect(DELETED, &ids, &effects);
                prop_assert_eq!(effects, self.reference.delete(&ids));
            }
            Call::DeletePast(kept_ms) => {
                for state in [ProcessState::Succeeded, ProcessState::Failed, ProcessState::DeadLetter] {
                    let until_ms = now_ms - kept_ms;
                    let range = RetentionRange { until_ms, now_ms, ..range(colony, state) };
                    let result = store.delete_past(&range).await.unwrap().unwrap();
                    prop_assert_eq!((result.read, result.deleted), self.reference.delete_past(state, until_ms, now_ms));
                }
            }
            Call::Pause(what) => {
                let by = "grace".to_owned();
                let pause = Pause { what: what.clone(), by, reason: String::new(), since_ms: now_ms };
                let (_, existed) = store.pause(colony, &pause, Some(&event(PAUSED))).await.unwrap().unwrap();
                self.events.extend((!existed).then_some((PAUSED, None)));
                prop_assert_eq!(existed, self.reference.pause(&pause));
            }
            Call::Resume(what) => {
                let existed = store.resume(colony, what, now_ms, Some(&event(RESUMED))).await.unwrap();
                self.events.extend(existed.then_some((RESUMED, None)));
                prop_assert_eq!(existed, self.reference.resume(what, now_ms));
            }
            Call::SweepLeases => self.sweep_leases().await?,
            Call::Settle => {
                let ended = store.ended_parents(ALL).await.unwrap();
                let settled = store.settle(&ended, now_ms, ALL).await.unwrap();
                let (mut freed, mut cancelled) = (
                    settled.freed,
                    settled.cancelled.into_iter().map(|(_, process_id)| process_id).collect::<Vec<_>>(),
                );
                freed.sort();
                cancelled.sort();
                prop_assert_eq!((freed, cancelled), self.reference.settle(now_ms));
            }
            Call::Unblock => {
                let mut moved = ids(store.unblock(now_ms, ALL).await.unwrap());
                moved.sort();
                prop_assert_eq!(moved, self.reference.unblock(now_ms));
            }
            Call::ExpireWaiting => {
                let mut moved = ids(store.expire_waiting(now_ms, ALL).await.unwrap());
                moved.sort();
                prop_assert_eq!(moved, self.reference.expire_waiting(now_ms));
            }
            Call::ForgetKeys => {
                let forgotten = store.forget_idempotency_keys(now_ms, ALL).await.unwrap();
                prop_assert_eq!(forgotten, self.reference.forget_idempotency_keys(now_ms) as u64);
            }
            other => return Err(TestCaseError::fail(format!("{other:?} is an executor's"))),
        }
        Ok(())
    }

    /// Expects an event for each process that was changed.
    fn expect(&mut self, kind: EventKind, ids: &[Uuid], effects: &[Effect]) {
        let changed = ids.iter().zip(effects).filter(|(_, effect)| **effect == Effect::Changed);
        self.events.extend(changed.map(|(process_id, _)| (kind, Some(*process_id))));
    }

    async fn sweep_leases(&mut self) -> Result<(), TestCaseError> {
        let overdue = self.tenant.store.overdue_leases(self.now_ms, ALL).await.unwrap();
        let mut tokens: Vec<_> =
            overdue.iter().map(|lease| (lease.process_id, lease.attempt, lease.executor.0)).collect();
        tokens.sort();
        prop_assert_eq!(&tokens, &self.reference.overdue(self.now_ms));
        let lost = |(process_id, attempt, executor): (Uuid, i32, i64)| {
            crate::tenant::lost(LeaseRef { process_id, attempt, executor: GrantKey(executor) }, self.now_ms)
        };
        let batch: Vec<Failure> = tokens.into_iter().map(lost).collect();
        let swept = self.tenant.store.fail(&batch, self.now_ms).await.unwrap();
        prop_assert_eq!(swept, self.reference.fail(&batch, self.now_ms));
        Ok(())
    }

    async fn compare_all(&self) -> Result<(), TestCaseError> {
        let (store, page) = (&self.tenant.store, Page { size: ALL, after: None });
        let listed = store.list_processes(self.tenant.colony.key, &ProcessFilter::default(), page).await.unwrap();
        let mut shown: Vec<Shown> = Vec::new();
        for one in listed.processes {
            let attempts = store.attempts(one.process_id).await.unwrap();
            let endings = attempts.into_iter().map(|attempt| (attempt.attempt, attempt.ending)).collect();
            let (attempt, spent) = (one.attempt, one.retries_spent);
            let (id, state, by) = (one.process_id, one.state, one.ended_by);
            shown.push((id, state, attempt, spent, one.since_ms, one.until_ms, one.reason, by, endings));
        }
        shown.sort_by_key(|row| row.0);
        prop_assert_eq!(&shown, &self.reference.shown());
        for (id, deadline_ms, left_ms) in self.reference.waits(self.now_ms) {
            let kept = store.explain(self.tenant.colony.key, id, 0).await.unwrap().unwrap();
            prop_assert_eq!((id, kept.wait_deadline_ms, kept.wait_left_ms), (id, deadline_ms, left_ms));
        }
        let (every, all) = (EventFilter::default(), EventOrder::After(0));
        let listed = store.list_events(self.tenant.colony.key, &every, all, 100_000).await.unwrap().events;
        let told: Vec<_> = listed.iter().map(|stored| (stored.event.kind.as_str(), stored.event.process_id)).collect();
        let expected: Vec<_> = self.events.iter().map(|(kind, id)| (kind.as_str(), *id)).collect();
        prop_assert_eq!(told, expected);
        let counts = store.count_states(Some(self.tenant.colony.key)).await.unwrap();
        for state in ProcessState::ALL {
            let expected = shown.iter().filter(|row| row.1 == state).count();
            let count = counts.iter().find(|(counted, _)| *counted == state).map_or(0, |(_, count)| *count);
            prop_assert_eq!(usize::try_from(count).unwrap(), expected);
        }
        Ok(())
    }

    /// Builds a batch without two items of one process or one key, as the contract requires.
    fn batch(&self, drawn: &[Drawn]) -> Vec<NewProcess> {
        let (mut numbers, mut keys) = (BTreeSet::new(), BTreeSet::new());
        let fits = |one: &&Drawn| numbers.insert(one.number) && one.key.is_none_or(|(key, _)| keys.insert(key));
        drawn.iter().filter(fits).map(|one| self.process(one)).collect()
    }

    /// Builds a batch without two specs of one id, or for one process, as the contract requires. Most are for a failed
    /// process, if there is any.
    fn resubmissions(&self, drawn: &[Again]) -> Vec<Resubmission> {
        let (failed, mut specs, mut met) = (self.reference.failed(), BTreeSet::new(), BTreeSet::new());
        let resubmission = |again: &Again| Resubmission {
            process_id: process_id(again.number),
            first: match failed.len() {
                count if count > 0 && again.met_failed => failed[usize::from(again.first) % count],
                _ => process_id(again.first),
            },
            colony: self.tenant.colony.key,
            submitter: self.users[again.user],
            digest: digest(again.number, again.variant),
            submit_by_ms: i64::MAX,
        };
        let mut batch: Vec<Resubmission> = drawn.iter().map(resubmission).collect();
        batch.retain(|spec| spec.process_id != spec.first && specs.insert(spec.process_id) && met.insert(spec.first));
        batch
    }

    fn process(&self, drawn: &Drawn) -> NewProcess {
        let payload = Bytes::from(format!("{} {}", drawn.number, drawn.variant));
        NewProcess {
            submit_by_ms: i64::MAX,
            requires: Default::default(),
            parents: drawn
                .parents
                .iter()
                .filter(|number| **number != drawn.number)
                .map(|number| process_id(*number))
                .collect(),
            concurrency_key: None,
            rate_key: None,
            process_id: process_id(drawn.number),
            submitter: self.users[drawn.user],
            function: function(drawn.number % FUNCTIONS),
            executor_type: KIND.to_owned(),
            executor_names: drawn.bees.iter().map(|number| format!("bee-{number}")).collect(),
            priority_time_us: NOW + drawn.place,
            max_wait_ms: drawn.max_wait_ms,
            max_exec_ms: drawn.max_exec_ms,
            not_before_ms: drawn.not_before_ms.map(|ms| self.now_ms + ms),
            submitted_at_ms: self.now_ms,
            idempotency: drawn.key.map(|(key, ms)| (format!("key-{key}"), self.now_ms + ms)),
            payload,
            signature: signature(drawn.number),
            digest: digest(drawn.number, drawn.variant),
            ..self.tenant.process()
        }
    }

    fn slots(&self, polls: &[(usize, usize, i64)]) -> Vec<ClaimSlot> {
        polls
            .iter()
            .map(|(bee, count, lease_ms)| ClaimSlot { lease_ms: *lease_ms, ..self.bees[*bee].slot(*count) })
            .collect()
    }

    /// Builds the tokens of a batch, each process once.
    fn leases(&self, tokens: &[Token]) -> Vec<LeaseRef> {
        let mut seen = BTreeSet::new();
        tokens.iter().filter(|token| seen.insert(token.number)).map(|token| self.lease(token)).collect()
    }

    fn lease(&self, token: &Token) -> LeaseRef {
        let process_id = process_id(token.number);
        let (attempt, executor) = self.reference.token(process_id).unwrap_or((1, self.bees[0].grant.0));
        let executor = GrantKey(executor + i64::from(token.is_stranger));
        LeaseRef { process_id, attempt: attempt + token.attempt_off, executor }
    }

    fn failures(&self, drawn: &[(Token, usize, i32)]) -> Vec<Failure> {
        const NEXT: [ProcessState; 5] = [
            ProcessState::Waiting,
            ProcessState::Blocked,
            ProcessState::Failed,
            ProcessState::DeadLetter,
            ProcessState::Cancelled,
        ];
        let mut seen = BTreeSet::new();
        let failure = |(token, next, retries_spent): &(Token, usize, i32)| Failure {
            lease: self.lease(token),
            only_if_over_at_ms: None,
            ending: AttemptEnding::Failed,
            reason: format!("reason {retries_spent}"),
            result: (*next == 0).then(|| (Bytes::from_static(b"{}"), signature(1))),
            next: NEXT[*next],
            blocked_until_ms: (NEXT[*next] == ProcessState::Blocked).then_some(self.now_ms + TICK_MS),
            retries_spent: *retries_spent,
        };
        drawn.iter().filter(|(token, ..)| seen.insert(token.number)).map(failure).collect()
    }
}

/// Returns the id of a process by its number, so that calls concern the same processes.
fn process_id(number: u8) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + u128::from(number))
}

/// Returns the digest of a spec by its number and variant.
fn digest(number: u8, variant: bool) -> Digest {
    let mut digest = [0; 32];
    (digest[0], digest[1]) = (number, u8::from(variant));
    Digest(digest)
}

fn function(number: u8) -> String {
    format!("function-{number}")
}

fn process_ids(numbers: &[u8]) -> Vec<Uuid> {
    numbers.iter().map(|number| process_id(*number)).collect()
}

fn ids<T>(moved: Vec<(Uuid, T)>) -> Vec<Uuid> {
    moved.into_iter().map(|(process_id, _)| process_id).collect()
}
