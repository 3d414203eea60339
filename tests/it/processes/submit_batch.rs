//! `SubmitBatch`: each spec has an answer of its own, in order.

use apiary_executor_sdk::v1;
use apiary_identity::{Envelope, KeyPair, Spec};
use apiary_tests::TestColony;
use apiary_tests::colony::claim;

on_each_store!(
    of_a_thousand_the_bad_ones_are_refused_and_the_others_kept,
    their_order_is_the_order_of_the_claims,
    the_same_batch_again_changes_nothing,
    an_empty_batch_and_one_too_big_are_refused
);

async fn of_a_thousand_the_bad_ones_are_refused_and_the_others_kept(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let (key, stranger) = (colony.key_of("ada"), KeyPair::generate());
    let specs: Vec<Spec> = (0..1000).map(|_| user.spec("t", "f")).collect();
    let sealed: Vec<Envelope> = specs
        .iter()
        .enumerate()
        .map(|(number, spec)| match number % 100 {
            // A spec without a grant, and one with another spec's signature.
            7 => Envelope::seal(&stranger, spec).unwrap(),
            13 => {
                let mut broken = Envelope::seal(&key, spec).unwrap();
                broken.signature = Envelope::seal(&key, &user.spec("t", "f")).unwrap().signature;
                broken
            }
            _ => Envelope::seal(&key, spec).unwrap(),
        })
        .collect();
    let answers = user.submit_batch(&sealed).await.unwrap();
    assert_eq!(answers.len(), 1000);
    for (number, (spec, answer)) in specs.iter().zip(&answers).enumerate() {
        match (number % 100, &answer.process) {
            (7 | 13, None) => assert!(!answer.reason.is_empty() && !answer.message.is_empty(), "{number}"),
            (7 | 13, Some(_)) => panic!("{number} is bad"),
            (_, process) => {
                let process = process.as_ref().unwrap_or_else(|| panic!("{number}: {}", answer.message));
                assert_eq!((process.process_id.as_str(), process.existed), (&*spec.process_id.to_string(), false));
                assert!(answer.reason.is_empty() && answer.message.is_empty());
            }
        }
    }
    let (mut kept, mut page_token) = (0, String::new());
    loop {
        let request = v1::ListProcessesRequest { page_size: 1000, page_token, ..Default::default() };
        let page = reader.list_processes(request).await.unwrap();
        kept += page.processes.len();
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(kept, 980);
}

async fn their_order_is_the_order_of_the_claims(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let key = colony.key_of("ada");
    let specs: Vec<Spec> = (0..50).map(|_| user.spec("t", "f")).collect();
    let sealed: Vec<Envelope> = specs.iter().map(|spec| Envelope::seal(&key, spec).unwrap()).collect();
    user.submit_batch(&sealed).await.unwrap();
    let leases = claim(&bee, "t", 50, apiary_tests::colony::CLAIM_WAIT).await;
    let claimed: Vec<_> = leases.into_iter().map(|lease| lease.process_id).collect();
    let expected: Vec<_> = specs.iter().map(|spec| spec.process_id.to_string()).collect();
    assert_eq!(claimed, expected);
}

async fn the_same_batch_again_changes_nothing(colony: TestColony) {
    let user = colony.user("ada").await;
    let spec = Envelope::seal(&colony.key_of("ada"), &user.spec("t", "f")).unwrap();
    let batch = vec![spec.clone(), spec];
    for round in 0..2 {
        let answers = user.submit_batch(&batch).await.unwrap();
        let existed: Vec<bool> = answers.into_iter().map(|answer| answer.process.unwrap().existed).collect();
        let new = existed.iter().filter(|existed| !**existed).count();
        assert_eq!(new, if round == 0 { 1 } else { 0 }, "{existed:?}");
    }
}

async fn an_empty_batch_and_one_too_big_are_refused(colony: TestColony) {
    let user = colony.user("ada").await;
    let spec = Envelope::seal(&colony.key_of("ada"), &user.spec("t", "f")).unwrap();
    for batch in [vec![], vec![spec; 1001]] {
        assert_eq!(user.submit_batch(&batch).await.unwrap_err().reason(), Some("INVALID"));
    }
}
