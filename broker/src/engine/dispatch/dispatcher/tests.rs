//! Polls that come, wait, are answered and go, without a database.

use apiary_identity::Scopes;
use apiary_store::limits::CLAIM_PASS_COUNT_MAX;
use apiary_store::model::{ClaimResult, SlotGrant};

use super::*;
use crate::engine::dispatch::fixtures::{gave, lane, lease, slot};
use crate::limits::{CLAIM_PASS_POLLS_MAX, CLAIM_PASSES_PER_POLL_MAX};

#[test]
fn one_pass_is_for_all_polls_that_wait() {
    let dispatcher = Dispatcher::default();
    let polls: Vec<_> =
        (0..CLAIM_PASS_COUNT_MAX + 44).map(|_| dispatcher.register(&lane(), slot(7, 1), true).unwrap()).collect();
    let mut queue = dispatcher.queue();
    let pass = queue.begin_pass().expect("polls were in no pass yet");
    assert_eq!(pass.ids.len(), CLAIM_PASS_COUNT_MAX + 44);
    queue.end_pass(&pass, ClaimResult::default());
    assert!(queue.begin_pass().is_none());
    assert_eq!(queue.polls, 0);
    drop(queue);
    for (_, mut answer) in polls {
        assert!(answer.try_recv().unwrap().unwrap().claimed.is_empty());
    }
}

#[test]
fn passes_that_count_the_limits_of_a_colony_take_turns() {
    let dispatcher = Dispatcher::default();
    let lane = |colony, executor_type: &str| Lane { colony: ColonyKey(colony), executor_type: executor_type.into() };
    let types = ["a", "b", "c", "d"];
    let _polls: Vec<_> = types.map(|name| dispatcher.register(&lane(1, name), slot(7, 1), false).unwrap()).into();
    let mut queue = dispatcher.queue();
    let counted = || ClaimResult { is_counted: true, ..ClaimResult::default() };
    let begin = |queue: &mut PollQueue| queue.begin_pass().map(|pass| (pass.lane.executor_type.clone(), pass));
    // Nothing is known of them yet.
    let passes: Vec<Pass> = types.iter().map(|_| queue.begin_pass().unwrap()).collect();
    queue.end_pass(&passes[0], counted());
    queue.end_pass(&passes[1], counted());
    queue.end_pass(&passes[2], counted());
    queue.end_pass(&passes[3], ClaimResult::default());
    queue.mark_all();
    let mut first = begin(&mut queue).unwrap();
    let mut second = begin(&mut queue).unwrap();
    if first.0 == "d" {
        std::mem::swap(&mut first, &mut second);
    }
    assert_eq!(second.0, "d", "it counts none, and waits for nobody");
    assert!(begin(&mut queue).is_none(), "two of the others wait for their turn");
    queue.end_pass(&second.1, ClaimResult::default());
    assert!(begin(&mut queue).is_none(), "it is not over by the end of another's pass");
    let mut seen = vec![first.0.clone()];
    let mut pass = first.1;
    while seen.len() < 3 {
        if seen.len() == 1 {
            queue.end_pass(&pass, counted());
        } else {
            queue.fail_pass(&pass, &Error::Draining);
            queue.resume(&pass);
        }
        let next = begin(&mut queue).expect("the next has its turn");
        seen.push(next.0);
        pass = next.1;
        assert!(begin(&mut queue).is_none(), "one after the other");
    }
    seen.sort();
    assert_eq!(seen, ["a", "b", "c"]);
}

#[test]
fn polls_that_one_pass_leaves_out_are_in_the_next() {
    let dispatcher = Dispatcher::default();
    let _polls: Vec<_> =
        (0..CLAIM_PASS_POLLS_MAX + 44).map(|_| dispatcher.register(&lane(), slot(7, 1), true).unwrap()).collect();
    let mut queue = dispatcher.queue();
    for expected in [CLAIM_PASS_POLLS_MAX, 44] {
        let pass = queue.begin_pass().expect("polls were in no pass yet");
        assert_eq!(pass.ids.len(), expected);
        queue.end_pass(&pass, ClaimResult::default());
    }
    assert!(queue.begin_pass().is_none());
}

