//! Processes: submitting, reading, watching.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use apiary_identity::{Content, Envelope, Spec};
use apiary_proto::v1;
use bytes::Bytes;
use futures::Stream;
use futures::future::BoxFuture;
use http::uri::PathAndQuery;
use prost::Message as _;
use serde::Serialize;
use tonic::{Response, Status, Streaming};
use uuid::Uuid;

use super::{Client, decode, millis, within};
use crate::ClientError;
use crate::limits::sending_time;
use crate::wire::BytesCodec;
use crate::wire::envelope_to_proto;

pub(super) const SUBMIT: &str = "/apiary.v1.ProcessService/Submit";
pub(super) const SUBMIT_BATCH: &str = "/apiary.v1.ProcessService/SubmitBatch";
const WATCH: &str = "/apiary.v1.ProcessService/Watch";

/// The result of a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubmitResult {
    /// The process: the spec's own, or the first one with the same idempotency key.
    pub process_id: Uuid,
    /// `true` if nothing was stored, because the process existed already.
    pub existed: bool,
    /// `true` if the process had failed, or was a dead letter, and this spec put it back in the queue.
    pub redriven: bool,
    /// The current state of the process.
    pub state: v1::ProcessState,
}

impl SubmitResult {
    /// Reads the broker's answer.
    pub(super) fn read(answer: &v1::SubmitResponse) -> Result<Self, ClientError> {
        let process_id = answer.process_id.parse();
        let process_id = process_id.map_err(|_| ClientError::Answer("its process id is no UUID".to_owned()))?;
        Ok(Self { process_id, existed: answer.existed, redriven: answer.redriven, state: answer.state() })
    }
}

impl Client {
    /// Creates a spec for this colony with default options, made now.
    pub fn spec(&self, executor_type: &str, function: &str) -> Spec {
        Spec::new(self.colony(), executor_type, function, self.clock().now())
    }

    /// Submits a function call with arguments as JSON and default options.
    pub async fn submit_json<T: Serialize + ?Sized>(
        &self,
        executor_type: &str,
        function: &str,
        args: &T,
    ) -> Result<SubmitResult, ClientError> {
        let json = serde_json::to_vec(args)
            .map_err(|error| ClientError::Invalid(format!("the arguments of `{function}` are no JSON: {error}")))?;
        self.submit(&self.spec(executor_type, function).with_args(Content::from_bytes(&json))).await
    }

    /// Submits an already signed spec.
    pub async fn submit_envelope(&self, spec: &Envelope) -> Result<SubmitResult, ClientError> {
        let request = v1::SubmitRequest { spec: Some(envelope_to_proto(spec)) };
        let timeout = self.call_timeout().saturating_add(sending_time(request.encoded_len()));
        let answer: v1::SubmitResponse = self.call(SUBMIT, request, timeout).await?;
        SubmitResult::read(&answer)
    }

    /// Submits many already signed specs, 1 to 1000. Each has an answer of its own, in the same order: a refused spec
    /// does not affect the others. Like [`submit`](Self::submit), the call may be repeated.
    pub async fn submit_batch(&self, specs: &[Envelope]) -> Result<Vec<v1::SubmitAnswer>, ClientError> {
        let request = v1::SubmitBatchRequest { specs: specs.iter().map(envelope_to_proto).collect() };
        let timeout = self.call_timeout().saturating_add(sending_time(request.encoded_len()));
        let answer: v1::SubmitBatchResponse = self.call(SUBMIT_BATCH, request, timeout).await?;
        match answer.answers.len() == specs.len() {
            true => Ok(answer.answers),
            false => Err(ClientError::Answer("it has not one answer for each spec".to_owned())),
        }
    }

