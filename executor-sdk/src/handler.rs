//! Handlers: the code that an executor runs for each function.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde::de::DeserializeOwned;

use crate::{Failure, IntoOutput, Work};

/// A handler with its types erased.
pub(crate) type Handler = Arc<dyn Fn(Work) -> BoxFuture<'static, Result<Bytes, Failure>> + Send + Sync>;

/// Wraps a handler that takes the [`Work`].
pub(crate) fn of_work<H, F, O>(handler: H) -> Handler
where
    H: Fn(Work) -> F + Send + Sync + 'static,
    F: Future<Output = Result<O, Failure>> + Send + 'static,
    O: IntoOutput,
{
    Arc::new(move |work| handler(work).map(|output| output?.into_output()).boxed())
}

/// Wraps a handler that takes its arguments from JSON.
pub(crate) fn of_json<T, H, F, O>(handler: H) -> Handler
where
    T: DeserializeOwned,
    H: Fn(T, Work) -> F + Send + Sync + 'static,
    F: Future<Output = Result<O, Failure>> + Send + 'static,
    O: IntoOutput,
{
    Arc::new(move |work| match work.json::<T>() {
        Ok(args) => handler(args, work).map(|output| output?.into_output()).boxed(),
        Err(failure) => futures::future::ready(Err(failure)).boxed(),
    })
}
