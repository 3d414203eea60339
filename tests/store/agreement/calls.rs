//! Randomly drawn calls and their parameters.

use apiary_store::model::{PauseKind, PauseTarget};
use proptest::prelude::*;

use super::{BEES, CALLS, FUNCTIONS, KEYS, KIND, PROCESSES, SPECS, TICK_MS, USERS, function};

/// A call of the store.
#[derive(Clone, Debug)]
pub(super) enum Call {
    Submit(Vec<Drawn>),
    SubmitLeased(Vec<Drawn>, Vec<(usize, usize, i64)>),
    SubmitRedrive(Vec<Again>),
    Claim(Vec<(usize, usize, i64)>),
    Renew(Vec<Token>, i64),
    Complete(Vec<Token>),
    CompleteAndClaim(Vec<Token>, Vec<(usize, usize, i64)>),
    Fail(Vec<(Token, usize, i32)>),
    Release(Vec<Token>, Option<i64>),
    Cancel(Vec<u8>, i64),
    Redrive(Vec<u8>),
    Discard(Vec<u8>, bool),
    Retry(Vec<u8>),
    Delete(Vec<u8>),
    DeletePast(i64),
    Pause(PauseTarget),
    Resume(PauseTarget),
    SweepLeases,
    Settle,
    Unblock,
    ExpireWaiting,
    ForgetKeys,
    Advance(i64),
}

/// A process to submit.
#[derive(Clone, Debug)]
pub(super) struct Drawn {
    pub(super) number: u8,
    /// Variant of the spec: another one is another spec under the same id.
    pub(super) variant: bool,
    pub(super) user: usize,
    pub(super) place: i64,
    pub(super) bees: Vec<usize>,
    pub(super) not_before_ms: Option<i64>,
    pub(super) max_wait_ms: i64,
    pub(super) max_exec_ms: i64,
    pub(super) key: Option<(u8, i64)>,
    pub(super) parents: Vec<u8>,
}

/// A spec that requests a redrive of an earlier process of its key.
#[derive(Clone, Debug)]
pub(super) struct Again {
    /// Number of the spec; some are numbers of processes, too.
    pub(super) number: u8,
    /// Variant of the spec: another one is another spec under the same id.
    pub(super) variant: bool,
    /// Number of the earlier process, or index among the failed ones.
    pub(super) first: u8,
    pub(super) met_failed: bool,
    pub(super) user: usize,
}

/// The lease of a process, with possible errors in its token.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) number: u8,
    pub(super) attempt_off: i32,
    pub(super) is_stranger: bool,
}

pub(super) fn calls() -> impl Strategy<Value = Vec<Call>> {
    let tokens = || prop::collection::vec(token(), 1..4);
    let polls = || prop::collection::vec((0..BEES, 0..4_usize, ticks(1..4)), 1..3);
    let call = prop_oneof![
        6 => prop::collection::vec(drawn(), 1..5).prop_map(Call::Submit),
        6 => (prop::collection::vec(drawn(), 1..5), polls())
            .prop_map(|(drawn, polls)| Call::SubmitLeased(drawn, polls)),
        4 => prop::collection::vec(again(), 1..4).prop_map(Call::SubmitRedrive),
        6 => polls().prop_map(Call::Claim),
        2 => (tokens(), ticks(1..5)).prop_map(|(tokens, ms)| Call::Renew(tokens, ms)),
        3 => tokens().prop_map(Call::Complete),
        3 => (tokens(), polls()).prop_map(|(tokens, polls)| Call::CompleteAndClaim(tokens, polls)),
        4 => prop::collection::vec((token(), 0..5_usize, 0..5), 1..4).prop_map(Call::Fail),
        2 => (tokens(), prop::option::of(ticks(1..3))).prop_map(|(tokens, delay_ms)| Call::Release(tokens, delay_ms)),
        3 => (numbers(), ticks(0..4)).prop_map(|(numbers, grace_ms)| Call::Cancel(numbers, grace_ms)),
        2 => numbers().prop_map(Call::Redrive),
        1 => (numbers(), prop::bool::ANY).prop_map(|(numbers, is_replaced)| Call::Discard(numbers, is_replaced)),
        1 => numbers().prop_map(Call::Retry),
        1 => numbers().prop_map(Call::Delete),
        1 => ticks(0..3).prop_map(Call::DeletePast),
        2 => paused().prop_map(Call::Pause),
        4 => paused().prop_map(Call::Resume),
        2 => Just(Call::SweepLeases),
        3 => Just(Call::Settle),
        2 => Just(Call::Unblock),
        2 => Just(Call::ExpireWaiting),
        1 => Just(Call::ForgetKeys),
        4 => ticks(1..3).prop_map(Call::Advance),
    ];
    prop::collection::vec(call, CALLS)
}

fn paused() -> impl Strategy<Value = PauseTarget> {
    let named = |kind, name: &str| PauseTarget { kind, name: name.to_owned() };
    prop_oneof![
        Just(named(PauseKind::Colony, "")),
        Just(named(PauseKind::ExecutorType, KIND)),
        (0..FUNCTIONS).prop_map(move |number| named(PauseKind::Function, &function(number))),
    ]
}

fn numbers() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::btree_set(0..PROCESSES, 1..4).prop_map(|numbers| numbers.into_iter().collect())
}

fn ticks(count: std::ops::Range<i64>) -> impl Strategy<Value = i64> {
    count.prop_map(|count| count * TICK_MS)
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let names = prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(0..BEES + 1, 1..3)];
    let limit = || prop_oneof![2 => Just(0), 1 => ticks(1..4)];
    let key = prop::option::of((0..KEYS, ticks(1..4)));
    let not_before = prop::option::weighted(0.3, ticks(-1..3));
    let parents = prop_oneof![2 => Just(Vec::new()), 1 => numbers()];
    let number = prop_oneof![6 => 0..PROCESSES, 1 => 0..SPECS];
    let spec = (number, prop::bool::weighted(0.2), 0..USERS);
    (spec, 0..3_i64, names, not_before, limit(), limit(), key, parents).prop_map(
        |((number, variant, user), place, bees, not_before_ms, max_wait_ms, max_exec_ms, key, parents)| Drawn {
            number,
            variant,
            user,
            place,
            bees,
            not_before_ms,
            max_wait_ms,
            max_exec_ms,
            key,
            parents,
        },
    )
}

fn token() -> impl Strategy<Value = Token> {
    let off = prop_oneof![8 => Just(0), 1 => Just(-1), 1 => Just(1)];
    (0..PROCESSES, off, prop::bool::weighted(0.1)).prop_map(|(number, attempt_off, is_stranger)| Token {
        number,
        attempt_off,
        is_stranger,
    })
}

fn again() -> impl Strategy<Value = Again> {
    let drawn = (0..SPECS, prop::bool::weighted(0.2), 0..PROCESSES, prop::bool::weighted(0.8), 0..USERS);
    drawn.prop_map(|(number, variant, first, met_failed, user)| Again { number, variant, first, met_failed, user })
}
