//! Broker, adapter and two bees as processes, each with every secret that it takes, at the most detailed level of the log, before services
//! that refuse everything.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use std::net::SocketAddr;
use std::process::{Child, Stdio};

use apiary_tests::blocking::eventually;
use apiary_tests::{Port, http};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::planted::{Forms, PAYLOAD, secret};
use super::stand_ins::StandIn;
use crate::database::{Database, block_on};
use crate::scene::{Ran, Scene, run};

/// A process; ended when dropped.
struct Part(Child);

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Environment variables.
pub(super) type Variables = Vec<(String, String)>;

/// All parts, what they call, and their secrets.
pub(super) struct Parts {
    pub(super) scene: Scene,
    _database: Database,
    pub(super) ports: [Port; 3],
    parts: Vec<(Part, &'static str)>,
    http: StandIn,
    postgres: StandIn,
    smtp: StandIn,
    colony: String,
    /// The settings of the broker's database.
    database_urls: [(String, String); 2],
}

/// Files of keys.
pub(super) const KEYS: [&str; 6] =
    ["colony.pem", "owner.pem", "adapter.pem", "finance.pem", "security.pem", "echo.pem"];
/// The file of a key in a variable: encrypted.
pub(super) const ENCRYPTED_KEY: &str = "adapter.pem";
/// A sender of webhooks of one's own.
const SENDER: &str = "shop header=X-Shop-Signature prefix=sha256= id=header:X-Shop-Id type=header:X-Shop-Topic";

impl Parts {
    /// Starts all parts.
    pub(super) fn start() -> Self {
        let (scene, mut database) = (Scene::new(), Database::create("secrets"));
        let passphrase = secret("key_passphrase");
        let new_key = |file: &str| {
            let encrypted = ["key", "new", "--encrypt", file];
            let plain = ["key", "new", file];
            let arguments = if file == ENCRYPTED_KEY { &encrypted[..] } else { &plain };
            scene.run_with(&[("APIARY_KEY_PASSPHRASE", &passphrase)], arguments).ok().trim().to_owned()
        };
        let [colony, owner, adapter, finance, security, echo] = KEYS.map(new_key);
        let with_password = |setting: &str| (setting.to_owned(), database.url_with(&secret(setting)));
        let database_urls = ["broker.database_url", "broker.database_direct_url"].map(with_password);
        let mut all = Self {
            scene,
            _database: database,
            ports: [Port::take(), Port::take(), Port::take()],
            parts: Vec::new(),
            http: StandIn::http(),
            postgres: StandIn::postgres(),
            smtp: StandIn::smtp(),
            colony,
            database_urls,
        };
        let mut variables = all.variables();
        variables.push(("APIARY_BROKER_SERVER_OWNER".to_owned(), owner));
        let in_broker = variables.clone();
        all.run("broker", &["broker"], in_broker);
        let bees = [("finance", &finance), ("security", &security), ("echo", &echo)];
        all.found(&adapter, bees);
        all.run("webhook", &["webhook"], all.with_encrypted_key());
        all.run("finance", &["bee", "finance"], all.with_key("finance.pem"));
        for (name, file) in [("security", "security.pem"), ("echo", "echo.pem")] {
            let mut variables = all.with_key(file);
            // The finance bee has the port.
            variables.retain(|(variable, _)| variable != "APIARY_BEE_METRICS_LISTEN");
            all.run(name, &["bee", name], variables);
        }
        all
    }

