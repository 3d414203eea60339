//! Lines, patterns, and what they decide together.

use std::time::Duration;

use super::{Destination, RouteTable};

fn table(lines: &[&str], own: &[&str]) -> Result<RouteTable, String> {
    let own: Vec<String> = own.iter().map(|line| (*line).to_owned()).collect();
    let lines = lines.iter().enumerate().map(|(index, line)| (index + 1, *line));
    RouteTable::read("shop", "webhook.shop_routes", lines, &own).map_err(|error| error.to_string())
}

/// The targets of a type, as words.
fn targets(table: &RouteTable, kind: &str) -> String {
    match table.find(kind) {
        Destination::Routed(targets) => targets.routes().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        Destination::Ignored => "ignored".to_owned(),
        Destination::Nowhere => "nowhere".to_owned(),
    }
}

#[test]
fn the_first_line_that_matches_decides_and_own_lines_come_last() {
    let lines = ["charge.refunded = refunds/note", "charge.*=ignore", "invoice.paid = also ledger/book"];
    let table = table(&lines, &["invoice.* = finance/stripe.event", "charge.refunded = finance/stripe.event"]).unwrap();
    for (kind, to) in [
        ("charge.refunded", "refunds/note"),
        ("charge.failed", "ignored"),
        ("charge", "nowhere"),
        ("charges.failed", "nowhere"),
        ("invoice.paid", "finance/stripe.event ledger/book"),
        ("invoice.voided", "finance/stripe.event"),
        ("payout.paid", "nowhere"),
    ] {
        assert_eq!(targets(&table, kind), to, "{kind}");
    }
}

#[test]
fn a_line_that_takes_a_type_from_the_own_bee_is_a_warning() {
    let own = ["invoice.* = finance/stripe.event", "charge.* = finance/stripe.event", "ping = ignore"];
    let warnings = |lines: &[&str]| table(lines, &own).unwrap().shadowing();
    assert_eq!(
        warnings(&["payout.* = x/y", "charge.refunded = refunds/note priority=5"]),
        [
            "the finance bee does not get `charge.refunded`, because entry 2 of `webhook.shop_routes` gives it to refunds/note \
          alone: write `charge.refunded = also refunds/note`, and both get it"
        ]
    );
    let all = warnings(&["* = x/y"]);
    assert!(all.len() == 1 && all[0].contains("get `invoice.*`, `charge.*`,"), "{all:?}");
    for harmless in [
        &["charge.refunded = also refunds/note"][..],
        &["charge.refunded = ignore", "ping = x/y", "payout.* = x/y"],
        &["charge.* = finance/stripe.event priority=20"],
        &["charge.* = also finance/stripe.event", "charge.refunded = refunds/note"],
    ] {
        assert_eq!(warnings(harmless), [""; 0], "{harmless:?}");
    }
}

#[test]
fn a_star_takes_the_rest_and_a_copy_alone_is_a_process() {
    let table = table(&["a.b = also x/copy", "* = y/z"], &[]).unwrap();
    assert_eq!((targets(&table, "a.b").as_str(), targets(&table, "c").as_str()), ("y/z x/copy", "y/z"));
    let twice = self::table(&["a.b = also y/z", "a.* = also y/z", "* = y/z"], &[]).unwrap();
    assert_eq!(targets(&twice, "a.b"), "y/z", "each target gets one");
    let alone = self::table(&["a.b = also x/copy"], &["a.b = ignore"]).unwrap();
    assert_eq!(targets(&alone, "a.b"), "x/copy");
}

#[test]
fn a_copy_has_the_same_key_whatever_lines_stand_beside_it() {
    let event = crate::Event::new("evt_1", "a.b");
    let colony = apiary_identity::KeyPair::generate().id();
    let key = |lines: &[&str], target: &str| {
        let table = table(lines, &[]).unwrap();
        let Destination::Routed(targets) = table.find("a.b") else { unreachable!("it is routed") };
        let place = targets.routes().position(|route| route.to_string() == target).unwrap();
        let specs = table.specs(&targets, &event, b"{}", colony, jiff::Timestamp::UNIX_EPOCH);
        specs[place].idempotency_key.clone()
    };
    let copy = key(&["a.b = also x/copy"], "x/copy");
    assert_eq!(copy, key(&["a.b = also x/copy", "* = y/z"], "x/copy"));
    assert_ne!(copy, key(&["a.b = also x/copy", "* = y/z"], "y/z"));
}

#[test]
fn more_copies_than_there_may_be_are_refused_before_one_is_left_out() {
    let copies: Vec<String> = (0..8).map(|number| format!("a.b = also x/copy{number}")).collect();
    let lines: Vec<&str> = copies.iter().map(String::as_str).collect();
    assert!(table(&lines[..7], &["* = y/z"]).is_ok());
    let problem = table(&lines, &["* = y/z"]).unwrap_err();
    assert!(problem.contains("entry 8") && problem.contains("7 `also` targets"), "{problem}");
}

