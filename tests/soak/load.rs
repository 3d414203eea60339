//! Events, sent as Stripe sends them: again until they are acknowledged.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use apiary_identity::{Clock as _, SystemClock};
use apiary_tests::{http, parts, stripe};
use futures::StreamExt as _;
use tokio::sync::Semaphore;
use tokio::time::MissedTickBehavior;

/// Subscriptions that the events are about: each changes again and again.
const SUBSCRIPTIONS: usize = 5_000;
/// Posts in progress at the same time, at most.
const POSTS_MAX: usize = 64;
/// Time before an event that was not taken is sent again.
const RETRY: Duration = Duration::from_secs(1);
/// Time between two looks at how many events are due.
const TICK: Duration = Duration::from_millis(10);

/// Sender of events, each with an id of its own.
pub(crate) struct Load {
    webhook: SocketAddr,
    client: reqwest::Client,
    sent: AtomicUsize,
    acknowledged: AtomicUsize,
    refused: AtomicUsize,
}

impl Load {
    /// Creates a sender to this adapter.
    pub(crate) fn to(webhook: SocketAddr) -> Self {
        let [sent, acknowledged, refused] = [const { AtomicUsize::new(0) }; 3];
        Self { webhook, client: http(), sent, acknowledged, refused }
    }

    /// Returns the number of events that were acknowledged.
    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::SeqCst)
    }

    /// Returns the number of posts that failed or were refused, and were sent again.
    pub(crate) fn repeated(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }

    /// Sends this many events as fast as they are taken.
    pub(crate) async fn send_all(&self, count: usize) {
        futures::stream::iter(0..count).for_each_concurrent(POSTS_MAX, |_| self.send()).await;
    }

    /// Sends events at a rate, in a second, for a time. What the adapter was too slow for, or away, is sent as soon as it can.
    pub(crate) async fn keep_up(self: Arc<Self>, rate: f64, time: Duration) {
        let (start, room) = (Instant::now(), Arc::new(Semaphore::new(POSTS_MAX)));
        // The sender's pace.
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut begun = 0.0;
        while start.elapsed() < time {
            tick.tick().await;
            let due = start.elapsed().as_secs_f64() * rate;
            while begun < due {
                begun += 1.0;
                let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
                let load = Arc::clone(&self);
                tokio::spawn(async move {
                    load.send().await;
                    drop(place);
                });
            }
        }
        // Every place is free again once every post has its answer.
        drop(room.acquire_many(u32::try_from(POSTS_MAX).unwrap_or(u32::MAX)).await);
    }

    async fn send(&self) {
        let number = self.sent.fetch_add(1, Ordering::SeqCst);
        let created = SystemClock.now().as_second();
        let mut event = stripe::subscription_created(number % SUBSCRIPTIONS, created);
        event["id"] = format!("evt_soak{number:010}").into();
        let event = event.to_string();
        loop {
            match parts::post(&self.client, self.webhook, event.clone()).await {
                Ok(answer) if answer.status().is_success() => break,
                _ => drop(self.refused.fetch_add(1, Ordering::SeqCst)),
            }
            // Stripe waits far longer.
            tokio::time::sleep(RETRY).await;
        }
        self.acknowledged.fetch_add(1, Ordering::SeqCst);
    }
}
