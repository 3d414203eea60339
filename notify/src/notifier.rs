//! The loop: look, decide, remember, send, ping.

use std::sync::Arc;

use apiary_daemon::{Notices, Supervisor};
use apiary_identity::Clock;
use apiary_settings::SettingError;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::NotifyConfig;
use crate::finding::Source;
use crate::message::Message;
use crate::state::{State, StateFile};
use crate::targets::{SendError, http};

/// The notice of a target that takes no messages. Its subject is the target.
const NOTIFY_FAILED: &str = "NOTIFY_FAILED";
/// The notice of a state that cannot be written.
const NOTIFY_STATE_FAILED: &str = "NOTIFY_STATE_FAILED";

/// The notifier of one part.
struct Notifier {
    config: NotifyConfig,
    from: String,
    source: Arc<dyn Source>,
    notices: Notices,
    clock: Arc<dyn Clock>,
    file: StateFile,
    state: State,
}

/// A notifier whose state is open, ready to start.
pub struct Opened {
    config: NotifyConfig,
    from: String,
    file: StateFile,
    state: State,
}

/// A notifier that runs.
pub struct Running {
    stop: CancellationToken,
    tasks: Supervisor,
}

impl Running {
    /// Ends the notifier. What it has yet to send is sent after the next start.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Opened {
    /// Opens the state of this part's notifier.
    ///
    /// # Errors
    ///
    /// The state's file cannot be used, or another process uses it.
    pub fn open(config: NotifyConfig, part: &str) -> Result<Self, SettingError> {
        let (file, state) = StateFile::open(&config.folder, part)?;
        Ok(Self { from: format!("{} {part}", config.name), config, file, state })
    }

    /// Starts to look and to send, under the supervisor of the part.
    pub fn start(self, source: Arc<dyn Source>, supervisor: &Supervisor, clock: Arc<dyn Clock>) -> Running {
        let Self { config, from, file, state } = self;
        let places: Vec<String> = config.places().into_iter().map(|(name, place)| format!("{name} {place}")).collect();
        tracing::info!(targets = places.join(", "), "notifier started");
        let notifier = Notifier { config, from, source, notices: supervisor.notices().clone(), clock, file, state };
        let (stop, tasks) = (CancellationToken::new(), supervisor.group());
        tasks.spawn("notifier", stop.clone(), (notifier, stop.clone()), |(notifier, stop)| {
            Box::pin(notifier.run(stop.clone()))
        });
        Running { stop, tasks }
    }
}

impl Notifier {
    async fn run(&mut self, stop: CancellationToken) {
        let mut rounds = tokio::time::interval(self.config.every);
        rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = rounds.tick() => {}
            }
            tokio::select! {
                // A delivery that is cut off is made again after the next start, with the same id.
                () = stop.cancelled() => return,
                () = self.round() => {}
            }
        }
    }

    async fn round(&mut self) {
        let report = self.source.report().await;
        let now_ms = self.clock.now_ms();
        self.state.book.observe(&report, now_ms);
        let events = self.state.book.due(&self.config.rules, now_ms);
        if !events.is_empty() {
            self.enqueue(&Message::new(&self.from, now_ms, events));
        }
        // Before anything is sent: whatever happens then, it is known what has yet to be sent.
        self.remember();
        self.deliver().await;
        if report.is_well {
            self.ping().await;
        }
    }

    fn enqueue(&mut self, message: &Message) {
        for target in &self.config.targets {
            let name = target.name();
            // A target that works again need not hear that it did not.
            let Some(message) = message.only(|event| event.kind != NOTIFY_FAILED || event.subject != name) else {
                continue;
            };
            let queue = self.state.queues.entry(name.to_owned()).or_default();
            let dropped = queue.push(message);
            if dropped > 0 {
                tracing::warn!(target = name, dropped, "the queue of messages is full; the oldest was dropped");
            }
        }
    }

    async fn deliver(&mut self) {
        let names: Vec<&'static str> = self.config.targets.iter().map(|target| target.name()).collect();
        // One that is no longer configured gets nothing, also if it is configured again later.
        self.state.queues.retain(|name, _| names.contains(&name.as_str()));
        for at in 0..self.config.targets.len() {
            while self.deliver_one(at).await {
                self.remember();
            }
        }
        self.remember();
    }

    /// Sends a target its next message; true if it took it.
    async fn deliver_one(&mut self, at: usize) -> bool {
        let (now, now_ms) = (self.now(), self.clock.now_ms());
        let Some(target) = self.config.targets.get(at) else { return false };
        let name = target.name();
        let Some(queue) = self.state.queues.get_mut(name) else { return false };
        let dropped = queue.drop_old(now_ms);
        if dropped > 0 {
            tracing::warn!(target = name, dropped, "messages were not taken for a day, and are dropped");
        }
        let Some(message) = queue.due(now_ms) else { return false };
        match target.send(message, now).await {
            Ok(_) => {
                tracing::info!(target = name, id = %message.id, "notification sent");
                queue.taken();
                self.notices.resolve(NOTIFY_FAILED, name);
                true
            }
            Err(SendError { words, retry_after }) => {
                queue.failed(now_ms, retry_after);
                self.notices.raise(NOTIFY_FAILED, name, unsent(name, &words));
                false
            }
        }
    }

    async fn ping(&self) {
        let Some(url) = &self.config.ping else { return };
        match http::ping(url).await {
            Ok(_) => self.notices.resolve(NOTIFY_FAILED, http::PING),
            Err(SendError { words, .. }) => self.notices.raise(
                NOTIFY_FAILED,
                http::PING,
                format!("the dead man's ping fails: {words}; check `notify.ping_url` with `apiary notify test`"),
            ),
        }
    }

    fn remember(&mut self) {
        match self.file.write(&mut self.state) {
            Ok(()) => self.notices.resolve(NOTIFY_STATE_FAILED, ""),
            Err(error) => self.notices.raise(
                NOTIFY_STATE_FAILED,
                "",
                format!(
                    "what was sent cannot be written down: {error}; a restart would send it again: make room, or set \
                     `notify.state_folder`"
                ),
            ),
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.clock.now_ms()).unwrap_or_default()
    }
}

fn unsent(target: &str, words: &str) -> String {
    format!(
        "{target} takes no messages: {words}; they are tried again for a day: check `notify.{target}_…` with \
         `apiary notify test`"
    )
}