#[test]
fn a_line_sets_priority_labels_time_and_retries() {
    let line = "a = bees:eu/f/g priority=-7 label.team=shop label.x/y=a=b max_exec=2m retries=0";
    let table = table(&[line], &[]).unwrap();
    let Destination::Routed(targets) = table.find("a") else { unreachable!("it is routed") };
    let route = targets.routes().next().unwrap();
    assert_eq!((route.executor_type.as_str(), route.function.as_str()), ("bees:eu", "f/g"));
    assert_eq!((route.priority, route.max_exec, route.max_retries), (-7, Duration::from_secs(120), 0));
    let labels: Vec<_> = route.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(labels, [("team", "shop"), ("x/y", "a=b")]);
}

#[test]
fn a_line_that_cannot_be_used_is_named_by_its_number() {
    let long = format!("{} = a/b", "x".repeat(256));
    for (line, words) in [
        ("invoice.paid", "has no `=`"),
        ("", "has no `=`"),
        (" = a/b", "pattern that is none"),
        ("invoice* = a/b", "pattern that is none"),
        ("in*.paid = a/b", "pattern that is none"),
        (".* = a/b", ""),
        ("** = a/b", "pattern that is none"),
        ("a b = a/b", "pattern that is none"),
        (&long, "pattern that is none"),
        ("a =", "nothing after its `=`"),
        ("a = finance", "target that is none"),
        ("a = also", "target that is none"),
        ("a = /f", "invalid name"),
        ("a = t/", "invalid name"),
        ("a = t/f\u{202e}", "invalid name"),
        ("a = ignore priority=1", "words after `ignore`"),
        ("a = t/f priority=50001", "`priority` outside"),
        ("a = t/f priority=high", "`priority` outside"),
        ("a = t/f priority=1 priority=2", "sets `priority` twice"),
        ("a = t/f retries=-1", "`retries` outside"),
        ("a = t/f max_exec=0", "`max_exec` outside"),
        ("a = t/f max_exec=soon", "`max_exec`"),
        ("a = t/f label.shop_event=1", "which the source sets itself"),
        ("a = t/f label.livemode=1", "which the source sets itself"),
        ("a = t/f label.team=", "no valid value"),
        ("a = t/f urgent", "unknown option `urgent`"),
        ("a = t/f colour=red", "unknown option `colour`"),
    ] {
        let found = table(&["z = ignore", line], &[]);
        if words.is_empty() {
            assert!(found.is_ok(), "{line}: {found:?}");
            continue;
        }
        let told = found.unwrap_err();
        assert!(
            told.starts_with("`webhook.shop_routes` has an invalid entry 2: it ") && told.contains(words),
            "{line}: {told}"
        );
    }
}

#[test]
fn a_line_that_never_matches_is_a_mistake() {
    for (first, second, words) in [
        ("a.b = x/y", "a.b = x/z", "as entry 1 is already"),
        ("a.* = x/y", "a.b = x/z", "entry 1, `a.*`, takes every `a.b` before it"),
        ("a.* = ignore", "a.b.* = x/z", "takes every `a.b.*`"),
        ("* = x/y", "a.* = also x/z", "takes every `a.*`"),
        ("a = also x/y", "a = also x/y priority=1", "repeats entry 1"),
        ("a = also x/y", "a = x/y", "repeats entry 1"),
    ] {
        let told = table(&[first, second], &[]).unwrap_err();
        assert!(told.contains("invalid entry 2") && told.contains(words), "{first}, {second}: {told}");
    }
    for (first, second) in [("a.b = x/y", "a.* = x/z"), ("a = also x/z", "a = x/y"), ("a.b.* = x/y", "a.b = x/y")] {
        assert!(table(&[first, second], &[]).is_ok(), "{first}, {second}");
    }
}

#[test]
fn there_are_no_more_lines_than_fit_into_a_grant() {
    let lines: Vec<String> = (0..257).map(|number| format!("t{number} = a/f{number}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert!(table(&lines[..256], &[]).is_ok());
    assert!(table(&lines, &[]).unwrap_err().contains("more than 256"));
}

#[test]
fn the_grant_covers_every_target_once() {
    let scopes = table(&["a = x/f", "b = x/g", "c = also y/f", "d = ignore"], &["e = x/f"]).unwrap().scopes().unwrap();
    assert_eq!((scopes.functions, scopes.executor_types), (vec!["f".into(), "g".into()], vec!["x".into(), "y".into()]));
    assert_eq!(table(&["a = ignore"], &[]).unwrap().scopes(), None);
}
