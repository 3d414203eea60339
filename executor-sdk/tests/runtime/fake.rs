//! A fake broker whose answers a test sets, good or bad, and that records its calls.
#![expect(clippy::unwrap_used, reason = "a broken fake is a failed test")]

use std::collections::{HashSet, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use apiary_executor_sdk::v1;
use apiary_executor_sdk::wire::envelope_from_proto;
use apiary_identity::{Envelope, Nonce, Outcome, Request as Signed, Spec};
use apiary_protocol::details::Details;
use prost::Message;
use tokio::net::UnixListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use v1::broker_service_server::{BrokerService, BrokerServiceServer};
use v1::lease_service_server::{LeaseService, LeaseServiceServer};
use v1::process_service_server::{ProcessService, ProcessServiceServer};

type Reply<T> = Result<Response<T>, Status>;

/// State of the fake broker: the answers to give, and the calls received. Outlives the server, as a database does.
#[derive(Clone, Default)]
pub(crate) struct Fake {
    state: Arc<Mutex<State>>,
    wake: Arc<Notify>,
}

#[derive(Default)]
pub(crate) struct State {
    /// Id of the instance, new at each start; requests for another are refused.
    pub(crate) broker_id: String,
    /// Leases for the next claims.
    pub(crate) queue: VecDeque<v1::Lease>,
    /// `true` if claims get the whole queue, also beyond the requested number.
    pub(crate) overfill: bool,
    /// `true` if claims are answered at once when the queue is empty.
    pub(crate) impatient: bool,
    /// Holds back the answers to claims until it is cancelled.
    pub(crate) hold_claims: Option<CancellationToken>,
    /// Errors for the next renewals; later ones succeed.
    pub(crate) renew_refusals: VecDeque<Status>,
    /// Deadline of the cancellation that renewals report, if any.
    pub(crate) cancelled_until_ms: Option<i64>,
    /// `true` if every renewal gets a retryable error.
    pub(crate) renew_never: bool,
    /// Errors for the next claims; later ones succeed.
    pub(crate) claim_refusals: VecDeque<Status>,
    /// Errors for the next results; later ones succeed.
    pub(crate) result_refusals: VecDeque<Status>,
    /// Claims received.
    pub(crate) claims: Vec<v1::ClaimRequest>,
    pub(crate) renewals: Vec<v1::RenewRequest>,
    pub(crate) releases: Vec<v1::ReleaseRequest>,
    pub(crate) results: Vec<(&'static str, Envelope)>,
    /// Number of results of each batch.
    pub(crate) end_batches: Vec<usize>,
    /// Breaks the next batches of results off after they were kept.
    pub(crate) end_breaks: usize,
    /// Error for the next batch of results, none of which is kept.
    pub(crate) end_refusal: Option<Status>,
    pub(crate) submitted: Vec<Envelope>,
    /// Number of specs of each call that submits.
    pub(crate) submits: Vec<usize>,
    /// Holds back the answers to submits until it is cancelled.
    pub(crate) hold_submits: Option<CancellationToken>,
    /// Errors for the next calls that submit; later ones succeed.
    pub(crate) submit_refusals: VecDeque<Status>,
    /// Function whose specs are refused, each by itself.
    pub(crate) refused_function: Option<&'static str>,
    nonces: HashSet<Nonce>,
}

impl Fake {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn hand_out(&self, lease: v1::Lease) {
        self.state().queue.push_back(lease);
        self.wake.notify_waiters();
    }

    /// Returns the opened results, accepted and refused.
    pub(crate) fn outcomes(&self) -> Vec<Outcome> {
        self.state().results.iter().map(|(_, result)| result.open().unwrap()).collect()
    }

    /// Returns the service that needs no signature.
    pub(crate) fn broker(self) -> BrokerServiceServer<Self> {
        BrokerServiceServer::new(self)
    }

    /// Starts a server on this socket.
    pub(crate) fn serve(&self, socket: &Path, broker_id: &str) -> Server {
        self.state().broker_id = broker_id.to_owned();
        let listener = UnixListener::bind(socket).unwrap();
        let stop = CancellationToken::new();
        let serving = tonic::transport::Server::builder()
            .add_service(self.clone().broker())
            .add_service(LeaseServiceServer::new(self.clone()).max_decoding_message_size(16 << 20))
            .add_service(ProcessServiceServer::new(self.clone()))
            .serve_with_incoming_shutdown(UnixListenerStream::new(listener), stop.clone().cancelled_owned());
        let task = tokio::spawn(async move { serving.await.unwrap() });
        Server { task, socket: socket.to_owned() }
    }

    /// Checks a request's signature as the broker does.
    fn check<M: Message>(&self, method: &str, request: Request<M>) -> Result<M, Status> {
        let metadata =
            request.metadata().get_bin("apiary-request-bin").ok_or_else(|| Status::unauthenticated("none"))?;
        let envelope = v1::Envelope::decode(metadata.to_bytes().unwrap()).unwrap();
        let signed: Signed = envelope_from_proto(&envelope).unwrap().open().unwrap();
        let message = request.into_inner();
        assert_eq!(signed.method, method);
        assert_eq!(signed.message_sha256, Signed::digest(&message.encode_to_vec()));
        let mut state = self.state();
        if signed.broker_id != state.broker_id {
            return Err(refusal(tonic::Code::Unauthenticated, "BROKER_UNKNOWN", false));
        }
        assert!(state.nonces.insert(signed.nonce), "a nonce was used twice");
        Ok(message)
    }

    fn keep_result(&self, method: &'static str, result: Option<v1::Envelope>) -> Result<(), Status> {
        let mut state = self.state();
        state.results.push((method, envelope_from_proto(&result.unwrap()).unwrap()));
        state.result_refusals.pop_front().map_or(Ok(()), Err)
    }

    /// Keeps the results of one call, each with an answer of its own.
    fn keep_results(&self, method: &'static str, results: Vec<v1::Envelope>) -> Result<Vec<v1::EndAnswer>, Status> {
        self.state().end_batches.push(results.len());
        let end = |result| match self.keep_result(method, Some(result)) {
            Ok(()) => v1::EndAnswer::default(),
            Err(status) => {
                let (details, message) = (Details::of(&status).unwrap(), status.message().to_owned());
                let Details { reason, retryable, .. } = details;
                v1::EndAnswer { reason, message, retryable, ..Default::default() }
            }
        };
        let answers = results.into_iter().map(end).collect();
        let mut state = self.state();
        if state.end_breaks > 0 {
            state.end_breaks -= 1;
            return Err(Status::unavailable("the answer was lost"));
        }
        Ok(answers)
    }

    /// Records a call that submits, and waits for as long as the test holds such calls.
    async fn begin_submit(&self, specs: usize) -> Result<(), Status> {
        self.state().submits.push(specs);
        let hold = self.state().hold_submits.clone();
        if let Some(hold) = hold {
            hold.cancelled().await;
        }
        self.state().submit_refusals.pop_front().map_or(Ok(()), Err)
    }

    fn keep_spec(&self, spec: &v1::Envelope) -> Result<v1::SubmitResponse, Status> {
        let spec = envelope_from_proto(spec).unwrap();
        let document: Spec = spec.open().unwrap();
        let mut state = self.state();
        if state.refused_function.is_some_and(|refused| refused == document.function) {
            let retry_after = Some(Duration::from_millis(1500));
            let details = Details { reason: "OVERLOADED".to_owned(), retryable: true, retry_after, violation: None };
            return Err(details.into_status(tonic::Code::ResourceExhausted, "the test said no"));
        }
        let (process_id, existed) = (document.process_id.to_string(), state.submitted.contains(&spec));
        state.submitted.push(spec);
        Ok(v1::SubmitResponse { process_id, existed, state: v1::ProcessState::Waiting.into(), redriven: false })
    }

    fn take(&self, request: &v1::ClaimRequest) -> Option<Vec<v1::Lease>> {
        let mut state = self.state();
        let most = match state.overfill {
            true => state.queue.len(),
            false => usize::try_from(request.count_max).unwrap().min(state.queue.len()),
        };
        let taken: Vec<_> = state.queue.drain(..most).collect();
        (!taken.is_empty() || state.impatient).then_some(taken)
    }
}

/// Makes a refusal as the broker sends it.
pub(crate) fn refusal(code: tonic::Code, reason: &str, retryable: bool) -> Status {
    let details = Details { reason: reason.to_owned(), retryable, retry_after: None, violation: None };
    details.into_status(code, "the test said no")
}

/// A running server; dropping it is like `kill -9`.
pub(crate) struct Server {
    task: JoinHandle<()>,
    socket: std::path::PathBuf,
}

impl Server {
    pub(crate) async fn kill(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
        let _ = std::fs::remove_file(&self.socket);
    }
}

#[tonic::async_trait]
impl BrokerService for Fake {
    async fn connect(&self, _: Request<v1::ConnectRequest>) -> Reply<v1::ConnectResponse> {
        let broker_id = self.state().broker_id.clone();
        Ok(Response::new(v1::ConnectResponse { broker_id, ..Default::default() }))
    }
}

#[tonic::async_trait]
impl LeaseService for Fake {
    async fn claim(&self, request: Request<v1::ClaimRequest>) -> Reply<v1::ClaimResponse> {
        let mut request = self.check("/apiary.v1.LeaseService/Claim", request)?;
        let results = std::mem::take(&mut request.results);
        let refused = {
            let mut state = self.state();
            if results.is_empty() {
                state.claims.push(request.clone());
            }
            let refused = state.claim_refusals.pop_front();
            refused.or_else(|| state.end_refusal.take_if(|_| !results.is_empty()))
        };
        if let Some(refused) = refused {
            return Err(refused);
        }
        if !results.is_empty() {
            let answers = self.keep_results("Claim", results)?;
            let leases = self.take(&request).unwrap_or_default();
            return Ok(Response::new(v1::ClaimResponse { leases, drain: false, answers }));
        }
        let poll = async {
            loop {
                let woken = self.wake.notified();
                match self.take(&request) {
                    Some(leases) => return leases,
                    None => woken.await,
                }
            }
        };
        let wait = Duration::from_millis(u64::try_from(request.wait_ms).unwrap());
        let leases = tokio::time::timeout(wait, poll).await.unwrap_or_default();
        let hold = self.state().hold_claims.clone();
        if let Some(hold) = hold {
            hold.cancelled().await;
        }
        Ok(Response::new(v1::ClaimResponse { leases, drain: false, answers: Vec::new() }))
    }

    async fn renew(&self, request: Request<v1::RenewRequest>) -> Reply<v1::RenewResponse> {
        let request = self.check("/apiary.v1.LeaseService/Renew", request)?;
        let mut state = self.state();
        state.renewals.push(request);
        if state.renew_never {
            return Err(refusal(tonic::Code::Unavailable, "UNAVAILABLE", true));
        }
        // A wrong end of the lease, which the executor must ignore.
        let answer = Response::new(v1::RenewResponse {
            expires_at_ms: i64::MIN,
            cancelled: state.cancelled_until_ms.is_some(),
            cancel_deadline_ms: state.cancelled_until_ms.unwrap_or(0),
            cancel_reason: "not needed".to_owned(),
            ..Default::default()
        });
        state.renew_refusals.pop_front().map_or(Ok(answer), Err)
    }

    async fn complete(&self, request: Request<v1::CompleteRequest>) -> Reply<v1::CompleteResponse> {
        self.keep_result("Complete", request.into_inner().result)?;
        Ok(Response::new(v1::CompleteResponse::default()))
    }

    async fn fail(&self, request: Request<v1::FailRequest>) -> Reply<v1::FailResponse> {
        self.keep_result("Fail", request.into_inner().result)?;
        Ok(Response::new(v1::FailResponse::default()))
    }

    async fn release(&self, request: Request<v1::ReleaseRequest>) -> Reply<v1::ReleaseResponse> {
        let request = self.check("/apiary.v1.LeaseService/Release", request)?;
        self.state().releases.push(request);
        Ok(Response::new(v1::ReleaseResponse {}))
    }

    async fn end_batch(&self, request: Request<v1::EndBatchRequest>) -> Reply<v1::EndBatchResponse> {
        let results = request.into_inner().results;
        let refused = self.state().end_refusal.take();
        if let Some(refusal) = refused {
            self.state().end_batches.push(results.len());
            return Err(refusal);
        }
        let answers = self.keep_results("EndBatch", results)?;
        Ok(Response::new(v1::EndBatchResponse { answers }))
    }

    async fn report(&self, _request: Request<v1::ReportRequest>) -> Reply<v1::ReportResponse> {
        Err(Status::unimplemented("report"))
    }

    async fn add_logs(&self, _request: Request<v1::AddLogsRequest>) -> Reply<v1::AddLogsResponse> {
        Err(Status::unimplemented("add_logs"))
    }

    async fn set_attributes(&self, _request: Request<v1::SetAttributesRequest>) -> Reply<v1::SetAttributesResponse> {
        Err(Status::unimplemented("set_attributes"))
    }
}

#[tonic::async_trait]
impl ProcessService for Fake {
    async fn submit(&self, request: Request<v1::SubmitRequest>) -> Reply<v1::SubmitResponse> {
        self.begin_submit(1).await?;
        Ok(Response::new(self.keep_spec(&request.into_inner().spec.unwrap())?))
    }

    async fn get_process(&self, request: Request<v1::GetProcessRequest>) -> Reply<v1::GetProcessResponse> {
        let request = self.check("/apiary.v1.ProcessService/GetProcess", request)?;
        Err(Status::not_found(request.process_id))
    }

    async fn list_processes(&self, request: Request<v1::ListProcessesRequest>) -> Reply<v1::ListProcessesResponse> {
        self.check("/apiary.v1.ProcessService/ListProcesses", request)?;
        Ok(Response::new(v1::ListProcessesResponse::default()))
    }

    type WatchStream = tokio_stream::wrappers::ReceiverStream<Result<v1::WatchResponse, Status>>;

    /// Reports a waiting process and then breaks the stream; the second watch reports its success.
    async fn watch(&self, request: Request<v1::WatchRequest>) -> Reply<Self::WatchStream> {
        let request = self.check("/apiary.v1.ProcessService/Watch", request)?;
        let (sender, receiver) = tokio::sync::mpsc::channel(4);
        let process = |state: v1::ProcessState| {
            let process_id = request.process_id.clone();
            let process = v1::Process { process_id, state: state.into(), ..Default::default() };
            Ok(v1::WatchResponse { process: Some(process), ..Default::default() })
        };
        let looks = {
            let mut state = self.state();
            state.claims.push(v1::ClaimRequest::default());
            state.claims.len()
        };
        let last = match looks {
            1 => Err(refusal(tonic::Code::Unavailable, "DRAINING", true)),
            _ => process(v1::ProcessState::Succeeded),
        };
        sender.try_send(process(v1::ProcessState::Waiting)).unwrap();
        sender.try_send(last).unwrap();
        Ok(Response::new(receiver.into()))
    }

    async fn submit_batch(&self, request: Request<v1::SubmitBatchRequest>) -> Reply<v1::SubmitBatchResponse> {
        let specs = request.into_inner().specs;
        self.begin_submit(specs.len()).await?;
        let submit = |spec| match self.keep_spec(spec) {
            Ok(process) => v1::SubmitAnswer { process: Some(process), ..Default::default() },
            Err(status) => {
                let (details, message) = (Details::of(&status).unwrap(), status.message().to_owned());
                let Details { reason, retryable, retry_after, .. } = details;
                let retry_after_ms = i64::try_from(retry_after.unwrap_or_default().as_millis()).unwrap();
                v1::SubmitAnswer { process: None, reason, message, retryable, retry_after_ms }
            }
        };
        Ok(Response::new(v1::SubmitBatchResponse { answers: specs.iter().map(submit).collect() }))
    }

    async fn r#await(&self, _request: Request<v1::AwaitRequest>) -> Reply<v1::AwaitResponse> {
        Err(Status::unimplemented("await"))
    }

    async fn cancel(&self, _request: Request<v1::CancelRequest>) -> Reply<v1::CancelResponse> {
        Err(Status::unimplemented("cancel"))
    }

    async fn redrive(&self, _request: Request<v1::RedriveRequest>) -> Reply<v1::RedriveResponse> {
        Err(Status::unimplemented("redrive"))
    }

    async fn discard(&self, _request: Request<v1::DiscardRequest>) -> Reply<v1::DiscardResponse> {
        Err(Status::unimplemented("discard"))
    }

    async fn retry(&self, _request: Request<v1::RetryRequest>) -> Reply<v1::RetryResponse> {
        Err(Status::unimplemented("retry"))
    }

    async fn delete(&self, _request: Request<v1::DeleteRequest>) -> Reply<v1::DeleteResponse> {
        Err(Status::unimplemented("delete"))
    }

    async fn list_logs(&self, _request: Request<v1::ListLogsRequest>) -> Reply<v1::ListLogsResponse> {
        Err(Status::unimplemented("list_logs"))
    }

    async fn explain(&self, _request: Request<v1::ExplainRequest>) -> Reply<v1::ExplainResponse> {
        Err(Status::unimplemented("explain"))
    }
}
