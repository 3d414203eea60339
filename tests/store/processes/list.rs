//! Lists: filtered, and in pages that inserts do not shift.

use std::collections::BTreeMap;

use apiary_store::model::{Page, ProcessCursor, ProcessFilter, ProcessState};
use apiary_tests::Backend;
use uuid::Uuid;

use crate::tenant::{NOW, Tenant, completion, failure};

on_each_store!(
    pages_go_from_the_newest_to_the_oldest_and_inserts_shift_nothing,
    every_filter_holds_at_once,
    names_and_spans_of_time_combine_and_counting_agrees,
    every_combination_of_states_is_found,
    labels_must_all_match_as_they_are_written,
    a_colony_lists_only_its_own,
);

async fn pages_go_from_the_newest_to_the_oldest_and_inserts_shift_nothing(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let mut expected = Vec::new();
    for number in 0..11 {
        let mut process = tenant.process();
        // Two at a time have the same millisecond: their ids decide the order.
        process.submitted_at_ms = NOW + number / 2;
        expected.push((process.submitted_at_ms, tenant.submit(process).await));
    }
    expected.sort();
    expected.reverse();
    for filter in [
        ProcessFilter::default(),
        ProcessFilter { states: vec![ProcessState::Waiting], ..Default::default() },
        ProcessFilter { states: vec![ProcessState::Waiting, ProcessState::Succeeded], ..Default::default() },
    ] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = Page { size: 3, after };
            let found = tenant.store.list_processes(tenant.colony.key, &filter, page).await.unwrap();
            let Some(last) = found.last() else { break };
            after = Some(ProcessCursor { submitted_at_ms: last.submitted_at_ms, process_id: last.process_id });
            seen.extend(found.into_iter().map(|process| (process.submitted_at_ms, process.process_id)));
            let mut newer = tenant.process();
            newer.submitted_at_ms = NOW + 1000;
            newer.executor_type = "other".to_owned();
            tenant.submit(newer).await;
        }
        seen.retain(|(submitted_at_ms, _)| *submitted_at_ms < NOW + 1000);
        assert_eq!(seen, expected);
    }
}

async fn every_filter_holds_at_once(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let mut wanted = tenant.process();
    wanted.function = "archive_data".to_owned();
    wanted.executor_type = "archive".to_owned();
    wanted.labels = BTreeMap::from([("tier".to_owned(), "gold".to_owned())]);
    let mut near_misses = vec![wanted.clone(), wanted.clone(), wanted.clone(), wanted.clone()];
    near_misses[0].function = "restore".to_owned();
    near_misses[1].executor_type = "finance".to_owned();
    near_misses[2].labels.clear();
    near_misses[3].not_before_ms = Some(NOW + 1);
    for mut process in near_misses {
        process.process_id = Uuid::now_v7();
        tenant.submit(process).await;
    }
    let wanted = tenant.submit(wanted).await;
    let filter = ProcessFilter {
        states: vec![ProcessState::Waiting],
        executor_type: Some("archive".to_owned()),
        function: Some("archive_data".to_owned()),
        labels: BTreeMap::from([("tier".to_owned(), "gold".to_owned())]),
        ..Default::default()
    };
    assert_eq!(tenant.list(&filter).await, [wanted]);
    assert_eq!(tenant.store.count_processes(tenant.colony.key, &filter).await.unwrap(), 1);
    assert_eq!(tenant.list(&ProcessFilter::default()).await.len(), 5);
}

