//! Poolers that lose start-up parameters: in session mode, which is as good as the server itself, and in transaction mode.

use std::time::Duration;

use apiary_database::{leads_to_pooler, read_url};
use apiary_store::{BrokerStore as _, Store as _};
use apiary_store_postgres::{PostgresOptions, PostgresStore};
use apiary_tests::{Backend, PgBouncer, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::by_way_of;

const PATIENCE: Duration = Duration::from_secs(30);
/// Code of a client's first message that asks for TLS.
const TLS_REQUEST: u32 = 80_877_103;

mod postgres {
    #[tokio::test(flavor = "multi_thread")]
    async fn a_pooler_in_session_mode_is_as_good_as_the_server() {
        super::a_pooler_in_session_mode_is_as_good_as_the_server().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_session_that_has_no_name_is_counted_as_a_broker() {
        super::a_session_that_has_no_name_is_counted_as_a_broker().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_transaction_pooler_that_swallows_parameters_is_found_out() {
        super::a_transaction_pooler_that_swallows_parameters_is_found_out().await;
    }
}

/// Connects by this URL, and hears itself; so does a store with it as the server's own URL.
async fn hears_others(url: &str) {
    for direct_url in [None, Some(url.to_owned())] {
        let store =
            PostgresStore::connect(url, PostgresOptions { direct_url, ..PostgresOptions::default() }).await.unwrap();
        let mut heard = store.listen().await.unwrap().expect("it listens");
        store.notify("work").await.unwrap();
        for message in ["", "work"] {
            assert_eq!(tokio::time::timeout(PATIENCE, heard.recv()).await.unwrap().as_deref(), Some(message));
        }
        assert_eq!(store.count_listeners().await.unwrap(), Some(1));
        store.close().await;
    }
}

async fn a_pooler_in_session_mode_is_as_good_as_the_server() {
    let backend = Backend::postgres().await;
    let target = reqwest::Url::parse(&backend.url()).unwrap();
    for settings in ["pool_mode = session\n", "pool_mode = session\nignore_startup_parameters = options\n"] {
        let pooler = Server::pgbouncer_with(PgBouncer::Installed, &target, settings).await;
        hears_others(&by_way_of(&backend.url(), pooler.address())).await;
    }
}

async fn a_session_that_has_no_name_is_counted_as_a_broker() {
    let backend = Backend::postgres().await;
    let supavisor = SessionPooler::start(&backend.url()).await;
    hears_others(&by_way_of(&backend.url(), supavisor.address)).await;
}

async fn a_transaction_pooler_that_swallows_parameters_is_found_out() {
    let backend = Backend::postgres().await;
    let target = reqwest::Url::parse(&backend.url()).unwrap();
    // The second gives the connection that was idle for longest: each question goes to another session.
    for turns in ["", "server_round_robin = 1\n"] {
        let settings = format!(
            "pool_mode = transaction\ndefault_pool_size = 3\nmin_pool_size = 3\nignore_startup_parameters = options\n{turns}"
        );
        let pooler = Server::pgbouncer_with(PgBouncer::Installed, &target, &settings).await;
        let server = read_url(&by_way_of(&backend.url(), pooler.address())).unwrap();
        assert!(leads_to_pooler(&server, PATIENCE).await.unwrap(), "{turns}");
    }
}

/// A pooler as Supavisor is in session mode: each connection has a session of its own, which is opened without the
/// client's options, under a name of the pooler's.
struct SessionPooler {
    address: std::net::SocketAddr,
    _connections: JoinSet<()>,
}

impl SessionPooler {
    async fn start(url: &str) -> Self {
        let target = reqwest::Url::parse(url).unwrap();
        let server = format!("{}:{}", target.host_str().unwrap(), target.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut connections = JoinSet::new();
        connections.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let server = server.clone();
                open.spawn(async move { drop(pass_on(client, &server).await) });
            }
        });
        Self { address, _connections: connections }
    }
}

async fn pass_on(mut client: TcpStream, server: &str) -> std::io::Result<()> {
    let (version, start) = loop {
        let length = client.read_u32().await?;
        let version = client.read_u32().await?;
        if version == TLS_REQUEST {
            client.write_all(b"N").await?;
            continue;
        }
        let mut start = vec![0; usize::try_from(length).unwrap() - 8];
        client.read_exact(&mut start).await?;
        break (version, start);
    };
    let start = String::from_utf8(start).unwrap();
    let parts: Vec<&str> = start.trim_end_matches('\0').split('\0').collect();
    let kept = parts.chunks(2).filter(|pair| ["user", "database", "client_encoding"].contains(&pair[0]));
    let mut own: String = kept.map(|pair| format!("{}\0{}\0", pair[0], pair[1])).collect();
    own.push_str("application_name\0Supavisor\0\0");
    let mut upstream = TcpStream::connect(server).await?;
    upstream.write_u32(u32::try_from(own.len() + 8).unwrap()).await?;
    upstream.write_u32(version).await?;
    upstream.write_all(own.as_bytes()).await?;
    tokio::io::copy_bidirectional(&mut client, &mut upstream).await.map(drop)
}
