//! Tests with chains made by hand: those of an honest broker, and those that only a dishonest one shows.

use apiary_executor_sdk::v1;
use apiary_executor_sdk::v1::ProcessState;
use apiary_executor_sdk::wire::envelope_to_proto;
use apiary_identity::{
    Clock as _, Content, Envelope, Grant, Id, KeyPair, Outcome, OutcomeKind, Role, Scopes, Spec, SystemClock,
};
use jiff::SignedDuration;
use uuid::Uuid;

use super::chain::{Link, examine};

/// A colony with a user and an executor, and one process.
struct Scene {
    colony: KeyPair,
    executor: KeyPair,
    spec: Spec,
    signed: Envelope,
    answer: v1::GetProcessResponse,
}

impl Scene {
    fn new() -> Self {
        let [colony, user, executor] = [KeyPair::generate(), KeyPair::generate(), KeyPair::generate()];
        let spec = Spec::new(colony.id(), "echo", "echo", SystemClock.now()).with_args(Content::from_bytes(b"1"));
        let signed = Envelope::seal(&user, &spec).unwrap();
        let process = v1::Process {
            process_id: spec.process_id.to_string(),
            function: "echo".to_owned(),
            executor_type: "echo".to_owned(),
            state: ProcessState::Waiting.into(),
            submitter: "user".to_owned(),
            ..Default::default()
        };
        let answer = v1::GetProcessResponse {
            process: Some(process),
            spec: Some(envelope_to_proto(&signed)),
            submitter_grant: Some(grant(&colony, user.id(), "user", Role::User)),
            ..Default::default()
        };
        Self { colony, executor, spec, signed, answer }
    }

    /// Adds an attempt with this end; `None` for one without a result.
    fn attempt(mut self, word: &str, kind: Option<OutcomeKind>) -> Self {
        let number = i32::try_from(self.answer.attempts.len()).unwrap() + 1;
        let result = kind.map(|kind| {
            let (digest, now) = (self.signed.digest(), SystemClock.now());
            let (colony, id) = (self.colony.id(), self.spec.process_id);
            let outcome = match kind {
                OutcomeKind::Succeeded => Outcome::succeeded(colony, id, number, digest, now, Content::default()),
                kind => Outcome::failed(colony, id, number, digest, now, kind, "no"),
            };
            envelope_to_proto(&Envelope::seal(&self.executor, &outcome).unwrap())
        });
        let failed = kind.is_some_and(|kind| kind != OutcomeKind::Succeeded);
        self.answer.attempts.push(v1::Attempt {
            attempt: number,
            executor: "executor".to_owned(),
            executor_grant: Some(grant(&self.colony, self.executor.id(), "executor", Role::Executor)),
            outcome: word.to_owned(),
            reason: if failed { "no".to_owned() } else { String::new() },
            result,
            ..Default::default()
        });
        self
    }

    fn links(mut self, state: ProcessState) -> Vec<Link> {
        let attempts = i32::try_from(self.answer.attempts.len()).unwrap();
        let process = self.answer.process.as_mut().unwrap();
        process.state = state.into();
        process.attempt = attempts;
        process.executor = if attempts > 0 { "executor".to_owned() } else { String::new() };
        examine(&self.colony.id(), self.spec.process_id, &self.answer)
    }

    /// Returns the broken links in this state.
    fn broken(self, state: ProcessState) -> Vec<String> {
        self.links(state).into_iter().filter(|link| !link.holds).map(|link| link.link).collect()
    }
}

fn grant(colony: &KeyPair, key: Id, name: &str, role: Role) -> v1::Envelope {
    let now = SystemClock.now();
    let grant = Grant {
        colony: colony.id(),
        grant_id: Uuid::new_v4(),
        key,
        role,
        name: name.to_owned(),
        scopes: Scopes { functions: vec!["*".to_owned()], executor_types: vec!["echo".to_owned()] },
        rights: Vec::new(),
        valid_from: now - SignedDuration::from_mins(5),
        valid_until: now + SignedDuration::from_hours(1),
    };
    envelope_to_proto(&Envelope::seal(colony, &grant).unwrap())
}

