//! Opening a store: unsuitable databases are reported at once, with advice, and without secrets.

use std::os::unix::fs::PermissionsExt as _;

use apiary_identity::KeyPair;
use apiary_store::{BrokerStore as _, ColonyStore as _, Store as _, StoreError};
use apiary_store_postgres::{PostgresOptions, PostgresStore};
use apiary_store_sqlite::SqliteStore;
use apiary_tests::{Backend, Port};

use crate::tenant::NOW;

mod sqlite {
    use super::*;

    #[tokio::test]
    async fn the_files_are_readable_by_their_owner_alone() {
        let backend = Backend::sqlite().await;
        let store = backend.open().await;
        store.create_colony(&KeyPair::generate().id(), "meadow", NOW, None).await.unwrap();
        let mut seen = 0;
        for file in std::fs::read_dir(backend.path().parent().unwrap()).unwrap() {
            let file = file.unwrap();
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
            seen += 1;
        }
        assert_eq!(seen, 4, "database, log, shared memory and lock");
    }

    #[tokio::test]
    async fn a_file_is_for_one_broker_at_a_time() {
        let backend = Backend::sqlite().await;
        let store = backend.open().await;
        let refused = SqliteStore::open(&backend.path()).await.err().unwrap();
        assert!(matches!(refused, StoreError::Open(_)) && refused.to_string().contains("another broker"), "{refused}");
        store.close().await;
        let again = SqliteStore::open(&backend.path()).await.unwrap();
        again.check_schema().await.unwrap();
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_left_as_it_is() {
        let backend = Backend::sqlite().await;
        let letter = "Dear Ada, ".repeat(1000);
        std::fs::write(backend.path(), &letter).unwrap();
        let refused = SqliteStore::open(&backend.path()).await.err().unwrap();
        assert!(refused.to_string().contains("is not a SQLite database"), "{refused}");
        assert_eq!(std::fs::read_to_string(backend.path()).unwrap(), letter);
    }

    #[tokio::test]
    async fn another_programs_database_is_left_as_it_is() {
        let backend = Backend::sqlite().await;
        std::fs::write(backend.path(), "").unwrap();
        backend.execute("CREATE TABLE recipes (name TEXT)").await;
        let refused = SqliteStore::open(&backend.path()).await.err().unwrap();
        assert!(refused.to_string().contains("another program"), "{refused}");
    }

    #[tokio::test]
    async fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let refused = SqliteStore::open(&folder.path().join("no/such/apiary.db")).await.err().unwrap();
        assert!(matches!(refused, StoreError::Open(_)) && refused.to_string().contains("no/such"), "{refused}");
    }
}

mod postgres {
    use super::*;

    async fn refused(url: &str) -> StoreError {
        let options = PostgresOptions { acquire_time_max: std::time::Duration::from_secs(3), ..Default::default() };
        PostgresStore::connect(url, options).await.err().unwrap()
    }

    #[tokio::test]
    async fn a_database_that_does_not_exist_is_named() {
        let backend = Backend::postgres().await;
        let error = refused(&backend.url().replace("apiary_test_", "apiary_missing_")).await;
        assert!(matches!(error, StoreError::Open(_)) && error.to_string().contains("apiary_missing_"), "{error}");
    }

    #[tokio::test]
    async fn a_server_that_is_away_is_unavailable() {
        let nobody = Port::take();
        let error = refused(&format!("postgres://ada:hunter2@{}/meadow", nobody.address())).await;
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        assert!(error.to_string().contains(&nobody.address().port().to_string()), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }

    #[tokio::test]
    async fn a_url_that_cannot_be_read_is_refused_without_its_password() {
        for url in ["postgres://ada:hunter2@host:notaport/meadow", "postgres://ada:hunter2@host:99999/x", "hunter2"] {
            let error = refused(url).await;
            assert!(matches!(error, StoreError::Open(_)), "{error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[tokio::test]
    async fn what_is_in_public_is_not_touched() {
        let backend = Backend::postgres().await;
        backend.execute("CREATE TABLE public.queue (mine text); CREATE TABLE public.migrations (mine text)").await;
        let store = backend.open().await;
        store.check_schema().await.unwrap();
        store.create_colony(&KeyPair::generate().id(), "meadow", NOW, None).await.unwrap();
        backend
            .execute("INSERT INTO public.queue VALUES ('still here'); INSERT INTO public.migrations VALUES ('too')")
            .await;
    }

    #[tokio::test]
    async fn behind_a_transaction_pooler_no_session_is_changed() {
        let backend = Backend::postgres().await;
        backend.open().await.close().await;
        let options = PostgresOptions { has_transaction_pooler: true, ..Default::default() };
        let store = PostgresStore::connect(&backend.url(), options).await.unwrap();
        store.check_schema().await.unwrap();
        store.create_colony(&KeyPair::generate().id(), "meadow", NOW, None).await.unwrap();
        assert!(store.listen().await.unwrap().is_none());
        store.close().await;
    }
}
