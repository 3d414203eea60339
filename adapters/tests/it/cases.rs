//! Stripe's own objects, of the current API. They come with `APIARY_CASES`, the folder of public test data.

#![expect(clippy::panic, reason = "a case that cannot be read fails the test that wants it")]

use serde_json::Value;

use crate::harness::{Broker, config, event_of, post, start};

fn objects() -> Value {
    let Some(folder) = std::env::var_os("APIARY_CASES") else {
        panic!("APIARY_CASES is not set: run `cargo xtask test`");
    };
    let path = std::path::Path::new(&folder).join("stripe/fixtures3.json");
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[tokio::test]
async fn stripes_own_objects_arrive_byte_by_byte() {
    let (folder, broker, objects) = (tempfile::tempdir().unwrap(), Broker::new(), objects());
    let webhook = start(config(folder.path()), &broker).await;
    let kinds = [
        ("checkout.session.completed", "checkout.session"),
        ("customer.created", "customer"),
        ("customer.deleted", "deleted_customer"),
        ("customer.subscription.updated", "subscription"),
        ("invoice.paid", "invoice"),
    ];
    for (kind, name) in kinds {
        let id = format!("evt_{name}").replace('.', "_");
        let object = objects["resources"][name].clone();
        assert!(object.is_object(), "{name}");
        let body = event_of(&id, kind, object);
        assert_eq!(post(webhook.address(), &body).await.unwrap().status, 200, "{kind}");
        assert_eq!(broker.spec(&id).args().to_bytes().unwrap(), body, "{kind}");
    }
}

#[tokio::test]
async fn stripes_own_example_of_an_event_is_taken_and_ignored() {
    let (folder, broker, objects) = (tempfile::tempdir().unwrap(), Broker::new(), objects());
    let webhook = start(config(folder.path()), &broker).await;
    let event = objects["resources"]["event"].to_string();
    let answer = post(webhook.address(), event.as_bytes()).await.unwrap();
    assert_eq!((answer.status, &answer.body["outcome"]), (200, &Value::from("ignored")), "`plan.created`");
}
