//! A stand-in for GoTrue's admin API, as Supabase documents it: `GET` and `PUT /auth/v1/admin/users/{id}` with a service-role key.
//! `ban_duration` is a duration in Go's form, or `none`; `app_metadata` is merged, and a key whose value is null is deleted.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use apiary_identity::{Clock as _, SystemClock};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::web::{read_request, write_answer};

/// Accounts of a project.
pub struct GoTrueStub {
    url: String,
    users: Arc<Mutex<BTreeMap<String, Value>>>,
    _serving: AbortOnDropHandle<()>,
}

impl GoTrueStub {
    /// Starts a server that expects this service-role key, a new one (`sb_secret_…`).
    pub async fn start(key: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let users = Arc::new(Mutex::new(BTreeMap::new()));
        let shared = Arc::clone(&users);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, key, Arc::clone(&shared)));
            }
        });
        Self { url, users, _serving: AbortOnDropHandle::new(serving) }
    }

    /// Returns the project's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Adds an account.
    pub fn add(&self, user_id: Uuid) {
        let user = json!({
            "id": user_id, "aud": "authenticated", "email": "mallory@example.com",
            "app_metadata": {"provider": "email", "providers": ["email"]}, "user_metadata": {},
        });
        self.users.lock().unwrap().insert(user_id.to_string(), user);
    }

    /// Returns an account as its admin API shows it.
    pub fn user(&self, user_id: Uuid) -> Value {
        self.users.lock().unwrap()[&user_id.to_string()].clone()
    }
}

async fn answer(mut stream: TcpStream, key: &str, users: Arc<Mutex<BTreeMap<String, Value>>>) {
    let Some((head, body)) = read_request(&mut stream).await else { return };
    let (status, body) = respond(&head, &body, key, &mut users.lock().unwrap());
    let _ = write_answer(&mut stream, status, &body.to_string()).await;
}

fn respond(head: &str, body: &str, key: &str, users: &mut BTreeMap<String, Value>) -> (&'static str, Value) {
    let mut words = head.lines().next().unwrap_or_default().split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let api_key = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("apikey").then(|| value.trim())
    });
    if api_key != Some(key) {
        return ("401 Unauthorized", json!({"message": "Invalid API key"}));
    }
    if method == "GET" && path.starts_with("/auth/v1/admin/users?") {
        return ("200 OK", json!({"users": users.values().collect::<Vec<_>>(), "aud": "authenticated"}));
    }
    let user = path.strip_prefix("/auth/v1/admin/users/").and_then(|id| users.get_mut(id));
    let Some(user) = user else {
        return ("404 Not Found", json!({"code": 404, "error_code": "user_not_found", "msg": "User not found"}));
    };
    if method == "PUT" && update(user, &serde_json::from_str(body).unwrap_or_default()).is_none() {
        let words = "invalid format for ban duration";
        return ("400 Bad Request", json!({"code": 400, "error_code": "validation_failed", "msg": words}));
    }
    ("200 OK", user.clone())
}

/// Applies a change; `None` for a duration that Go does not read.
fn update(user: &mut Value, change: &Value) -> Option<()> {
    if let Some(duration) = change["ban_duration"].as_str() {
        let seconds = match duration {
            "none" => None,
            duration => Some(duration.strip_suffix('s')?.parse::<i64>().ok()?),
        };
        let until = seconds.map(|seconds| (SystemClock.now() + SignedDuration::from_secs(seconds)).to_string());
        match until {
            Some(until) => user["banned_until"] = until.into(),
            None => drop(user.as_object_mut()?.remove("banned_until")),
        }
    }
    for (name, value) in change["app_metadata"].as_object().into_iter().flatten() {
        let metadata = user["app_metadata"].as_object_mut()?;
        match value {
            Value::Null => drop(metadata.remove(name)),
            value => drop(metadata.insert(name.clone(), value.clone())),
        }
    }
    Some(())
}
