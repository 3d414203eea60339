//! Settings of the notifier.

use apiary_settings::{Kind, Setting};

const PARTS: &str = "`apiary broker`, `apiary webhook`, `apiary bee`, `apiary up`, `apiary notify`";
const BROKER: &str = "`apiary broker`, `apiary up`";

pub(crate) const SMTP_URL: Setting = Setting::new(
    "notify.smtp_url",
    Kind::Text,
    PARTS,
    "the mail server: smtps://USER:PASSWORD@HOST, or smtp://USER:PASSWORD@HOST:587, which then must offer STARTTLS",
)
.secret();
pub(crate) const SMTP_FROM: Setting =
    Setting::new("notify.smtp_from", Kind::Text, PARTS, "the sender of the mails: an address, or `Name <address>`");
pub(crate) const SMTP_TO: Setting =
    Setting::new("notify.smtp_to", Kind::List, PARTS, "the addresses that get the mails");
pub(crate) const SLACK_URL: Setting =
    Setting::new("notify.slack_url", Kind::Text, PARTS, "the URL of an incoming webhook of Slack").secret();
pub(crate) const DISCORD_URL: Setting =
    Setting::new("notify.discord_url", Kind::Text, PARTS, "the URL of a webhook of Discord").secret();
pub(crate) const WEBHOOK_URL: Setting = Setting::new(
    "notify.webhook_url",
    Kind::Text,
    PARTS,
    "the URL that gets findings as JSON, signed by Standard Webhooks",
)
.secret();
pub(crate) const WEBHOOK_SECRET: Setting = Setting::new(
    "notify.webhook_secret",
    Kind::Text,
    PARTS,
    "the secret that signs these: `whsec_` and 24 to 64 random bytes as base64",
)
.secret();
pub(crate) const PING_URL: Setting = Setting::new(
    "notify.ping_url",
    Kind::Text,
    PARTS,
    "the URL of a dead man's switch: fetched in each round while the part is well, so that its silence is an alarm",
)
.secret();
pub(crate) const NAME: Setting =
    Setting::new("notify.name", Kind::Text, PARTS, "the name of this installation in messages").default("apiary");
/// The folder of the files that hold what was sent.
pub const STATE_FOLDER: Setting = Setting::new(
    "notify.state_folder",
    Kind::Path,
    PARTS,
    "folder for what was sent and is open, so that a restart repeats nothing; if not set, systemd's state folder, else \
     `apiary-notify`",
);
/// True if a broker reports findings of its colonies besides its own.
pub const COLONIES: Setting = Setting::new(
    "notify.colonies",
    Kind::Bool,
    BROKER,
    "report findings of the colonies; with several brokers on one database, set it to false in all but one",
)
.default("true");
pub(crate) const EVERY_SECONDS: Setting = Setting::new(
    "notify.every_seconds",
    Kind::Integer { least: 1, most: 3600 },
    PARTS,
    "time between two rounds: looks at what is open, and pings",
)
.default("60");
pub(crate) const AFTER_SECONDS: Setting = Setting::new(
    "notify.after_seconds",
    Kind::Integer { least: 0, most: 86_400 },
    PARTS,
    "time for which a finding must last before it is sent, and be over before that is sent",
)
.default("60");
pub(crate) const EXECUTOR_SILENT_AFTER_SECONDS: Setting = Setting::new(
    "notify.executor_silent_after_seconds",
    Kind::Integer { least: 1, most: 86_400 },
    PARTS,
    "time for which an executor must be silent before that is sent",
)
.default("900");
pub(crate) const BROKER_AWAY_AFTER_SECONDS: Setting = Setting::new(
    "notify.broker_away_after_seconds",
    Kind::Integer { least: 1, most: 86_400 },
    PARTS,
    "time for which the broker must be away, and events wait in the spool, before that is sent",
)
.default("300");
pub(crate) const MESSAGES_PER_HOUR: Setting = Setting::new(
    "notify.messages_per_hour",
    Kind::Integer { least: 1, most: 1000 },
    PARTS,
    "messages that a part sends to each target in an hour; what is beyond goes into the next one",
)
.default("20");

/// All settings, in display order.
pub const SETTINGS: &[Setting] = &[
    SMTP_URL,
    SMTP_FROM,
    SMTP_TO,
    SLACK_URL,
    DISCORD_URL,
    WEBHOOK_URL,
    WEBHOOK_SECRET,
    PING_URL,
    NAME,
    STATE_FOLDER,
    COLONIES,
    EVERY_SECONDS,
    AFTER_SECONDS,
    EXECUTOR_SILENT_AFTER_SECONDS,
    BROKER_AWAY_AFTER_SECONDS,
    MESSAGES_PER_HOUR,
];
