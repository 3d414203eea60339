//! The server: keys, accounts, lists, single objects, and trouble on demand.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use apiary_identity::{Clock as _, SystemClock};
use jiff::fmt::rfc2822::DateTimePrinter;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use super::objects::{LISTS, remains, shown};
use super::request::Request;
use crate::web::{read_request, write_answer};

/// Largest page, as at Stripe.
const PAGE_MAX: usize = 100;

/// A fault that a request meets instead of its answer.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// Too many requests, with the seconds of `Retry-After` if any.
    RateLimited(Option<u64>),
    /// A fault of the server with this status.
    Fault(u16),
    /// No answer, on a connection that stays open.
    Silence,
    /// The connection ends without an answer.
    Close,
    /// Any head and body, as of a proxy.
    Raw(&'static str, String),
}

/// The stand-in; it stops when dropped.
pub struct StandIn {
    /// Address, for `finance.stripe_api_url`.
    pub url: String,
    state: Arc<Mutex<State>>,
    _serving: AbortOnDropHandle<()>,
}

struct State {
    key: String,
    /// Objects by account (empty for the key's own) and list, by the second of their creation and then in the order in
    /// which they were stored.
    objects: BTreeMap<(String, &'static str), Vec<Value>>,
    /// Accounts and ids of the objects, so that a hundred thousand are stored without a search for each.
    known: BTreeSet<(String, String)>,
    deleted: BTreeMap<String, Value>,
    of_other_mode: BTreeSet<String>,
    unlisted: BTreeSet<String>,
    denied: BTreeSet<String>,
    troubles: VecDeque<Trouble>,
    requests: Vec<String>,
    silent: Vec<TcpStream>,
}

type Answer = (String, Value);

impl StandIn {
    /// Starts an empty one, with a key of test mode.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            key: format!("rk_test_{}", Uuid::new_v4().simple()),
            objects: BTreeMap::new(),
            known: BTreeSet::new(),
            deleted: BTreeMap::new(),
            of_other_mode: BTreeSet::new(),
            unlisted: BTreeSet::new(),
            denied: BTreeSet::new(),
            troubles: VecDeque::new(),
            requests: Vec::new(),
            silent: Vec::new(),
        }));
        let serving = serve(listener, Arc::clone(&state));
        Self { url, state, _serving: AbortOnDropHandle::new(tokio::spawn(serving)) }
    }

    /// Returns the key that it accepts.
    pub fn key(&self) -> String {
        self.state().key.clone()
    }

    /// Stores an object, or replaces the one with its id.
    pub fn put(&self, object: Value) {
        self.put_of("", object);
    }

    /// Stores an object of a connected account.
    pub fn put_of(&self, account: &str, object: Value) {
        let (list, _) = LISTS.iter().find(|(_, name)| object["object"] == *name).unwrap();
        let mut state = self.state();
        let is_new = state.known.insert((account.to_owned(), object["id"].as_str().unwrap().to_owned()));
        let objects = state.objects.entry((account.to_owned(), list)).or_default();
        if is_new {
            let place = objects.partition_point(|stored| created(stored) <= created(&object));
            objects.insert(place, object);
        } else {
            let stored = objects.iter_mut().find(|stored| stored["id"] == object["id"]).unwrap();
            *stored = object;
        }
    }

    /// Deletes an object.
    pub fn delete(&self, id: &str) {
        let mut state = self.state();
        let stored = state.objects.values().flatten().find(|object| object["id"] == id).unwrap();
        let (id, left) = (id.to_owned(), remains(stored));
        state.objects.values_mut().for_each(|list| list.retain(|object| object["id"] != *id));
        state.known.retain(|(_, known)| *known != id);
        state.deleted.insert(id, left);
    }

    /// Makes an id one of the other mode.
    pub fn move_to_other_mode(&self, id: &str) {
        self.state().of_other_mode.insert(id.to_owned());
    }

    /// Leaves an object out of lists, as customers of a test clock are; by its id it is there.
    pub fn unlist(&self, id: &str) {
        self.state().unlisted.insert(id.to_owned());
    }

    /// Takes from the key the right to read a list, such as `invoices`.
    pub fn deny(&self, list: &str) {
        self.state().denied.insert(list.to_owned());
    }

    /// Brings trouble for the next requests, one after the other.
    pub fn trouble(&self, troubles: impl IntoIterator<Item = Trouble>) {
        self.state().troubles.extend(troubles);
    }

    /// Returns the heads of the requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.state().requests.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

async fn serve(listener: TcpListener, state: Arc<Mutex<State>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(answer(stream, Arc::clone(&state)));
    }
}

async fn answer(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let Some((head, _)) = read_request(&mut stream).await else { return };
    let trouble = {
        let mut state = state.lock().unwrap();
        state.requests.push(head.clone());
        state.troubles.pop_front()
    };
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&SystemClock.now()).unwrap();
    let (status, body) = match trouble {
        Some(Trouble::Close) => return,
        Some(Trouble::Silence) => return state.lock().unwrap().silent.push(stream),
        Some(Trouble::Raw(head, body)) => return write_answer(&mut stream, head, &body).await.unwrap_or_default(),
        Some(Trouble::RateLimited(after)) => {
            let after = after.map(|after| format!("\r\nretry-after: {after}")).unwrap_or_default();
            error(&format!("429 Too Many Requests{after}"), "rate_limit", "Request rate limit exceeded")
        }
        Some(Trouble::Fault(status)) => error(&format!("{status} Fault"), "api_error", "An unknown error occurred"),
        None => Request::read(&head).map_or_else(|| unknown(&head), |request| state.lock().unwrap().answer(&request)),
    };
    let head = format!("{status}\r\ncontent-type: application/json\r\ndate: {date}");
    // A client that has gone needs no answer.
    let _ = write_answer(&mut stream, &head, &body.to_string()).await;
}

