//! Polls that come, wait, are answered and go, without a database.

use apiary_identity::{Offer, Scopes};
use bytes::Bytes;
use uuid::Uuid;

use super::*;
use crate::limits::{CLAIM_LOOKS_MAX, CLAIM_PASS_COUNT_MAX, CLAIM_PASS_POLLS_MAX};
use crate::model::{Claims, SlotGrant};

fn lane() -> Lane {
    Lane { colony: ColonyKey(1), executor_type: "t".into() }
}

fn slot(count: usize) -> ClaimSlot {
    let grant = SlotGrant { key: GrantKey(7), name: "bee".into(), scopes: Scopes::default() };
    ClaimSlot { grants: [grant].into(), offer: Arc::new(Offer::default()), count, lease_ms: 1000 }
}

fn claimed() -> Claimed {
    Claimed {
        slot: 0,
        executor: GrantKey(7),
        process_id: Uuid::new_v4(),
        attempt: 1,
        retries_spent: 0,
        max_retries: 0,
        expires_at_ms: 1000,
        submitter: GrantKey(8),
        payload: Bytes::new(),
        signature: Vec::new(),
    }
}

/// A look that gave these leases.
fn gave(claimed: Vec<Claimed>) -> Claims {
    Claims { claimed, ..Claims::default() }
}

#[test]
fn one_look_is_for_all_polls_that_wait() {
    let claimer = Claimer::default();
    let polls: Vec<_> =
        (0..CLAIM_PASS_COUNT_MAX + 44).map(|_| claimer.register(&lane(), slot(1), true).unwrap()).collect();
    let mut board = claimer.board();
    let pass = board.begin_pass().expect("polls have not been looked for");
    assert_eq!(pass.ids.len(), CLAIM_PASS_COUNT_MAX + 44);
    board.end_pass(&pass, Claims::default());
    assert!(board.begin_pass().is_none());
    assert_eq!(board.polls, 0);
    drop(board);
    for (_, mut answer) in polls {
        assert!(answer.try_recv().unwrap().unwrap().claimed.is_empty());
    }
}

#[test]
fn looks_that_count_the_limits_of_a_colony_take_turns() {
    let claimer = Claimer::default();
    let lane = |colony, executor_type: &str| Lane { colony: ColonyKey(colony), executor_type: executor_type.into() };
    let types = ["a", "b", "c", "d"];
    let _polls: Vec<_> = types.map(|name| claimer.register(&lane(1, name), slot(1), false).unwrap()).into();
    let mut board = claimer.board();
    let counted = || Claims { is_counted: true, ..Claims::default() };
    let begin = |board: &mut Board| board.begin_pass().map(|pass| (pass.lane.executor_type.clone(), pass));
    // Nothing is known of them yet.
    let passes: Vec<Pass> = types.iter().map(|_| board.begin_pass().unwrap()).collect();
    board.end_pass(&passes[0], counted());
    board.end_pass(&passes[1], counted());
    board.end_pass(&passes[2], counted());
    board.end_pass(&passes[3], Claims::default());
    board.mark_all();
    let mut first = begin(&mut board).unwrap();
    let mut second = begin(&mut board).unwrap();
    if first.0 == "d" {
        std::mem::swap(&mut first, &mut second);
    }
    assert_eq!(second.0, "d", "it counts none, and waits for nobody");
    assert!(begin(&mut board).is_none(), "two of the others wait for their turn");
    board.end_pass(&second.1, Claims::default());
    assert!(begin(&mut board).is_none(), "it is not over by the end of another's look");
    let mut seen = vec![first.0.clone()];
    let mut pass = first.1;
    while seen.len() < 3 {
        if seen.len() == 1 {
            board.end_pass(&pass, counted());
        } else {
            board.fail_pass(&pass, &Error::Draining);
            board.resume(&pass);
        }
        let next = begin(&mut board).expect("the next has its turn");
        seen.push(next.0);
        pass = next.1;
        assert!(begin(&mut board).is_none(), "one after the other");
    }
    seen.sort();
    assert_eq!(seen, ["a", "b", "c"]);
}