#[test]
fn a_claim_that_does_not_wait_is_in_another_pass_while_passes_end_before_the_end_of_its_lane() {
    let dispatcher = Dispatcher::default();
    let (_, mut answer) = dispatcher.register(&lane(), slot(7, 1), true).unwrap();
    let mut queue = dispatcher.queue();
    for _ in 0..CLAIM_PASSES_PER_POLL_MAX {
        assert!(answer.try_recv().is_err(), "further down there may be something for it");
        let pass = queue.begin_pass().expect("it is due again");
        queue.end_pass(&pass, ClaimResult { has_more: true, ..ClaimResult::default() });
    }
    assert!(answer.try_recv().unwrap().unwrap().claimed.is_empty(), "it does not wait for ever");
    assert!(queue.begin_pass().is_none());
}

#[test]
fn polls_of_a_pass_that_was_cut_off_are_due_again() {
    let dispatcher = Dispatcher::default();
    let (_, mut once) = dispatcher.register(&lane(), slot(7, 1), true).unwrap();
    let (_, mut waiting) = dispatcher.register(&lane(), slot(7, 1), false).unwrap();
    let cut = dispatcher.queue().begin_pass().unwrap();
    assert!(dispatcher.queue().begin_pass().is_none());
    drop(cut);
    dispatcher.queue().start_over();
    let pass = dispatcher.queue().begin_pass().expect("they are due again");
    assert_eq!(pass.ids.len(), 2);
    dispatcher.queue().end_pass(&pass, gave(vec![ClaimedLease { slot: 1, ..lease(0) }]));
    assert!(once.try_recv().unwrap().unwrap().claimed.is_empty());
    assert_eq!(waiting.try_recv().unwrap().unwrap().claimed.len(), 1);
}

#[test]
fn who_is_drained_is_told_at_once() {
    let dispatcher = Dispatcher::default();
    let (_, mut drained) = dispatcher.register(&lane(), slot(7, 1), false).unwrap();
    let (_, mut other) = dispatcher.register(&lane(), slot(7, 1), false).unwrap();
    let pass = dispatcher.queue().begin_pass().unwrap();
    dispatcher.queue().end_pass(&pass, ClaimResult { drained: vec![0], ..ClaimResult::default() });
    assert!(drained.try_recv().unwrap().unwrap().is_drained);
    assert!(other.try_recv().is_err(), "the other waits on");
}

#[test]
fn what_is_free_again_in_a_colony_makes_its_lanes_alone_due() {
    let dispatcher = Dispatcher::default();
    let elsewhere = Lane { colony: ColonyKey(2), ..lane() };
    let _polls = [lane(), elsewhere].map(|lane| dispatcher.register(&lane, slot(7, 1), false).unwrap());
    let mut queue = dispatcher.queue();
    while let Some(pass) = queue.begin_pass() {
        queue.end_pass(&pass, ClaimResult::default());
    }
    drop(queue);
    dispatcher.wake_colony(ColonyKey(1));
    let mut queue = dispatcher.queue();
    assert_eq!(queue.begin_pass().map(|pass| pass.lane), Some(lane()));
    assert!(queue.begin_pass().is_none());
}

#[test]
fn a_big_claim_leaves_room_for_the_others() {
    let dispatcher = Dispatcher::default();
    let _polls = [1000, 1000, 1].map(|count| dispatcher.register(&lane(), slot(7, count), false).unwrap());
    let pass = dispatcher.queue().begin_pass().unwrap();
    let counts: Vec<_> = pass.slots.iter().map(|slot| slot.count).collect();
    assert_eq!(counts, [CLAIM_PASS_COUNT_MAX - 2, 1, 1]);
}

