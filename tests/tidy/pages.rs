//! The description of HTTP pages: it covers every page of the doors.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::hold;
use crate::tree::file;

/// The description of all pages.
const DESCRIPTION: &str = "docs/openapi.json";
/// The file with each door's pages, and its tag in the description. Paths of the adapter's webhooks are settings, and
/// not listed.
const DOORS: [(&str, &str); 2] = [("broker/src/rpc/http.rs", "broker"), ("adapters/src/server/routes.rs", "adapter")];

#[test]
fn every_page_stands_in_the_description_and_no_other() {
    let text = file(DESCRIPTION).map_or("", |file| &file.text);
    let description: Value = serde_json::from_str(text).unwrap_or_default();
    let mut faults = Vec::new();
    for (source, tag) in DOORS {
        let code = file(source).map_or("", |file| &file.text);
        let routed: BTreeSet<&str> =
            code.split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let described: BTreeSet<&str> =
            described(&description, tag).filter(|path| !path.starts_with("/webhooks/")).collect();
        assert!(!routed.is_empty(), "{source} has no pages");
        faults.extend(routed.difference(&described).map(|path| format!("{DESCRIPTION} lacks {path} of {source}")));
        faults.extend(described.difference(&routed).map(|path| format!("{source} has no page {path}")));
    }
    hold("describe the page, or remove its description", &faults);
}

/// Returns the paths with an operation of this tag.
fn described<'a>(description: &'a Value, tag: &'a str) -> impl Iterator<Item = &'a str> {
    let paths = description["paths"].as_object().into_iter().flatten();
    let has_tag = move |page: &Value| {
        page.as_object().is_some_and(|page| {
            page.values()
                .any(|operation| operation["tags"].as_array().is_some_and(|tags| tags.iter().any(|one| one == tag)))
        })
    };
    paths.filter(move |(_, page)| has_tag(page)).map(|(path, _)| path.as_str())
}
