//! Background tasks that are restarted and reported when they panic or end too early.

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use apiary_identity::Clock;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::metrics::Counter;
use crate::{Metrics, Notices};

/// Pause before a restart; each failure in the window doubles it.
const RESTART_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause before a restart.
const RESTART_PAUSE_MAX: Duration = Duration::from_secs(10);
/// Failures of one task within the window beyond which restarts are given up.
const RESTARTS_MAX: usize = 5;
/// The window in which failures of one task are counted.
const RESTART_WINDOW: Duration = Duration::from_secs(60);
/// Time after which a restarted task counts as running.
const STEADY_AFTER: Duration = Duration::from_millis(500);
/// Time for which a restart is listed as a notice after the task became steady.
const REMEMBERED: Duration = Duration::from_secs(600);

/// Environment variable that makes tasks panic at their start, in debug builds only: `NAME=TIMES`, separated by commas.
const SABOTAGED_TASKS: &str = "SABOTAGED_TASKS";

/// The notice of a restarted task.
const TASK_RESTARTED: &str = "TASK_RESTARTED";
/// The notice of a task that failed too often.
const TASK_FAILED: &str = "TASK_FAILED";

/// The background tasks of one running part. Clones share them.
///
/// A task that panics, or ends before `stop`, is logged, raises a notice, and is restarted with its state after a
/// pause. When restarts do not help, [`failed`](Self::failed) completes: the process should end with an error, so that
/// its service manager restarts it.
#[derive(Clone)]
pub struct Supervisor {
    shared: Arc<SupervisorState>,
    tasks: TaskTracker,
}

struct SupervisorState {
    notices: Notices,
    metrics: Metrics,
    /// State by task name.
    known: Mutex<BTreeMap<&'static str, TaskState>>,
    failure: watch::Sender<Option<String>>,
}

#[derive(Default)]
struct TaskState {
    down: usize,
    sabotage: Arc<Notify>,
    /// Further starts that panic, for tests.
    panics_left: u32,
}

/// The life of one task over its restarts.
pub struct Life {
    shared: Arc<SupervisorState>,
    name: &'static str,
    stop: CancellationToken,
    sabotage: Arc<Notify>,
    restarts: Counter,
    /// The failures in the window.
    failures: VecDeque<Instant>,
    is_down: bool,
    is_noticed: bool,
}

impl Supervisor {
    /// Creates a supervisor without tasks, with notices whose times are read from this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let (metrics, notices) = (Metrics::new(), Notices::new(clock));
        notices.count_in(&metrics);
        let (known, failure) = (Mutex::default(), watch::Sender::new(None));
        Self { shared: Arc::new(SupervisorState { notices, metrics, known, failure }), tasks: TaskTracker::new() }
    }

    /// Returns a supervisor whose tasks are waited for separately, with the same notices and failure.
    pub fn group(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), tasks: TaskTracker::new() }
    }

    /// Returns the notices. The supervisor adds restarts and failures, and any part what an operator should know of.
    pub fn notices(&self) -> &Notices {
        &self.shared.notices
    }

    /// Returns the metrics of this part.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// Starts a task. It may end once `stop` is cancelled, also by itself; an earlier end is a fault.
    ///
    /// `state` is lent to each run, so that queues survive a panic. Anything that a run has taken out of it and not put
    /// back is dropped.
    pub fn spawn<S: Send + 'static>(
        &self,
        name: &'static str,
        stop: CancellationToken,
        mut state: S,
        mut run: impl for<'s> FnMut(&'s mut S) -> BoxFuture<'s, ()> + Send + 'static,
    ) {
        let mut life = self.life(name, stop.clone());
        self.tasks.spawn(async move {
            loop {
                // `run` is called inside the future, because it may panic before it returns one.
                let ended = life.run(async { run(&mut state).await }).await;
                // After `stop`, a task that panicked still runs again to finish its work, unless it fails every time.
                if stop.is_cancelled() && (ended.is_some() || life.is_hopeless()) {
                    return;
                }
                if ended.is_some() {
                    life.fail("ended before its time").await;
                }
            }
        });
    }

    /// Returns the life of a task that its owner runs itself, with [`Life::run`]. `stop` ends the pauses before
    /// restarts.
    pub fn life(&self, name: &'static str, stop: CancellationToken) -> Life {
        let sabotage = Arc::clone(&self.shared.known().entry(name).or_insert_with(|| TaskState::of(name)).sabotage);
        let (shared, failures) = (Arc::clone(&self.shared), VecDeque::new());
        let help = "Starts of background tasks after a panic or an early end.";
        let restarts = self.metrics().series().counter("apiary_task_restarts_total", help, &[("task", name)]);
        Life { shared, name, stop, sabotage, restarts, failures, is_down: false, is_noticed: false }
    }

    /// Runs a future that ends by itself, such as the answer to a call. [`wait`](Self::wait) waits for it.
    pub fn track(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Returns `true` if every task runs: none has failed without being steady again.
    pub fn is_up(&self) -> bool {
        self.shared.known().values().all(|known| known.down == 0)
    }

    /// Waits until a task has failed too often; returns the problem.
    pub async fn failed(&self) -> String {
        let mut failure = self.shared.failure.subscribe();
        let problem = failure.wait_for(Option::is_some).await.ok().and_then(|problem| (*problem).clone());
        match problem {
            Some(problem) => problem,
            // Unreachable: `self` holds the sender, so that the wait never fails.
            None => std::future::pending().await,
        }
    }

    /// Lets [`wait`](Self::wait) complete once all tasks have ended.
    pub fn close(&self) {
        self.tasks.close();
    }

    /// Waits until all tasks have ended.
    pub async fn wait(&self) {
        self.tasks.wait().await;
    }
}

