//! A table with a primary key behind Supabase's REST API, as far as the examples' handler uses it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use apiary_tests::web::{read_request, write_answer};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

/// Request line of an insert that the primary key decides.
const INSERT: &str = "POST /rest/v1/webhook_events?on_conflict=key ";
const IGNORES_DUPLICATES: &str = "resolution=ignore-duplicates";

/// A stored event, and the number of attempts to store it.
pub(super) struct Row {
    pub(super) event: Value,
    pub(super) inserts: usize,
}

/// Rows by their key.
type Rows = Arc<Mutex<BTreeMap<String, Row>>>;

/// The table, and its server.
pub(super) struct Table {
    pub(super) url: String,
    rows: Rows,
    _serving: AbortOnDropHandle<()>,
}

impl Table {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let rows = Rows::default();
        let shared = Arc::clone(&rows);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&shared)));
            }
        });
        Self { url, rows, _serving: AbortOnDropHandle::new(serving) }
    }

    /// Stores an event unless its key is there.
    pub(super) fn insert(&self, key: &str, event: Value) {
        insert(&self.rows, key, event);
    }

    /// Returns the number of inserts by key, and checks that each row holds the event of its key.
    pub(super) fn inserts(&self) -> BTreeMap<String, usize> {
        let rows = self.rows.lock().unwrap();
        for (key, row) in rows.iter() {
            let id = row.event["id"].as_str().unwrap();
            assert!(key.ends_with(&format!(":{id}")), "{key} holds {id}");
        }
        rows.iter().map(|(key, row)| (key.clone(), row.inserts)).collect()
    }
}

fn insert(rows: &Rows, key: &str, event: Value) {
    let mut rows = rows.lock().unwrap();
    rows.entry(key.to_owned()).or_insert(Row { event, inserts: 0 }).inserts += 1;
}

async fn answer(mut stream: TcpStream, rows: Rows) {
    let Some((head, body)) = read_request(&mut stream).await else { return };
    let row: Value = serde_json::from_str(&body).unwrap_or_default();
    let is_insert = head.starts_with(INSERT) && head.contains(IGNORES_DUPLICATES);
    let status = match row["key"].as_str().filter(|_| is_insert) {
        Some(key) => {
            insert(&rows, key, serde_json::from_str(row["event"].as_str().unwrap_or_default()).unwrap());
            "201 Created"
        }
        None => "400 Bad Request",
    };
    let _ = write_answer(&mut stream, status, "").await;
}
