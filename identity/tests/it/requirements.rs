//! Requirements and offers: which offers meet which requirements, and the shortfalls of the others.

#![expect(clippy::unwrap_used, reason = "a step that fails fails its test")]

use apiary_identity::{Offer, Requirements, Spec};
use serde_json::{Value, json};

use crate::support::{Scene, assert_refused, value};

fn needs(json: Value) -> Requirements {
    let needs: Requirements = serde_json::from_value(json).unwrap();
    needs.check().unwrap();
    needs
}

fn offers(json: Value) -> Offer {
    let offer: Offer = serde_json::from_value(json).unwrap();
    offer.check().unwrap();
    offer
}

/// Returns the shortfalls as text.
fn missing(needed: Value, offered: Value) -> Vec<String> {
    let (needs, offer) = (needs(needed), offers(offered));
    let words: Vec<_> = needs.shortfalls(&offer).iter().map(ToString::to_string).collect();
    assert_eq!(needs.is_met_by(&offer), words.is_empty());
    words
}

#[test]
fn less_cpu_or_memory_gets_nothing_equal_gets_it_and_no_limit_gets_it() {
    let needed = || json!({ "cpu": "4000m", "memory": "4000G" });
    assert_eq!(missing(needed(), json!({ "cpu": "500m" })), ["cpu 4000m needed, 500m offered"]);
    assert_eq!(missing(needed(), json!({ "cpu": "4", "memory": "3999G" })), ["memory 4T needed, 3999G offered"]);
    let both = ["cpu 4000m needed, 3999m offered", "memory 4T needed, 1Ki offered"];
    assert_eq!(missing(needed(), json!({ "cpu": "3.999", "memory": "1Ki" })), both);
    for enough in [json!({ "cpu": "4", "memory": "4T" }), json!({}), json!({ "cpu": "64" }), json!({ "memory": "5T" })]
    {
        assert_eq!(missing(needed(), enough), [""; 0]);
    }
}

#[test]
fn who_says_nothing_of_gpus_has_none_and_nothing_of_their_memory_is_not_limited() {
    let one = || json!({ "gpus": 1 });
    let large = || json!({ "gpus": 2, "gpu_memory": "80Gi" });
    assert_eq!(missing(one(), json!({})), ["gpus 1 needed, 0 offered"]);
    assert_eq!(missing(one(), json!({ "gpus": 0 })), ["gpus 1 needed, 0 offered"]);
    assert_eq!(missing(one(), json!({ "gpus": 1, "gpu_memory": "1Gi" })), [""; 0]);
    assert_eq!(missing(large(), json!({ "gpus": 4 })), [""; 0]);
    assert_eq!(missing(large(), json!({ "gpus": 2, "gpu_memory": "80Gi" })), [""; 0]);
    let both = ["gpus 2 needed, 1 offered", "gpu_memory 80Gi needed, 24Gi offered"];
    assert_eq!(missing(large(), json!({ "gpus": 1, "gpu_memory": "24Gi" })), both);
    // Refused by `check`, and safe without it.
    let memory_alone: Requirements = serde_json::from_value(json!({ "gpu_memory": "1Gi" })).unwrap();
    assert!(!memory_alone.is_met_by(&Offer::default()));
}

#[test]
fn a_location_is_kept_to_whatever_its_case_and_without_one_anywhere_will_do() {
    let here = || json!({ "location": "eu-North" });
    assert_eq!(missing(here(), json!({ "location": "EU-north" })), [""; 0]);
    assert_eq!(missing(here(), json!({ "location": "eu" })), ["location eu-North needed, eu offered"]);
    assert_eq!(missing(here(), json!({})), ["location eu-North needed, none offered"]);
    assert_eq!(missing(json!({}), json!({ "location": "eu" })), [""; 0]);
}

#[test]
fn every_tag_that_is_needed_is_offered() {
    let needed = || json!({ "tags": ["ssd", "cuda:12"] });
    assert_eq!(missing(needed(), json!({ "tags": ["cuda:12", "arm64", "ssd"] })), [""; 0]);
    assert_eq!(missing(needed(), json!({ "tags": ["ssd", "arm64"] })), ["tags cuda:12 needed, arm64, ssd offered"]);
    assert_eq!(missing(needed(), json!({})), ["tags cuda:12, ssd needed, none offered"]);
    assert_eq!(missing(needed(), json!({ "tags": ["SSD", "cuda:12"] })), ["tags ssd needed, SSD, cuda:12 offered"]);
}