// Case 36.
async fn names_and_spans_of_time_combine_and_counting_agrees(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (anna, ben) = (tenant.bee("anna").await, tenant.bee("ben").await);
    let mut ids = Vec::new();
    for number in 0..4 {
        let mut process = tenant.process();
        (process.submitted_at_ms, process.priority_time_us) = (NOW + number, NOW + number);
        ids.push(tenant.submit(process).await);
    }
    let first = anna.lease(&tenant.claim_at(&anna, 1, NOW + 9).await[0]);
    tenant.store.complete(&[completion(first, "{}")], NOW + 9).await.unwrap();
    tenant.claim_at(&ben, 1, NOW + 9).await;
    let name = |name: &str| Some(name.to_owned());
    let by = |submitter, executor, submitted_from_ms, submitted_until_ms| ProcessFilter {
        submitter,
        executor,
        submitted_from_ms,
        submitted_until_ms,
        ..Default::default()
    };
    use ProcessState::{Running, Succeeded, Waiting};
    for (filter, expected) in [
        (by(name("ada"), None, None, None), vec![3, 2, 1, 0]),
        (by(name("anna"), None, None, None), vec![]),
        (by(None, name("anna"), None, None), vec![0]),
        (by(name("ada"), name("ben"), None, None), vec![1]),
        (by(None, None, Some(NOW + 1), Some(NOW + 3)), vec![2, 1]),
        (by(None, name("ben"), Some(NOW + 2), None), vec![]),
        (by(None, name("anna"), None, Some(NOW + 1)), vec![0]),
    ] {
        for states in [vec![], vec![Waiting, Running, Succeeded], vec![Waiting]] {
            let filter = ProcessFilter { states: states.clone(), ..filter.clone() };
            let state_of = [Succeeded, Running, Waiting, Waiting];
            let expected: Vec<Uuid> = expected
                .iter()
                .filter(|number| states.is_empty() || states.contains(&state_of[**number]))
                .map(|number| ids[*number])
                .collect();
            assert_eq!(tenant.list(&filter).await, expected, "{filter:?}");
            let count = tenant.store.count_processes(tenant.colony.key, &filter).await.unwrap();
            assert_eq!(usize::try_from(count).unwrap(), expected.len(), "{filter:?}");
        }
    }
    assert!(tenant.store.is_named(tenant.colony.key, "anna").await.unwrap());
    assert!(!tenant.store.is_named(tenant.colony.key, "Anna").await.unwrap());
}

async fn every_combination_of_states_is_found(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let mut in_state = Vec::new();
    for _ in 0..5 {
        tenant.submit(tenant.process()).await;
    }
    let leases: Vec<_> = tenant.claim_at(&bee, 4, NOW).await.iter().map(|claimed| bee.lease(claimed)).collect();
    tenant.store.complete(&[completion(leases[0], "{}")], NOW).await.unwrap();
    let mut failures = [failure(leases[1]), failure(leases[2])];
    (failures[0].next, failures[1].next) = (ProcessState::Failed, ProcessState::DeadLetter);
    tenant.store.fail(&failures, NOW).await.unwrap();
    let mut later = tenant.process();
    later.not_before_ms = Some(NOW + 1);
    tenant.submit(later).await;
    for process_id in tenant.list(&ProcessFilter::default()).await {
        in_state.push((tenant.state(process_id).await, process_id));
    }
    assert_eq!(in_state.len(), 6, "one in each state but cancelled: {in_state:?}");

    for chosen in 1..1_usize << ProcessState::ALL.len() {
        let states: Vec<ProcessState> = ProcessState::ALL
            .into_iter()
            .enumerate()
            .filter_map(|(number, state)| (chosen >> number & 1 == 1).then_some(state))
            .collect();
        let expected: Vec<Uuid> =
            in_state.iter().filter(|(state, _)| states.contains(state)).map(|(_, process_id)| *process_id).collect();
        let found = tenant.list(&ProcessFilter { states: states.clone(), ..Default::default() }).await;
        assert_eq!(found, expected, "{states:?}");
    }
}

async fn labels_must_all_match_as_they_are_written(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let labels = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let mut process = tenant.process();
    process.labels = labels(&[("a", "1"), ("b", "true"), ("c.d/e:f-g", "\"quo\\ted\" 100%_")]);
    let process_id = tenant.submit(process).await;
    tenant.submit(tenant.process()).await;
    for (asked, found) in [
        (labels(&[("a", "1")]), true),
        (labels(&[("a", "1"), ("b", "true")]), true),
        (labels(&[("c.d/e:f-g", "\"quo\\ted\" 100%_")]), true),
        (labels(&[("a", "1"), ("b", "false")]), false),
        (labels(&[("A", "1")]), false),
        (labels(&[("a", "1 ")]), false),
        (labels(&[("b", "1")]), false),
        (labels(&[("z", "")]), false),
    ] {
        let expected: &[Uuid] = if found { &[process_id] } else { &[] };
        for states in [vec![], vec![ProcessState::Waiting]] {
            let filter = ProcessFilter { labels: asked.clone(), states, ..Default::default() };
            assert_eq!(tenant.list(&filter).await, expected, "{asked:?}");
        }
    }
}

async fn a_colony_lists_only_its_own(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let other = Tenant::in_store(&tenant.store, "orchard").await;
    let mine = tenant.submit(tenant.process()).await;
    let theirs = other.submit(other.process()).await;
    for states in [vec![], vec![ProcessState::Waiting], ProcessState::ALL.to_vec()] {
        let filter = ProcessFilter { states, ..Default::default() };
        assert_eq!((tenant.list(&filter).await, other.list(&filter).await), (vec![mine], vec![theirs]));
    }
}
