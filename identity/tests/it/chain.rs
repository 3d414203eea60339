//! The chain of trust: each check can fail, and any changed byte is detected.

use std::collections::BTreeSet;

use apiary_identity::chain::{BrokenLink, verify_grant, verify_guard, verify_progress, verify_result, verify_spec};
use apiary_identity::{
    Content, Document as _, Envelope, Id, KeyPair, Outcome, OutcomeKind, Progress, Request, Role, Signature, Spec,
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::support::{Scene, seal, spoil};

/// All documents of a process's chain.
#[derive(Clone)]
struct Chain {
    colony: Id,
    user_grant: Envelope,
    executor_grant: Envelope,
    spec: Envelope,
    result: Envelope,
    /// Progress of the first attempt, from which the second continues.
    progress: Envelope,
    guard: Envelope,
}

impl Chain {
    fn new(scene: &Scene) -> Self {
        let spec = seal(&scene.user, &scene.spec());
        Self {
            colony: scene.colony.id(),
            user_grant: scene.granted(&scene.user_grant()),
            executor_grant: scene.granted(&scene.executor_grant()),
            result: seal(&scene.executor, &scene.outcome(&spec)),
            progress: seal(&scene.executor, &scene.progress(&spec)),
            guard: seal(&scene.colony, &scene.guard()),
            spec,
        }
    }

    fn verify(&self) -> Result<Outcome, BrokenLink> {
        verify_spec(&self.colony, &self.user_grant, &self.spec)?;
        verify_guard(&self.colony, &self.guard)?;
        let outcome = verify_result(&self.colony, &self.executor_grant, &self.spec, 1, &self.result)?;
        self.verify_progress(2)?;
        Ok(outcome)
    }

    fn verify_progress(&self, attempt: i32) -> Result<Progress, BrokenLink> {
        verify_progress(&self.colony, &self.executor_grant, &self.spec, attempt, &self.progress)
    }
}

#[test]
fn an_untouched_chain_holds() {
    let scene = Scene::new();
    let chain = Chain::new(&scene);
    let verified = verify_spec(&chain.colony, &chain.user_grant, &chain.spec).unwrap();
    assert_eq!((verified.grant.name.as_str(), verified.spec.function.as_str()), ("user-1", "billing.apply"));
    assert_eq!(chain.verify().unwrap().output().to_bytes().unwrap(), "\"done\"");
}

#[test]
fn an_executor_may_submit_too() {
    let scene = Scene::new();
    let (grant, spec) = (scene.granted(&scene.executor_grant()), seal(&scene.executor, &scene.spec()));
    assert!(verify_spec(&scene.colony.id(), &grant, &spec).is_ok());
}

/// Returns the name of a link. A new link does not compile until it is listed here, and then `every_link_can_break`
/// requires a case for it.
fn name(link: &BrokenLink) -> &'static str {
    match link {
        BrokenLink::Grant(_) => "grant",
        BrokenLink::GrantForeign { .. } => "grant, foreign",
        BrokenLink::GrantElsewhere(_) => "grant, elsewhere",
        BrokenLink::GrantRole { .. } => "grant, role",
        BrokenLink::GrantExpired { .. } => "grant, expired",
        BrokenLink::GrantScope { .. } => "grant, scope",
        BrokenLink::Spec(_) => "spec",
        BrokenLink::SpecSigner { .. } => "spec, signer",
        BrokenLink::SpecForeign(_) => "spec, foreign",
        BrokenLink::Result(_) => "result",
        BrokenLink::ResultSigner { .. } => "result, signer",
        BrokenLink::ResultElsewhere(_) => "result, elsewhere",
        BrokenLink::Progress(_) => "progress",
        BrokenLink::ProgressSigner { .. } => "progress, signer",
        BrokenLink::ProgressElsewhere(_) => "progress, elsewhere",
        BrokenLink::Statement { .. } => "statement",
        BrokenLink::StatementForeign { .. } => "statement, foreign",
        BrokenLink::StatementElsewhere { .. } => "statement, elsewhere",
    }
}

const LINKS: usize = 18;

/// The link that breaks, a part of its message, and the change to a valid chain that breaks it.
type Break = (&'static str, &'static str, fn(&Scene, &mut Chain));