#[test]
fn polls_that_one_look_leaves_out_are_in_the_next() {
    let claimer = Claimer::default();
    let _polls: Vec<_> =
        (0..CLAIM_PASS_POLLS_MAX + 44).map(|_| claimer.register(&lane(), slot(1), true).unwrap()).collect();
    let mut board = claimer.board();
    for expected in [CLAIM_PASS_POLLS_MAX, 44] {
        let pass = board.begin_pass().expect("polls have not been looked for");
        assert_eq!(pass.ids.len(), expected);
        board.end_pass(&pass, Claims::default());
    }
    assert!(board.begin_pass().is_none());
}

#[test]
fn a_claim_that_does_not_wait_is_looked_for_again_while_looks_end_before_the_end_of_its_lane() {
    let claimer = Claimer::default();
    let (_, mut answer) = claimer.register(&lane(), slot(1), true).unwrap();
    let mut board = claimer.board();
    for _ in 0..CLAIM_LOOKS_MAX {
        assert!(answer.try_recv().is_err(), "further down there may be something for it");
        let pass = board.begin_pass().expect("it is looked for again");
        board.end_pass(&pass, Claims { has_more: true, ..Claims::default() });
    }
    assert!(answer.try_recv().unwrap().unwrap().claimed.is_empty(), "it does not wait for ever");
    assert!(board.begin_pass().is_none());
}

#[test]
fn polls_of_a_look_that_was_cut_off_are_looked_for_again() {
    let claimer = Claimer::default();
    let (_, mut once) = claimer.register(&lane(), slot(1), true).unwrap();
    let (_, mut waiting) = claimer.register(&lane(), slot(1), false).unwrap();
    let cut = claimer.board().begin_pass().unwrap();
    assert!(claimer.board().begin_pass().is_none());
    drop(cut);
    claimer.board().start_over();
    let pass = claimer.board().begin_pass().expect("they are looked for again");
    assert_eq!(pass.ids.len(), 2);
    claimer.board().end_pass(&pass, gave(vec![Claimed { slot: 1, ..claimed() }]));
    assert!(once.try_recv().unwrap().unwrap().claimed.is_empty());
    assert_eq!(waiting.try_recv().unwrap().unwrap().claimed.len(), 1);
}

#[test]
fn who_is_drained_is_told_at_once() {
    let claimer = Claimer::default();
    let (_, mut drained) = claimer.register(&lane(), slot(1), false).unwrap();
    let (_, mut other) = claimer.register(&lane(), slot(1), false).unwrap();
    let pass = claimer.board().begin_pass().unwrap();
    claimer.board().end_pass(&pass, Claims { drained: vec![0], ..Claims::default() });
    assert!(drained.try_recv().unwrap().unwrap().is_drained);
    assert!(other.try_recv().is_err(), "the other waits on");
}

#[test]
fn what_is_free_again_in_a_colony_is_looked_for_in_its_lanes_alone() {
    let claimer = Claimer::default();
    let elsewhere = Lane { colony: ColonyKey(2), ..lane() };
    let _polls = [lane(), elsewhere].map(|lane| claimer.register(&lane, slot(1), false).unwrap());
    let mut board = claimer.board();
    while let Some(pass) = board.begin_pass() {
        board.end_pass(&pass, Claims::default());
    }
    drop(board);
    claimer.wake_colony(ColonyKey(1));
    let mut board = claimer.board();
    assert_eq!(board.begin_pass().map(|pass| pass.lane), Some(lane()));
    assert!(board.begin_pass().is_none());
}

#[test]
fn a_big_claim_leaves_room_for_the_others() {
    let claimer = Claimer::default();
    let _polls = [1000, 1000, 1].map(|count| claimer.register(&lane(), slot(count), false).unwrap());
    let pass = claimer.board().begin_pass().unwrap();
    let counts: Vec<_> = pass.slots.iter().map(|slot| slot.count).collect();
    assert_eq!(counts, [CLAIM_PASS_COUNT_MAX - 2, 1, 1]);
}