#[cfg(any(test, feature = "sabotage"))]
impl Supervisor {
    /// Returns the names of all tasks ever started.
    pub fn names(&self) -> Vec<&'static str> {
        self.shared.known().keys().copied().collect()
    }

    /// Makes a task of this name panic once, at its next await.
    pub fn sabotage(&self, name: &str) {
        if let Some(known) = self.shared.known().get(name) {
            known.sabotage.notify_one();
        }
    }
}

impl TaskState {
    fn of(name: &str) -> Self {
        Self { panics_left: panics_of(name), ..Self::default() }
    }
}

/// Returns the number of starts of this task that panic, from [`SABOTAGED_TASKS`].
fn panics_of(name: &str) -> u32 {
    if !cfg!(debug_assertions) {
        return 0;
    }
    let orders = std::env::var(SABOTAGED_TASKS).unwrap_or_default();
    let mut orders = orders.split(',').filter_map(|order| order.split_once('='));
    orders.find(|(task, _)| *task == name).and_then(|(_, times)| times.parse().ok()).unwrap_or(0)
}

impl SupervisorState {
    /// Returns `true` if this start of a task must panic, and counts it.
    fn take_panic(&self, name: &str) -> bool {
        let mut known = self.known();
        let Some(known) = known.get_mut(name).filter(|known| known.panics_left > 0) else { return false };
        known.panics_left -= 1;
        true
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<&'static str, TaskState>> {
        // The state is valid after a panic: no step that changes it can panic half-way.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_up(&self, name: &'static str, problem: &str) {
        let text = format!("the task `{name}` failed {RESTARTS_MAX} times within a minute, at last it {problem}");
        self.notices.record(TASK_FAILED, name, format!("{text}; the process ends, to be started anew: see the log"));
        // The first task to fail is the cause; the tasks that fail after it are often only a consequence.
        self.failure.send_if_modified(|failure| {
            let is_first = failure.is_none();
            failure.get_or_insert(text);
            is_first
        });
    }
}

impl Life {
    /// Runs the task. Returns `None` if it panicked; then the panic was reported and the pause is over, and the caller
    /// runs it again.
    pub async fn run<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let (sabotage, is_to_panic) = (Arc::clone(&self.sabotage), self.shared.take_panic(self.name));
        let work = async {
            if is_to_panic {
                sabotaged()
            }
            tokio::select! {
                biased;
                () = sabotage.notified() => sabotaged(),
                done = work => done,
            }
        };
        let ended = tokio::select! {
            biased;
            ended = AssertUnwindSafe(work).catch_unwind() => ended,
            // Beside the work, because a task that runs well for long never returns to a place where it could be called
            // steady.
            never = self.recover() => match never {},
        };
        match ended {
            Ok(done) => Some(done),
            Err(panic) => {
                self.fail(&format!("panicked: {}", words(&*panic))).await;
                None
            }
        }
    }

    /// Reports a failure, and waits for the pause before the next start.
    pub async fn fail(&mut self, problem: &str) {
        let now = Instant::now();
        self.failures.retain(|at| now.saturating_duration_since(*at) < RESTART_WINDOW);
        self.failures.push_back(now);
        self.restarts.add_one();
        // Counted once per task, however often it fails before it is steady.
        if !std::mem::replace(&mut self.is_down, true) {
            self.shared.known().entry(self.name).or_default().down += 1;
        }
        let (task, failures) = (self.name, self.failures.len());
        tracing::error!(task, failures, problem, "a background task failed; it is started again");
        let text = format!("the task `{task}` {problem}; it was started again: see the log, and report it as a fault");
        self.shared.notices.record(TASK_RESTARTED, task, text);
        self.is_noticed = true;
        if self.is_hopeless() {
            self.shared.give_up(task, problem);
        }
        // Bounded, so that the shift below cannot overflow.
        let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
        let pause = RESTART_PAUSE.saturating_mul(1 << doublings).min(RESTART_PAUSE_MAX);
        tokio::select! {
            () = sleep(pause) => {}
            () = self.stop.cancelled() => {}
        }
    }

    /// Returns `true` if the task has failed too often within the window.
    pub fn is_hopeless(&self) -> bool {
        self.failures.len() > RESTARTS_MAX
    }

    /// Marks a restarted task as running after [`STEADY_AFTER`], and resolves its notice later. Never ends.
    async fn recover(&mut self) -> Infallible {
        if self.is_down {
            sleep(STEADY_AFTER).await;
            self.is_up_again();
        }
        if self.is_noticed {
            sleep(REMEMBERED).await;
            self.shared.notices.resolve(TASK_RESTARTED, self.name);
            self.is_noticed = false;
        }
        std::future::pending().await
    }

    fn is_up_again(&mut self) {
        if std::mem::take(&mut self.is_down)
            && let Some(known) = self.shared.known().get_mut(self.name)
        {
            known.down = known.down.saturating_sub(1);
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.is_up_again();
    }
}

