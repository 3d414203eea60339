//! Tests of `/metrics` at the real program: broker, adapter and bee as processes of their own, with faults in each of them. What the
//! documentation, the alert rules and the board name is in a scrape, and what a scrape has is documented; no secret is in any of it.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

mod scene;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::OnceLock;

use regex::Regex;
use serde_json::Value;

use scene::{PLANTED, Parts, journal};
use text::{Family, families};

/// Pages and logs that all tests here read: starting the parts is the expensive step.
struct Seen {
    /// The pages of broker, adapter and bee.
    pages: [String; 3],
    logs: String,
    forwarded: u16,
}

fn seen() -> &'static Seen {
    static SEEN: OnceLock<Seen> = OnceLock::new();
    SEEN.get_or_init(|| {
        let parts = Parts::start();
        let pages = parts.pages_with_all();
        let forwarded = parts.forwarded_scrape();
        parts.scrapes_are_counted();
        Seen { pages, forwarded, logs: parts.stop() }
    })
}

fn file(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

/// Returns the families of all pages together.
fn all_families() -> BTreeMap<String, Family> {
    let mut all = BTreeMap::new();
    for page in &seen().pages {
        for (name, family) in families(page) {
            all.entry(name).or_insert_with(Family::default).join(family);
        }
    }
    all
}

/// Returns the table of `docs/metrics.md`: type and labels by name, of the section with this title.
fn documented(section: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let page = file("docs/metrics.md");
    let section = page.split("\n## ").find(|part| part.starts_with(section)).unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let cell = |text: &str| text.trim().trim_matches('`').to_owned();
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
        let labels = cells[2].split(',').map(cell).filter(|label| !label.is_empty()).collect();
        (cell(cells[0]), (cell(cells[1]), labels))
    };
    rows.map(row).collect()
}