#[test]
fn waiting_polls_are_due_again_only_when_work_may_have_come() {
    let dispatcher = Dispatcher::default();
    let _poll = dispatcher.register(&lane(), slot(7, 1), false).unwrap();
    let pass = dispatcher.queue().begin_pass().unwrap();
    dispatcher.queue().end_pass(&pass, ClaimResult::default());
    assert!(dispatcher.queue().begin_pass().is_none());
    dispatcher.wake(&lane());
    let pass = dispatcher.queue().begin_pass().unwrap();
    // Work that comes during a pass may not be in it.
    dispatcher.wake(&lane());
    assert!(dispatcher.queue().begin_pass().is_none(), "a lane has one pass at a time");
    dispatcher.queue().end_pass(&pass, ClaimResult::default());
    assert!(dispatcher.queue().begin_pass().is_some());
}

#[test]
fn a_poll_for_an_empty_lane_needs_no_pass_until_work_may_have_come() {
    let dispatcher = Dispatcher::default();
    let empty = || ClaimResult { is_lane_empty: true, ..ClaimResult::default() };
    let begin = || dispatcher.queue().begin_pass();
    let (_, mut first) = dispatcher.register(&lane(), slot(7, 1), false).unwrap();
    let pass = begin().unwrap();
    dispatcher.queue().end_pass(&pass, ClaimResult { claimed: vec![lease(0)], ..empty() });
    assert_eq!(first.try_recv().unwrap().unwrap().claimed.len(), 1);
    let (second, _answer) = dispatcher.register(&lane(), slot(7, 1), false).unwrap();
    assert!(begin().is_none(), "nothing was left");
    // Also if no poll is there when it comes.
    dispatcher.queue().remove(&lane(), second);
    dispatcher.wake(&lane());
    let (third, _answer) = dispatcher.register(&lane(), slot(7, 1), false).unwrap();
    let pass = begin().expect("work may have come");
    dispatcher.wake(&lane());
    dispatcher.queue().end_pass(&pass, empty());
    let pass = begin().expect("work may have come during the pass");
    dispatcher.queue().end_pass(&pass, empty());
    dispatcher.queue().remove(&lane(), third);
    let (_, _answer) = dispatcher.register(&lane(), slot(7, 1), true).unwrap();
    assert_eq!(begin().expect("a claim that does not wait has its pass").ids.len(), 1);
}

#[test]
fn what_is_known_of_a_lane_that_nobody_searches_is_forgotten() {
    let dispatcher = Dispatcher::default();
    let pass = |dispatcher: &Dispatcher| {
        let (id, _) = dispatcher.register(&lane(), slot(7, 1), false).unwrap();
        let pass = dispatcher.queue().begin_pass();
        let had_pass = pass.is_some();
        if let Some(pass) = pass {
            dispatcher.queue().end_pass(&pass, ClaimResult { is_lane_empty: true, ..ClaimResult::default() });
        }
        assert_eq!(dispatcher.queue().polled_lanes(), [lane()]);
        dispatcher.queue().remove(&lane(), id);
        had_pass
    };
    assert!(pass(&dispatcher));
    assert!(!pass(&dispatcher), "the search looked after it");
    assert!(dispatcher.queue().polled_lanes().is_empty());
    assert!(pass(&dispatcher));
    dispatcher.wake_colony(ColonyKey(1));
    assert!(pass(&dispatcher), "something changed in the colony");
}

#[test]
fn no_lane_is_known_to_be_empty_while_other_brokers_are_not_heard() {
    let dispatcher = Dispatcher::default();
    let (_, _answer) = dispatcher.register(&lane(), slot(7, 1), false).unwrap();
    let passes = |is_deaf| {
        dispatcher.set_deaf(is_deaf);
        let pass = dispatcher.queue().begin_pass().expect("others may have stored work");
        dispatcher.queue().end_pass(&pass, ClaimResult { is_lane_empty: true, ..ClaimResult::default() });
        let (id, _) = dispatcher.register(&lane(), slot(7, 1), false).unwrap();
        let next = dispatcher.queue().begin_pass();
        next.iter().for_each(|pass| _ = dispatcher.queue().end_pass(pass, ClaimResult::default()));
        dispatcher.queue().remove(&lane(), id);
        next.is_some()
    };
    assert!(passes(true), "the next poll looks, too");
    assert!(!passes(false));
}

