//! `apiary webhook send`.

use apiary_adapters::Source as _;
use apiary_adapters::sources::stripe::Stripe;
use apiary_protocol::near::nearest;
use clap::Args;
use rand::RngExt as _;
use rand::distr::Alphanumeric;
use reqwest::Url;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::Value;

use super::fields::{Field, is_field};
use crate::arguments::whole;
use crate::context::Context;
use crate::demo::events::{Customer, DAY, Life, TYPES, body};
use crate::demo::poster::{Answer, Poster};
use crate::exit::{Exit, Fault};
use crate::output::{Format, note, plain, table};
use crate::settings::Settings;
use crate::{profile, up};

/// Random characters of an event's id, as in Stripe's own.
const ID_CHARS: usize = 24;
/// Characters of a customer's name: it is part of ids.
const NAME_CHARS_MAX: usize = 40;
/// Price of the test subscription, in cents.
const AMOUNT: i64 = 2900;

const EXAMPLES: &str = "\
Examples:
  apiary webhook send --list
  apiary webhook send customer.subscription.created
  apiary webhook send customer.subscription.updated --set data.object.quantity=3 --customer bo
  apiary webhook send invoice.payment_failed --count 10
  STRIPE_WEBHOOK_SECRET=whsec_… apiary webhook send invoice.paid --url https://hooks.example/webhooks/stripe

Events of one customer belong together: created, paid, updated and deleted are of the same customer and subscription.
The secret is the setting `webhook.stripe_secrets`, or else the one that `apiary up` made in its data folder.";

/// Send a made-up event with a valid signature, as Stripe does, for tests
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Type of the event, such as invoice.paid
    #[arg(value_name = "TYPE", required_unless_present = "list")]
    kind: Option<String>,
    /// List the types that can be sent
    #[arg(long)]
    list: bool,
    /// A field of the event, such as data.object.status=past_due, as JSON or else as text; or a setting. May be given
    /// several times
    #[arg(id = "set", long = "set", value_name = "PATH=VALUE")]
    fields: Vec<String>,
    /// URL of the endpoint; default: the adapter of `apiary up`, or the one at `webhook.listen`
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Customer of the event: letters, digits and `_`; each name is a customer of its own
    #[arg(long, value_name = "NAME", default_value = "ada")]
    customer: String,
    /// Number of events, sent one after the other, each with its own id
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole::<u32>(1, 100_000))]
    count: u32,
}

#[derive(Serialize)]
struct SendOutput {
    event: String,
    #[serde(rename = "type")]
    kind: String,
    url: String,
    status: u16,
    /// The adapter's outcome: `submitted`, `spooled` or `ignored`; `refused` if it gave none.
    outcome: String,
    process_id: Option<String>,
    existed: Option<bool>,
    /// The adapter's message, if it rejected the event.
    message: Option<String>,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    if arguments.list {
        let types = TYPES.map(|(kind, told)| vec![kind.to_owned(), told.to_owned()]);
        return context.format.print(&TYPES.map(|(kind, _)| kind), |_| table(&["type", "what it tells"], types));
    }
    let kind = arguments.kind.as_deref().unwrap_or_default();
    check(kind, &arguments.customer)?;
    let fields: Vec<Field> = arguments
        .fields
        .iter()
        .filter(|text| is_field(text))
        .map(|text| Field::read(text))
        .collect::<Result<_, _>>()?;
    let url = url(arguments.url.as_deref(), &context.settings)?;
    let secret = secret(&context.settings)?;
    let clock = profile::clock();
    let mut poster = Poster::new(url.clone(), clock.clone())?;
    let mut last = None;
    for _ in 0..arguments.count {
        let event = event(kind, &arguments.customer, clock.now().as_second(), &fields)?;
        let answer = poster.post(&body(&event), &secret).await.map_err(|error| unreachable(&url, &error))?;
        let sent = SendOutput::new(&event, &url, &answer);
        context.format.print(&sent, SendOutput::text)?;
        if !(200..300).contains(&sent.status) {
            return Err(refused(&sent).into());
        }
        last = sent.process_id;
    }
    if let (Some(process_id), Format::Text) = (last, context.format) {
        note(&format!("look at it: `apiary process show {process_id}`, `apiary record show`"));
    }
    Ok(())
}

fn check(kind: &str, customer: &str) -> Result<(), Fault> {
    if !TYPES.iter().any(|(known, _)| *known == kind) {
        let fault = Fault::usage(format!("there is no test event of the type `{kind}`"));
        return Err(match nearest(kind, TYPES.iter().map(|(known, _)| *known)) {
            Some(meant) => fault.hint(format!("did you mean {meant}? `apiary webhook send --list` lists them all")),
            None => fault.hint("`apiary webhook send --list` lists the supported types"),
        });
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if customer.is_empty() || customer.len() > NAME_CHARS_MAX || !customer.chars().all(plain) {
        return Err(Fault::usage(format!("--customer: a name has 1 to {NAME_CHARS_MAX} letters, digits and `_`")));
    }
    Ok(())
}

/// Builds the event as of now: the customer subscribed ten days ago, at the beginning of the day.
fn event(kind: &str, customer: &str, now_s: i64, fields: &[Field]) -> anyhow::Result<Value> {
    let start = now_s - now_s.rem_euclid(DAY) - 10 * DAY;
    let customer = Customer { name: customer, price: "price_demo_pro", amount: AMOUNT };
    let mut event = Life { customer, start }.event(kind, now_s - start, 0).unwrap_or_default();
    let random: String = rand::rng().sample_iter(Alphanumeric).take(ID_CHARS).map(char::from).collect();
    event["id"] = format!("evt_{random}").into();
    let quantity = event["data"]["object"]["quantity"].clone();
    fields.iter().try_for_each(|field| field.put(&mut event))?;
    mirror_quantity(&mut event, &quantity);
    Ok(event)
}

/// Copies a changed quantity: a subscription with one item has it in two places, and a user who changes one means both.
fn mirror_quantity(event: &mut Value, before: &Value) {
    // A field set by the user may have any type, and stays as it is.
    let Some(object) = event.pointer_mut("/data/object") else { return };
    if object["quantity"] != *before
        && let Some(item) = object.pointer("/items/data/0/quantity")
        && item == before
    {
        let quantity = object["quantity"].clone();
        object["items"]["data"][0]["quantity"] = quantity;
    }
}

/// Returns the URL: the named one; else the configured address of the adapter; else that of a running `apiary up`.
fn url(named: Option<&str>, settings: &Settings) -> Result<String, Fault> {
    let Some(named) = named else { return Ok(format!("http://{}/webhooks/stripe", up::webhook_address(settings)?)) };
    let wrong = || {
        Fault::usage(format!("--url: `{}` is no address such as http://127.0.0.1:7421/webhooks/stripe", plain(named)))
    };
    let mut url = Url::parse(named).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong());
    }
    if url.path() == "/" {
        url.set_path("/webhooks/stripe");
    }
    Ok(url.into())
}

