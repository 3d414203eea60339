//! Lines of the log that found no reader are counted, and the log says so once it is read again.

use std::io::{BufRead as _, BufReader, pipe};

use apiary_daemon::{LogWriter, log_panics};

#[test]
fn a_log_that_is_read_again_says_how_many_lines_were_lost_and_panics_are_lines_of_it() {
    let (reader, writer) = pipe().unwrap();
    let log = LogWriter::start(&writer).unwrap();
    drop(writer);
    let writes = log.clone();
    tracing_subscriber::fmt().with_ansi(false).with_writer(move || writes.clone()).init();
    // More than the pipe and the queue hold.
    for _ in 0..3000 {
        tracing::info!("{}", "x".repeat(1000));
    }
    let mut lines = BufReader::new(reader).lines().map(Result::unwrap);
    let words = lines.find(|line| line.contains("log lines were lost")).unwrap();
    let lost: u32 = words.rsplit("lines=").next().unwrap().parse().unwrap();
    assert!(words.contains("WARN") && (1000..3000).contains(&lost), "{words}");

    log_panics();
    let panicked = std::thread::spawn(|| assert_eq!(1, 2, "a fault")).join();
    assert!(panicked.is_err());
    let words = lines.next().unwrap();
    assert!(words.contains("ERROR") && words.contains("a fault") && words.contains("lost_lines.rs"), "{words}");
}
