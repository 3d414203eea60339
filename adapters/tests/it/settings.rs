//! Settings that cannot be used are named before a port opens.

use std::time::Duration;

use apiary_adapters::sources::stripe::StripeConfig;
use apiary_adapters::{StartError, WebhookConfig};

use crate::harness::{Broker, SECRET, config, config_of, start, stripe_config, try_start};

async fn refusal(config: WebhookConfig) -> String {
    match try_start(config, &Broker::new()).await {
        Ok(_) => "it started".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn each_setting_that_cannot_be_used_is_named() {
    type Change = fn(&mut WebhookConfig);
    let folder = tempfile::tempdir().unwrap();
    type StripeChange = fn(&mut StripeConfig);
    let of_stripe: [(&str, StripeChange); 8] = [
        ("webhook.stripe_secrets", |stripe| stripe.secrets.clear()),
        ("webhook.stripe_secrets", |stripe| stripe.secrets = vec![SECRET.into(); 9]),
        ("webhook.stripe_secrets", |stripe| stripe.secrets.push("sk_live_api_key".into())),
        ("webhook.stripe_secrets", |stripe| stripe.secrets.push("whsec_".into())),
        ("webhook.stripe_secrets", |stripe| stripe.secrets.push("whsec_fifteen_letters".into())),
        ("webhook.stripe_secrets", |stripe| stripe.secrets.push(format!("{SECRET}\n").into())),
        ("webhook.stripe_tolerance_seconds", |stripe| stripe.tolerance = Duration::ZERO),
        ("webhook.stripe_tolerance_seconds", |stripe| stripe.tolerance = Duration::from_secs(86_400)),
    ];
    let cases: [(&str, Change); 6] = [
        ("body_bytes_max", |config| config.limits.body_bytes_max = 1024 * 1024 + 1),
        ("submit_timeout", |config| config.limits.submit_timeout = config.limits.answer_timeout),
        ("header_timeout", |config| config.limits.header_timeout = Duration::ZERO),
        ("receivers", |config| config.receivers.clear()),
        ("receivers", |config| config.receivers.extend(config.receivers.clone())),
        ("listen", |config| config.listen = "0.0.0.0:0".parse().unwrap_or(config.listen)),
    ];
    let of_stripe = of_stripe.into_iter().map(|(setting, change)| {
        let mut stripe = stripe_config();
        change(&mut stripe);
        (setting, config_of(folder.path(), stripe))
    });
    let cases = cases.into_iter().map(|(setting, change)| {
        let mut config = config(folder.path());
        change(&mut config);
        (setting, config)
    });
    for (setting, config) in of_stripe.chain(cases) {
        let words = refusal(config).await;
        assert!(words.starts_with(&format!("`{setting}` ")), "{setting}: {words}");
        assert!(!words.contains("sk_live_api_key"), "{words}");
    }
    assert!(!folder.path().join("spool").exists(), "nothing was made");
}

#[tokio::test]
async fn plain_http_from_other_machines_is_taken_when_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    (config.listen, config.allow_plaintext) = ("0.0.0.0:0".parse().unwrap(), true);
    let webhook = start(config, &Broker::new()).await;
    assert_ne!(webhook.address().port(), 0);
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = config(folder.path());
    config.listen = taken.local_addr().unwrap();
    match try_start(config, &Broker::new()).await {
        Err(StartError::Listen { address, .. }) => assert_eq!(address, taken.local_addr().unwrap()),
        other => panic!("{:?}", other.map(|webhook| webhook.address())),
    }
}
