//! The table of all settings. A new row can be set and is shown, also in `docs/configuration.md`, whose table is generated.

use std::sync::LazyLock;

use apiary_adapters::sources;
use apiary_settings::{Kind, Setting};

const CLIENTS: &str = "all that call a broker";
const BROKER: &str = "`apiary broker`";
const BROKER_AND_UP: &str = "`apiary broker`, `apiary up`";
const WEBHOOK: &str = "`apiary webhook`, `apiary up`";
const BEES: &str = "`apiary bee`, `apiary up`";
const CLAIMERS: &str = "`apiary bee`, `apiary up`, `apiary lease claim`";
const NAMED: &str = "`apiary bee`, `apiary lease claim`";
const IMPORT: &str = "`apiary import`";
const SERVICES: &str = "`apiary broker`, `apiary webhook`, `apiary bee`, `apiary up`";
const ALL: &str = "all";

pub(crate) const COLONY: Setting =
    Setting::new("colony", Kind::Id, CLIENTS, "the colony's id, the root of trust: pinned, never asked for")
        .flag("--colony");
pub(crate) const KEY_FILE: Setting =
    Setting::new("key_file", Kind::Path, CLIENTS, "the secret key to act with; `-` reads it from standard input")
        .flag("--key-file");
pub(crate) const KEY: Setting =
    Setting::new("key", Kind::Text, CLIENTS, "the secret key itself, as PEM, instead of `key_file`")
        .secret()
        .not_in_file();
pub(crate) const KEY_PASSPHRASE: Setting =
    Setting::new("key_passphrase", Kind::Text, CLIENTS, "opens an encrypted key; asked for at a terminal if not set")
        .secret()
        .not_in_file();
pub(crate) const DATA: Setting = Setting::new(
    "data",
    Kind::Path,
    "`apiary up`; elsewhere its `apiary.toml` is read",
    "the folder of `apiary up`; the user's data folder if not set",
)
.flag("--data")
.not_in_file();

pub(crate) const BROKER_ADDRESS: Setting =
    Setting::new("broker.address", Kind::Address, CLIENTS, "address of the broker: https://, http:// or unix:/PATH")
        .default("http://127.0.0.1:7420")
        .flag("--broker")
        .also(&["APIARY_BROKER"]);
pub(crate) const BROKER_CA_FILE: Setting = Setting::new(
    "broker.ca_file",
    Kind::Path,
    CLIENTS,
    "trust these certificate authorities (PEM) instead of the system's",
);
pub(crate) const BROKER_CLIENT_CERTIFICATE: Setting = Setting::new(
    "broker.client_certificate",
    Kind::Path,
    CLIENTS,
    "the certificate to show to the broker (PEM), for mutual TLS",
);
pub(crate) const BROKER_CLIENT_KEY: Setting =
    Setting::new("broker.client_key", Kind::Path, CLIENTS, "the secret key file of `broker.client_certificate` (PEM)");
pub(crate) const BROKER_PROXY: Setting = Setting::new(
    "broker.proxy",
    Kind::Text,
    CLIENTS,
    "the HTTP proxy to the broker, http://USER:PASSWORD@HOST:PORT; `none` for none; HTTPS_PROXY and its like if not set",
)
.secret();
pub(crate) const BROKER_ALLOW_PLAINTEXT: Setting = Setting::new(
    "broker.allow_plaintext",
    Kind::Bool,
    "all that call a broker, and `apiary broker`",
    "allow unencrypted connections to other machines",
)
.default("false");

