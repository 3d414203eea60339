//! The fields that are read and compared exist in Stripe's published objects.

use apiary_bees::finance::Change;
use apiary_bees::finance::stripe_api::Kind;
use apiary_tests::stripe_api::fixture;
use serde_json::json;

use crate::harness::event::{T0, event};

#[test]
fn the_fields_in_use_are_those_of_the_published_objects() {
    for (object, pointers) in [
        ("customer", &["/id", "/object", "/created", "/livemode", "/email", "/name", "/metadata"][..]),
        (
            "subscription",
            &[
                "/id",
                "/object",
                "/created",
                "/livemode",
                "/customer",
                "/status",
                "/currency",
                "/cancel_at_period_end",
                "/cancel_at",
                "/canceled_at",
                "/ended_at",
                "/trial_start",
                "/trial_end",
                "/metadata",
                "/pause_collection",
                "/items/has_more",
                "/items/data/0/id",
                "/items/data/0/quantity",
                "/items/data/0/price/id",
                "/items/data/0/price/product",
                "/items/data/0/price/currency",
                "/items/data/0/current_period_start",
                "/items/data/0/current_period_end",
            ],
        ),
        (
            "invoice",
            &["/id", "/created", "/customer", "/status", "/currency", "/amount_due", "/amount_paid", "/parent"],
        ),
        ("payment_intent", &["/id", "/created", "/customer", "/status", "/currency", "/amount", "/amount_received"]),
        ("refund", &["/id", "/created", "/charge", "/payment_intent", "/status", "/currency", "/amount"]),
        ("dispute", &["/id", "/created", "/charge", "/payment_intent", "/status", "/currency", "/amount", "/reason"]),
        (
            "subscription_schedule",
            &["/id", "/created", "/customer", "/status", "/phases/0/items/0/price", "/phases/0/start_date"],
        ),
    ] {
        let published = fixture(object, &json!({}));
        assert_eq!(published["object"], object);
        for pointer in pointers {
            assert!(published.pointer(pointer).is_some(), "Stripe's {object} has no {pointer}");
        }
    }
}

#[test]
fn every_kind_has_the_name_that_stripe_publishes_and_ids_of_its_prefix() {
    for kind in Kind::ALL {
        let published = fixture(kind.object(), &json!({}));
        assert_eq!(Kind::of_id(published["id"].as_str().unwrap()), Some(kind));
    }
}

#[test]
fn published_objects_are_read_as_events() {
    for (event_type, object) in [
        ("customer.updated", "customer"),
        ("customer.subscription.updated", "subscription"),
        ("invoice.paid", "invoice"),
    ] {
        let change = Change::from_event(&event("evt_1", event_type, T0, &fixture(object, &json!({}))));
        assert!(change.is_ok(), "{event_type}: {change:?}");
    }
}
