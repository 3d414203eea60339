//! The loop: look, decide, remember, send, ping.

use std::collections::HashSet;
use std::sync::Arc;

use apiary_daemon::{Notices, Supervisor};
use apiary_identity::Clock;
use apiary_settings::SettingError;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use jiff::Timestamp;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::NotifyConfig;
use crate::finding::{Report, Source};
use crate::limits::REPORT_TIMEOUT;
use crate::message::Message;
use crate::state::{State, StateFile};
use crate::targets::{SendError, Target, http};

/// The notice of a target that takes no messages. Its subject is the target.
const NOTIFY_FAILED: &str = "NOTIFY_FAILED";
/// The notice of a state that cannot be written.
const NOTIFY_STATE_FAILED: &str = "NOTIFY_STATE_FAILED";

/// Deliveries under way, at most one to each target.
#[derive(Default)]
struct Deliveries {
    names: HashSet<&'static str>,
    ends: FuturesUnordered<BoxFuture<'static, Ended>>,
}

/// The end of a delivery.
enum Ended {
    Message { target: Arc<Target>, id: Uuid, answer: Result<String, SendError> },
    Ping(Result<String, SendError>),
}

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
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // A look and the deliveries to all targets go on at the same time: what hangs keeps nothing from the others.
        let (mut look, mut sending) = (None, Deliveries::default());
        loop {
            tokio::select! {
                // A delivery that is cut off is made again after the next start, with the same id.
                () = stop.cancelled() => return,
                _ = rounds.tick(), if look.is_none() => look = Some(self.look()),
                report = end_of(&mut look), if look.is_some() => {
                    look = None;
                    self.round(&report, &mut sending);
                }
                Some(ended) = sending.ends.next() => self.end(ended, &mut sending),
            }
        }
    }

    /// Begins to look at what is open. A part that cannot say so in time is not well, and what was open counts as open still.
    fn look(&self) -> BoxFuture<'static, Report> {
        let source = self.source.clone();
        async move { tokio::time::timeout(REPORT_TIMEOUT, source.report()).await.unwrap_or_default() }.boxed()
    }

    /// Decides what is to be sent, and begins to send.
    fn round(&mut self, report: &Report, sending: &mut Deliveries) {
        let now_ms = self.clock.now_ms();
        self.state.book.observe(report, now_ms);
        let events = self.state.book.due(&self.config.rules, now_ms);
        if !events.is_empty() {
            self.enqueue(&Message::new(&self.from, now_ms, events));
        }
        let targets = self.config.targets.clone();
        // A target that is no longer configured gets nothing, also if it is configured again later.
        self.state.queues.retain(|name, _| targets.iter().any(|target| target.name() == name));
        // Before anything is sent: whatever happens then, it is known what has yet to be sent.
        self.remember();
        for target in &targets {
            self.begin(target, sending);
        }
        if let Some(url) = self.config.ping.clone()
            && report.is_well
            && sending.names.insert(http::PING)
        {
            sending.ends.push(async move { Ended::Ping(http::ping(&url).await) }.boxed());
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

    /// Begins the delivery of a target's next message, if one is due and none is on its way.
    fn begin(&mut self, target: &Arc<Target>, sending: &mut Deliveries) {
        let (now, now_ms, name) = (self.now(), self.clock.now_ms(), target.name());
        let Some(queue) = self.state.queues.get_mut(name) else { return };
        if sending.names.contains(name) {
            return;
        }
        let dropped = queue.drop_old(now_ms);
        if dropped > 0 {
            tracing::warn!(target = name, dropped, "messages were not taken for a day, and are dropped");
        }
        let Some(message) = queue.due(now_ms).cloned() else { return };
        sending.names.insert(name);
        let target = target.clone();
        let delivery = async move {
            let answer = target.send(&message, now).await;
            Ended::Message { target, id: message.id, answer }
        };
        sending.ends.push(delivery.boxed());
    }

    /// Notes the end of a delivery, and begins the target's next one.
    fn end(&mut self, ended: Ended, sending: &mut Deliveries) {
        let (target, id, answer) = match ended {
            Ended::Message { target, id, answer } => (target, id, answer),
            Ended::Ping(answer) => {
                sending.names.remove(http::PING);
                return self.note_ping(answer);
            }
        };
        let name = target.name();
        sending.names.remove(name);
        let now_ms = self.clock.now_ms();
        let Some(queue) = self.state.queues.get_mut(name) else { return };
        match answer {
            Ok(_) => {
                tracing::info!(target = name, %id, "notification sent");
                queue.taken(id);
                self.notices.resolve(NOTIFY_FAILED, name);
                self.remember();
                self.begin(&target, sending);
            }
            Err(SendError { words, retry_after }) => {
                queue.failed(now_ms, retry_after);
                self.notices.raise(NOTIFY_FAILED, name, unsent(name, &words));
                self.remember();
            }
        }
    }

    fn note_ping(&self, answer: Result<String, SendError>) {
        match answer {
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

/// Returns the end of a look; never without one.
async fn end_of(look: &mut Option<BoxFuture<'static, Report>>) -> Report {
    match look {
        Some(look) => look.await,
        None => std::future::pending().await,
    }
}

fn unsent(target: &str, words: &str) -> String {
    format!(
        "{target} takes no messages: {words}; they are tried again for a day: check `notify.{target}_…` with \
         `apiary notify test`"
    )
}