#[test]
fn waiting_polls_are_looked_for_again_only_when_work_may_have_come() {
    let claimer = Claimer::default();
    let _poll = claimer.register(&lane(), slot(1), false).unwrap();
    let pass = claimer.board().begin_pass().unwrap();
    claimer.board().end_pass(&pass, Claims::default());
    assert!(claimer.board().begin_pass().is_none());
    claimer.wake(&lane());
    let pass = claimer.board().begin_pass().unwrap();
    // Work that comes during a look may not be in it.
    claimer.wake(&lane());
    assert!(claimer.board().begin_pass().is_none(), "a lane is looked into once at a time");
    claimer.board().end_pass(&pass, Claims::default());
    assert!(claimer.board().begin_pass().is_some());
}

#[test]
fn a_caller_who_comes_and_goes_is_in_the_line_once() {
    let claimer = Claimer::default();
    for _ in 0..10 {
        let (id, _) = claimer.register(&lane(), slot(1), false).unwrap();
        claimer.board().remove(&lane(), id);
    }
    let _poll = claimer.register(&lane(), slot(1), false).unwrap();
    let mut board = claimer.board();
    assert_eq!(board.due.len(), 1);
    assert!(board.begin_pass().is_some());
    assert!(board.begin_pass().is_none(), "a lane is looked into once at a time");
}

#[tokio::test]
async fn work_for_a_caller_who_left_before_reading_the_answer_goes_back() {
    let (claimer, lane, work) = (Claimer::default(), lane(), claimed());
    let mut poll = Box::pin(claimer.poll(&lane, slot(1), Duration::from_secs(60)));
    assert!(futures::poll!(&mut poll).is_pending());
    let pass = claimer.board().begin_pass().unwrap();
    assert!(claimer.board().end_pass(&pass, gave(vec![work.clone()])).is_empty(), "somebody waits for it");
    drop(poll);
    let unheard = std::mem::take(&mut claimer.board().unheard);
    assert_eq!(unheard, [(lane, references(&[work]))]);
}

#[test]
fn work_that_is_not_delivered_goes_back() {
    let (claimer, work) = (Arc::new(Claimer::default()), [claimed()]);
    Handover::new(claimer.clone(), lane(), &work).delivered();
    assert!(claimer.board().unheard.is_empty());
    drop(Handover::new(claimer.clone(), lane(), &work));
    assert_eq!(claimer.board().unheard, [(lane(), references(&work))]);
}

#[tokio::test]
async fn polls_under_a_revoked_grant_end_and_the_others_wait_on() {
    let claimer = Claimer::default();
    let of = |keys: &[i64]| {
        let grant = |key: &i64| SlotGrant { key: GrantKey(*key), name: "bee".into(), scopes: Scopes::default() };
        ClaimSlot { grants: keys.iter().map(grant).collect(), ..slot(1) }
    };
    let (_, mut expelled) = claimer.register(&lane(), of(&[7]), false).unwrap();
    let (_, mut with_another) = claimer.register(&lane(), of(&[7, 8]), false).unwrap();
    let (_, mut other) = claimer.register(&lane(), of(&[8]), false).unwrap();
    let pass = claimer.board().begin_pass().unwrap();
    claimer.expel(&[GrantKey(7)], &Error::NotPermitted("revoked".into()));
    assert!(matches!(expelled.try_recv(), Ok(Err(Error::NotPermitted(_)))));
    // What the look under way found for it goes back.
    assert_eq!(claimer.board().end_pass(&pass, gave(vec![claimed()])).len(), 1);
    assert!(with_another.try_recv().is_err() && other.try_recv().is_err(), "they wait on");
    claimer.wake(&lane());
    let pass = claimer.board().begin_pass().unwrap();
    let keys = pass.slots.iter().map(|slot| slot.grants.iter().map(|grant| grant.key).collect::<Vec<_>>());
    assert_eq!(keys.collect::<Vec<_>>(), [[GrantKey(8)], [GrantKey(8)]]);
}
