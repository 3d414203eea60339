//! Runs a command as part of the work; its output becomes log lines.

use std::io;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use tokio::time::timeout;

use super::Work;
use crate::LogLevel;
use crate::limits::LOG_MESSAGE_BYTES_MAX;

/// Longest wait for the last output of a command that has ended: a child of its own may hold the pipe open for ever.
const TAIL_TIME_MAX: Duration = Duration::from_secs(1);
/// Bytes read at once.
const READ_BYTES: usize = 8 * 1024;

impl Work {
    /// Runs a command to its end, and logs each line of its output as `stdout` or `stderr`. Lines longer than 16 KiB
    /// are split, and invalid UTF-8 is replaced. A command that prints faster than lines can be sent is not slowed
    /// down: the oldest lines are dropped, and a line gives their number.
    ///
    /// When the work is cancelled, the command is killed.
    ///
    /// # Errors
    ///
    /// A failure to start the command; [`Interrupted`](io::ErrorKind::Interrupted) if it was killed because the work
    /// was cancelled.
    pub async fn capture(&self, command: &mut Command) -> io::Result<ExitStatus> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn()?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        // Both pipes are read at the same time: a command blocks once one of them is full.
        let mut reading = pin!(async {
            tokio::join!(self.log_lines(LogLevel::Stdout, stdout), self.log_lines(LogLevel::Stderr, stderr))
        });
        let mut all_read = false;
        let status = loop {
            tokio::select! {
                status = child.wait() => break status?,
                _ = &mut reading, if !all_read => all_read = true,
                () = self.cancelled() => {
                    child.kill().await?;
                    return Err(io::Error::new(io::ErrorKind::Interrupted, "killed: the work was cancelled"));
                }
            }
        };
        if !all_read && timeout(TAIL_TIME_MAX, reading).await.is_err() {
            tracing::debug!(process_id = %self.process_id(), "the command ended and left its output open");
        }
        Ok(status)
    }

    async fn log_lines(&self, level: LogLevel, pipe: Option<impl AsyncRead + Unpin>) {
        let Some(mut pipe) = pipe else { return };
        let (mut line, mut buffer) = (Vec::new(), vec![0; READ_BYTES]);
        // A read error counts as the end: the exit status decides about the command.
        while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
            for &byte in &buffer[..count] {
                if byte == b'\n' {
                    self.log_line(level, &mut line);
                } else {
                    line.push(byte);
                    if line.len() >= LOG_MESSAGE_BYTES_MAX {
                        self.log_line(level, &mut line);
                    }
                }
            }
        }
        if !line.is_empty() {
            self.log_line(level, &mut line);
        }
    }

    fn log_line(&self, level: LogLevel, line: &mut Vec<u8>) {
        let text = line.strip_suffix(b"\r").unwrap_or(line);
        self.log(level, &String::from_utf8_lossy(text));
        line.clear();
    }
}
