//! Tasks that panic at every start: the process reports it and ends with an error, so that its service manager restarts
//! it. Only builds with debug assertions can be made to panic.

use apiary_tests::Backend;
use apiary_tests::daemon::Daemon;

use apiary_tests::parts::Parts;

/// Environment variable with names of tasks, and the numbers of their starts that panic.
const SABOTAGED: &str = "SABOTAGED_TASKS";
const ALWAYS: u32 = 1000;

async fn assert_it_gives_up(part: &mut Daemon, task: &str) {
    part.settings(SABOTAGED, format!("{task}={ALWAYS}"));
    part.start();
    assert_eq!(part.ended().await, Some(1), "{}", part.last_words());
    let words = part.last_words();
    assert!(words.contains("panic: sabotaged by a test"), "{words}");
    assert!(words.contains(&format!("error: the task `{task}` failed 5 times within a minute")), "{words}");
    part.settings(SABOTAGED, format!("{task}=1"));
    part.start();
    part.ready().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_whose_task_panics_at_every_start_ends_with_an_error_and_one_panic_ends_nothing() {
    let (folder, backend) = (tempfile::tempdir().unwrap(), Backend::sqlite().await);
    let mut parts = Parts::new(folder.path(), &backend.url());
    for task in ["dispatcher", "submit writer"] {
        assert_it_gives_up(&mut parts.broker, task).await;
        assert_eq!(parts.broker.terminate().await, Some(0), "{}", parts.broker.last_words());
    }
    assert!(parts.broker.last_words().contains("a background task failed; it is started again"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_whose_task_panics_at_every_start_ends_with_an_error_and_one_panic_ends_nothing() {
    let (folder, backend) = (tempfile::tempdir().unwrap(), Backend::sqlite().await);
    let mut parts = Parts::new(folder.path(), &backend.url());
    for task in ["forwarder", "spool writer"] {
        assert_it_gives_up(&mut parts.webhook, task).await;
        assert_eq!(parts.webhook.terminate().await, Some(0), "{}", parts.webhook.last_words());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bee_whose_task_panics_at_every_start_ends_with_an_error_and_one_panic_ends_nothing() {
    let (folder, backend) = (tempfile::tempdir().unwrap(), Backend::sqlite().await);
    let mut parts = Parts::new(folder.path(), &backend.url());
    parts.start_broker().await;
    assert_it_gives_up(&mut parts.bee, "claims").await;
    apiary_tests::eventually("it runs, and has panicked once", async || {
        let words = parts.bee.words();
        let second = words.rsplit("ready: bee finance").next()?;
        (words.matches("ready: bee finance").count() == 2 && second.contains("failures=1")).then_some(())
    })
    .await;
    assert_eq!(parts.bee.terminate().await, Some(0), "{}", parts.bee.last_words());
}
