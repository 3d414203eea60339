//! Lists: filtered, and in pages that inserts do not shift.

use std::collections::BTreeMap;

use apiary_identity::{KeyPair, Role};
use apiary_store::limits::LIST_ROWS_MAX;
use apiary_store::model::{NewProcess, Page, ProcessCount, ProcessFilter, ProcessState};
use apiary_tests::Backend;
use uuid::Uuid;

use crate::tenant::{NOW, Tenant, completion, failure};

on_each_store!(
    pages_go_from_the_newest_to_the_oldest_and_inserts_shift_nothing,
    every_filter_holds_at_once,
    own_processes_are_those_of_a_key_under_any_grant,
    names_and_spans_of_time_combine_and_counting_agrees,
    every_combination_of_states_is_found,
    labels_must_all_match_as_they_are_written,
    a_colony_lists_only_its_own,
    a_page_that_finds_nothing_says_where_the_list_goes_on,
    few_are_found_at_once_wherever_they_are,
    all_with_two_labels_that_many_have_are_found,
);

/// The number of processes that were counted, all of them.
fn exactly(count: usize) -> ProcessCount {
    ProcessCount { count: i64::try_from(count).unwrap(), is_more: false }
}

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
            seen.extend(found.processes.into_iter().map(|process| (process.submitted_at_ms, process.process_id)));
            let mut newer = tenant.process();
            newer.submitted_at_ms = NOW + 1000;
            newer.executor_type = "other".to_owned();
            tenant.submit(newer).await;
            after = found.next;
            if after.is_none() {
                break;
            }
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
    let counted = tenant.store.count_processes(tenant.colony.key, &filter).await.unwrap();
    assert_eq!(counted, ProcessCount { count: 1, is_more: false });
    assert_eq!(tenant.list(&ProcessFilter::default()).await.len(), 5);
}

async fn own_processes_are_those_of_a_key_under_any_grant(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let key = KeyPair::generate();
    let grants = [tenant.member(&key, Role::User, "eve").await, tenant.member(&key, Role::User, "eva").await];
    let mut own = Vec::new();
    for number in 0..6 {
        let mut process = tenant.process();
        process.submitted_at_ms = NOW + number;
        process.labels = BTreeMap::from([("tier".to_owned(), "gold".to_owned())]);
        if number % 2 == 1 {
            process.submitter = grants[usize::from(number > 2)];
        }
        let id = tenant.submit(process).await;
        own.extend((number % 2 == 1).then_some(id));
    }
    own.reverse();
    let waiting = vec![ProcessState::Waiting];
    let labels = BTreeMap::from([("tier".to_owned(), "gold".to_owned())]);
    for filter in [
        ProcessFilter::default(),
        ProcessFilter { states: waiting.clone(), ..Default::default() },
        ProcessFilter { labels: labels.clone(), ..Default::default() },
        ProcessFilter { states: waiting, labels, ..Default::default() },
    ] {
        assert_eq!(tenant.list(&ProcessFilter { own: Some(key.id()), ..filter.clone() }).await, own, "{filter:?}");
        let nobody = Some(KeyPair::generate().id());
        assert!(tenant.list(&ProcessFilter { own: nobody, ..filter }).await.is_empty());
    }
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
            assert_eq!(count, exactly(expected.len()), "{filter:?}");
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

/// Submits one process with a rare function and a rare label, and then more others than a page reads.
async fn crowd(tenant: &Tenant) -> Uuid {
    let mut rare = tenant.process();
    rare.function = "rare".to_owned();
    rare.labels = BTreeMap::from([("rare".to_owned(), "1".to_owned())]);
    rare.submitted_at_ms = NOW - 1;
    let rare = tenant.submit(rare).await;
    let mut left = LIST_ROWS_MAX + 100;
    while left > 0 {
        let batch: Vec<_> = (0..left.min(700))
            .map(|number| {
                let mut process = tenant.process();
                process.submitted_at_ms = NOW + left - number;
                process.labels = BTreeMap::from([("usual".to_owned(), "1".to_owned())]);
                process
            })
            .collect();
        tenant.store.submit(&batch, NOW).await.unwrap();
        left -= 700;
    }
    rare
}

async fn all_with_two_labels_that_many_have_are_found(backend: Backend) {
    const EACH: i64 = 12_000;
    let tenant = Tenant::on(&backend).await;
    let (usual, mut both) = (tenant.process(), Vec::new());
    for first in (0..2 * EACH).step_by(1000) {
        let labelled = |number: i64| {
            let names: &[&str] = if number < 150 { &["a", "b"] } else { &[["a", "b"][usize::from(number % 2 == 0)]] };
            NewProcess {
                process_id: Uuid::now_v7(),
                submitted_at_ms: NOW + number,
                labels: names.iter().map(|name| ((*name).to_owned(), "1".to_owned())).collect(),
                ..usual.clone()
            }
        };
        let batch: Vec<NewProcess> = (first..first + 1000).map(labelled).collect();
        both.extend(batch.iter().filter(|process| process.labels.len() == 2).map(|process| process.process_id));
        tenant.store.submit(&batch, NOW).await.unwrap();
    }
    both.reverse();
    let labels = ["a", "b"].map(|name| (name.to_owned(), "1".to_owned()));
    let filter = ProcessFilter { labels: labels.into(), ..Default::default() };
    let found: Vec<Uuid> = pages(&tenant, &filter, 100).await.into_iter().flatten().collect();
    assert_eq!(found, both);
}

/// Returns the pages of a list, each as the ids of its processes.
async fn pages(tenant: &Tenant, filter: &ProcessFilter, size: i64) -> Vec<Vec<Uuid>> {
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let page = Page { size, after };
        let found = tenant.store.list_processes(tenant.colony.key, filter, page).await.unwrap();
        pages.push(found.processes.iter().map(|process| process.process_id).collect());
        after = found.next;
        if after.is_none() {
            return pages;
        }
    }
}