#[test]
fn what_an_honest_broker_shows_holds() {
    use OutcomeKind::{FailedFinal, FailedRetryable, Refused};
    use ProcessState::{Blocked, DeadLetter, Failed, Running, Succeeded, Waiting};
    let none: Vec<String> = Vec::new();
    assert_eq!(Scene::new().broken(Waiting), none);
    assert_eq!(Scene::new().broken(Failed), none, "nobody came in time");
    assert_eq!(Scene::new().attempt("running", None).broken(Running), none);
    assert_eq!(Scene::new().attempt("succeeded", Some(OutcomeKind::Succeeded)).broken(Succeeded), none);
    assert_eq!(Scene::new().attempt("failed", Some(FailedFinal)).broken(DeadLetter), none);
    for (word, kind) in [("failed", FailedFinal), ("refused", Refused)] {
        let scene = Scene::new().attempt(word, Some(kind));
        assert_eq!(scene.broken(Failed), none, "given up; or redriven, and nobody came in time");
    }
    assert_eq!(Scene::new().attempt("failed", Some(FailedRetryable)).broken(Blocked), none);
    assert_eq!(Scene::new().attempt("refused", Some(Refused)).broken(DeadLetter), none);
    assert_eq!(Scene::new().attempt("lease_lost", None).broken(DeadLetter), none);
    let scene = Scene::new().attempt("failed", Some(FailedRetryable)).attempt("lease_lost", None);
    assert_eq!(scene.attempt("succeeded", Some(OutcomeKind::Succeeded)).broken(Succeeded), none);
}

#[test]
fn a_state_that_nobody_signed_is_found() {
    use ProcessState::{Cancelled, DeadLetter, Failed, Running, Succeeded, Waiting};
    assert_eq!(Scene::new().broken(Succeeded), ["result"]);
    assert_eq!(Scene::new().broken(Running), ["result"]);
    assert_eq!(Scene::new().attempt("running", None).broken(Succeeded), ["result"]);
    for state in [Failed, Waiting, Cancelled, DeadLetter] {
        let scene = Scene::new().attempt("succeeded", Some(OutcomeKind::Succeeded));
        assert_eq!(scene.broken(state), ["result"], "a success shown as {state:?}");
    }
    let scene = Scene::new().attempt("succeeded", Some(OutcomeKind::Succeeded)).attempt("running", None);
    assert_eq!(scene.broken(Running), ["result"], "nothing follows a success");
}

#[test]
fn a_redrive_is_told_as_the_brokers_word() {
    for kind in [OutcomeKind::FailedFinal, OutcomeKind::Refused] {
        let word = if kind == OutcomeKind::Refused { "refused" } else { "failed" };
        let links = Scene::new().attempt(word, Some(kind)).links(ProcessState::Waiting);
        let last = links.last().unwrap();
        assert!(last.holds && last.words.contains("redriven, by the broker's word alone"), "{last:?}");
    }
}

#[test]
fn attempts_may_be_left_out_only_where_there_are_too_many() {
    let numbered = |first: i32, shown: usize| {
        let mut scene = Scene::new();
        for _ in 0..shown {
            scene = scene.attempt("lease_lost", None);
        }
        for (attempt, number) in scene.answer.attempts.iter_mut().zip(first..) {
            attempt.attempt = number;
        }
        let process = scene.answer.process.as_mut().unwrap();
        (process.executor, process.attempt) = ("executor".to_owned(), first + i32::try_from(shown).unwrap() - 1);
        let links = examine(&scene.colony.id(), scene.spec.process_id, &scene.answer);
        links.into_iter().filter(|link| !link.holds).map(|link| link.link).collect::<Vec<_>>()
    };
    assert_eq!(numbered(8, 3), Vec::<String>::new());
    assert_eq!(numbered(1, 1), Vec::<String>::new());
    assert_eq!(numbered(2, 1), ["attempts"]);
    assert_eq!(numbered(2, 2), ["attempts"]);
}