pub(crate) const BROKER_LISTEN: Setting = Setting::new(
    "broker.listen",
    Kind::Socket,
    "`apiary broker`, `apiary up`",
    "address that the broker listens on; port 0 takes a free port",
)
.default("127.0.0.1:7420")
.flag("--listen");
pub(crate) const BROKER_CONNECTIONS_MAX: Setting = Setting::new(
    "broker.connections_max",
    Kind::Integer { least: 16, most: 100_000 },
    BROKER_AND_UP,
    "connections at the same time; beyond it, an idle one, or one without a permitted call, is closed for a new one",
)
.default("2048");
pub(crate) const BROKER_CONNECTIONS_PER_PEER_MAX: Setting = Setting::new(
    "broker.connections_per_peer_max",
    Kind::Integer { least: 1, most: 100_000 },
    BROKER_AND_UP,
    "connections from one address at the same time, of those without a permitted call",
)
.default("256");
pub(crate) const BROKER_TRUSTED_PROXIES: Setting = Setting::new(
    "broker.trusted_proxies",
    Kind::Networks,
    BROKER_AND_UP,
    "trusted proxies, as addresses or networks: the client's address that they state is used (PROXY protocol, \
     `X-Forwarded-For`)",
);
pub(crate) const BROKER_SOCKET: Setting =
    Setting::new("broker.socket", Kind::Path, BROKER, "a Unix socket to listen on as well, for its owner only")
        .flag("--socket");
pub(crate) const BROKER_TLS_CERTIFICATE: Setting =
    Setting::new("broker.tls_certificate", Kind::Path, BROKER, "the certificate chain to serve under (PEM)");
pub(crate) const BROKER_TLS_KEY: Setting =
    Setting::new("broker.tls_key", Kind::Path, BROKER, "the secret key file of `broker.tls_certificate` (PEM)");
pub(crate) const BROKER_TLS_CLIENT_AUTHORITIES: Setting = Setting::new(
    "broker.tls_client_authorities",
    Kind::Path,
    BROKER,
    "ask clients for a certificate by one of these authorities (PEM)",
);
pub(crate) const BROKER_DATABASE_URL: Setting = Setting::new(
    "broker.database_url",
    Kind::Text,
    BROKER,
    "the broker's database: postgres://… for any number of brokers, sqlite:PATH for one",
)
.secret()
.also(&["APIARY_DATABASE_URL", "DATABASE_URL"]);
pub(crate) const BROKER_DATABASE_CONNECTIONS_MAX: Setting = Setting::new(
    "broker.database_connections_max",
    Kind::Integer { least: 4, most: 1000 },
    BROKER,
    "largest number of connections to Postgres",
)
.default("16");
pub(crate) const BROKER_DATABASE_TRANSACTION_POOLER: Setting = Setting::new(
    "broker.database_transaction_pooler",
    Kind::Bool,
    BROKER,
    "assume a transaction pooler (PgBouncer, Supavisor) before Postgres; otherwise detected at the start",
)
.default("false");
pub(crate) const BROKER_DATABASE_DIRECT_URL: Setting = Setting::new(
    "broker.database_direct_url",
    Kind::Text,
    BROKER,
    "the URL of Postgres itself, past a transaction pooler: for migrations, and for notifications of other brokers' \
     work",
)
.secret();
pub(crate) const BROKER_MIGRATE: Setting =
    Setting::new("broker.migrate", Kind::Bool, BROKER, "migrate the schema at the start").default("true");
