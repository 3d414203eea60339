//! Executors and their functions.

use apiary_proto::v1;

use super::Client;
use crate::ClientError;

impl Client {
    /// Registers the client's key as an executor, with its offer and functions. Without an executor's grant it is
    /// pending until the colony adds one. A later call replaces an earlier one.
    pub async fn register_executor(&self, request: v1::RegisterExecutorRequest) -> Result<v1::Executor, ClientError> {
        let timeout = self.call_timeout();
        let answer: v1::RegisterExecutorResponse =
            self.call_signed("/apiary.v1.ExecutorService/RegisterExecutor", request, timeout).await?;
        answer.executor.ok_or_else(|| ClientError::Answer("a registration without its executor".to_owned()))
    }

    /// Lists executors by their first appearance, by pages. For the colony's own key, or a key with the right `read`,
    /// `executors` or `approve`.
    pub async fn list_executors(
        &self,
        request: v1::ListExecutorsRequest,
    ) -> Result<v1::ListExecutorsResponse, ClientError> {
        self.call_signed("/apiary.v1.ExecutorService/ListExecutors", request, self.call_timeout()).await
    }

    /// Rejects a key that waits for approval; returns `false` if it did not wait. For the colony's own key, or a key
    /// with the right `executors` or `approve`.
    pub async fn reject_executor(&self, key: &apiary_identity::Id) -> Result<bool, ClientError> {
        let request = v1::RejectExecutorRequest { key_id: key.to_string() };
        let answer: v1::RejectExecutorResponse =
            self.call_signed("/apiary.v1.ExecutorService/RejectExecutor", request, self.call_timeout()).await?;
        Ok(answer.existed)
    }

    /// Starts or ends the drain of the executors with a name, during which they get no new work; returns them. For the
    /// colony's own key, or a key with the right `executors`.
    pub async fn drain_executor(&self, name: &str, drain: bool) -> Result<Vec<v1::Executor>, ClientError> {
        let request = v1::DrainExecutorRequest { name: name.to_owned(), drain };
        let answer: v1::DrainExecutorResponse =
            self.call_signed("/apiary.v1.ExecutorService/DrainExecutor", request, self.call_timeout()).await?;
        Ok(answer.executors)
    }

    /// Reads the reasons why the executors with a name get no work. For the colony's own key, or a key with the right
    /// `read` or `executors`.
    pub async fn explain_executor(&self, name: &str) -> Result<v1::ExplainExecutorResponse, ClientError> {
        let request = v1::ExplainExecutorRequest { name: name.to_owned() };
        self.call_signed("/apiary.v1.ExecutorService/ExplainExecutor", request, self.call_timeout()).await
    }

    /// Lists the functions that executors announce, with statistics of their results. For the colony's own key, or a
    /// key with the right `read`.
    pub async fn list_functions(
        &self,
        request: v1::ListFunctionsRequest,
    ) -> Result<Vec<v1::FunctionRecord>, ClientError> {
        let answer: v1::ListFunctionsResponse =
            self.call_signed("/apiary.v1.ExecutorService/ListFunctions", request, self.call_timeout()).await?;
        Ok(answer.functions)
    }
}