fn secret(settings: &Settings) -> anyhow::Result<SecretString> {
    if let Some(secret) = settings.secrets(Stripe.secrets()).into_iter().next() {
        return Ok(secret);
    }
    let found = up::data_folder(settings).map(|folder| up::webhook_secret(&folder, &Stripe)).transpose()?.flatten();
    found.ok_or_else(|| {
        Fault::usage("there is no secret to sign with")
            .hint("set STRIPE_WEBHOOK_SECRET to the endpoint's, or name the folder of `apiary up` with --data")
            .into()
    })
}

fn unreachable(url: &str, error: &anyhow::Error) -> Fault {
    Fault::new(Exit::Unreachable, format!("no adapter answers at {url}: {}", crate::exit::words(error)))
        .hint("is `apiary up` or `apiary webhook` running? --url says where it is")
}

fn refused(sent: &SendOutput) -> Fault {
    let exit = if sent.status >= 500 { Exit::Unreachable } else { Exit::Refused };
    let words =
        format!("the adapter refused the event: {}", plain(sent.message.as_deref().unwrap_or("without a word")));
    match sent.status {
        401 => Fault::new(exit, words).hint("the adapter has another secret: set STRIPE_WEBHOOK_SECRET to its own"),
        _ => Fault::new(exit, words),
    }
}

impl SendOutput {
    fn new(event: &Value, url: &str, answer: &Answer) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Self {
            event: text(&event["id"]).unwrap_or_else(|| event["id"].to_string()),
            kind: text(&event["type"]).unwrap_or_else(|| event["type"].to_string()),
            url: url.to_owned(),
            status: answer.status,
            outcome: text(&answer.body["outcome"]).unwrap_or_else(|| "refused".to_owned()),
            process_id: text(&answer.body["process_id"]),
            existed: answer.body["existed"].as_bool(),
            message: text(&answer.body["error"]["message"]),
        }
    }

    fn text(&self) -> String {
        let Self { event, kind, url, status, outcome, .. } = self;
        let process = self.process_id.as_deref().unwrap_or("-");
        let became = match (outcome.as_str(), self.existed) {
            ("submitted", Some(true)) => {
                format!("there already, as process {process}, with what came first; a corrected event needs another id")
            }
            ("submitted", _) => format!("submitted as process {process}"),
            ("spooled", _) => "spooled: the adapter forwards it when the broker accepts it".to_owned(),
            ("ignored", _) => "ignored: the adapter does not handle this type".to_owned(),
            _ => outcome.clone(),
        };
        plain(&format!("{kind} {event} to {url}: {status}, {became}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantities(set: &[&str]) -> (Value, Value) {
        let fields: Vec<Field> = set.iter().map(|text| Field::read(text).unwrap()).collect();
        let event = event("customer.subscription.updated", "ada", 1_763_690_000, &fields).unwrap();
        let object = &event["data"]["object"];
        (object["quantity"].clone(), object["items"]["data"][0]["quantity"].clone())
    }

    #[test]
    fn a_quantity_is_set_wherever_it_is_told() {
        assert_eq!(quantities(&[]), (1.into(), 1.into()));
        assert_eq!(quantities(&["data.object.quantity=3"]), (3.into(), 3.into()));
        assert_eq!(quantities(&["data.object.items.data.0.quantity=2"]), (1.into(), 2.into()));
        assert_eq!(
            quantities(&["data.object.quantity=3", "data.object.items.data.0.quantity=2"]),
            (3.into(), 2.into())
        );
    }

    #[test]
    fn a_field_at_the_top_may_be_anything_and_stays_as_it_was_set() {
        for (set, data) in [
            ("data=null", Value::Null),
            ("data={\"object\":5}", serde_json::json!({ "object": 5 })),
            ("data=[]", serde_json::json!([])),
            ("data=text", "text".into()),
            ("data=5", 5.into()),
        ] {
            let event =
                event("customer.subscription.updated", "ada", 1_763_690_000, &[Field::read(set).unwrap()]).unwrap();
            assert_eq!(event["data"], data, "{set}");
        }
    }

    #[test]
    fn no_two_events_have_the_same_id() {
        let id = || event("invoice.paid", "ada", 1_763_690_000, &[]).unwrap()["id"].clone();
        assert_ne!(id(), id());
    }
}
