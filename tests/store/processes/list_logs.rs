//! Lists of log lines: filtered, in pages that inserts do not shift, never another colony's.

use apiary_store::model::{LogCursor, LogFilter, LogLevel, NewLogLine, Page};
use apiary_tests::Backend;

use crate::leases::add_logs::line;
use crate::tenant::{ALL, NOW, Tenant};

on_each_store!(
    pages_go_from_the_oldest_to_the_newest_and_inserts_shift_nothing,
    every_filter_holds_at_once,
    a_text_is_found_in_any_case_and_its_signs_mean_themselves,
    the_last_lines_come_newest_first,
    a_same_named_executor_of_another_colony_is_not_shown,
);

async fn pages_go_from_the_oldest_to_the_newest_and_inserts_shift_nothing(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let id = tenant.submit(tenant.process()).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    let first = (0..7).map(|number| line(&number.to_string())).collect();
    tenant.store.add_logs(&[tenant.batch(lease, first)], NOW).await.unwrap();
    for filter in [LogFilter::default(), LogFilter { process_id: Some(id), ..LogFilter::default() }] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = Page { size: 3, after };
            let lines = tenant.store.list_logs(tenant.colony.key, &filter, page).await.unwrap();
            let Some(last) = lines.last() else { break };
            after = Some(last.line);
            seen.extend(lines.into_iter().map(|line| line.message));
            if seen.len() == 6 {
                let more = tenant.batch(lease, vec![line("more")]);
                tenant.store.add_logs(&[more], NOW).await.unwrap();
            }
        }
        let (head, tail) = seen.split_at(7);
        assert_eq!(head, ["0", "1", "2", "3", "4", "5", "6"]);
        assert!(!tail.is_empty() && tail.iter().all(|message| message == "more"), "{seen:?}");
    }
}

async fn every_filter_holds_at_once(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (ada, bob) = (tenant.bee("ada").await, tenant.bee("bob").await);
    let (one, two) = (tenant.submit(tenant.process()).await, tenant.submit(tenant.process()).await);
    let (by_ada, by_bob) = (tenant.claim_one(&ada, NOW).await, tenant.claim_one(&bob, NOW).await);
    let lines = || {
        vec![
            NewLogLine { level: LogLevel::Warn, time_ms: NOW - 10, ..line("early") },
            NewLogLine { level: LogLevel::Warn, ..line("late") },
            line("late"),
        ]
    };
    tenant.store.add_logs(&[tenant.batch(by_ada, lines()), tenant.batch(by_bob, lines())], NOW).await.unwrap();
    let count = async |filter: LogFilter| {
        let page = Page { size: ALL, after: None };
        let paged = tenant.store.list_logs(tenant.colony.key, &filter, page).await.unwrap().len();
        let last = tenant.store.list_last_logs(tenant.colony.key, &filter, ALL).await.unwrap().len();
        assert_eq!(paged, last);
        paged
    };
    assert_eq!(count(LogFilter::default()).await, 6);
    for process_id in [None, Some(two)] {
        let filter = LogFilter { process_id, executor: Some("bob".to_owned()), ..LogFilter::default() };
        assert_eq!(count(filter.clone()).await, 3);
        let filter = LogFilter { since_ms: Some(NOW), ..filter };
        assert_eq!(count(filter.clone()).await, 2);
        let filter = LogFilter { level: Some(LogLevel::Warn), ..filter };
        assert_eq!(count(filter.clone()).await, 1);
        assert_eq!(count(LogFilter { text: Some("LATE".to_owned()), ..filter.clone() }).await, 1);
        assert_eq!(count(LogFilter { text: Some("early".to_owned()), ..filter.clone() }).await, 0);
        assert_eq!(count(LogFilter { process_id: Some(one), ..filter }).await, 0);
    }
}

async fn a_text_is_found_in_any_case_and_its_signs_mean_themselves(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    tenant.submit(tenant.process()).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    let lines = ["100% done", "1000 done", "a_b", "axb", "back\\slash", "Z\u{fc}rich"].map(line).to_vec();
    tenant.store.add_logs(&[tenant.batch(lease, lines)], NOW).await.unwrap();
    for (text, expected) in [
        ("0% D", &["100% done"][..]),
        ("a_B", &["a_b"]),
        ("K\\S", &["back\\slash"]),
        ("DONE", &["100% done", "1000 done"]),
        ("z\u{fc}RI", &["Z\u{fc}rich"]),
        ("'; DROP TABLE logs; --", &[]),
        // The two databases agree on upper and lower case for the letters a to z only.
        ("z\u{dc}rich", &[]),
    ] {
        let filter = LogFilter { text: Some(text.to_owned()), ..LogFilter::default() };
        let page = Page { size: ALL, after: None };
        let found = tenant.store.list_logs(tenant.colony.key, &filter, page).await.unwrap();
        assert_eq!(found.iter().map(|line| line.message.as_str()).collect::<Vec<_>>(), expected, "{text}");
    }
}

async fn the_last_lines_come_newest_first(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let id = tenant.submit(tenant.process()).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    let lines = (0..5).map(|number| line(&number.to_string())).collect();
    tenant.store.add_logs(&[tenant.batch(lease, lines)], NOW).await.unwrap();
    for process_id in [None, Some(id)] {
        let filter = LogFilter { process_id, ..LogFilter::default() };
        let last = tenant.store.list_last_logs(tenant.colony.key, &filter, 2).await.unwrap();
        assert_eq!(last.iter().map(|line| line.message.as_str()).collect::<Vec<_>>(), ["4", "3"]);
    }
}

async fn a_same_named_executor_of_another_colony_is_not_shown(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let other = Tenant::in_store(&tenant.store, "orchard").await;
    let mut ids = Vec::new();
    for colony in [&tenant, &other] {
        let bee = colony.bee("bee").await;
        ids.push(colony.submit(colony.process()).await);
        let lease = colony.claim_one(&bee, NOW).await;
        colony.store.add_logs(&[colony.batch(lease, vec![line(&colony.colony.name)])], NOW).await.unwrap();
    }
    for filter in [
        LogFilter { executor: Some("bee".to_owned()), ..LogFilter::default() },
        LogFilter { process_id: Some(ids[0]), ..LogFilter::default() },
        LogFilter::default(),
    ] {
        let page = Page { size: ALL, after: Some(LogCursor(0)) };
        let found = tenant.store.list_logs(tenant.colony.key, &filter, page).await.unwrap();
        assert_eq!(found.iter().map(|line| line.message.as_str()).collect::<Vec<_>>(), ["meadow"]);
    }
    let theirs = LogFilter { process_id: Some(ids[1]), ..LogFilter::default() };
    assert!(tenant.store.list_last_logs(tenant.colony.key, &theirs, ALL).await.unwrap().is_empty());
}