async fn a_page_that_finds_nothing_says_where_the_list_goes_on(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let rare = crowd(&tenant).await;
    let all = LIST_ROWS_MAX + 101;
    let by_function = ProcessFilter { function: Some("rare".to_owned()), ..Default::default() };
    for states in [vec![], vec![ProcessState::Waiting]] {
        let filter = ProcessFilter { states, ..by_function.clone() };
        assert_eq!(pages(&tenant, &filter, 10).await, [vec![], vec![rare]], "{filter:?}");
        let counted = tenant.store.count_processes(tenant.colony.key, &filter).await.unwrap();
        assert_eq!(counted, ProcessCount { count: 0, is_more: true }, "{filter:?}");
    }
    for (filter, size) in [
        (ProcessFilter::default(), 1000),
        (ProcessFilter { states: vec![ProcessState::Waiting], ..Default::default() }, 999),
        (ProcessFilter { labels: BTreeMap::from([("usual".to_owned(), "1".to_owned())]), ..Default::default() }, 1000),
    ] {
        let pages = pages(&tenant, &filter, size).await;
        let mut seen: Vec<Uuid> = pages.into_iter().flatten().collect();
        let listed = seen.len();
        seen.sort();
        seen.dedup();
        let expected = if filter.labels.is_empty() { all } else { all - 1 };
        assert_eq!((i64::try_from(seen.len()).unwrap(), listed), (expected, seen.len()), "{filter:?}");
    }
    // Pages end where the filter's time does, and a page that was not read to its end goes on after its last.
    let early = ProcessFilter { submitted_until_ms: Some(NOW), ..Default::default() };
    assert_eq!(pages(&tenant, &early, 10).await, [[rare]]);
    let late = ProcessFilter { submitted_from_ms: Some(NOW + LIST_ROWS_MAX), ..Default::default() };
    assert_eq!(pages(&tenant, &late, 1000).await.concat().len(), 101);
    let none = ProcessFilter { function: Some("none".to_owned()), ..late };
    assert_eq!(pages(&tenant, &none, 1000).await, [Vec::<Uuid>::new()]);
}

async fn few_are_found_at_once_wherever_they_are(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let first = tenant.submit(tenant.process()).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    tenant.store.complete(&[completion(lease, "{}")], NOW).await.unwrap();
    let mut held = tenant.process();
    held.not_before_ms = Some(NOW + 1);
    let held = tenant.submit(held).await;
    let rare = crowd(&tenant).await;
    let of = |states: &[ProcessState]| ProcessFilter { states: states.to_vec(), ..Default::default() };
    let mut both = vec![first, held];
    both.sort_by(|one, other| other.cmp(one));
    for (filter, expected) in [
        (of(&[ProcessState::Succeeded]), vec![first]),
        (of(&[ProcessState::Blocked]), vec![held]),
        (of(&[ProcessState::Blocked, ProcessState::Succeeded]), both),
        (of(&[ProcessState::Failed]), vec![]),
        (ProcessFilter { executor: Some("bee".to_owned()), ..of(&[ProcessState::Succeeded]) }, vec![first]),
        (ProcessFilter { function: Some("other".to_owned()), ..of(&[ProcessState::Succeeded]) }, vec![]),
    ] {
        assert_eq!(pages(&tenant, &filter, 10).await, std::slice::from_ref(&expected), "{filter:?}");
        let counted = tenant.store.count_processes(tenant.colony.key, &filter).await.unwrap();
        assert_eq!(counted, exactly(expected.len()), "{filter:?}");
    }
    // A page at a time.
    let few = of(&[ProcessState::Blocked, ProcessState::Succeeded]);
    assert_eq!(pages(&tenant, &few, 1).await.concat().len(), 2);
    if backend.kind() == "postgres" {
        let labels = BTreeMap::from([("rare".to_owned(), "1".to_owned())]);
        let filter = ProcessFilter { labels, ..Default::default() };
        assert_eq!(pages(&tenant, &filter, 10).await, [[rare]]);
        let counted = tenant.store.count_processes(tenant.colony.key, &filter).await.unwrap();
        assert_eq!(counted, exactly(1));
    }
}
