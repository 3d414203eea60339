//! `/metrics`: for the broker's own machine alone. A proxy there asks for somebody else.

use apiary_daemon::door::TrustedProxies;
use apiary_tests::{Backend, TestColony};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Sends these bytes, which end a connection's only request; returns the answer.
async fn ask(colony: &TestColony, beginning: &str, header: &str) -> String {
    let mut stream = TcpStream::connect(colony.address()).await.unwrap();
    let request = format!("{beginning}GET /metrics HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{header}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_brokers_own_machine_reads_its_metrics() {
    let trusting = |proxies: &'static [&'static str]| async move {
        TestColony::start_tuned(Backend::sqlite().await, move |config| {
            config.listen.door.trusted_proxies = TrustedProxies::parse(proxies).unwrap();
        })
        .await
    };
    for colony in [trusting(&[]).await, trusting(&["127.0.0.1"]).await] {
        let shown = ask(&colony, "", "").await;
        assert!(shown.starts_with("HTTP/1.1 200") && shown.contains("apiary_broker_"), "{shown}");
        for header in [
            "x-forwarded-for: 198.51.100.7\r\n",
            // Also one that says what nobody else can say of itself.
            "x-forwarded-for: 127.0.0.1\r\n",
            "forwarded: for=127.0.0.1\r\n",
            "via: 1.1 proxy\r\n",
        ] {
            let refused = ask(&colony, "", header).await;
            assert!(refused.starts_with("HTTP/1.1 403") && !refused.contains("apiary_broker_"), "{header}{refused}");
            assert!(refused.contains("metrics.remote"), "it says what to do: {refused}");
        }
    }
    let colony = trusting(&["127.0.0.1"]).await;
    let refused = ask(&colony, "PROXY TCP4 198.51.100.7 10.0.0.1 4711 80\r\n", "").await;
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
}