    /// Returns every setting with a secret, and those that make its part use it.
    fn variables(&self) -> Variables {
        let [broker, webhook, bee] = self.addresses().map(|address| address.to_string());
        let (http, postgres, smtp) = (self.http.address, self.postgres.address, self.smtp.address);
        let at_postgres = |setting: &str| format!("postgres://planted:{}@{postgres}/planted", secret(setting));
        let at_http = |setting: &str| format!("http://{http}/{}", secret(setting));
        let with_whsec = |setting: &str| format!("whsec_{}", STANDARD.encode(secret(setting)));
        let all = [
            ("broker.proxy", format!("http://planted:{}@{http}", secret("broker.proxy"))),
            ("webhook.stripe_secrets", format!("whsec_{}", secret("webhook.stripe_secrets"))),
            ("webhook.github_secrets", secret("webhook.github_secrets")),
            ("webhook.standard_secrets", with_whsec("webhook.standard_secrets")),
            ("webhook.hmac_secrets", format!("shop={}", secret("webhook.hmac_secrets"))),
            ("webhook.eventlog_secrets", secret("webhook.eventlog_secrets")),
            ("webhook.outbox_database_url", at_postgres("webhook.outbox_database_url")),
            ("finance.supabase_service_role_key", format!("sb_secret_{}", secret("finance.supabase_service_role_key"))),
            ("finance.database_url", at_postgres("finance.database_url")),
            ("finance.stripe_secret_key", format!("rk_test_{}", secret("finance.stripe_secret_key"))),
            ("security.supabase_service_role_key", secret("security.supabase_service_role_key")),
            ("archive.secret_access_key", secret("archive.secret_access_key")),
            ("import.database_url", at_postgres("import.database_url")),
            ("notify.smtp_url", format!("smtp://planted:{}@{smtp}", secret("notify.smtp_url"))),
            ("notify.slack_url", at_http("notify.slack_url")),
            ("notify.discord_url", at_http("notify.discord_url")),
            ("notify.webhook_url", at_http("notify.webhook_url")),
            ("notify.webhook_secret", with_whsec("notify.webhook_secret")),
            ("notify.ping_url", at_http("notify.ping_url")),
            ("traces.headers", format!("x-token={}", secret("traces.headers"))),
            // What makes the parts use them.
            ("archive.url", "s3://planted/archive".to_owned()),
            ("archive.endpoint", format!("http://{http}")),
            ("archive.access_key_id", "planted".to_owned()),
            ("traces.endpoint", format!("http://{http}")),
            ("colony", self.colony.clone()),
            ("broker.listen", broker.clone()),
            ("broker.address", format!("http://{broker}")),
            ("webhook.listen", webhook),
            ("webhook.spool", "spool".to_owned()),
            ("webhook.hmac_senders", SENDER.to_owned()),
            ("webhook.github_routes", "push = echo/echo".to_owned()),
            ("webhook.standard_routes", "* = echo/fail".to_owned()),
            ("webhook.hmac_routes", "shop/* = echo/echo".to_owned()),
            ("webhook.eventlog_routes", "* = echo/echo".to_owned()),
            ("webhook.outbox_functions", "echo/echo".to_owned()),
            ("bee.metrics_listen", bee),
            ("finance.record", "supabase".to_owned()),
            ("finance.supabase_url", format!("http://{http}")),
            ("finance.stripe_api_url", format!("http://{http}")),
            ("finance.stripe_rate", "100".to_owned()),
            ("security.supabase_url", format!("http://{http}")),
            ("notify.smtp_from", "apiary@example.com".to_owned()),
            ("notify.smtp_to", "ops@example.com".to_owned()),
            ("notify.every_seconds", "1".to_owned()),
            ("notify.after_seconds", "0".to_owned()),
            ("log.level", "trace".to_owned()),
        ];
        let databases = self.database_urls.iter().map(|(key, url)| (key.as_str(), url.clone()));
        all.into_iter().chain(databases).map(|(key, value)| (variable(key), value)).collect()
    }

    /// Starts a broker whose database refuses the password of this setting; returns its output.
    pub(super) fn refused_broker(&self, setting: &str) -> Ran {
        let url = format!("postgres://planted:{}@{}/planted", secret(setting), self.postgres.address);
        let variables = [self.with_key("owner.pem"), vec![(variable(setting), url)]].concat();
        let ran = self.command(variables, &["-vvv", "broker", "--migrate", "--no-backup"]);
        assert!(ran.code != 0 && self.is_refused(setting), "{setting}: {}", ran.stderr);
        ran
    }

    /// Returns the variables of a part that acts with the key in this file.
    pub(super) fn with_key(&self, file: &str) -> Variables {
        [self.variables(), vec![(variable("key_file"), file.to_owned())]].concat()
    }

    /// Returns the variables of a part whose key itself is in one of them.
    pub(super) fn with_encrypted_key(&self) -> Variables {
        let key = (variable("key"), self.scene.read(ENCRYPTED_KEY));
        [self.variables(), vec![key, (variable("key_passphrase"), secret("key_passphrase"))]].concat()
    }

    /// Runs a command with all secrets.
    pub(super) fn command(&self, variables: Variables, arguments: &[&str]) -> Ran {
        run(self.scene.command(arguments).envs(variables))
    }

    /// Creates the colony, and grants each key what it does.
    fn found(&self, adapter: &str, bees: [(&str, &String); 3]) {
        let operate = |arguments: &[&str]| self.command(self.with_key("owner.pem"), arguments);
        operate(&["doctor", "--only", "broker", "--wait", "30s"]).ok();
        operate(&["colony", "create", "shop", "--id", &self.colony]).ok();
        let user = [("user", "adapter", adapter)];
        for (role, name, key) in bees.map(|(name, key)| ("executor", name, key.as_str())).into_iter().chain(user) {
            let scopes = ["--function", "*", "--executor-type", "*", "--right", "read", "--right", "view_payloads"];
            let of = ["grant", "add", "--colony-key", "colony.pem", "--key", key, "--role", role, "--name", name];
            operate(&[&of[..], &scopes].concat()).ok();
        }
    }

