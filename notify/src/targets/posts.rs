//! Targets that take a JSON document by POST: Slack, Discord, and any webhook.

use apiary_settings::{SettingError, Values};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret as _, SecretBox, SecretString};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{SendError, http};
use crate::limits::{DISCORD_CHARS_MAX, SLACK_CHARS_MAX};
use crate::message::{Event, Message, clipped};
use crate::settings::{DISCORD_URL, SLACK_URL, WEBHOOK_SECRET, WEBHOOK_URL};

/// Type of the document that a webhook gets.
const FINDINGS: &str = "apiary.findings";
/// Beginning of a secret of Standard Webhooks.
const SECRET_PREFIX: &str = "whsec_";
/// Bytes of such a secret.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// An incoming webhook of Slack.
pub(crate) struct Slack {
    pub(crate) url: Url,
}

impl Slack {
    pub(crate) fn read(settings: &Values) -> Result<Option<Self>, SettingError> {
        let Some(url) = settings.secret(&SLACK_URL) else { return Ok(None) };
        Ok(Some(Self { url: http::address(&SLACK_URL, &url)? }))
    }

    pub(crate) async fn send(&self, message: &Message) -> Result<String, SendError> {
        post(&self.url, &json!({ "text": slack_text(message), "unfurl_links": false })).await
    }
}

