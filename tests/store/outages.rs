//! A server that cuts its connections, as a restart or a fail-over does.

use apiary_store::StoreError;
use apiary_tests::{Backend, eventually};

use crate::tenant::{NOW, Tenant};

mod postgres {
    use super::*;

    /// All pooled connections die at the same time: a single call may fail for that, not one per connection.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn after_all_connections_are_cut_at_most_one_call_fails() {
        let backend = Backend::postgres().await;
        let tenant = Tenant::on(&backend).await;
        for _ in 0..5 {
            // More concurrent calls than the pool has connections, so that all of them are open.
            let calls = (0..20).map(|_| tenant.store.database_time_ms());
            futures::future::try_join_all(calls).await.unwrap();
            backend.cut_connections().await;
            let mut failed = 0;
            for _ in 0..20 {
                match tenant.store.submit(&[tenant.process()], NOW).await {
                    Ok(_) => {}
                    Err(StoreError::Unavailable(_)) => failed += 1,
                    Err(other) => assert!(matches!(other, StoreError::Unavailable(_)), "{other}"),
                }
            }
            assert!(failed <= 1, "{failed} calls failed");
        }
    }

    /// A call that loses its connection fails as retryable; the repetition takes effect exactly once.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn calls_cut_in_the_middle_are_unavailable_and_safe_to_repeat() {
        let backend = Backend::postgres().await;
        let tenant = Tenant::on(&backend).await;
        let bee = tenant.bee("bee").await;
        let processes: Vec<_> = (0..200).map(|_| tenant.process()).collect();
        let submitting = async {
            for process in &processes {
                eventually("it is submitted", async || {
                    match tenant.store.submit(std::slice::from_ref(process), NOW).await {
                        Ok(_) => Some(()),
                        Err(error) => {
                            assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
                            None
                        }
                    }
                })
                .await;
            }
        };
        let cutting = async {
            for _ in 0..20 {
                backend.cut_connections().await;
                tokio::task::yield_now().await;
            }
        };
        tokio::join!(submitting, cutting);
        let mut claimed = 0;
        while claimed < processes.len() {
            let found = tenant.claim_at(&bee, 1000, NOW).await.len();
            assert!(found > 0, "{claimed} were claimed");
            claimed += found;
        }
        assert_eq!(claimed, processes.len());
    }
}