#[test]
fn a_result_without_its_signature_breaks_its_attempt() {
    let scene = Scene::new().attempt("succeeded", None);
    assert_eq!(scene.broken(ProcessState::Succeeded), ["attempt 1", "result"]);
}

#[test]
fn a_result_of_another_process_breaks_its_attempt() {
    let other = Scene::new();
    let mut scene = Scene::new().attempt("succeeded", Some(OutcomeKind::Succeeded));
    let outcome = Outcome::succeeded(
        scene.colony.id(),
        other.spec.process_id,
        1,
        scene.signed.digest(),
        SystemClock.now(),
        Content::default(),
    );
    scene.answer.attempts[0].result = Some(envelope_to_proto(&Envelope::seal(&scene.executor, &outcome).unwrap()));
    assert_eq!(scene.broken(ProcessState::Succeeded), ["attempt 1", "result"]);
}

#[test]
fn another_process_than_was_asked_for_is_found() {
    let (scene, other) = (Scene::new(), Uuid::new_v4());
    let links = examine(&scene.colony.id(), other, &scene.answer);
    assert_eq!(links.iter().find(|link| !link.holds).map(|link| link.link.as_str()), Some("spec"));
}

#[test]
fn a_colony_that_is_not_the_pinned_one_breaks_the_grant() {
    let scene = Scene::new();
    let links = examine(&KeyPair::generate().id(), scene.spec.process_id, &scene.answer);
    assert_eq!(links.iter().find(|link| !link.holds).map(|link| link.link.as_str()), Some("grant"));
}

#[test]
fn a_work_done_by_a_user_breaks_its_attempt() {
    let mut scene = Scene::new().attempt("running", None);
    scene.answer.attempts[0].executor_grant = Some(grant(&scene.colony, scene.executor.id(), "executor", Role::User));
    assert_eq!(scene.broken(ProcessState::Running), ["attempt 1", "result"]);
}

#[test]
fn labels_that_nobody_signed_are_found() {
    let mut scene = Scene::new();
    scene.answer.process.as_mut().unwrap().labels.insert("a".to_owned(), "b".to_owned());
    assert_eq!(scene.broken(ProcessState::Waiting), ["spec"]);
}

#[test]
fn an_empty_answer_breaks_everywhere() {
    let links = examine(&KeyPair::generate().id(), Uuid::nil(), &v1::GetProcessResponse::default());
    assert_eq!(links.iter().filter(|link| link.holds).count(), 2, "{links:?}");
}

#[test]
fn what_is_hidden_is_neither_verified_nor_broken() {
    let mut scene = Scene::new().attempt("succeeded", Some(OutcomeKind::Succeeded));
    (scene.answer.payload_hidden, scene.answer.spec, scene.answer.attempts[0].result) = (true, None, None);
    let marks = |links: Vec<Link>| -> Vec<(String, bool, bool)> {
        links.into_iter().map(|link| (link.link, link.holds, link.hidden)).collect()
    };
    let expected = [
        ("colony", true, false),
        ("grant", true, false),
        ("spec", false, true),
        ("attempt 1", false, true),
        ("result", false, true),
    ]
    .map(|(link, holds, hidden)| (link.to_owned(), holds, hidden));
    assert_eq!(marks(scene.links(ProcessState::Succeeded)), expected);
    // A grant that does not hold is broken, whatever is hidden.
    let mut scene = Scene::new().attempt("succeeded", Some(OutcomeKind::Succeeded));
    (scene.answer.payload_hidden, scene.answer.spec) = (true, None);
    scene.answer.attempts[0].executor = "another".to_owned();
    let broken = scene.links(ProcessState::Succeeded).into_iter().find(|link| !link.holds && !link.hidden).unwrap();
    assert_eq!(broken.link, "attempt 1");
}
