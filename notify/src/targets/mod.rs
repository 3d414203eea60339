//! Targets of messages.

pub(crate) mod http;
mod posts;
mod smtp;

use std::time::Duration;

use apiary_identity::Clock;
use apiary_settings::{SettingError, Values};
use jiff::Timestamp;

use crate::NotifyConfig;
use crate::message::Message;
use posts::{Discord, Slack, Webhook};
use smtp::Smtp;

/// A failed delivery.
#[derive(Debug)]
pub(crate) struct SendError {
    /// The reason, without secrets.
    pub(crate) words: String,
    /// The wait that the target asks for.
    pub(crate) retry_after: Option<Duration>,
}

impl SendError {
    pub(crate) fn new(words: impl Into<String>) -> Self {
        Self { words: words.into(), retry_after: None }
    }
}

/// A place that gets messages.
pub(crate) enum Target {
    Smtp(Box<Smtp>),
    Slack(Slack),
    Discord(Discord),
    Webhook(Webhook),
}

impl Target {
    /// Opens every target that the settings name.
    pub(crate) fn all(settings: &Values) -> Result<Vec<Self>, SettingError> {
        let smtp = Smtp::read(settings)?.map(|smtp| Self::Smtp(Box::new(smtp)));
        let slack = Slack::read(settings)?.map(Self::Slack);
        let discord = Discord::read(settings)?.map(Self::Discord);
        let webhook = Webhook::read(settings)?.map(Self::Webhook);
        Ok([smtp, slack, discord, webhook].into_iter().flatten().collect())
    }

    /// Returns the name, as in the settings.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Smtp(_) => "smtp",
            Self::Slack(_) => "slack",
            Self::Discord(_) => "discord",
            Self::Webhook(_) => "webhook",
        }
    }

    /// Returns the place, without secrets.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::Smtp(smtp) => smtp.place(),
            Self::Slack(slack) => http::place(&slack.url),
            Self::Discord(discord) => http::place(&discord.url),
            Self::Webhook(webhook) => http::place(&webhook.url),
        }
    }

    /// Sends a message; returns the answer.
    pub(crate) async fn send(&self, message: &Message, now: Timestamp) -> Result<String, SendError> {
        match self {
            Self::Smtp(smtp) => smtp.send(message).await,
            Self::Slack(slack) => slack.send(message).await,
            Self::Discord(discord) => discord.send(message).await,
            Self::Webhook(webhook) => webhook.send(message, now).await,
        }
    }
}

/// The answer of a target to a test message.
pub struct TestAnswer {
    /// The target, as in the settings.
    pub target: &'static str,
    /// The place, without secrets.
    pub place: String,
    /// The answer, or the reason why there was none that says yes.
    pub answer: Result<String, String>,
}

/// Sends a test message to each target, and a ping.
pub async fn test_targets(config: &NotifyConfig, clock: &dyn Clock) -> Vec<TestAnswer> {
    let message = Message::test(&config.name, clock);
    let now = Timestamp::from_millisecond(clock.now_ms()).unwrap_or_default();
    let (message, now) = (&message, now);
    let answers = config.targets.iter().map(|target| async move {
        let answer = target.send(message, now).await.map_err(|error| error.words);
        TestAnswer { target: target.name(), place: target.place(), answer }
    });
    let ping = async {
        let url = config.ping.as_ref()?;
        let answer = http::ping(url).await.map_err(|error| error.words);
        Some(TestAnswer { target: http::PING, place: http::place(url), answer })
    };
    let (mut answers, ping) = tokio::join!(futures::future::join_all(answers), ping);
    answers.extend(ping);
    answers
}