#[test]
fn a_caller_who_comes_and_goes_is_in_the_line_once() {
    let dispatcher = Dispatcher::default();
    for _ in 0..10 {
        let (id, _) = dispatcher.register(&lane(), slot(7, 1), false).unwrap();
        dispatcher.queue().remove(&lane(), id);
    }
    let _poll = dispatcher.register(&lane(), slot(7, 1), false).unwrap();
    let mut queue = dispatcher.queue();
    assert_eq!(queue.due.len(), 1);
    assert!(queue.begin_pass().is_some());
    assert!(queue.begin_pass().is_none(), "a lane has one pass at a time");
}

#[tokio::test]
async fn work_for_a_caller_who_left_before_reading_the_answer_goes_back() {
    let (dispatcher, lane, work) = (Dispatcher::default(), lane(), lease(0));
    let mut poll = Box::pin(dispatcher.poll(&lane, slot(7, 1), Duration::from_secs(60)));
    assert!(futures::poll!(&mut poll).is_pending());
    let pass = dispatcher.queue().begin_pass().unwrap();
    assert!(dispatcher.queue().end_pass(&pass, gave(vec![work.clone()])).is_empty(), "somebody waits for it");
    drop(poll);
    let unheard = std::mem::take(&mut dispatcher.queue().unheard);
    assert_eq!(unheard, [(lane, references(&[work]))]);
}

#[test]
fn work_that_is_not_delivered_goes_back() {
    let (dispatcher, work) = (Arc::new(Dispatcher::default()), [lease(0)]);
    LeaseGuard::new(dispatcher.clone(), lane(), &work).delivered();
    assert!(dispatcher.queue().unheard.is_empty());
    drop(LeaseGuard::new(dispatcher.clone(), lane(), &work));
    assert_eq!(dispatcher.queue().unheard, [(lane(), references(&work))]);
}

#[tokio::test]
async fn polls_under_a_revoked_grant_end_and_the_others_wait_on() {
    let dispatcher = Dispatcher::default();
    let of = |keys: &[i64]| {
        let grant = |key: &i64| SlotGrant { key: GrantKey(*key), name: "bee".into(), scopes: Scopes::default() };
        ClaimSlot { grants: keys.iter().map(grant).collect(), ..slot(7, 1) }
    };
    let (_, mut expelled) = dispatcher.register(&lane(), of(&[7]), false).unwrap();
    let (_, mut with_another) = dispatcher.register(&lane(), of(&[7, 8]), false).unwrap();
    let (_, mut other) = dispatcher.register(&lane(), of(&[8]), false).unwrap();
    let pass = dispatcher.queue().begin_pass().unwrap();
    dispatcher.expel(&[GrantKey(7)], &Error::NotPermitted("revoked".into()));
    assert!(matches!(expelled.try_recv(), Ok(Err(Error::NotPermitted(_)))));
    // Leases that the pass under way made for it are released.
    assert_eq!(dispatcher.queue().end_pass(&pass, gave(vec![lease(0)])).len(), 1);
    assert!(with_another.try_recv().is_err() && other.try_recv().is_err(), "they wait on");
    dispatcher.wake(&lane());
    let pass = dispatcher.queue().begin_pass().unwrap();
    let keys = pass.slots.iter().map(|slot| slot.grants.iter().map(|grant| grant.key).collect::<Vec<_>>());
    assert_eq!(keys.collect::<Vec<_>>(), [[GrantKey(8)], [GrantKey(8)]]);
}
