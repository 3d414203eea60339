//! Tests of the registry, its bounds and its page.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use apiary_identity::SystemClock;
use http::HeaderMap;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::Supervisor;
use crate::door::Peer;

fn has(text: &str, line: &str) -> bool {
    text.lines().any(|shown| shown == line)
}

#[tokio::test(start_paused = true)]
async fn a_scrape_shows_every_number_and_the_process() {
    let metrics = Metrics::new();
    metrics.series().counter("apiary_calls_total", "Calls.", &[("method", "Sub\"mit\n")]).add(3);
    metrics.series().counter("apiary_calls_total", "Calls.", &[("method", "Sub\"mit\n")]).add_one();
    metrics.series().gauge("apiary_polls", "Polls.", &[]).set_count(7);
    metrics.series().histogram("apiary_run_seconds", "Runs.", &[]).add_span_ms(1000, 3000);
    metrics.series().histogram("apiary_flush_items", "Items.", &[]).add(20.0);
    metrics.series().announce_counter("apiary_faults_total", "Faults.", &["cause"]);
    let text = metrics.scrape().await;
    for line in [
        r#"apiary_calls_total{method="Sub\"mit\n"} 4"#,
        "apiary_polls 7",
        r#"apiary_run_seconds_bucket{le="1"} 0"#,
        r#"apiary_run_seconds_bucket{le="5"} 1"#,
        "apiary_run_seconds_sum 2",
        r#"apiary_flush_items_bucket{le="16"} 0"#,
        r#"apiary_flush_items_bucket{le="32"} 1"#,
        "# TYPE apiary_faults_total counter",
        concat!("apiary_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
    ] {
        assert!(has(&text, line), "{line}\n{text}");
    }
    for name in ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_cpus"] {
        let shown = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
        assert!(shown.is_some_and(|number| number > 0.0), "{name}\n{text}");
    }
}

#[tokio::test]
async fn a_name_used_in_two_ways_ends_nothing() {
    let metrics = Metrics::new();
    metrics.series().counter("apiary_things_total", "Things.", &[]).add_one();
    metrics.series().gauge("apiary_things_total", "Things.", &[]).set(9.0);
    metrics.series().counter("apiary_things_total", "Things.", &[("of", "a kind")]).add(9);
    metrics.series().counter("apiary-things", "A name that Prometheus refuses.", &[]).add_one();
    assert!(has(&metrics.scrape().await, "apiary_things_total 1"));
}

#[tokio::test]
async fn values_beyond_the_bound_share_a_series() {
    let metrics = Metrics::new();
    let registry = metrics.series().clone();
    let by_type =
        ByLabel::new(move |value| registry.counter("apiary_submits_total", "Submits.", &[("executor_type", value)]));
    for number in 0..VALUES_MAX + 10 {
        by_type.of(&format!("type-{number}")).add_one();
        by_type.of(&format!("type-{number}")).add_one();
    }
    let text = metrics.scrape().await;
    let series: HashSet<_> = text.lines().filter(|line| line.starts_with("apiary_submits_total{")).collect();
    assert_eq!(series.len(), VALUES_MAX + 1);
    assert!(series.contains(r#"apiary_submits_total{executor_type="other"} 20"#), "{text}");
    assert!(series.contains(r#"apiary_submits_total{executor_type="type-0"} 2"#), "{text}");
}

#[test]
fn values_that_come_at_once_are_not_mixed_up() {
    let by_value = Arc::new(ByLabel::new(str::to_owned));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for number in 0..VALUES_MAX {
                    let value = number.to_string();
                    assert_eq!(*by_value.of(&value), value);
                }
            });
        }
    });
    assert_eq!(by_value.of("one too many"), OTHER);
}

#[tokio::test(start_paused = true)]
async fn gauges_of_values_that_are_gone_are_0() {
    let metrics = Metrics::new();
    let registry = metrics.series().clone();
    let gauges = Gauges::new(f64::max, move |value| registry.gauge("apiary_age", "Age.", &[("executor_type", value)]));
    gauges.replace([("finance", 5.0), ("echo", 1.0), ("finance", 2.0)]);
    let text = metrics.scrape().await;
    assert!(has(&text, r#"apiary_age{executor_type="finance"} 5"#), "{text}");
    gauges.replace([("echo", 3.0)]);
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    let text = metrics.scrape().await;
    assert!(has(&text, r#"apiary_age{executor_type="finance"} 0"#), "{text}");
    assert!(has(&text, r#"apiary_age{executor_type="echo"} 3"#), "{text}");
}

#[tokio::test(start_paused = true)]
async fn many_scrapes_read_once_and_one_that_hangs_does_not_hold_the_page() {
    let (metrics, reads) = (Metrics::new(), Arc::new(AtomicUsize::new(0)));
    let counted = reads.clone();
    metrics.before_scrape(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::pending())
    });
    let texts = futures::future::join_all((0..20).map(|_| metrics.scrape())).await;
    assert!(texts.iter().all(|text| has(text, "# TYPE apiary_build_info gauge")));
    assert_eq!(reads.load(Ordering::Relaxed), 1);
}

#[test]
fn only_this_machine_may_scrape_and_no_proxy_of_it() {
    let peer = |address: &str| Some(Peer::of(address.parse().unwrap()));
    let forwarded = |name: &'static str| HeaderMap::from_iter([(name.parse().unwrap(), "1.2.3.4".parse().unwrap())]);
    let none = HeaderMap::new();
    for here in [Some(Peer::Local), peer("127.0.0.1"), peer("127.8.9.1"), peer("::1"), peer("::ffff:127.0.0.1")] {
        assert!(may_scrape(here, &none), "{here:?}");
        for name in ["x-forwarded-for", "forwarded", "via"] {
            assert!(!may_scrape(here, &forwarded(name)), "{here:?} {name}");
        }
    }
    for elsewhere in [None, peer("192.0.2.1"), peer("10.0.0.1"), peer("2001:db8::1"), peer("fe80::1")] {
        assert!(!may_scrape(elsewhere, &none), "{elsewhere:?}");
    }
}

#[tokio::test]
async fn a_listener_of_its_own_stays_on_this_machine_unless_opened() {
    let (tasks, stop) = (Supervisor::new(Arc::new(SystemClock)), CancellationToken::new());
    let refused = serve("0.0.0.0:0".parse().unwrap(), &tasks, &stop).unwrap_err();
    assert!(refused.to_string().contains("metrics.remote"), "{refused}");
    tasks.metrics().open_to_all(true);
    assert!(serve("0.0.0.0:0".parse().unwrap(), &tasks, &stop).is_ok());
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}
