//! Lists, page by page.

use apiary_bees::finance::stripe_api::{Kind, ListQuery, StripeApi};
use apiary_tests::stripe_api::{StandIn, Trouble, fixture};
use serde_json::{Value, json};

use super::{api, subscription};
use crate::harness::event::T0;

/// Reads a whole list, and returns the ids page by page.
async fn ids(api: &StripeApi, query: &ListQuery) -> Vec<Vec<String>> {
    let (mut pages, mut query) = (Vec::new(), query.clone());
    loop {
        let page = api.list(&query).await.unwrap();
        let ids: Vec<String> = page.objects.iter().map(|object| object["id"].as_str().unwrap().to_owned()).collect();
        query.after = ids.last().cloned();
        pages.push(ids);
        if !page.has_more {
            return pages;
        }
    }
}

#[tokio::test]
async fn every_kind_is_listed_whole_newest_first() {
    let server = StandIn::start().await;
    for kind in Kind::ALL {
        for n in 0..5 {
            let id = format!("{}_{n}", kind.object());
            server.put(fixture(kind.object(), &json!({"id": id, "created": T0 + n})));
        }
        let pages = ids(&api(&server), &ListQuery { limit: 2, ..ListQuery::all(kind) }).await;
        let numbers: Vec<Vec<&str>> =
            pages.iter().map(|page| page.iter().map(|id| id.rsplit('_').next().unwrap()).collect()).collect();
        assert_eq!(numbers, [vec!["4", "3"], vec!["2", "1"], vec!["0"]], "{kind}");
    }
}

#[tokio::test]
async fn subscriptions_come_in_every_status_and_from_the_range_that_was_asked_for() {
    let server = StandIn::start().await;
    for (n, status) in ["active", "canceled", "incomplete_expired", "paused"].into_iter().enumerate() {
        server.put(subscription(&format!("sub_{n}"), "cus_1", status, T0 + i64::try_from(n).unwrap()));
    }
    let query =
        ListQuery { created_from_s: Some(T0 + 1), created_to_s: Some(T0 + 2), ..ListQuery::all(Kind::Subscriptions) };
    assert_eq!(ids(&api(&server), &query).await, [["sub_2", "sub_1"]]);
    assert_eq!(ids(&api(&server), &ListQuery::all(Kind::Subscriptions)).await[0].len(), 4);
}

#[tokio::test]
async fn items_that_do_not_come_with_a_subscription_are_read_after_it() {
    let server = StandIn::start().await;
    let mut object = subscription("sub_1", "cus_1", "active", T0);
    let item = object["items"]["data"][0].clone();
    let items = (0..20).map(|n| {
        let mut item = item.clone();
        item["id"] = json!(format!("si_{n}"));
        item
    });
    object["items"]["data"] = Value::Array(items.collect());
    server.put(object.clone());
    let listed = api(&server).list(&ListQuery::all(Kind::Subscriptions)).await.unwrap().objects.remove(0);
    let read = api(&server).retrieve(None, false, Kind::Subscriptions, "sub_1").await.unwrap().unwrap().object;
    for found in [listed, read] {
        assert_eq!(found["items"]["data"], object["items"]["data"]);
        assert_eq!(found["items"]["has_more"], false);
    }
}

#[tokio::test]
async fn a_list_in_another_form_is_an_error_and_never_an_empty_list() {
    let server = StandIn::start().await;
    for body in [
        json!({}),
        json!([]),
        json!({"object": "list", "data": []}),
        json!({"has_more": false, "data": {}}),
        json!({"has_more": false, "data": [{"id": ""}]}),
        json!({"has_more": false, "data": [7]}),
        json!({"has_more": true, "data": []}),
    ] {
        server.trouble([Trouble::Raw("200 OK", body.to_string())]);
        let error = api(&server).list(&ListQuery::all(Kind::Customers)).await.unwrap_err();
        assert!(error.to_string().contains("unexpected answer: a list"), "{body}: {error}");
    }
}