    /// Waits up to `wait` (the broker cuts it to a minute) until a process is finished. If the time is over first, the
    /// answer has the unfinished process. [`wait_until_finished`](Self::wait_until_finished) repeats this until it is
    /// finished.
    pub async fn r#await(&self, process_id: Uuid, wait: Duration) -> Result<v1::AwaitResponse, ClientError> {
        let request = v1::AwaitRequest { process_id: process_id.to_string(), wait_ms: millis(wait) };
        let timeout = wait.saturating_add(self.call_timeout());
        self.call_signed("/apiary.v1.ProcessService/Await", request, timeout).await
    }

    /// Reads a process with everything needed to verify its chain. The answer proves nothing until it is verified with
    /// `apiary_identity::chain`. Without the right `view_payloads`, spec and results of work that this key neither submitted
    /// nor ran are left out, and `payload_hidden` is set.
    pub async fn get_process(&self, process_id: Uuid) -> Result<v1::GetProcessResponse, ClientError> {
        let request = v1::GetProcessRequest { process_id: process_id.to_string() };
        self.call_signed("/apiary.v1.ProcessService/GetProcess", request, self.call_timeout()).await
    }

    /// Reads all reasons why a process is not running.
    pub async fn explain(&self, process_id: Uuid) -> Result<v1::ExplainResponse, ClientError> {
        let request = v1::ExplainRequest { process_id: process_id.to_string() };
        self.call_signed("/apiary.v1.ProcessService/Explain", request, self.call_timeout()).await
    }

    /// Lists processes, newest first, filtered and by pages.
    pub async fn list_processes(
        &self,
        request: v1::ListProcessesRequest,
    ) -> Result<v1::ListProcessesResponse, ClientError> {
        self.call_signed("/apiary.v1.ProcessService/ListProcesses", request, self.call_timeout()).await
    }

    /// Lists log lines, oldest first, filtered and by pages; or the last n.
    pub async fn list_logs(&self, request: v1::ListLogsRequest) -> Result<v1::ListLogsResponse, ClientError> {
        self.call_signed("/apiary.v1.ProcessService/ListLogs", request, self.call_timeout()).await
    }

    /// Watches state changes of a single process, or of all that match a filter. For a single process the current state
    /// comes first, and the stream ends when the process is finished. A broker that stops ends the stream with a
    /// retryable error.
    pub async fn watch(&self, request: v1::WatchRequest) -> Result<Watch, ClientError> {
        Ok(Watch { stream: self.open_watch(request.encode_to_vec().into()).await?, client: self.clone() })
    }

    fn open_watch(&self, request: Bytes) -> BoxFuture<'_, Result<Streaming<Bytes>, ClientError>> {
        let opening = self.signed(WATCH, request, |request| self.stream(request));
        Box::pin(within(self.call_timeout(), WATCH, opening))
    }

    async fn stream(&self, request: tonic::Request<Bytes>) -> Result<Streaming<Bytes>, ClientError> {
        let mut grpc = self.grpc();
        let opened = async {
            grpc.ready().await.map_err(|error| Status::from_error(error.into()))?;
            grpc.server_streaming(request, PathAndQuery::from_static(WATCH), BytesCodec).await
        };
        opened.await.map(Response::into_inner).map_err(|status| self.error(WATCH, self.call_timeout(), &status))
    }
}

/// An event of a watch.
#[derive(Clone, Debug, PartialEq)]
pub enum Sighting {
    /// A process in its current state.
    Process(Box<v1::Process>),
    /// Log lines since the last event with log lines.
    Logs(Vec<v1::LogLine>),
}

/// Stream of state changes, progress and, on request, log lines.
#[derive(Debug)]
pub struct Watch {
    stream: Streaming<Bytes>,
    client: Client,
}

impl Watch {
    /// Returns the next change of a process, without log lines; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<v1::Process, ClientError>> {
        loop {
            match self.next_sighting().await? {
                Ok(Sighting::Process(process)) => return Some(Ok(*process)),
                Ok(Sighting::Logs(_)) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// The next change, or the next log lines; `None` at the end.
    pub async fn next_sighting(&mut self) -> Option<Result<Sighting, ClientError>> {
        futures::StreamExt::next(self).await
    }
}

impl Stream for Watch {
    type Item = Result<Sighting, ClientError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = std::task::ready!(Pin::new(&mut self.stream).poll_next(context));
        Poll::Ready(item.map(|answer| match answer.and_then(decode::<v1::WatchResponse>) {
            Ok(v1::WatchResponse { process: Some(process), .. }) => Ok(Sighting::Process(Box::new(process))),
            Ok(v1::WatchResponse { logs, .. }) if !logs.is_empty() => Ok(Sighting::Logs(logs)),
            Ok(_) => Err(ClientError::Answer("a change of no process".to_owned())),
            Err(status) => Err(self.client.error(WATCH, self.client.call_timeout(), &status)),
        }))
    }
}
