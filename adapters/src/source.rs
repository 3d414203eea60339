//! The interface between a sender of webhooks and the adapter.

use std::fmt;
use std::sync::Arc;

use apiary_settings::{Setting, Values};
use http::HeaderMap;
use jiff::Timestamp;

use crate::refusal::Refusal;
use crate::{Event, RouteTable, StartError};

/// A kind of sender, such as Stripe. `apiary webhook` and `apiary up` accept requests of each source in
/// [`ALL`](crate::sources::ALL) under `/webhooks/NAME`, once its secrets are set. `docs/adding-a-source.md` adds one.
///
/// A source has no state: [`open`](Self::open) makes [`Endpoint`]s from the settings, once at the start.
pub trait Source: Send + Sync {
    /// Returns the name, of lower-case letters and digits: the last part of the path, the first part of labels and of
    /// idempotency keys, and part of the settings' names (`webhook.NAME_…`).
    fn name(&self) -> &'static str;

    /// Returns a description: one line without its full stop.
    fn about(&self) -> &'static str;

    /// Returns all settings, including [`secrets`](Self::secrets) and [`routes`](Self::routes). They are read from the
    /// file, the environment and the flags, and documented in `docs/configuration.md`.
    fn settings(&self) -> &'static [Setting];

    /// Returns the setting of the signing secrets, a list. Without a value, requests get 404.
    fn secrets(&self) -> &'static Setting;

    /// Returns the setting of the routes, a list of lines as `docs/webhooks.md` describes them.
    fn routes(&self) -> &'static Setting;

    /// Returns the lines below those of the setting, such as those for a bee that ships.
    fn own_routes(&self) -> Vec<String> {
        Vec::new()
    }

    /// Returns the hint for a user who starts an adapter without any secret.
    fn advice(&self) -> &'static str;

    /// Returns the prefix of a signing secret that `apiary up` generates if none is set, so that the source can be tried
    /// out. `None` disables that.
    fn trial_secret_prefix(&self) -> Option<&'static str> {
        None
    }

    /// Returns the paths of its requests, for people.
    fn paths(&self) -> String {
        webhook_path(self.name())
    }

    /// Returns true if there may be several senders of this kind, each with a name of its own from the settings. Their
    /// lines in [`routes`](Self::routes) begin with `NAME/`.
    fn has_names(&self) -> bool {
        false
    }

    /// Makes the endpoints from the settings: one, or one for each named sender. The adapter calls
    /// [`check`](Endpoint::check) on each before a port is opened.
    ///
    /// # Errors
    ///
    /// Names the setting from which no endpoint can be made, and what to do.
    fn open(&self, settings: &Values) -> Result<Vec<Arc<dyn Endpoint>>, StartError>;
}

/// A source with its settings. Every request calls it, so no method may block.
pub trait Endpoint: fmt::Debug + Send + Sync + 'static {
    /// Returns the source's name, or that of one of several senders.
    fn name(&self) -> &str;

    /// Returns the path of the requests.
    fn path(&self) -> String {
        webhook_path(self.name())
    }

    /// Checks the settings, before a port is opened.
    ///
    /// # Errors
    ///
    /// Names the setting that cannot be used, and what to do.
    fn check(&self) -> Result<(), StartError>;

    /// Verifies that a request comes from the sender, and reads its events; most senders put one into a request. `body`
    /// is the raw body, because the signature is over its bytes.
    ///
    /// # Errors
    ///
    /// Returns the refusal for the sender. It must not quote the body or a header.
    fn verify(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Vec<Event>, Refusal>;
}

/// An endpoint and the routes of its events.
#[derive(Clone, Debug)]
pub struct Receiver {
    /// The endpoint.
    pub endpoint: Arc<dyn Endpoint>,
    /// The routes.
    pub routes: RouteTable,
}

impl Receiver {
    /// Makes the receivers of a source from the settings.
    ///
    /// # Errors
    ///
    /// Names the setting that cannot be used, and what to do.
    pub fn open(source: &dyn Source, settings: &Values) -> Result<Vec<Self>, StartError> {
        let endpoints = source.open(settings)?;
        let tables = route_tables(source, settings, endpoints.iter().map(|endpoint| endpoint.name()))?;
        let with_table = |(endpoint, routes)| Self { endpoint, routes };
        Ok(endpoints.clone().into_iter().zip(tables).map(with_table).collect())
    }
}

/// Reads the tables of these senders from a source's setting.
fn route_tables<'n>(
    source: &dyn Source,
    settings: &Values,
    names: impl Iterator<Item = &'n str> + Clone,
) -> Result<Vec<RouteTable>, StartError> {
    let setting = source.routes().key;
    let lines = settings.list(source.routes()).iter().enumerate().map(|(index, text)| (index + 1, text.as_str()));
    let own = source.own_routes();
    if !source.has_names() {
        return names.map(|name| RouteTable::read(name, setting, lines.clone(), &own)).collect();
    }
    let named: Vec<(usize, Option<(&str, &str)>)> =
        lines.map(|(number, text)| (number, text.split_once('/').map(|(name, rest)| (name.trim(), rest)))).collect();
    let is_known = |line: &Option<(&str, &str)>| line.is_some_and(|(name, _)| names.clone().any(|known| known == name));
    if let Some((number, _)) = named.iter().find(|(_, line)| !is_known(line)) {
        let known: Vec<&str> = names.collect();
        let problem = format!(
            "has an invalid entry {number}: it begins with no name of a sender, as in `NAME/TYPE = EXECUTOR_TYPE/FUNCTION`; \
             there are: {}",
            known.join(", ")
        );
        return Err(StartError::setting(setting, problem));
    }
    let of = |name: &str| {
        let own_lines = named.iter().filter_map(|(number, line)| line.map(|(of, rest)| (*number, of, rest)));
        let lines = own_lines.filter(|(_, of, _)| *of == name).map(|(number, _, rest)| (number, rest));
        RouteTable::read(name, setting, lines, &own)
    };
    names.map(of).collect()
}

/// Returns the path of a source.
pub fn webhook_path(source: &str) -> String {
    format!("/webhooks/{source}")
}
