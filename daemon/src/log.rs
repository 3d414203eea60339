//! A log that never fails, panics or blocks its writers, whatever happens to the stream behind it.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Bytes that may wait for the stream. Lines beyond it are dropped and counted.
const QUEUE_BYTES_MAX: usize = 1 << 20;
/// Pause before the next try on a stream that accepts nothing at the moment.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// A bounded queue of lines in front of a stream, and the thread that writes them. Clones share both.
///
/// A stream that is closed, full or unread costs lines only: the caller never waits for it. Once the stream accepts
/// lines again, a warning gives the number of lost lines.
#[derive(Clone)]
pub struct LogWriter(Arc<LogState>);

#[derive(Default)]
struct LogState {
    queue: Mutex<Queue>,
    filled: Condvar,
    emptied: Condvar,
}

#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    /// Lines dropped since the thread last took the queue.
    dropped: u64,
    is_writing: bool,
}

impl LogWriter {
    /// Starts the thread, which lives as long as the program. It writes to a duplicate of the descriptor, so that a
    /// blocked write does not hold the standard library's lock on the stream.
    ///
    /// # Errors
    ///
    /// If the descriptor cannot be duplicated, or no thread can be started.
    pub fn start(stream: &impl AsFd) -> io::Result<Self> {
        Self::start_on(File::from(stream.as_fd().try_clone_to_owned()?))
    }

    fn start_on(output: impl Write + Send + 'static) -> io::Result<Self> {
        let writer = Self(Arc::default());
        let shared = Arc::clone(&writer.0);
        thread::Builder::new().name("log".to_owned()).spawn(move || shared.write_to(output))?;
        Ok(writer)
    }

    /// Appends text to the queue, or drops and counts it if there is no room.
    pub fn push(&self, text: &[u8]) {
        let mut queue = self.0.lock();
        if queue.bytes.len().saturating_add(text.len()) > QUEUE_BYTES_MAX {
            queue.dropped = queue.dropped.saturating_add(lines(text));
        } else {
            queue.bytes.extend_from_slice(text);
        }
        drop(queue);
        self.0.filled.notify_one();
    }

    /// Waits until everything is written, for at most `patience`; returns `false` if something was left.
    pub fn flush_within(&self, patience: Duration) -> bool {
        let is_busy = |queue: &mut Queue| queue.is_writing || !queue.bytes.is_empty();
        let waited = self.0.emptied.wait_timeout_while(self.0.lock(), patience, is_busy);
        let (queue, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        drop(queue);
        !waited.timed_out()
    }
}

impl Write for LogWriter {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.push(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl LogState {
    fn write_to(&self, mut output: impl Write) {
        let mut lost: u64 = 0;
        let mut batch = Vec::new();
        loop {
            lost = lost.saturating_add(self.take(&mut batch));
            match write_all(&mut output, &batch) {
                Err(unwritten) => lost = lost.saturating_add(unwritten),
                Ok(()) if lost > 0 && !batch.is_empty() => {
                    // Through the log itself, so that it has the form of every other line. The queue has room again.
                    tracing::warn!(
                        lines = lost,
                        "log lines were lost: the log's reader is too slow, or the log cannot be written"
                    );
                    lost = 0;
                }
                Ok(()) => {}
            }
            // Cleared only after the write, so that `flush_within` does not take an empty queue for a written one.
            self.lock().is_writing = false;
            self.emptied.notify_all();
        }
    }

    /// Waits for lines, and moves them into the batch; returns the number dropped meanwhile.
    fn take(&self, batch: &mut Vec<u8>) -> u64 {
        batch.clear();
        let is_idle = |queue: &mut Queue| queue.bytes.is_empty() && queue.dropped == 0;
        let mut queue = self.filled.wait_while(self.lock(), is_idle).unwrap_or_else(PoisonError::into_inner);
        // Swapped, so that writers wait for a pointer exchange only, and both buffers are reused.
        std::mem::swap(&mut queue.bytes, batch);
        queue.is_writing = true;
        std::mem::take(&mut queue.dropped)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // The state is valid after a panic: no step that changes it can panic half-way.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes all bytes, or returns the number of lines not written because the stream is closed or full.
fn write_all(output: &mut impl Write, mut bytes: &[u8]) -> Result<(), u64> {
    while !bytes.is_empty() {
        match output.write(bytes) {
            Ok(0) => return Err(lines(bytes)),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Another process may have made the shared stream non-blocking.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(BUSY_PAUSE),
            Err(_) => return Err(lines(bytes)),
        }
    }
    Ok(())
}

fn lines(text: &[u8]) -> u64 {
    let ends = text.iter().filter(|byte| **byte == b'\n').count();
    u64::try_from(ends).unwrap_or(u64::MAX).max(1)
}

/// Makes panics lines of the log. The standard library would write them to standard error, and block while nobody reads
/// it.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let words = panic.payload_as_str().unwrap_or("without words");
        // On one line, because assertions print values with line breaks.
        let words: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let thread = thread::current();
        tracing::error!(place, thread = thread.name().unwrap_or_default(), "panic: {words}");
    }));
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// A stream that refuses the first writes and keeps the rest.
    struct Grudging {
        refusals: usize,
        kept: Arc<Mutex<Vec<u8>>>,
        writes: Arc<AtomicUsize>,
    }

