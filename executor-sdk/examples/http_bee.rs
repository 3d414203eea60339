//! A bee that calls URLs: `http.call` sends GET, or POST where there is a body, and comes back when a busy server says when.
//!
//! The URL comes from another user, and this machine may reach what that user may not: other machines of its network, a
//! cloud's metadata.
//! So only public addresses are called, checked after the name is resolved; no redirect is followed, and no proxy is used, which
//! would resolve names itself. `HTTP_BEE_ALLOW_LOOPBACK=yes` lets calls to this machine through, to try it out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use apiary_executor_sdk::identity::{Clock, SystemClock, read_key_file};
use apiary_executor_sdk::{Client, ClientConfig, Executor, Failure, Work};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{RequestBuilder, Response, StatusCode, Url, redirect};

/// The time for a whole call.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// The longest pause that a server may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60 * 60);

const SCHEMA: &str = r#"{
    "type": "object",
    "required": ["url"],
    "properties": { "url": { "type": "string" }, "body": {} },
    "additionalProperties": false
}"#;

/// The arguments of `http.call`.
#[derive(serde::Deserialize)]
struct Call {
    url: String,
    body: Option<serde_json::Value>,
}

/// The output of `http.call`.
#[derive(serde::Serialize)]
struct Answer {
    status: u16,
    body: String,
}

#[derive(Clone)]
struct Caller {
    http: reqwest::Client,
    reach: Reach,
}

impl Caller {
    fn new(reach: Reach) -> reqwest::Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(CALL_TIMEOUT)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(reach))
            .build()?;
        Ok(Self { http, reach })
    }

    async fn call(self, call: Call, work: Work) -> Result<Answer, Failure> {
        let url = self.reach.check(&call.url)?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let request = match &call.body {
            None => self.http.get(url),
            Some(body) => self.http.post(url).json(body),
        };
        // The same in every attempt, so that the server can recognise a repetition.
        let request = request.header("idempotency-key", work.process_id().to_string());
        tokio::select! {
            answer = send(&host, request) => answer,
            () = work.cancelled() => Err(Failure::retryable("stopped before there was an answer")),
        }
    }
}

async fn send(host: &str, request: RequestBuilder) -> Result<Answer, Failure> {
    let response = request.send().await.map_err(|error| unreachable(host, &error))?;
    let status = response.status();
    if !status.is_success() {
        return Err(refused(host, status, retry_after(response.headers())));
    }
    Ok(Answer { status: status.as_u16(), body: read(host, response).await? })
}

/// Reads the body, up to a bound, so that no answer fills the memory.
async fn read(host: &str, mut response: Response) -> Result<String, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(host, &error))? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_BYTES_MAX {
            return Err(Failure::fatal(format!("{host} answers with more than {ANSWER_BYTES_MAX} bytes")));
        }
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// Returns the failure for a status that is no success.
fn refused(host: &str, status: StatusCode, retry_after: Option<Duration>) -> Failure {
    let failure = match status {
        // The work is sound and the server is busy: the work goes back, and no retry is spent.
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Failure::surroundings(
            format!("http {host}"),
            format!("{host} answers {status}: look at its load, or at your quota"),
        ),
        status if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
            Failure::retryable(format!("{host} answers {status}"))
        }
        status => Failure::fatal(format!("{host} answers {status}: correct the URL or the body")),
    };
    match retry_after {
        Some(pause) => failure.retry_after(pause),
        None => failure,
    }
}

/// Returns the failure for a call without an answer. The URL is left out: it may contain a secret.
fn unreachable(host: &str, error: &reqwest::Error) -> Failure {
    let causes = || std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    if causes().any(|cause| cause.is::<NotPublic>()) {
        return Failure::fatal(format!("{host}: {NotPublic}"));
    }
    // It spends a retry, unlike a busy server: the name may be one that never answers.
    let last = causes().last().map_or_else(|| "no answer".to_owned(), ToString::to_string);
    Failure::retryable(format!("{host}: {last}"))
}

/// Returns what `Retry-After` asks for: seconds, or a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let pause = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
            Duration::try_from(date.duration_since(SystemClock.now())).unwrap_or_default()
        }
    };
    Some(pause.min(RETRY_AFTER_MAX))
}

/// The addresses that may be called.
#[derive(Clone, Copy)]
struct Reach {
    loopback: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("its address is not public, and this bee calls no other")]
struct NotPublic;