pub(crate) const BROKER_SERVER_OWNER: Setting = Setting::new(
    "broker.server_owner",
    Kind::Id,
    BROKER,
    "the id of the key that may create colonies; nobody if not set",
);
pub(crate) const BROKER_EXECUTOR_SILENT_AFTER_SECONDS: Setting = Setting::new(
    "broker.executor_silent_after_seconds",
    Kind::Integer { least: 1, most: 86_400 },
    BROKER_AND_UP,
    "time without contact after which an executor is silent",
)
.default("60");
pub(crate) const BROKER_EXECUTOR_GONE_AFTER_SECONDS: Setting = Setting::new(
    "broker.executor_gone_after_seconds",
    Kind::Integer { least: 2, most: 86_400 },
    BROKER_AND_UP,
    "time without contact after which an executor is gone",
)
.default("120");
pub(crate) const BROKER_UNATTENDED_AFTER_SECONDS: Setting = Setting::new(
    "broker.unattended_after_seconds",
    Kind::Integer { least: 1, most: 86_400 },
    BROKER_AND_UP,
    "waiting time after which work without a listening executor is reported",
)
.default("60");
pub(crate) const BROKER_RETAIN_SUCCEEDED: Setting = Setting::new(
    "broker.retain_succeeded",
    Kind::Retention,
    BROKER_AND_UP,
    "retention of processes that succeeded, with all their data",
)
.default("forever");
pub(crate) const BROKER_RETAIN_FAILED: Setting = Setting::new(
    "broker.retain_failed",
    Kind::Retention,
    BROKER_AND_UP,
    "retention of processes that failed, with all their data",
)
.default("forever");
pub(crate) const BROKER_RETAIN_CANCELLED: Setting = Setting::new(
    "broker.retain_cancelled",
    Kind::Retention,
    BROKER_AND_UP,
    "retention of processes that were cancelled, with all their data",
)
.default("forever");
pub(crate) const BROKER_RETAIN_DEAD_LETTERS: Setting = Setting::new(
    "broker.retain_dead_letters",
    Kind::Retention,
    BROKER_AND_UP,
    "retention of dead letters, with all their data",
)
.default("forever");
pub(crate) const BROKER_RETAIN_EVENTS: Setting = Setting::new(
    "broker.retain_events",
    Kind::Retention,
    BROKER_AND_UP,
    "retention of events; beside it a colony keeps its last 100,000 changes and 20,000 refusals",
)
.default("forever");

pub(crate) const WEBHOOK_LISTEN: Setting =
    Setting::new("webhook.listen", Kind::Socket, WEBHOOK, "address for webhooks; port 0 takes a free port")
        .default("127.0.0.1:7421")
        .flag("--listen");
pub(crate) const WEBHOOK_SPOOL: Setting =
    Setting::new("webhook.spool", Kind::Path, "`apiary webhook`", "folder for events while the broker is unavailable")
        .default("apiary-webhook-spool");

pub(crate) const WEBHOOK_ALLOW_PLAINTEXT: Setting = Setting::new(
    "webhook.allow_plaintext",
    Kind::Bool,
    WEBHOOK,
    "accept plain HTTP from other machines, behind a proxy that speaks TLS",
)
.default("false");
pub(crate) const WEBHOOK_BODY_BYTES_MAX: Setting = Setting::new(
    "webhook.body_bytes_max",
    Kind::Integer { least: 1024, most: 1_048_576 },
    WEBHOOK,
    "the largest webhook, in bytes",
)
.default("1048576");
pub(crate) const WEBHOOK_CONNECTIONS_MAX: Setting = Setting::new(
    "webhook.connections_max",
    Kind::Integer { least: 1, most: 100_000 },
    WEBHOOK,
    "connections at the same time",
)
.default("1024");
pub(crate) const WEBHOOK_CONNECTIONS_PER_PEER_MAX: Setting = Setting::new(
    "webhook.connections_per_peer_max",
    Kind::Integer { least: 1, most: 100_000 },
    WEBHOOK,
    "connections from one address at the same time, of those without a signed event",
)
.default("256");
pub(crate) const WEBHOOK_TRUSTED_PROXIES: Setting = Setting::new(
    "webhook.trusted_proxies",
    Kind::Networks,
    WEBHOOK,
    "trusted proxies, as addresses or networks: the client's address that they state is used (PROXY protocol, \
     `X-Forwarded-For`)",
);
pub(crate) const WEBHOOK_SPOOL_EVENTS_MAX: Setting = Setting::new(
    "webhook.spool_events_max",
    Kind::Integer { least: 1, most: 1_000_000_000 },
    WEBHOOK,
    "events that the spool holds; beyond it, Stripe is told to try again later",
)
.default("1000000");
pub(crate) const WEBHOOK_SPOOL_BYTES_MAX: Setting = Setting::new(
    "webhook.spool_bytes_max",
    Kind::Integer { least: 1_048_576, most: 1_099_511_627_776 },
    WEBHOOK,
    "bytes of these events",
)
.default("1073741824");

