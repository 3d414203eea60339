//! The description of HTTP pages: it covers every page of the doors.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::hold;
use crate::tree::file;

/// Pages, by method and path.
type Pages<'a> = BTreeSet<(&'a str, &'a str)>;

/// A door: its file, the reader of its pages, its tag.
type Door = (&'static str, fn(&str) -> Pages<'_>, &'static str);

/// The description of all pages.
const DESCRIPTION: &str = "docs/openapi.json";
/// The file with each door's pages, the reader of the pages in it, and the door's tag in the description. Paths of the
/// adapter's webhooks are settings, and not listed.
const DOORS: [Door; 2] =
    [("broker/src/auth/policy.rs", rows, "broker"), ("adapters/src/server/routes.rs", routes, "adapter")];
/// The file that routes the broker's pages: by the policy's table alone.
const ROUTER: &str = "broker/src/rpc/http.rs";

#[test]
fn every_page_stands_in_the_description_and_no_other() {
    let text = file(DESCRIPTION).map_or("", |file| &file.text);
    let description: Value = serde_json::from_str(text).unwrap_or_default();
    let mut faults = Vec::new();
    for (source, pages, tag) in DOORS {
        let code = file(source).map_or("", |file| &file.text);
        let routed = pages(code);
        let described = described(&description, tag);
        assert!(!routed.is_empty(), "{source} has no pages");
        let lacking = routed.difference(&described);
        faults.extend(lacking.map(|(method, path)| format!("{DESCRIPTION} lacks {method} {path} of {source}")));
        let unknown = described.difference(&routed);
        faults.extend(unknown.map(|(method, path)| format!("{source} has no page {method} {path}")));
    }
    hold("describe the page, or remove its description", &faults);
}

#[test]
fn the_broker_routes_no_page_beside_the_policy() {
    let code = file(ROUTER).map_or("", |file| &file.text);
    let routes = code.split(".route(").skip(1).filter(|rest| !rest.starts_with(')'));
    let faults: Vec<String> = routes
        .filter(|rest| !rest.starts_with("page.path(), "))
        .map(|rest| format!("{ROUTER}: .route({}", rest.lines().next().unwrap_or_default()))
        .collect();
    assert!(code.contains(".route(page.path(), "), "{ROUTER} routes the pages of the policy's table");
    hold("give the page a row in broker/src/auth/policy.rs", &faults);
}

/// Returns the pages of the policy's table: `Name: "GET" "/path" Need`.
fn rows(code: &str) -> Pages<'_> {
    let table = code.split("\npages! {\n").nth(1).and_then(|rest| rest.split("\n}").next()).unwrap_or_default();
    let texts = table.lines().map(|row| row.split('"').skip(1).step_by(2));
    texts.filter_map(|mut texts| Some((texts.next()?, texts.next()?))).collect()
}

/// Returns the pages that a router names: `.route("/path", get(…))`.
fn routes(code: &str) -> Pages<'_> {
    let calls = code.split(".route(\"").skip(1);
    calls
        .filter_map(|call| {
            let (path, rest) = call.split_once('"')?;
            let is_post = rest.trim_start_matches(", ").starts_with("post(");
            Some((if is_post { "POST" } else { "GET" }, path))
        })
        .collect()
}

/// Returns the method and path of the operations with this tag, but for webhooks.
fn described<'a>(description: &'a Value, tag: &str) -> Pages<'a> {
    let paths = description["paths"].as_object().into_iter().flatten();
    let operations = paths.filter(|(path, _)| !path.starts_with("/webhooks/")).flat_map(|(path, page)| {
        let operations = page.as_object().into_iter().flatten();
        operations.map(move |(method, operation)| (method.as_str(), path.as_str(), operation))
    });
    let has_tag =
        |operation: &Value| operation["tags"].as_array().is_some_and(|tags| tags.iter().any(|one| one == tag));
    operations
        .filter(|(_, _, operation)| has_tag(operation))
        .map(|(method, path, _)| (if method == "post" { "POST" } else { "GET" }, path))
        .collect()
}
