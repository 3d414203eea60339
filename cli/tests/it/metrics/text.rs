//! A reader of Prometheus' text format, as strict as these tests need it.
#![expect(clippy::panic, reason = "a test without its subject must fail, and say which line it was")]

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

/// All series of one name.
#[derive(Default)]
pub(super) struct Family {
    pub(super) kind: String,
    pub(super) help: String,
    pub(super) samples: usize,
    labels: BTreeMap<String, BTreeSet<String>>,
    buckets: usize,
}

impl Family {
    pub(super) fn label_names(&self) -> BTreeSet<String> {
        self.labels.keys().cloned().collect()
    }

    pub(super) fn has(&self, label: &str, value: &str) -> bool {
        self.labels.get(label).is_some_and(|values| values.contains(value))
    }

    pub(super) fn has_buckets(&self) -> bool {
        self.buckets > 0
    }

    pub(super) fn join(&mut self, other: Self) {
        self.kind = other.kind;
        self.help = other.help;
        self.samples += other.samples;
        self.buckets += other.buckets;
        for (label, values) in other.labels {
            self.labels.entry(label).or_default().extend(values);
        }
    }
}

/// Reads a page. Fails on a line that Prometheus would not take, or whose metric has no type.
pub(super) fn families(page: &str) -> BTreeMap<String, Family> {
    let sample = Regex::new(r#"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$"#).unwrap();
    let pair = Regex::new(r#"(\w+)="((?:[^"\\]|\\.)*)""#).unwrap();
    let mut families = BTreeMap::<String, Family>::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            families.entry(name.to_owned()).or_default().help = help.to_owned();
            continue;
        }
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            let family = families.entry(name.to_owned()).or_default();
            assert!(family.kind.is_empty(), "{name} has two types");
            family.kind = kind.to_owned();
            continue;
        }
        let parts = sample.captures(line).unwrap_or_else(|| panic!("no sample: {line}"));
        assert!(parts[3].parse::<f64>().is_ok(), "no number: {line}");
        let name = parts[1].to_owned();
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let name = base.filter(|base| families.contains_key(*base)).map_or(name.clone(), str::to_owned);
        let family = families.get_mut(&name).unwrap_or_else(|| panic!("no type: {line}"));
        family.samples += 1;
        for found in pair.captures_iter(parts.get(2).map_or("", |labels| labels.as_str())) {
            if &found[1] == "le" && family.kind == "histogram" {
                family.buckets += 1;
            } else {
                family.labels.entry(found[1].to_owned()).or_default().insert(found[2].to_owned());
            }
        }
    }
    families
}