const BREAKS: &[Break] = &[
    ("grant", "not by", |_, chain| spoil(&mut chain.user_grant)),
    ("grant", "expected a document", |scene, chain| chain.user_grant = seal(&scene.colony, &scene.spec())),
    ("grant, foreign", "not by the colony", |scene, chain| {
        chain.user_grant = seal(&scene.user, &scene.user_grant());
    }),
    ("grant, foreign", "not by the colony", |scene, chain| {
        chain.executor_grant = seal(&scene.executor, &scene.executor_grant());
    }),
    ("grant, elsewhere", "made for colony", |scene, chain| {
        let mut grant = scene.user_grant();
        grant.colony = KeyPair::generate().id();
        chain.user_grant = scene.granted(&grant);
    }),
    ("grant, role", "is user, and this needs executor", |scene, chain| {
        chain.executor_grant = scene.granted(&scene.grant(&scene.executor, Role::User));
    }),
    ("grant, scope", "`billing.apply`", |scene, chain| {
        let mut grant = scene.user_grant();
        grant.scopes.functions = vec!["billing.refund".to_owned()];
        chain.user_grant = scene.granted(&grant);
    }),
    ("grant, scope", "`finance`", |scene, chain| {
        let mut grant = scene.user_grant();
        grant.scopes.executor_types = vec!["echo".to_owned()];
        chain.user_grant = scene.granted(&grant);
    }),
    ("grant, scope", "`executor-1` does not cover", |scene, chain| {
        let mut grant = scene.executor_grant();
        grant.scopes.executor_types = vec!["echo".to_owned()];
        chain.executor_grant = scene.granted(&grant);
    }),
    ("grant, scope", "`executor-1` does not cover", |scene, chain| {
        let mut grant = scene.executor_grant();
        grant.scopes.functions = vec!["billing.refund".to_owned()];
        chain.executor_grant = scene.granted(&grant);
    }),
    ("spec", "not by", |_, chain| spoil(&mut chain.spec)),
    ("spec", "expected a document", |scene, chain| chain.spec = seal(&scene.user, &scene.user_grant())),
    ("spec", "not valid", |scene, chain| {
        chain.spec = Envelope::sign(&scene.user, Spec::PAYLOAD_TYPE, "{}".into());
    }),
    ("spec, signer", "the grant is for", |scene, chain| chain.spec = seal(&KeyPair::generate(), &scene.spec())),
    ("spec, signer", "the grant is for", |scene, chain| chain.spec = seal(&scene.colony, &scene.spec())),
    ("spec, foreign", "made for colony", |scene, chain| {
        let mut spec = scene.spec();
        spec.colony = KeyPair::generate().id();
        chain.spec = seal(&scene.user, &spec);
    }),
    ("result", "not by", |_, chain| spoil(&mut chain.result)),
    ("result", "expected a document", |scene, chain| {
        let request = Request::new("/m", chain.colony, "b", scene.now, b"");
        chain.result = seal(&scene.executor, &request);
    }),
    ("result, signer", "the grant is for", |scene, chain| {
        chain.result = seal(&KeyPair::generate(), &scene.outcome(&chain.spec));
    }),
    ("result, elsewhere", "`colony`", |scene, chain| {
        change(scene, chain, |outcome| outcome.colony = KeyPair::generate().id());
    }),
    ("result, elsewhere", "`process_id`", |scene, chain| {
        change(scene, chain, |outcome| outcome.process_id = Scene::new().spec().process_id);
    }),
    ("result, elsewhere", "`attempt`", |scene, chain| change(scene, chain, |outcome| outcome.attempt = 2)),
    ("result, elsewhere", "`spec_digest`", |scene, chain| {
        change(scene, chain, |outcome| outcome.spec_digest.0[31] ^= 1)
    }),
    ("result, elsewhere", "`executor_names`", |scene, chain| {
        let mut spec = scene.spec();
        spec.executor_names = vec!["executor-2".to_owned()];
        chain.spec = seal(&scene.user, &spec);
        chain.result = seal(&scene.executor, &scene.outcome(&chain.spec));
    }),
    ("grant, expired", "`user-1` is valid from", |scene, chain| {
        let late = Spec::new(chain.colony, "finance", "billing.apply", scene.user_grant().valid_until);
        chain.spec = seal(&scene.user, &late);
    }),
    ("grant, expired", "`executor-1` is valid from", |scene, chain| {
        change(scene, chain, |outcome| outcome.finished_at += SignedDuration::from_mins(30));
    }),
    ("progress", "not by", |_, chain| spoil(&mut chain.progress)),
    ("progress", "expected a document", |_, chain| chain.progress = chain.result.clone()),
    ("progress, signer", "the grant is for", |scene, chain| {
        chain.progress = seal(&scene.user, &scene.progress(&chain.spec));
    }),
    ("progress, elsewhere", "`colony`", |scene, chain| {
        report(scene, chain, |progress| progress.colony = KeyPair::generate().id());
    }),
    ("progress, elsewhere", "`process_id`", |scene, chain| {
        report(scene, chain, |progress| progress.process_id = Scene::new().spec().process_id);
    }),
    ("progress, elsewhere", "`attempt`", |scene, chain| report(scene, chain, |progress| progress.attempt = 2)),
    ("progress, elsewhere", "`spec_digest`", |scene, chain| {
        report(scene, chain, |progress| progress.spec_digest.0[0] ^= 1);
    }),
    ("grant, expired", "`executor-1` is valid from", |scene, chain| {
        report(scene, chain, |progress| progress.at += SignedDuration::from_mins(30));
    }),
    ("statement", "guard: the signature is not by", |_, chain| spoil(&mut chain.guard)),
    ("statement, foreign", "guard: signed by", |scene, chain| chain.guard = seal(&scene.user, &scene.guard())),
    ("statement, elsewhere", "guard: made for colony", |scene, chain| {
        let mut guard = scene.guard();
        guard.colony = KeyPair::generate().id();
        chain.guard = seal(&scene.colony, &guard);
    }),
];