    fn run(&mut self, name: &'static str, arguments: &[&str], variables: Variables) {
        let mut command = self.scene.process(arguments);
        let file = |end: &str| std::fs::File::create(self.scene.path(&format!("{name}.{end}"))).unwrap();
        command.envs(variables).env("RUST_BACKTRACE", "1");
        if name != "finance" {
            command.env(variable("log.format"), "json");
        }
        command.stdin(Stdio::null()).stdout(file("out")).stderr(file("log"));
        self.parts.push((Part(command.spawn().unwrap()), name));
    }

    fn addresses(&self) -> [SocketAddr; 3] {
        [0, 1, 2].map(|part: usize| self.ports[part].address())
    }

    /// Waits until each service has refused what it is asked for.
    pub(super) fn all_is_refused(&self) {
        eventually("the outbox is refused", || self.is_refused("webhook.outbox_database_url").then_some(()));
        for setting in
            ["notify.slack_url", "notify.discord_url", "notify.webhook_url", "notify.ping_url", "traces.headers"]
        {
            eventually(&format!("{setting} is refused"), || self.is_refused(setting).then_some(()));
        }
        for setting in ["notify.smtp_url", "finance.supabase_service_role_key"] {
            eventually(&format!("{setting} is refused"), || self.is_refused(setting).then_some(()));
        }
        eventually("a failed attempt of the finance bee is told", || {
            self.scene.read("finance.log").contains("apply_stripe_events").then_some(())
        });
    }

    /// Returns true once a service was asked with this secret, in any form.
    pub(super) fn is_refused(&self, setting: &str) -> bool {
        let forms = Forms::of(&secret(setting));
        [&self.http, &self.postgres, &self.smtp].iter().any(|service| service.has_refused(&forms))
    }

    /// Returns the pages of all parts.
    pub(super) fn pages(&self) -> Vec<(String, String)> {
        let [broker, webhook, bee] = self.addresses();
        let both = ["metrics", "healthz", "readyz", "nowhere"];
        let at = |address: SocketAddr, pages: &[&str]| -> Vec<String> {
            pages.iter().map(|page| format!("http://{address}/{page}?token={PAYLOAD}")).collect()
        };
        let urls = [at(broker, &both), at(webhook, &both), at(bee, &["metrics"])].concat();
        block_on(async {
            let mut pages = Vec::new();
            for url in urls {
                let request = http().get(&url).header("authorization", format!("Bearer {PAYLOAD}"));
                let answer = request.send().await.unwrap();
                pages.push((url.split('?').next().unwrap().to_owned(), answer.text().await.unwrap()));
            }
            pages
        })
    }

    /// Returns the arguments of all processes, as everybody on the machine sees them.
    pub(super) fn arguments(&self) -> String {
        let of = |(part, _): &(Part, &str)| std::fs::read(format!("/proc/{}/cmdline", part.0.id())).unwrap();
        self.parts.iter().map(|part| String::from_utf8_lossy(&of(part)).replace('\0', " ") + "\n").collect()
    }

    /// Posts a request to a part; returns its status.
    pub(super) fn post(&self, part: usize, path: &str, headers: &[(&str, String)], body: &str) -> u16 {
        let url = format!("http://{}{path}", self.addresses()[part]);
        block_on(async {
            let mut request = http().post(url).body(body.to_owned());
            for (name, value) in headers {
                request = request.header(*name, value);
            }
            request.send().await.unwrap().status().as_u16()
        })
    }

    /// Waits until an adapter answers.
    pub(super) fn adapter_is_ready(&self) {
        eventually("the adapter is ready", || {
            self.scene.read("webhook.log").contains("ready: webhooks on").then_some(())
        });
    }

    /// Returns the processes of this function that have failed at least once.
    pub(super) fn ended(&self, function: &str, count: usize) -> Vec<Value> {
        eventually(&format!("{count} of {function} have ended"), || {
            let list = ["process", "list", "--function", function, "-o", "json"];
            let processes = self.command(self.with_encrypted_key(), &list).json();
            let ended = |process: &&Value| process["state"] == "succeeded" || process["state"] == "dead_letter";
            let ended: Vec<Value> = processes.as_array().unwrap().iter().filter(ended).cloned().collect();
            (ended.len() >= count).then_some(ended)
        })
    }

    /// Ends all parts; returns all that each wrote.
    pub(super) fn stop(mut self) -> Vec<(&'static str, String)> {
        let mut logs = Vec::new();
        while let Some((mut part, name)) = self.parts.pop() {
            kill(Pid::from_raw(i32::try_from(part.0.id()).unwrap()), Signal::SIGTERM).unwrap();
            eventually("it ends", || part.0.try_wait().unwrap());
            logs.push((name, self.scene.read(&format!("{name}.log")) + &self.scene.read(&format!("{name}.out"))));
        }
        logs
    }
}

/// Returns the variable of a setting.
fn variable(key: &str) -> String {
    format!("APIARY_{}", key.replace('.', "_").to_uppercase())
}
