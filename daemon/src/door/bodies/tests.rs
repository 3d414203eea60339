//! Tests of bodies that arrive at once, slowly or never completely, and of the bodies that are displaced.

use std::convert::Infallible;

use bytes::Bytes;
use futures::StreamExt as _;
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::*;

const LIMITS: BodyLimits =
    BodyLimits { bytes_max: 120_000, strangers_bytes_max: 90_000, share_bytes_max: 60_000, small_bytes_max: 10_000 };

fn bounds(bytes_max: usize) -> BodyBounds {
    BodyBounds {
        bytes_max,
        discard_bytes_max: 0,
        stall_max: Duration::from_secs(5),
        time_max: Duration::from_secs(20),
        length: |_| None,
    }
}

fn stranger(last: u8) -> Share {
    Share::Stranger(Peer::of([198, 51, 100, last].into()))
}

/// A body fed by the test, and the task that reads it.
fn slow(bodies: &Bodies, share: Share) -> (mpsc::Sender<usize>, tokio::task::JoinHandle<Result<HeldBody, BodyError>>) {
    let (sender, receiver) = mpsc::channel(16);
    let frames =
        ReceiverStream::new(receiver).map(|bytes| Ok::<_, Infallible>(Frame::data(Bytes::from(vec![b'x'; bytes]))));
    let (bodies, body) = (bodies.clone(), StreamBody::new(frames));
    (sender, tokio::spawn(async move { bodies.read(share, body, bounds(50_000)).await }))
}

async fn until_held(bodies: &Bodies, bytes: usize) {
    while bodies.bytes() != bytes {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_holds_its_bytes_until_it_is_dropped() {
    let bodies = Bodies::new(LIMITS);
    let held = bodies.read(stranger(1), http_body_util::Full::new(Bytes::from("hello")), bounds(10)).await.unwrap();
    assert_eq!(bodies.bytes(), 5);
    let HeldBody { blocks, hold } = held;
    assert_eq!(blocks.join(), "hello");
    assert_eq!(bodies.bytes(), 5);
    drop(hold);
    assert_eq!(bodies.bytes(), 0);
    let large = bodies.read(stranger(1), http_body_util::Full::new(Bytes::from("hello")), bounds(4)).await;
    assert_eq!(large.err(), Some(BodyError::TooLarge));
    assert_eq!(bodies.bytes(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_go_on_and_one_that_trickles_are_cut() {
    let bodies = Bodies::new(LIMITS);
    let (sender, task) = slow(&bodies, stranger(1));
    sender.send(10).await.unwrap();
    let begun = Instant::now();
    assert_eq!(task.await.unwrap().err(), Some(BodyError::Slow));
    assert_eq!(begun.elapsed(), Duration::from_secs(5));
    let (sender, task) = slow(&bodies, stranger(1));
    let trickle = tokio::spawn(async move {
        while sender.send(1).await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    assert_eq!(task.await.unwrap().err(), Some(BodyError::Slow));
    trickle.abort();
    assert_eq!(bodies.bytes(), 0);
}

#[tokio::test(start_paused = true)]
async fn where_there_is_no_room_the_oldest_body_of_the_heaviest_stranger_gives_way() {
    let bodies = Bodies::new(LIMITS);
    let (first, first_task) = slow(&bodies, stranger(1));
    let (second, second_task) = slow(&bodies, stranger(1));
    let (_other, other_task) = slow(&bodies, stranger(2));
    first.send(15_000).await.unwrap();
    second.send(15_000).await.unwrap();
    until_held(&bodies, 30_000 + 3 * REQUEST_BYTES).await;
    let begun = Instant::now();
    let (third, third_task) = slow(&bodies, stranger(1));
    third.send(20_000).await.unwrap();
    assert_eq!(first_task.await.unwrap().err(), Some(BodyError::NoRoom));
    assert!(begun.elapsed() >= BODY_GRACE / 2, "not at once: it might be honest, and nearly here");
    drop((second, third));
    assert!(second_task.await.unwrap().is_ok() && third_task.await.unwrap().is_ok());
    assert!(!other_task.is_finished(), "another peer does not give way");
    other_task.abort();
}

#[tokio::test(start_paused = true)]
async fn a_small_body_finds_room_at_once_however_many_are_on_the_way() {
    let bodies = Bodies::new(LIMITS);
    let held: Vec<_> = (0..20).map(|_| slow(&bodies, stranger(1))).collect();
    until_held(&bodies, 7 * REQUEST_BYTES).await;
    let begun = Instant::now();
    let small = http_body_util::Full::new(Bytes::from("hello"));
    assert!(bodies.read(stranger(1), small, bounds(10)).await.is_ok());
    assert_eq!(begun.elapsed(), Duration::ZERO);
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn strangers_leave_room_for_those_who_are_known() {
    let bodies = Bodies::new(LIMITS);
    let full = |bytes: usize| http_body_util::Full::new(Bytes::from(vec![b'x'; bytes]));
    let _first = bodies.read(stranger(1), full(40_000), bounds(50_000)).await.unwrap();
    let _second = bodies.read(stranger(2), full(41_000), bounds(50_000)).await.unwrap();
    let begun = Instant::now();
    assert_eq!(bodies.read(stranger(3), full(20_000), bounds(50_000)).await.err(), Some(BodyError::NoRoom));
    assert!(begun.elapsed() >= ROOM_WAIT_MAX, "it waited for a moment");
    assert!(bodies.read(Share::Known(1), full(20_000), bounds(50_000)).await.is_ok());
}