pub(crate) const BEE_NAME: Setting =
    Setting::new("bee.name", Kind::Text, NAMED, "the executor's name, as in its grant; the bee's own if not set")
        .flag("--name");
pub(crate) const BEE_SLOTS: Setting = Setting::new(
    "bee.slots",
    Kind::Integer { least: 1, most: 1000 },
    BEES,
    "number of processes that it runs at the same time; the bee's own if not set: 64 for finance, 4 for security, 1 for archive, 8 for echo",
)
.flag("--slots");
pub(crate) const BEE_CPU: Setting = Setting::new(
    "bee.cpu",
    Kind::Cpu,
    CLAIMERS,
    "processor time that it offers for each process; not limited if not set",
);
pub(crate) const BEE_MEMORY: Setting = Setting::new(
    "bee.memory",
    Kind::Memory,
    CLAIMERS,
    "memory that it offers for each process; not limited if not set",
);
pub(crate) const BEE_GPUS: Setting = Setting::new(
    "bee.gpus",
    Kind::Integer { least: 0, most: 65_536 },
    CLAIMERS,
    "number of GPUs that it offers for each process",
)
.default("0");
pub(crate) const BEE_GPU_MEMORY: Setting =
    Setting::new("bee.gpu_memory", Kind::Memory, CLAIMERS, "memory of each of these GPUs; not limited if not set");
pub(crate) const BEE_LOCATION: Setting =
    Setting::new("bee.location", Kind::Text, CLAIMERS, "its location, for work that requires one");
pub(crate) const BEE_TAGS: Setting =
    Setting::new("bee.tags", Kind::List, CLAIMERS, "its tags, for work that requires them");

pub(crate) const BEE_METRICS_LISTEN: Setting = Setting::new(
    "bee.metrics_listen",
    Kind::Socket,
    "`apiary bee`",
    "address for `/metrics`, which a bee serves nowhere if not set; port 0 takes a free port",
);
pub(crate) const METRICS_REMOTE: Setting = Setting::new(
    "metrics.remote",
    Kind::Bool,
    SERVICES,
    "answer `/metrics` for other machines, too, unencrypted or not as the port is; otherwise for this machine alone",
)
.default("false");

pub(crate) const BEE_GUARD_FILE: Setting = Setting::new(
    "bee.guard_file",
    Kind::Path,
    CLAIMERS,
    "a JSON array of rules about what its work may contain, besides the default set",
);
pub(crate) const BEE_GUARD_DEFAULTS: Setting = Setting::new(
    "bee.guard_defaults",
    Kind::Bool,
    CLAIMERS,
    "reject dangerous arguments of functions with names like a shell's",
)
.default("true");

pub(crate) const IMPORT_DATABASE_URL: Setting = Setting::new(
    "import.database_url",
    Kind::Text,
    IMPORT,
    "the Postgres with the older queue's table, postgres://…; only read",
)
.secret();

pub(crate) const TRACES_ENDPOINT: Setting = Setting::new(
    "traces.endpoint",
    Kind::Text,
    SERVICES,
    "the collector that gets traces as OTLP over HTTP, such as http://127.0.0.1:4318; no traces if not set",
)
.also(&["OTEL_EXPORTER_OTLP_ENDPOINT"]);
pub(crate) const TRACES_HEADERS: Setting = Setting::new(
    "traces.headers",
    Kind::List,
    SERVICES,
    "headers for the collector, each as NAME=VALUE, such as a token",
)
.secret()
.also(&["OTEL_EXPORTER_OTLP_HEADERS"]);