#[test]
fn the_documentation_and_a_scrape_of_each_part_have_the_same_metrics() {
    let mut faults = Vec::new();
    let common = documented("All parts");
    let shown = all_families();
    for (page, section) in seen().pages.iter().zip(["Broker", "Webhook adapter", "Bees"]) {
        let of_part = documented(section);
        assert!(of_part.len() > 5, "{section}: the table was found");
        for (name, family) in families(page) {
            match of_part.get(&name).or_else(|| common.get(&name)) {
                None => faults.push(format!("{section}: `{name}` is not documented")),
                Some((kind, labels)) => {
                    if *kind != family.kind {
                        faults.push(format!("{section}: `{name}` is a {}, not a {kind}", family.kind));
                    }
                    // Of all parts: where nothing is wrong, a part has no series of some.
                    let own = &shown[&name].label_names();
                    if own != labels {
                        faults.push(format!("{section}: `{name}` has the labels {own:?}, documented are {labels:?}"));
                    }
                    if family.help.is_empty() {
                        faults.push(format!("{section}: `{name}` has no help"));
                    }
                }
            }
        }
        let names = families(page);
        let missing = of_part.keys().chain(common.keys()).filter(|name| !names.contains_key(*name));
        faults.extend(missing.map(|name| format!("{section}: `{name}` is documented, and no scrape has it")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn names_follow_the_conventions_of_prometheus() {
    for (name, family) in all_families() {
        assert!(name.starts_with("apiary_") || name.starts_with("process_"), "{name}");
        assert_eq!(family.kind == "counter", name.ends_with("_total"), "{name} is a {}", family.kind);
        assert_eq!(family.kind == "histogram", family.has_buckets(), "{name}");
        assert!(!name.contains("_ms") && !name.contains("milli"), "{name}: base units");
    }
}

#[test]
fn every_series_and_label_of_rules_and_board_is_in_a_scrape() {
    let shown = all_families();
    let mut expressions = rule_expressions();
    assert!(expressions.len() > 20, "{expressions:?}");
    expressions.extend(board_expressions());
    let faults: Vec<String> = expressions.iter().flat_map(|expression| faults_of(expression, &shown)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_alert_has_its_page_in_the_runbook_and_its_two_tests() {
    let (rules, tests, runbook) =
        (file("deploy/prometheus/rules.yml"), file("deploy/prometheus/rules.test.yml"), file("docs/runbook.md"));
    let named = |pattern: &str, text: &str| -> Vec<String> {
        Regex::new(pattern).unwrap().captures_iter(text).map(|found| found[1].to_owned()).collect()
    };
    let alerts = named(r"- alert: (\w+)", &rules);
    assert!(alerts.len() > 20);
    for alert in &alerts {
        for outcome in ["fires", "does not fire"] {
            assert!(tests.contains(&format!("- name: {alert} {outcome}\n")), "{alert} has no test that it {outcome}");
        }
    }
    let anchors: BTreeSet<String> =
        named(r"(?m)^## (\w+)$", &runbook).into_iter().map(|title| title.to_lowercase()).collect();
    let linked = named(r"runbook: docs/runbook\.md#(\w+)", &rules);
    assert_eq!(linked.len(), alerts.len(), "each alert names its entry");
    assert_eq!(linked.into_iter().collect::<BTreeSet<_>>(), anchors, "each entry has its alert");
}

#[test]
fn a_proxy_that_asks_for_somebody_else_gets_nothing() {
    assert_eq!(seen().forwarded, 403);
}

#[test]
fn no_secret_is_in_the_metrics_or_the_logs() {
    assert!(seen().logs.contains("call ended"), "the logs are detailed");
    for (what, text) in [("broker", 0), ("webhook", 1), ("bee", 2)].map(|(what, page)| (what, &seen().pages[page])) {
        assert!(!text.contains(PLANTED), "a secret is in the metrics of {what}");
    }
    let told: Vec<&str> = seen().logs.lines().filter(|line| line.contains(PLANTED)).collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
}

#[test]
fn lines_of_the_log_have_their_priorities_in_the_journal() {
    let of = |words: &str| {
        let line = seen().logs.lines().find(|line| line.contains(words));
        line.unwrap_or_else(|| panic!("no line has `{words}`")).chars().take(3).collect::<String>()
    };
    assert_eq!(of("a background task failed"), "<3>");
    assert_eq!(of("broker listens"), "<6>");
    assert_eq!(of("call ended"), "<7>");
}

#[test]
fn a_failure_has_its_priority_in_the_journal() {
    let scene = crate::scene::Scene::new();
    let log = std::fs::File::create(scene.path("broker.log")).unwrap();
    let mut command = scene.process(&["broker"]);
    command.env("APIARY_BROKER_LISTEN", "nowhere").env("JOURNAL_STREAM", journal(&log)).stderr(log);
    assert_eq!(command.status().unwrap().code(), Some(2));
    let words = scene.read("broker.log");
    assert!(words.starts_with("<3>error: ") && words.contains("APIARY_BROKER_LISTEN"), "{words}");
    assert!(words.lines().all(|line| line.starts_with("<3>")), "{words}");
}

/// Returns the expressions of the alert rules.
fn rule_expressions() -> Vec<String> {
    let rules = file("deploy/prometheus/rules.yml");
    let alerts = rules.split("- alert: ").skip(1);
    let expression = |alert: &str| {
        let (_, after) = alert.split_once("expr:").unwrap();
        let end = after.find("\n        for:").or_else(|| after.find("\n        labels:")).unwrap();
        after[..end].trim_start_matches(" |").to_owned()
    };
    alerts.map(expression).collect()
}

/// Returns the expressions of the board's panels.
fn board_expressions() -> Vec<String> {
    let board: Value = serde_json::from_str(&file("deploy/grafana/apiary.json")).unwrap();
    let panels = board["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let expressions: Vec<String> = targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect();
    assert!(expressions.len() > 20, "{expressions:?}");
    expressions
}

/// Returns what an expression names that no scrape has.
fn faults_of(expression: &str, shown: &BTreeMap<String, Family>) -> Vec<String> {
    let mut faults = Vec::new();
    let series = Regex::new(r"\b((?:apiary|process)_\w+)(\{[^}]*\})?").unwrap();
    let matcher = Regex::new(r#"(\w+)\s*=~?\s*"([^"]*)""#).unwrap();
    // Labels that Prometheus adds to each series of a target, or that a histogram has.
    let mut known: BTreeSet<String> = ["job", "instance", "le"].map(str::to_owned).into();
    for found in series.captures_iter(expression) {
        let name = found[1].to_owned();
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let family = shown.get(&name).or_else(|| shown.get(base?).filter(|family| family.has_buckets()));
        let Some(family) = family else {
            faults.push(format!("no scrape has `{name}`: {expression}"));
            continue;
        };
        if family.samples == 0 {
            faults.push(format!("`{name}` has no series in this test: {expression}"));
        }
        known.extend(family.label_names());
        for matched in matcher.captures_iter(found.get(2).map_or("", |labels| labels.as_str())) {
            let (label, values) = (&matched[1], &matched[2]);
            if label == "job" {
                continue;
            }
            let missing = values.split('|').filter(|value| !family.has(label, value));
            faults.extend(missing.map(|value| format!("`{name}` has no {label}=\"{value}\": {expression}")));
        }
    }
    let groups = Regex::new(r"\b(?:by|on) \(([^)]*)\)").unwrap();
    for found in groups.captures_iter(expression) {
        let unknown = found[1].split(',').map(str::trim).filter(|label| !known.contains(*label));
        faults.extend(unknown.map(|label| format!("nothing has the label `{label}`: {expression}")));
    }
    faults
}
