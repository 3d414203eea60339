//! `apiary notify test`.

use apiary_notify::{NotifyConfig, TestAnswer, test_targets};
use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::exit::Fault;
use crate::output::{BAD, GOOD, plain, styled};
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary notify test
  APIARY_NOTIFY_SLACK_URL=https://hooks.slack.com/services/… apiary notify test
  apiary notify test -o json | jq -r '.[] | select(.sent | not) | .target'";

/// Send a test message to each target, and show each answer
///
/// Exits with 1 if a target does not take it.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {}

#[derive(Serialize)]
struct Answer {
    target: &'static str,
    place: String,
    sent: bool,
    answer: String,
}

pub(crate) async fn run(_: &Arguments, context: &Context) -> anyhow::Result<()> {
    let Some(config) = NotifyConfig::read(&context.settings)? else {
        return Err(Fault::usage("no target is set")
            .hint(
                "set `notify.smtp_url`, `notify.slack_url`, `notify.discord_url`, `notify.webhook_url` or \
             `notify.ping_url` (docs/notify.md)",
            )
            .into());
    };
    let answers: Vec<Answer> = test_targets(&config, &*profile::clock()).await.into_iter().map(Answer::from).collect();
    context.format.print(&answers, |answers| answers.iter().map(Answer::text).collect::<Vec<_>>().join("\n"))?;
    match answers.iter().filter(|answer| !answer.sent).count() {
        0 => Ok(()),
        1 => Err(Fault::failure("one target does not take messages").into()),
        failed => Err(Fault::failure(format!("{failed} targets do not take messages")).into()),
    }
}

impl From<TestAnswer> for Answer {
    fn from(answer: TestAnswer) -> Self {
        let TestAnswer { target, place, answer } = answer;
        let sent = answer.is_ok();
        Self { target, place, sent, answer: answer.unwrap_or_else(|error| error) }
    }
}

impl Answer {
    fn text(&self) -> String {
        let mark = if self.sent { styled(GOOD, "sent") } else { styled(BAD, "FAIL") };
        format!("{mark}  {:<8} {}: {}", self.target, plain(&self.place), plain(&self.answer))
    }
}