fn report(scene: &Scene, chain: &mut Chain, bend: impl FnOnce(&mut Progress)) {
    let mut progress = scene.progress(&chain.spec);
    bend(&mut progress);
    chain.progress = seal(&scene.executor, &progress);
}

fn change(scene: &Scene, chain: &mut Chain, bend: impl FnOnce(&mut Outcome)) {
    let mut outcome = scene.outcome(&chain.spec);
    bend(&mut outcome);
    chain.result = seal(&scene.executor, &outcome);
}

#[test]
fn every_link_can_break_and_says_so() {
    let mut broken = BTreeSet::new();
    for (number, (link, words, bend)) in BREAKS.iter().enumerate() {
        let scene = Scene::new();
        let mut chain = Chain::new(&scene);
        bend(&scene, &mut chain);
        let found = chain.verify().expect_err(link);
        assert_eq!(name(&found), *link, "break {number}: {found}");
        assert!(found.to_string().contains(words), "break {number}: expected {words:?} in {found}");
        broken.insert(name(&found));
    }
    assert_eq!(broken.len(), LINKS, "{broken:?}");
}

#[test]
fn aimed_work_may_be_done_by_whom_it_is_aimed_at() {
    let scene = Scene::new();
    let mut chain = Chain::new(&scene);
    let mut spec = scene.spec();
    spec.executor_names = vec!["executor-2".to_owned(), "executor-1".to_owned()];
    chain.spec = seal(&scene.user, &spec);
    chain.result = seal(&scene.executor, &scene.outcome(&chain.spec));
    chain.progress = seal(&scene.executor, &scene.progress(&chain.spec));
    assert!(chain.verify().is_ok());
}

#[test]
fn a_checkpoint_is_taken_only_from_an_earlier_attempt_by_an_executor_who_may_do_the_work() {
    let scene = Scene::new();
    let mut chain = Chain::new(&scene);
    let progress = scene.progress(&chain.spec).with_checkpoint(Content::from_bytes(b"[7]"));
    chain.progress = seal(&scene.executor, &progress);
    assert_eq!(chain.verify_progress(2).unwrap().checkpoint().unwrap().to_bytes().unwrap(), "[7]");
    assert!(chain.verify_progress(i32::MAX).is_ok());
    for attempt in [1, 0, i32::MIN] {
        assert_eq!(chain.verify_progress(attempt).unwrap_err(), BrokenLink::ProgressElsewhere("attempt"));
    }
    let mut grant = scene.executor_grant();
    grant.scopes.functions = vec!["billing.refund".to_owned()];
    chain.executor_grant = scene.granted(&grant);
    assert!(matches!(chain.verify_progress(2), Err(BrokenLink::GrantScope { .. })));
    chain.executor_grant = scene.granted(&scene.grant(&scene.executor, Role::User));
    assert!(matches!(chain.verify_progress(2), Err(BrokenLink::GrantRole { .. })));
    chain.executor_grant = seal(&scene.executor, &scene.executor_grant());
    assert!(matches!(chain.verify_progress(2), Err(BrokenLink::GrantForeign { .. })));

    let mut aimed = scene.spec();
    aimed.executor_names = vec!["executor-2".to_owned()];
    chain.executor_grant = scene.granted(&scene.executor_grant());
    chain.spec = seal(&scene.user, &aimed);
    chain.progress = seal(&scene.executor, &scene.progress(&chain.spec));
    assert_eq!(chain.verify_progress(2).unwrap_err(), BrokenLink::ProgressElsewhere("executor_names"));
}

