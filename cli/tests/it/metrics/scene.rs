//! Broker, adapter and bee as processes, each with a fault that its metrics show, and with secrets that must be nowhere.

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::process::{Child, Command, Stdio};

use apiary_tests::blocking::eventually;
use apiary_tests::{Port, http};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::database::block_on;
use crate::scene::{Scene, run};

/// A part of every secret here.
pub(super) const PLANTED: &str = "planted0secret0here";
/// An address at which nothing listens.
const NOWHERE: &str = "127.0.0.1:9";

/// A process; ended when dropped.
struct Part(Child);

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The three parts, and the event that went through them.
pub(super) struct Parts {
    scene: Scene,
    ports: [Port; 3],
    parts: Vec<(Part, &'static str)>,
}

type Variables = Vec<(&'static str, String)>;

impl Parts {
    /// Starts all parts, and sends an event, which fails in the bee: its state of record is away.
    pub(super) fn start() -> Self {
        let ports = [Port::take(), Port::take(), Port::take()];
        let mut all = Self { scene: Scene::new(), ports, parts: Vec::new() };
        let [broker, webhook, bee] = all.addresses().map(|address| address.to_string());
        let [colony, owner, adapter, finance] =
            ["colony.pem", "owner.pem", "adapter.pem", "finance.pem"].map(|file| all.scene.new_key(file));
        all.run(
            "broker",
            &["broker"],
            vec![
                ("APIARY_BROKER_LISTEN", broker.clone()),
                ("APIARY_DATABASE_URL", "sqlite:broker.db".to_owned()),
                ("APIARY_BROKER_SERVER_OWNER", owner),
                // A task that fails at its start is in the metrics and in the notices.
                ("SABOTAGED_TASKS", "retention=1".to_owned()),
            ],
        );
        let client = |key: &str| -> Variables {
            let url = format!("http://{broker}");
            vec![("APIARY_BROKER", url), ("APIARY_COLONY", colony.clone()), ("APIARY_KEY_FILE", key.to_owned())]
        };
        all.found(&client("owner.pem"), &colony, [("user", "adapter", &adapter), ("executor", "finance", &finance)]);
        let nowhere = |name: &str| format!("postgres://{name}:{PLANTED}@{NOWHERE}/{name}");
        let sender = vec![("APIARY_WEBHOOK_LISTEN", webhook), ("STRIPE_WEBHOOK_SECRET", format!("whsec_{PLANTED}"))];
        let outbox = vec![
            ("APIARY_WEBHOOK_SPOOL", "spool".to_owned()),
            ("APIARY_WEBHOOK_OUTBOX_DATABASE_URL", nowhere("outbox")),
            ("APIARY_WEBHOOK_OUTBOX_FUNCTIONS", "echo/echo".to_owned()),
        ];
        all.run("webhook", &["webhook"], [client("adapter.pem"), sender.clone(), outbox].concat());
        let record = vec![("APIARY_FINANCE_DATABASE_URL", nowhere("record")), ("APIARY_BEE_METRICS_LISTEN", bee)];
        all.run("bee", &["bee", "finance"], [client("finance.pem"), record].concat());
        all.send(&sender);
        all
    }

    /// Creates the colony, grants each key what it does, and submits work that nobody does.
    fn found(&self, operator: &Variables, colony: &str, keys: [(&str, &str, &String); 2]) {
        let operate = |arguments: &[&str]| run(self.scene.command(arguments).envs(operator.iter().cloned())).ok();
        operate(&["doctor", "--only", "broker", "--wait", "30s"]);
        operate(&["colony", "create", "shop", "--id", colony]);
        for (role, name, key) in keys {
            let scopes = ["--function", "*", "--executor-type", "*"];
            let of = ["grant", "add", "--colony-key", "colony.pem", "--key", key, "--role", role, "--name", name];
            operate(&[&of[..], &scopes].concat());
        }
        let mut waits =
            self.scene.command(&["process", "submit", "--type", "nobody", "--function", "f", "--args", "{}"]);
        run(waits.envs(operator.iter().cloned()).env("APIARY_KEY_FILE", "adapter.pem")).ok();
    }

    /// Sends an event, and one with another's signature.
    fn send(&self, sender: &Variables) {
        eventually("the adapter is ready", || {
            self.scene.read("webhook.log").contains("ready: webhooks on").then_some(())
        });
        let mut command = self.scene.command(&["webhook", "send", "invoice.paid", "-o", "json"]);
        assert_eq!(run(command.envs(sender.iter().cloned())).json()["outcome"], "submitted");
        let mut wrong = self.scene.command(&["webhook", "send", "invoice.paid"]);
        wrong.envs(sender.iter().cloned()).env("STRIPE_WEBHOOK_SECRET", format!("whsec_{PLANTED}_of_another"));
        assert_ne!(run(&mut wrong).code, 0);
    }

    fn run(&mut self, name: &'static str, arguments: &[&str], variables: Variables) {
        let mut command: Command = self.scene.process(arguments);
        let log = std::fs::File::create(self.scene.path(&format!("{name}.log"))).unwrap();
        // As systemd does where the standard error is the journal.
        command.envs(variables).env("APIARY_LOG_LEVEL", "debug").env("JOURNAL_STREAM", journal(&log));
        command.stdout(Stdio::null()).stderr(log);
        self.parts.push((Part(command.spawn().unwrap()), name));
    }

    fn addresses(&self) -> [SocketAddr; 3] {
        [0, 1, 2].map(|part: usize| self.ports[part].address())
    }

    /// Returns the pages once the event has reached the bee, and the bee waits for more.
    pub(super) fn pages_with_all(&self) -> [String; 3] {
        eventually("every part shows what it did", || {
            let pages = self.addresses().map(|address| scrape(address, &[]).1);
            let [broker, webhook, bee] = &pages;
            let is_shown = broker.contains(r#"apiary_broker_polls_waiting{executor_type="finance"} "#)
                && broker.contains(r#"apiary_notices{kind="TASK_RESTARTED"} 1"#)
                && webhook.contains(r#"apiary_webhook_events_total{outcome="rejected",source="stripe"} 1"#)
                && webhook.contains("apiary_webhook_outbox_readable 0")
                && bee.contains(r#"apiary_bee_service_errors_total{cause="record-unavailable""#);
            is_shown.then_some(pages)
        })
    }

    /// Returns the status of a scrape that a proxy on this machine makes for somebody else.
    pub(super) fn forwarded_scrape(&self) -> u16 {
        let statuses = self.addresses().map(|address| scrape(address, &[("x-forwarded-for", "192.0.2.1")]).0);
        assert!(statuses.iter().all(|status| *status == statuses[0]), "{statuses:?}");
        statuses[0]
    }

    /// Waits until a scrape shows that scrapes are counted.
    pub(super) fn scrapes_are_counted(&self) {
        let before = self.broker_scrapes();
        eventually("scrapes are counted", || (self.broker_scrapes() > before).then_some(()));
    }

    fn broker_scrapes(&self) -> u64 {
        let line = r#"apiary_broker_calls_total{method="/metrics",status="2xx"} "#;
        let page = scrape(self.addresses()[0], &[]).1;
        page.lines().find_map(|shown| shown.strip_prefix(line)).map_or(0, |count| count.parse().unwrap())
    }

    /// Ends all parts in order; returns all that they wrote.
    pub(super) fn stop(mut self) -> String {
        let mut logs = String::new();
        while let Some((mut part, name)) = self.parts.pop() {
            kill(Pid::from_raw(i32::try_from(part.0.id()).unwrap()), Signal::SIGTERM).unwrap();
            assert_eq!(eventually("it ends", || part.0.try_wait().unwrap()).code(), Some(0), "{name}");
            logs += &self.scene.read(&format!("{name}.log"));
        }
        logs
    }
}

/// Returns status and text of a scrape; nothing while the part does not listen.
fn scrape(address: SocketAddr, headers: &[(&str, &str)]) -> (u16, String) {
    block_on(async {
        let mut request = http().get(format!("http://{address}/metrics"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let Ok(answer) = request.send().await else { return (0, String::new()) };
        (answer.status().as_u16(), answer.text().await.unwrap())
    })
}

/// Returns the name of an open file, as systemd gives the journal's.
pub(super) fn journal(log: &std::fs::File) -> String {
    log.metadata().map(|log| format!("{}:{}", log.dev(), log.ino())).unwrap()
}