    impl Write for Grudging {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.writes.fetch_add(1, Ordering::Relaxed) < self.refusals {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.kept.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_arrive_in_order() {
        let (mut reader, writer) = io::pipe().unwrap();
        let log = LogWriter::start(&writer).unwrap();
        drop(writer);
        for number in 0..100 {
            log.push(format!("{number}\n").as_bytes());
        }
        assert!(log.flush_within(PATIENCE));
        let expected: String = (0..100).map(|number| format!("{number}\n")).collect();
        let mut read = vec![0; expected.len()];
        reader.read_exact(&mut read).unwrap();
        assert_eq!(String::from_utf8(read).unwrap(), expected);
    }

    #[test]
    fn a_pipe_that_nobody_reads_costs_lines_and_no_time() {
        let (reader, writer) = io::pipe().unwrap();
        let log = LogWriter::start(&writer).unwrap();
        // More than a pipe holds: from then on the thread stays in this write.
        log.push(&b"x\n".repeat(QUEUE_BYTES_MAX / 2));
        while !log.0.lock().is_writing {
            thread::yield_now();
        }
        let line = [b"x".repeat(1023), b"\n".to_vec()].concat();
        for _ in 0..10_000 {
            log.push(&line);
        }
        assert!(!log.flush_within(Duration::from_millis(10)), "it does not wait for ever");
        assert_eq!(log.0.lock().bytes.len(), QUEUE_BYTES_MAX);
        assert_eq!(log.0.lock().dropped, 10_000 - 1024);
        drop(reader);
    }

    #[test]
    fn a_stream_that_takes_nothing_loses_lines_and_goes_on_once_it_does() {
        let (kept, writes) = (Arc::<Mutex<Vec<u8>>>::default(), Arc::<AtomicUsize>::default());
        let stream = Grudging { refusals: 2, kept: Arc::clone(&kept), writes: Arc::clone(&writes) };
        let log = LogWriter::start_on(stream).unwrap();
        for line in ["one\n", "two\n", "three\n"] {
            log.push(line.as_bytes());
            assert!(log.flush_within(PATIENCE));
        }
        assert_eq!(*kept.lock().unwrap(), b"three\n");
    }

    #[test]
    fn a_closed_pipe_is_no_error() {
        let (reader, writer) = io::pipe().unwrap();
        let mut log = LogWriter::start(&writer).unwrap();
        drop((reader, writer));
        for _ in 0..100 {
            writeln!(log, "nobody hears this").unwrap();
        }
        assert!(log.flush_within(PATIENCE));
    }
}