impl State {
    fn answer(&self, request: &Request) -> Answer {
        if request.header("authorization") != format!("Bearer {}", self.key) {
            return error("401 Unauthorized", "", "Invalid API Key provided: rk_test_****");
        }
        if request.method != "GET" || request.header("stripe-version").is_empty() {
            return error("400 Bad Request", "", "This stand-in is only read, and in a version that is named");
        }
        let account = request.header("stripe-account");
        if !account.is_empty() && !self.objects.keys().any(|(known, _)| known == account) {
            let words = format!("The provided key 'rk_test_***' does not have access to account '{account}'");
            return error("403 Forbidden", "account_invalid", &words);
        }
        let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
        let Some(["v1", list, rest @ ..]) = path.get(..) else { return unknown(&request.path.join("/")) };
        if self.denied.contains(*list) {
            return denied(list);
        }
        match rest {
            [] if *list == "subscription_items" => self.items(request, account),
            [] => self.list(request, account, list),
            [id] => self.object(account, list, id),
            _ => unknown(&request.path.join("/")),
        }
    }

    fn objects(&self, account: &str, list: &str) -> Option<(&'static str, &[Value])> {
        let (list, name) = LISTS.iter().find(|(known, _)| *known == list)?;
        Some((name, self.objects.get(&(account.to_owned(), *list)).map(Vec::as_slice).unwrap_or_default()))
    }

    fn list(&self, request: &Request, account: &str, list: &str) -> Answer {
        let Some((name, objects)) = self.objects(account, list) else { return unknown(list) };
        let is_all = request.query.get("status").is_some_and(|status| status == "all");
        let is_listed = |object: &&Value| {
            let second = created(object);
            !object["id"].as_str().is_some_and(|id| self.unlisted.contains(id))
                && (name != "subscription" || is_all || object["status"] != "canceled")
                && request.number("created[gte]").is_none_or(|from| second >= from)
                && request.number("created[lte]").is_none_or(|to| second <= to)
        };
        // The newest first; of one second, the one stored last.
        page(request, &format!("/v1/{list}"), name, objects.iter().rev(), is_listed)
    }

    fn items(&self, request: &Request, account: &str) -> Answer {
        let id = request.query.get("subscription").map_or("", String::as_str);
        let (_, objects) = self.objects(account, "subscriptions").unwrap();
        match objects.iter().find(|object| object["id"] == id) {
            Some(object) => {
                let items = object["items"]["data"].as_array().unwrap().iter();
                page(request, "/v1/subscription_items", "subscription_item", items, |_| true)
            }
            None => missing("400 Bad Request", "subscription", id),
        }
    }

    fn object(&self, account: &str, list: &str, id: &str) -> Answer {
        let Some((name, objects)) = self.objects(account, list) else { return unknown(list) };
        if self.of_other_mode.contains(id) {
            let words = format!(
                "No such {name}: '{id}'; a similar object exists in live mode, but a test mode key was used to make this \
                 request."
            );
            return error("404 Not Found", "resource_missing", &words);
        }
        if let Some(left) = self.deleted.get(id) {
            return ("200 OK".to_owned(), left.clone());
        }
        match objects.iter().find(|object| object["id"] == id) {
            Some(object) => ("200 OK".to_owned(), shown(object)),
            None => missing("404 Not Found", name, id),
        }
    }
}

fn created(object: &Value) -> i64 {
    object["created"].as_i64().unwrap_or(0)
}

/// Answers with a page of those objects that are listed.
fn page<'a>(
    request: &Request,
    url: &str,
    name: &str,
    mut objects: impl Iterator<Item = &'a Value>,
    is_listed: impl Fn(&&Value) -> bool,
) -> Answer {
    let limit = request.query.get("limit").map_or(Ok(10), |limit| limit.parse());
    let Some(limit) = limit.ok().filter(|limit| (1..=PAGE_MAX).contains(limit)) else {
        return error("400 Bad Request", "parameter_invalid_integer", "Invalid integer: limit");
    };
    if let Some(after) = request.query.get("starting_after")
        && !objects.any(|object| object["id"] == **after)
    {
        return missing("400 Bad Request", name, after);
    }
    let mut data: Vec<Value> = objects.filter(is_listed).take(limit + 1).map(shown).collect();
    let has_more = data.len() > limit;
    data.truncate(limit);
    ("200 OK".to_owned(), json!({"object": "list", "url": url, "has_more": has_more, "data": data}))
}

fn error(status: &str, code: &str, message: &str) -> Answer {
    let code = Some(code).filter(|code| !code.is_empty());
    (status.to_owned(), json!({"error": {"type": "invalid_request_error", "code": code, "message": message}}))
}

fn missing(status: &str, name: &str, id: &str) -> Answer {
    error(status, "resource_missing", &format!("No such {name}: '{id}'"))
}

fn denied(list: &str) -> Answer {
    let right = format!("rak_{}_read", list.trim_end_matches('s'));
    let words = format!(
        "The provided key 'rk_test_***' does not have the required permissions for this endpoint on account 'acct_1'. \
         Having the '{right}' permission would allow this request to continue."
    );
    error("403 Forbidden", "", &words)
}

fn unknown(path: &str) -> Answer {
    error("404 Not Found", "", &format!("Unrecognized request URL (GET: {path})."))
}
