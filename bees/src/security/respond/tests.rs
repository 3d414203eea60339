//! Responses on a colony and accounts in memory, where any call can be the last of an attempt.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use apiary_identity::{Id, KeyPair};
use async_trait::async_trait;
use jiff::SignedDuration;

use super::desk::Proof;
use super::plan::{GrantState, PauseKind, PauseState};
use super::*;
use crate::security::supabase::{Account, Change};

const PLAN_TIME: Duration = Duration::from_secs(900);

/// A colony in memory.
#[derive(Default)]
struct Fake {
    state: Mutex<Colony>,
}

#[derive(Default)]
struct Colony {
    now_s: i64,
    /// Calls until the attempt is killed; none if it is not.
    fuse: Option<usize>,
    pauses: BTreeMap<String, PauseState>,
    account: Account,
    grants: Vec<GrantState>,
    results: BTreeMap<Uuid, (Response, Timestamp)>,
    /// Changes that were made.
    changes: usize,
}

impl Fake {
    fn new() -> Self {
        Self { state: Mutex::new(Colony { now_s: 1_795_000_000, ..Colony::default() }) }
    }

    /// Burns the fuse before and after each call: an attempt ends before its effect, or after it.
    fn burn(&self) -> Result<(), Failure> {
        let fuse = &mut self.state.lock().unwrap().fuse;
        match fuse {
            Some(0) => Err(Failure::retryable("killed")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn call<T>(&self, effect: impl FnOnce(&mut Colony) -> T) -> Result<T, Failure> {
        self.burn()?;
        let answer = effect(&mut self.state.lock().unwrap());
        self.burn()?;
        Ok(answer)
    }

    fn advance(&self, seconds: i64) {
        self.state.lock().unwrap().now_s += seconds;
    }

    /// Runs a process to its end, and keeps its signed result.
    async fn run(&self, process_id: Uuid, args: Value) -> Result<Response, Failure> {
        self.run_as(true, process_id, args).await
    }

    /// Runs a process of a submitter with or without the right to pause.
    async fn run_as(&self, may_pause: bool, process_id: Uuid, args: Value) -> Result<Response, Failure> {
        let request: Request = serde_json::from_value(args).unwrap();
        let run = Run { process_id, may_pause, plan_time: PLAN_TIME };
        let response = respond(self, &request, run).await?;
        let now = self.now();
        self.state.lock().unwrap().results.insert(process_id, (response.clone(), now));
        Ok(response)
    }

    /// Makes a dry run, and returns the arguments of the response.
    async fn plan(&self, args: Value) -> Value {
        self.run(Uuid::new_v4(), args).await.unwrap().next.unwrap()
    }
}

fn key(kind: PauseKind, name: &str) -> String {
    format!("{} {name}", kind.as_str())
}

#[async_trait]
impl Desk for Fake {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.state.lock().unwrap().now_s).unwrap()
    }

    async fn pause_of(&self, kind: PauseKind, name: &str) -> Result<Option<PauseState>, Failure> {
        self.call(|colony| colony.pauses.get(&key(kind, name)).cloned())
    }

    async fn pause(&self, kind: PauseKind, name: &str, reason: &str) -> Result<(), Failure> {
        let since = self.now();
        let pause = PauseState { by: "security".to_owned(), reason: reason.to_owned(), since };
        self.call(|colony| {
            colony.changes += 1;
            colony.pauses.entry(key(kind, name)).or_insert(pause);
        })
    }

    async fn resume(&self, kind: PauseKind, name: &str) -> Result<(), Failure> {
        self.call(|colony| {
            colony.changes += 1;
            colony.pauses.remove(&key(kind, name));
        })
    }

    async fn grants_of(&self, _: Id) -> Result<Vec<GrantState>, Failure> {
        self.call(|colony| colony.grants.clone())
    }

    async fn account(&self, _: Uuid) -> Result<Account, Failure> {
        self.call(|colony| colony.account.clone())
    }

    async fn change(&self, _: Uuid, change: Change) -> Result<(), Failure> {
        let now = self.now();
        self.call(|colony| {
            colony.changes += 1;
            match change {
                Change::Mark(response) => colony.account.response = response,
                Change::Lock(seconds) => {
                    colony.account.banned_until = now.checked_add(SignedDuration::from_secs(seconds)).ok();
                }
                Change::Unlock => colony.account.banned_until = None,
            }
        })
    }

    async fn proof(&self, process_id: Uuid) -> Result<Proof, Failure> {
        let found = self.call(|colony| colony.results.get(&process_id).cloned())?;
        let (response, finished_at) = found.ok_or_else(|| Failure::fatal("no such process"))?;
        Ok(Proof { response, finished_at })
    }
}

fn pause() -> Value {
    json!({"action": "pause", "kind": "function", "name": "charge", "reason": "forged signatures"})
}

fn lock() -> Value {
    let user = Uuid::from_u128(7);
    json!({"action": "lock_account", "user_id": user, "hours": 24, "reason": "stolen cards"})
}

fn undo(response: Uuid) -> Value {
    json!({"action": "undo", "response": response, "reason": "a false alarm"})
}

async fn refusal(fake: &Fake, args: Value) -> String {
    let failure = fake.run(Uuid::new_v4(), args).await.unwrap_err();
    assert!(!failure.is_retryable(), "{failure}");
    failure.message().to_owned()
}

#[tokio::test]
async fn a_dry_run_changes_nothing_and_says_how_to_go_on() {
    let fake = Fake::new();
    for args in [pause(), lock()] {
        let dry = fake.run(Uuid::new_v4(), args).await.unwrap();
        assert!(dry.dry_run && dry.changed && dry.after.is_none(), "{dry:?}");
        assert_eq!(dry.next.as_ref().unwrap()["plan"], dry.digest);
        assert!(dry.words.starts_with("nothing was done; the response would "), "{}", dry.words);
    }
    assert_eq!(fake.state.lock().unwrap().changes, 0);
}

#[tokio::test]
async fn a_response_without_a_fresh_dry_run_of_the_same_is_refused() {
    let fake = Fake::new();
    let with = |mut args: Value, name: &str, value: Value| {
        args[name] = value;
        args
    };
    assert!(refusal(&fake, with(pause(), "dry_run", json!(false))).await.contains("needs a dry run first"));
    let stray = with(with(pause(), "dry_run", json!(false)), "dry_run_id", json!(Uuid::new_v4()));
    assert!(refusal(&fake, stray).await.contains("no such process"));
    let next = fake.plan(pause()).await;
    assert!(refusal(&fake, with(next.clone(), "name", json!("refund"))).await.contains("not what is asked for"));
    assert!(refusal(&fake, with(next.clone(), "reason", json!("other"))).await.contains("not what is asked for"));
    assert!(refusal(&fake, with(next.clone(), "plan", json!("00"))).await.contains("not the digest"));
    assert!(refusal(&fake, with(next.clone(), "dry_run", json!(true))).await.contains("belongs to a response"));
    fake.advance(901);
    assert!(refusal(&fake, next).await.contains("security.plan_minutes"));
    assert_eq!(fake.state.lock().unwrap().changes, 0);
}

#[tokio::test]
async fn a_submitter_who_may_not_pause_gets_dry_runs_only() {
    let fake = Fake::new();
    for args in [pause(), lock()] {
        let next = fake.run_as(false, Uuid::new_v4(), args).await.unwrap().next.unwrap();
        let failure = fake.run_as(false, Uuid::new_v4(), next).await.unwrap_err();
        assert!(!failure.is_retryable() && failure.message().contains("lacks the right `pause`"), "{failure}");
    }
    assert_eq!(fake.state.lock().unwrap().changes, 0);
}

#[tokio::test]
async fn a_late_attempt_records_what_is_done_and_does_nothing_else() {
    for args in [pause(), lock()] {
        let (fake, response) = (Fake::new(), Uuid::new_v4());
        let next = fake.plan(args).await;
        // Killed before it began: delivered again after the plan's time, it does nothing.
        fake.state.lock().unwrap().fuse = Some(3);
        fake.run(response, next.clone()).await.unwrap_err();
        fake.state.lock().unwrap().fuse = None;
        fake.advance(901);
        assert!(refusal(&fake, next.clone()).await.contains("security.plan_minutes"));
        assert_eq!(fake.state.lock().unwrap().changes, 0);
        // Killed after it was done: delivered again much later, it is recorded.
        fake.advance(-901);
        fake.run(response, next.clone()).await.unwrap();
        let made = snapshot(&fake);
        fake.advance(30 * 3600);
        assert!(fake.run(response, next.clone()).await.unwrap().changed);
        assert_eq!(snapshot(&fake), made);
        // Undone, it stays undone, however often the response is delivered.
        fake.run(Uuid::new_v4(), fake.plan(undo(response)).await).await.unwrap();
        let unmade = snapshot(&fake);
        assert!(refusal(&fake, next).await.contains("security.plan_minutes"));
        assert_eq!(snapshot(&fake), unmade);
    }
}

#[tokio::test]
async fn a_lock_that_somebody_ended_is_not_made_again_late() {
    let (fake, response) = (Fake::new(), Uuid::new_v4());
    let next = fake.plan(lock()).await;
    fake.run(response, next.clone()).await.unwrap();
    fake.advance(3600);
    fake.state.lock().unwrap().account.banned_until = None;
    let failure = fake.run(response, next).await.unwrap_err();
    assert!(failure.message().contains("security.plan_minutes"), "{failure}");
    assert_eq!(fake.state.lock().unwrap().account.banned_until, None);
}

#[tokio::test]
async fn what_somebody_else_changed_since_is_left_alone() {
    let fake = Fake::new();
    let next = fake.plan(pause()).await;
    fake.pause(PauseKind::Function, "charge", "maintenance").await.unwrap();
    let words = refusal(&fake, next).await;
    assert!(words.contains("it was not paused, and is paused by `security`"), "{words}");
    // Planned anew, it is found paused, and stays as it is; undoing that does nothing.
    let response = Uuid::new_v4();
    let done = fake.run(response, fake.plan(pause()).await).await.unwrap();
    assert!(!done.changed && done.words.contains("already"), "{done:?}");
    let undone = fake.run(Uuid::new_v4(), fake.plan(undo(response)).await).await.unwrap();
    assert!(!undone.changed && fake.state.lock().unwrap().pauses.len() == 1, "{undone:?}");
}

#[tokio::test]
async fn a_pause_is_made_and_undone() {
    let fake = Fake::new();
    let response = Uuid::new_v4();
    let done = fake.run(response, fake.plan(pause()).await).await.unwrap();
    assert!(done.changed && matches!(&done.after, Some(State::Pause(Some(_)))), "{done:?}");
    assert!(done.undo.contains(&response.to_string()), "{}", done.undo);
    let undone = fake.run(Uuid::new_v4(), fake.plan(undo(response)).await).await.unwrap();
    assert_eq!((undone.changed, undone.after), (true, Some(State::Pause(None))));
    assert!(fake.state.lock().unwrap().pauses.is_empty());
}

#[tokio::test]
async fn an_undo_leaves_a_later_pause_of_somebody_else() {
    let fake = Fake::new();
    let response = Uuid::new_v4();
    fake.run(response, fake.plan(pause()).await).await.unwrap();
    fake.resume(PauseKind::Function, "charge").await.unwrap();
    fake.pause(PauseKind::Function, "charge", "maintenance").await.unwrap();
    let undone = fake.run(Uuid::new_v4(), fake.plan(undo(response)).await).await.unwrap();
    assert!(!undone.changed && fake.state.lock().unwrap().pauses.len() == 1, "{undone:?}");
}

#[tokio::test]
async fn a_lock_is_made_and_what_was_before_is_restored() {
    for hours_before in [None, Some(48)] {
        let fake = Fake::new();
        let before = hours_before.map(|hours| fake.now() + SignedDuration::from_hours(hours));
        fake.state.lock().unwrap().account.banned_until = before;
        let response = Uuid::new_v4();
        let until = fake.now() + SignedDuration::from_hours(24);
        let next = fake.plan(lock()).await;
        fake.advance(60);
        fake.run(response, next).await.unwrap();
        let locked = fake.state.lock().unwrap().account.clone();
        assert_eq!(
            (locked.banned_until, locked.response),
            (Some(until), Some(response)),
            "as planned, not a minute later"
        );
        fake.advance(60);
        fake.run(Uuid::new_v4(), fake.plan(undo(response)).await).await.unwrap();
        assert_eq!(fake.state.lock().unwrap().account, Account { banned_until: before, response: None });
    }
}

#[tokio::test]
async fn an_attempt_that_ends_anywhere_is_finished_by_the_next_and_changes_nothing_twice() {
    for args in [pause(), lock()] {
        // The state and the number of changes of a response and its undo without a kill.
        let quiet = Fake::new();
        let response = Uuid::from_u128(1);
        quiet.run(response, quiet.plan(args.clone()).await).await.unwrap();
        let made = snapshot(&quiet);
        quiet.run(Uuid::new_v4(), quiet.plan(undo(response)).await).await.unwrap();
        let unmade = snapshot(&quiet);
        for fuse in 0..40 {
            let fake = Fake::new();
            let killed = killed_once(&fake, response, fake.plan(args.clone()).await, fuse).await;
            assert_eq!(snapshot(&fake), made, "killed after {fuse}");
            let undoing = Uuid::from_u128(2);
            let was_killed = killed_once(&fake, undoing, fake.plan(undo(response)).await, fuse).await;
            assert_eq!(snapshot(&fake), unmade, "killed after {fuse}");
            assert!(fuse < 30 || !(killed || was_killed), "the fuse is long enough for every step");
        }
    }
}

/// Runs an attempt that is killed after so many steps, then others until the end, and one more; returns true if it was killed.
async fn killed_once(fake: &Fake, process_id: Uuid, args: Value, fuse: usize) -> bool {
    fake.state.lock().unwrap().fuse = Some(fuse);
    let first = fake.run(process_id, args.clone()).await;
    fake.state.lock().unwrap().fuse = None;
    fake.advance(2);
    let second = fake.run(process_id, args.clone()).await.unwrap();
    let changes = fake.state.lock().unwrap().changes;
    let third = fake.run(process_id, args).await.unwrap();
    assert!(second.changed && third.changed, "the record does not depend on the attempt");
    assert_eq!(fake.state.lock().unwrap().changes, changes, "a repeated attempt changes nothing");
    first.is_err()
}

/// Returns pauses by name and reason, and the account with its end to ten seconds.
fn snapshot(fake: &Fake) -> (Vec<(String, String)>, Option<i64>, Option<Uuid>) {
    let colony = fake.state.lock().unwrap();
    let pauses = colony.pauses.iter().map(|(name, pause)| (name.clone(), pause.reason.clone())).collect();
    (pauses, colony.account.banned_until.map(|until| until.as_second() / 10), colony.account.response)
}

#[tokio::test]
async fn a_revocation_is_asked_for_with_the_command() {
    let fake = Fake::new();
    let key = KeyPair::generate().id();
    let args = json!({"action": "revoke", "key_id": key, "reason": "probing"});
    assert!(refusal(&fake, args.clone()).await.contains("no grant that could be revoked"));
    let grant = GrantState {
        grant_id: Uuid::from_u128(3),
        name: "mallory".to_owned(),
        role: "user".to_owned(),
        valid_until: Timestamp::MAX,
    };
    fake.state.lock().unwrap().grants = vec![grant];
    let done = fake.run(Uuid::from_u128(4), fake.plan(args).await).await.unwrap();
    assert!(!done.changed && done.words.contains("this bee has no key"), "{done:?}");
    let command = done.command.unwrap();
    assert!(command.starts_with(&format!("apiary grant revoke --key {key} --colony-key FILE")), "{command}");
    assert_eq!(fake.state.lock().unwrap().changes, 0);
}

#[tokio::test]
async fn dry_runs_and_undos_are_not_undone() {
    let fake = Fake::new();
    let (dry, response, undoing) = (Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4());
    let next = fake.run(dry, pause()).await.unwrap().next.unwrap();
    assert!(refusal(&fake, undo(dry)).await.contains("is a dry run"));
    fake.run(response, next).await.unwrap();
    fake.run(undoing, fake.plan(undo(response)).await).await.unwrap();
    assert!(refusal(&fake, undo(undoing)).await.contains("is an undo"));
}

#[test]
fn the_digest_of_a_plan_depends_on_all_of_it() {
    let plan = |reason: &str, pause| {
        let wish = Wish::Pause { kind: PauseKind::Function, name: "charge".to_owned() };
        Plan::new(wish, reason.to_owned(), State::Pause(pause), None, Timestamp::UNIX_EPOCH).unwrap().digest()
    };
    assert_eq!(plan("a", None), plan("a", None));
    assert_ne!(plan("a", None), plan("b", None));
    let paused = PauseState { by: "ada".to_owned(), reason: String::new(), since: Timestamp::UNIX_EPOCH };
    assert_ne!(plan("a", None), plan("a", Some(paused)));
    assert_eq!(plan("a", None).len(), 64);
}
