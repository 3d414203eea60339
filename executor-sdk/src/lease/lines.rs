//! Log lines of an attempt.

use std::sync::Arc;

use apiary_daemon::{Notices, Supervisor};
use apiary_proto::v1;
use serde_json::{Map, Value};

use super::courier::Courier;
use super::subject::Subject;
use crate::journal::Journal;
use crate::{Client, LogLevel};

/// One message as the broker takes it: several lines if it has more than 16 KiB, with the fields, if there are any, in the
/// first. Fields of more than 16 KiB are left out, and the line says so.
pub fn lines_of(client: &Client, level: LogLevel, message: &str, fields: Map<String, Value>) -> Vec<v1::NewLogLine> {
    let journal = Journal::new(Arc::clone(client.clock()));
    journal.log(level, message, (!fields.is_empty()).then(|| Value::Object(fields).to_string()));
    journal.take_lines()
}

/// Brings lines home in the background, gathered for at most a second. Whoever writes them is never held up: of more than
/// can be sent, the oldest are dropped, and a line says how many.
pub struct Lines {
    courier: Courier,
}

impl Lines {
    /// Starts; it ends with [`finish`](Self::finish), or when it is dropped.
    pub fn start(client: &Client, subject: Subject) -> Self {
        let journal = Arc::new(Journal::new(Arc::clone(client.clock())));
        let tasks = Supervisor::new(Notices::new(Arc::clone(client.clock())));
        Self { courier: Courier::start(client.clone(), subject, journal, &tasks) }
    }

    /// How a line is added, from any thread.
    pub fn writer(&self) -> impl Fn(LogLevel, &str) + Send + Sync + 'static {
        let journal = self.courier.journal();
        move |level, message| journal.log(level, message, None)
    }

    /// Completes when the lease is lost: no more lines are taken.
    pub async fn lost(&self) {
        self.courier.lost().await;
    }

    /// Sends what is left, as far as that is possible in 5 seconds. False if the lease is lost.
    pub async fn finish(self) -> bool {
        self.courier.finish().await
    }
}
