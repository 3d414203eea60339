//! A: webhooks that are acknowledged when they are durable, by the adapter and its broker, and by an Express handler that inserts
//! into the same Postgres.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use apiary_identity::{Clock as _, SystemClock};
use apiary_tests::stripe;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::deployment::{Deployment, observer_of};
use crate::figure::{Figure, Sheet};
use crate::goals;
use crate::letter::Store;
use crate::load::args;
use crate::memory::memory;
use crate::meter::{Meter, Rate};
use crate::span::pass;

/// Environment variable with the folder of Express and its packages.
const PACKAGES: &str = "APIARY_BENCH_EXPRESS";
/// Connections, each with one request at a time.
const CONNECTIONS: usize = 16;
/// Time before each measurement, in which Node compiles and connections open.
const WARM_UP: Duration = Duration::from_secs(2);
/// Time of a measurement.
const SPAN: Duration = Duration::from_secs(6);
/// Texts in an event, so that it is about as long as Stripe's.
const LINES: usize = 6;

/// Measures both in turns: Express, the adapter, and each once more. SQLite has nothing to compare.
pub(crate) async fn measure(sheet: &Sheet) -> anyhow::Result<()> {
    if matches!(sheet.store, Store::Sqlite) {
        return Ok(());
    }
    let packages =
        std::env::var_os(PACKAGES).with_context(|| format!("{PACKAGES} is not set: run `cargo xtask bench`"))?;
    let secret = format!("whsec_{}", Uuid::new_v4().simple());
    let deployment = Deployment::start(sheet.store.backend().await).await?;
    let express = Express::start(Path::new(&packages), &deployment.backend().url(), &secret)?;
    let (webhook, port) = deployment.start_webhook(&secret).await?;
    let adapter = vec![deployment.process()?.id(), webhook.id()];
    let mut rates = Vec::new();
    let sides = [(vec![express.id()], express.address), (adapter, port.address())];
    for (processes, address) in sides.iter().chain(&sides) {
        let meter = Meter::new(processes.clone(), observer_of(deployment.backend()).await?);
        rates.push(rate(meter, *address, &secret).await?);
    }
    let [first, adapter, second, adapter_again] = rates[..] else { bail!("there are four rates") };
    let express = f64::midpoint(first.per_s, second.per_s);
    let connections = format!("{CONNECTIONS} connections");
    sheet.add(Figure::rate(format!("Express and insert, {connections}"), first));
    sheet.add(Figure::rate(format!("Express and insert, {connections}, again"), second));
    for (name, rate) in [("adapter and broker", adapter), ("adapter and broker, again", adapter_again)] {
        let figure = Figure::rate(format!("{name}, {connections}"), rate).beside("Express", Some(express));
        sheet.add(figure.with_goal(goals::ACKNOWLEDGED));
    }
    sheet.add(memory("webhook adapter".to_owned(), webhook.resident_kib()?)?.with_goal(goals::WEBHOOK_KIB));
    Ok(())
}

/// The Express handler, killed when this is dropped.
struct Express {
    child: Child,
    address: SocketAddr,
}

impl Express {
    fn start(packages: &Path, database: &str, secret: &str) -> anyhow::Result<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/express.mjs");
        let mut child = Command::new("node")
            .arg(script)
            .arg(packages)
            .env("NODE_ENV", "production")
            .env("DATABASE_URL", database)
            .env("STRIPE_WEBHOOK_SECRET", secret)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("`node` does not start")?;
        let mut port = String::new();
        let output = child.stdout.take().context("its output is piped")?;
        let mut handler = Self { child, address: ([127, 0, 0, 1], 0).into() };
        BufReader::new(output).read_line(&mut port)?;
        handler.address.set_port(port.trim().parse().context("the Express handler did not start")?);
        Ok(handler)
    }

    fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Express {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Measures the events that are acknowledged in a second.
async fn rate(mut meter: Meter, address: SocketAddr, secret: &str) -> anyhow::Result<Rate> {
    let (done, run) = (Arc::new(AtomicUsize::new(0)), Uuid::new_v4().simple().to_string());
    let mut lines = JoinSet::new();
    for line in 0..CONNECTIONS {
        let sender = Sender { address, secret: secret.to_owned(), run: run.clone() };
        lines.spawn(sender.post_all(line, Arc::clone(&done)));
    }
    pass(WARM_UP).await;
    let (before, count_before) = (meter.sample().await?, done.load(Ordering::Relaxed));
    pass(SPAN).await;
    let count = done.load(Ordering::Relaxed) - count_before;
    let rate = meter.since(&before).await?.of(count)?;
    if let Some(ended) = lines.try_join_next() {
        ended??;
        bail!("a connection ended");
    }
    Ok(rate)
}

/// A sender of events as Stripe signs them.
struct Sender {
    address: SocketAddr,
    secret: String,
    /// Part of the ids of one measurement.
    run: String,
}

impl Sender {
    /// Posts one event after the other on one connection; ends only with an error.
    async fn post_all(self, line: usize, done: Arc<AtomicUsize>) -> anyhow::Result<()> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        for number in (line..).step_by(CONNECTIONS) {
            stream.write_all(&self.request(number)?).await?;
            answered(&mut stream).await?;
            done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn request(&self, number: usize) -> anyhow::Result<Vec<u8>> {
        let body = self.event(number)?;
        let signature = stripe::signature(&self.secret, body.as_bytes(), SystemClock.now().as_second());
        let head = format!(
            "POST /webhooks/stripe HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\nstripe-signature: \
             {signature}\r\ncontent-length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        Ok([head.into_bytes(), body.into_bytes()].concat())
    }

    /// Returns an event of some two kilobytes.
    fn event(&self, number: usize) -> anyhow::Result<String> {
        let lines = (0..LINES).map(|line| Ok(String::from_utf8(args(number * LINES + line))?));
        let lines = lines.collect::<anyhow::Result<Vec<_>>>()?.join(",");
        let id = format!("evt_{}{number}", self.run);
        Ok(format!(
            r#"{{"id":"{id}","object":"event","api_version":"2025-03-31.basil","created":1764590400,"livemode":false,"pending_webhooks":1,"type":"invoice.paid","data":{{"object":{{"id":"in_{number}","object":"invoice","lines":{{"object":"list","data":[{lines}]}}}}}}}}"#
        ))
    }
}

/// Reads an answer to its end. Fails unless it is 200: the event was stored where it belongs, and not on the side.
async fn answered(stream: &mut TcpStream) -> anyhow::Result<()> {
    let mut bytes = Vec::with_capacity(1024);
    loop {
        ensure!(stream.read_buf(&mut bytes).await? > 0, "the connection was closed");
        let text = std::str::from_utf8(&bytes)?;
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        ensure!(head.starts_with("HTTP/1.1 200 "), "the answer is not 200: {text}");
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        if body.len() >= length.context("the answer has no length")? {
            return Ok(());
        }
    }
}