/// Escapes what Slack reads as a link or a mention: text of others must call nobody.
fn slack_text(message: &Message) -> String {
    let lines = message.lines().into_iter().map(|line| format!("• {line}"));
    let text = std::iter::once(message.title()).chain(lines).collect::<Vec<_>>().join("\n");
    let text = clipped(&text, SLACK_CHARS_MAX);
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A webhook of Discord.
pub(crate) struct Discord {
    pub(crate) url: Url,
}

impl Discord {
    pub(crate) fn read(settings: &Values) -> Result<Option<Self>, SettingError> {
        let Some(url) = settings.secret(&DISCORD_URL) else { return Ok(None) };
        Ok(Some(Self { url: http::address(&DISCORD_URL, &url)? }))
    }

    pub(crate) async fn send(&self, message: &Message) -> Result<String, SendError> {
        let lines = message.lines().into_iter().map(|line| format!("• {line}"));
        let text = std::iter::once(message.title()).chain(lines).collect::<Vec<_>>().join("\n");
        let content = clipped(&text, DISCORD_CHARS_MAX);
        // Text of others must call nobody.
        post(&self.url, &json!({ "content": content, "allowed_mentions": { "parse": [] } })).await
    }
}

/// Any receiver of webhooks, signed by Standard Webhooks.
pub(crate) struct Webhook {
    pub(crate) url: Url,
    secret: SecretBox<[u8]>,
}

impl Webhook {
    pub(crate) fn read(settings: &Values) -> Result<Option<Self>, SettingError> {
        let Some(url) = settings.secret(&WEBHOOK_URL) else { return Ok(None) };
        let Some(secret) = settings.secret(&WEBHOOK_SECRET) else {
            return Err(SettingError::missing(&WEBHOOK_SECRET).with_hint(format!("`{}` needs it", WEBHOOK_URL.key)));
        };
        Ok(Some(Self { url: http::address(&WEBHOOK_URL, &url)?, secret: key(&secret)? }))
    }

    pub(crate) async fn send(&self, message: &Message, now: Timestamp) -> Result<String, SendError> {
        // The same bytes at each try; only the time of sending, and with it the signature, changes.
        let body = document(message).to_string();
        let (id, sent) = (message.id.to_string(), now.as_second().to_string());
        let request = http::client()?
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", &sent)
            .header("webhook-signature", self.sign(&id, &sent, &body)?)
            .body(body);
        http::send(&self.url, request).await
    }

    fn sign(&self, id: &str, sent: &str, body: &str) -> Result<String, SendError> {
        let mac = Hmac::<Sha256>::new_from_slice(self.secret.expose_secret());
        let mut mac = mac.map_err(|error| SendError::new(format!("the secret cannot sign: {error}")))?;
        mac.update(format!("{id}.{sent}.{body}").as_bytes());
        Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    }
}

fn key(secret: &SecretString) -> Result<SecretBox<[u8]>, SettingError> {
    let encoded = secret.expose_secret().trim().strip_prefix(SECRET_PREFIX);
    let bytes = encoded.and_then(|encoded| STANDARD.decode(encoded).ok());
    let bytes = bytes.filter(|bytes| SECRET_BYTES.contains(&bytes.len()));
    bytes.map(|bytes| SecretBox::new(bytes.into())).ok_or_else(|| {
        SettingError::new(format!(
            "`{}` is not `{SECRET_PREFIX}` and 24 to 64 bytes as base64: make one with \
             `echo {SECRET_PREFIX}$(openssl rand -base64 32)`",
            WEBHOOK_SECRET.key
        ))
    })
}

/// Returns the document of a webhook. `docs/notify.md` describes it.
fn document(message: &Message) -> Value {
    let time = |ms| Timestamp::from_millisecond(ms).map_or_else(|_| String::new(), |at| at.to_string());
    let event = |event: &Event| {
        let Event { change, colony, kind, subject, text, count, since_ms } = event;
        json!({
            "change": change, "colony": colony, "kind": kind, "subject": subject, "text": text, "count": count,
            "since": time(*since_ms),
        })
    };
    json!({
        "type": FINDINGS,
        "timestamp": time(message.made_ms),
        "data": { "from": message.from, "events": message.events.iter().map(event).collect::<Vec<_>>() },
    })
}

async fn post(url: &Url, document: &Value) -> Result<String, SendError> {
    http::send(url, http::client()?.post(url.clone()).json(document)).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Change;

    fn message(text: &str) -> Message {
        let event = Event {
            change: Change::Opened,
            colony: "meadow".to_owned(),
            kind: "PAUSED".to_owned(),
            subject: "finance".to_owned(),
            text: text.to_owned(),
            count: 1,
            since_ms: 0,
        };
        Message::new("apiary broker", 60_000, vec![event])
    }

    #[test]
    fn text_of_others_mentions_nobody_in_slack() {
        assert!(slack_text(&message("<!channel> & more")).ends_with("&lt;!channel&gt; &amp; more"));
    }

    #[test]
    fn the_signature_is_that_of_the_specification() {
        // The example of the specification's reference libraries.
        let secret = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let url = Url::parse("https://example.com").unwrap();
        let webhook = Webhook { url, secret: key(&secret).unwrap() };
        let signature = webhook.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "{\"test\": 2432232314}").unwrap();
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_weak_secret_and_an_open_line_are_refused_without_being_shown() {
        for secret in ["whsec_c2hvcnQ=", "secret", "whsec_!"] {
            let error = key(&SecretString::from(secret)).unwrap_err().to_string();
            assert!(error.contains("notify.webhook_secret") && !error.contains("c2hvcnQ"), "{error}");
        }
        for url in ["http://hooks.example/T000", "ftp://hooks.example", "hooks.example/T000"] {
            let error = http::address(&SLACK_URL, &SecretString::from(url)).unwrap_err().to_string();
            assert!(error.starts_with("`notify.slack_url` ") && !error.contains("T000"), "{error}");
        }
    }

    #[test]
    fn the_document_names_every_change() {
        assert_eq!(
            document(&message("do this")),
            json!({
                "type": "apiary.findings",
                "timestamp": "1970-01-01T00:01:00Z",
                "data": {
                    "from": "apiary broker",
                    "events": [{
                        "change": "opened", "colony": "meadow", "kind": "PAUSED", "subject": "finance",
                        "text": "do this", "count": 1, "since": "1970-01-01T00:00:00Z",
                    }],
                },
            })
        );
    }
}
