//! Signatures over many documents: stored once, and given back with a path to each.

use apiary_identity::{Document as _, Envelope, KeyPair, Outcome, Spec};
use apiary_store::model::{ClaimedLease, Completion, NewProcess, ProcessState, SubmitResult};
use apiary_tests::Backend;
use bytes::Bytes;
use uuid::Uuid;

use crate::retention::range;
use crate::tenant::{Bee, DONE, NOW, Tenant, at};

on_each_store!(
    documents_signed_together_come_back_with_their_signatures,
    a_batch_goes_with_its_last_document,
    a_batch_that_is_submitted_again_is_counted_once,
    a_part_of_a_batch_keeps_its_paths,
    a_signature_without_its_batch_is_passed_on_as_it_lies_there,
    a_claim_whose_signatures_cannot_be_read_gives_its_work_back,
);

/// Processes whose specs the user signed together.
fn signed_together(tenant: &Tenant, count: usize) -> Vec<NewProcess> {
    let processes: Vec<NewProcess> = (0..count).map(|_| tenant.process()).collect();
    let payloads = processes.iter().map(|process| process.payload.clone()).collect();
    let envelopes = Envelope::sign_all(&tenant.user_key, Spec::PAYLOAD_TYPE, payloads);
    let signed = |(process, envelope): (NewProcess, Envelope)| NewProcess { signature: envelope.signature, ..process };
    processes.into_iter().zip(envelopes).map(signed).collect()
}

/// Results of these leases that their executor signed together.
fn results_signed_together(bee: &Bee, claimed: &[ClaimedLease]) -> Vec<Completion> {
    let payloads = claimed.iter().map(|lease| Bytes::from(format!("{{\"result\":\"{}\"}}", lease.process_id)));
    let envelopes = Envelope::sign_all(&KeyPair::generate(), Outcome::PAYLOAD_TYPE, payloads.collect());
    let completion = |(lease, envelope): (&ClaimedLease, Envelope)| Completion {
        lease: bee.lease(lease),
        payload: envelope.payload,
        signature: envelope.signature,
    };
    claimed.iter().zip(envelopes).map(completion).collect()
}

/// Submits, claims and completes so many processes together, and checks all that comes back. Returns them with the results.
async fn done_together(tenant: &Tenant, count: usize) -> Vec<(NewProcess, Completion)> {
    let bee = tenant.bee("bee").await;
    let processes = signed_together(tenant, count);
    let answers = tenant.store.submit(&processes, NOW).await.unwrap();
    assert!(answers.iter().all(|answer| matches!(answer, SubmitResult::New { .. })));
    let claimed = tenant.claim_at(&bee, count, NOW).await;
    let claimed = assert_claimed(claimed, &processes);
    let completions = results_signed_together(&bee, &claimed);
    assert_eq!(tenant.store.complete(&completions, NOW).await.unwrap(), vec![DONE; count]);
    let done: Vec<_> = processes.into_iter().zip(completions).collect();
    for (process, completion) in &done {
        assert_signed(tenant, process, completion).await;
    }
    done
}

/// Fails unless these processes were claimed with their signatures. Returns the leases in the order of the processes.
fn assert_claimed(mut claimed: Vec<ClaimedLease>, processes: &[NewProcess]) -> Vec<ClaimedLease> {
    claimed.sort_by_key(|lease| lease.process_id);
    assert_eq!(claimed.len(), processes.len());
    for (lease, process) in claimed.iter().zip(processes) {
        assert_eq!((lease.process_id, &lease.signature[..]), (process.process_id, process.signature.as_bytes()));
    }
    claimed
}

/// Fails unless the process and its result are there as they were signed.
async fn assert_signed(tenant: &Tenant, process: &NewProcess, completion: &Completion) {
    let process_id = process.process_id;
    let kept = tenant.store.get_process(tenant.colony.key, process_id).await.unwrap().unwrap();
    assert_eq!((&kept.payload, &kept.signature[..]), (&process.payload, process.signature.as_bytes()));
    let result = Some((completion.payload.clone(), completion.signature.as_bytes().to_vec()));
    assert_eq!(tenant.store.attempts(process_id).await.unwrap()[0].result, result);
    assert_eq!(tenant.store.attempt(process_id, 1).await.unwrap().unwrap().result, result);
}

/// Fails unless there are so many batches with so many members; SQLite has none.
async fn assert_batches(backend: &Backend, batches: i64, members: i64) {
    if backend.kind() == "postgres" {
        assert_eq!(backend.number("SELECT count(*) FROM signature_batches").await, batches);
        let sum = "SELECT coalesce(sum(members), 0)::bigint FROM signature_batches";
        assert_eq!(backend.number(sum).await, members);
        let references = "SELECT (SELECT count(*) FROM specs WHERE octet_length(signature) = 20) \
                          + (SELECT count(*) FROM all_attempts WHERE octet_length(result_signature) = 20)";
        assert_eq!(backend.number(references).await, members, "columns that refer to them");
    }
}