#[test]
fn who_asks_for_nothing_takes_any_offer_and_is_not_printed() {
    assert!(Requirements::default().is_empty() && needs(json!({})).is_empty());
    assert!(!needs(json!({ "gpus": 0 })).is_empty());
    assert_eq!(missing(json!({}), json!({})), [""; 0]);
    let scene = Scene::new();
    assert_eq!(value(&scene.spec()).get("requires"), None);
    let mut spec = scene.spec();
    spec.requires = needs(json!({ "cpu": "0.5", "memory": "1.5Gi", "tags": ["b", "a"] }));
    let printed = json!({ "cpu": "500m", "memory": "1536Mi", "tags": ["a", "b"] });
    assert_eq!(value(&spec)["requires"], printed);
}

#[test]
fn a_spec_that_asks_for_something_unknown_is_refused() {
    let good = value(&Scene::new().spec());
    for (bad, words) in [
        (json!({ "cpu": "4x" }), "`cpu`: \"4x\" is no amount of cpu: its unit is unknown; write cores as"),
        (json!({ "cpu": 4 }), "`cpu`: a bare number is no amount of cpu: write cores as"),
        (json!({ "memory": "10XB" }), "`memory`: \"10XB\" is no amount of memory"),
        (json!({ "gpus": 1, "gpu_memory": "-1Gi" }), "`gpu_memory`: \"-1Gi\" is no amount of memory"),
        (json!({ "gpu_memory": "1Gi" }), "`requires.gpu_memory` is the memory of each GPU: say in `requires.gpus`"),
        (json!({ "gpus": 65_537 }), "`requires.gpus` is 0 to 65536; got 65537"),
        (json!({ "gpus": -1 }), "not valid"),
        (json!({ "gpus": "1" }), "not valid"),
        (json!({ "location": "" }), "`requires.location` is 1 to 128 letters"),
        (json!({ "location": "a b" }), "`requires.location` is 1 to 128 letters"),
        (json!({ "tags": ["a*"] }), "`requires.tags` is 1 to 128 letters"),
        (json!({ "tags": ["a", "b", "a"] }), "\"a\" is listed twice: list each once"),
        (json!({ "tags": (0..65).map(|n| n.to_string()).collect::<Vec<_>>() }), "lists 65 tags, the most is 64"),
        (json!({ "disk": "1Ti" }), "unknown field `disk`"),
        (json!(["4"]), "a JSON object"),
        (json!(null), "not valid"),
    ] {
        assert_refused::<Spec>(&good, "requires", bad, words);
    }
}

#[test]
fn an_offer_has_the_same_bounds() {
    for (bad, words) in [
        (json!({ "cpu": "0" }), "`cpu`: \"0\" is no amount of cpu: it is zero"),
        (json!({ "tags": ["a", "a"] }), "listed twice"),
        (json!({ "colour": "red" }), "unknown field `colour`"),
    ] {
        let found = serde_json::from_value::<Offer>(bad).unwrap_err().to_string();
        assert!(found.contains(words), "{found}");
    }
    for (bad, words) in [
        (json!({ "gpu_memory": "1Gi" }), "`gpu_memory` is the memory of each GPU"),
        (json!({ "gpus": 0, "gpu_memory": "1Gi" }), "`gpu_memory` is the memory of each GPU"),
        (json!({ "gpus": 65_537 }), "`gpus` is 0 to 65536"),
        (json!({ "location": "-" }), "`location` is 1 to 128"),
        (json!({ "tags": [""] }), "`tags` is 1 to 128"),
    ] {
        let found = serde_json::from_value::<Offer>(bad).unwrap().check().unwrap_err().to_string();
        assert!(found.contains(words), "{found}");
    }
    let offer = offers(json!({ "cpu": "2", "memory": "1Gi", "gpus": 1, "gpu_memory": "1Gi", "tags": ["a"] }));
    assert_eq!(serde_json::from_value::<Offer>(serde_json::to_value(&offer).unwrap()).unwrap(), offer);
}
