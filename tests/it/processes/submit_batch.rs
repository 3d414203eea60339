//! `SubmitBatch`: many specs in one call, each for itself.

use apiary_identity::{Envelope, Role};
use apiary_tests::TestColony;

on_each_store!(a_thousand_are_kept_in_their_order, one_that_is_refused_keeps_nobody_out, a_batch_has_its_bounds);

async fn a_thousand_are_kept_in_their_order(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let key = colony.key_of("ada");
    let specs: Vec<_> = (0..1000).map(|_| user.spec("t", "f")).collect();
    let signed: Vec<_> = specs.iter().map(|spec| Envelope::seal(&key, spec).unwrap()).collect();
    let answers = user.submit_batch(&signed).await.unwrap();
    for (spec, answer) in specs.iter().zip(&answers) {
        let kept = answer.process.as_ref().unwrap();
        assert_eq!((kept.process_id.clone(), kept.existed), (spec.process_id.to_string(), false));
    }
    let again = user.submit_batch(&signed).await.unwrap();
    assert!(again.iter().all(|answer| answer.process.as_ref().unwrap().existed), "repeating it changes nothing");
    for spec in specs.iter().take(20) {
        assert_eq!(colony.claim_one(&bee, "t").await.process_id, spec.process_id.to_string(), "first in, first out");
    }
}

async fn one_that_is_refused_keeps_nobody_out(colony: TestColony) {
    let user = colony.grant("ada", Role::User, &["f"], &["t"], &[]).await;
    let key = colony.key_of("ada");
    let good = user.spec("t", "f");
    let foreign = user.spec("t", "other");
    let mut broken = Envelope::seal(&key, &user.spec("t", "f")).unwrap();
    broken.signature[0] ^= 1;
    let batch = [Envelope::seal(&key, &foreign).unwrap(), broken, Envelope::seal(&key, &good).unwrap()];
    let answers = user.submit_batch(&batch).await.unwrap();
    let reasons: Vec<_> = answers.iter().map(|answer| answer.reason.as_str()).collect();
    assert_eq!(reasons, ["NOT_PERMITTED", "SIGNATURE_INVALID", ""]);
    assert_eq!(answers[2].process.as_ref().unwrap().process_id, good.process_id.to_string());
    assert!(!answers[0].message.is_empty() && answers[0].process.is_none());
}

async fn a_batch_has_its_bounds(colony: TestColony) {
    let user = colony.user("ada").await;
    assert_eq!(user.submit_batch(&[]).await.unwrap_err().reason(), Some("INVALID"));
    let one = Envelope::seal(&colony.key_of("ada"), &user.spec("t", "f")).unwrap();
    let many = vec![one; 1001];
    assert_eq!(user.submit_batch(&many).await.unwrap_err().reason(), Some("INVALID"));
}