async fn documents_signed_together_come_back_with_their_signatures(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    done_together(&tenant, 100).await;
    assert_batches(&backend, 2, 200).await;
    // Another broker remembers nothing, and reads the batch.
    if backend.kind() == "postgres" {
        let (processes, bee) = (signed_together(&tenant, 3), tenant.bee("other").await);
        tenant.store.submit(&processes, NOW).await.unwrap();
        let other = backend.open().await;
        let claimed = other.claim(&tenant.lane(), &[bee.slot(3)], &at(NOW)).await.unwrap().claimed;
        assert_claimed(claimed, &processes);
    }
}

async fn a_batch_goes_with_its_last_document(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let done = done_together(&tenant, 10).await;
    let ids: Vec<Uuid> = done.iter().map(|(process, _)| process.process_id).collect();
    tenant.store.delete(tenant.colony.key, &ids[..4], None).await.unwrap();
    assert_batches(&backend, 2, 12).await;
    for (process, completion) in &done[4..] {
        assert_signed(&tenant, process, completion).await;
    }
    // By retention, and not twice.
    let range = range(tenant.colony.key, ProcessState::Succeeded);
    assert_eq!(tenant.store.delete_past(&range).await.unwrap().unwrap().deleted, 6);
    assert_batches(&backend, 0, 0).await;
    tenant.store.delete(tenant.colony.key, &ids, None).await.unwrap();
    assert_batches(&backend, 0, 0).await;
}

async fn a_batch_that_is_submitted_again_is_counted_once(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let processes = signed_together(&tenant, 5);
    for _ in 0..2 {
        tenant.store.submit(&processes, NOW).await.unwrap();
        assert_batches(&backend, 1, 5).await;
    }
    // What was deleted is not stored again.
    tenant.store.delete(tenant.colony.key, &[processes[0].process_id], None).await.unwrap();
    tenant.store.submit(&processes, NOW).await.unwrap();
    assert_batches(&backend, 1, 4).await;
}

async fn a_part_of_a_batch_keeps_its_paths(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let processes = signed_together(&tenant, 8);
    for part in [&processes[..3], &processes[3..]] {
        tenant.store.submit(part, NOW).await.unwrap();
    }
    assert_batches(&backend, 0, 0).await;
    for process in processes {
        let kept = tenant.store.get_process(tenant.colony.key, process.process_id).await.unwrap().unwrap();
        assert_eq!(kept.signature, process.signature.as_bytes());
    }
}

async fn a_signature_without_its_batch_is_passed_on_as_it_lies_there(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let processes = signed_together(&tenant, 4);
    tenant.store.submit(&processes, NOW).await.unwrap();
    let stored: [&[u8]; 2] = [&[7; 20], &[7; 19]];
    for (process, stored) in processes.iter().zip(stored) {
        let process_id = process.process_id;
        let id = match backend.kind() {
            "postgres" => format!("'{process_id}'"),
            _ => backend.literal(process_id.as_bytes()),
        };
        let stored_sql = backend.literal(stored);
        backend.execute(&format!("UPDATE specs SET signature = {stored_sql} WHERE process_id = {id}")).await;
        let kept = tenant.store.get_process(tenant.colony.key, process_id).await.unwrap().unwrap();
        assert_eq!(kept.signature, stored);
    }
    let mut claimed = tenant.claim_at(&bee, 4, NOW).await;
    claimed.sort_by_key(|lease| lease.process_id);
    let found: Vec<&[u8]> = claimed.iter().map(|lease| &lease.signature[..]).collect();
    let genuine = |at: usize| processes[at].signature.as_bytes();
    assert_eq!(found, [stored[0], stored[1], genuine(2), genuine(3)]);
}

async fn a_claim_whose_signatures_cannot_be_read_gives_its_work_back(backend: Backend) {
    if backend.kind() != "postgres" {
        // SQLite keeps no batches: there is nothing to read after a claim.
        return assert_batches(&backend, 0, 0).await;
    }
    let tenant = Tenant::on(&backend).await;
    let (processes, bee) = (signed_together(&tenant, 3), tenant.bee("bee").await);
    tenant.store.submit(&processes, NOW).await.unwrap();
    // Another broker, which remembers no batch.
    let other = backend.open().await;
    backend.execute("ALTER TABLE signature_batches RENAME TO hidden").await;
    other.claim(&tenant.lane(), &[bee.slot(3)], &at(NOW)).await.unwrap_err();
    backend.execute("ALTER TABLE hidden RENAME TO signature_batches").await;
    let claimed = other.claim(&tenant.lane(), &[bee.slot(3)], &at(NOW)).await.unwrap().claimed;
    assert!(claimed.iter().all(|lease| lease.attempt == 2), "the first was given back");
    assert_claimed(claimed, &processes);
}