impl Reach {
    /// Reads a URL. An address in it is checked here, because it is never resolved; a name is checked by [`Resolve`].
    fn check(self, url: &str) -> Result<Url, Failure> {
        let url = Url::parse(url).map_err(|error| Failure::fatal(format!("`url` is no URL: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Failure::fatal("`url` is neither http nor https"));
        }
        let host = url.host_str().unwrap_or_default();
        match host.trim_matches(['[', ']']).parse() {
            Ok(address) if !self.contains(address) => Err(Failure::fatal(format!("{host}: {NotPublic}"))),
            _ => Ok(url),
        }
    }

    fn contains(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let public = match address {
            IpAddr::V4(address) => is_public_v4(address),
            IpAddr::V6(address) => is_public_v6(address),
        };
        public || self.loopback && address.is_loopback()
    }
}

impl Resolve for Reach {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = *self;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<SocketAddr> = found.into_iter().filter(|address| reach.contains(address.ip())).collect();
            if allowed.is_empty() {
                return Err(NotPublic.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Returns `true` if the address is public: not in IANA's registries of special addresses.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let protocols = (a, b, c) == (192, 0, 0);
    let benchmarks = a == 198 && (18..20).contains(&b);
    let special =
        address.is_private() || address.is_loopback() || address.is_link_local() || address.is_documentation();
    // From 224 on: multicast, reserved, broadcast.
    !(special || shared || protocols || benchmarks || a == 0 || a >= 224)
}

/// Returns `true` for the range of public addresses, without tunnels, which contain an address of the other version.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let teredo_and_others = a == 0x2001 && b < 0x200;
    let documentation = (a, b) == (0x2001, 0xdb8) || a == 0x3fff && b < 0x1000;
    a & 0xe000 == 0x2000 && !(teredo_and_others || documentation || a == 0x2002)
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    // reqwest has no cryptography of its own; an error means that it was chosen before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let broker = std::env::var("APIARY_BROKER").unwrap_or_else(|_| "http://127.0.0.1:7420".to_owned());
    let colony = std::env::var("APIARY_COLONY").map_err(|_| "set APIARY_COLONY to the colony's id")?;
    let key = read_key_file("bee.pem".as_ref(), None)
        .map_err(|error| format!("{error}; `apiary key new bee.pem` makes one"))?;
    let client = Client::new(&ClientConfig::new(broker.parse()?), colony.parse()?, key, Arc::new(SystemClock))?;
    let caller =
        Caller::new(Reach { loopback: std::env::var("HTTP_BEE_ALLOW_LOOPBACK").is_ok_and(|word| word == "yes") })?;
    let bee = Executor::builder(client)
        .executor_type("http")
        .name("http-bee")
        .slots(16)
        .function("http.call", "calls a URL: GET, or POST where there is a body", SCHEMA)
        .handle_json("http.call", move |call, work| caller.clone().call(call, work))
        .build()?;
    Ok(bee.run_until_signalled().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: Reach = Reach { loopback: false };

    #[test]
    fn only_public_addresses_are_called() {
        for address in ["8.8.8.8", "100.128.0.1", "192.0.1.1", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(PUBLIC.contains(address.parse().unwrap()), "{address}");
        }
        let others = [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.168.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "fd00::1",
            "fe80::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:a00:1::",
            "3fff::1",
        ];
        for address in others {
            assert!(!PUBLIC.contains(address.parse().unwrap()), "{address}");
        }
        let with_loopback = Reach { loopback: true };
        assert!(with_loopback.contains("127.0.0.1".parse().unwrap()) && with_loopback.contains("::1".parse().unwrap()));
        assert!(!with_loopback.contains("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn an_address_in_a_url_is_checked_however_it_is_written() {
        for url in
            ["http://10.1/", "http://0x7f000001/", "http://[::1]/", "http://[::ffff:10.0.0.1]/", "ftp://8.8.8.8/", "x"]
        {
            assert!(PUBLIC.check(url).is_err(), "{url}");
        }
        assert!(PUBLIC.check("https://example.com/a?b").is_ok());
    }

    #[tokio::test]
    async fn a_name_that_leads_to_a_private_address_is_not_called() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let caller = Caller::new(PUBLIC).unwrap();
        let call = Call { url: "http://localhost:9/".to_owned(), body: None };
        let failure = caller.call(call, apiary_executor_sdk::testing::work("http.call").build()).await.err().unwrap();
        assert!(failure.message().contains("not public") && !failure.is_retryable(), "{failure}");
    }

    #[test]
    fn only_a_busy_server_is_waited_for_without_spending_a_retry() {
        let pause = Some(Duration::from_secs(7));
        let busy = refused("a.example", StatusCode::TOO_MANY_REQUESTS, pause);
        assert_eq!((busy.cause(), busy.earliest()), (Some("http a.example"), pause));
        let broken = refused("a.example", StatusCode::BAD_GATEWAY, None);
        assert!(broken.cause().is_none() && broken.is_retryable());
        assert!(!refused("a.example", StatusCode::FOUND, None).is_retryable());
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_bounded() {
        let asked = |value: &'static str| {
            retry_after(&HeaderMap::from_iter([(RETRY_AFTER, reqwest::header::HeaderValue::from_static(value))]))
        };
        assert_eq!(asked("7"), Some(Duration::from_secs(7)));
        assert_eq!(asked("999999999"), Some(RETRY_AFTER_MAX));
        assert_eq!(asked("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert_eq!(asked("soon"), None);
    }
}
