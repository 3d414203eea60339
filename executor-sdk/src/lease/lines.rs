//! Log lines of an attempt.

use std::sync::Arc;

use apiary_daemon::Supervisor;
use apiary_proto::v1;
use serde_json::{Map, Value};

use super::courier::Courier;
use super::subject::Subject;
use crate::journal::Journal;
use crate::{Client, LogLevel};

/// Splits a message into log lines that the broker accepts: several if it has more than 16 KiB, with any fields in the
/// first. Fields of more than 16 KiB are replaced by their size.
pub fn lines_of(client: &Client, level: LogLevel, message: &str, fields: Map<String, Value>) -> Vec<v1::NewLogLine> {
    let journal = Journal::new(Arc::clone(client.clock()));
    journal.log(level, message, (!fields.is_empty()).then(|| Value::Object(fields).to_string()));
    journal.take_lines()
}

/// Sender of log lines in the background, collected for at most a second. Writers never wait: if there are more lines
/// than can be sent, the oldest are dropped, and a line gives their number.
pub struct Lines {
    courier: Courier,
}

impl Lines {
    /// Starts the sender; it ends with [`finish`](Self::finish), or when dropped.
    pub fn start(client: &Client, subject: Subject) -> Self {
        let journal = Arc::new(Journal::new(Arc::clone(client.clock())));
        let tasks = Supervisor::new(Arc::clone(client.clock()));
        Self { courier: Courier::start(client.clone(), subject, journal, &tasks) }
    }

    /// Returns a function that adds a line, from any thread.
    pub fn writer(&self) -> impl Fn(LogLevel, &str) + Send + Sync + 'static {
        let journal = self.courier.journal();
        move |level, message| journal.log(level, message, None)
    }

    /// Waits until the lease is lost, after which no more lines are accepted.
    pub async fn lost(&self) {
        self.courier.lost().await;
    }

    /// Sends the rest, as far as possible in 5 seconds. Returns `false` if the lease is lost.
    pub async fn finish(self) -> bool {
        self.courier.finish().await
    }
}