pub(crate) const LOG_LEVEL: Setting = Setting::new(
    "log.level",
    Kind::OneOf(&["error", "warn", "info", "debug", "trace"]),
    ALL,
    "level of the log on standard error; if not set, `info` for services and `warn` for other commands",
)
.flag("--log-level");
pub(crate) const LOG_FORMAT: Setting =
    Setting::new("log.format", Kind::OneOf(&["text", "json"]), ALL, "how it is told")
        .default("text")
        .flag("--log-format");

/// Returns true if a setting has this name.
pub(crate) fn is_setting(key: &str) -> bool {
    TABLE.iter().any(|setting| setting.key == key)
}

/// Every setting, in display order: the settings of the webhook sources and of the bees follow those that all of them share.
pub(crate) static TABLE: LazyLock<Vec<Setting>> = LazyLock::new(|| {
    let sources = sources::ALL.iter().flat_map(|source| source.settings());
    let bees = apiary_bees::ALL.iter().flat_map(|bee| bee.settings());
    let outbox = apiary_adapters::outbox::SETTINGS;
    BEFORE_SOURCES
        .iter()
        .chain(sources)
        .chain(outbox)
        .chain(BEFORE_BEES)
        .chain(bees)
        .chain(apiary_notify::SETTINGS)
        .chain(AFTER_BEES)
        .copied()
        .collect()
});

const BEFORE_SOURCES: &[Setting] = &[
    COLONY,
    KEY_FILE,
    KEY,
    KEY_PASSPHRASE,
    DATA,
    BROKER_ADDRESS,
    BROKER_CA_FILE,
    BROKER_CLIENT_CERTIFICATE,
    BROKER_CLIENT_KEY,
    BROKER_PROXY,
    BROKER_ALLOW_PLAINTEXT,
    BROKER_LISTEN,
    BROKER_SOCKET,
    BROKER_CONNECTIONS_MAX,
    BROKER_CONNECTIONS_PER_PEER_MAX,
    BROKER_TRUSTED_PROXIES,
    BROKER_TLS_CERTIFICATE,
    BROKER_TLS_KEY,
    BROKER_TLS_CLIENT_AUTHORITIES,
    BROKER_DATABASE_URL,
    BROKER_DATABASE_CONNECTIONS_MAX,
    BROKER_DATABASE_TRANSACTION_POOLER,
    BROKER_DATABASE_DIRECT_URL,
    BROKER_MIGRATE,
    BROKER_SERVER_OWNER,
    BROKER_EXECUTOR_SILENT_AFTER_SECONDS,
    BROKER_EXECUTOR_GONE_AFTER_SECONDS,
    BROKER_UNATTENDED_AFTER_SECONDS,
    BROKER_RETAIN_SUCCEEDED,
    BROKER_RETAIN_FAILED,
    BROKER_RETAIN_CANCELLED,
    BROKER_RETAIN_DEAD_LETTERS,
    BROKER_RETAIN_EVENTS,
    WEBHOOK_LISTEN,
];

const BEFORE_BEES: &[Setting] = &[
    WEBHOOK_SPOOL,
    WEBHOOK_SPOOL_EVENTS_MAX,
    WEBHOOK_SPOOL_BYTES_MAX,
    WEBHOOK_BODY_BYTES_MAX,
    WEBHOOK_CONNECTIONS_MAX,
    WEBHOOK_CONNECTIONS_PER_PEER_MAX,
    WEBHOOK_TRUSTED_PROXIES,
    WEBHOOK_ALLOW_PLAINTEXT,
    BEE_NAME,
    BEE_SLOTS,
    BEE_CPU,
    BEE_MEMORY,
    BEE_GPUS,
    BEE_GPU_MEMORY,
    BEE_LOCATION,
    BEE_TAGS,
    BEE_GUARD_FILE,
    BEE_GUARD_DEFAULTS,
    BEE_METRICS_LISTEN,
];

const AFTER_BEES: &[Setting] =
    &[IMPORT_DATABASE_URL, METRICS_REMOTE, TRACES_ENDPOINT, TRACES_HEADERS, LOG_LEVEL, LOG_FORMAT];