#[test]
fn an_executor_of_the_type_may_say_that_it_cannot_do_the_function() {
    let scene = Scene::new();
    let mut chain = Chain::new(&scene);
    let mut grant = scene.executor_grant();
    grant.scopes.functions = vec!["billing.refund".to_owned()];
    chain.executor_grant = scene.granted(&grant);
    assert!(matches!(chain.verify(), Err(BrokenLink::GrantScope { .. })));
    let fail = |outcome: &mut Outcome| {
        (outcome.outcome, outcome.failure) = (OutcomeKind::FailedFinal, Some("no handler".to_owned()));
    };
    change(&scene, &mut chain, fail);
    let verify = |chain: &Chain| verify_result(&chain.colony, &chain.executor_grant, &chain.spec, 1, &chain.result);
    assert!(verify(&chain).is_ok());
    grant.scopes.executor_types = vec!["echo".to_owned()];
    chain.executor_grant = scene.granted(&grant);
    assert_eq!(verify(&chain).unwrap_err(), BrokenLink::ResultElsewhere("executor_type"));
}

#[test]
fn a_grant_holds_from_its_first_moment_to_before_its_last() {
    let scene = Scene::new();
    let (colony, grant) = (scene.colony.id(), scene.user_grant());
    let sealed = scene.granted(&grant);
    let made_at = |moment: Timestamp| {
        let spec = Spec::new(colony, "finance", "billing.apply", moment);
        verify_spec(&colony, &sealed, &seal(&scene.user, &spec))
    };
    // A spec's time is that of its UUID, in whole milliseconds.
    let tick = SignedDuration::from_millis(1);
    assert!(made_at(grant.valid_from).is_ok());
    assert!(made_at(grant.valid_until - tick).is_ok());
    assert!(matches!(made_at(grant.valid_from - tick), Err(BrokenLink::GrantExpired { .. })));
    assert!(matches!(made_at(grant.valid_until), Err(BrokenLink::GrantExpired { .. })));
}

#[test]
fn the_attempt_is_the_one_asked_about() {
    let chain = Chain::new(&Scene::new());
    let other = verify_result(&chain.colony, &chain.executor_grant, &chain.spec, 2, &chain.result);
    assert_eq!(other.unwrap_err(), BrokenLink::ResultElsewhere("attempt"));
}

#[test]
fn another_colonys_grant_is_none() {
    let (scene, other) = (Scene::new(), Scene::new());
    let grant = other.granted(&other.user_grant());
    assert!(verify_grant(&other.colony.id(), &grant).is_ok());
    assert!(matches!(verify_grant(&scene.colony.id(), &grant), Err(BrokenLink::GrantForeign { .. })));
}

proptest! {
    #[test]
    fn any_flipped_bit_in_any_envelope_is_found(which in 0..6_usize, at: prop::sample::Index, bit in 0..8_u8) {
        let mut chain = Chain::new(&Scene::new());
        let envelope = match which {
            0 => &mut chain.user_grant,
            1 => &mut chain.executor_grant,
            2 => &mut chain.spec,
            3 => &mut chain.progress,
            4 => &mut chain.guard,
            _ => &mut chain.result,
        };
        let Some(flipped) = flip(envelope, at, bit) else {
            // The changed bytes are no key or no UTF-8 any more, so there is no envelope to verify.
            return Ok(());
        };
        *envelope = flipped;
        prop_assert!(chain.verify().is_err());
    }
}

/// Returns the envelope with one bit of its four parts flipped, if the result still is an envelope.
fn flip(envelope: &Envelope, at: prop::sample::Index, bit: u8) -> Option<Envelope> {
    let parts = [
        envelope.payload_type.as_bytes(),
        &envelope.payload,
        envelope.key_id.as_bytes().as_slice(),
        envelope.signature.as_bytes(),
    ];
    let lengths = parts.map(<[u8]>::len);
    let mut all = parts.concat();
    let at = at.index(all.len());
    all[at] ^= 1 << bit;
    let (payload_type, rest) = all.split_at(lengths[0]);
    let (payload, rest) = rest.split_at(lengths[1]);
    let (key_id, signature) = rest.split_at(lengths[2]);
    Some(Envelope {
        payload_type: String::from_utf8(payload_type.to_vec()).ok()?,
        payload: payload.to_vec().into(),
        key_id: Id::from_slice(key_id).ok()?,
        signature: Signature::from_bytes(signature.to_vec().into()).ok()?,
    })
}
