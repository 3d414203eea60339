//! Unusual servers at a database's address: a promoted standby, a pooler, a server that answers with errors; and backups.

mod backups;
mod failover;
mod outages;
mod pgbouncer;
mod pgbouncer_sessions;
mod statements;

use std::path::Path;

use apiary_identity::{Role, write_key_file};
use apiary_tests::TestColony;
use apiary_tests::daemon::Daemon;

/// Creates a finance bee with these settings for its record, as a real process.
async fn finance_bee(colony: &TestColony, folder: &Path, record: &[(&str, &str)]) -> Daemon {
    colony.grant("finance", Role::Executor, &["*"], &["finance"], &[]).await;
    let key = folder.join("finance.pem");
    write_key_file(&key, &colony.key_of("finance"), None).expect("the key is written");
    let mut bee = Daemon::new("finance", &["bee", "finance"], folder, None)
        .set("APIARY_BROKER", format!("http://{}", colony.address()))
        .set("APIARY_COLONY", colony.key.id())
        .set("APIARY_KEY_FILE", key.display());
    for (variable, value) in record {
        bee = bee.set(variable, value);
    }
    bee.start();
    bee
}

/// Creates a finance bee with its record in this Postgres, as a real process.
async fn finance_bee_on_postgres(colony: &TestColony, folder: &Path, record: &str) -> Daemon {
    let settings = [("APIARY_FINANCE_DATABASE_URL", record), ("APIARY_FINANCE_MIGRATE", "true")];
    finance_bee(colony, folder, &settings).await
}

/// Returns the URL with another host and port.
fn by_way_of(url: &str, way: std::net::SocketAddr) -> String {
    let mut url = reqwest::Url::parse(url).expect("a URL");
    url.set_host(Some(&way.ip().to_string())).expect("a host");
    url.set_port(Some(way.port())).expect("a port");
    url.into()
}