#[expect(clippy::panic, reason = "only a test asks for it")]
fn sabotaged<T>() -> T {
    panic!("sabotaged by a test")
}

/// Returns the text of a panic.
pub fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without words")
}

#[cfg(test)]
mod tests {
    use apiary_identity::ManualClock;
    use jiff::Timestamp;
    use tokio::sync::mpsc;

    use super::*;

    fn supervisor() -> Supervisor {
        Supervisor::new(Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH)))
    }

    fn kinds(supervisor: &Supervisor) -> Vec<&'static str> {
        supervisor.notices().list().into_iter().map(|notice| notice.kind).collect()
    }

    /// Starts a task that doubles numbers and panics on 0.
    fn start_doubler(supervisor: &Supervisor, stop: &CancellationToken) -> (mpsc::Sender<u32>, mpsc::Receiver<u32>) {
        let (sender, queue) = mpsc::channel(8);
        let (out, doubled) = mpsc::channel(8);
        let ending = stop.clone();
        supervisor.spawn("doubler", stop.clone(), (queue, out, ending), |(queue, out, ending)| {
            Box::pin(async move {
                loop {
                    tokio::select! {
                        () = ending.cancelled() => return,
                        Some(number) = queue.recv() => {
                            assert!(number != 0, "zero");
                            out.send(number * 2).await.unwrap();
                        }
                    }
                }
            })
        });
        (sender, doubled)
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_goes_on_with_its_queue_and_is_reported() {
        let (supervisor, stop) = (supervisor(), CancellationToken::new());
        let (queue, mut doubled) = start_doubler(&supervisor, &stop);
        for number in [1, 0, 2] {
            queue.send(number).await.unwrap();
        }
        assert_eq!((doubled.recv().await, doubled.recv().await), (Some(2), Some(4)));
        assert!(!supervisor.is_up(), "it is not steady yet");
        assert_eq!(kinds(&supervisor), [TASK_RESTARTED]);
        assert!(supervisor.notices().list()[0].text.contains("`doubler` panicked: zero"));
        sleep(STEADY_AFTER * 2).await;
        assert!(supervisor.is_up());
        sleep(REMEMBERED).await;
        assert_eq!(kinds(&supervisor), [""; 0]);
        stop.cancel();
        supervisor.close();
        supervisor.wait().await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_before_its_time_is_a_failure_and_one_after_stop_is_none() {
        let (supervisor, stop) = (supervisor(), CancellationToken::new());
        supervisor.spawn("short", stop.clone(), (0, stop.clone()), |(runs, stop)| {
            Box::pin(async move {
                *runs += 1;
                if *runs > 1 {
                    stop.cancelled().await;
                }
            })
        });
        sleep(Duration::from_secs(5)).await;
        let notices = supervisor.notices().list();
        assert_eq!((notices.len(), notices[0].kind, notices[0].count), (1, TASK_RESTARTED, 1));
        stop.cancel();
        supervisor.close();
        supervisor.wait().await;
    }

    #[tokio::test(start_paused = true)]
    async fn restarts_that_do_not_help_end_it() {
        let (supervisor, stop) = (supervisor(), CancellationToken::new());
        supervisor.spawn("broken", stop.clone(), (), |()| Box::pin(async { panic!("always") }));
        let problem = supervisor.failed().await;
        assert!(problem.contains("`broken`") && problem.contains("always"), "{problem}");
        assert_eq!(kinds(&supervisor), [TASK_FAILED, TASK_RESTARTED]);
        assert!(!supervisor.is_up());
        stop.cancel();
        supervisor.close();
        supervisor.wait().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_test_may_make_a_task_panic_while_it_waits() {
        let (supervisor, stop) = (supervisor(), CancellationToken::new());
        let (queue, mut doubled) = start_doubler(&supervisor, &stop);
        assert_eq!(supervisor.names(), ["doubler"]);
        supervisor.sabotage("doubler");
        queue.send(4).await.unwrap();
        assert_eq!(doubled.recv().await, Some(8));
        assert_eq!(kinds(&supervisor), [TASK_RESTARTED]);
        stop.cancel();
    }
}
